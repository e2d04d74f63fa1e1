package crashtest_test

import (
	"errors"
	"strings"
	"sync/atomic"
	"testing"

	"crashsim/crashtest"
	"crashsim/faultfs"
)

// What fails in one of a hundred seeds is found, in each of these and in no other.
func TestRareCanary(t *testing.T) {
	if err := crashtest.RareCanary(t.Context(), crashtest.Defaults(), 400); err != nil {
		t.Error(err)
	}
	if err := crashtest.RareCanary(t.Context(), crashtest.Defaults(), 1); err == nil {
		t.Error("one seed drew a canary that fails, which is no proof of anything")
	}
}

// A store that does not do the same on equal disks is told, and not judged.
func TestRecoveriesAreDoneTwice(t *testing.T) {
	for _, search := range []crashtest.Search{crashtest.SearchExhaustive, crashtest.SearchLazy, crashtest.SearchAuto} {
		var opened atomic.Int64
		target := toyTarget(flaws{})
		open := target.Open
		target.Open = func(disk faultfs.FS) (crashtest.Store, error) {
			if n := opened.Add(1); n > 1 { // the workload's own
				_ = disk.Mkdir("opened", 0)
				if err := disk.Rename("opened", "at-"+strings.Repeat("x", int(n%200))); err != nil {
					_ = disk.Remove("opened")
				}
			}
			return open(disk)
		}
		target.Idempotent = false
		cfg := crashtest.Defaults()
		cfg.Ops, cfg.Search, cfg.MaxStates = 20, search, 200
		if _, err := crashtest.Run(t.Context(), target, cfg); !errors.Is(err, crashtest.ErrDiverged) {
			t.Errorf("%s: %v", search, err)
		}
	}
}

// A run tells what crashes took back and what recovery did about it, by function, and
// which of what it should have come by it did not.
func TestSometimes(t *testing.T) {
	r := run(t, flaws{}, 20)
	for _, want := range []string{
		"lost write data of (*toy).Apply; recovery: truncate of (*toy).cut",
		"lost create of openToy; recovery: create of openToy",
		"lost nothing; recovery: nothing",
	} {
		if never := crashtest.NeverSeen([]string{want}, r.Probes); len(never) > 0 {
			t.Errorf("never: %s, among %v", want, r.Probes)
		}
	}
	none := "lost rename of nobody; recovery: nothing"
	if never := crashtest.NeverSeen([]string{none}, r.Probes); len(never) != 1 || never[0] != none {
		t.Errorf("never: %v", never)
	}
	if a, b := run(t, flaws{}, 20).Probes, r.Probes; len(a) != len(b) || a[0] != b[0] {
		t.Errorf("%v, and again %v", b, a)
	}
	for _, p := range run(t, flaws{keepsTail: true}, 20).Probes {
		if strings.HasSuffix(p.Name, "truncate of (*toy).cut") {
			t.Errorf("%v of a store that cuts nothing", p)
		}
	}
}
