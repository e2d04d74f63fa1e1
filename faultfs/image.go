package faultfs

import "slices"

// Walk goes through a trace and knows, after each operation, what of it is
// durable and what is pending.
type Walk struct {
	model   Model
	trace   *Trace
	pos     int
	durable *disk
	pending []*Effect
	lost    []*Effect   // data in memory that no sync will store: see SyncFailure
	named   map[Ino]int // names on the durable disk that lead to an inode
}

// Walk begins before the first operation.
func (t *Trace) Walk(m Model) *Walk {
	w := &Walk{model: m, trace: t, durable: t.base.fork(), named: map[Ino]int{rootIno: 1}}
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
	if op.Kind.IsSync() {
		w.settle(op.Ino)
	}
	w.strike(op)
	effects := w.model.effects(op, w.pos)
	if w.lost != nil {
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
	return w.strikes(op) || op.Kind.IsSync() && slices.ContainsFunc(w.pending, func(e *Effect) bool { return e.Ino == op.Ino })
}

func (w *Walk) add(e *Effect) {
	e.need = nil
	var size int64
	if w.durable.has(e.Ino) {
		size = w.durable.node(e.Ino).data.size
	}
	e.depend(w.pending, size)
	w.pending = append(w.pending, e)
}

// settle makes what is pending on an inode durable.
func (w *Walk) settle(ino Ino) {
	w.pending = slices.DeleteFunc(w.pending, func(e *Effect) bool {
		if e.Ino == ino {
			w.makeDurable(e)
		}
		return e.Ino == ino
	})
	w.dropUnseen()
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
		w.pending = slices.DeleteFunc(w.pending, func(e *Effect) bool {
			return w.named[e.Ino] == 0 && !slices.ContainsFunc(w.pending, func(p *Effect) bool { return p.nameTo(e.Ino) })
		})
	}
}

func (e *Effect) nameTo(ino Ino) bool {
	return slices.ContainsFunc(e.names, func(n nameEffect) bool { return n.ino == ino })
}

// Cut is a moment at which the power may go, or the process be killed. It does
// not change, and may be used by several goroutines at once.
type Cut struct {
	// At is the number of operations that were asked for before it.
	At int
	// Pending are the effects that may be on the disk or not, in the order of
	// the operations.
	Pending []*Effect
	// Needs gives for each pending effect the index of the one that it is seen
	// with only, -1 where there is none. Sets of effects that respect it are
	// all the disks there are, up to equality.
	Needs []int

	durable *disk
	lost    []*Effect
}

// Cut gives the moment that the walk has reached.
func (w *Walk) Cut() *Cut {
	c := &Cut{At: w.pos, Pending: slices.Clone(w.pending), Needs: make([]int, len(w.pending)), durable: w.durable.freeze(), lost: slices.Clone(w.lost)}
	for i, e := range c.Pending {
		c.Needs[i] = -1
		if e.need != nil {
			c.Needs[i] = slices.Index(c.Pending[:i], e.need)
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
	return simOn(d)
}

func (e *Effect) movesFolder() bool {
	return e.Op.Kind == OpRename && e.Op.Dir != e.Op.Dir2 && e.Op.Mode.IsDir()
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
	carry := func(list []*Effect) []*Effect {
		carried := make([]*Effect, len(list))
		for i, e := range list {
			e.apply(d)
			before := *e
			before.At -= c.At
			carried[i] = &before
		}
		return carried
	}
	t := Trace{base: c.durable, carried: carry(c.Pending)}
	if c.lost != nil {
		t.carriedLost = carry(c.lost) // which newer bytes never overlap
	}
	return newSim(d, t)
}
