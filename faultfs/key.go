package faultfs

import (
	"bytes"
	"hash/maphash"
	"math/bits"
	"slices"
	"sync"
	"sync/atomic"
)

// Key stands for all that can be read of a disk: names, kinds, sizes and bytes,
// whatever the inode numbers. Two disks with one key are taken for equal. At 128
// bits, a billion disks meet by chance with a probability below 1e-20. Keys are
// drawn anew for each process, and compare within one only.
type Key struct{ a, b uint64 }

var seedA, seedB = maphash.MakeSeed(), maphash.MakeSeed()

// Shard spreads keys over n parts.
func (k Key) Shard(n int) int { return int(k.a % uint64(n)) }

// Half is a part of the key that does to count by: of ten million disks two have the
// same with a probability of 3e-6.
func (k Key) Half() uint64 { return k.a }

func hashName(name string) uint64 { return maphash.String(seedA, name) }

func mix(h, v uint64) uint64 {
	hi, lo := bits.Mul64(h^0x9e3779b97f4a7c15, v^0xd1b54a32d192ed03)
	return hi ^ lo ^ bits.RotateLeft64(v, 23)
}

func (k Key) with(v uint64) Key { return Key{mix(k.a, v), mix(k.b, v^0xa0761d6478bd642f)} }

func (k Key) and(o Key) Key { return Key{mix(k.a, o.a), mix(k.b, o.b)} }

// key reads the tree below the root. Bytes are hashed once for each page, and
// kept with the page, so that an image costs its changed pages and its names.
func (d *disk) key() Key {
	k := d.treeKey(rootIno)
	if d.linked {
		k = d.linkKey(k, rootIno)
	}
	return k
}

// firsts are maps for linkKey to use again.
var firsts = sync.Pool{New: func() any { return map[Ino]int{} }}

// linkKey adds which names, below all of some folders, lead to one file: of two
// disks that read the same, a write can tell these apart.
func (d *disk) linkKey(k Key, folders ...Ino) Key {
	first, _ := firsts.Get().(map[Ino]int)
	defer firsts.Put(first)
	clear(first)
	place := 0
	for _, dir := range folders {
		d.walk(dir, func(e entry) {
			place++
			if at, ok := first[e.ino]; ok {
				k = k.with(uint64(at)).with(uint64(place))
				return
			}
			first[e.ino] = place
		})
	}
	return k
}

// walk calls f for every entry below a folder, in an order that names alone
// decide.
func (d *disk) walk(dir Ino, f func(entry)) {
	for e := range d.node(dir).names.all {
		f(e)
		if d.node(e.ino).isDir() {
			d.walk(e.ino, f)
		}
	}
}

// within tells whether an inode is a folder or lies below it. Names do not tell:
// after half a rename a folder has two.
func (d *disk) within(ino, dir Ino) bool {
	found := ino == dir
	d.walk(dir, func(e entry) { found = found || e.ino == ino })
	return found
}

// nameCount gives how many names lead to an inode.
func (d *disk) nameCount(ino Ino) (n int) {
	d.walk(rootIno, func(e entry) {
		if e.ino == ino {
			n++
		}
	})
	return n
}

func (d *disk) treeKey(ino Ino) Key {
	n := d.node(ino)
	if !n.isDir() {
		return n.data.key()
	}
	k := Key{1, 2}
	for _, r := range n.names.runs {
		for i := range r.list {
			k = k.with(r.list[i].hash).and(d.treeKey(r.list[i].ino))
		}
	}
	return k.with(uint64(n.names.n))
}

func (c *content) key() Key {
	if k := c.sum.Load(); k != nil {
		return *k
	}
	k := Key{3, 4}.with(uint64(c.size))
	for i, pg := range c.pages {
		if pg == nil {
			continue
		}
		if pk := pg.key(); pk != (Key{}) {
			k = k.with(uint64(i)).and(pk)
		}
	}
	c.sum.Store(&k)
	return k
}

// key of a page without the zeros at its end, since those may be there or not;
// a page of zeros has the key of none.
func (p *page) key() Key {
	if k := p.sum.Load(); k != nil {
		return *k
	}
	var k Key
	if b := bytes.TrimRight(p.b, "\x00"); len(b) > 0 {
		k = bytesKey(b)
	}
	p.sum.Store(&k)
	return k
}

