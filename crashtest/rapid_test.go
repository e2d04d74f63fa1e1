package crashtest_test

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"crashsim/crashtest"
)

// Property tests repeat themselves, unless a seed is given: -rapid.seed 7.
func TestMain(m *testing.M) {
	for name, value := range map[string]string{"rapid.seed": "1", "rapid.nofailfile": "true"} {
		if err := flag.Set(name, value); err != nil {
			panic(err)
		}
	}
	os.Exit(m.Run())
}

var kinds = []crashtest.Kind{crashtest.Refused, crashtest.Lost, crashtest.WrongState, crashtest.Forgotten, crashtest.OpFailed}

// Any case is written and read back as it is.
func TestRapidCaseText(t *testing.T) {
	seen := map[string]int{}
	word := rapid.StringMatching(`[^\n]{1,12}`)
	rapid.Check(t, func(t *rapid.T) {
		c := crashtest.Case{
			Target: word.Draw(t, "target"), Model: word.Draw(t, "model"), Seed: rapid.Uint64().Draw(t, "seed"),
			Depth: rapid.IntRange(0, 9).Draw(t, "depth"), Kind: rapid.SampledFrom(kinds).Draw(t, "kind"),
			Report: strings.Join(rapid.SliceOf(rapid.String()).Draw(t, "report"), "\n"),
		}
		sc := &c.Scenario
		t.Repeat(map[string]func(*rapid.T){
			"operation": func(t *rapid.T) { sc.Ops = append(sc.Ops, word.Draw(t, "operation")) },
			"crash":     func(t *rapid.T) { sc.Crashes = append(sc.Crashes, drawCrash(t, len(sc.Crashes) == 0)) },
		})
		if sc.Last = crashtest.InWorkload; len(sc.Crashes) > 0 {
			sc.Last = drawLife(t)
		}
		for _, crash := range sc.Crashes {
			seen[fmt.Sprintf("in %s, kill %t, at end %t, loses %t", crash.In, crash.Kill, crash.At == crashtest.AtEnd, crash.Lost != nil)]++
		}
		seen["ends in "+string(sc.Last)]++
		text, err := c.MarshalText()
		if err != nil {
			t.Fatal(err)
		}
		var again crashtest.Case
		if err := again.UnmarshalText(text); err != nil {
			t.Fatalf("%v in\n%s", err, text)
		}
		if !reflect.DeepEqual(again, c) {
			t.Fatalf("written:\n%#v\nread:\n%#v", c, again)
		}
	})
	for _, what := range slices.Sorted(maps.Keys(seen)) {
		t.Logf("%6d %s", seen[what], what)
	}
	if len(seen) < 21 && !t.Failed() && !testing.Short() { // 3 lives, ended in 6 ways each, and 3 last ones
		t.Errorf("only %d kinds of crashes were made", len(seen))
	}
}

func drawCrash(t *rapid.T, first bool) crashtest.Crash {
	c := crashtest.Crash{In: crashtest.InWorkload, Kill: rapid.Bool().Draw(t, "kill"), At: rapid.IntRange(-1, 99).Draw(t, "at")}
	if !first {
		c.In = drawLife(t)
	}
	if rapid.IntRange(0, 3).Draw(t, "at end") == 0 {
		c.At = crashtest.AtEnd
	}
	if c.At < 0 {
		c.At = crashtest.AtEnd
	}
	if c.Kill {
		return c
	}
	for range rapid.IntRange(0, 3).Draw(t, "lost") {
		c.Lost = append(c.Lost, crashtest.LostEffect{At: rapid.IntRange(-9, 99).Draw(t, "operation"), Part: rapid.IntRange(0, 9).Draw(t, "effect")})
	}
	return c
}

func drawLife(t *rapid.T) crashtest.Life {
	return rapid.SampledFrom([]crashtest.Life{crashtest.InRecovery, crashtest.InProbes}).Draw(t, "life")
}
