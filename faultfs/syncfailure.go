package faultfs

import "slices"

// SyncFailure is what an fsync of a file that fails leaves behind, as data. What
// was written since the last good sync, page by page, is either dirty still, and
// a later sync stores it, or it is lost: clean in memory, never to be written
// again unless the page is dirtied anew, and readable until it is evicted.
//
// All pages that are dirty at the failure share its fate. Real kernels may have
// stored some of them before; what that leaves, a power cut just before the
// failure leaves too.
type SyncFailure struct {
	Name string
	Doc  string // one line

	Retries bool // pages stay dirty, and a retry may succeed
	Reverts bool // memory goes back to what the disk has: bytes and size
	Grows   bool // a size that grew is stored, although its bytes are not
	Late    bool // the sync says nothing; the next one fails, and writes nothing
	Silent  bool // no sync ever says anything
}

// SyncFailures lists the published ways, and that of a disk that lies. Source:
// Rebello et al., "Can Applications Recover from fsync Failures?", USENIX ATC '20,
// of Linux 5.2.11; FreeBSD's way is described there as well.
func SyncFailures() []SyncFailure {
	return []SyncFailure{
		{Name: "ext4-ordered", Grows: true, Doc: "pages are clean and readable; the size is stored; told at once"},
		{Name: "ext4-journal", Grows: true, Late: true, Doc: "pages are clean and readable; the size is stored; told at the next fsync"},
		{Name: "xfs", Doc: "pages are clean and readable; the size of a failed append stays as it was; told at once"},
		{Name: "btrfs", Reverts: true, Doc: "bytes and size go back to what the disk has, the handle's offset does not; told at once"},
		{Name: "freebsd", Retries: true, Doc: "pages stay dirty, and a retry may succeed; told at once"},
		{Name: "lost", Grows: true, Silent: true, Doc: "the disk says that it has stored the pages, and has not"},
	}
}

// SyncFailureNamed finds one.
func SyncFailureNamed(name string) (SyncFailure, bool) {
	list := SyncFailures()
	i := slices.IndexFunc(list, func(f SyncFailure) bool { return f.Name == name })
	if i < 0 {
		return SyncFailure{}, false
	}
	return list[i], true
}

// The kinds of operation that are a disk's own doing. They stand in a trace where
// a fault plan has made them happen.
const (
	OpSyncFail Kind = iota + OpUnlock + 1 // fsync of a file failed; Text is the SyncFailure's name
	OpEvict                               // what of a file was lost is not in memory any more
	OpDamage                              // stored bytes were damaged; Text says how
)

// How an OpDamage changes what is stored: the bits of Data flip, or as many bytes
// as Data has become zeros.
const (
	damageFlip = "flip"
	damageZero = "zero"
)

// strike goes over an operation that is the disk's own doing.
func (w *Walk) strike(op *Op) {
	switch op.Kind {
	case OpSyncFail:
		w.failSync(op)
	case OpEvict:
		w.lost = slices.DeleteFunc(w.lost, func(e *Effect) bool { return e.Ino == op.Ino && e.Kind == EffectData })
	case OpDamage:
		if w.durable.has(op.Ino) {
			w.durable.damage(op)
		}
	}
}

// strikes tells whether an operation takes something back that a power cut just
// before it could have left.
func (w *Walk) strikes(op *Op) bool {
	switch op.Kind {
	case OpSyncFail:
		return slices.ContainsFunc(w.pending, func(e *Effect) bool { return e.Ino == op.Ino })
	case OpDamage:
		return true
	}
	return false
}

func (w *Walk) failSync(op *Op) {
	mode, _ := SyncFailureNamed(op.Text)
	if mode.Retries {
		return
	}
	if w.lost == nil {
		w.lost = []*Effect{} // from now on a write may dirty what was lost
	}
	w.pending = slices.DeleteFunc(w.pending, func(e *Effect) bool {
		switch {
		case e.Ino != op.Ino || e.Kind == EffectEntry || e.Op.Kind == OpRemove:
			return false
		case mode.Reverts || e.Garbage:
		case e.Kind == EffectData:
			w.lost = append(w.lost, e)
		case e.Kind == EffectExtend:
			size, data := *e, *e
			size.Kind, data.Kind = EffectSize, EffectData
			if mode.Grows {
				w.makeDurable(&size)
			} else {
				w.lost = append(w.lost, &size)
			}
			w.lost = append(w.lost, &data)
		case mode.Grows || e.Op.Kind != OpWrite: // what was asked for as a size is in the journal
			if e.shrinks() {
				w.cutLost(e.Size, e.Ino)
			}
			w.makeDurable(e)
		default:
			w.lost = append(w.lost, e)
		}
		return true
	})
	if mode.Reverts {
		w.lost = slices.DeleteFunc(w.lost, func(e *Effect) bool { return e.Ino == op.Ino })
	}
	w.dropUnseen()
}

