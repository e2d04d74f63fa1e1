package faultfs

import (
	"fmt"
	"slices"
)

// Model is a set of persistence rules: how an operation splits into effects, and
// what a sync covers. What no rule orders may reach the disk in any order, or
// not at all.
type Model struct {
	Name   string
	Doc    string // one line
	Source string // where the rules are written down

	// Sector is the number of bytes that are stored whole or not at all: a write
	// tears at its multiples.
	Sector int64
}

// POSIX is what fsync(2) and POSIX.1-2024 promise and nothing more: fsync of a
// file covers that inode's data and size; fsync of a folder covers its entries;
// nothing else is ordered. A size may be there without its data, which then reads
// as zeros. A rename within a folder is one effect; from one folder to another it
// is two, one in each, so that a crash may leave either name, both, or none.
var POSIX = Model{
	Name:   "posix",
	Doc:    "fsync covers one inode's data and size, or one folder's entries; nothing else is ordered",
	Source: "fsync(2), rename(2); POSIX.1-2024, fsync()",
	Sector: 512,
}

// Models lists the models by the order of their names.
func Models() []Model { return []Model{POSIX} }

// ModelNamed finds a model.
func ModelNamed(name string) (Model, bool) {
	list := Models()
	i := slices.IndexFunc(list, func(m Model) bool { return m.Name == name })
	if i < 0 {
		return Model{}, false
	}
	return list[i], true
}

// EffectKind says what of an operation an effect is.
type EffectKind uint8

// The kinds of effects.
const (
	EffectEntry EffectKind = iota + 1 // names made and taken away, as one
	EffectSize                        // a file's size
	EffectData                        // bytes within one sector
)

// Effect is a part of an operation that reaches the disk as one, or does not.
type Effect struct {
	Op   *Op
	At   int // the place of Op in its trace, counted from 0 over all ops
	Part int // and the effect's among those of Op
	Kind EffectKind
	// Ino is the inode, a file or a folder, whose sync makes the effect durable.
	Ino Ino
	// Off and Len are the bytes of an EffectData, as offsets in the file.
	Off, Len int64

	names []nameEffect // of an EffectEntry, in order

	// need is an earlier effect without which this one could not be seen, so
	// that losing only the earlier one is a disk of its own no more.
	need *Effect
}

type nameEffect struct {
	dir  Ino
	name string
	ino  Ino // 0: the name goes
}

// String tells the effect in a few words, by path.
func (e *Effect) String() string {
	switch {
	case e.Kind == EffectData:
		return fmt.Sprintf("data of %s [%d:%d)", e.Op.Path, e.Off, e.Off+e.Len)
	case e.Kind == EffectSize:
		return fmt.Sprintf("size of %s: %d, before %d", e.Op.Path, e.Op.Size, e.Op.OldSize)
	case e.Op.Kind == OpRename && len(e.names) == 1 && e.names[0].ino == 0:
		return fmt.Sprintf("rename takes away %s", e.Op.Path)
	case e.Op.Kind == OpRename && len(e.names) == 1:
		return fmt.Sprintf("rename makes %s, from %s", e.Op.Path2, e.Op.Path)
	}
	return e.Op.String()
}

// effects splits an operation.
func (m *Model) effects(op *Op, at int) []*Effect {
	list := m.split(op, at)
	for i, e := range list {
		e.Part = i
	}
	return list
}

func (m *Model) split(op *Op, at int) []*Effect {
	entry := func(dir Ino, names ...nameEffect) *Effect {
		return &Effect{Op: op, At: at, Kind: EffectEntry, Ino: dir, names: names}
	}
	switch op.Kind {
	case OpCreate, OpMkdir:
		return []*Effect{entry(op.Dir, nameEffect{op.Dir, op.Name, op.Ino})}
	case OpRemove:
		return []*Effect{entry(op.Dir, nameEffect{op.Dir, op.Name, 0})}
	case OpLink:
		return []*Effect{entry(op.Dir2, nameEffect{op.Dir2, op.Name2, op.Ino})}
	case OpRename:
		from, to := nameEffect{op.Dir, op.Name, 0}, nameEffect{op.Dir2, op.Name2, op.Ino}
		if op.Dir == op.Dir2 {
			return []*Effect{entry(op.Dir, from, to)}
		}
		return []*Effect{entry(op.Dir2, to), entry(op.Dir, from)}
	case OpTruncate:
		return []*Effect{{Op: op, At: at, Kind: EffectSize, Ino: op.Ino}}
	case OpWrite, OpAllocate:
		return m.writeEffects(op, at)
	}
	return nil
}

// writeEffects are the size, where the write extends the file, and the data by
// sectors.
func (m *Model) writeEffects(op *Op, at int) []*Effect {
	var list []*Effect
	if op.Size > op.OldSize {
		list = append(list, &Effect{Op: op, At: at, Kind: EffectSize, Ino: op.Ino})
	}
	end := op.Off + int64(len(op.Data))
	for off := op.Off; off < end; {
		next := min(end, off-off%m.Sector+m.Sector)
		list = append(list, &Effect{Op: op, At: at, Kind: EffectData, Ino: op.Ino, Off: off, Len: next - off})
		off = next
	}
	return list
}

// depend finds what a new effect needs among those that are pending. Only what
// could not be seen otherwise is tied: an extension to the one before it, since
// the longer size alone gives the same file; and data to the first extension
// that reaches it. A shorter size in between unties them.
func (e *Effect) depend(pending []*Effect, durableSize int64) {
	if e.Kind == EffectEntry || e.shrinks() {
		return
	}
	var last, first *Effect
	for _, p := range slices.Backward(pending) {
		if p.Kind != EffectSize || p.Ino != e.Ino {
			continue
		}
		if p.shrinks() {
			return
		}
		if last == nil {
			last = p
		}
		if p.Op.Size > e.Off {
			first = p
		}
	}
	switch {
	case e.Kind == EffectSize:
		e.need = last
	case durableSize <= e.Off:
		e.need = first
	}
}

func (e *Effect) shrinks() bool { return e.Kind == EffectSize && e.Op.Size < e.Op.OldSize }

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
	if e.Kind == EffectSize {
		d.edit(e.Ino).data.resize(d.own, e.Op.Size)
		return
	}
	part := e.Op.Data[e.Off-e.Op.Off:]
	d.edit(e.Ino).data.overwrite(d.own, part[:e.Len], e.Off)
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
