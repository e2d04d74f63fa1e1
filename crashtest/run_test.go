package crashtest_test

import (
	"context"
	"testing"

	"crashsim/crashtest"
)

func run(t *testing.T, f flaws, ops int) *crashtest.Result {
	t.Helper()
	cfg := crashtest.Defaults()
	cfg.Ops = ops
	r, err := crashtest.Run(context.Background(), toyTarget(f), cfg)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestSoundStorePasses(t *testing.T) {
	r := run(t, flaws{}, 20)
	if r.Verdict != crashtest.Passed || len(r.Findings) != 0 {
		t.Fatalf("%+v", r)
	}
	t.Logf("%+v", r)
}

// Each flaw is found, and by the kind of failure that it leads to.
func TestFlawsAreFound(t *testing.T) {
	for name, c := range map[string]struct {
		flaws flaws
		kind  crashtest.Kind
	}{
		"no sync":               {flaws{noSync: true}, crashtest.Lost},
		"no sync of the folder": {flaws{noDirSync: true}, crashtest.Lost},
		"no checksum":           {flaws{noChecksum: true}, crashtest.WrongState},
		"no cut":                {flaws{noCut: true}, crashtest.Refused},
		"no sync at open":       {flaws{noSyncAtOpen: true}, crashtest.Forgotten},
		"panics":                {flaws{panics: true}, crashtest.Panicked},
		"loops":                 {flaws{loops: true}, crashtest.Endless},
		"grows":                 {flaws{grows: true}, crashtest.Unstable},
		"deaf":                  {flaws{deaf: true}, crashtest.WrongAnswer},
	} {
		t.Run(name, func(t *testing.T) {
			r := run(t, c.flaws, 30)
			for _, f := range r.Findings {
				t.Logf("%s\n%s", f.Kind, f.Report)
			}
			if len(r.Findings) != 1 || r.Findings[0].Kind != c.kind || r.Verdict != crashtest.Failed {
				t.Fatalf("%d findings, %s; want one: %s", len(r.Findings), r.Verdict, c.kind)
			}
		})
	}
}
