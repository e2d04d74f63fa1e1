package fuzz

import (
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"crashsim/crashtest/rapidtest"
	"crashsim/faultfs"
)

// The store comes through one crash in any workload.
func TestRapidCrash(t *testing.T) {
	rapid.Check(t, rapidtest.Property(target(t, "single"), crashConfig()))
}

// The store agrees with the reference through power cuts, kills, faults and
// reopenings among the operations, in any order and number.
func TestRapidStore(t *testing.T) {
	seen := map[string]int{}
	single := target(t, "single")
	rapid.Check(t, func(t *rapid.T) {
		m := newMachine(single, faultfs.POSIX, seen)
		c := rapidtest.Chooser(t)
		try := func(err error) {
			if err != nil {
				t.Fatal(m.foundAnew(err))
			}
		}
		one := func(*rapid.T) { try(m.operate(single.Generate(c, 1)[0])) }
		t.Repeat(map[string]func(*rapid.T){
			"operation":       one,
			"operation again": one, // so that they are more than the crashes
			"operation more":  one,
			"reopen":          func(*rapid.T) { try(m.reopen()) },
			"power cut":       func(*rapid.T) { try(m.crash(c, false)) },
			"kill":            func(*rapid.T) { try(m.crash(c, true)) },
			"fault":           func(*rapid.T) { try(m.arm(c)) },
			"":                func(*rapid.T) { try(m.check()) },
		})
		try(m.shutDown())
	})
	reached(t, seen, "power cut", "kill", "torn tail", "lost directory entry", "lost data", "crash in recovery",
		"failed rename", "failed fsync", "failed fsync-dir", "failed write", "failed opening")
}

// reached fails where a property has not seen what it is for.
func reached(t *testing.T, seen map[string]int, want ...string) {
	t.Helper()
	for _, what := range slices.Sorted(maps.Keys(seen)) {
		t.Logf("%7d %s", seen[what], what)
	}
	for _, what := range want {
		if seen[what] == 0 && !t.Failed() && !testing.Short() { // which makes a fifth
			t.Errorf("%s was never reached: this run says nothing of it", what)
		}
	}
}
