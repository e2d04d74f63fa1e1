package faultfs_test

import (
	"math/rand/v2"
	"slices"
	"testing"

	. "crashsim/faultfs"
)

// scaled gives a model on a disk of small sectors, so that few bytes tear.
func scaled(m Model) Model {
	for _, n := range []*int64{&m.Sector, &m.Block} {
		switch *n {
		case 512:
			*n = sector
		case 4096:
			*n = step
		}
	}
	return m
}

// What a model names as weaker allows all that it allows, at every cut of random
// traces. Each pair has to be told apart somewhere, or the names would be of one
// and the same.
func TestLattice(t *testing.T) {
	t.Parallel()
	traces := uint64(500)
	if testing.Short() {
		traces = 60
	}
	type pair struct{ stronger, weaker string }
	differ, cuts := map[pair]int{}, 0
	for seed := range traces {
		sim := randomLife(1000 + seed)
		for at := range sim.Trace().Len() + 1 {
			left := map[string][]string{}
			for _, m := range Models() {
				if cut := cutAt(sim, scaled(m), at); len(cut.Pending) <= 13 {
					left[m.Name] = sorted(treesOf(cut))
				}
			}
			for _, m := range Models() {
				for _, weaker := range m.Within {
					got, all := left[m.Name], left[weaker]
					if got == nil || all == nil {
						continue
					}
					cuts++
					if i := slices.IndexFunc(got, func(tree string) bool { return !slices.Contains(all, tree) }); i >= 0 {
						t.Fatalf("seed %d, after %d operations: %s allows %q, and %s does not, which is said to be weaker\n%s",
							1000+seed, at, m.Name, got[i], weaker, toldTrace(sim.Trace()))
					}
					if len(got) < len(all) {
						differ[pair{m.Name, weaker}]++
					}
				}
			}
		}
	}
	t.Logf("%d cuts compared; stronger in: %v", cuts, differ)
	same := map[pair]bool{{"ext4-ordered-noauto", "ext4-writeback"}: true, {"btrfs", "btrfs-alice"}: true}
	for _, m := range Models() {
		for _, weaker := range m.Within {
			if p := (pair{m.Name, weaker}); differ[p] == 0 != same[p] {
				t.Errorf("%s is stronger than %s at %d cuts", m.Name, weaker, differ[p])
			}
		}
	}
}

// Ties leave out sets that look like another, under every model.
func TestTiesChangeNothing(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(5, 6))
	compared := 0
	for range 150 {
		sim := randomLife(r.Uint64())
		for _, m := range Models() {
			m = scaled(m)
			cut, free := cutAt(sim, m, -1), cutAt(sim, Untied(m), -1)
			if len(free.Pending) > 13 {
				continue
			}
			compared++
			if got, want := sorted(treesOf(cut)), sorted(treesOf(free)); !slices.Equal(got, want) {
				t.Fatalf("%s: tied %q\nfree %q\n%s", m.Name, got, want, toldTrace(sim.Trace()))
			}
		}
	}
	if compared < 500 {
		t.Errorf("%d cuts compared: the traces are too long", compared)
	}
}
