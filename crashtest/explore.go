package crashtest

import (
	"cmp"
	"hash/maphash"
	"slices"
	"sync"
	"sync/atomic"

	"crashsim/faultfs"
)

// An explorer recovers a target from every disk that crashes leave, each
// different disk once, and keeps what came of it for the oracle to judge. What
// is right or wrong is not asked here, so that nothing that it does depends on
// which of several workers came first.
type explorer struct {
	target    *Target
	model     faultfs.Model
	maxStates int // at one cut
	whole     int // of these, that are tried one by one; 0: all
	search    Search
	seed      uint64
	in        *interner
	reference map[stateID]Model // the states that probes can start from
	calm      bool              // no crashes in probes
	visits    table[visit]
	cuts      table[aftermath]
	kills     table[visit] // in recoveries, by cut
	tasks     pool
	known     lists
	diverged  atomic.Bool            // the target did not do the same twice
	twice     atomic.Pointer[string] // nor here, and in what

	// Large cuts are gone through by another, whose disks stand for more than
	// themselves; nil where this one does that.
	large   *explorer
	classes bool // are tried before the lazy search

	counted *tally // disks that were seen before there was this explorer; nil: none
	fresh   atomic.Int64
}

func newExplorer(t *Target, cfg *Config, in *interner) *explorer {
	e := &explorer{target: t, model: cfg.Model, maxStates: cfg.MaxStates, whole: cfg.Whole, search: cfg.Search, seed: cfg.Seed, in: in}
	if e.search == SearchAuto {
		e.large = &explorer{target: t, model: cfg.Model, search: SearchLazy, classes: true, maxStates: cfg.MaxStates, seed: cfg.Seed, in: in}
	}
	return e
}

// allow sets how many disks are tried at one cut.
func (e *explorer) allow(maxStates int) {
	for ; e != nil; e = e.large {
		e.maxStates = maxStates
	}
}

// refer sets the states that probes can start from, and whether these are crashed.
func (e *explorer) refer(reference map[stateID]Model, calm bool) {
	for ; e != nil; e = e.large {
		e.reference, e.calm = reference, calm
	}
}

// A visit is one disk, and what came of recovering from it.
type visit struct {
	disk faultfs.Key // zero of what a kill left

	mu     sync.Mutex
	level  int  // of what was done with it, see explore
	tried  bool // and whether that was with probes
	probed bool // as a final disk, or in the life that has recovered

	state   stateID // that recovery showed
	noticed string
	failed  *Failure
	final   *visit // the disk after recovery
	last    site   // what recovery did last
	way     uint64 // that recovery went, see wayOf
	branch  uint64 // see Coverage

	crashes []branch // in the recovery, or after it

	probes      []branch // and while the store is in use again
	probeFail   *Failure
	probeStates []stateID
	answered    int // the first answer's place in that life

	looked looks // what a lazy search has seen of it

	judged answers[*verdict] // by the one oracle
}

// keep takes over what a recovery came to.
func (v *visit) keep(s *session, final *visit) {
	v.failed, v.state, v.noticed, v.last, v.way = s.failed, s.shown, s.noticed, s.lastSite(s.trace.Len()), wayOf(s.trace)
	v.branch, v.final = branchOf(s.trace), final
	remember(v.branch, s.trace)
}

// A branch is a crash at some cut of a life.
type branch struct {
	*aftermath
	at      int          // the cut, as a place in the trace
	pending []LostEffect // at it
	last    site         // what was done last before it
	after   bool         // recovery had come to its end: what it showed has to stay
	states  []stateID    // in probes: what may be recovered
}

func (b *branch) lost(set lossSet) []LostEffect {
	list := make([]LostEffect, 0, set.len())
	for i, e := range b.pending {
		if set.has(i) {
			list = append(list, e)
		}
	}
	return list
}

// An aftermath is what a crash at a cut leaves, each different disk once, those
// that lose least first. Equal cuts share it, so that what many recoveries come
// to alike is made once.
type aftermath struct {
	mu     sync.Mutex
	disks  []left
	made   int  // equal ones counted each time
	capped bool // there are more, and these are a sample

	level  int // to which the disks are explored
	probed bool
	looked looks // where the disks stand for others

	judged answers[firstFailure] // by the one oracle
}

