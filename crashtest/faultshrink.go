package crashtest

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"crashsim/faultfs"
)

// findings shrinks what was found, one of each cause.
func (m *matrix) findings(ctx context.Context) (list []*Finding, err error) {
	groups := grouped(m.suspects)
	small := make([]*suspect, len(groups))
	done := 0
	m.explorer.tasks.work(m.cfg.Workers, func(int) func() {
		if done == len(groups) {
			return nil
		}
		i := done
		done++
		m.cfg.tell(Progress{Phase: "shrinking", Done: i, Total: len(groups), Recoveries: m.explorer.seen()})
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

// shrinkFaults shrinks a case with faults. One that does not fail any more as it
// stands, s being nil, is looked for anew by its plan in its own workload.
func (c *Case) shrinkFaults(ctx context.Context, t *Target, cfg Config, s *suspect) (*Case, error) {
	faults := FaultConfig{Config: cfg}
	if s != nil {
		m := newMatrix(t.underFaults(), faults, c.Scenario.Ops)
		m.startsAndKnown(ctx)
		return newCase(m.target, &cfg, m.shrink(ctx, s))
	}
	if c.Scenario.Strikes == InRecovery {
		return nil, ErrInconclusive // there are more disks to recover from than that one
	}
	plan, err := faultfs.ParsePlan(c.Scenario.Plan)
	if err != nil {
		return nil, err
	}
	faults.Plans = []faultfs.Plan{plan}
	result, err := faultsOn(ctx, t, faults, c.Scenario.Ops)
	if err != nil {
		return nil, err
	}
	return c.foundIn(&result.Result)
}

// shrink drops faults, then operations, as long as there is a failure of the same
// kind by a fault in the same place.
func (m *matrix) shrink(ctx context.Context, s *suspect) *suspect {
	best := s
	plan, err := faultfs.ParsePlan(s.scenario.Plan)
	if err != nil {
		return s
	}
	for i := 0; i < len(plan) && len(plan) > 1 && ctx.Err() == nil; i++ {
		less := slices.Delete(slices.Clone(plan), i, i+1)
		if again := m.again(ctx, best, best.scenario.Ops, less); again != nil {
			best, plan = again, less
			i = -1
		}
	}
	ops := best.scenario.Ops
	for size := max(1, len(ops)/2); size > 0; {
		shrunk := false
		for at := len(ops); at > 0 && ctx.Err() == nil; at -= size {
			fewer := slices.Delete(slices.Clone(ops), max(0, at-size), min(at, len(ops)))
			if again := m.again(ctx, best, fewer, nil); again != nil {
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

// again looks for a suspect's failure in another workload: by its plan, its faults
// moved to each call of the same place; or by a plan that has fewer of them.
func (m *matrix) again(ctx context.Context, s *suspect, ops []string, less faultfs.Plan) *suspect {
	own := m.smaller(ops)
	if own.plain.failed != nil {
		return nil
	}
	starts := []*faultStartDisk{nil}
	if s.scenario.Strikes == InRecovery {
		starts = own.startsLike(&s.scenario.Crashes[0])
	}
	for _, start := range starts {
		plans := []faultfs.Plan{less}
		if less == nil {
			plans = own.moved(s, start)
		}
		for _, p := range plans {
			if ctx.Err() != nil {
				return nil
			}
			j := &faultJob{plan: p, start: start}
			t := own.try(j, s.scenario.GoesOn)
			if found, _ := own.suspect(j, t); found != nil && found.failure.Kind == s.failure.Kind &&
				(found.cause() == s.cause() || less != nil && slices.Contains(s.struck.each, found.struck.first)) &&
				!own.known[found.plainCause()] {
				return found
			}
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
	for _, model := range own.plain.models {
		own.ref.state(model)
	}
	own.oracle = newOracle(m.target, own.in, own.plain)
	own.first = refSet{own.ref.state(m.target.Model())}
	own.truth = newTruthLines(own.in, own.plain.states)
	return own
}

// As many disks and calls are looked at for a failure in one smaller workload.
const (
	mostStarts = 32
	mostMoves  = 24
)

// startsLike gives the disks that a crash in the last operation may leave, with no
// more lost than a crash has lost, and nothing that other lines had asked for. The
// ones that lose the least come first.
func (m *matrix) startsLike(c *Crash) (starts []*faultStartDisk) {
	sites, seen := c.sites(), map[faultfs.Key]bool{}
	for j := range powerCuts(m.plain, m.cfg.Model) {
		if j.op != len(m.ops)-1 {
			continue
		}
		may := func(i int) bool { return slices.Contains(sites, siteOf(j.Pending[i]).String()) }
		for _, lost := range closedSets(j.Needs, len(c.Lost), mostStarts, may) {
			if sim := j.Image(lost.kept); sim != nil && !seen[sim.Key()] {
				seen[sim.Key()] = true
				starts = append(starts, m.startAt(j, lost))
			}
		}
	}
	slices.SortStableFunc(starts, func(a, b *faultStartDisk) int { return cmp.Compare(len(a.crash.Lost), len(b.crash.Lost)) })
	return starts[:min(mostStarts, len(starts))]
}

// moved gives a suspect's plan with each fault at each call that is of the place that
// it has struck, the last ones first.
func (m *matrix) moved(s *suspect, start *faultStartDisk) []faultfs.Plan {
	plan, err := faultfs.ParsePlan(s.scenario.Plan)
	if err != nil {
		return nil
	}
	plans := []faultfs.Plan{nil}
	for i := range plan {
		var longer []faultfs.Plan
		for _, p := range plans {
			for _, c := range slices.Backward(m.callsUnder(p, start)) {
				if c.at == s.struck.each[i] && len(longer) < mostMoves {
					when := c.when()
					if i > 0 {
						when = faultfs.Nth(c.place)
					}
					longer = append(longer, append(slices.Clone(p), faultfs.Fault{When: when, What: plan[i].What}))
				}
			}
		}
		plans = longer
	}
	return plans
}

// callsUnder lists what is asked of a disk on which a plan strikes: by the workload,
// where there is no disk to recover from.
func (m *matrix) callsUnder(p faultfs.Plan, start *faultStartDisk) []diskCall {
	b := m.begin(p)
	b.list = true
	switch {
	case start == nil:
		return b.live(faultfs.NewSim(), m.first, m.ops).watch.calls
	case p == nil:
		return m.recoveryCalls(start)
	}
	b.closed = start.closed
	return b.live(start.image(), start.set, nil).watch.calls
}
