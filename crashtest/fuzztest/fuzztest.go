// Package fuzztest puts a store under go test -fuzz. It is for tests only, and
// imports testing.
package fuzztest

import (
	"testing"

	"crashsim/crashtest"
)

// Cases is the folder in which failures are kept, below the test's package.
const Cases = "testdata/cases"

// Fuzz fuzzes the whole crash loop of a target: of two strings of bytes the first
// chooses the workload ([Workload]), the second the crashes in it and what each loses
// ([crashtest.Workload.Crashes]). What fails is shrunk to a case and kept in [Cases];
// replay these with [crashtest.Regress] in a test.
//
//	func FuzzStore(f *testing.F) { fuzztest.Fuzz(f, &target, crashtest.Defaults()) }
func Fuzz(f *testing.F, target *crashtest.Target, cfg crashtest.Config) {
	f.Helper()
	if err := target.Valid(); err != nil {
		f.Fatal(err)
	}
	keeper := &crashtest.Keeper{Dir: Cases}
	f.Add([]byte("0"), []byte("0"))
	n := 0
	f.Fuzz(func(t *testing.T, workload, crash []byte) {
		n++
		done := crashtest.CarryOut(target, &cfg, Workload(target, &cfg, workload))
		for trial := range done.Crashes(crashtest.FromBytes(crash)) {
			if err := keeper.Err(t.Context(), trial); err != nil {
				t.Fatalf("found in execution %d of this process: %v", n, err)
			}
		}
	})
}

// Workload reads bytes as a workload: how many operations, at most cfg.Ops, and
// what the target's generator makes of the others.
func Workload(target *crashtest.Target, cfg *crashtest.Config, data []byte) []string {
	c := crashtest.FromBytes(data)
	n := c.Choose(cfg.Ops + 1)
	ops := target.Generate(c, n)
	return ops[:min(n, len(ops))]
}