type left struct {
	visit *visit
	lost  lossSet
}

// How much is done with a disk: recovery; that, and recovery from the disk that
// it leaves; and from there on, crashes inside recovery, one in another.
const (
	unseen    = 0
	recovered = 1
	twice     = 2
)

// explore recovers from a disk, from what crashes inside that recovery leave and
// crashes inside those recoveries, down to the given level, and with probe puts
// the store to use afterwards, with crashes. The disk is made if it is needed.
func (e *explorer) explore(v *visit, disk func() *faultfs.Sim, level int, probe bool) {
	if e.search == SearchLazy { // which may come back to this disk while it is at it
		e.lazily(v, disk(), level, probe)
		return
	}
	v.mu.Lock()
	if v.level >= level && (v.tried || !probe) {
		v.mu.Unlock()
		return
	}
	sim := disk()
	s := e.recover(sim)
	if v.level == unseen {
		var final *visit
		if s.failed == nil {
			final = e.disk(sim.Key())
		}
		v.keep(s, final)
	}
	if level > twice && s.failed == nil { // else there is nothing to add
		v.crashes = e.crashesIn(s, level-1, probe)
	}
	v.level, v.tried = max(v.level, level), v.tried || probe
	v.mu.Unlock()
	if v.final != nil && level >= twice {
		e.explore(v.final, sim.Fork, recovered, false)
		if probe {
			e.probe(v.final, sim.Fork())
		}
	}
}

// crashesIn crashes a recovery at each cut that matters.
func (e *explorer) crashesIn(s *session, level int, probe bool) (crashes []branch) {
	for cut := range s.recoveryCuts(e.model) {
		b := s.recoveryBranch(cut)
		b.aftermath = e.after(cut, level, probe)
		crashes = append(crashes, b)
	}
	return crashes
}

func (s *session) recoveryBranch(cut *faultfs.Cut) branch {
	b := newBranch(s, cut)
	b.after = cut.At >= s.shownPos
	return b
}

func newBranch(s *session, cut *faultfs.Cut) branch {
	b := branch{at: cut.At, last: s.lastSite(cut.At), pending: make([]LostEffect, len(cut.Pending))}
	for i, e := range cut.Pending {
		b.pending[i] = lostEffect(e)
	}
	return b
}

