package crashtest

import (
	"context"
	"fmt"
	"runtime"
	"slices"

	"crashsim/faultfs"
)

// FaultConfig says how a target is tried with faults. Begin with [FaultDefaults].
type FaultConfig struct {
	Config
	// Plans, if any, are tried in the workload in place of the matrix, each alone.
	Plans []faultfs.Plan
	// Pairs is how many pairs of faults are tried: all where they are no more, else a
	// sample by the seed.
	Pairs int
	// Starts is how many of the disks that crashes leave are recovered from with
	// faults, each of another way that recovery goes, beside that at the end of the
	// workload; with 0 that is not, either.
	Starts int
	// Beside says that others work in the process: goroutines that the target leaves
	// running cannot be told from theirs, and are not looked for.
	Beside bool
}

// FaultDefaults gives a configuration that tries every fault at every call of a
// small workload.
func FaultDefaults() FaultConfig {
	cfg := FaultConfig{Config: Defaults(), Pairs: 300, Starts: 4}
	cfg.Ops, cfg.Search, cfg.MaxStates, cfg.Depth = 40, SearchLazy, 1<<13, 0
	return cfg
}

// FaultResult is what a run with faults found. Of the counters of Result,
// CrashPoints are cuts after a fault, and Capped those of them that were not
// searched whole.
type FaultResult struct {
	Result
	Calls      int      // that the workload makes of the disk
	Singles    int      // faults in the workload, each alone
	InRecovery int      // the same in recoveries
	Starts     int      // disks that these began with
	Ways       int      // that recoveries went, of which each start is one
	Pairs      int      // tried
	AllPairs   int      // that there are
	Idle       int      // faults that found nothing to strike
	Missed     []string // of Plans, those with a fault that never struck
	Known      int      // failures that come without a fault as well, and are not told here
	Rows       []FaultRow
}

// FaultRow is what came of a class of faults.
type FaultRow struct {
	Class   string
	Lying   bool // disks that say what is not so
	Tried   int
	Idle    int // of these, had nothing to strike
	Outcome map[Outcome]int
}

// Outcome is what came of one fault.
type Outcome string

// The outcomes, the columns of the table. Of a lying disk, data that is lost and
// nothing worse is no failure.
const (
	Survived   Outcome = "survived"
	BadReport  Outcome = "reported wrongly"
	LostData   Outcome = "lost"
	SilentlyIn Outcome = "corrupted silently"
	NoMoreUse  Outcome = "stuck or leaking"
)

// Outcomes lists them.
func Outcomes() []Outcome { return []Outcome{Survived, BadReport, LostData, SilentlyIn, NoMoreUse} }

func outcomeOf(k Kind) Outcome {
	switch k {
	case Misreported, Unnamed, OpFailed:
		return BadReport
	case Lost, Forgotten:
		return LostData
	case WrongState, WrongAnswer, HandedOut, Disagrees, Unstable:
		return SilentlyIn
	}
	return NoMoreUse
}

// faultJob is one plan to try.
type faultJob struct {
	plan  faultfs.Plan
	row   string
	start *faultStartDisk // nil: an empty disk, and the workload
	ways  []*faultTrial   // one where what has failed is asked for again, one where it is not
}

// faultStartDisk is a disk that a crash has left for a recovery with faults.
type faultStartDisk struct {
	crash Crash
	op    int
	image func() *faultfs.Sim
	set   refSet

	closed bool // the store was
}

// faultTrial is one life under a plan, and the crashes after the fault.
type faultTrial struct {
	life    *faultLife
	crashes []branch
	pairs   int // faults that could strike later
}

type matrix struct {
	*runner
	cfg      *FaultConfig
	ref      *refGraph
	ops      []string
	plain    *session
	first    refSet
	truth    *truthLines
	known    map[string]bool // causes that need no fault
	rows     map[string]*FaultRow
	res      *FaultResult
	diverged bool
}

// Faults tries a target with faults: its workload once for each call that it makes
// of the disk and each fault that applies to it, going on after it, crashed at each
// later moment that matters, and opened again; then recoveries from what crashes
// leave in the same way; then pairs of faults. The result depends on cfg without
// Workers, and on nothing else.
func Faults(ctx context.Context, t *Target, cfg FaultConfig) (*FaultResult, error) {
	ops, err := t.workload(&cfg.Config)
	if err != nil {
		return nil, err
	}
	return faultsOn(ctx, t, cfg, ops)
}

