package workerruntime

import (
	"slices"
	"strings"
	"testing"

	"crashsim/crashtest"
)

// seedBarriers are what the seed lacks: nobody syncs the folders in which it makes
// folders. Its other faults no sync mends: they need no crash, or lose what a crash
// can take before any sync, or nothing.
var seedBarriers = []string{
	"a sync of the folder . after operation 1 (mkdir runtimes)",
	"a sync of the folder runtimes after operation 2 (mkdir runtimes/id-2e2e)",
	"a sync of the folder runtimes/id-2e2e/workers after operation 38 (mkdir runtimes/id-2e2e/workers/id-2e)",
}

// Each barrier that is suggested for the seed's design, added to it, takes its
// finding away, and all of them together take away all that is lost.
func TestSuggestedBarriersMendTheSeed(t *testing.T) {
	notInRace(t)
	mended := targetNamed(t, "seedstore")
	cfg := crashtest.Defaults()
	cfg.KeepGoing = true // else what fails first hides the rest
	var suggested []string
	for _, f := range seedFindings(t) {
		m, err := crashtest.Suggest(t.Context(), targetNamed(t, "seedstore"), cfg, f)
		if err != nil {
			t.Fatal(err)
		}
		if m.Barrier == nil {
			if f.Kind == crashtest.Lost {
				t.Errorf("%s, for\n%s", m, f.Report)
			}
			continue
		}
		what, _, _ := strings.Cut(m.Barrier.String(), ", at ")
		suggested = append(suggested, what)
		r := explore(t, m.Barrier.On(targetNamed(t, "seedstore")), cfg, f.Scenario.Ops...)
		for _, left := range r.Findings {
			if left.Cause == f.Cause {
				t.Errorf("with %s there is still\n%s", m.Barrier, left.Report)
			}
		}
		mended = m.Barrier.On(mended)
	}
	slices.Sort(suggested)
	if !slices.Equal(suggested, seedBarriers) {
		t.Errorf("suggested:\n%s\nand not:\n%s", strings.Join(suggested, "\n"), strings.Join(seedBarriers, "\n"))
	}
	for _, f := range explore(t, mended, cfg, seedOps...).Findings {
		if f.Kind == crashtest.Lost {
			t.Errorf("with all of them there is still\n%s", f.Report)
		}
	}
}
