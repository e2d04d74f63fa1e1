package workerruntime

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"crashsim/crashtest"
	"crashsim/faultfs"
)

func targetNamed(t *testing.T, name string) *crashtest.Target {
	t.Helper()
	for _, target := range Targets() {
		if target.Name == name {
			return &target
		}
	}
	t.Fatalf("no target %q", name)
	return nil
}

// small is a configuration for a workload of few operations.
func small(ops int) crashtest.Config {
	cfg := crashtest.Defaults()
	cfg.Ops = ops
	return cfg
}

func run(t *testing.T, target *crashtest.Target, cfg crashtest.Config) *crashtest.Result {
	t.Helper()
	r, err := crashtest.Run(t.Context(), target, cfg)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// explore runs a workload of one's own.
func explore(t *testing.T, target *crashtest.Target, cfg crashtest.Config, ops ...string) *crashtest.Result {
	t.Helper()
	own := *target
	own.Generate = func(crashtest.Chooser, int) []string { return ops }
	cfg.Ops = len(ops) // which may be none
	return run(t, &own, cfg)
}

// plainly carries out a workload as a run does before it crashes anything: by a
// run that is interrupted before its first crash. It gives the traces of the
// disks, one of each that was used.
func plainly(t *testing.T, target *crashtest.Target, cfg crashtest.Config) (*crashtest.Result, []*faultfs.Trace) {
	t.Helper()
	own := *target
	var disks []*faultfs.Sim
	own.Open = func(fsys faultfs.FS) (crashtest.Store, error) {
		if disk := fsys.(*faultfs.Sim); !slices.Contains(disks, disk) {
			disks = append(disks, disk)
		}
		return target.Open(fsys)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	cfg.Workers = 1
	r, err := crashtest.Run(ctx, &own, cfg)
	if err != nil {
		t.Fatal(err)
	}
	if r.CrashPoints != 0 || !r.Interrupted || len(disks) == 0 {
		t.Fatalf("%d crash points on %d disks were explored by a run that was over", r.CrashPoints, len(disks))
	}
	var traces []*faultfs.Trace
	for _, disk := range disks {
		traces = append(traces, disk.Trace())
	}
	return r, traces
}

// summary is all of a result, as text to compare.
func summary(r *crashtest.Result) string {
	text := fmt.Sprintf("%s: %d crash points, %d states, %d unique, %d recoveries, %d capped\n%q\n",
		r.Verdict, r.CrashPoints, r.States, r.Unique, r.Recoveries, r.Capped, r.Workload)
	for _, f := range r.Findings {
		text += fmt.Sprintf("seen %d: %+v\n%s\n", f.Seen, f.Scenario, f.Report)
	}
	return text
}

// notInRace leaves out a test that explores more than the race detector gets through
// in a few minutes, and runs nothing side by side that other tests do not.
func notInRace(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("too much for the race detector")
	}
}
