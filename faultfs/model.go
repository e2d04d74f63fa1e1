package faultfs

import "slices"

// Model is a set of persistence rules, as data: how an operation splits into
// effects, which effects reach the disk before which, and what a sync covers. What
// no rule orders may reach the disk in any order, or not at all. The built-in ones
// are in [Models]; [ParseModel] reads others.
type Model struct {
	Name   string
	Doc    string // one line
	Source string // where the rules are written down
	// Within names models that allow all that this one does.
	Within []string

	// Sector is the number of bytes that are stored whole or not at all: a write
	// tears at its multiples.
	Sector int64
	// Block is the step by which a size grows, in bytes: a write that adds several
	// blocks may leave the first ones. 0: a size grows at once.
	Block int64
	// Grow says what there is of a block that was added and not stored, Tail the
	// same of bytes that were added to a block that the file had already.
	Grow, Tail Growth
	// Shrink has a size shrink by blocks, and Unlink has a file's bytes go before its
	// last name does.
	Shrink, Unlink bool
	Rename         RenameSplit

	// SyncFile and SyncDir say what fsync covers beside the file's own data and
	// size, or the folder's own entries.
	SyncFile, SyncDir Cover

	// Order are the rules by which an effect needs earlier ones.
	Order []Order
}

// Growth is what bytes are that a file was given, until they are stored.
type Growth string

// The ways to grow.
const (
	GrowZeros   Growth = "zeros"   // the size may be stored first: zeros
	GrowGarbage Growth = "garbage" // what was there on the disk, or zeros
	GrowData    Growth = "data"    // the bytes are there as soon as the size is
)

// RenameSplit is how a rename reaches the disk.
type RenameSplit string

// The ways to rename.
const (
	RenameWhole   RenameSplit = "whole"   // as one, from folder to folder too
	RenameFolders RenameSplit = "folders" // as one in each folder
	RenameSteps   RenameSplit = "steps"   // the target goes; the new name comes; the old name goes
)

// Cover is what a sync covers beyond what it was asked for.
type Cover uint8

// What a sync may cover, as a set.
const (
	CoverNames Cover = 1 << iota // the entries that lead to the file, and to its folders
	CoverDirs                    // all entries, as with a journal of them
	CoverSizes                   // all sizes
	CoverAll                     // all there is
)

// Class is a kind of effects that rules speak of, and a set of these.
type Class uint8

// The classes.
const (
	ClassDir       Class = 1 << iota // entries
	ClassRename                      // those that a rename makes; they are of ClassDir, too
	ClassReplace                     // of these, the ones that take a file's place
	ClassAppend                      // what extends a file: size, or bytes past its end, or both
	ClassTruncate                    // other changes of a size
	ClassOverwrite                   // bytes within a file
	ClassSize                        // sizes, whoever changed them
	ClassData                        // bytes, past the end or not
	ClassAny       = Class(0xff)
)

// Order is a rule: an effect of a class in After needs each earlier one of a class
// in Before that the scope brings together with it.
type Order struct {
	Before, After Class
	Scope         Scope
}

// Scope says which effects a rule brings together.
type Scope string

// The scopes.
const (
	ScopeAll   Scope = "all"   // any two
	ScopeFile  Scope = "file"  // of one file: its data, its sizes, the entries made for it
	ScopeName  Scope = "name"  // entries that share a name, a folder or what they lead to
	ScopeEntry Scope = "entry" // entries of one name in one folder
	ScopeBlock Scope = "block" // bytes of one block of 4096
)

// ModelNamed finds a built-in model.
func ModelNamed(name string) (Model, bool) {
	list := Models()
	i := slices.IndexFunc(list, func(m Model) bool { return m.Name == name })
	if i < 0 {
		return Model{}, false
	}
	return list[i], true
}

// ties tells whether an effect that cannot be seen without another may be tied to
// it (see Effect.tie). Where bytes have to be stored before something else and
// sizes have not, a tie would bring the size with them.
func (m *Model) ties() bool {
	const bytes = ClassData | ClassOverwrite
	return !slices.ContainsFunc(m.Order, func(o Order) bool {
		return o.Before&bytes != 0 && o.Before&ClassSize == 0
	})
}

