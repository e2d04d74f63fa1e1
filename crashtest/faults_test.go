package crashtest_test

import (
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
