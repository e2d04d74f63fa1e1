package faultfs

import (
	"fmt"
	"slices"
)

// EffectKind says what of an operation an effect is.
type EffectKind uint8

// The kinds of effects.
const (
	EffectEntry  EffectKind = iota + 1 // names made and taken away, as one
	EffectSize                         // a file's size
	EffectData                         // bytes
	EffectExtend                       // a size, and the bytes up to it, as one
)

// Effect is a part of an operation that reaches the disk as one, or does not.
type Effect struct {
	Op   *Op
	At   int // the place of Op in its trace, counted from 0 over all ops
	Part int // and the effect's among those of Op
	Kind EffectKind
	// Ino is the inode, a file or a folder, whose sync makes the effect durable. A
	// rename that is one effect in two folders has the old one here.
	Ino Ino
	// Off and Len are the bytes of an EffectData or EffectExtend, as offsets in
	// the file.
	Off, Len int64
	// Size and OldSize are those of an EffectSize or EffectExtend.
	Size, OldSize int64
	// Garbage says that an EffectData is not what was written but what the disk had
	// there before.
	Garbage bool

	names []nameEffect // of an EffectEntry, in order
	class Class
	after int       // the number of the part of Op that it needs, counted from 1; 0: none
	needs []*Effect // that are pending: see Model.needs
}

type nameEffect struct {
	dir  Ino
	name string
	ino  Ino // 0: the name goes
}

// String tells the effect in a few words, by path.
func (e *Effect) String() string {
	switch {
	case e.Garbage:
		return fmt.Sprintf("garbage in %s [%d:%d)", e.Op.Path, e.Off, e.Off+e.Len)
	case e.Kind == EffectData:
		return fmt.Sprintf("data of %s [%d:%d)", e.Op.Path, e.Off, e.Off+e.Len)
	case e.Kind == EffectExtend:
		return fmt.Sprintf("size and data of %s [%d:%d)", e.Op.Path, e.Off, e.Off+e.Len)
	case e.Kind == EffectSize:
		return fmt.Sprintf("size of %s: %d, before %d", e.Op.Path, e.Size, e.OldSize)
	case e.Op.Kind == OpRename && len(e.names) == 1 && e.names[0].ino == 0 && e.names[0] == e.Op.source():
		return fmt.Sprintf("rename takes away %s", e.Op.Path)
	case e.Op.Kind == OpRename && len(e.names) == 1 && e.names[0].ino == 0:
		return fmt.Sprintf("rename takes away what was %s", e.Op.Path2)
	case e.Op.Kind == OpRename && len(e.names) == 1:
		return fmt.Sprintf("rename makes %s, from %s", e.Op.Path2, e.Op.Path)
	}
	return e.Op.String()
}

func (o *Op) source() nameEffect { return nameEffect{o.Dir, o.Name, 0} }
func (o *Op) target() nameEffect { return nameEffect{o.Dir2, o.Name2, o.Ino} }

// effects splits an operation.
func (m *Model) effects(op *Op, at int) []*Effect {
	list := m.split(op)
	for i, e := range list {
		e.Op, e.At, e.Part = op, at, i
		e.class = e.classes()
	}
	return list
}

func (e *Effect) classes() (c Class) {
	switch op := e.Op; {
	case e.Kind == EffectEntry && op.Kind == OpRename && op.Replaces:
		return ClassDir | ClassRename | ClassReplace
	case e.Kind == EffectEntry && op.Kind == OpRename:
		return ClassDir | ClassRename
	case e.Kind == EffectEntry:
		return ClassDir
	case e.Kind == EffectExtend:
		return ClassAppend | ClassSize | ClassData
	case e.Kind == EffectSize && op.Kind == OpWrite:
		return ClassAppend | ClassSize
	case e.Kind == EffectSize:
		return ClassTruncate | ClassSize
	case e.Off+e.Len > op.OldSize:
		return ClassAppend | ClassData
	}
	return ClassOverwrite | ClassData
}

// split gives the parts of an operation in the order in which they are applied. A
// part is needed by later ones only.
func (m *Model) split(op *Op) []*Effect {
	entry := func(names ...nameEffect) *Effect {
		return &Effect{Kind: EffectEntry, Ino: names[0].dir, names: names}
	}
	switch op.Kind {
	case OpCreate, OpMkdir:
		return []*Effect{entry(nameEffect{op.Dir, op.Name, op.Ino})}
	case OpRemove:
		list := m.unlinkEffects(op)
		return append(list, entry(op.source()))
	case OpLink:
		return []*Effect{entry(op.target())}
	case OpRename:
		return m.renameEffects(op, entry)
	case OpTruncate:
		return m.sizeEffects(op)
	case OpAllocate:
		list := m.sizeEffects(op)
		return append(list, m.dataEffects(op, op.Off, op.Off+int64(len(op.Data)), len(list))...)
	case OpWrite:
		return m.writeEffects(op)
	}
	return nil
}