// dirtied gives the effects of an operation with those that follow from what was
// lost. A page that is dirtied will be stored with all its bytes, those that were
// lost as well; and with bytes past the stored end goes a size that reaches them.
func (w *Walk) dirtied(op *Op, effects []*Effect) []*Effect {
	from, to := op.Off, op.Off+int64(len(op.Data))
	if op.Kind == OpTruncate && op.Size < op.OldSize {
		w.cutLost(op.Size, op.Ino)
		from = op.Size // from where on its page is cleared
		to = from + min(from%pageSize, 1)
	}
	if from == to {
		return effects
	}
	var before []*Effect
	grows := len(effects) > 0 && effects[0].Kind == EffectSize
	if stored := min(op.OldSize, (to+pageSize-1)/pageSize*pageSize); !grows && w.knownSize(op.Ino) < stored {
		before = append(before, &Effect{Op: op, At: w.pos, Kind: EffectSize, Ino: op.Ino, Size: stored, class: ClassAppend | ClassSize})
	}
	w.lost = slices.DeleteFunc(w.lost, func(e *Effect) bool {
		hit := e.Ino == op.Ino && e.Kind == EffectData && e.Off/pageSize <= (to-1)/pageSize && (e.Off+e.Len-1)/pageSize >= from/pageSize
		if hit {
			c := *e
			c.At, c.after = w.pos, 0
			before = append(before, &c)
		}
		return hit
	})
	at := 0 // after the size, before newer bytes
	for at < len(effects) && effects[at].Kind == EffectSize {
		at++
	}
	for _, e := range effects {
		if e.after > at {
			e.after += len(before)
		}
	}
	effects = slices.Insert(effects, at, before...)
	for i, e := range effects {
		e.Part = i
	}
	return effects
}

// knownSize is the size that the disk has, or will have with all that is pending.
func (w *Walk) knownSize(ino Ino) int64 {
	for _, e := range slices.Backward(w.pending) {
		if e.Ino == ino && (e.Kind == EffectSize || e.Kind == EffectExtend) && e.Op.Kind != OpRemove {
			return e.Size
		}
	}
	if w.durable.has(ino) {
		return w.durable.node(ino).data.size
	}
	return 0
}

// cutLost forgets what was lost past a file's new end.
func (w *Walk) cutLost(size int64, ino Ino) {
	w.lost = slices.DeleteFunc(w.lost, func(e *Effect) bool {
		return e.Ino == ino && (e.Kind == EffectData && e.Off >= size || e.Kind == EffectSize && e.Size > size)
	})
	for i, e := range w.lost {
		if e.Ino == ino && e.Kind == EffectData && e.Off+e.Len > size {
			c := *e
			c.Len = size - e.Off
			w.lost[i] = &c
		}
	}
}

// remember makes an effect happen on a disk as memory has it, on top of what was
// lost: there a size only grows, but by a truncation.
func (e *Effect) remember(d *disk) {
	if e.Kind != EffectSize || e.shrinks() || !d.has(e.Ino) || e.Size > d.node(e.Ino).data.size {
		e.apply(d)
	}
}

// damage changes what a disk holds. It tells whether there was anything to change.
func (d *disk) damage(op *Op) bool {
	old := make([]byte, len(op.Data))
	old = old[:d.node(op.Ino).data.readAt(old, op.Off)]
	p := slices.Clone(old)
	for i := range p {
		if op.Text == damageFlip {
			p[i] ^= op.Data[i]
		} else {
			p[i] = 0
		}
	}
	if slices.Equal(p, old) {
		return false
	}
	d.edit(op.Ino).data.overwrite(d.own, p, op.Off)
	return true
}
