package faultfs

import "slices"

// Read is something that was looked at on a disk, and what it was of. A name that
// is looked up and not there is looked at as well; so is what an operation that
// writes goes by, and what it writes over.
type Read struct {
	Kind     ReadKind
	Ino      Ino
	Off, End int64 // of a ReadData, in bytes; Off of a ReadName stands for the name
}

// readName is a look at one name in a folder. The name is not kept: with it would be
// the whole path that it was a part of. Two names that are taken for one make a
// search longer, and not wrong.
func readName(dir Ino, name string) Read {
	return Read{Kind: ReadName, Ino: dir, Off: int64(hashName(name))}
}

// ReadKind says what of an inode was looked at.
type ReadKind uint8

// The kinds of reads.
const (
	ReadName  ReadKind = iota + 1 // one name in a folder
	ReadList                      // all names in a folder
	ReadSize                      // of a file
	ReadData                      // of a file
	ReadLinks                     // whether a file has more names
)

// readLog keeps each read once, in the order in which they came.
type readLog struct {
	list []Read
	seen map[Read]bool

	moved []Read // see [Sim.Moved]
}

// Watch has the disk keep what is read of it from now on. It is called while
// nothing else uses the disk. What faults do of themselves is not told as reads.
func (s *Sim) Watch() { s.reads = &readLog{seen: map[Read]bool{}} }

// Reads gives what was read since [Sim.Watch], each once, by when it was first.
func (s *Sim) Reads() []Read {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.reads == nil {
		return nil
	}
	return slices.Clip(s.reads.list)
}

// Moved gives the contents of files that were moved, given another name, replaced,
// cut off or removed since [Sim.Watch], as reads of them. What a store does goes by
// none of these, but whether its disk is then what it was before does.
func (s *Sim) Moved() []Read {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.reads == nil {
		return nil
	}
	return slices.Clip(s.reads.moved)
}

// moves is called with the lock held, before the disk is changed.
func (s *running) moves(ino Ino) {
	if s.reads == nil || ino == 0 {
		return
	}
	files := []Ino{ino}
	if s.disk.node(ino).isDir() {
		s.disk.walk(ino, func(e entry) { files = append(files, e.ino) })
	}
	for _, ino := range files {
		if n := s.disk.node(ino); !n.isDir() {
			s.reads.moved = append(s.reads.moved, Read{Kind: ReadSize, Ino: ino}, Read{Kind: ReadData, Ino: ino, End: n.data.size})
		}
	}
}

// saw is called with the lock held.
func (s *running) saw(r Read) {
	if s.reads != nil && !s.reads.seen[r] {
		s.reads.seen[r] = true
		s.reads.list = append(s.reads.list, r)
	}
}

func (s *running) sawName(dir Ino, name string) {
	if s.reads != nil {
		s.saw(readName(dir, name))
	}
}

func (s *running) sawData(ino Ino, off, n int64) {
	if s.reads == nil {
		return
	}
	s.saw(Read{Kind: ReadSize, Ino: ino})
	if n > 0 {
		s.saw(Read{Kind: ReadData, Ino: ino, Off: off, End: off + n})
	}
}

// sawTree is for what goes through all names there are below a folder.
func (s *running) sawTree(dir Ino) {
	if s.reads == nil {
		return
	}
	s.saw(Read{Kind: ReadList, Ino: dir})
	s.disk.walk(dir, func(e entry) {
		if s.disk.node(e.ino).isDir() {
			s.saw(Read{Kind: ReadList, Ino: e.ino})
		}
	})
}

// Touched gives the indexes of the pending effects that reads of an image, or of
// what was made from it, have seen, each once, in the order of the reads.
func (c *Cut) Touched(reads []Read) []int {
	var list []int
	seen := make([]bool, len(c.Pending))
	for _, r := range reads {
		for i, e := range c.Pending {
			if !seen[i] && e.seenBy(&r) {
				seen[i] = true
				list = append(list, i)
			}
		}
	}
	return list
}

func (e *Effect) seenBy(r *Read) bool {
	switch r.Kind {
	case ReadName:
		return slices.ContainsFunc(e.names, func(n nameEffect) bool { return n.dir == r.Ino && int64(hashName(n.name)) == r.Off })
	case ReadList:
		return slices.ContainsFunc(e.names, func(n nameEffect) bool { return n.dir == r.Ino })
	case ReadLinks:
		return e.Kind == EffectEntry && e.Op.Ino == r.Ino
	case ReadSize:
		return e.Ino == r.Ino && (e.Kind == EffectSize || e.Kind == EffectExtend)
	case ReadData:
		return e.Ino == r.Ino && e.Off < r.End && r.Off < e.Off+e.Len
	}
	return false
}

// Places numbers the inodes of a disk by where they are met in it, so that places
// of equal disks, or equal cuts, are the same whatever the inodes' numbers are.
type Places struct {
	of   map[Ino]Ino
	inos []Ino // by place, from 1 on
}

// Places are those of the disk that a trace begins on.
func (t *Trace) Places() *Places {
	p := newPlaces()
	p.below(t.base, rootIno)
	return p
}

// Places are those of the durable disk, and after them those of the inodes that
// pending effects make.
func (c *Cut) Places() *Places {
	p := newPlaces()
	r := c.refs()
	for _, root := range r.roots {
		p.below(c.durable, root)
	}
	for _, ino := range r.inos {
		p.add(ino)
	}
	return p
}

func newPlaces() *Places { return &Places{of: map[Ino]Ino{}, inos: []Ino{0}} }

func (p *Places) below(d *disk, root Ino) {
	p.add(root)
	if d.node(root).isDir() {
		d.walk(root, func(e entry) { p.add(e.ino) })
	}
}

func (p *Places) add(ino Ino) {
	if _, ok := p.of[ino]; !ok {
		p.of[ino] = Ino(len(p.inos))
		p.inos = append(p.inos, ino)
	}
}

// Portable gives reads with places for inode numbers. Reads of other inodes, which
// came into being later, are left out.
func (p *Places) Portable(reads []Read) []Read {
	out := make([]Read, 0, len(reads))
	for _, r := range reads {
		if at, ok := p.of[r.Ino]; ok {
			r.Ino = at
			out = append(out, r)
		}
	}
	return out
}

// Local gives portable reads with this disk's inode numbers.
func (p *Places) Local(reads []Read) []Read {
	out := make([]Read, len(reads))
	for i, r := range reads {
		r.Ino = p.inos[r.Ino]
		out[i] = r
	}
	return out
}