// probe puts a recovered store to use, and crashes it. It takes the disk over.
func (e *explorer) probe(v *visit, sim *faultfs.Sim) {
	if e.search == SearchLazy {
		e.lazilyProbe(v, sim)
		return
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	model := e.reference[v.state]
	if v.probed || v.failed != nil || model == nil {
		return
	}
	v.probed = true
	s := e.target.apply(sim, model, e.target.probes(model), false, e.in)
	v.probeFail, v.probeStates, v.answered = s.failed, s.states, s.firstAnswer()
	if e.calm {
		return
	}
	for cut := range s.cuts(e.model) {
		b := newBranch(s, cut.Cut)
		b.states = cut.allowed
		b.aftermath = e.after(cut.Cut, recovered, false)
		v.probes = append(v.probes, b)
	}
}

var waySeed = maphash.MakeSeed()

// wayOf stands for the lines of the store that a life went through.
func wayOf(t *faultfs.Trace) uint64 { return wayTill(t, t.Len()) }

// wayTill is wayOf up to a place in the trace.
func wayTill(t *faultfs.Trace, at int) (way uint64) {
	for i := range at {
		op := t.Op(i)
		way = way*0x9e3779b97f4a7c15 ^ maphash.Comparable(waySeed, site{op: op.Kind, stack: op.Stack})
	}
	return way
}

// after gives every disk that a cut may leave, or what stands for all, or where
// they are too many, a sample. It leaves it to the workers to explore them.
func (e *explorer) after(cut *faultfs.Cut, level int, probe bool) *aftermath {
	if lazy := e.lazyFor(cut); lazy != nil {
		a, _ := lazy.lazilyAfter(cut, level, probe)
		return a
	}
	a, _ := e.cuts.get(cut.Key())
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.made == 0 {
		e.fill(a, cut)
	}
	if a.level >= level && (a.probed || !probe) {
		return a
	}
	a.level, a.probed = max(a.level, level), a.probed || probe
	for _, l := range slices.Backward(a.disks) {
		e.tasks.add(func() {
			e.explore(l.visit, func() *faultfs.Sim { return cut.Image(l.lost.kept) }, level, probe)
		})
	}
	return a
}

// lazyFor gives the explorer that goes through a cut lazily, nil if none does.
func (e *explorer) lazyFor(cut *faultfs.Cut) *explorer {
	switch {
	case e.search == SearchLazy:
		return e
	case e.large != nil && more(cut.Needs, min(e.maxStates, cmp.Or(e.whole, e.maxStates))):
		return e.large
	}
	return nil
}

// fill makes the disks. Cuts that are equal draw the same sample.
func (e *explorer) fill(a *aftermath, cut *faultfs.Cut) {
	var sets []lossSet
	sets, a.capped = e.lossSets(cut.Needs)
	seen := make(map[*visit]bool, len(sets))
	for _, lost := range sets {
		sim := cut.Image(lost.kept)
		if sim == nil {
			continue
		}
		a.made++
		if v := e.disk(sim.Key()); !seen[v] {
			seen[v] = true
			a.disks = append(a.disks, left{v, lost})
		}
	}
}

// anew is an explorer that has not seen any disk yet: what has been judged is not
// kept in memory for those to come that may be equal.
func (e *explorer) anew(counted *tally) *explorer {
	if e == nil {
		return nil
	}
	n := &explorer{target: e.target, model: e.model, maxStates: e.maxStates, whole: e.whole, search: e.search, seed: e.seed, in: e.in,
		reference: e.reference, calm: e.calm, large: e.large.anew(counted), classes: e.classes, counted: counted}
	n.diverged.Store(e.diverged.Load())
	n.twice.Store(e.twice.Load())
	return n
}

// disk gives the visit of a disk.
func (e *explorer) disk(k faultfs.Key) *visit {
	v, made := e.visits.get(k)
	if made {
		v.disk = k
	}
	if made && !e.counted.has(k) {
		e.fresh.Add(1)
	}
	return v
}

// seen is how many disks there were, as far as is known before all is counted.
func (e *explorer) seen() (n int) {
	if e.counted != nil {
		n = len(e.counted.disks)
	}
	for ; e != nil; e = e.large {
		n += int(e.fresh.Load())
	}
	return n
}

// held is how many of them are in memory. One that was explored lazily takes several
// times as much: what was looked at.
func (e *explorer) held() (n int) {
	for ; e != nil; e = e.large {
		if n += e.visits.len(); e.search == SearchLazy {
			n += 7 * e.visits.len()
		}
	}
	return n
}

// table holds one T for each different key. It is safe for concurrent use.
type table[T any] struct{ shards [64]shard[T] }

type shard[T any] struct {
	mu sync.Mutex
	m  map[faultfs.Key]*T
}

// get tells whether it has made what it gives.
func (t *table[T]) get(k faultfs.Key) (v *T, made bool) {
	s := &t.shards[k.Shard(len(t.shards))]
	s.mu.Lock()
	defer s.mu.Unlock()
	if v = s.m[k]; v != nil {
		return v, false
	}
	if s.m == nil {
		s.m = map[faultfs.Key]*T{}
	}
	v = new(T)
	s.m[k] = v
	return v, true
}

func (t *table[T]) len() (n int) {
	for i := range t.shards {
		s := &t.shards[i]
		s.mu.Lock()
		n += len(s.m)
		s.mu.Unlock()
	}
	return n
}

// all yields what the table holds, in no order, when nothing is added any more.
func (t *table[T]) all(yield func(faultfs.Key, *T) bool) {
	for i := range t.shards {
		for k, v := range t.shards[i].m {
			if !yield(k, v) {
				return
			}
		}
	}
}
