package crashtest_test

import (
	"strings"
	"testing"

	"crashsim/crashtest"
	"crashsim/faultfs"
)

// What a target or a configuration lacks is told in one line, and is neither a pass
// nor a fault of the store.
func TestWhatIsMissingIsTold(t *testing.T) {
	for says, spoil := range map[string]func(*crashtest.Target, *crashtest.Config){
		"Name":              func(t *crashtest.Target, _ *crashtest.Config) { t.Name = "" },
		"no Open":           func(t *crashtest.Target, _ *crashtest.Config) { t.Open = nil },
		"no Model":          func(t *crashtest.Target, _ *crashtest.Config) { t.Model = nil },
		"has no Model":      func(t *crashtest.Target, _ *crashtest.Config) { t.Model = func() crashtest.Model { return nil } },
		"no Generate":       func(t *crashtest.Target, _ *crashtest.Config) { t.Generate = nil },
		"nothing to test":   func(t *crashtest.Target, _ *crashtest.Config) { t.Generate = workloadOf() },
		"in one line":       func(t *crashtest.Target, _ *crashtest.Config) { t.Generate = workloadOf("a\nb") },
		"Config.Ops is -1":  func(_ *crashtest.Target, c *crashtest.Config) { c.Ops = -1 },
		"Config.Depth":      func(_ *crashtest.Target, c *crashtest.Config) { c.Depth = -1 },
		"Config.Workers":    func(_ *crashtest.Target, c *crashtest.Config) { c.Workers = 0 },
		"Config.MaxStates":  func(_ *crashtest.Target, c *crashtest.Config) { c.MaxStates = 0 },
		"Config.Search":     func(_ *crashtest.Target, c *crashtest.Config) { c.Search = "x" },
		"Config.Model":      func(_ *crashtest.Target, c *crashtest.Config) { c.Model = faultfs.Model{} },
		"begin with Defaul": func(_ *crashtest.Target, c *crashtest.Config) { *c = crashtest.Config{} },
	} {
		target, cfg := toyTarget(flaws{}), config(3)
		spoil(target, &cfg)
		check := func(way string, err error) {
			t.Helper()
			if err == nil || !strings.Contains(err.Error(), says) || strings.Contains(err.Error(), "\n") {
				t.Errorf("%s: %v: not one line that says %q", way, err, says)
			}
		}
		check("Check", crashtest.Check(t.Context(), target, cfg))
		_, err := crashtest.Audit(t.Context(), target, cfg)
		check("Audit", err)
		faults := crashtest.FaultDefaults()
		faults.Config = cfg
		_, err = crashtest.Faults(t.Context(), target, faults)
		check("Faults", err)
	}
}

func workloadOf(ops ...string) func(crashtest.Chooser, int) []string {
	return func(crashtest.Chooser, int) []string { return ops }
}

func TestProbesMayBeLeftOut(t *testing.T) {
	target := toyTarget(flaws{})
	target.Probes = nil
	if err := crashtest.Check(t.Context(), target, config(3)); err != nil {
		t.Fatal(err)
	}
	if err := crashtest.Check(t.Context(), func() *crashtest.Target { t := toyTarget(flaws{noSync: true}); t.Probes = nil; return t }(), config(3)); err == nil {
		t.Fatal("without probes a store that does not sync passes")
	}
}

// A mistake of the target's is told as what it is.
func TestMistakesOfATarget(t *testing.T) {
	for says, open := range map[string]func(faultfs.FS) (crashtest.Store, error){
		"neither a store nor an error": func(faultfs.FS) (crashtest.Store, error) { return nil, nil },
		"does Open use the one that it is given": func(faultfs.FS) (crashtest.Store, error) {
			return openToy(faultfs.NewSim(), flaws{})
		},
	} {
		target := toyTarget(flaws{})
		target.Open = open
		if err := crashtest.Check(t.Context(), target, config(3)); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%v: does not say %q", err, says)
		}
	}
}

// config is for workloads of so many operations.
func config(ops int) crashtest.Config {
	cfg := crashtest.Defaults()
	cfg.Ops = ops
	return cfg
}
