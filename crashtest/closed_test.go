package crashtest

import (
	"math/rand/v2"
	"slices"
	"testing"

	"crashsim/faultfs"
)

// dag draws needs as cuts have them: each effect needs earlier ones, or none.
func dag(r *rand.Rand, n int) [][]int {
	needs := make([][]int, n)
	for i := range needs {
		for range r.IntN(3) {
			if i > 0 && r.IntN(2) == 0 {
				needs[i] = append(needs[i], r.IntN(i))
			}
		}
	}
	return needs
}

// allClosed goes through every subset there is.
func allClosed(needs [][]int) map[string]bool {
	sets := map[string]bool{}
	for bits := range uint64(1) << len(needs) {
		closed := true
		for i, list := range needs {
			for _, n := range list {
				closed = closed && (bits>>n&1 == 0 || bits>>i&1 == 1)
			}
		}
		if closed {
			sets[lossSet{bits}.id()] = true
		}
	}
	return sets
}

func TestClosedSetsAreAllThereAre(t *testing.T) {
	const seed = 1
	r := rand.New(rand.NewPCG(seed, seed))
	for trial := range 300 {
		needs := dag(r, 1+r.IntN(11))
		want := allClosed(needs)
		sets, capped := lossSets(needs, 1<<12, Seeded(1))
		got := map[string]bool{}
		for i, s := range sets {
			if !want[s.id()] {
				t.Fatalf("seed %d trial %d: needs %v: %b is not closed", seed, trial, needs, s)
			}
			got[s.id()] = true
			if i > 0 && s.len() < sets[i-1].len() {
				t.Fatalf("seed %d trial %d: sets are not in the order of what they lose", seed, trial)
			}
		}
		if capped || len(sets) != len(want) || len(got) != len(want) {
			t.Fatalf("seed %d trial %d: needs %v: %d sets, %d different; want %d",
				seed, trial, needs, len(sets), len(got), len(want))
		}
	}
}

// A bound on what is lost leaves out nothing below it, and no more.
func TestClosedSetsWithinBounds(t *testing.T) {
	const seed = 2
	r := rand.New(rand.NewPCG(seed, seed))
	for trial := range 200 {
		needs := dag(r, 1+r.IntN(9))
		most, only := r.IntN(5), r.Uint64()
		may := func(i int) bool { return only>>i&1 == 1 }
		want := 0
		for _, s := range closedSets(needs, len(needs), 1<<12, nil) {
			if s.len() <= most && s.in(lossSet{only}) {
				want++
			}
		}
		if got := len(closedSets(needs, most, 1<<12, may)); got != want {
			t.Fatalf("seed %d trial %d: needs %v, most %d, only %b: %d sets, want %d", seed, trial, needs, most, only, got, want)
		}
	}
}

func TestSampleIsClosedDifferentAndRepeats(t *testing.T) {
	const seed, n, limit = 3, 70, 500
	r := rand.New(rand.NewPCG(seed, seed))
	for range 20 {
		needs := dag(r, n)
		if len(closedSets(needs, n, limit, nil)) <= limit {
			continue
		}
		sets, capped := lossSets(needs, limit, Seeded(7))
		again, _ := lossSets(needs, limit, Seeded(7))
		if !capped || len(sets) != limit || !slices.EqualFunc(sets, again, slices.Equal[lossSet]) {
			t.Fatalf("capped %t, %d sets of %d, and the same again: %t", capped, len(sets), limit, slices.EqualFunc(sets, again, slices.Equal[lossSet]))
		}
		ids := map[string]bool{}
		sizes := map[int]int{}
		for _, s := range sets {
			closed := slices.Clone(s).close(needs)
			if !slices.Equal(s, closed) {
				t.Fatalf("needs %v: %b is not closed", needs, s)
			}
			ids[s.id()] = true
			sizes[s.len()*10/(n+1)]++
		}
		if len(ids) != limit {
			t.Fatalf("%d different sets of %d", len(ids), limit)
		}
		if !ids[newLossSet(n).id()] || !ids[everything(n).id()] {
			t.Fatal("nothing lost and everything lost have to be among them")
		}
		if len(sizes) < 8 {
			t.Fatalf("the sample is of %d of ten sizes only: %v", len(sizes), sizes)
		}
	}
}

func everything(n int) lossSet {
	s := newLossSet(n)
	for i := range n {
		s.add(i)
	}
	return s
}

func TestSampleIsOfWhatIsThere(t *testing.T) {
	// As many as there are, if the limit is one below.
	needs := [][]int{nil, {0}, {0}, nil, {3}}
	want := allClosed(needs)
	sets, capped := lossSets(needs, len(want)-1, Seeded(1))
	if !capped || len(sets) != len(want)-1 {
		t.Fatalf("capped %t, %d sets, want %d", capped, len(sets), len(want)-1)
	}
}

// The greatest set is closed, loses only what may be lost, and no closed set that
// does is not in it.
func TestGreatestSet(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 3))
	for range 200 {
		needs := make([][]int, 1+r.IntN(8))
		free := make([]bool, len(needs))
		for i := range needs {
			free[i] = r.IntN(4) > 0
			for n := range i {
				if r.IntN(4) == 0 {
					needs[i] = append(needs[i], n)
				}
			}
		}
		may := func(i int) bool { return free[i] }
		got := greatestSet(needs, may)
		all := closedSets(needs, len(needs), 1<<12, may)
		if last := all[len(all)-1]; last.id() != got.id() {
			t.Fatalf("%v, free %v: %v, want %v", needs, free, got, last)
		}
	}
}

// Cuts that are explored at a time leave few disks between them, or are one.
func TestCutsTogetherLeaveFewDisks(t *testing.T) {
	cut := func(pending int, kill bool) *job {
		return &job{cutPoint: cutPoint{Cut: &faultfs.Cut{Needs: make([][]int, pending)}}, kill: kill} // 2^pending disks
	}
	jobs := func(pending ...int) (list []*job) {
		for _, n := range pending {
			list = append(list, cut(n, false))
		}
		return list
	}
	for _, c := range []struct {
		name   string
		search Search
		jobs   []*job
		want   int
	}{
		{"small cuts", SearchExhaustive, jobs(3, 3, 3, 3), 4},
		{"as many as may be", SearchExhaustive, jobs(11, 11), 2},
		{"one more", SearchExhaustive, jobs(11, 11, 0), 2},
		{"a large one after small ones", SearchExhaustive, jobs(3, 3, 12, 3), 2},
		{"a large one first", SearchExhaustive, jobs(14, 0), 1},
		{"of no end, tried whole", SearchExhaustive, jobs(40, 3), 1},
		{"of no end, gone through lazily", SearchLazy, jobs(40, 40, 40), 3},
		{"of which auto takes one lazily", SearchAuto, jobs(40, 11, 10), 3},
		{"kills", SearchExhaustive, []*job{cut(40, true), cut(40, true)}, 2},
	} {
		cfg := Defaults()
		cfg.Search = c.search
		e := newExplorer(&Target{}, &cfg, newInterner())
		if got := len(e.together(c.jobs)); got != c.want {
			t.Errorf("%s: %d of %d together, want %d", c.name, got, len(c.jobs), c.want)
		}
	}
}
