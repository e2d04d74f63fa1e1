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
	Ops []string

	// Plan is the text of the faults that strike in the life Strikes, the workload or
	// the first recovery; there are none where it is empty. GoesOn says that what has
	// failed by them is not asked for once more.
	Plan    string
	Strikes Life
	GoesOn  bool

	Crashes []Crash
	Last    Life // in which the failure shows
}

// play is a scenario carried out, or one that is being made up on the way.
type play struct {
	target *Target
	model  faultfs.Model
	in     *interner

	lives []*session
	cuts  []*faultfs.Cut // that end them, all but the last
	lost  [][]*faultfs.Effect

	allowed []stateID       // in the last life
	unseen  []stateID       // and until it has answered something
	order   map[stateID]int // of the states in the last life that had a reference
	shown   bool            // allowed is what a recovery has shown
	whole   bool            // and has left: nothing was cut short or lost
	before  faultfs.Key     // the last life, if whole
	failure *Failure        // nil: it went well

	faults *faultPlay // nil: there are none
}

// ErrDiverged says that a scenario does not fit what the store does now.
var ErrDiverged = errors.New("the store asks other things of its disk than it did when this was recorded")

// play carries out a scenario.
func (sc *Scenario) play(t *Target, m faultfs.Model) (*play, error) {
	p, err := t.beginScenario(m, sc)
	if err != nil {
		return nil, err
	}
	for i, crash := range sc.Crashes {
		sim, err := p.crash(crash)
		if err == nil {
			err = p.goOn(sc, i, sim)
		}
		if err != nil {
			return nil, err
		}
	}
	p.judge(sc.Last)
	return p, nil
}

// goOn is the life on what a scenario's i-th crash has left.
func (p *play) goOn(sc *Scenario, i int, sim *faultfs.Sim) error {
	if i == 0 && sc.Plan != "" && sc.Strikes == InRecovery {
		return p.sufferRecovery(sim)
	}
	next := sc.Last
	if i+1 < len(sc.Crashes) {
		next = sc.Crashes[i+1].In
	}
	return p.live(next, sim)
}

func (t *Target) beginScenario(m faultfs.Model, sc *Scenario) (*play, error) {
	if sc.Plan != "" {
		t = t.underFaults()
	}
	if sc.Plan == "" || sc.Strikes == InRecovery {
		p := t.begin(m, sc.Ops, sc.Last == InWorkload)
		if sc.Plan == "" {
			return p, nil
		}
		return p, p.faulty(sc)
	}
	p := &play{target: t, model: m, in: newInterner()}
	if err := p.faulty(sc); err != nil {
		return nil, err
	}
	p.suffer(faultfs.NewSim(), refSet{p.faults.begin.ref.state(t.Model())}, sc.Ops)
	return p, nil
}

// sufferRecovery recovers from a disk on which faults strike.
func (p *play) sufferRecovery(sim *faultfs.Sim) error {
	var set refSet
	for _, id := range p.allowed {
		m := p.reference(id)
		if m == nil {
			return ErrDiverged
		}
		set = append(set, p.faults.begin.ref.state(m))
	}
	p.suffer(sim, set, nil)
	return nil
}

// begin carries out a workload.
func (t *Target) begin(m faultfs.Model, ops []string, compare bool) *play {
	p := &play{target: t, model: m, in: newShortInterner()}
	p.lives = append(p.lives, t.apply(faultfs.NewSim(), t.Model(), ops, compare, p.in))
	return p
}

// fork gives a play that goes on from where another is, which has its workload only.
func (p *play) fork() *play {
	return &play{target: p.target, model: p.model, in: p.in, lives: slices.Clone(p.lives)}
}

func (p *play) life() *session { return p.lives[len(p.lives)-1] }

