// Package rapidtest puts a store under pgregory.net/rapid. It is for tests only.
package rapidtest

import (
	"context"

	"pgregory.net/rapid"

	"crashsim/crashtest"
)

// Cases is the folder in which failures are kept, below the test's package.
const Cases = "testdata/cases"

// Property is that the store comes through crashes in any workload: for
// rapid.Check. What fails is kept as a case in [Cases]; replay these with
// [crashtest.Regress] in a test.
//
//	func TestStore(t *testing.T) { rapid.Check(t, rapidtest.Property(&target, crashtest.Defaults())) }
func Property(target *crashtest.Target, cfg crashtest.Config) func(*rapid.T) {
	keeper := &crashtest.Keeper{Dir: Cases}
	return func(t *rapid.T) {
		done := crashtest.CarryOut(target, &cfg, Workload(t, target))
		for trial := range done.Crashes(Chooser(t)) {
			if err := keeper.Err(context.Background(), trial); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// Workload draws operations one after another, so that rapid can leave out any, and
// how many of them are asked for: [crashtest.Workload.Crash] crashes the last, and a crash in the
// first, or in opening, is as good.
func Workload(t *rapid.T, target *crashtest.Target) (ops []string) {
	c := Chooser(t)
	t.Repeat(map[string]func(*rapid.T){
		"operation": func(*rapid.T) { ops = append(ops, target.Generate(c, 1)...) },
	})
	return ops[:rapid.IntRange(0, len(ops)).Draw(t, "operations")]
}

// Chooser makes its choices by draws, the simplest first when rapid shrinks.
func Chooser(t *rapid.T) crashtest.Chooser { return chooser{t} }

type chooser struct{ *rapid.T }

func (c chooser) Choose(n int) int { return rapid.IntRange(0, n-1).Draw(c.T, "choice") }
