package crashtest

import (
	"hash/fnv"
	"slices"
	"sync"

	"crashsim/faultfs"
)

// Coverage says what a run came by. Runs with more of it have tried more of a
// store, whatever their length.
type Coverage struct {
	// Sites are the places in the store that asked for a change of the disk, or
	// for one to be durable, while the workload was carried out. They are sorted.
	Sites []string
	// Branches are the ways that recoveries went after a crash behind a site: one
	// number, the same in every process of one build, for each site and each set
	// of sites that recovery came by. They are sorted.
	Branches []uint64
}

// coverage collects what Coverage tells.
type coverage struct {
	sites    map[site]bool
	branches map[uint64]bool
}

func newCoverage() *coverage {
	return &coverage{sites: map[site]bool{}, branches: map[uint64]bool{}}
}

func (c *coverage) workload(s *session) {
	for i := range s.trace.Len() {
		if op := s.trace.Op(i); !op.Kind.IsMark() {
			c.sites[site{op: op.Kind, stack: op.Stack}] = true
		}
	}
}

// crash adds the recoveries from what a crash behind a site may leave.
func (c *coverage) crash(behind site, disks []left) {
	from := behind.number()
	for _, d := range disks {
		if d.visit.level > unseen {
			c.branches[from*0x9e3779b97f4a7c15^d.visit.branch] = true
		}
	}
}

func (c *coverage) result() Coverage {
	var r Coverage
	for s := range c.sites {
		r.Sites = append(r.Sites, s.String())
	}
	for b := range c.branches {
		r.Branches = append(r.Branches, b)
	}
	slices.Sort(r.Sites)
	slices.Sort(r.Branches)
	r.Sites = slices.Compact(r.Sites)
	return r
}

// branchOf stands for the set of sites that a life came by: how often it did, and
// in which order, depends on how much the store holds.
func branchOf(t *faultfs.Trace) (branch uint64) {
	var seen []uint64
	for i := range t.Len() {
		op := t.Op(i)
		if op.Kind.IsMark() {
			continue
		}
		if n := (site{op: op.Kind, stack: op.Stack}).number(); !slices.Contains(seen, n) {
			seen = append(seen, n)
			branch ^= n
		}
	}
	return branch
}

// number stands for a site, in every process of one build.
func (s site) number() uint64 {
	if n, ok := siteNumbers.Load(s); ok {
		return n.(uint64)
	}
	h := fnv.New64a()
	_, _ = h.Write([]byte(s.String()))
	siteNumbers.Store(s, h.Sum64())
	return h.Sum64()
}

// siteNumbers has one entry for each site, of which a program has few.
var siteNumbers sync.Map
