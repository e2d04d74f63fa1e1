// Package crashtest finds out what crashes do to a store.
//
// A [Target] is any store that runs on a [crashsim/faultfs.FS], and a reference
// that says what it should answer and hold. [Run] records what the store asks of
// its disk while it carries out a workload, cuts the power at each moment that
// matters, makes every disk that a persistence model says may be left, and
// recovers from each: right is what was acknowledged, with what was in flight or
// without it. Recovery itself is crashed in the same way; what it has shown has
// to stay; a second one must change nothing; and the store is then put to use and
// crashed again. The same is done for a process that is killed while the disk
// runs on.
//
// What fails is shrunk, grouped by its cause, and kept as a [Case]: text that a
// person can read and [Case.Replay] repeats byte for byte.
//
//	if err := crashtest.Check(t.Context(), &target, crashtest.Defaults()); err != nil {
//		t.Fatal(err)
//	}
//
// A run that could not try everything is [Inconclusive], and no pass.
package crashtest
