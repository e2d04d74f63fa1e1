package soak

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"runtime/metrics"
	"time"

	"crashsim/crashtest"
)

// A crew does rounds side by side and hands them in in their order. All of it but
// the rounds themselves is done by one goroutine.
type crew struct {
	*Soak
	ctx    context.Context
	done   chan *finished
	busy   int
	begun  int               // rounds of this shard
	again  []int             // that were broken off, to be begun anew
	ready  map[int]*finished // by their place in the shard, until those before are
	over   bool              // something was found, and that is the end
	err    error
	memory time.Time // when rounds were broken off last
}

// finished is a round that is done, or was broken off.
type finished struct {
	place int // in the shard
	round *round
	*explored
	took time.Duration
	why  error // it was broken off, nil: it was not
	err  error
}

// Why the crew breaks rounds off: to have room for the others, or since there is
// none for this one.
var (
	errCrowded  = errors.New("the memory is used up")
	errTooLarge = errors.New("the memory is used up by one round")
)

// ahead is how far the crew may be ahead of the round that is to be handed in
// next, for each worker: what is handed in late is kept in memory.
const ahead = 256

func (c *crew) mayBegin() bool {
	if c.ctx.Err() != nil || c.err != nil || c.over || c.busy >= c.width {
		return false
	}
	if len(c.again) > 0 {
		return true
	}
	if c.begun >= c.totals.Rounds+ahead*c.cfg.Workers {
		return false
	}
	return c.cfg.Rounds == 0 || c.number(c.begun) < c.cfg.Rounds
}

// why says how it came to its end.
func (c *crew) why() string {
	switch {
	case c.over:
		return EndFinding
	case c.cfg.Rounds > 0 && c.number(c.totals.Rounds) >= c.cfg.Rounds:
		return EndRounds
	case errors.Is(c.ctx.Err(), context.DeadlineExceeded):
		return EndDuration
	}
	return EndInterrupted
}

func (c *crew) begin() {
	place := c.begun
	if n := len(c.again); n > 0 {
		place, c.again = c.again[n-1], c.again[:n-1]
	} else {
		c.begun++
	}
	ctx, cancel := context.WithCancelCause(c.ctx)
	r := c.plan.round(c.number(place))
	run := &Running{Round: r.number, From: r.from, Mix: r.mix.String(), began: time.Now(), cancel: cancel}
	c.mu.Lock()
	c.running[place] = run
	c.mu.Unlock()
	c.busy++
	go func() {
		f := &finished{place: place, round: r}
		f.explored, f.err = r.explore(ctx, func(p crashtest.Progress) {
			c.mu.Lock()
			run.Progress = p
			c.mu.Unlock()
		})
		f.took = time.Since(run.began)
		if f.explored != nil && f.Interrupted {
			f.why = context.Cause(ctx)
		}
		cancel(nil)
		c.done <- f
	}()
}

// finish takes a round that is done, and hands in all that can be.
func (c *crew) finish(f *finished) error {
	c.busy--
	c.mu.Lock()
	delete(c.running, f.place)
	c.mu.Unlock()
	switch {
	case f.err != nil:
		if c.ctx.Err() != nil { // it was broken off, and what it had is not whole
			return nil
		}
		return f.err
	case errors.Is(f.why, errCrowded):
		c.again = append(c.again, f.place)
		return nil
	case f.why != nil && !errors.Is(f.why, errTooLarge):
		return nil
	}
	c.ready[f.place] = f
	var list []*Outcome
	ops := map[*Outcome][]string{}
	for next := c.totals.Rounds; !c.over && c.ready[next] != nil; next++ {
		f := c.ready[next]
		delete(c.ready, next)
		o := f.outcome()
		list, ops[o] = append(list, o), f.round.ops
		c.over = c.cfg.FailFast && len(o.Found) > 0
	}
	c.mu.Lock()
	c.waiting = len(c.ready)
	c.mu.Unlock()
	if len(list) == 0 {
		return nil
	}
	return c.keep(list, ops)
}

func (f *finished) outcome() *Outcome {
	o := &Outcome{
		Round: f.round.number, Seed: f.round.seed, From: f.round.from, Model: f.round.mix.Model.Name, Mix: f.round.mix.String(),
		Ops: len(f.Workload), CrashPoints: f.CrashPoints, States: f.States, Unique: f.Unique, Recoveries: f.Recoveries, Capped: f.Capped, Faults: f.faults,
		OutOfMemory: f.why != nil, Seconds: f.took.Seconds(),
		Sites: f.Coverage.Sites, Found: f.found,
	}
	for _, b := range f.Coverage.Branches {
		o.Branches = append(o.Branches, fmt.Sprintf("%016x", b))
	}
	for _, p := range f.Probes {
		if p.Seen > 0 {
			o.Probes = append(o.Probes, p.Name)
		}
	}
	return o
}

// watchMemory breaks off the latest round where the process has more memory than
// it may, and does fewer at once from then on. A round that is too much by itself
// is handed in as far as it came, which is no pass.
func (c *crew) watchMemory() {
	limit := c.cfg.Memory
	if limit == 0 || c.usage() <= limit || time.Since(c.memory) < time.Second {
		return
	}
	if debug.FreeOSMemory(); c.usage() <= limit {
		return
	}
	c.memory = time.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	latest := -1
	for place := range c.running {
		latest = max(latest, place)
	}
	switch n := len(c.running); {
	case n > 1:
		c.width = n - 1
		c.running[latest].cancel(errCrowded)
	case n == 1:
		c.running[latest].cancel(errTooLarge)
	}
}

// memoryInUse is what the process has from the operating system for Go, in bytes.
func memoryInUse() int64 {
	s := []metrics.Sample{{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"}}
	metrics.Read(s)
	return int64(s[0].Value.Uint64() - s[1].Value.Uint64())
}
