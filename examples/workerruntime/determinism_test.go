package workerruntime

import "testing"

// A result depends on the seed, and not on who does the work or how often it was
// done before.
func TestResultIsTheSameForAnyWorkers(t *testing.T) {
	notInRace(t)
	for _, c := range []struct {
		target string
		ops    int
		seed   uint64
		keep   bool
	}{
		{"store", 4, 1, false},
		{"store", 3, 2, false},
		{"seedstore", 6, 1, false},
		{"seedstore", 3, 2, true},
	} {
		target := targetNamed(t, c.target)
		want := ""
		for _, workers := range []int{1, 2, 7, 7} {
			cfg := small(c.ops)
			cfg.Seed, cfg.Workers, cfg.KeepGoing = c.seed, workers, c.keep
			got := summary(run(t, target, cfg))
			if want == "" {
				want = got
			}
			if got != want {
				t.Errorf("%s, seed %d, %d workers:\n%s\none worker:\n%s", c.target, c.seed, workers, got, want)
			}
		}
	}
}

// Another seed is another run: what does not depend on it tests one thing only.
func TestSeedsDiffer(t *testing.T) {
	target := targetNamed(t, "store")
	seen := map[string]uint64{}
	for seed := range uint64(20) {
		cfg := small(40)
		cfg.Seed = seed
		r, _ := plainly(t, target, cfg)
		text := summary(r)
		if other, ok := seen[text]; ok {
			t.Errorf("seeds %d and %d give the same workload", seed, other)
		}
		seen[text] = seed
	}
}