func faultsOn(ctx context.Context, t *Target, cfg FaultConfig, ops []string) (*FaultResult, error) {
	m := newMatrix(t.underFaults(), cfg, ops)
	begin := m.begin(nil)
	begin.list = true
	calls := begin.live(faultfs.NewSim(), m.first, m.ops).watch.calls
	m.res.Calls = len(calls)
	starts := m.startsAndKnown(ctx)
	if cfg.Plans != nil {
		m.run(ctx, "faults", planJobs(cfg.Plans))
	} else {
		singles := faultJobs(calls, nil)
		m.res.Singles = m.run(ctx, "faults", singles)
		for _, s := range starts {
			m.res.InRecovery += m.run(ctx, "faults in recovery", m.recoveryJobs(s))
		}
		m.pairs(ctx, singles)
	}
	return m.end(ctx)
}

func newMatrix(t *Target, cfg FaultConfig, ops []string) *matrix {
	m := &matrix{cfg: &cfg, rows: map[string]*FaultRow{}, known: map[string]bool{}, res: &FaultResult{}}
	m.runner = &runner{target: t, cfg: &cfg.Config, in: newInterner(), used: map[use]bool{}, covered: newCoverage(), result: &m.res.Result}
	m.explorer = newExplorer(t, &cfg.Config, m.in)
	m.ref = newRefGraph(m.in)
	m.plain = m.runner.plain(ops)
	m.ops, m.suspects = m.plain.ops, nil // what fails without faults is for Run
	m.res.Workload = m.ops
	m.oracle = newOracle(t, m.in, m.plain)
	m.first = refSet{m.ref.state(t.Model())}
	m.truth = newTruthLines(m.in, m.plain.states)
	return m
}

func (m *matrix) end(ctx context.Context) (*FaultResult, error) {
	res := m.res
	m.renew()
	m.count()
	for _, row := range m.rows {
		res.Rows = append(res.Rows, *row)
	}
	slices.SortFunc(res.Rows, compareRows)
	res.Interrupted = ctx.Err() != nil
	var err error
	if res.Findings, err = m.findings(ctx); err != nil {
		return nil, err
	}
	if m.diverged {
		return nil, fmt.Errorf("%w: on equal disks its recovery looked at different things", ErrDiverged)
	}
	tried := 0
	for _, row := range res.Rows {
		tried += row.Tried - row.Idle
	}
	switch {
	case len(res.Findings) > 0:
		res.Verdict = Failed
	case res.Capped > 0 || res.Interrupted || tried == 0 || m.cfg.Plans != nil && res.Idle > 0:
		res.Verdict = Inconclusive
	default:
		res.Verdict = Passed
	}
	return res, nil
}

// renew begins with a new explorer, when all is judged that the old one has found.
func (m *matrix) renew() {
	m.diverged = m.diverged || m.explorer.hasDiverged()
	m.tally.add(m.explorer)
	m.explorer = newExplorer(m.target, &m.cfg.Config, m.in)
	for e := m.explorer; e != nil; e = e.large {
		e.counted = &m.tally
	}
}

// afresh does some jobs once more, one at a time, with nothing known of any disk: a
// search that goes by what was looked at before of disks that are equal may
// contradict itself where one that looks for itself does not.
func (m *matrix) afresh(jobs []*faultJob) {
	before := m.diverged
	m.renew()
	m.diverged = before
	for _, j := range jobs {
		j.ways = nil
		m.do(j)
	}
}

func (m *matrix) begin(plan faultfs.Plan) *faultStart {
	return &faultStart{target: m.target, ref: m.ref, model: m.cfg.Model, plan: plan, plain: m.plain.states, truth: m.truth}
}

// faultJobs gives a job for each fault that applies to each call.
func faultJobs(calls []diskCall, start *faultStartDisk) (jobs []*faultJob) {
	for i := range calls {
		c := &calls[i]
		for _, a := range c.actions {
			fault := faultfs.Fault{When: c.when(), What: a}
			jobs = append(jobs, &faultJob{plan: faultfs.Plan{fault}, row: a.Class(), start: start})
			if mode, ok := faultfs.SyncFailureNamed(a.Mode); ok && !mode.Retries && !mode.Reverts {
				evict := faultfs.Fault{When: faultfs.Nth(c.place + 1), What: faultfs.Action{Deed: faultfs.Evict}}
				jobs = append(jobs, &faultJob{plan: faultfs.Plan{fault, evict}, row: a.Class() + ", evicted", start: start})
			}
		}
	}
	return jobs
}