func (m *Model) renameEffects(op *Op, entry func(...nameEffect) *Effect) []*Effect {
	switch {
	case m.Rename == RenameWhole || m.Rename == RenameFolders && op.Dir == op.Dir2:
		return []*Effect{entry(op.source(), op.target())}
	case m.Rename == RenameFolders || !op.Replaces:
		return []*Effect{entry(op.target()), entry(op.source())}
	}
	// The old name may go before the new one comes, or after: both orders are seen
	// in file systems (ALICE, section 3.3 and its own default).
	gone, comes := entry(nameEffect{op.Dir2, op.Name2, 0}), entry(op.target())
	comes.after = 1
	return []*Effect{gone, comes, entry(op.source())}
}

// unlinkEffects are those of a file's bytes, when its last name goes.
func (m *Model) unlinkEffects(op *Op) []*Effect {
	if !m.Unlink || !op.LastName || op.Mode.IsDir() {
		return nil
	}
	return []*Effect{{Kind: EffectSize, Ino: op.Ino, OldSize: op.OldSize}}
}

// sizeEffects are those of a truncation. What it adds is zeros.
func (m *Model) sizeEffects(op *Op) []*Effect {
	if op.Size > op.OldSize {
		list := []*Effect{{Kind: EffectSize, Ino: op.Ino, OldSize: op.OldSize, Size: op.Size}}
		if m.Grow == GrowGarbage {
			list = append(list, m.dataEffects(op, op.OldSize, op.Size, len(list))...)
		}
		return list
	}
	var list []*Effect
	for size := op.OldSize; size > op.Size; {
		next := op.Size
		if m.Shrink {
			next = max(next, (size-1)/m.Block*m.Block)
		}
		list = append(list, &Effect{Kind: EffectSize, Ino: op.Ino, OldSize: size, Size: next, after: len(list)})
		size = next
	}
	return list
}

// writeEffects are the steps of the size, where the write extends the file, each
// with the data up to it by sectors. From where size and data come together, a step
// is one effect; it begins with the sector that the file ended in.
func (m *Model) writeEffects(op *Op) []*Effect {
	end := op.Off + int64(len(op.Data))
	together, apart := end, end // sizes below together, and bytes below apart, are on their own
	if m.Grow == GrowData && end > op.OldSize {
		together = op.OldSize
		if m.Tail != GrowData && op.OldSize > 0 {
			together = min(m.blockEnd(op.OldSize-1), end)
		}
		if apart = together; together < end {
			apart -= together % m.Sector
		}
	}
	var list []*Effect
	size, from, last := op.OldSize, op.Off, 0
	data := func(to int64) {
		if from < to {
			list = append(list, m.dataEffects(op, from, to, len(list))...)
			from = to
		}
	}
	for size < end {
		e := m.stepEffect(op, size, end, last)
		if size < together {
			e.Size = min(e.Size, together)
		} else if data(apart); from < e.Size {
			e.Kind, e.Off, e.Len = EffectExtend, from, e.Size-from
			from = e.Size
		}
		list = append(list, e)
		size, last = e.Size, len(list)
		data(min(size, apart))
	}
	data(apart)
	return list
}

// blockEnd gives the end of the block in which a byte lies.
func (m *Model) blockEnd(off int64) int64 {
	if m.Block == 0 {
		return off + 1
	}
	return off - off%m.Block + m.Block
}

// stepEffect is the next step of a size that grows. Where nothing is ordered, it
// need not come after the one before.
func (m *Model) stepEffect(op *Op, size, end int64, after int) *Effect {
	if m.Order == nil {
		after = 0
	}
	next := end
	if m.Block > 0 {
		next = min(end, m.blockEnd(size))
	}
	return &Effect{Kind: EffectSize, Ino: op.Ino, OldSize: size, Size: next, after: after}
}

// dataEffects are bytes by sectors: before them, where they extend the file, the
// garbage that may be there in their place. before is the number of parts so far.
func (m *Model) dataEffects(op *Op, from, end int64, before int) []*Effect {
	var garbage, data []*Effect
	for off := from; off < end; {
		next := min(end, off-off%m.Sector+m.Sector)
		e := &Effect{Kind: EffectData, Ino: op.Ino, Off: off, Len: next - off}
		if m.Grow == GrowGarbage && next > op.OldSize {
			was := max(off, op.OldSize)
			garbage = append(garbage, &Effect{Kind: EffectData, Ino: op.Ino, Off: was, Len: next - was, Garbage: true})
			if was == off { // else it can be seen without
				e.after = before + len(garbage)
			}
		}
		data = append(data, e)
		off = next
	}
	return append(garbage, data...)
}

