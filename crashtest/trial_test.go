package crashtest_test

import (
	"reflect"
	"slices"
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
				depths := []int{cfg.Depth}
				if driver == "exhaustive" { // what one crash shows is far behind all that two are
					cfg.Ops, depths = 1, []int{0, 1}
				}
				var failed *crashtest.Trial
				for _, cfg.Depth = range depths {
					if failed != nil {
						break
					}
					drive(func(c crashtest.Chooser) bool {
						trial := once(target, cfg, c)
						if trial.Failure != nil && trial.Failure.Kind == want.Kind {
							failed = trial
						}
						n++
						return failed == nil && n < 300_000
					})
				}
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

// A crash comes to what it would in a workload that was carried out for it alone,
// whatever was tried before it.
func TestCrashesOfAWorkloadAreApart(t *testing.T) {
	failed, crashes := 0, 0
	for _, f := range []flaws{{}, {noSync: true, noChecksum: true}, flawed["no folder sync"]} {
		target, cfg := toyTarget(f), onceConfig()
		cfg.Depth = 2
		for seed := range uint64(100) {
			c := crashtest.Seeded(seed)
			ops := target.Generate(c, 6)
			w := crashtest.CarryOut(target, cfg, ops)
			for range 8 {
				r := &crashtest.Recording{Chooser: c}
				tr := w.Crash(r)
				want := crashtest.Once(target, cfg, ops, crashtest.Recorded(r.Choices))
				if got, want := told(t, tr), told(t, want); got != want {
					t.Fatalf("seed %d:\n%s\nalone:\n%s", seed, got, want)
				}
				if !reflect.DeepEqual(tr.Failure, want.Failure) {
					t.Fatalf("seed %d: %+v, alone %+v", seed, tr.Failure, want.Failure)
				}
				crashes++
				if want.Failure != nil {
					failed++
				}
			}
		}
	}
	if failed < crashes/10 || failed > crashes*9/10 {
		t.Errorf("%d of %d crashes failed: too few or too many to tell by", failed, crashes)
	}
}

// There is one crash at least, and none after a failure; how many there are besides,
// the chooser says.
func TestCrashesAreAsManyAsTheChooserSays(t *testing.T) {
	sound, broken := toyTarget(flaws{}), toyTarget(flaws{noSync: true})
	ops := []string{"line 1 a", "line 2 b"}
	count := func(target *crashtest.Target, c crashtest.Chooser) (n, failed int) {
		for tr := range crashtest.CarryOut(target, onceConfig(), ops).Crashes(c) {
			if n++; tr.Failure != nil {
				failed++
			}
		}
		return n, failed
	}
	none := []int{0, 0, 0} // at the end, where there is nothing for a kill to leave, recovered from, with no crash in that
	more := slices.Concat(none, []int{1}, none, []int{7}, none, []int{0})
	if n, failed := count(sound, crashtest.Recorded(nil)); n != 1 || failed != 0 {
		t.Errorf("no choices: %d crashes, %d fail", n, failed)
	}
	if n, failed := count(sound, crashtest.Recorded(more)); n != 3 || failed != 0 {
		t.Errorf("three: %d crashes, %d fail", n, failed)
	}
	always := crashtest.Recorded(slices.Repeat([]int{0, 0, 0, 1}, 1000))
	if n, failed := count(sound, always); n != 64 || failed != 0 {
		t.Errorf("no end: %d crashes, %d fail", n, failed)
	}
	allLost := []int{0, 0, 1, 0, 1}
	if n, failed := count(broken, crashtest.Recorded(slices.Repeat(allLost, 3))); n != 1 || failed != 1 {
		t.Errorf("a failure: %d crashes, %d fail", n, failed)
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

// BenchmarkCrash is what the engine's own part of the crash loop costs: the toy store
// does next to nothing.
func BenchmarkCrash(b *testing.B) {
	target, cfg := toyTarget(flaws{}), crashtest.Defaults()
	cfg.Depth = 1
	c := crashtest.Seeded(1)
	for b.Loop() {
		if tr := crashtest.Once(target, &cfg, target.Generate(c, c.Choose(9)), c); tr.Failure != nil {
			b.Fatal(tr.Failure)
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "crashes/s")
}
