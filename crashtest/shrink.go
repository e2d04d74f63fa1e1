package crashtest

import (
	"context"
	"errors"
	"regexp"
	"slices"
	"strings"
	"sync"

	"crashsim/faultfs"
)

// suspect is a failure as it was met first.
type suspect struct {
	scenario Scenario
	failure  *Failure
	seen     int // disks that failed in this way

	struck strikes // by faults
}

// Finding is a failure in its smallest form.
type Finding struct {
	*Case
	Seen int // disks that failed in this way, before shrinking
	// Cause is what the findings of different runs of one build have in common
	// where they are one bug: what went wrong, and which lines had asked for what
	// the last crash lost.
	Cause string
}

// newSuspect puts the first crash before what it led to.
func newSuspect(workload *session, j *job, lost lossSet, v *verdict) *suspect {
	b := newBranch(workload, j.Cut)
	v = v.behind(Crash{In: InWorkload, Kill: j.kill, At: j.At, Lost: b.lost(lost), last: b.last})
	return &suspect{scenario: Scenario{Ops: workload.ops[:j.op+1], Crashes: v.path, Last: v.last}, failure: v.failure, seen: 1}
}

// sites are those of what a crash has lost.
func (c *Crash) sites() []string {
	var list []string
	for _, l := range c.Lost {
		list = append(list, l.site.String())
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// lastCrash is the one that the failure follows, nil where there is none.
func (s *suspect) lastCrash() *Crash {
	if n := len(s.scenario.Crashes); n > 0 {
		return &s.scenario.Crashes[n-1]
	}
	return nil
}

func (s *suspect) lost() (n int) {
	for _, c := range s.scenario.Crashes {
		n += len(c.Lost)
	}
	return n
}

// cause is what makes two failures one: what went wrong, and what the crash
// before it lost, by the lines that had asked for it; where nothing was lost,
// what the store says, or else what was done last.
func (s *suspect) cause() string {
	if detail, _, _ := strings.Cut(s.failure.Detail, notCause); s.struck.first != "" && detail != "" {
		return string(s.failure.Kind) + " after a fault, saying " + particulars.ReplaceAllString(detail, "")
	} else if s.struck.first != "" {
		return string(s.failure.Kind) + " by a fault in " + s.struck.first
	}
	return s.plainCause()
}

// plainCause leaves out what a fault did.
func (s *suspect) plainCause() string {
	kind := string(s.failure.Kind)
	if s.failure.Kind == Lost {
		kind = string(WrongState) // which of the two it is depends on what else was done
	}
	c := s.lastCrash()
	switch {
	case c == nil && len(s.scenario.Ops) == 0:
		return kind + " at once"
	case c == nil:
		verb, _, _ := strings.Cut(s.scenario.Ops[len(s.scenario.Ops)-1], " ")
		return kind + " in " + verb
	case len(c.Lost) > 0:
		return kind + " without " + strings.Join(c.sites(), ", ")
	case s.failure.Detail != "":
		return kind + " saying " + particulars.ReplaceAllString(s.failure.Detail, "")
	}
	return kind + " after " + c.last.String()
}

// particulars are what differs between two messages of one kind: folders and
// numbers.
var particulars = regexp.MustCompile(`[^\s"]*/|\d+`)

// findings shrinks what was found, one of each cause, and puts together what
// turns out to be one when it is small.
func (r *runner) findings(ctx context.Context) (list []*Finding, err error) {
	groups := grouped(r.suspects)
	if r.cfg.pick != nil {
		return r.pick(ctx, groups)
	}
	small := make([]*suspect, len(groups))
	var wg sync.WaitGroup
	next := make(chan int)
	for range r.cfg.Workers {
		wg.Go(func() {
			for i := range next {
				small[i] = (&shrinker{target: r.target, cfg: r.cfg}).shrink(ctx, groups[i])
			}
		})
	}
	for i := range groups {
		r.cfg.tell(Progress{Phase: "shrinking", Done: i, Total: len(groups), Recoveries: r.explorer.seen()})
		next <- i
	}
	close(next)
	wg.Wait()
	for _, s := range grouped(small) {
		c, err := newCase(r.target, r.cfg, s)
		if err != nil {
			return nil, err
		}
		list = append(list, &Finding{Case: c, Seen: s.seen, Cause: s.cause()})
	}
	return list, nil
}

// grouped gives one suspect for each cause, the one with the fewest crashes, in
// the order in which the causes came.
func grouped(list []*suspect) []*suspect {
	var out []*suspect
	by := map[string]int{}
	for _, s := range list {
		i, ok := by[s.cause()]
		if !ok {
			i = len(out)
			by[s.cause()] = i
			out = append(out, s)
			continue
		}
		seen := out[i].seen + s.seen
		if len(s.scenario.Crashes) < len(out[i].scenario.Crashes) {
			out[i] = s
		}
		out[i].seen = seen
	}
	return out
}

// ErrInconclusive says that a search found nothing and was not whole.
var ErrInconclusive = errors.New("nothing was found, and not everything was tried")

// Shrink looks for the smallest form of the case, on the store as it is now, and
// gives nil where the failure does not come any more. A case that cannot be
// replayed as it stands, since the store has changed, is looked for anew in its
// own workload; [ErrInconclusive] says that it was not found, and not everything
// was tried.
func (c *Case) Shrink(ctx context.Context, t *Target, cfg Config) (*Case, error) {
	s, err := c.suspect(t, cfg.Model)
	if err != nil && !errors.Is(err, ErrDiverged) {
		return nil, err
	}
	if c.Scenario.Plan != "" {
		return c.shrinkFaults(ctx, t, cfg, s)
	}
	if s == nil {
		result, err := explore(ctx, t, cfg, c.Scenario.Ops)
		if err != nil {
			return nil, err
		}
		return c.foundIn(result)
	}
	return newCase(t, &cfg, (&shrinker{target: t, cfg: &cfg}).shrink(ctx, s))
}

// foundIn gives the finding of a run that is of the case's kind, nil where a whole
// search came to none.
func (c *Case) foundIn(r *Result) (*Case, error) {
	for _, f := range r.Findings {
		if f.Kind == c.Kind {
			return f.Case, nil
		}
	}
	if r.Verdict == Inconclusive {
		return nil, ErrInconclusive
	}
	return nil, nil
}

// suspect carries a case out for what a scenario in a file does not say: who
// asked for what was lost.
func (c *Case) suspect(t *Target, m faultfs.Model) (*suspect, error) {
	p, err := c.Scenario.play(t, m)
	if err != nil || p.failure == nil || p.failure.Kind != c.Kind {
		return nil, err
	}
	s := &suspect{scenario: c.Scenario, failure: p.failure, seen: 1}
	if p.faults != nil {
		s.struck = strikesIn(p.faults.life)
	}
	s.scenario.Crashes = slices.Clone(c.Scenario.Crashes)
	for i := range s.scenario.Crashes {
		crash := &s.scenario.Crashes[i]
		crash.last = p.lives[i].lastSite(p.cuts[i].At)
		crash.Lost = nil
		for _, e := range p.lost[i] {
			crash.Lost = append(crash.Lost, lostEffect(e))
		}
	}
	return s, nil
}

// A shrinker makes a scenario smaller as long as it fails in the same way: by
// operations, each time with the fewest effects lost that will do.
type shrinker struct {
	target *Target
	cfg    *Config
	want   *suspect
	first  map[string]bool // the sites that may be lost in the first crash
	last   map[string]bool // and those in the last
}

func (sh *shrinker) shrink(ctx context.Context, s *suspect) *suspect {
	sh.want, sh.first, sh.last = s, map[string]bool{}, map[string]bool{}
	if c := s.lastCrash(); c != nil {
		for _, site := range s.scenario.Crashes[0].sites() {
			sh.first[site] = true
		}
		for _, site := range c.sites() {
			sh.last[site] = true
		}
	}
	best, ops := s, s.scenario.Ops
	if again := sh.try(ctx, ops); again != nil {
		best = again
	}
	for size := max(1, len(ops)/2); size > 0; {
		shrunk := false
		for at := len(ops); at > 0 && ctx.Err() == nil; at -= size {
			fewer := slices.Delete(slices.Clone(ops), max(0, at-size), min(at, len(ops)))
			if again := sh.try(ctx, fewer); again != nil {
				best, ops, shrunk = again, fewer, true
			}
		}
		if !shrunk || size > 1 {
			size /= 2
		}
	}
	best.seen = s.seen
	return best
}

// try looks for the same failure in another workload: in its last operation, or
// where that has come to its end. Where ctx is done it gives what it has by then.
func (sh *shrinker) try(ctx context.Context, ops []string) *suspect {
	plain := len(sh.want.scenario.Crashes) == 0
	in := newInterner()
	life := sh.target.apply(faultfs.NewSim(), sh.target.Model(), ops, plain, in)
	if plain {
		s := &suspect{scenario: Scenario{Ops: ops, Last: InWorkload}, failure: life.failed}
		if life.failed == nil || life.failOp != len(ops)-1 || !sh.same(s) {
			return nil
		}
		return s
	}
	if life.failed != nil {
		return nil
	}
	t := &trial{shrinker: sh, life: life, explorer: newExplorer(sh.target, sh.cfg, in)}
	t.explorer.refer(life.reference(), !sh.want.crashesProbes())
	t.oracle = newOracle(sh.target, in, life)
	cuts := powerCuts(life, sh.cfg.Model)
	if sh.want.scenario.Crashes[0].Kill {
		cuts = kills(life, sh.cfg.Model)
	}
	for j := range cuts {
		if ctx.Err() != nil {
			break
		}
		if j.op == len(ops)-1 {
			t.cut(ctx, j)
		}
	}
	return t.best
}

// same tells whether a failure is the one that is being shrunk, with no more
// lost than that had lost.
func (sh *shrinker) same(s *suspect) bool {
	want := sh.want
	if s.failure.Kind != want.failure.Kind || s.scenario.Last != want.scenario.Last ||
		len(s.scenario.Crashes) != len(want.scenario.Crashes) {
		return false
	}
	for i, c := range s.scenario.Crashes {
		if w := want.scenario.Crashes[i]; c.In != w.In || c.Kill != w.Kill {
			return false
		}
	}
	c := s.lastCrash()
	if c == nil || len(sh.last) == 0 {
		return s.cause() == want.cause()
	}
	return len(c.Lost) > 0 && !slices.ContainsFunc(c.sites(), func(site string) bool { return !sh.last[site] })
}

// trial explores the last operation of one workload.
type trial struct {
	*shrinker
	life     *session
	explorer *explorer
	oracle   *oracle
	best     *suspect
}

func (s *suspect) crashesProbes() bool {
	return slices.ContainsFunc(s.scenario.Crashes, func(c Crash) bool { return c.In == InProbes })
}

// inUse tells whether the store fails in the life that has recovered.
func (s *suspect) inUse() bool {
	second := s.scenario.Last
	if len(s.scenario.Crashes) > 1 {
		second = s.scenario.Crashes[1].In
	}
	return second == InProbes
}

// killsRecovery tells whether a process is killed in its recovery.
func (s *suspect) killsRecovery() bool {
	c := s.scenario.Crashes
	return len(c) > 1 && c[1].In == InRecovery && c[1].Kill
}

// depth is how far disks have to be explored to come to the failure.
func (s *suspect) depth() (level int, probe bool) {
	crashes := s.scenario.Crashes
	if s.killsRecovery() { // which is tried apart
		return recovered, false
	}
	probe = s.scenario.Last == InProbes || s.crashesProbes()
	for _, c := range crashes[1:] {
		if c.In == InRecovery && c.At != AtEnd {
			level++
		}
	}
	if len(crashes) == 1 && !probe {
		return recovered, false
	}
	return twice + level, probe
}

func (t *trial) cut(ctx context.Context, j *job) {
	level, probe := t.want.depth()
	if j.kill {
		v := &visit{}
		t.explore(v, j.Kill, level, probe)
		t.judge(j, v, newLossSet(len(j.Pending)), level)
		return
	}
	most := len(t.want.scenario.Crashes[0].Lost)
	if t.best != nil {
		most = len(t.best.scenario.Crashes[0].Lost) - 1
	}
	may := func(i int) bool { return t.first[siteOf(j.Pending[i]).String()] }
	tried := func(lost lossSet) bool {
		sim := j.Image(lost.kept)
		if sim == nil {
			return false
		}
		v := t.explorer.disk(sim.Key())
		t.explore(v, func() *faultfs.Sim { return sim }, level, probe)
		return t.judge(j, v, lost, level)
	}
	for n := range most + 1 {
		sets := closedSets(j.Needs, n, mostSets, may)
		for _, lost := range sets {
			if ctx.Err() != nil || lost.len() == n && tried(lost) {
				return
			}
		}
		if len(sets) > mostSets { // one that loses twenty of forty has more of them than memory holds
			if all := greatestSet(j.Needs, may); all.len() <= most {
				tried(all)
			}
			return
		}
	}
}

// mostSets is how many sets of effects are lost at one cut in search of a smaller
// one; beyond that all that may be.
const mostSets = 1 << 10

// explore is the explorer's, to its end.
func (t *trial) explore(v *visit, disk func() *faultfs.Sim, level int, probe bool) {
	t.explorer.explore(v, disk, level, probe)
	t.explorer.tasks.work(1, nothing)
}

func (t *trial) judge(j *job, v *visit, lost lossSet, level int) bool {
	found := t.oracle.judge(v, j.allowed, level)
	if found == nil && t.want.inUse() {
		found = t.explorer.use(t.oracle, j, left{v, lost})
	}
	if found == nil && t.want.killsRecovery() {
		found = t.explorer.killRecovery(t.oracle, j, left{v, lost})
	}
	if found == nil {
		return false
	}
	s := newSuspect(t.life, j, lost, found)
	if !t.same(s) || t.best != nil && s.lost() >= t.best.lost() {
		return false
	}
	t.best = s
	return true
}
