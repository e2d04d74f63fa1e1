package soak

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"

	"crashsim/crashtest"
	"crashsim/faultfs"
)

// NamedCase is a case of an earlier failure. It is explored again: what it lost
// then, and all that its workload can lose.
type NamedCase struct {
	Name string
	*crashtest.Case
}

// plan says what each round does. It is never changed.
type plan struct {
	target    *crashtest.Target
	seed      uint64
	profile   Profile
	models    []faultfs.Model
	cases     []NamedCase
	corpus    []Workload
	keepGoing bool
	maxStates int
	faults    int
}

// round is what one round does.
type round struct {
	number int
	seed   uint64
	from   string // where its workload is from
	mix    *Mix
	ops    []string
	again  *NamedCase // nil: none
	plan   *plan
}

func (p *plan) round(number int) *round {
	r := &round{number: number, seed: rand.NewPCG(p.seed, uint64(number)).Uint64(), plan: p}
	own := rand.New(rand.NewPCG(r.seed, 0))
	r.mix = draw(own, p.profile, p.models)
	if number < len(p.cases) {
		c := &p.cases[number]
		r.from, r.again, r.ops = "case "+c.Name, c, c.Scenario.Ops
		if m, err := c.Rule(); err == nil { // else it was not checked, and is explored under what was drawn
			r.mix.Model = m
		}
		r.mix.Ops, r.mix.Depth = len(r.ops), max(c.Depth, len(c.Scenario.Crashes)-1)
		return r
	}
	if number -= len(p.cases); number < len(p.corpus) {
		w := &p.corpus[number]
		r.from, r.ops, r.mix.Ops = "corpus "+w.Name(), w.Ops, len(w.Ops)
		return r
	}
	r.from = "swarm"
	if p.faults > 0 && own.IntN(p.faults) == 0 {
		r.mix.withFaults(p.profile)
	}
	var before []string
	if n := len(p.corpus); n > 0 && own.IntN(4) == 0 { // go on from where it was interesting
		w := &p.corpus[own.IntN(n)]
		before = w.Ops[:own.IntN(len(w.Ops)+1)]
		r.from = "swarm behind " + w.Name()
	}
	r.ops = r.mix.workload(own, p.target, p.profile.whole, before)
	return r
}

func (r *round) config(progress func(crashtest.Progress)) crashtest.Config {
	cfg := crashtest.Defaults()
	cfg.Model, cfg.Seed, cfg.Ops, cfg.Depth = r.mix.Model, r.seed, len(r.ops), r.mix.Depth
	cfg.Search, cfg.Workers, cfg.MaxStates, cfg.KeepGoing, cfg.Progress = r.mix.Search, 1, r.plan.maxStates, r.plan.keepGoing, progress
	cfg.Whole = r.plan.profile.tried
	return cfg
}

func (r *round) faultConfig(progress func(crashtest.Progress)) crashtest.FaultConfig {
	own := r.config(progress)
	cfg := crashtest.FaultDefaults()
	cfg.Beside = true
	cfg.Pairs, cfg.Starts = r.plan.profile.pairs, r.plan.profile.starts
	cfg.Model, cfg.Seed, cfg.Ops, cfg.Workers, cfg.KeepGoing, cfg.Progress = own.Model, own.Seed, own.Ops, own.Workers, own.KeepGoing, own.Progress
	return cfg
}

// explored is what a round came to, before it is known what in it is new.
type explored struct {
	*crashtest.Result
	faults int // tried
	found  []Found
}

func (e *explored) faulty(ctx context.Context, t *crashtest.Target, cfg crashtest.FaultConfig) error {
	r, err := crashtest.Faults(ctx, t, cfg)
	if err == nil {
		e.Result, e.faults = &r.Result, r.Singles+r.InRecovery+r.Pairs
	}
	return err
}

// Found is one finding of a round.
type Found struct {
	Cause string `json:"cause"`
	Seen  int    `json:"seen"` // disks that failed in this way
	// Case is the text of the case, where no round before has found the cause.
	Case string `json:"case,omitempty"`
}

// explore does what the round is for.
func (r *round) explore(ctx context.Context, progress func(crashtest.Progress)) (*explored, error) {
	target := *r.plan.target
	target.Generate = func(crashtest.Chooser, int) []string { return r.ops }
	e := &explored{}
	var err error
	if r.mix.Faults {
		err = e.faulty(ctx, &target, r.faultConfig(progress))
	} else {
		e.Result, err = crashtest.Run(ctx, &target, r.config(progress))
	}
	if err != nil {
		return nil, fmt.Errorf("round %d (%s): %w", r.number, r.mix, err)
	}
	for _, f := range e.Findings {
		text, err := f.MarshalText()
		if err != nil {
			return nil, err
		}
		e.found = append(e.found, Found{f.Cause, f.Seen, string(text)})
	}
	if r.again != nil {
		err = e.replay(r.again, r.plan.target)
	}
	return e, err
}

// replay repeats a case itself. A store that asks other things of its disk than it
// did then has its workload explored, and no more.
func (e *explored) replay(c *NamedCase, t *crashtest.Target) error {
	report, failure, err := c.Replay(t)
	if errors.Is(err, crashtest.ErrDiverged) || err == nil && failure == nil {
		return nil
	}
	if err != nil {
		return fmt.Errorf("case %s: %w", c.Name, err)
	}
	if slices.ContainsFunc(e.Findings, func(f *crashtest.Finding) bool { return f.Kind == failure.Kind }) {
		return nil
	}
	now := *c.Case
	now.Kind, now.Report = failure.Kind, report
	text, err := now.MarshalText()
	e.found = append(e.found, Found{fmt.Sprintf("%s in case %s", failure.Kind, c.Name), 1, string(text)})
	return err
}
