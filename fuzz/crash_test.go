package fuzz

import (
	"fmt"
	"iter"
	"syscall"
	"testing"
	"time"

	"crashsim/crashtest"
	"crashsim/crashtest/fuzztest"
	"crashsim/examples/workerruntime"
)

// target finds a store to fuzz.
func target(tb testing.TB, name string) *crashtest.Target {
	tb.Helper()
	t, err := named(name)
	if err != nil {
		tb.Fatal(err)
	}
	return t
}

func named(name string) (*crashtest.Target, error) {
	for _, t := range workerruntime.Targets() {
		if t.Name == name {
			return &t, nil
		}
	}
	return nil, fmt.Errorf("no target %q", name)
}

// crashConfig makes short workloads: a longer one says little more, and costs what
// it is longer.
func crashConfig() crashtest.Config {
	cfg := crashtest.Defaults()
	cfg.Ops, cfg.Depth, cfg.MaxStates, cfg.Workers = 8, 1, 256, 1
	return cfg
}

// FuzzCrash is the whole crash loop, for each input: a workload, crashes in it, what
// each loses, recovery, and the judgement of what comes back.
func FuzzCrash(f *testing.F) { fuzztest.Fuzz(f, target(f, "single"), crashConfig()) }

// FuzzRun explores the production store, both runtimes, with the workload that
// bytes choose: fewer inputs, and of each every crash.
func FuzzRun(f *testing.F) {
	f.Add([]byte("4"))
	f.Fuzz(func(t *testing.T, workload []byte) {
		own, cfg := *target(t, "store"), crashConfig()
		cfg.Ops, cfg.Depth, cfg.MaxStates = 4, 0, 64
		ops := fuzztest.Workload(&own, &cfg, workload)
		own.Generate = func(crashtest.Chooser, int) []string { return ops }
		cfg.Ops = len(ops)
		r, err := crashtest.Run(t.Context(), &own, cfg)
		if err != nil {
			t.Fatal(err)
		}
		if len(r.Findings) > 0 { // a sample of the disks is enough here: it is one of many
			t.Fatal(r.Err())
		}
	})
}

// Each failure that fuzzing or a property test ever found is one no more.
func TestCases(t *testing.T) {
	if err := crashtest.Regress(t.Context(), fuzztest.Cases, crashConfig(), workerruntime.Targets()...); err != nil {
		t.Fatal(err)
	}
}

// BenchmarkCrash is what the crash loop costs, on one worker with GOMAXPROCS=1: with one
// crash in each workload, and with as many as FuzzCrash tries for such bytes.
func BenchmarkCrash(b *testing.B) {
	b.Run("one", func(b *testing.B) {
		benchmarkCrash(b, func(done *crashtest.Workload, c crashtest.Chooser) iter.Seq[*crashtest.Trial] {
			return func(yield func(*crashtest.Trial) bool) { yield(done.Crash(c)) }
		})
	})
	b.Run("several", func(b *testing.B) { benchmarkCrash(b, (*crashtest.Workload).Crashes) })
}

func benchmarkCrash(b *testing.B, crashes func(*crashtest.Workload, crashtest.Chooser) iter.Seq[*crashtest.Trial]) {
	target, cfg := target(b, "single"), crashConfig()
	inputs := make([][2][]byte, 1000)
	c := crashtest.Seeded(1)
	for i := range inputs {
		inputs[i] = [2][]byte{randomBytes(c, 20), randomBytes(c, 20)}
	}
	n, tried, before := 0, 0, cpuTime(b)
	for b.Loop() {
		in := inputs[n%len(inputs)]
		n++
		done := crashtest.CarryOut(target, &cfg, fuzztest.Workload(target, &cfg, in[0]))
		for trial := range crashes(done, crashtest.FromBytes(in[1])) {
			tried++
			if trial.Failure != nil {
				b.Fatal(trial.Failure)
			}
		}
	}
	b.ReportMetric(float64(tried)/b.Elapsed().Seconds(), "crashes/s")
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "workloads/s")
	b.ReportMetric(float64(tried)/(cpuTime(b)-before).Seconds(), "crashes/cpu-s")
}

// cpuTime is what this process has used: on a machine that does other things, too,
// it tells more than the clock.
func cpuTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func randomBytes(c crashtest.Chooser, n int) []byte {
	data := make([]byte, n)
	for i := range data {
		data[i] = byte(c.Choose(256))
	}
	return data
}