// tie finds what a new effect cannot be seen without, among those that are
// pending. An extension is tied to the one before it, since the longer size alone
// gives the same file; data to the first extension that reaches it. A shorter size
// in between unties them.
func (e *Effect) tie(pending []*Effect, durableSize int64) *Effect {
	if e.Kind == EffectEntry || e.Kind == EffectExtend || e.shrinks() {
		return nil
	}
	var last, first *Effect
	for _, p := range slices.Backward(pending) {
		if p.Ino != e.Ino || p.Kind != EffectSize && p.Kind != EffectExtend {
			continue
		}
		if p.shrinks() {
			return nil
		}
		if last == nil {
			last = p
		}
		if p.Size > e.Off {
			first = p
		}
	}
	switch {
	case e.Kind == EffectSize:
		return last
	case durableSize <= e.Off:
		return first
	}
	return nil
}

func (e *Effect) shrinks() bool { return e.Kind == EffectSize && e.Size < e.OldSize }

// bytes are those of an EffectData or EffectExtend.
func (e *Effect) bytes() []byte {
	switch {
	case e.Garbage:
		return garbageAt(e.Off, e.Len)
	case e.Op.Kind != OpWrite:
		return make([]byte, e.Len)
	}
	return e.Op.Data[e.Off-e.Op.Off:][:e.Len]
}

// garbageAt is what the disk had there before: always the same, no zero among it,
// and now and then the end of a line.
func garbageAt(off, n int64) []byte {
	b := make([]byte, n)
	for i := range b {
		at := uint64(off) + uint64(i)
		b[i] = byte(mix(at, 7)) | 1
		if at%61 == 60 {
			b[i] = '\n'
		}
	}
	return b
}

// concerns tells whether an effect is of a file's data or size, or of a name for it.
func (e *Effect) concerns(ino Ino) bool { return e.file() == ino || e.nameTo(ino) }

// file is the inode that an effect is of: of an entry, what it leads to.
func (e *Effect) file() Ino {
	if e.Kind == EffectEntry {
		return e.Op.Ino
	}
	return e.Ino
}

// on tells whether an effect changes an inode: of entries, whether one is in it.
func (e *Effect) on(ino Ino) bool {
	return e.Ino == ino || slices.ContainsFunc(e.names, func(n nameEffect) bool { return n.dir == ino })
}

func (e *Effect) nameTo(ino Ino) bool {
	return slices.ContainsFunc(e.names, func(n nameEffect) bool { return n.ino == ino })
}

// shares tells whether two entries have a name, a folder that one of them makes, or
// what they lead to in common.
func (e *Effect) shares(o *Effect) bool {
	if e.Kind != EffectEntry || o.Kind != EffectEntry {
		return false
	}
	return e.Op.Ino == o.Op.Ino || e.nameTo(o.Ino) || o.nameTo(e.Ino) || e.sameEntry(o)
}

func (e *Effect) sameEntry(o *Effect) bool {
	return slices.ContainsFunc(e.names, func(n nameEffect) bool {
		return slices.ContainsFunc(o.names, func(p nameEffect) bool { return n.dir == p.dir && n.name == p.name })
	})
}

// apply makes the effect happen on a disk. Inodes come into being with the first
// effect that concerns them, whether or not a name leads there.
func (e *Effect) apply(d *disk) {
	if e.Kind == EffectEntry {
		e.applyNames(d)
		return
	}
	if !d.has(e.Ino) {
		d.addAt(e.Ino, e.Op.Mode)
	}
	data := &d.edit(e.Ino).data
	if e.Kind != EffectData {
		data.resize(d.own, e.Size)
	}
	if e.Kind != EffectSize {
		data.overwrite(d.own, e.bytes(), e.Off)
	}
}

func (e *Effect) applyNames(d *disk) {
	var left Ino // what has lost a name
	for _, n := range e.names {
		if !d.has(n.dir) {
			d.addAt(n.dir, folderMode)
		}
		if n.ino == 0 {
			left, _ = d.node(n.dir).names.get(n.name)
		} else if !d.has(n.ino) {
			d.addAt(n.ino, e.Op.Mode)
		}
		d.setName(n.dir, n.name, n.ino)
		again := e.Op.Kind == OpLink || e.Op.Kind == OpRename // and not a first name
		d.linked = d.linked || again && n.ino != 0 && n.ino != left
	}
	d.moved = d.moved || e.movesFolder()
}

func (e *Effect) movesFolder() bool {
	return e.Op.Kind == OpRename && e.Op.Dir != e.Op.Dir2 && e.Op.Mode.IsDir()
}