// live goes on with a life on what a crash has left.
func (p *play) live(next Life, sim *faultfs.Sim) error {
	if p.whole = p.whole && p.target.Idempotent; p.whole {
		p.before = sim.Key()
	}
	switch next {
	case InRecovery:
		p.lives = append(p.lives, p.target.recover(sim, p.in))
	case InProbes:
		// What was recovered is one of the allowed: ask which.
		shown := p.target.recover(sim.Fork(), p.in).shown
		model := p.reference(shown)
		if model == nil || !slices.Contains(p.allowed, shown) {
			return ErrDiverged
		}
		if p.unseen = nil; !p.shown {
			p.unseen = p.allowed
		}
		p.allowed = []stateID{shown}
		p.lives = append(p.lives, p.target.apply(sim, model, p.target.probes(model), false, p.in))
	}
	return nil
}

// reference gives a model in a state that was one of the last life with a
// reference, nil where none was.
func (p *play) reference(id stateID) Model {
	for _, life := range slices.Backward(p.lives) {
		if i := slices.Index(life.states, id); i >= 0 {
			return life.models[i]
		}
	}
	return nil
}

// judge looks for a failure in the last life.
func (p *play) judge(last Life) {
	life := p.life()
	switch {
	case life.right != nil:
		p.failure = life.failed
	case p.faults != nil && p.faults.life != nil && p.faults.life.trust != exact:
		p.judgeLeft()
	case life.failed != nil:
		p.failure = life.failed
	case len(p.cuts) == 0 || last == InProbes:
	case p.shown && life.shown != p.allowed[0]:
		p.failure = &Failure{Kind: Forgotten, Want: p.in.text(p.allowed[0]), Got: p.in.text(life.shown)}
	case !slices.Contains(p.allowed, life.shown):
		p.failure = wrongState(life.shown, p.allowed, p.order)
		p.failure.compare(p.in, life.shown, p.allowed)
	case p.whole && life.final.Key() != p.before:
		p.failure = &Failure{Kind: Unstable}
	}
}

// crash ends the last life and gives the disk that is left.
func (p *play) crash(c Crash) (*faultfs.Sim, error) {
	life := p.life()
	at := c.At
	if at == AtEnd {
		at = life.trace.Len()
	}
	if at > life.trace.Len() || at < 0 {
		return nil, fmt.Errorf("%w: a cut after %d of %d operations", ErrDiverged, c.At, life.trace.Len())
	}
	cut := life.cutAt(p.model, at)
	lost := newLossSet(len(cut.Pending))
	for _, l := range c.Lost {
		i := slices.IndexFunc(cut.Pending, func(e *faultfs.Effect) bool { return e.At == l.At && e.Part == l.Part })
		if i < 0 {
			return nil, fmt.Errorf("%w: effect %d.%d is not pending at its cut", ErrDiverged, l.At, l.Part)
		}
		lost.add(i)
	}
	if n := lost.len(); lost.close(cut.Needs).len() > n {
		return nil, fmt.Errorf("%w: what the crash loses is needed by what it leaves", ErrDiverged)
	}
	sim := c.leaves(cut.Cut, lost)
	if sim == nil {
		return nil, ErrDiverged
	}
	p.ended(c, cut, lost)
	return sim, nil
}

// leaves makes the disk that is left, nil where there can be none.
func (c *Crash) leaves(cut *faultfs.Cut, lost lossSet) *faultfs.Sim {
	if c.Kill {
		return cut.Kill()
	}
	return cut.Image(lost.kept)
}

// ended notes how the last life came to its end, and what is right from there on.
func (p *play) ended(c Crash, cut cutPoint, lost lossSet) {
	life, right := p.life(), cut.allowed
	var effects []*faultfs.Effect
	for i, e := range cut.Pending {
		if lost.has(i) {
			effects = append(effects, e)
		}
	}
	p.cuts, p.lost = append(p.cuts, cut.Cut), append(p.lost, effects)
	p.whole = false
	if c.In == InProbes && cut.At < life.firstAnswer() {
		right = distinct(slices.Concat(right, p.unseen)...)
	}
	switch {
	case c.In != InRecovery || life.right != nil:
		p.allowed, p.shown, p.order = right, false, places(life.states)
	case life.failed == nil && (c.At == AtEnd || c.At >= life.shownPos):
		p.allowed, p.shown = []stateID{life.shown}, true
		p.whole = c.At == AtEnd && len(effects) == 0 && !c.Kill
	}
}
