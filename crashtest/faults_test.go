package crashtest_test

import (
	"errors"
	"slices"
	"testing"

	"crashsim/crashtest"
)

func faultConfig(ops int) crashtest.FaultConfig {
	cfg := crashtest.FaultDefaults()
	cfg.Ops, cfg.Pairs, cfg.Starts = ops, 50, 2
	return cfg
}

func faultsOf(t *testing.T, target *crashtest.Target, cfg crashtest.FaultConfig) *crashtest.FaultResult {
	t.Helper()
	r, err := crashtest.Faults(t.Context(), target, cfg)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// The toy comes through every crash, and not through faults: it believes in a write
// that stopped short and in a second sync, leaves a file open where opening fails,
// and cuts damage off. Each finding is a case that repeats byte for byte.
func TestFaultsAreFoundAndRepeat(t *testing.T) {
	target := toyTarget(flaws{})
	r := faultsOf(t, target, faultConfig(5))
	if r.Verdict != crashtest.Failed {
		t.Fatal(r.Verdict)
	}
	found := map[crashtest.Kind]bool{}
	for _, f := range r.Findings {
		found[f.Kind] = true
		text, err := f.MarshalText()
		if err != nil {
			t.Fatal(err)
		}
		var c crashtest.Case
		if err := c.UnmarshalText(text); err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		report, failure, err := c.Replay(target)
		if err != nil || failure == nil || report != f.Report {
			t.Errorf("%v, %v\n%s\nis not\n%s", err, failure, report, f.Report)
		}
		if _, err := c.Tell(target); err != nil || c.Sentence(target) == "" {
			t.Errorf("it cannot be told: %v", err)
		}
	}
	for _, kind := range []crashtest.Kind{crashtest.LeftOpen, crashtest.Lost, crashtest.HandedOut} {
		if !found[kind] {
			t.Errorf("not found: %s; but %v", kind, found)
		}
	}
}

// What faults find is small, whether they strike in the workload or in a recovery,
// and a case of it that has become larger shrinks again.
func TestFaultCasesShrink(t *testing.T) {
	target := toyTarget(flaws{})
	found, shrunk := map[crashtest.Life]int{}, 0
	for _, f := range faultsOf(t, target, faultConfig(9)).Findings {
		found[f.Scenario.Strikes]++
		if n := len(f.Scenario.Ops); n > 3 {
			t.Errorf("%s, %s: it was left with %d operations", f.Kind, f.Scenario.Plan, n)
		}
		padded := *f.Case
		padded.Scenario.Ops = append(slices.Clone(f.Scenario.Ops), "line 98 x", "refuse", "line 99 y")
		if _, failure, err := padded.Replay(target); err != nil || failure == nil || failure.Kind != f.Kind {
			padded.Scenario.Ops = f.Scenario.Ops // where more is done it fails in another way
		} else {
			shrunk++
		}
		small, err := padded.Shrink(t.Context(), target, crashtest.FaultDefaults().Config)
		if err != nil || small == nil || small.Kind != f.Kind || len(small.Scenario.Ops) > len(f.Scenario.Ops) {
			t.Errorf("%s, %s: %d operations become\n%+v, %v", f.Kind, f.Scenario.Plan, len(padded.Scenario.Ops), small, err)
		}
	}
	if found[crashtest.InWorkload] < 3 || found[crashtest.InRecovery] < 1 || shrunk < 3 {
		t.Errorf("found: %v; made larger and shrunk: %d", found, shrunk)
	}
}

// A case whose plan does not make the store fail any more is looked for by its plan
// in its workload: it is gone, or its plan strikes no more, which is no pass.
func TestFaultCaseThatIsGone(t *testing.T) {
	target := toyTarget(flaws{})
	c := faultsOf(t, target, faultConfig(5)).Findings[0].Case
	c.Kind = crashtest.Stuck
	small, err := c.Shrink(t.Context(), target, crashtest.FaultDefaults().Config)
	if small != nil || err != nil {
		t.Errorf("%v, %v", small, err)
	}
	c.Scenario.Plan = "fsync nth=1000: EIO"
	if small, err = c.Shrink(t.Context(), target, crashtest.FaultDefaults().Config); small != nil || !errors.Is(err, crashtest.ErrInconclusive) {
		t.Errorf("a plan that strikes nothing: %v, %v", small, err)
	}
}
