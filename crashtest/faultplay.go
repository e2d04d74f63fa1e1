package crashtest

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"strings"

	"crashsim/faultfs"
)

// faultPlay is what a play of a scenario with faults knows beside its lives.
type faultPlay struct {
	begin *faultStart
	life  *faultLife
}

// faulty makes a play one of a scenario with faults.
func (p *play) faulty(sc *Scenario) error {
	plan, err := faultfs.ParsePlan(sc.Plan)
	if err != nil {
		return err
	}
	plain := p.target.apply(faultfs.NewSim(), p.target.Model(), sc.Ops, false, p.in)
	ref := newRefGraph(p.in)
	for _, m := range plain.models {
		ref.state(m)
	}
	p.faults = &faultPlay{begin: &faultStart{
		target: p.target, ref: ref, model: p.model, plan: plan, goesOn: sc.GoesOn,
		plain: plain.states, truth: newTruthLines(p.in, plain.states),
	}}
	return nil
}

// suffer lives a life with faults.
func (p *play) suffer(sim *faultfs.Sim, set refSet, ops []string) {
	if len(p.cuts) > 0 {
		p.faults.begin.closed = len(p.lost[0]) == 0 && p.cuts[0].At == p.lives[0].trace.Len()
	}
	fresh := faultfs.NewSim
	if len(p.cuts) > 0 {
		begin := sim.Fork()
		fresh = begin.Fork
	}
	before := runtime.NumGoroutine()
	l := p.faults.begin.live(sim, set, ops)
	if l.failed == nil && !settled(before) && leavesGoroutine(func() { p.faults.begin.live(fresh(), set, ops) }) {
		l.failed = leftRunning()
	}
	p.faults.life = l
	p.lives = append(p.lives, p.faults.life.session)
}

// judgeLeft judges the last life where it was on a disk that faults have left.
func (p *play) judgeLeft() {
	l, life := p.faults.life, p.life()
	p.failure, _ = l.judgeLeft(l.left(), p.faults.begin.truth, p.in, l.armed.Struck(), life.shown, life.failed, life.noticed, p.allowed)
}

// missed names the faults of the plan that did not strike.
func (p *play) missed() string {
	if p.faults == nil || p.faults.life == nil {
		return ""
	}
	var list []string
	for _, f := range p.faults.life.armed.Missed() {
		list = append(list, f.String())
	}
	return strings.Join(list, "; ")
}

func (p *play) tellFaults(b *strings.Builder, sc *Scenario, i int, life *session) {
	cut := life.trace.Len()
	if i < len(p.cuts) {
		cut = p.cuts[i].At
	}
	if sc.Strikes == InRecovery {
		b.WriteString("  the store is opened on what is left, on a disk with faults: " + sc.Plan + "\n")
	} else {
		fmt.Fprintf(b, "  the workload, %s, on a disk with faults: %s\n", plural(len(life.ops), "operation"), sc.Plan)
	}
	for _, t := range life.tales {
		if t.at <= cut {
			fmt.Fprintf(b, "    %s\n", t.text)
		}
	}
	if missed := p.missed(); missed != "" {
		fmt.Fprintf(b, "    this fault never struck: %s\n", missed)
	}
}

// faultFindings shrinks what was found, one of each cause.
func (m *matrix) findings(ctx context.Context) (list []*Finding, err error) {
	groups := grouped(m.suspects)
	small := make([]*suspect, len(groups))
	done := 0
	m.explorer.tasks.work(m.cfg.Workers, func() func() {
		if done == len(groups) {
			return nil
		}
		i := done
		done++
		m.cfg.tell(Progress{Phase: "shrinking", Done: i, Total: len(groups), Unique: m.explorer.seen()})
		return func() { small[i] = m.shrink(ctx, groups[i]) }
	})
	for _, s := range grouped(small) {
		c, err := newCase(m.target, &m.cfg.Config, s)
		if err != nil {
			return nil, fmt.Errorf("%w (%s, after %d operations, %v)", err, s.scenario.Plan, len(s.scenario.Ops), s.scenario.Crashes)
		}
		list = append(list, &Finding{Case: c, Seen: s.seen, Cause: s.cause()})
	}
	return list, nil
}

// shrink drops faults, then operations, as long as there is a failure of the same
// kind by a fault in the same place.
func (m *matrix) shrink(ctx context.Context, s *suspect) *suspect {
	best := s
	plan, err := faultfs.ParsePlan(s.scenario.Plan)
	if err != nil || s.scenario.Strikes == InRecovery {
		return s
	}
	for i := 0; i < len(plan) && len(plan) > 1; i++ {
		less := slices.Delete(slices.Clone(plan), i, i+1)
		if again := m.again(s, s.scenario.Ops, []faultfs.Plan{less}); again != nil {
			best, plan = again, less
			i = -1
		}
	}
	ops := best.scenario.Ops
	for size := max(1, len(ops)/2); size > 0; {
		shrunk := false
		for at := len(ops); at > 0 && ctx.Err() == nil; at -= size {
			fewer := slices.Delete(slices.Clone(ops), max(0, at-size), min(at, len(ops)))
			if again := m.again(s, fewer, nil); again != nil {
				best, ops, shrunk = again, fewer, true
			}
		}
		if !shrunk || size > 1 {
			size /= 2
		}
	}
	c := *best
	c.seen = s.seen
	return &c
}

// again looks for a suspect's failure in another workload: by these plans, or by its
// own one moved to each call of the same place.
func (m *matrix) again(s *suspect, ops []string, plans []faultfs.Plan) *suspect {
	own := m.smaller(ops)
	if own.plain.failed != nil {
		return nil
	}
	if plans == nil {
		plans = own.moved(s)
	}
	for _, p := range plans {
		j := &faultJob{plan: p}
		t := own.try(j, s.scenario.GoesOn)
		if found, _ := own.suspect(j, t); found != nil && found.cause() == s.cause() && !own.known[found.plainCause()] {
			return found
		}
	}
	return nil
}

// smaller is a matrix of another workload.
func (m *matrix) smaller(ops []string) *matrix {
	cfg := *m.cfg
	cfg.Workers, cfg.Progress, cfg.Pairs, cfg.MaxStates = 1, nil, 0, m.maxStates()
	own := &matrix{cfg: &cfg, ops: ops, known: m.known, rows: map[string]*FaultRow{}, res: &FaultResult{}}
	own.runner = &runner{target: m.target, cfg: &cfg.Config, in: newInterner(), result: &own.res.Result}
	own.explorer = newExplorer(m.target, &cfg.Config, own.in)
	own.ref = newRefGraph(own.in)
	own.plain = m.target.apply(faultfs.NewSim(), m.target.Model(), ops, true, own.in)
	own.oracle = newOracle(m.target, own.in, own.plain)
	own.first = refSet{own.ref.state(m.target.Model())}
	own.truth = newTruthLines(own.in, own.plain.states)
	return own
}

// moved gives a suspect's plan at each call of this workload that is of the place
// that its first fault struck, the last first.
func (m *matrix) moved(s *suspect) (plans []faultfs.Plan) {
	plan, err := faultfs.ParsePlan(s.scenario.Plan)
	if err != nil || len(plan) != 1 {
		return nil
	}
	b := m.begin(nil)
	b.list = true
	calls := b.live(faultfs.NewSim(), m.first, m.ops).watch.calls
	for i := range slices.Backward(calls) {
		if c := &calls[i]; c.at == s.strike && len(plans) < 24 {
			plans = append(plans, faultfs.Plan{{When: c.when(), What: plan[0].What}})
		}
	}
	return plans
}
