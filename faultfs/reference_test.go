package faultfs_test

import (
	"maps"
	"path"
	"strings"
)

// reference is strict POSIX once more, as simply as can be said: all effects
// there ever were, in order, some of them synced; what is not synced is there or
// is not, in every combination. It knows nothing of what can be seen, of needs,
// of disks that copy on write. A file is its size and whatever bytes were stored,
// within the size or not, each sector whole; truncation forgets those past it.
type reference struct {
	effects []refEffect
	next    int
	held    int
}

// refEffect is one change of one inode.
type refEffect struct {
	on     int
	synced bool
	do     func(*refNode)

	resizes bool // to: before what a write says
	size    int
	data    int // bytes, of one sector
	at      int // where the first is
}

type refNode struct {
	names map[string]int // of a folder
	size  int            // of a file
	bytes map[int]byte
}

func (n *refNode) read() []byte {
	data := make([]byte, n.size)
	for i := range data {
		data[i] = n.bytes[i]
	}
	return data
}

const refRoot = 1

func newReference() *reference {
	return &reference{next: refRoot + 1}
}

func (r *reference) add(on int, do func(*refNode)) {
	r.effects = append(r.effects, refEffect{on: on, do: do})
}

// state gives the inodes after those effects that are there.
func (r *reference) state(there func(i int) bool) map[int]*refNode {
	nodes := map[int]*refNode{}
	for i := range r.next {
		nodes[i] = &refNode{names: map[string]int{}, bytes: map[int]byte{}}
	}
	for i, e := range r.effects {
		if there(i) {
			e.do(nodes[e.on])
		}
	}
	return nodes
}

func (r *reference) now() map[int]*refNode { return r.state(func(int) bool { return true }) }

// at finds a name's inode, 0 where there is none, and its folder.
func (r *reference) at(name string) (dir, ino int) {
	nodes := r.now()
	ino = refRoot
	if name == "." {
		return 0, ino
	}
	for part := range strings.SplitSeq(name, "/") {
		dir, ino = ino, nodes[ino].names[part]
	}
	return dir, ino
}

// run does a command that has succeeded on the simulated disk.
func (r *reference) run(c command) {
	dir, ino := r.at(c.a)
	switch c.kind {
	case "create", "mkdir":
		r.make(dir, c)
	case "append", "rewrite":
		if ino == 0 {
			ino = r.make(dir, c)
		}
		size := r.now()[ino].size
		if c.kind == "rewrite" && size > 0 {
			r.resize(ino, 0)
			size = 0
		}
		r.write(ino, size, c.data)
	case "write":
		r.write(ino, int(c.off), c.data)
	case "truncate":
		if int(c.off) != r.now()[ino].size {
			r.resize(ino, int(c.off))
		}
	case "rename":
		r.rename(dir, path.Base(c.a), ino, c.b)
	case "link":
		to, _ := r.at(c.b)
		r.add(to, func(n *refNode) { n.names[path.Base(c.b)] = ino })
	case "remove":
		r.add(dir, func(n *refNode) { delete(n.names, path.Base(c.a)) })
	case "swrite":
		r.write(ino, int(c.off), c.data)
		r.syncWrite(ino, int(c.off), len(c.data))
	case "allocate":
		if int(c.off) > r.now()[ino].size {
			r.resize(ino, int(c.off))
		}
	case "punch", "zero":
		r.zero(ino, int(c.off), len(c.data), c.kind == "zero")
	case "sync", "syncdir", "datasync":
		r.sync(ino)
	case "syncdisk":
		for i := range r.effects {
			r.effects[i].synced = true
		}
	case "hold":
		r.held = ino
	case "hwrite":
		r.write(r.held, int(c.off), c.data)
	case "hsync":
		r.sync(r.held)
	}
}

func (r *reference) make(dir int, c command) int {
	ino := r.next
	r.next++
	// Folders have an even number, so that one can be told from a file.
	if isFolder(ino) != (c.kind == "mkdir") {
		ino, r.next = ino+1, r.next+1
	}
	r.add(dir, func(n *refNode) { n.names[path.Base(c.a)] = ino })
	return ino
}

func isFolder(ino int) bool { return ino%2 == 0 || ino == refRoot }

func (r *reference) rename(from int, name string, ino int, newname string) {
	to, there := r.at(newname)
	last := path.Base(newname)
	switch {
	case ino == there: // two names of one file: rename(2) does nothing
	case from == to:
		r.add(from, func(n *refNode) {
			delete(n.names, name)
			n.names[last] = ino
		})
	default:
		r.add(to, func(n *refNode) { n.names[last] = ino })
		r.add(from, func(n *refNode) { delete(n.names, name) })
	}
}

