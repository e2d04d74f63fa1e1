package faultfs

import "slices"

// Walk goes through a trace and knows, after each operation, what of it is
// durable and what is pending.
type Walk struct {
	model   Model
	shared  *Model // the same, for cuts to keep without the walk
	trace   *Trace
	pos     int
	durable *disk
	pending []*Effect
	lost    []*Effect   // data in memory that no sync will store: see SyncFailure
	named   map[Ino]int // names on the durable disk that lead to an inode
}

// Walk begins before the first operation.
func (t *Trace) Walk(m Model) *Walk {
	w := &Walk{model: m, shared: &m, trace: t, durable: t.base.fork(), named: map[Ino]int{rootIno: 1}}
	w.countNames()
	for _, e := range t.carried {
		own := *e // other walks begin with it too
		w.add(&own)
	}
	w.lost = slices.Clone(t.carriedLost)
	return w
}

// countNames counts those in folders too that no name leads to yet.
func (w *Walk) countNames() {
	for n := range w.durable.nodes {
		for e := range n.names.all {
			w.named[e.ino]++
		}
	}
}

// Pos is the number of operations that were gone over.
func (w *Walk) Pos() int { return w.pos }

// Peek gives the next operation, nil at the end.
func (w *Walk) Peek() *Op {
	if w.pos == w.trace.Len() {
		return nil
	}
	return w.trace.Op(w.pos)
}

// Next goes over one operation. There has to be one.
func (w *Walk) Next() {
	op := w.trace.Op(w.pos)
	switch {
	case op.Kind == OpSyncWrite:
		w.settleWrite(op)
	case op.Kind.IsSync():
		w.settle(w.model.covers(op, w.pending))
	}
	w.strike(op)
	effects := w.model.effects(op, w.pos)
	if w.lost != nil && !op.Kind.IsSync() {
		effects = w.dirtied(op, effects)
	}
	for _, e := range effects {
		w.add(e)
	}
	w.pos++
}

// Settles tells whether an operation makes anything durable that is pending, or
// takes anything back that a power cut just before it could have left.
func (w *Walk) Settles(op *Op) bool {
	return w.strikes(op) || op.Kind.IsSync() && slices.ContainsFunc(w.pending, w.model.covers(op, w.pending))
}

func (w *Walk) add(e *Effect) {
	e.needs = w.model.needs(e, w.pending, w.durableSize(e.Ino))
	w.pending = append(w.pending, e)
}

// settle makes those durable of what is pending that a sync covers, and what they
// need.
func (w *Walk) settle(covers func(*Effect) bool) {
	if w.model.Order != nil {
		set := map[*Effect]bool{}
		for _, e := range w.pending {
			if covers(e) {
				e.imply(set)
			}
		}
		for i, e := range w.pending {
			if set[e] && e.shrinks() {
				w.clip(i, set)
			}
		}
		covers = func(e *Effect) bool { return set[e] || e.Kind == EffectData && e.Len == 0 }
	}
	w.pending = slices.DeleteFunc(w.pending, func(e *Effect) bool {
		covered := covers(e)
		if covered {
			w.makeDurable(e)
		}
		return covered
	})
	w.dropUnseen()
}

// settleWrite makes a synchronous write durable: its sectors, with what else was
// written to them before, and so much of what became of the size that they can be
// read. What else is pending on the file stays so.
func (w *Walk) settleWrite(op *Op) {
	end := op.Off + int64(len(op.Data))
	first, beyond := op.Off-op.Off%w.model.Sector, end+(w.model.Sector-end%w.model.Sector)%w.model.Sector
	written := func(e *Effect) bool {
		return e.Ino == op.Ino && e.Len > 0 && e.Off < beyond && e.Off+e.Len > first
	}
	for _, e := range w.pending {
		if written(e) {
			end = max(end, e.Off+e.Len)
		}
	}
	cut := -1 // the last truncation below that end: no size before it stays pending
	for i, e := range w.pending {
		if e.Ino == op.Ino && e.shrinks() && e.Size < end {
			cut = i
			w.clip(i, nil)
		}
	}
	covered := map[*Effect]bool{}
	size := w.durableSize(op.Ino)
	for i, e := range w.pending {
		switch {
		case e.Ino != op.Ino || e.Kind == EffectEntry:
		case e.Kind == EffectData:
			covered[e] = written(e) || e.Len == 0 // all of it cut off
		case i <= cut || size < end || written(e):
			covered[e], size = true, e.Size
		}
	}
	w.settle(func(e *Effect) bool { return covered[e] })
}

// clip takes from the data written before a truncation what it cuts off: it must
// not come after it. What becomes durable before it stays as it is.
func (w *Walk) clip(truncation int, durable map[*Effect]bool) {
	by := w.pending[truncation]
	for i, e := range w.pending[:truncation] {
		if e.Ino == by.Ino && e.Kind == EffectData && e.Off+e.Len > by.Size && !durable[e] {
			less := *e // a Cut may have this one
			less.Len = max(0, by.Size-e.Off)
			w.pending[i] = &less
			for _, later := range w.pending[i+1:] {
				if at := slices.Index(later.needs, e); at >= 0 {
					later.needs = slices.Clone(later.needs)
					later.needs[at] = &less
				}
			}
		}
	}
}

