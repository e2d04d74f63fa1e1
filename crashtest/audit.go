package crashtest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"crashsim/faultfs"
)

// AuditVerdict is what became of a mutant.
type AuditVerdict string

// The verdicts of an audit.
const (
	// Killed: the store fails with this mistake, and in a state that it does not
	// come to without.
	Killed AuditVerdict = "killed"
	// Redundant: every disk within the bounds was tried, and the store comes
	// through with the mistake.
	Redundant AuditVerdict = "redundant"
	// NotCovered: there was never anything for the call to do, so that nothing is
	// known of it. It is a gap in the workloads.
	NotCovered AuditVerdict = "not covered"
	// Undecided: not every disk was tried.
	Undecided AuditVerdict = "undecided"
)

// Audited is a mutant and what became of it.
type Audited struct {
	Site     Site
	Mutation Mutation
	Verdict  AuditVerdict
	Reason   string // of a verdict that is not Killed
	// Case is the smallest crash that kills it. It repeats on the mutant only.
	Case       *Case
	Times      int           // that the site was come to
	Recoveries int           // until the verdict
	Took       time.Duration // until the verdict
}

// AuditResult is what an audit found. Given the same target and configuration all
// of it but Took is the same each time.
type AuditResult struct {
	Workloads   [][]string
	Sites       []Site
	Mutants     []*Audited
	Missing     []Missing
	Interrupted bool
}

// Missing is a failure of the store as it is, and what would mend it. A mutant of a
// store that fails is killed where it fails in another way.
type Missing struct {
	*Finding
	*Mend
}

// Count gives the number of mutants with a verdict.
func (r *AuditResult) Count(v AuditVerdict) (n int) {
	for _, m := range r.Mutants {
		if m.Verdict == v {
			n++
		}
	}
	return n
}

// Audit makes each mistake that a store can make with its barriers, one at a time
// and while it runs, and tells which of them the exploration of small workloads
// notices. Ops of the configuration are those of one workload; Model, MaxStates
// and Depth are the bounds within which a mistake is said to make no difference.
func Audit(ctx context.Context, t *Target, cfg Config) (*AuditResult, error) {
	if _, err := t.workload(&cfg); err != nil {
		return nil, err
	}
	a := &auditor{target: t, cfg: cfg, sites: &sites{}, baselines: map[string]*baseline{}}
	a.cfg.Workers, a.cfg.Progress = 1, nil // the mutants are what is done in parallel
	if err := a.survey(ctx, cfg); err != nil {
		return nil, err
	}
	result := &AuditResult{Sites: a.found}
	for _, w := range a.workloads {
		result.Workloads = append(result.Workloads, w.ops)
	}
	for _, s := range a.found {
		for _, m := range mutationsOf(s.Kind) {
			result.Mutants = append(result.Mutants, &Audited{Site: s, Mutation: m})
		}
	}
	err := a.missing(ctx, cfg, result)
	if err == nil {
		err = inParallel(ctx, cfg.Workers, len(result.Mutants), func(i int) error {
			cfg.tell(Progress{Phase: "mutants", Done: i, Total: len(result.Mutants)})
			return a.audit(ctx, result.Mutants[i])
		})
	}
	if err != nil {
		return nil, err
	}
	if result.Interrupted = ctx.Err() != nil; result.Interrupted {
		for _, m := range result.Mutants {
			if m.Verdict == "" {
				m.Verdict, m.Reason = Undecided, "interrupted"
			}
		}
		for i := range result.Missing {
			if result.Missing[i].Mend == nil {
				result.Missing[i].Mend = &Mend{Why: "it was interrupted"}
			}
		}
	}
	return result, nil
}

// missing looks for the barriers that would mend the store as it is.
func (a *auditor) missing(ctx context.Context, cfg Config, r *AuditResult) error {
	causes := map[string]bool{}
	for _, w := range a.workloads {
		for _, f := range w.result.Findings {
			a.fails = true
			if !causes[f.Cause] {
				causes[f.Cause] = true
				r.Missing = append(r.Missing, Missing{Finding: f})
			}
		}
	}
	return inParallel(ctx, cfg.Workers, len(r.Missing), func(i int) (err error) {
		cfg.tell(Progress{Phase: "missing barriers", Done: i, Total: len(r.Missing)})
		r.Missing[i].Mend, err = Suggest(ctx, a.target, a.cfg, r.Missing[i].Finding)
		return err
	})
}

type auditor struct {
	target    *Target
	cfg       Config
	sites     *sites
	found     []Site
	workloads []*auditWorkload
	fails     bool // the store as it is

	mu        sync.Mutex
	baselines map[string]*baseline // by their operations
}

// audit tries one mutant in some workloads, each explored whole.
func (a *auditor) audit(ctx context.Context, m *Audited) error {
	begin := time.Now()
	defer func() { m.Took = time.Since(begin) }()
	list := a.covering(m.Site)
	if len(list) == 0 {
		m.Verdict, m.Reason = NotCovered, "there was never anything for it to do"
		if m.Site.Kind == faultfs.OpCreate {
			m.Verdict, m.Reason = Redundant, "under "+a.cfg.Model.Name+", no file was in the way on any disk that was tried"
		}
		return nil
	}
	mut := &mutant{site: m.Site, mutation: m.Mutation, sites: a.sites}
	killed, capped, err := a.try(ctx, m, mut, list)
	switch {
	case killed || err != nil:
		return err
	case ctx.Err() != nil:
		m.Verdict, m.Reason = Undecided, "interrupted"
	case a.fails:
		m.Verdict, m.Reason = Undecided, "the store fails as it is, and not in another way with this"
	case capped > 0:
		m.Verdict, m.Reason = Undecided, plural(capped, "cut")+fmt.Sprintf(" leave more than %d disks", a.cfg.MaxStates)
	default:
		m.Verdict = Redundant
		m.Reason = fmt.Sprintf("under %s, in %s of about %d operations, depth %d, the store comes through from every disk",
			a.cfg.Model.Name, plural(len(list), "workload"), a.cfg.Ops, a.cfg.Depth)
	}
	return nil
}

// try runs a mutant in workloads until one kills it.
func (a *auditor) try(ctx context.Context, m *Audited, mut *mutant, list []*auditWorkload) (killed bool, capped int, err error) {
	for _, w := range list {
		if ctx.Err() != nil {
			break
		}
		cfg := a.cfg
		cfg.pick = func(f *Finding) (bool, error) { return a.kills(ctx, mut, w, f) }
		r, err := explore(ctx, mut.on(a.target), cfg, w.ops)
		if err != nil {
			return false, 0, fmt.Errorf("%s, %s: %w", m.Site, m.Mutation, err)
		}
		m.Recoveries += r.Recoveries
		m.Times = int(mut.fired.Load())
		if len(r.Findings) > 0 {
			m.Verdict, m.Case = Killed, r.Findings[0].Case
			return true, 0, err
		}
		capped += r.Capped
	}
	return false, capped, nil
}

// inParallel does n things, some at a time, until one fails.
func inParallel(ctx context.Context, workers, n int, do func(i int) error) error {
	var wg sync.WaitGroup
	next := make(chan int)
	errs := make([]error, n)
	for range max(1, workers) {
		wg.Go(func() {
			for i := range next {
				errs[i] = do(i)
			}
		})
	}
	for i := range n {
		if ctx.Err() != nil {
			break
		}
		next <- i
	}
	close(next)
	wg.Wait()
	return errors.Join(errs...)
}
