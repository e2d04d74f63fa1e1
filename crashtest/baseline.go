package crashtest

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"sync"

	"crashsim/faultfs"
)

// baseline is what the store without a mistake does in a workload.
type baseline struct {
	once   sync.Once
	err    error
	result *Result
	causes map[string]bool // of its failures, where it fails as it is
	mu     sync.Mutex
	disks  map[faultfs.Key]bool // that it left after opening, after each operation, and closed
}

// baseline explores the store as it is, once for each workload.
func (a *auditor) baseline(ctx context.Context, ops []string) (*baseline, error) {
	a.mu.Lock()
	text := strings.Join(ops, "\n")
	b := a.baselines[text]
	if b == nil {
		b = &baseline{causes: map[string]bool{}, disks: map[faultfs.Key]bool{}}
		a.baselines[text] = b
	}
	a.mu.Unlock()
	b.once.Do(func() {
		cfg := a.cfg
		cfg.KeepGoing, cfg.met = true, b.causes
		cfg.Search = SearchExhaustive // a lazy one does not come to every disk
		b.result, b.err = explore(ctx, b.on(a.target), cfg, ops)
	})
	return b, b.err
}

func (b *baseline) on(t *Target) *Target {
	own := *t
	own.Open = func(disk faultfs.FS) (Store, error) {
		s, err := t.Open(disk)
		if err != nil {
			return nil, err
		}
		b.add(disk)
		return &watchedStore{s, b, disk}, nil
	}
	return &own
}

func (b *baseline) add(disk faultfs.FS) {
	k := disk.(*faultfs.Sim).Key()
	b.mu.Lock()
	b.disks[k] = true
	b.mu.Unlock()
}

type watchedStore struct {
	Store
	baseline *baseline
	disk     faultfs.FS
}

func (s *watchedStore) Apply(op string) (string, error) {
	defer s.baseline.add(s.disk)
	return s.Store.Apply(op)
}

func (s *watchedStore) Close() error {
	defer s.baseline.add(s.disk)
	return s.Store.Close()
}

// pick shrinks what was found, the simplest first, up to the first that is picked.
func (r *runner) pick(ctx context.Context, groups []*suspect) ([]*Finding, error) {
	slices.SortStableFunc(groups, func(s, t *suspect) int { return cmp.Compare(s.size(), t.size()) })
	for _, s := range groups {
		if ok, err := r.cfg.pick(&Finding{Cause: s.cause()}); err != nil || !ok {
			if err != nil {
				return nil, err
			}
			continue
		}
		s = (&shrinker{target: r.target, cfg: r.cfg}).shrink(ctx, s)
		c, err := newCase(r.target, r.cfg, s)
		if err != nil {
			return nil, err
		}
		f := &Finding{Case: c, Seen: s.seen, Cause: s.cause()}
		if ok, err := r.cfg.pick(f); err != nil || ok {
			return []*Finding{f}, err
		}
	}
	return nil, nil
}

// size orders failures: by crashes, then operations, then effects lost.
func (s *suspect) size() int {
	return len(s.scenario.Crashes)<<20 + len(s.scenario.Ops)<<10 + s.lost()
}

// kills tells whether a mutant's failure is the mistake's own. Before it is shrunk
// it has only a cause.
func (a *auditor) kills(ctx context.Context, m *mutant, w *auditWorkload, f *Finding) (bool, error) {
	if w.causes[f.Cause] || f.Case == nil {
		return !w.causes[f.Cause], nil
	}
	b, err := a.baseline(ctx, f.Scenario.Ops)
	if err != nil || b.result.Capped > 0 || b.result.Interrupted || b.causes[f.Cause] {
		return false, err
	}
	return m.outside(a.target, b, f), nil
}

// outside tells whether a failure's state is none of the store without the
// mistake: either that one is at a loss with the disk that the crash has left, too,
// as it never is with those that its own crashes leave; or the mistake was made
// since then, and has led to a disk that it never leaves.
func (m *mutant) outside(t *Target, b *baseline, f *Finding) bool {
	all := &relapse{target: t, mutant: m}
	if _, failure, err := f.Replay(all.on()); err != nil || failure == nil {
		return false
	}
	last := len(all.disks) - 1
	if crashes := f.Scenario.Crashes; len(crashes) > 0 {
		honest := &relapse{target: t, mutant: m, until: last}
		if f.Scenario.Last == InProbes {
			honest.until-- // before its use the disk is recovered from in a copy
		}
		if _, failure, err := f.Replay(honest.on()); err == nil && failure != nil && b.result.Verdict == Passed {
			return true
		}
	}
	return all.fired[last] < m.fired.Load() && !b.disks[all.disks[last].Key()]
}

// relapse is a mutant in a replay, whose lives are known apart by their disks.
type relapse struct {
	target *Target
	mutant *mutant
	until  int // in which life the mistake is made no more, 0: in all
	disks  []*faultfs.Sim
	fired  []int64 // before each
}

func (r *relapse) on() *Target {
	own := *r.target
	own.Open = func(disk faultfs.FS) (Store, error) {
		sim := disk.(*faultfs.Sim)
		life := slices.Index(r.disks, sim)
		if life < 0 {
			life = len(r.disks)
			r.disks, r.fired = append(r.disks, sim), append(r.fired, r.mutant.fired.Load())
		}
		if r.until > 0 && life >= r.until {
			return r.target.Open(disk)
		}
		return r.mutant.open(r.target, disk)
	}
	return &own
}