func planJobs(plans []faultfs.Plan) (jobs []*faultJob) {
	for _, p := range plans {
		jobs = append(jobs, &faultJob{plan: p, row: p[0].What.Class()})
	}
	return jobs
}

// run tries jobs, more and more of them at a time, and judges them in their order.
// It gives how many it came to.
func (m *matrix) run(ctx context.Context, phase string, jobs []*faultJob) (done int) {
	for n := 1; done < len(jobs) && ctx.Err() == nil; n = min(2*n, 64) {
		some := jobs[done:min(done+n, len(jobs))]
		m.explorer.allow(m.maxStates())
		before := runtime.NumGoroutine()
		begun := 0
		m.explorer.tasks.work(m.cfg.Workers, func(int) func() {
			if begun == len(some) || ctx.Err() != nil {
				return nil
			}
			j := some[begun]
			begun++
			m.cfg.tell(Progress{Phase: phase, Done: done + begun, Total: len(jobs), Recoveries: m.explorer.seen()})
			return func() { m.do(j) }
		})
		if m.explorer.hasDiverged() {
			m.afresh(some[:begun])
		}
		m.checkGoroutines(before, some[:begun])
		for _, j := range some[:begun] {
			m.judge(j)
			j.ways = slices.Clip(j.ways)
			for _, t := range j.ways {
				t.life, t.crashes = nil, nil
			}
		}
		m.fails = m.fails || len(m.suspects) > 0
		done += begun
		if m.explorer.held() > tooMany {
			m.renew()
		}
	}
	return done
}

// do tries one plan, and where an operation has failed by it, once more with a
// caller who does not ask again.
func (m *matrix) do(j *faultJob) {
	t := m.try(j, false)
	j.ways = append(j.ways, t)
	if t.life.failures > 0 {
		j.ways = append(j.ways, m.try(j, true))
	}
}

func (m *matrix) try(j *faultJob, goesOn bool) *faultTrial {
	b := m.begin(j.plan)
	b.goesOn, b.closed = goesOn, j.start != nil && j.start.closed
	b.list = m.cfg.Pairs > 0 && j.start == nil && len(j.plan) == 1 && !goesOn
	t := &faultTrial{}
	if j.start == nil {
		t.life = b.live(faultfs.NewSim(), m.first, m.ops)
	} else {
		t.life = b.live(j.start.image(), j.start.set, nil)
	}
	t.pairs = t.life.later()
	if t.life.failed != nil || t.life.watch.struckAt == nil {
		return t
	}
	for cut := range t.life.cuts(m.cfg.Model) {
		if cut.At > t.life.watch.struckAt[0] {
			b := newBranch(t.life.session, cut.Cut)
			b.states = cut.allowed
			b.aftermath = m.explorer.after(cut.Cut, twice, false)
			t.crashes = append(t.crashes, b)
		}
	}
	return t
}

// later counts the faults that could be the second one of a pair.
func (l *faultLife) later() (n int) {
	strikes := l.armed.Struck()
	if len(strikes) == 0 || l.trust == lying {
		return 0
	}
	for i := range l.watch.calls {
		if c := &l.watch.calls[i]; c.place > strikes[0].Place {
			n += len(honest(c.actions))
		}
	}
	return n
}

// honest leaves out the faults of disks that lie.
func honest(list []faultfs.Action) []faultfs.Action {
	return slices.DeleteFunc(slices.Clone(list), faultfs.Action.Lies)
}

// checkGoroutines finds out which of some jobs leaves a goroutine behind, if any
// does: by doing them again, one at a time.
func (m *matrix) checkGoroutines(before int, jobs []*faultJob) {
	if m.cfg.Beside || settled(before) {
		return
	}
	for _, j := range jobs {
		if len(j.ways) > 0 && j.ways[0].life.failed == nil && leavesGoroutine(func() { m.try(j, false) }) {
			j.ways[0].life.failed = leftRunning()
		}
	}
}

func leftRunning() *Failure {
	return &Failure{Kind: LeftRunning, Detail: "more are running after the store was closed than before it was opened"}
}

func leavesGoroutine(life func()) bool {
	for range 3 { // what comes of others does not come each time
		before := runtime.NumGoroutine()
		life()
		if settled(before) {
			return false
		}
	}
	return true
}

// settled gives goroutines that are ending the time to do so.
func settled(before int) bool {
	for range 1000 {
		if runtime.NumGoroutine() <= before {
			return true
		}
		runtime.Gosched()
	}
	return false
}
