package crashtest_test

import (
	"fmt"
	"testing"

	"crashsim/crashtest"
)

// A run that keeps nothing of what it has judged comes to what one that keeps all of
// it does.
func TestWhatIsNotKeptIsCountedAllTheSame(t *testing.T) {
	disks := 0
	stores := map[string]flaws{"sound": {}, "no folder sync": flawed["no folder sync"], "no sync": flawed["no sync"]}
	for name, f := range stores {
		for _, search := range []crashtest.Search{crashtest.SearchAuto, crashtest.SearchExhaustive, crashtest.SearchLazy} {
			var told [2]string
			for i, held := range []int{0, 1} {
				cfg := crashtest.Defaults()
				cfg.Ops, cfg.Search, cfg.Depth, cfg.KeepGoing = 12, search, 1, true
				cfg.Hold(held)
				r, err := crashtest.Run(t.Context(), toyTarget(f), cfg)
				if err != nil {
					t.Fatal(err)
				}
				disks += r.Unique
				told[i] = fmt.Sprint(r.Verdict, r.CrashPoints, r.States, r.Unique, r.Recoveries, r.Capped)
				for _, f := range r.Findings {
					told[i] += fmt.Sprintf("\n%d times %s", f.Seen, f.Report)
				}
			}
			if told[0] != told[1] {
				t.Errorf("%s, %s: kept %s\nnot kept %s", name, search, told[0], told[1])
			}
		}
	}
	if disks < 1000 {
		t.Errorf("%d disks: too few to be kept or not", disks)
	}
}
