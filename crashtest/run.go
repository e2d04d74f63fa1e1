package crashtest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"math"
	"runtime"
	"slices"

	"crashsim/faultfs"
)

// Config says how a target is explored. Begin with [Defaults].
type Config struct {
	Model     faultfs.Model
	Seed      uint64
	Ops       int // operations in the workload, about
	Workers   int // disks that are recovered from at once
	MaxStates int // disks tried at one cut; where it leaves more see Search
	Search    Search
	// Whole is how many disks a cut may leave for SearchAuto to try all of them; more
	// are gone through lazily. 0: MaxStates.
	Whole int
	Depth int // crashes inside recovery, one in another
	// KeepGoing explores as much of a store that is known to fail. Else each cut
	// is tried with few disks, and there are no crashes in recovery and no kills.
	KeepGoing bool
	// Progress, if not nil, is told now and then, from one goroutine at a time.
	Progress func(Progress)

	met  map[string]bool              // if not nil, gets the cause of every failing disk
	pick func(*Finding) (bool, error) // if not nil, ends the run at a finding that is picked
	held int                          // disks that are kept in memory; 0: tooMany
}

// Defaults gives a configuration that explores a store of a few files whole.
func Defaults() Config {
	return Config{
		Model: faultfs.POSIX, Seed: 1, Ops: 85, Workers: runtime.GOMAXPROCS(0), MaxStates: 1 << 15, Search: SearchAuto, Depth: 2,
	}
}

func (c *Config) tell(p Progress) {
	if c.Progress != nil {
		c.Progress(p)
	}
}

// Progress is how far a run has come.
type Progress struct {
	Phase       string
	Done, Total int // of the phase's cuts, or of the failures to shrink
	Recoveries  int // so far, about: a disk that comes again later may count again
}

// Run explores a target: its workload as it is, then with a power cut at each
// moment, then with its process killed at each. The result depends on the target
// and on Model, Seed, Ops, MaxStates, Search, Whole, Depth and KeepGoing, and on
// nothing else. When ctx ends, what has begun is finished, and the result is of that much. An
// error says that the target does not do the same twice ([ErrDiverged]), or that
// something is missing in it or in cfg.
func Run(ctx context.Context, t *Target, cfg Config) (*Result, error) {
	ops, err := t.workload(&cfg)
	if err != nil {
		return nil, err
	}
	return explore(ctx, t, cfg, ops)
}

// Check is Run for a test: an error says all that is wrong, and what would mend it,
// or that not everything was tried.
func Check(ctx context.Context, t *Target, cfg Config) error {
	r, err := Run(ctx, t, cfg)
	if err != nil || r.Verdict == Passed {
		return err
	}
	var mends []string
	for _, f := range r.Findings {
		m, err := Suggest(ctx, t, cfg, f)
		if err != nil {
			return err
		}
		mends = append(mends, "  to mend it: "+m.String())
	}
	return errors.New(r.says(mends))
}

func explore(ctx context.Context, t *Target, cfg Config, ops []string) (*Result, error) {
	r := &runner{target: t, cfg: &cfg, in: newInterner(), used: map[use]bool{}, ways: map[killWay]bool{},
		covered: newCoverage(), sometimes: newSometimes(), result: &Result{}}
	r.explorer = newExplorer(t, &cfg, r.in)
	workload := r.plain(ops)
	r.result.Workload = workload.ops
	r.covered.workload(workload)
	r.explorer.refer(workload.reference(), false)
	r.oracle = newOracle(t, r.in, workload)

	var first *suspect
	if len(r.suspects) == 0 {
		first = r.failsAtOnce(ctx, workload)
	}
	r.fails = len(r.suspects) > 0 || first != nil
	r.phase(ctx, "power cuts", workload, powerCuts(workload, cfg.Model))
	if !r.fails || cfg.KeepGoing {
		r.phase(ctx, "kills", workload, kills(workload, cfg.Model))
	}
	if text := r.explorer.hasDiffered(); text != "" {
		return nil, fmt.Errorf("%w: of two recoveries from equal disks %s", ErrDiverged, text)
	}
	if r.explorer.hasDiverged() {
		return nil, fmt.Errorf("%w: on equal disks its recovery looked at different things; a search that is not lazy needs no such promise", ErrDiverged)
	}
	if len(r.suspects) == 0 && first != nil && ctx.Err() == nil { // what was tried since was not that disk
		r.suspects = []*suspect{first}
	}
	r.count()
	r.result.Coverage, r.result.Probes = r.covered.result(), r.sometimes.probes()
	r.result.Interrupted = ctx.Err() != nil
	var err error
	if r.result.Findings, err = r.findings(ctx); err != nil {
		return nil, err
	}
	r.result.Verdict = r.verdict()
	return r.result, nil
}

