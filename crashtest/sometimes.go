package crashtest

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"sync"

	"crashsim/faultfs"
)

// sometimes counts what a thorough run comes by now and then: of each crash of the
// workload, what it took back, by the function that had asked for it, with each
// thing that recovery then did to the disk. Functions and not lines, so that names
// last.
type sometimes struct {
	names map[site]string
	seen  map[occasion]int
}

type occasion struct {
	lost   string
	branch uint64 // of recovery
}

func newSometimes() *sometimes {
	return &sometimes{names: map[site]string{}, seen: map[occasion]int{}}
}

// crash adds what the crashes at a cut came to.
func (s *sometimes) crash(j *job) {
	names := make([]string, len(j.Pending))
	for i, e := range j.Pending {
		at := siteOf(e)
		if s.names[at] == "" {
			s.names[at] = at.told()
		}
		names[i] = s.names[at]
	}
	var lost []string
	for _, d := range j.disks {
		if d.visit.level == unseen || d.visit.failed != nil {
			continue
		}
		lost = lost[:0]
		for i, name := range names {
			if d.lost.has(i) && !slices.Contains(lost, name) {
				lost = append(lost, name)
			}
		}
		if len(lost) == 0 {
			lost = append(lost, "nothing")
		}
		for _, name := range lost {
			s.seen[occasion{name, d.visit.branch}]++
		}
	}
}

// told names a site by the function that asked.
func (s site) told() string {
	text := s.op.String()
	switch s.effect {
	case faultfs.EffectSize:
		text += " size"
	case faultfs.EffectData:
		text += " data"
	}
	if frames := s.stack.Frames(); len(frames) > 0 {
		text += " of " + frames[0].Func
	}
	return text
}

// probes gives what was seen, by name.
func (s *sometimes) probes() []Probe {
	count := map[string]int{}
	for o, n := range s.seen {
		for _, did := range didIn(o.branch) {
			count[fmt.Sprintf("lost %s; recovery: %s", o.lost, did)] += n
		}
	}
	list := make([]Probe, 0, len(count))
	for _, name := range slices.Sorted(maps.Keys(count)) {
		list = append(list, Probe{Name: name, Seen: count[name]})
	}
	return list
}

// branches has for each branch of a recovery what it does to the disk. There are
// few.
var branches sync.Map

func didIn(branch uint64) []string {
	did, _ := branches.Load(branch)
	list, _ := did.([]string)
	return list
}

// remember keeps what a branch does to the disk: syncs are no part of that, they
// come with all of them.
func remember(branch uint64, t *faultfs.Trace) {
	if _, ok := branches.Load(branch); ok {
		return
	}
	var did []string
	for i := range t.Len() {
		op := t.Op(i)
		if op.Kind.IsMark() || op.Kind.IsSync() {
			continue
		}
		if name := (site{op: op.Kind, stack: op.Stack}).told(); !slices.Contains(did, name) {
			did = append(did, name)
		}
	}
	slices.SortFunc(did, cmp.Compare[string])
	if did == nil {
		did = []string{"nothing"}
	}
	branches.Store(branch, did)
}

// NeverSeen gives those of a list of names that are no probe of a run.
func NeverSeen(names []string, seen []Probe) (list []string) {
	for _, name := range names {
		if !slices.ContainsFunc(seen, func(p Probe) bool { return p.Name == name && p.Seen > 0 }) {
			list = append(list, name)
		}
	}
	return list
}
