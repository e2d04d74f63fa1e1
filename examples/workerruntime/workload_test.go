package workerruntime

import (
	"encoding/hex"
	"maps"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"crashsim/crashtest"
	"crashsim/faultfs"
)

// The workload that a run has when nobody asks for another uses every verb,
// each word and each id, and meets every refusal.
func TestDefaultWorkloadUsesEverything(t *testing.T) {
	r, _ := plainly(t, targetNamed(t, "store"), crashtest.Defaults())
	used := map[string]bool{}
	m := newModel(runtimes)
	for _, text := range r.Workload {
		if text == crashtest.Reopen {
			used[text] = true
			continue
		}
		o, err := parse(text)
		if err != nil {
			t.Fatal(err)
		}
		for _, word := range strings.Fields(text) {
			used[word] = true
		}
		used["as"] = used["as"] || o.as != o.rt
		used["again"] = used["again"] || o.again
		if reason, ok := strings.CutPrefix(m.Apply(text), "refused: "); ok {
			used["refused "+reason] = true
			used["refused "+o.verb] = true
		}
	}
	want := []string{crashtest.Reopen, "as", "again",
		"refused missing", "refused invalid", "refused wrong runtime", "refused wrong cursor", "refused limit",
		"refused worker", "refused event", "refused transcript", "refused events", "refused read"}
	for verb := range grammar {
		want = append(want, verb)
	}
	for _, a := range Aliases() {
		want = append(want, a.Name)
	}
	for place, words := range vocabulary {
		for _, word := range words {
			if place != "KIND" || strings.HasPrefix(word, "worker_") { // runtimes start by themselves, and stop in probes
				want = append(want, word)
			}
		}
	}
	slices.Sort(want)
	for _, what := range slices.Compact(want) {
		if !used[what] {
			t.Errorf("%q is not in the default workload", what)
		}
	}
}

// Whatever the seed, what is generated can be checked, and the store does in it
// what the reference does.
func TestGeneratedWorkloads(t *testing.T) {
	target := targetNamed(t, "store")
	for seed := range uint64(10) {
		for _, n := range []int{0, 1, 10, 95, 150} {
			cfg := small(n)
			cfg.Seed = seed
			r, _ := plainly(t, target, cfg)
			const act = 8 // operations at most, of which the last may be a part
			if len(r.Workload) < n || len(r.Workload) >= n+act {
				t.Errorf("seed %d: %d operations, wanted about %d", seed, len(r.Workload), n)
			}
			for _, op := range r.Workload {
				if err := Check(op); err != nil {
					t.Error(err)
				}
			}
			if len(r.Findings) > 0 {
				t.Errorf("seed %d: %v", seed, r.Err())
			}
		}
	}
}

// The operations that a recovered store is tried with: each is one, and each kind
// that writes is among them, for each runtime.
func TestProbes(t *testing.T) {
	m := newModel(runtimes)
	if got := m.Apply("worker r1 w1 running 100"); got != "ok" {
		t.Fatal(got)
	}
	ops := probes(m)
	for _, op := range ops {
		if err := Check(op); err != nil {
			t.Error(err)
		}
	}
	for _, want := range []string{"runtime r1", "event r1", "transcript r1 w1", "worker r1 w1", "worker r1 w2", "load r1",
		"runtime r2", "event r2", "worker r2 w1", "load r2", crashtest.Reopen} {
		if !slices.ContainsFunc(ops, func(op string) bool { return strings.HasPrefix(op, want) }) {
			t.Errorf("no %q among %q", want, ops)
		}
	}
}

// The longest id that can be has the longest name that a folder can have, and one
// byte more has none.
func TestAliases(t *testing.T) {
	const nameMax = 255 // of Linux, macOS and Windows
	longest := 0
	ids := map[string]string{}
	for _, a := range Aliases() {
		folder := len("id-" + hex.EncodeToString([]byte(a.ID)))
		switch {
		case a.Name == "w-long":
			if folder <= nameMax || len(a.ID) != maxIDBytes+1 {
				t.Errorf("%s has a folder of %d bytes: it should just not fit", a.Name, folder)
			}
		case folder > nameMax:
			t.Errorf("%s has a folder of %d bytes: it should fit", a.Name, folder)
		case a.Name == "w-blank":
			if strings.TrimSpace(a.ID) != "" || a.ID == "" {
				t.Errorf("%s is %q: it should be blank, and not empty", a.Name, a.ID)
			}
		default:
			longest = max(longest, folder)
		}
		if !utf8.ValidString(a.ID) {
			t.Errorf("%s is not UTF-8: %q", a.Name, a.ID)
		}
		key := a.ID
		if strings.HasPrefix(a.Name, "r") {
			key = "runtime " + key
		}
		if other, ok := ids[key]; ok {
			t.Errorf("%s and %s are the same id", a.Name, other)
		}
		ids[key] = a.Name
	}
	if longest != nameMax {
		t.Errorf("the longest folder that is made is of %d bytes, want %d", longest, nameMax)
	}
	all := strings.Join(slices.Collect(maps.Keys(ids)), "")
	for what, piece := range map[string]string{"a blank": " ", "dots": "..", "a slash": "/", "a backslash": "\\", "what is not ASCII": "日"} {
		if !strings.Contains(all, piece) {
			t.Errorf("no id has %s in it", what)
		}
	}
}

// pending is how many bytes a trace writes to one file between two of its syncs,
// at most: what is torn at once.
func pending(trace *faultfs.Trace) (most int, path string) {
	sum := map[faultfs.Ino]int{}
	for i := range trace.Len() {
		switch op := trace.Op(i); op.Kind {
		case faultfs.OpWrite:
			if sum[op.Ino] += len(op.Data); sum[op.Ino] > most {
				most, path = sum[op.Ino], op.Path
			}
		case faultfs.OpSync:
			delete(sum, op.Ino)
		}
	}
	return most, path
}

// The sizes of generated workloads keep what is explored within bounds, and not
// so small that nothing is torn.
func TestNoFileIsWrittenWithMoreThanMaxPending(t *testing.T) {
	largest := 0
	for seed := range uint64(8) {
		cfg := crashtest.Defaults()
		cfg.Seed += seed
		_, traces := plainly(t, targetNamed(t, "store"), cfg)
		for _, trace := range traces {
			most, path := pending(trace)
			if most > maxPending {
				t.Errorf("seed %d: %d bytes are written to %s before a sync, at most %d should be", cfg.Seed, most, path, maxPending)
			}
			largest = max(largest, most)
		}
	}
	if largest < maxPending/2 {
		t.Errorf("%d bytes at most are written before a sync: a limit of %d bounds nothing", largest, maxPending)
	}
	t.Logf("%d bytes at most, of %d", largest, maxPending)
}