type runner struct {
	target    *Target
	cfg       *Config
	in        *interner
	explorer  *explorer
	tally     tally
	oracle    *oracle
	suspects  []*suspect
	used      map[use]bool
	ways      map[killWay]bool // of recoveries that were killed
	fails     bool             // it is known already
	killed    int              // of the workload
	covered   *coverage
	sometimes *sometimes
	result    *Result
}

// level is how far the disks of the first crash are explored.
func (c *Config) level() int { return twice + c.Depth }

// A store that is known to fail is explored less: fewer disks at a cut, and no
// crashes in recovery. One that syncs nothing would else take for ever.
const statesAfterFailure = 64

func (r *runner) level() int {
	if r.fails && !r.cfg.KeepGoing {
		return twice
	}
	return r.cfg.level()
}

func (r *runner) maxStates() int {
	if r.fails && !r.cfg.KeepGoing {
		return min(r.cfg.MaxStates, statesAfterFailure)
	}
	return r.cfg.MaxStates
}

// failsAtOnce tries a few disks at each cut and no more than recovery from them. It gives
// the first that fails, nil where none does.
func (r *runner) failsAtOnce(ctx context.Context, workload *session) *suspect {
	few := newExplorer(r.target, r.cfg, r.in)
	few.allow(min(r.cfg.MaxStates, statesAfterFailure))
	o := newOracle(r.target, r.in, workload)
	for j := range powerCuts(workload, r.cfg.Model) {
		a := few.after(j.Cut, recovered, false)
		few.tasks.work(r.cfg.Workers, nothing)
		for _, d := range a.disks {
			if v := o.judge(d.visit, j.allowed, recovered); v != nil {
				return newSuspect(workload, j, d.lost, v)
			}
		}
		if ctx.Err() != nil {
			break
		}
	}
	return nil
}

// plain runs the workload with no crash at all. An operation at which the store
// already differs from the reference is a suspect, and left out from there on.
func (r *runner) plain(ops []string) *session {
	for {
		s := r.target.apply(faultfs.NewSim(), r.target.Model(), ops, true, r.in)
		if s.failed == nil {
			return s
		}
		r.suspects = append(r.suspects, &suspect{
			scenario: Scenario{Ops: ops[:s.failOp+1], Last: InWorkload}, failure: s.failed, seen: 1,
		})
		if s.failOp < 0 {
			return s
		}
		ops = slices.Delete(slices.Clone(ops), s.failOp, s.failOp+1)
	}
}

// job is a cut to explore, and then what it led to.
type job struct {
	cutPoint
	kill bool
	*aftermath
}

// phase explores cuts, more and more of them at a time up to most, and has them
// judged in their order, so that what fails at once is known to fail before much was
// done.
func (r *runner) phase(ctx context.Context, name string, workload *session, cuts iter.Seq[*job]) {
	const most = 64
	jobs := slices.Collect(cuts)
	done := 0
	for n := 1; done < len(jobs) && ctx.Err() == nil; n = min(2*n, most) {
		r.explorer.allow(r.maxStates())
		some := r.explorer.together(jobs[done:min(done+n, len(jobs))])
		begun, deal := 0, newDeal(len(some), r.cfg.Workers)
		r.explorer.tasks.work(r.cfg.Workers, func(worker int) func() {
			if begun == len(some) || ctx.Err() != nil {
				return nil
			}
			j := some[deal.next(worker)]
			begun++
			r.cfg.tell(Progress{Phase: name, Done: done + begun, Total: len(jobs), Recoveries: r.explorer.seen()})
			return func() { r.do(j) }
		})
		explored := slices.DeleteFunc(slices.Clone(some), func(j *job) bool { return j.aftermath == nil })
		for _, j := range explored {
			if r.result.CrashPoints++; j.kill {
				r.killed++
			}
		}
		r.judge(workload, explored)
		r.fails = r.fails || len(r.suspects) > 0
		clear(some) // with them would be all that came of them
		done += begun
		if r.explorer.held() > cmp.Or(r.cfg.held, tooMany) {
			r.tally.add(r.explorer)
			r.explorer = r.explorer.anew(&r.tally)
		}
	}
}

// together gives so many of the jobs, one at least, as leave few disks between them:
// all that comes of these is held in memory until they are judged.
func (e *explorer) together(jobs []*job) []*job {
	const few = 1 << 12
	disks := 0
	for i, j := range jobs {
		if disks += e.disksAt(j, few); disks > few && i > 0 {
			return jobs[:i]
		}
	}
	return jobs
}

// disksAt is how many disks are tried at a cut, or one more than limit. What is gone
// through lazily is few.
func (e *explorer) disksAt(j *job, limit int) int {
	if j.kill || e.lazyFor(j.Cut) != nil {
		return 1
	}
	return len(closedSets(j.Needs, math.MaxInt, min(limit, e.maxStates), nil))
}

func powerCuts(s *session, m faultfs.Model) iter.Seq[*job] {
	return func(yield func(*job) bool) {
		for c := range s.cuts(m) {
			if !yield(&job{cutPoint: c}) {
				return
			}
		}
	}
}

