package store

import (
	"math"
	"sort"
)

// index tells where each line of a log begins. A line costs 8 bytes, and a block
// of them 48 more: within a block lines are told by how far they are from the
// first. One that is too far, or has a lower id, begins another block.
type index struct {
	blocks []block
}

const blockLines = 128

type block struct {
	place
	first int // which line of the log is its first
	lines []distance
}

type place struct {
	id  uint64
	off int64
}

type distance struct{ id, off uint32 }

func (x *index) add(id uint64, off int64) {
	last, n := len(x.blocks)-1, 0
	if last >= 0 {
		if x.blocks[last].add(id, off) {
			return
		}
		n = x.blocks[last].first + len(x.blocks[last].lines)
	}
	x.blocks = append(x.blocks, block{place: place{id, off}, first: n, lines: []distance{{}}})
}

func (b *block) add(id uint64, off int64) bool {
	if len(b.lines) == blockLines || id < b.id || id-b.id > math.MaxUint32 || off-b.off > math.MaxUint32 {
		return false
	}
	b.lines = append(b.lines, distance{uint32(id - b.id), uint32(off - b.off)})
	return true
}

// at gives the i-th line, counted from 0.
func (x *index) at(i int) place {
	b := &x.blocks[sort.Search(len(x.blocks), func(b int) bool { return x.blocks[b].first > i })-1]
	d := b.lines[i-b.first]
	return place{b.id + uint64(d.id), b.off + int64(d.off)}
}
