package bench

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"crashsim/crashtest"
	"crashsim/examples/workerruntime"
	"crashsim/faultfs"
)

// search runs a target, and gives the most that was on the heap after a collection,
// in MiB, looked at now and then.
func search(b *testing.B, t *crashtest.Target, cfg crashtest.Config) (r *crashtest.Result, took time.Duration, peak float64) {
	b.Helper()
	next := time.Now()
	cfg.Progress = func(crashtest.Progress) {
		if time.Now().After(next) {
			runtime.GC()
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			peak = max(peak, float64(m.HeapAlloc)/(1<<20))
			next = time.Now().Add(time.Second)
		}
	}
	begin := time.Now()
	r, err := crashtest.Run(context.Background(), t, cfg)
	if err != nil {
		b.Fatal(err)
	}
	if err := r.Err(); err != nil {
		b.Fatal(err)
	}
	return r, time.Since(begin), peak
}

// BenchmarkLazy gives how many times as many disks are recovered from where all are
// tried as where the search is lazy, on the store's default workload, and what the
// lazy one takes on one ten times as long. Both have to pass. All of the longer one
// is tried where CRASHSIM_LONG is set: it takes hours.
func BenchmarkLazy(b *testing.B) {
	usual := crashtest.Defaults().Ops
	for _, ops := range []int{usual, 10 * usual} {
		b.Run(fmt.Sprintf("ops=%d", ops), func(b *testing.B) {
			for b.Loop() {
				cfg := crashtest.Defaults()
				cfg.Ops, cfg.Search = ops, crashtest.SearchLazy
				target := workerruntime.Targets()[0]
				lazy, took, peak := search(b, &target, cfg)
				b.ReportMetric(float64(lazy.Recoveries), "recoveries")
				b.ReportMetric(float64(lazy.Recoveries)/took.Seconds(), "recoveries/s")
				b.ReportMetric(peak, "MiB-heap")
				if ops > usual && os.Getenv("CRASHSIM_LONG") == "" {
					continue
				}
				cfg.Search = crashtest.SearchExhaustive
				all, _, _ := search(b, &target, cfg)
				b.ReportMetric(float64(all.Recoveries)/float64(lazy.Recoveries), "x-fewer")
			}
		})
	}
}

// BenchmarkWorkers gives how many times as fast two workers on two cores are as one
// on one. A lone worker with a second core beside it has its collector run there: it
// is "x-two-cores" times as slow as two. Two runs side by side, of one worker each, do
// "x-apart" times as much as one by itself: that is what the machine has to give.
func BenchmarkWorkers(b *testing.B) {
	for _, s := range []crashtest.Search{crashtest.SearchExhaustive, crashtest.SearchLazy} {
		b.Run(string(s), func(b *testing.B) {
			timed := func(runs, workers, cores int) time.Duration {
				defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(cores))
				cfg := crashtest.Defaults()
				cfg.Search, cfg.Workers = s, workers
				begin := time.Now()
				var wg sync.WaitGroup
				for range runs {
					wg.Go(func() {
						target := workerruntime.Targets()[0]
						if r, err := crashtest.Run(context.Background(), &target, cfg); err != nil || r.Err() != nil {
							b.Error(err, r)
						}
					})
				}
				wg.Wait()
				return time.Since(begin)
			}
			var one, beside, two, apart time.Duration
			for b.Loop() {
				one += timed(1, 1, 1)
				beside += timed(1, 1, 2)
				two += timed(1, 2, 2)
				apart += timed(2, 1, 2)
			}
			b.ReportMetric(float64(one)/float64(two), "x-faster")
			b.ReportMetric(float64(beside)/float64(two), "x-two-cores")
			b.ReportMetric(2*float64(one)/float64(apart), "x-apart")
		})
	}
}

// BenchmarkForty goes to the end of a cut with 2^40 disks, for a store whose recovery
// looks at ten of the forty things that may be there.
func BenchmarkForty(b *testing.B) {
	cfg := crashtest.Defaults()
	cfg.Search, cfg.Ops, cfg.Depth = crashtest.SearchLazy, 1, 0
	for b.Loop() {
		r, _, _ := search(b, fortyTarget(), cfg)
		b.ReportMetric(float64(r.Recoveries), "recoveries")
		b.ReportMetric(float64(r.Capped), "capped")
	}
}

// forty makes forty folders in one operation, and syncs none. It holds nothing.
type forty struct{ fsys faultfs.FS }

func fortyTarget() *crashtest.Target {
	return &crashtest.Target{
		Name: "forty",
		Open: func(fsys faultfs.FS) (crashtest.Store, error) {
			for i := range 10 {
				_, _ = fsys.Stat(fmt.Sprint("folder", i)) // there or not, both are right
			}
			return &forty{fsys}, nil
		},
		Model:    func() crashtest.Model { return fortyModel{} },
		Generate: func(crashtest.Chooser, int) []string { return []string{"make"} },
		Probes:   func(crashtest.Model) []string { return nil },
	}
}

func (f *forty) Apply(string) (string, error) {
	for i := range 40 {
		if err := f.fsys.Mkdir(fmt.Sprint("folder", i), 0o777); err != nil && !strings.Contains(err.Error(), "exists") {
			return "", err
		}
	}
	return "", nil
}

func (f *forty) State() (string, error) { return "", nil }
func (f *forty) Close() error           { return nil }

type fortyModel struct{}

func (fortyModel) Apply(string) string      { return "" }
func (fortyModel) State() string            { return "" }
func (m fortyModel) Clone() crashtest.Model { return m }