// kills are the moments after each operation that has left something pending:
// with nothing pending a killed process leaves what a power cut does.
func kills(s *session, m faultfs.Model) iter.Seq[*job] {
	return func(yield func(*job) bool) {
		for p := s.begin(m); p.walk.Peek() != nil; {
			op := p.walk.Peek()
			p.next()
			if op.Kind.IsMark() || op.Kind.IsSync() {
				continue
			}
			if c := p.cut(); len(c.Pending) > 0 && !yield(&job{cutPoint: c, kill: true}) {
				return
			}
		}
	}
}

func (r *runner) do(j *job) {
	e := r.explorer
	if j.kill {
		v := &visit{}
		j.aftermath = &aftermath{disks: []left{{v, newLossSet(len(j.Pending))}}}
		e.explore(v, j.Kill, r.level(), true)
		return
	}
	j.aftermath = e.after(j.Cut, r.level(), true)
}

// judge makes suspects of the failures at some cuts. Of one cut, a disk that loses
// what another loses, and more, in as many crashes or more, says nothing new.
func (r *runner) judge(workload *session, jobs []*job) {
	for i, verdicts := range r.verdicts(workload, jobs) {
		j := jobs[i]
		var found []*suspect
		var lost []lossSet
		for k, v := range verdicts {
			if v == nil {
				continue
			}
			en := j.disks[k]
			s := newSuspect(workload, j, en.lost, v)
			if r.cfg.met != nil {
				r.cfg.met[s.cause()] = true
			}
			simpler := func(i int) bool {
				return lost[i].in(en.lost) && len(found[i].scenario.Crashes) <= len(s.scenario.Crashes)
			}
			if i := slices.IndexFunc(indexes(len(found)), simpler); i >= 0 {
				found[i].seen++
				continue
			}
			found, lost = append(found, s), append(lost, en.lost)
		}
		r.suspects = append(r.suspects, found...)
	}
}

// verdicts gives one for each disk of each job, nil where nothing fails. What is
// left of them to be tried is chosen here, in their order, and done side by side.
func (r *runner) verdicts(workload *session, jobs []*job) [][]*verdict {
	all := make([][]*verdict, len(jobs))
	var tasks []func()
	each := func(do func(j *job, l left, v **verdict)) {
		for i, j := range jobs {
			for k, l := range j.disks {
				if v := &all[i][k]; *v == nil {
					do(j, l, v)
				}
			}
		}
		r.explorer.tasks.work(r.cfg.Workers, newDeal(len(tasks), r.cfg.Workers).of(tasks))
		tasks = nil
	}
	for i, j := range jobs {
		r.covered.crash(workload.lastSite(j.At), j.disks)
		r.sometimes.crash(j)
		all[i] = make([]*verdict, len(j.disks))
	}
	var later []func()
	finish := func() {
		for _, judge := range later {
			judge()
		}
		later = nil
	}
	each(func(j *job, l left, v **verdict) {
		if *v = r.oracle.judge(l.visit, j.allowed, r.level()); *v != nil || !r.firstUse(j, l) {
			return
		}
		used, task := r.explorer.toUse(j, l)
		tasks = append(tasks, task)
		later = append(later, func() { *v = r.oracle.inUse(used, j.allowed) })
	})
	finish()
	failed := func(list []*verdict) bool {
		return slices.ContainsFunc(list, func(v *verdict) bool { return v != nil })
	}
	if !r.cfg.KeepGoing && (len(r.suspects) > 0 || slices.ContainsFunc(all, failed)) {
		return all
	}
	each(func(j *job, l left, v **verdict) {
		for kill := range r.killsOf(j, l) {
			tasks = append(tasks, kill.explore)
			later = append(later, func() {
				if *v == nil {
					*v = kill.judge(r.oracle)
				}
			})
		}
	})
	finish()
	return all
}

func (j *job) image(lost lossSet) *faultfs.Sim {
	if j.kill {
		return j.Kill()
	}
	return j.Image(lost.kept)
}

// count sums up what was done for all disks.
func (r *runner) count() {
	res := r.result
	r.tally.add(r.explorer)
	res.Unique, res.States, res.Capped = len(r.tally.disks), r.killed+len(r.tally.kills), 0
	for _, c := range r.tally.cuts {
		res.States += int(c.made)
		if c.capped {
			res.Capped++
		}
	}
	res.Recoveries = res.Unique + r.killed + len(r.tally.kills)
}

func (r *runner) verdict() Verdict {
	switch res := r.result; {
	case len(res.Findings) > 0:
		return Failed
	case res.Capped > 0 || res.Interrupted || res.Recoveries == 0:
		return Inconclusive
	}
	return Passed
}

// reference gives a model for each state of the workload.
func (s *session) reference() map[stateID]Model {
	m := make(map[stateID]Model, len(s.states))
	for i, id := range s.states {
		if m[id] == nil {
			m[id] = s.models[i]
		}
	}
	return m
}
