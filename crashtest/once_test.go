package crashtest_test

import (
	"strings"
	"testing"

	"crashsim/crashtest"
)

// drivers are the sources of choice; each finds what is wrong with each store.
var drivers = map[string]func(each func(crashtest.Chooser) bool){
	"exhaustive": func(each func(crashtest.Chooser) bool) { crashtest.Exhaustive()(each) },
	"seeded": func(each func(crashtest.Chooser) bool) {
		seed := uint64(0)
		for each(crashtest.Seeded(seed)) {
			seed++
		}
	},
	"recorded": func(each func(crashtest.Chooser) bool) {
		for seed := uint64(0); ; seed++ {
			r := &crashtest.Recording{Chooser: crashtest.Seeded(seed)}
			for range 100 {
				r.Choose(100)
			}
			if !each(crashtest.Recorded(r.Choices)) {
				return
			}
		}
	},
	"bytes": func(each func(crashtest.Chooser) bool) {
		for seed := uint64(0); ; seed++ {
			r, data := crashtest.Seeded(seed), make([]byte, 100)
			for i := range data {
				data[i] = byte(r.Choose(256))
			}
			if !each(crashtest.FromBytes(data)) {
				return
			}
		}
	},
}

// once makes up the workload, too.
func once(target *crashtest.Target, cfg *crashtest.Config, c crashtest.Chooser) *crashtest.Trial {
	return crashtest.Once(target, cfg, target.Generate(c, c.Choose(cfg.Ops+1)), c)
}

// few is a toy store whose workloads are of few kinds, so that all can be tried.
func few(f flaws) *crashtest.Target {
	target := toyTarget(f)
	target.Generate = func(c crashtest.Chooser, n int) []string {
		ops := make([]string, n)
		for i := range ops {
			ops[i] = []string{"line", "refuse", crashtest.Reopen, "line " + strings.Repeat("x", 1100)}[c.Choose(4)]
		}
		return ops
	}
	return target
}

func onceConfig() *crashtest.Config {
	cfg := crashtest.Defaults()
	cfg.Ops, cfg.Depth = 3, 1
	return &cfg
}

// A failure is the same thing whoever has chosen it: a case that replays, and
// shrinks.
func TestEachDriverFindsEachFlaw(t *testing.T) {
	for name, f := range flawed {
		want := run(t, f, 30).Findings[0]
		for driver, drive := range drivers {
			if driver == "exhaustive" && testing.Short() { // too much for the race detector, and all one goroutine
				continue
			}
			t.Run(name+" "+driver, func(t *testing.T) {
				target, cfg, n := few(f), onceConfig(), 0
				if driver == "exhaustive" {
					cfg.Ops = 1
				}
				var failed *crashtest.Trial
				drive(func(c crashtest.Chooser) bool {
					trial := once(target, cfg, c)
					if trial.Failure != nil && trial.Failure.Kind == want.Kind {
						failed = trial
					}
					n++
					return failed == nil && n < 300_000
				})
				if failed == nil {
					t.Fatalf("nothing was found in %d executions", n)
				}
				c, err := failed.Case()
				if err != nil {
					t.Fatal(err)
				}
				small, err := c.Shrink(t.Context(), target, *cfg)
				if err != nil || small == nil {
					t.Fatalf("%v, %v\n%s", small, err, c.Report)
				}
				if small.Kind != want.Kind || len(small.Scenario.Ops) > len(c.Scenario.Ops) {
					t.Errorf("%d executions:\n%s\nshrunk from\n%s", n, small.Report, c.Report)
				}
				t.Logf("%d executions", n)
			})
		}
	}
}

// The sound store comes through all that can be chosen for two operations.
func TestSoundStoreComesThroughAllChoices(t *testing.T) {
	target, cfg := few(flaws{}), onceConfig()
	cfg.Ops, cfg.Depth = 2, 0
	n := 0
	for c := range crashtest.Exhaustive() {
		n++
		if trial := once(target, cfg, c); trial.Failure != nil {
			c, err := trial.Case()
			t.Fatalf("execution %d: %v, %v\n%s", n, trial.Failure, err, c.Report)
		}
	}
	t.Logf("%d executions", n)
}

// It makes no choice but the chooser's.
func TestOnceRepeats(t *testing.T) {
	target, cfg := toyTarget(flaws{noSync: true, noChecksum: true}), onceConfig()
	cfg.Ops = 20
	for seed := range uint64(300) {
		r := &crashtest.Recording{Chooser: crashtest.Seeded(seed)}
		a := once(target, cfg, r)
		b := once(target, cfg, crashtest.Recorded(r.Choices))
		if x, y := told(t, a), told(t, b); x != y {
			t.Fatalf("seed %d:\n%s\nrecorded:\n%s", seed, x, y)
		}
	}
}

// told is a failure's report, which repeats it.
func told(t *testing.T, tr *crashtest.Trial) string {
	t.Helper()
	if tr.Failure == nil {
		return lives(&tr.Scenario)
	}
	c, err := tr.Case()
	if err != nil {
		t.Fatal(err)
	}
	return c.Report
}