func bytesKey(b []byte) Key { return Key{maphash.Bytes(seedA, b), maphash.Bytes(seedB, b)} }

// Key stands for all the disks that a crash at the cut can leave, and which
// effects leave which: cuts with one key give, for each set of effects by index,
// disks with one key. As the key of a disk it does not depend on inode numbers.
func (c *Cut) Key() Key {
	if c.durable.moved && c.durable.looped() {
		return Key{}.with(loops.Add(1)) // like no other: there is no end to what could be read
	}
	r := c.refs()
	k := Key{5, 6}
	for _, e := range r.roots {
		k = k.and(c.durable.treeKey(e))
	}
	if c.durable.linked {
		k = c.durable.linkKey(k, r.roots...)
	}
	for i := range r.keys {
		k = k.and(r.keys[i])
	}
	for i, e := range c.Pending {
		k = k.with(uint64(e.Kind)).with(uint64(r.index(e.Ino))).with(uint64(e.Op.Mode))
		for _, n := range c.Needs[i] {
			k = k.with(uint64(n))
		}
		k = k.with(uint64(len(c.Needs[i])))
		if e.Kind == EffectSize || e.Kind == EffectExtend {
			k = k.with(uint64(e.Size))
		}
		if e.Kind == EffectData || e.Kind == EffectExtend {
			k = k.with(uint64(e.Off)).and(bytesKey(e.bytes()))
		}
		for _, n := range e.names {
			k = k.with(uint64(r.index(n.dir))).with(hashName(n.name)).with(uint64(r.index(n.ino)))
		}
	}
	for _, e := range c.lost { // which a process that is started again can read
		k = k.with(uint64(e.Kind)).with(uint64(r.index(e.Ino))).with(uint64(e.Size))
		if e.Kind == EffectData {
			k = k.with(uint64(e.Off)).and(bytesKey(e.bytes()))
		}
	}
	return k
}

// KillKey stands for the disk that [Cut.Kill] gives, with what is pending on it and
// the names that its trace has for that: how long before the kill each was asked
// for, and from where.
func (c *Cut) KillKey() Key {
	k := c.Key()
	for _, e := range c.Pending {
		k = k.with(uint64(c.At - e.At)).with(uint64(e.Part)).with(maphash.Comparable(seedA, e.Op.Stack))
	}
	return k
}

var loops atomic.Uint64

// looped tells whether any folder lies within itself, reached by a name or not.
func (d *disk) looped() bool {
	for n := range d.nodes {
		if n.isDir() && d.hasCycle(n.ino, map[Ino]bool{}) {
			return true
		}
	}
	return false
}

// refs are the inodes that pending effects speak of, in the order in which they
// do, each with the places at which it is met on the durable disk.
type refs struct {
	inos  []Ino
	keys  []Key
	roots []Ino // the root, and those that no name leads to
}

func (r *refs) index(ino Ino) int { return slices.Index(r.inos, ino) + 1 }

func (c *Cut) refs() *refs {
	r := &refs{roots: []Ino{rootIno}}
	add := func(ino Ino) {
		if ino != 0 && r.index(ino) == 0 {
			r.inos = append(r.inos, ino)
		}
	}
	for _, e := range c.Pending {
		add(e.Ino)
		for _, n := range e.names {
			add(n.dir)
			add(n.ino)
		}
	}
	for _, e := range c.lost {
		add(e.Ino)
	}
	r.keys = make([]Key, len(r.inos))
	place := uint64(0)
	meet := func(ino Ino) {
		place++
		if i := r.index(ino); i > 0 {
			r.keys[i-1] = r.keys[i-1].with(place)
		}
	}
	below := func(e entry) { meet(e.ino) }
	meet(rootIno)
	c.durable.walk(rootIno, below)
	for i, ino := range r.inos {
		if r.keys[i] == (Key{}) && c.durable.has(ino) {
			r.roots = append(r.roots, ino)
			meet(ino)
			if c.durable.node(ino).isDir() {
				c.durable.walk(ino, below)
			}
		}
	}
	return r
}