func (r *reference) resize(ino, size int) {
	shorter := size < r.now()[ino].size
	r.effects = append(r.effects, refEffect{on: ino, resizes: true, size: size, do: func(n *refNode) {
		if shorter || size < n.size { // by what was done, or by what of it is there
			maps.DeleteFunc(n.bytes, func(at int, _ byte) bool { return at >= size })
		}
		n.size = size
	}})
}

func (r *reference) write(ino, off int, data string) {
	for end := off + len(data); end > r.now()[ino].size && data != ""; {
		size := r.now()[ino].size
		r.resize(ino, min(end, size-size%step+step))
	}
	// Byte by byte, begin an effect at each sector.
	for i := 0; i < len(data); {
		end := i + 1
		for end < len(data) && (off+end)%sector != 0 {
			end++
		}
		at, part := off+i, data[i:end]
		r.effects = append(r.effects, refEffect{on: ino, data: len(part), at: at, do: func(n *refNode) {
			for j := range part {
				n.bytes[at+j] = part[j]
			}
		}})
		i = end
	}
}

// zero makes bytes zeros, up to the size or, where it grows, without an end.
func (r *reference) zero(ino, off, n int, grows bool) {
	size := r.now()[ino].size
	if grows && off+n > size {
		r.resize(ino, off+n)
	}
	if n = min(n, size-off); n > 0 {
		r.write(ino, off, strings.Repeat("\x00", n))
	}
}

// syncWrite makes the sectors of a write durable, and the sizes, oldest first,
// that it takes until all of them can be read; a size that cuts some of them off
// would be in the way.
func (r *reference) syncWrite(ino, off, n int) {
	if n == 0 {
		return
	}
	end, last := off+n, -1
	for i, e := range r.effects {
		if e.on == ino && e.data > 0 && e.at/sector >= off/sector && e.at/sector <= (off+n-1)/sector && !e.synced {
			r.effects[i].synced = true
			end = max(end, e.at+e.data)
		}
	}
	size := 0
	for i, e := range r.effects {
		if e.on == ino && e.resizes {
			if e.size < size && e.size < end {
				last = i
			}
			size = e.size
		}
	}
	for i, e := range r.effects {
		if e.on == ino && e.resizes && (i <= last || r.state(func(i int) bool { return r.effects[i].synced })[ino].size < end) {
			r.effects[i].synced = true
		}
	}
}

func (r *reference) sync(ino int) {
	for i := range r.effects {
		if r.effects[i].on == ino {
			r.effects[i].synced = true
		}
	}
}

func (r *reference) pending() []int {
	var out []int
	for i, e := range r.effects {
		if !e.synced {
			out = append(out, i)
		}
	}
	return out
}

// trees gives every tree that a crash can leave, with the effects it has.
func (r *reference) trees() map[string][]bool {
	pending := r.pending()
	out := map[string][]bool{}
	for set := range 1 << len(pending) {
		there := make([]bool, len(r.effects))
		for i, e := range r.effects {
			there[i] = e.synced
		}
		for at, i := range pending {
			there[i] = set>>at&1 == 1
		}
		if text, ok := treeOfNodes(r.state(func(i int) bool { return there[i] })); ok {
			out[text] = there
		}
	}
	return out
}

// crash leaves a disk that has those effects, and all of them for good.
func (r *reference) crash(there []bool) {
	var kept []refEffect
	for i, e := range r.effects {
		if there[i] {
			e.synced = true
			kept = append(kept, e)
		}
	}
	// The file system that comes up knows nothing of what is past a file's size.
	for ino := range r.next {
		kept = append(kept, refEffect{on: ino, synced: true, do: func(n *refNode) {
			maps.DeleteFunc(n.bytes, func(at int, _ byte) bool { return at >= n.size })
		}})
	}
	r.effects, r.held = kept, 0
}

// treeOfNodes tells a tree as treeOf does. It is no tree where a folder lies
// within itself.
func treeOfNodes(nodes map[int]*refNode) (string, bool) {
	inos := map[string]int{}
	var below func(dir int, name string, depth int) bool
	below = func(dir int, name string, depth int) bool {
		if depth > len(nodes) {
			return false
		}
		for last, ino := range nodes[dir].names {
			full := path.Join(name, last)
			if inos[full] = ino; isFolder(ino) && !below(ino, full, depth+1) {
				return false
			}
		}
		return true
	}
	if !below(refRoot, "", 0) {
		return "", false
	}
	first := map[int]string{}
	var out []string
	for _, name := range sorted(inos) {
		ino := inos[name]
		text := name + "/"
		if !isFolder(ino) {
			text = name + "=" + letters(nodes[ino].read())
		}
		if at, ok := first[ino]; ok {
			text += "~" + at
		} else {
			first[ino] = name
		}
		out = append(out, text)
	}
	return strings.Join(out, " "), true
}
