package workerruntime

import (
	"maps"
	"slices"
	"testing"

	"crashsim/crashtest"
)

// A lazy search of a store with faults comes to the causes that any other comes to,
// shrinks them, and ends: a crash early in a recovery leaves the disk that it began
// with, which it must not wait for.
func TestLazySearchFindsTheSameCauses(t *testing.T) {
	causes := map[crashtest.Search][]string{}
	for _, search := range []crashtest.Search{crashtest.SearchExhaustive, crashtest.SearchLazy} {
		cfg := small(1)
		cfg.Search, cfg.KeepGoing = search, true
		of := map[string]bool{}
		for _, f := range run(t, targetNamed(t, "seedstore"), cfg).Findings {
			of[f.Cause] = true
		}
		causes[search] = slices.Sorted(maps.Keys(of))
	}
	all, lazy := causes[crashtest.SearchExhaustive], causes[crashtest.SearchLazy]
	if !slices.Equal(all, lazy) || len(all) < 10 {
		t.Errorf("lazily %d causes, else %d:\n%q\n%q", len(lazy), len(all), lazy, all)
	}
}
