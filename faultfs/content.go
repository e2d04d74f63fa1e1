package faultfs

import (
	"slices"
	"sync/atomic"
)

const pageSize = 4096

// content is a file's bytes in pages. A page that is nil, and what a page lacks
// up to its full size, reads as zeros; past the size no page holds a byte, but
// while an image is made (see overwrite).
type content struct {
	own   *owner
	pages []*page
	size  int64
	sum   atomic.Pointer[Key] // see key.go
}

type page struct {
	own *owner
	b   []byte // at most pageSize
	sum atomic.Pointer[Key]
}

func (c *content) readAt(p []byte, off int64) int {
	if off >= c.size {
		return 0
	}
	p = p[:min(int64(len(p)), c.size-off)]
	for done := 0; done < len(p); {
		at := off + int64(done)
		in := int(at % pageSize)
		part := p[done:min(len(p), done+pageSize-in)]
		clear(part[c.copyPage(part, int(at/pageSize), in):])
		done += len(part)
	}
	return len(p)
}

func (c *content) copyPage(part []byte, i, in int) int {
	if i >= len(c.pages) || c.pages[i] == nil || in >= len(c.pages[i].b) {
		return 0
	}
	return copy(part, c.pages[i].b[in:])
}

// writeAt writes p at off and extends the size where p reaches past it.
func (c *content) writeAt(own *owner, p []byte, off int64) {
	c.size = max(c.size, off+int64(len(p)))
	c.overwrite(own, p, off)
}

// overwrite writes p, a part of a sector, where it begins within the size. A
// sector is stored whole: what of it is past the size shows if the size grows.
func (c *content) overwrite(own *owner, p []byte, off int64) {
	if off >= c.size {
		return
	}
	for len(p) > 0 {
		in := int(off % pageSize)
		n := min(len(p), pageSize-in)
		first := off - int64(in)
		pg := c.take(own, int(first/pageSize), int(max(0, min(pageSize, c.size-first))))
		if short := in + n - len(pg.b); short > 0 {
			pg.b = append(pg.b, make([]byte, short)...)
		}
		copy(pg.b[in:], p[:n])
		p, off = p[n:], off+int64(n)
	}
}

// resize sets the size; what is cut off is gone, what is added is zeros.
func (c *content) resize(own *owner, size int64) {
	forget(&c.sum)
	if size <= c.size {
		c.takePages(own)
		full := int((size + pageSize - 1) / pageSize)
		if full < len(c.pages) {
			clear(c.pages[full:])
			c.pages = c.pages[:full]
		}
		if in := int(size % pageSize); in > 0 && full == len(c.pages) && c.pages[full-1] != nil && len(c.pages[full-1].b) > in {
			pg := c.take(own, full-1, in)
			clear(pg.b[in:])
			pg.b = pg.b[:in]
		}
	}
	c.size = size
}

func (c *content) takePages(own *owner) {
	if c.own != own {
		c.own, c.pages = own, slices.Clone(c.pages)
	}
}

// take gives a page to change, with room for so many bytes where it is a new one.
func (c *content) take(own *owner, i, room int) *page {
	forget(&c.sum)
	c.takePages(own)
	for len(c.pages) <= i {
		c.pages = append(c.pages, nil)
	}
	switch pg := c.pages[i]; {
	case pg == nil:
		c.pages[i] = &page{own: own, b: make([]byte, 0, room)}
	case pg.own != own:
		c.pages[i] = &page{own: own, b: append(make([]byte, 0, max(room, len(pg.b))), pg.b...)}
	default:
		forget(&pg.sum)
	}
	return c.pages[i]
}

// forget a sum, if there is one: looking is cheaper than storing.
func forget(sum *atomic.Pointer[Key]) {
	if sum.Load() != nil {
		sum.Store(nil)
	}
}
