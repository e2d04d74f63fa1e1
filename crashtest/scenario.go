package crashtest

import (
	"errors"
	"fmt"
	"slices"

	"crashsim/faultfs"
)

// Life is what a store does between being opened and being closed, killed or cut
// off.
type Life string

// The lives that a store is put through.
const (
	InWorkload Life = "workload" // the operations under test
	InRecovery Life = "recovery" // opened, read, closed
	InProbes   Life = "probes"   // opened, put to use, closed
)

// AtEnd is the cut at the end of a life.
const AtEnd = -1

// Crash ends a life.
type Crash struct {
	In   Life
	Kill bool // of the process only: the disk runs on, and nothing is lost yet
	At   int  // the cut: how many operations of the trace, marks included, come before it
	Lost []LostEffect

	last site // of what was done before the cut
}

// Scenario is everything that leads to a failure. It repeats it exactly, without
// a search.
type Scenario struct {
	Ops     []string
	Crashes []Crash
	Last    Life // in which the failure shows
}

// play is a scenario carried out.
type play struct {
	lives   []*session
	cuts    []*faultfs.Cut // that end them, all but the last
	lost    [][]*faultfs.Effect
	allowed []stateID       // in the last life
	order   map[stateID]int // of the states in the last life that had a reference
	failure *Failure        // nil: it went well
	in      *interner
}

// ErrDiverged says that a scenario does not fit what the store does now.
var ErrDiverged = errors.New("the store asks other things of its disk than it did when this was recorded")

// play carries out a scenario.
func (sc *Scenario) play(t *Target, m faultfs.Model) (*play, error) {
	p := &play{in: newInterner()}
	model := t.Model()
	life := t.apply(faultfs.NewSim(), model, sc.Ops, sc.Last == InWorkload, p.in)
	p.lives = append(p.lives, life)
	o := newOracle(t, p.in, life)
	allowed, shown := []stateID(nil), false
	for i, crash := range sc.Crashes {
		sim, right, err := p.crash(life, crash, m)
		if err != nil {
			return nil, err
		}
		if crash.In != InRecovery {
			allowed, shown, p.order = right, false, places(life.states)
		} else if crash.At == AtEnd || crash.At >= life.shownPos && life.failed == nil {
			allowed, shown = []stateID{life.shown}, true
		}
		next := sc.Last
		if i+1 < len(sc.Crashes) {
			next = sc.Crashes[i+1].In
		}
		before := sim.Key()
		switch next {
		case InRecovery:
			life = t.recover(sim, p.in)
		case InProbes:
			// What was recovered is one of the allowed: ask which.
			allowed = []stateID{t.recover(sim.Fork(), p.in).shown}
			from := slices.Index(p.lives[0].states, allowed[0])
			if from < 0 {
				return nil, ErrDiverged
			}
			model := p.lives[0].models[from]
			life = t.apply(sim, model, t.Probes(model), false, p.in)
		}
		p.lives = append(p.lives, life)
		if i+1 == len(sc.Crashes) {
			p.judge(o, allowed, shown, before, sc.Last)
		}
	}
	if len(sc.Crashes) == 0 {
		p.failure = life.failed
	}
	p.allowed = allowed
	return p, nil
}

func (p *play) judge(o *oracle, allowed []stateID, shown bool, before faultfs.Key, last Life) {
	life := p.lives[len(p.lives)-1]
	switch {
	case life.failed != nil:
		p.failure = life.failed
	case last == InProbes:
	case shown && life.shown != allowed[0]:
		p.failure = &Failure{Kind: Forgotten, Want: p.in.text(allowed[0]), Got: p.in.text(life.shown)}
	case !slices.Contains(allowed, life.shown):
		p.failure = wrongState(life.shown, allowed, p.order)
		p.failure.compare(p.in, life.shown, allowed)
	case shown && o.target.Idempotent && life.final.Key() != before:
		p.failure = &Failure{Kind: Unstable}
	}
}

// crash ends a life and gives the disk that is left, and the states that are
// right there.
func (p *play) crash(life *session, c Crash, m faultfs.Model) (*faultfs.Sim, []stateID, error) {
	at := c.At
	if at == AtEnd {
		at = life.trace.Len()
	}
	if at > life.trace.Len() || at < 0 {
		return nil, nil, fmt.Errorf("%w: a cut after %d of %d operations", ErrDiverged, c.At, life.trace.Len())
	}
	cut, right := life.cutAt(m, at)
	lost := newLossSet(len(cut.Pending))
	var effects []*faultfs.Effect
	for _, l := range c.Lost {
		i := slices.IndexFunc(cut.Pending, func(e *faultfs.Effect) bool { return e.At == l.At && e.Part == l.Part })
		if i < 0 {
			return nil, nil, fmt.Errorf("%w: effect %d.%d is not pending at its cut", ErrDiverged, l.At, l.Part)
		}
		lost.add(i)
		effects = append(effects, cut.Pending[i])
	}
	p.cuts, p.lost = append(p.cuts, cut), append(p.lost, effects)
	if c.Kill {
		return cut.Kill(), right, nil
	}
	sim := cut.Image(lost.kept)
	if sim == nil {
		return nil, nil, ErrDiverged
	}
	return sim, right, nil
}
