package crashtest

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"os"
	"slices"
	"strings"
	"sync"

	"crashsim/faultfs"
)

// auditWorkloads is how many small workloads are drawn. A mutant needs one that
// comes to its site, and not a long one.
const auditWorkloads = 16

// AuditOps is how many operations such a workload has.
const AuditOps = 5

// auditWorkload is one of them, and what the store as it is comes to in it.
type auditWorkload struct {
	ops    []string
	sites  map[Site]int    // how often each was come to
	causes map[string]bool // of its failures, where it fails as it is
	result *Result

	matters map[Site]bool // where there was something for it to do
}

// survey draws workloads, and finds which sites each of them comes to.
func (a *auditor) survey(ctx context.Context, cfg Config) error {
	seen := map[string]bool{}
	for i := range uint64(auditWorkloads) {
		ops := a.target.Generate(Seeded(derive(cfg.Seed, 100+i)), cfg.Ops)
		if text := strings.Join(ops, "\n"); !seen[text] {
			seen[text] = true
			a.workloads = append(a.workloads, &auditWorkload{ops: ops})
		}
	}
	err := inParallel(ctx, cfg.Workers, len(a.workloads), func(i int) error {
		cfg.tell(Progress{Phase: "sites", Done: i, Total: len(a.workloads)})
		w := a.workloads[i]
		watch, own := a.surveyor(), a.cfg
		w.causes = map[string]bool{}
		own.met = w.causes
		result, err := explore(ctx, watch.on(a.target), own, w.ops)
		w.sites, w.matters, w.result = watch.count, watch.matters, result
		return err
	})
	if err != nil {
		return err
	}
	a.workloads = slices.DeleteFunc(a.workloads, func(w *auditWorkload) bool { return w.result == nil }) // interrupted
	all := map[Site]bool{}
	for _, w := range a.workloads {
		for s := range w.sites {
			all[s] = true
		}
	}
	for s := range all {
		a.found = append(a.found, s)
	}
	slices.SortFunc(a.found, compareSites)
	return nil
}

func compareSites(s, t Site) int {
	for i := range s.Lines {
		if c := compareLines(s.Lines[i], t.Lines[i]); c != 0 {
			return c
		}
	}
	return cmp.Compare(s.Kind, t.Kind)
}

// compareLines compares by file, then by number.
func compareLines(s, t string) int {
	fileS, numberS, _ := strings.Cut(s, ":")
	fileT, numberT, _ := strings.Cut(t, ":")
	return cmp.Or(cmp.Compare(fileS, fileT), cmp.Compare(len(numberS), len(numberT)), cmp.Compare(numberS, numberT))
}

// auditTries is in how many workloads a mutant is tried.
const auditTries = 4

// covering gives the workloads in which there is something to do for a site: some
// that cost least, and that which comes to most sites.
func (a *auditor) covering(s Site) (list []*auditWorkload) {
	for _, w := range a.workloads {
		if w.matters[s] {
			list = append(list, w)
		}
	}
	slices.SortStableFunc(list, func(v, w *auditWorkload) int { return cmp.Compare(v.result.Recoveries, w.result.Recoveries) })
	if len(list) > auditTries {
		most := slices.MaxFunc(list[auditTries-1:], func(v, w *auditWorkload) int { return cmp.Compare(len(v.sites), len(w.sites)) })
		list = append(list[:auditTries-1], most)
	}
	return list
}

// surveyor counts how often each site is come to, and sees where that makes a
// difference: where a sync finds something to make durable, and a file that must
// be new is there already.
type surveyor struct {
	model   faultfs.Model
	sites   *sites
	mu      sync.Mutex
	count   map[Site]int
	matters map[Site]bool
}

func (a *auditor) surveyor() *surveyor {
	return &surveyor{model: a.cfg.Model, sites: a.sites, count: map[Site]int{}, matters: map[Site]bool{}}
}

func (s *surveyor) on(t *Target) *Target {
	own := *t
	own.Open = func(disk faultfs.FS) (Store, error) {
		return t.Open(faultfs.Intercept(disk, func(c *faultfs.Call) faultfs.Answer { return s.handle(disk.(*faultfs.Sim), c) }))
	}
	return &own
}

func (s *surveyor) handle(disk *faultfs.Sim, c *faultfs.Call) faultfs.Answer {
	site, ok := s.sites.of(c)
	if !ok {
		return c.Do()
	}
	s.mu.Lock()
	s.count[site]++
	known := s.matters[site]
	s.mu.Unlock()
	if known {
		return c.Do()
	}
	before := disk.Trace().Len()
	answer := c.Do()
	if s.difference(disk.Trace(), before, c, answer) {
		s.mu.Lock()
		s.matters[site] = true
		s.mu.Unlock()
	}
	return answer
}

func (s *surveyor) difference(t *faultfs.Trace, before int, c *faultfs.Call, a faultfs.Answer) bool {
	switch {
	case c.Flag&os.O_EXCL != 0 && errors.Is(a.Err, fs.ErrExist):
		return true
	case c.Flag&os.O_EXCL != 0 || t.Len() == before:
		return false
	case !c.Kind.IsSync():
		return true
	}
	w := t.Walk(s.model)
	for w.Pos() < before {
		w.Next()
	}
	return w.Settles(w.Peek())
}