// needs gives those of the pending effects without which a new one cannot be on
// the disk: what ties and orders bring, less what these need in their turn.
func (m *Model) needs(e *Effect, pending []*Effect, durableSize int64) []*Effect {
	needs := e.sibling(pending)
	if m.ties() {
		if p := e.tie(pending, durableSize); p != nil && !slices.Contains(needs, p) {
			needs = append(needs, p)
		}
	}
	if m.Order == nil {
		return needs
	}
	implied := map[*Effect]bool{}
	for _, n := range needs {
		n.imply(implied)
	}
	for _, p := range slices.Backward(pending) {
		if p.Op != e.Op && !implied[p] && m.orders(p, e) {
			needs = append(needs, p)
			p.imply(implied)
		}
	}
	return needs
}

// sibling gives what an effect needs of its own operation, if it is pending.
func (e *Effect) sibling(pending []*Effect) []*Effect {
	for _, p := range slices.Backward(pending) {
		if p.Op != e.Op {
			break
		}
		if p.Part+1 == e.after {
			return []*Effect{p}
		}
	}
	return nil
}

// imply adds an effect, and all that it needs, to a set.
func (e *Effect) imply(set map[*Effect]bool) {
	if !set[e] {
		set[e] = true
		for _, n := range e.needs {
			n.imply(set)
		}
	}
}

func (m *Model) orders(p, e *Effect) bool {
	return slices.ContainsFunc(m.Order, func(o Order) bool {
		return o.Before&p.class != 0 && o.After&e.class != 0 && o.Scope.joins(p, e)
	})
}

func (s Scope) joins(p, e *Effect) bool {
	switch s {
	case ScopeFile:
		return p.concerns(e.file())
	case ScopeName:
		return p.shares(e)
	case ScopeEntry:
		return p.sameEntry(e)
	case ScopeBlock:
		return p.Ino == e.Ino && p.Len > 0 && e.Len > 0 && p.Off/4096 <= (e.Off+e.Len-1)/4096 && e.Off/4096 <= (p.Off+p.Len-1)/4096
	}
	return true
}

// covers tells what an operation makes durable, of what is pending. What that
// needs is durable with it.
func (m *Model) covers(op *Op, pending []*Effect) func(*Effect) bool {
	with := m.SyncFile
	switch op.Kind {
	case OpSyncDir:
		with = m.SyncDir
	case OpSyncDisk:
		with = CoverAll
	}
	var names map[Ino]bool
	if with&CoverNames != 0 {
		names = leading(op.Ino, pending)
	}
	return func(e *Effect) bool {
		if e.Op.Kind == OpRemove && e.Kind == EffectSize && op.Kind != OpSyncDisk {
			return e.Op.Dir == op.Ino // the bytes go with the name
		}
		return e.on(op.Ino) || with&CoverAll != 0 ||
			with&CoverDirs != 0 && e.Kind == EffectEntry ||
			with&CoverSizes != 0 && e.class&ClassSize != 0 ||
			names != nil && slices.ContainsFunc(e.names, func(n nameEffect) bool { return names[n.ino] })
	}
}

// leading gives an inode and the folders above it, as far as their entries are
// pending.
func leading(ino Ino, pending []*Effect) map[Ino]bool {
	set := map[Ino]bool{ino: true}
	for before := 0; before != len(set); {
		before = len(set)
		for _, e := range pending {
			for _, n := range e.names {
				if set[n.ino] {
					set[n.dir] = true
				}
			}
		}
	}
	return set
}

// Weaker tells whether a built-in model allows all that another does, by Within.
func (m *Model) Weaker(than Model) bool {
	return m.Name == than.Name || slices.ContainsFunc(than.Within, func(name string) bool {
		next, ok := ModelNamed(name)
		return ok && m.Weaker(next)
	})
}
