package faultfs

import (
	"bytes"
	"hash/maphash"
	"math/bits"
)

// Key stands for all that can be read of a disk: names, kinds, sizes and bytes,
// whatever the inode numbers. Two disks with one key are taken for equal. At 128
// bits, a billion disks meet by chance with a probability below 1e-20. Keys are
// drawn anew for each process, and compare within one only.
type Key struct{ a, b uint64 }

var seedA, seedB = maphash.MakeSeed(), maphash.MakeSeed()

// Shard spreads keys over n parts.
func (k Key) Shard(n int) int { return int(k.a % uint64(n)) }

func hashName(name string) uint64 { return maphash.String(seedA, name) }

func mix(h, v uint64) uint64 {
	hi, lo := bits.Mul64(h^0x9e3779b97f4a7c15, v^0xd1b54a32d192ed03)
	return hi ^ lo ^ bits.RotateLeft64(v, 23)
}

func (k Key) with(v uint64) Key { return Key{mix(k.a, v), mix(k.b, v^0xa0761d6478bd642f)} }

func (k Key) and(o Key) Key { return Key{mix(k.a, o.a), mix(k.b, o.b)} }

// key reads the tree below the root. Bytes are hashed once for each page, and
// kept with the page, so that an image costs its changed pages and its names.
func (d *disk) key() Key { return d.treeKey(rootIno) }

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
		k = Key{maphash.Bytes(seedA, b), maphash.Bytes(seedB, b)}
	}
	p.sum.Store(&k)
	return k
}
