package faultfs

import (
	"io/fs"
	"slices"
	"strings"
)

// Ino numbers an inode of a simulated disk. The root folder is 1; 0 is none.
type Ino uint32

const rootIno Ino = 1

// A disk is the whole of one disk's state: inodes, and the names in folders.
// It copies on write, at every level down to the page, so that a fork is made in
// one step and costs what is changed in it afterwards. Each part carries the
// owner that may change it in place; whoever else wants to change it copies it
// first. A disk without an owner is frozen: it never changes again, and any
// number of goroutines may read and fork it.
type disk struct {
	own    *owner
	blocks []*nodeBlock
	shared bool // blocks, the slice, is some other disk's as well
	next   Ino
	linked bool // two names may lead to one file
	moved  bool // a folder may lie within itself
}

type owner struct{ _ byte } // not empty, so that each has an address of its own

const (
	nodesInBlock = 16
	fileMode     = fs.FileMode(0o644)
	folderMode   = fs.ModeDir | 0o755
)

type nodeBlock struct {
	own   *owner
	nodes [nodesInBlock]*node
}

// A node is an inode: a folder with its entries, or a file with its data.
type node struct {
	own   *owner
	ino   Ino
	mode  fs.FileMode
	names entries
	data  content
}

func (n *node) isDir() bool { return n.mode.IsDir() }

func newDisk() *disk {
	d := &disk{own: new(owner), next: rootIno}
	d.add(folderMode)
	return d
}

// freeze gives the disk as it is now, for good. What d changes later it copies.
func (d *disk) freeze() *disk {
	if d.own == nil {
		return d
	}
	d.own, d.shared = new(owner), true
	return &disk{blocks: d.blocks, shared: true, next: d.next, linked: d.linked, moved: d.moved}
}

// fork gives a disk of its own that begins as the frozen d.
func (d *disk) fork() *disk {
	return &disk{own: new(owner), blocks: d.blocks, shared: true, next: d.next, linked: d.linked, moved: d.moved}
}

// add makes an inode that no name leads to yet.
func (d *disk) add(mode fs.FileMode) Ino {
	ino := d.next
	d.addAt(ino, mode)
	return ino
}

// addAt makes the inode of that number, as an image does from a trace.
func (d *disk) addAt(ino Ino, mode fs.FileMode) {
	d.next = max(d.next, ino+1)
	*d.slot(ino) = &node{own: d.own, ino: ino, mode: mode}
}

func (d *disk) has(ino Ino) bool {
	b := int(ino / nodesInBlock)
	return b < len(d.blocks) && d.blocks[b] != nil && d.blocks[b].nodes[ino%nodesInBlock] != nil
}

// node is an inode to read. It has to exist.
func (d *disk) node(ino Ino) *node { return d.blocks[ino/nodesInBlock].nodes[ino%nodesInBlock] }

// nodes yields all inodes, those that no name leads to as well.
func (d *disk) nodes(yield func(*node) bool) {
	for _, b := range d.blocks {
		if b == nil {
			continue
		}
		for _, n := range b.nodes {
			if n != nil && !yield(n) {
				return
			}
		}
	}
}

// edit is an inode to change.
func (d *disk) edit(ino Ino) *node {
	n := d.node(ino)
	if n.own == d.own {
		return n
	}
	c := &node{own: d.own, ino: n.ino, mode: n.mode, names: n.names}
	c.data.pages, c.data.size = n.data.pages, n.data.size
	*d.slot(ino) = c
	return c
}

func (d *disk) slot(ino Ino) **node {
	b := int(ino / nodesInBlock)
	if d.shared {
		d.blocks, d.shared = slices.Clone(d.blocks), false
	}
	for len(d.blocks) <= b {
		d.blocks = append(d.blocks, nil)
	}
	switch old := d.blocks[b]; {
	case old == nil:
		d.blocks[b] = &nodeBlock{own: d.own}
	case old.own != d.own:
		d.blocks[b] = &nodeBlock{own: d.own, nodes: old.nodes}
	}
	return &d.blocks[b].nodes[ino%nodesInBlock]
}

// setName makes a folder's entry lead to an inode, or to none where ino is 0.
func (d *disk) setName(dir Ino, name string, ino Ino) {
	n := d.edit(dir)
	if ino == 0 {
		n.names.remove(d.own, name)
		return
	}
	n.names.set(d.own, name, ino)
}

// entries are a folder's names in order, in short runs, so that a change copies
// one run and not the folder.
type entries struct {
	own  *owner
	runs []*entryRun
	n    int
}

type entryRun struct {
	own  *owner
	list []entry
}

type entry struct {
	name string
	ino  Ino
	hash uint64 // of the name, see key.go
}

const longestRun = 32

func compareEntry(e entry, name string) int { return strings.Compare(e.name, name) }

// find gives the run where a name is or belongs, and its place in the run.
func (e *entries) find(name string) (run, at int, ok bool) {
	if len(e.runs) == 1 { // as in most folders
		at, ok = slices.BinarySearchFunc(e.runs[0].list, name, compareEntry)
		return 0, at, ok
	}
	run, ok = slices.BinarySearchFunc(e.runs, name, func(r *entryRun, name string) int {
		return strings.Compare(r.list[0].name, name)
	})
	if ok {
		return run, 0, true
	}
	if run = max(run-1, 0); run == len(e.runs) {
		return run, 0, false
	}
	at, ok = slices.BinarySearchFunc(e.runs[run].list, name, compareEntry)
	return run, at, ok
}

func (e *entries) get(name string) (Ino, bool) {
	run, at, ok := e.find(name)
	if !ok {
		return 0, false
	}
	return e.runs[run].list[at].ino, true
}

func (e *entries) set(own *owner, name string, ino Ino) {
	run, at, ok := e.find(name)
	e.takeRuns(own)
	if run == len(e.runs) {
		e.runs = append(e.runs, &entryRun{own: own})
	}
	r := e.takeRun(own, run)
	if ok {
		r.list[at].ino = ino
		return
	}
	r.list = slices.Insert(r.list, at, entry{name: name, ino: ino, hash: hashName(name)})
	e.n++
	if half := longestRun / 2; len(r.list) > longestRun {
		upper := &entryRun{own: own, list: slices.Clone(r.list[half:])}
		r.list = slices.Delete(r.list, half, len(r.list))
		e.runs = slices.Insert(e.runs, run+1, upper)
	}
}

func (e *entries) remove(own *owner, name string) {
	run, at, ok := e.find(name)
	if !ok {
		return
	}
	e.takeRuns(own)
	e.n--
	r := e.takeRun(own, run)
	if r.list = slices.Delete(r.list, at, at+1); len(r.list) == 0 {
		e.runs = slices.Delete(e.runs, run, run+1)
	}
}

func (e *entries) takeRuns(own *owner) {
	if e.own != own {
		e.own, e.runs = own, slices.Clone(e.runs)
	}
}

func (e *entries) takeRun(own *owner, i int) *entryRun {
	if e.runs[i].own != own {
		e.runs[i] = &entryRun{own: own, list: slices.Clone(e.runs[i].list)}
	}
	return e.runs[i]
}

// all yields the entries in order of name.
func (e *entries) all(yield func(entry) bool) {
	for _, r := range e.runs {
		for _, x := range r.list {
			if !yield(x) {
				return
			}
		}
	}
}
