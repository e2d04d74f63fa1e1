package crashtest

import (
	"sync"

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
	seed      uint64
	in        *interner
	reference map[stateID]Model // the states that probes can start from
	visits    visits
}

func newExplorer(t *Target, cfg *Config, in *interner) *explorer {
	return &explorer{target: t, model: cfg.Model, maxStates: cfg.MaxStates, seed: cfg.Seed, in: in}
}

// A visit is one disk, and what came of recovering from it.
type visit struct {
	mu     sync.Mutex
	level  int  // of what was done with it, see explore
	tried  bool // and whether that was with probes
	probed bool // as a final disk

	state  stateID // that recovery showed
	failed *Failure
	final  *visit // the disk after recovery
	last   site   // what recovery did last

	crashes []branch // disks that a crash in the recovery, or after it, leaves
	counts  counts

	probes      []branch // and a crash while the store is in use again
	probeCounts counts
	probeFail   *Failure
	probeStates []stateID
}

// A branch is a disk that a crash at some cut leaves.
type branch struct {
	to     *visit
	at     int // the cut, as a place in the trace
	lost   []LostEffect
	last   site      // what was done last before it
	after  bool      // recovery had come to its end: what it showed has to stay
	states []stateID // in probes: what may be recovered
}

// counts are of disks that were made, equal ones counted each time, and of cuts
// that left more of them than were tried.
type counts struct{ states, capped int }

func (c *counts) add(o counts) { c.states += o.states; c.capped += o.capped }

// How much is done with a disk: recovery; that, and recovery from the disk that
// it leaves; and from there on, crashes inside recovery, one in another.
const (
	unseen    = 0
	recovered = 1
	twice     = 2
)

// explore recovers from a disk, from what crashes inside that recovery leave and
// crashes inside those recoveries, down to the given level, and with probe puts
// the store to use afterwards, with crashes. It takes the disk over.
func (e *explorer) explore(v *visit, sim *faultfs.Sim, level int, probe bool) {
	v.mu.Lock()
	if v.level >= level && (v.tried || !probe) {
		v.mu.Unlock()
		return
	}
	s := e.target.recover(sim, e.in)
	if v.level == unseen {
		v.failed, v.state, v.last = s.failed, s.shown, s.lastSite(s.trace.Len())
		if s.failed == nil {
			v.final = e.visits.get(sim.Key())
		}
	}
	var todo []func()
	if level > twice && v.level < level {
		todo = e.crashesIn(s, v, func(to *visit, sim *faultfs.Sim) { e.explore(to, sim, level-1, probe) })
	}
	v.level, v.tried = max(v.level, level), v.tried || probe
	v.mu.Unlock()
	for _, do := range todo {
		do()
	}
	if v.final != nil && level >= twice {
		e.exploreFinal(v.final, sim, probe)
	}
}

// exploreFinal is for a disk that a recovery has come to its end on.
func (e *explorer) exploreFinal(v *visit, sim *faultfs.Sim, probe bool) {
	v.mu.Lock()
	done := v.level >= recovered && (v.probed || !probe)
	v.mu.Unlock()
	if done {
		return
	}
	e.explore(v, sim.Fork(), recovered, false)
	if probe {
		e.probe(v, sim.Fork())
	}
}

// crashesIn finds the disks that a crash in a recovery leaves, and gives what is
// to be done to explore them.
func (e *explorer) crashesIn(s *session, v *visit, explore func(*visit, *faultfs.Sim)) (todo []func()) {
	v.crashes, v.counts = nil, counts{}
	at := func(cut *faultfs.Cut) {
		after := s.failed == nil && cut.At >= s.shownPos
		v.counts.add(e.disks(cut, func(sim *faultfs.Sim, to *visit, lost lossSet) {
			v.crashes = append(v.crashes, branch{to: to, at: cut.At, lost: lostEffects(cut, lost), last: s.lastSite(cut.At), after: after})
			todo = append(todo, func() { explore(to, sim) })
		}))
	}
	w := s.trace.Walk(e.model)
	for op := w.Peek(); op != nil; op = w.Peek() {
		if w.Settles(op) {
			at(w.Cut())
		}
		w.Next()
	}
	if cut := w.Cut(); len(cut.Pending) > 0 { // else it is the final disk
		at(cut)
	}
	return todo
}

// probe puts a recovered store to use, and crashes it.
func (e *explorer) probe(v *visit, sim *faultfs.Sim) {
	v.mu.Lock()
	model := e.reference[v.state]
	if v.probed || v.failed != nil || model == nil {
		v.mu.Unlock()
		return
	}
	v.probed = true
	s := e.target.apply(sim, model, e.target.Probes(model), false, e.in)
	v.probeFail, v.probeStates = s.failed, s.states
	var todo []func()
	for cut := range s.cuts(e.model) {
		v.probeCounts.add(e.disks(cut.Cut, func(sim *faultfs.Sim, to *visit, lost lossSet) {
			v.probes = append(v.probes, branch{to: to, at: cut.At, lost: lostEffects(cut.Cut, lost), last: s.lastSite(cut.At), states: cut.allowed})
			todo = append(todo, func() { e.explore(to, sim, recovered, false) })
		}))
	}
	v.mu.Unlock()
	for _, do := range todo {
		do()
	}
}

// disks makes every disk that a cut may leave, each different one once, those
// that lose least first; where they are too many, a sample.
func (e *explorer) disks(cut *faultfs.Cut, yield func(sim *faultfs.Sim, v *visit, lost lossSet)) (c counts) {
	sets, capped := lossSets(cut.Needs, e.maxStates, Seeded(derive(e.seed, uint64(cut.At))))
	if capped {
		c.capped = 1
	}
	seen := make(map[*visit]bool, len(sets))
	for _, lost := range sets {
		sim := cut.Image(lost.kept)
		if sim == nil {
			continue
		}
		c.states++
		if v := e.visits.get(sim.Key()); !seen[v] {
			seen[v] = true
			yield(sim, v, lost)
		}
	}
	return c
}

// visits holds a visit for each different disk. It is safe for concurrent use.
type visits struct{ shards [64]visitShard }

type visitShard struct {
	mu sync.Mutex
	m  map[faultfs.Key]*visit
}

func (vs *visits) get(k faultfs.Key) *visit {
	s := &vs.shards[k.Shard(len(vs.shards))]
	s.mu.Lock()
	defer s.mu.Unlock()
	v := s.m[k]
	if v == nil {
		if s.m == nil {
			s.m = map[faultfs.Key]*visit{}
		}
		v = &visit{state: noState}
		s.m[k] = v
	}
	return v
}

func (vs *visits) len() (n int) {
	for i := range vs.shards {
		s := &vs.shards[i]
		s.mu.Lock()
		n += len(s.m)
		s.mu.Unlock()
	}
	return n
}

// all yields the visits, in no order, when nothing is added any more.
func (vs *visits) all(yield func(*visit) bool) {
	for i := range vs.shards {
		for _, v := range vs.shards[i].m {
			if !yield(v) {
				return
			}
		}
	}
}