func (w *Walk) durableSize(ino Ino) int64 {
	if !w.durable.has(ino) {
		return 0
	}
	return w.durable.node(ino).data.size
}

func (w *Walk) makeDurable(e *Effect) {
	for _, n := range e.names {
		if w.durable.has(n.dir) {
			if old, ok := w.durable.node(n.dir).names.get(n.name); ok {
				w.named[old]--
			}
		}
		if n.ino != 0 {
			w.named[n.ino]++
		}
	}
	e.apply(w.durable)
}

// dropUnseen forgets what is pending on inodes that no name leads to, on the
// durable disk or among what is pending: no crash can show it. It begins again
// where that was a name.
func (w *Walk) dropUnseen() {
	for before := -1; before != len(w.pending); {
		before = len(w.pending)
		var dropped []*Effect
		w.pending = slices.DeleteFunc(w.pending, func(e *Effect) bool {
			unseen := w.unseen(e.Ino) && !slices.ContainsFunc(e.names, func(n nameEffect) bool { return !w.unseen(n.dir) })
			if unseen && w.model.Order != nil {
				dropped = append(dropped, e)
			}
			return unseen
		})
		w.inherit(dropped)
	}
}

// unseen tells whether no name leads to an inode, nor can.
func (w *Walk) unseen(ino Ino) bool {
	return w.named[ino] == 0 && !slices.ContainsFunc(w.pending, func(p *Effect) bool { return p.nameTo(ino) })
}

// inherit has those that needed what is dropped need what that needed.
func (w *Walk) inherit(dropped []*Effect) {
	for _, d := range slices.Backward(dropped) {
		for _, e := range w.pending {
			if i := slices.Index(e.needs, d); i >= 0 {
				e.needs = append(slices.Delete(e.needs, i, i+1), d.needs...)
			}
		}
	}
}

// Cut is a moment at which the power may go, or the process be killed. It does
// not change, and may be used by several goroutines at once.
type Cut struct {
	// At is the number of operations that were asked for before it.
	At int
	// Pending are the effects that may be on the disk or not, in the order of
	// the operations.
	Pending []*Effect
	// Needs gives for each pending effect the indexes of those that it cannot be on
	// the disk without, or not be seen; they are below its own. Sets of effects that
	// respect this are all the disks there are, up to equality.
	Needs [][]int

	durable *disk
	lost    []*Effect
	model   *Model
}

// Cut gives the moment that the walk has reached.
func (w *Walk) Cut() *Cut {
	c := &Cut{At: w.pos, Pending: slices.Clone(w.pending), Needs: make([][]int, len(w.pending)), durable: w.durable.freeze(),
		lost: slices.Clone(w.lost), model: w.shared}
	for i, e := range c.Pending {
		for _, n := range e.needs {
			if at := slices.Index(c.Pending[:i], n); at >= 0 { // else it is durable
				c.Needs[i] = append(c.Needs[i], at)
			}
		}
	}
	return c
}

// Image gives the disk that a power cut leaves where of the pending effects
// those are kept for whose index kept is true; whoever gives an effect up gives up
// what needs it. All of the image is durable.
//
// It gives nil where a folder would come to lie within itself, which half of a
// rename can do: no file system leaves that as it is.
func (c *Cut) Image(kept func(i int) bool) *Sim {
	d := c.durable.fork()
	var past []Ino // files that have bytes past their size
	for i, e := range c.Pending {
		if kept(i) {
			e.apply(d)
			if e.Kind == EffectData && e.Off+e.Len > d.node(e.Ino).data.size {
				past = append(past, e.Ino)
			}
		}
	}
	for _, ino := range past {
		data := &d.edit(ino).data
		data.resize(d.own, data.size)
	}
	if d.moved && d.hasCycle(rootIno, map[Ino]bool{}) {
		return nil
	}
	d.moved = false
	s := simOn(d)
	s.rules = c.model
	return s
}

func (d *disk) hasCycle(dir Ino, above map[Ino]bool) bool {
	if above[dir] {
		return true
	}
	above[dir] = true
	defer delete(above, dir)
	for e := range d.node(dir).names.all {
		if d.node(e.ino).isDir() && d.hasCycle(e.ino, above) {
			return true
		}
	}
	return false
}

// Kill gives the disk on which a process finds itself that is started after the
// last one was killed: all that was done can be read, and what was pending is
// pending still, with places in the trace (At) that are negative, counted back
// from the kill.
func (c *Cut) Kill() *Sim {
	d := c.durable.fork()
	for _, e := range c.lost {
		if e.Kind == EffectSize {
			e.remember(d)
		}
	}
	t := Trace{base: c.durable, carried: c.carry(c.Pending), carriedLost: c.carry(c.lost)}
	for _, e := range append(slices.Clone(c.Pending), c.lost...) {
		e.remember(d)
	}
	s := newSim(d, t)
	s.rules = c.model
	return s
}

// carry gives effects as the next trace begins with them.
func (c *Cut) carry(list []*Effect) []*Effect {
	if list == nil {
		return nil
	}
	carried := make([]*Effect, len(list))
	for i, e := range list {
		before := *e
		before.At -= c.At
		carried[i] = &before
	}
	return carried
}
