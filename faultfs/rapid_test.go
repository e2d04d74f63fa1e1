package faultfs_test

import (
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	. "crashsim/faultfs"
)

// Property tests repeat themselves, unless a seed is given: -rapid.seed 7.
func TestMain(m *testing.M) {
	for name, value := range map[string]string{"rapid.seed": "1", "rapid.checks": "300", "rapid.nofailfile": "true"} {
		if err := flag.Set(name, value); err != nil {
			panic(err)
		}
	}
	os.Exit(m.Run())
}

// The simulated disk answers as the real one, whatever is asked of it in whatever
// order.
func TestRapidSimAnswersAsTheOS(t *testing.T) {
	rig := &diffRig{t: t, dir: t.TempDir()}
	seen := map[string]int{}
	rapid.Check(t, func(t *rapid.T) {
		var steps []diffStep
		actions := map[string]func(*rapid.T){}
		for _, kind := range slices.Compact(slices.Clone(diffKinds)) {
			actions[kind] = func(t *rapid.T) { steps = append(steps, drawStep(t, kind)) }
		}
		for _, more := range []string{"open", "open ", "mkdir", "write", "rename"} { // without which the others fail
			kind := strings.TrimSpace(more)
			actions["more "+more] = func(t *rapid.T) { steps = append(steps, drawStep(t, kind)) }
		}
		t.Repeat(actions)
		real, sim := rig.run(steps)
		if !slices.Equal(real, sim) {
			t.Fatalf("\n%s", rig.report(steps))
		}
		for i, s := range steps {
			kind, _, _ := strings.Cut(real[i], " ")
			seen[s.kind+" "+kind]++
		}
	})
	reached(t, seen, "open ok", "read ok", "write ok", "truncate ok", "sync ok", "mkdir ok", "remove ok", "remove remove:",
		"rename ok", "rename rename", "link ok", "readdir ok", "syncdir ok", "close ok")
}

func drawStep(t *rapid.T, kind string) diffStep {
	name := func(label string) string {
		few := rapid.IntRange(0, 3).Draw(t, "names") > 0
		return rapid.SampledFrom(diffNames[:map[bool]int{true: 6, false: len(diffNames)}[few]]).Draw(t, label)
	}
	return diffStep{
		kind: kind, name: name("name"), name2: name("other name"),
		flag: os.O_RDWR | os.O_CREATE | rapid.SampledFrom(diffFlags).Draw(t, "flag")&os.O_APPEND,
		slot: rapid.IntRange(0, 1).Draw(t, "slot"), off: rapid.SampledFrom(diffOffsets).Draw(t, "offset"),
		n: rapid.SampledFrom(diffLengths).Draw(t, "n"), whence: rapid.SampledFrom([]int{io.SeekStart, io.SeekCurrent, io.SeekEnd}).Draw(t, "whence"),
	}
}

// A plan is read back as the plan that was written.
func TestRapidPlanText(t *testing.T) {
	seen := map[string]int{}
	rapid.Check(t, func(t *rapid.T) {
		var plan Plan
		t.Repeat(map[string]func(*rapid.T){
			"fault": func(t *rapid.T) { plan = append(plan, Fault{When: drawInjector(t, 2), What: drawAction(t)}) },
		})
		again, err := ParsePlan(plan.String())
		if err != nil {
			t.Fatalf("%v in\n%s", err, plan)
		}
		if again.String() != plan.String() || len(again) != len(plan) {
			t.Fatalf("written:\n%s\nread:\n%s", plan, again)
		}
		for _, f := range again {
			seen[fmt.Sprintf("%T", f.When)]++
			seen[f.What.Class()]++
		}
	})
	reached(t, seen, "faultfs.and", "faultfs.or", "faultfs.not", "faultfs.chance", "faultfs.onPath", "*faultfs.nth",
		"short write", "rename left both names", "misdirected write", "full disk", "latency")
}

func drawInjector(t *rapid.T, depth int) Injector {
	n := rapid.IntRange(1, 99).Draw(t, "n")
	text := rapid.StringN(1, 8, 16).Draw(t, "text")
	kinds := []Kind{OpCreate, OpWrite, OpRename, OpSync, OpSyncDir, OpRead, OpOpen, OpStat}
	choices := 7
	if depth > 0 {
		choices = 10
	}
	switch rapid.IntRange(0, choices-1).Draw(t, "condition") {
	case 1:
		return OnPath(rapid.StringMatching(`[a-z*?. "';:|()!é]{1,8}`).Draw(t, "pattern"))
	case 2:
		return OnSite(text)
	case 3:
		return Nth(n)
	case 4:
		return After(n)
	case 5:
		return Chance(n * 10_000)
	case 6:
		return Via(text)
	case 7:
		return And(drawInjector(t, depth-1), drawInjector(t, depth-1))
	case 8:
		return Or(drawInjector(t, depth-1), drawInjector(t, depth-1))
	case 9:
		return Not(drawInjector(t, depth-1))
	}
	return OnKind(rapid.SampledFrom(kinds).Draw(t, "kind"))
}

func drawAction(t *rapid.T) Action {
	errno := rapid.SampledFrom(Errnos()).Draw(t, "errno")
	n := rapid.Int64Range(0, 1000).Draw(t, "n")
	return rapid.SampledFrom([]Action{
		{Errno: errno}, {Deed: Done, Errno: errno}, {Deed: Short, N: n, Errno: errno}, {Deed: Short, N: ShortSector},
		{Deed: Short, N: ShortAllBut1, Errno: errno}, {Deed: TornHead, Errno: errno}, {Deed: TornTail}, {Deed: BothNames, Errno: errno},
		{Deed: Lost}, {Deed: Misdirect, N: n + 1}, {Deed: Stale}, {Deed: ReadOnly, Errno: errno}, {Deed: Shutdown}, {Deed: Flip, N: n},
		{Deed: Zero, N: n}, {Deed: Size, N: n}, {Deed: Size, N: Unlimited}, {Deed: Room, N: n}, {Deed: Evict},
		{Deed: Delay, Delay: time.Duration(n+1) * time.Millisecond},
	}).Draw(t, "action")
}

// reached tells what was made, and fails where a property has not seen what it is
// for.
func reached(t *testing.T, seen map[string]int, want ...string) {
	t.Helper()
	for _, what := range slices.Sorted(maps.Keys(seen)) {
		t.Logf("%6d %s", seen[what], what)
	}
	for _, what := range want {
		if seen[what] == 0 && !t.Failed() && !testing.Short() { // which makes a fifth
			t.Errorf("%q was never reached: this run says nothing of it", what)
		}
	}
}
