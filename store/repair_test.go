package store_test

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"crashsim/faultfs"
	"crashsim/store"
)

func repair(t testing.TB, sim *faultfs.Sim) []store.Mended {
	t.Helper()
	done, err := store.Repair(t.Context(), sim, nil)
	must(t, err)
	return done
}

// records gives all that a state has of records, each as a text.
func records(s store.State) (list []string) {
	for _, e := range s.Events {
		list = append(list, e.Message)
	}
	for _, w := range s.Workers {
		list = append(list, "worker "+w.Snapshot.WorkerID)
		for _, e := range w.Transcript {
			list = append(list, w.Snapshot.WorkerID+" "+e.Content)
		}
	}
	return list
}

// lost is what is not handed out any more after each of damages: nothing else.
var lost = map[string][]string{
	"torn event":        {"event 3"},
	"torn entry":        {"w entry 3"},
	"no worker":         {"worker w", "w entry 1", "w entry 2", "w entry 3"}, // set aside
	"damaged event":     {"event 2"},
	"damaged entry":     {"w entry 2"},
	"lines in one":      {"event 1", "event 2"},
	"worker.json":       {"worker w", "w entry 1", "w entry 2", "w entry 3"},
	"other worker":      {"worker w", "w entry 1", "w entry 2", "w entry 3"},
	"file for workers":  {"worker w", "w entry 1", "w entry 2", "w entry 3"}, // they are elsewhere
	"no workers":        {"worker w", "w entry 1", "w entry 2", "w entry 3"},
	"file for a worker": nil,
}

// checkRepaired wants a healthy store that has all but what is lost.
func checkRepaired(t *testing.T, name string, sim *faultfs.Sim, want []string) {
	t.Helper()
	wantVerdict(t, verify(t, sim), store.Healthy)
	got := records(opened(t, sim))
	for _, record := range want {
		if slices.Contains(lost[name], record) {
			continue
		}
		if !slices.Contains(got, record) {
			t.Fatalf("%q is lost: %q", record, got)
		}
	}
	if len(got) != len(want)-len(lost[name]) {
		t.Fatalf("%q, want %q without %q", got, want, lost[name])
	}
}

// After a repair the store is healthy, has lost no intact record, and tells what
// was damaged; what was changed is kept; and a second repair does nothing.
func TestRepair(t *testing.T) {
	want := records(opened(t, killed(t, 3)))
	for name, c := range damages(t) {
		t.Run(name, func(t *testing.T) {
			sim := killed(t, 3)
			c.do(t, sim)
			damaged := sim.Fork()
			done := repair(t, sim)
			p := store.Problem{Kind: c.kind, Path: c.path}
			if !p.Repairable() {
				if sim.Key() != damaged.Key() || len(done) > 0 {
					t.Fatalf("changed: %+v", done)
				}
				return
			}
			if len(done) == 0 {
				t.Fatal("nothing was done")
			}
			checkRepaired(t, name, sim, want)
			for _, d := range done {
				if d.Kept != "" && strings.Contains(d.Kept, ".damaged-") && !bytes.Equal(readFile(t, sim, d.Kept), readFile(t, damaged, d.Path)) {
					t.Fatalf("%s is no copy of %s", d.Kept, d.Path)
				}
			}
			diagnostics := opened(t, sim).Snapshot.Diagnostics
			if told := len(diagnostics) > 0; told != (c.kind.Damage() && c.kind != store.BadFirstName || c.kind == store.NoWorker) {
				t.Fatalf("diagnostics: %+v", diagnostics)
			}
			key := sim.Key()
			if again := repair(t, sim); len(again) > 0 || sim.Key() != key {
				t.Fatalf("the second repair has done %+v", again)
			}
			s := open(t, sim)
			must(t, s.AppendEvent(event(100, "")))
			must(t, s.WriteWorkerSnapshot(workerSnapshot("new", "")))
			must(t, s.Close())
			wantVerdict(t, verify(t, sim), store.Healthy)
		})
	}
}

// What is damaged again after a repair is kept again, and not taken for what was kept
// before.
func TestRepairKeepsEachOriginal(t *testing.T) {
	sim := killed(t, 3)
	kept := map[string][]byte{}
	for _, old := range []string{"event 1", "event 2"} {
		data := bytes.Replace(readFile(t, sim, eventsFile), []byte(old), []byte("event 9"), 1)
		writeFile(t, sim, eventsFile, data)
		for _, d := range repair(t, sim) {
			if d.Path == eventsFile {
				kept[d.Kept] = data
			}
		}
	}
	if len(kept) != 2 {
		t.Fatalf("%d files are kept, want 2", len(kept))
	}
	for name, want := range kept {
		if got := readFile(t, sim, name); !bytes.Equal(got, want) {
			t.Fatalf("%s holds %q, want %q", name, got, want)
		}
	}
}

// A crash in a repair leaves what the next one can go on from, with the same
// result. What opens before that shows no loss of damage without telling of it.
func TestRepairCrashes(t *testing.T) {
	want := records(opened(t, killed(t, 3)))
	images := 0
	for name, c := range damages(t) {
		for _, disk := range []*faultfs.Sim{killed(t, 3), fill(t, 3)} {
			c.do(t, disk)
			damaged := verify(t, disk).Verdict() == store.Damaged
			sim := disk.Fork()
			if repair(t, sim); verify(t, sim).Verdict() != store.Healthy {
				continue // what Repair leaves alone
			}
			after := opened(t, sim).Snapshot.Diagnostics
			seen := map[faultfs.Key]bool{}
			eachCut(t, sim.Trace(), func(cut *faultfs.Cut) {
				everyImage(t, cut, func(image *faultfs.Sim) {
					if seen[image.Key()] {
						return
					}
					seen[image.Key()] = true
					images++
					if damaged {
						checkOpensHonestly(t, name, image.Fork(), want)
					}
					repair(t, image)
					checkRepaired(t, name, image, want)
					checkToldOnce(t, name, opened(t, image).Snapshot.Diagnostics, after)
				})
			})
		}
	}
	t.Logf("%d images", images)
	if images < 500 {
		t.Fatal("they should be more")
	}
}

// What a repair has mended stays mended, also where something is left that it does
// not touch, so that it does not end by opening the store.
func TestRepairIsDurable(t *testing.T) {
	entries := func(change func([]byte) []byte) func(*testing.T, *faultfs.Sim) {
		return func(t *testing.T, sim *faultfs.Sim) {
			writeFile(t, sim, transcript, change(readFile(t, sim, transcript)))
		}
	}
	for name, damage := range map[string]func(*testing.T, *faultfs.Sim){
		"no workers":    func(t *testing.T, sim *faultfs.Sim) { must(t, sim.Rename(workersDir, "elsewhere")) },
		"damaged entry": entries(func(data []byte) []byte { return bytes.Replace(data, []byte("role"), []byte("rule"), 1) }),
		"torn entry":    entries(func(data []byte) []byte { return data[:len(data)-10] }),
	} {
		sim := fill(t, 3)
		damage(t, sim)
		must(t, sim.Remove(eventsFile))
		must(t, sim.Mkdir(eventsFile, 0o777))
		sim = sim.Fork()
		before := sim.Key()
		repair(t, sim)
		names, left := list(t, sim), slices.Collect(verify(t, sim).Problems)
		if len(left) == 0 || sim.Key() == before {
			t.Errorf("%s: it should mend a part, and leaves %+v", name, left)
		}
		var last *faultfs.Cut
		eachCut(t, sim.Trace(), func(cut *faultfs.Cut) { last = cut })
		everyImage(t, last, func(image *faultfs.Sim) {
			wantEqual(t, name, list(t, image), names)
			wantEqual(t, name, slices.Collect(verify(t, image).Problems), left)
		})
	}
}

func checkToldOnce(t *testing.T, name string, got, want []store.Diagnostic) {
	t.Helper()
	for _, d := range want {
		told := func(g store.Diagnostic) bool { return g.Code == d.Code && g.Message == d.Message }
		if i := slices.IndexFunc(got, told); i < 0 || slices.ContainsFunc(got[i+1:], told) {
			t.Fatalf("%s: not told once of %q: %+v", name, d.Message, got)
		}
	}
}

func checkOpensHonestly(t *testing.T, name string, image *faultfs.Sim, want []string) {
	t.Helper()
	s, err := store.Open(image, options())
	if err != nil {
		return
	}
	state, err := s.Load()
	must(t, s.Close())
	if err == nil && len(records(state)) < len(want) && len(state.Snapshot.Diagnostics) == 0 {
		t.Fatalf("%s: opened with %q, and no diagnostic", name, records(state))
	}
}

// What is noted of a log's size follows it when it gets shorter.
func TestRepairAcknowledged(t *testing.T) {
	disk := fill(t, 3)
	for name, count := range logs {
		data := readFile(t, disk, name)
		from := lineStarts(data)[2]
		zeroed := bytes.Clone(data)
		clear(zeroed[from:])
		for _, damaged := range [][]byte{data[:from], zeroed, nil} {
			sim := disk.Fork()
			writeFile(t, sim, name, damaged)
			left := 2
			if damaged == nil {
				must(t, sim.Remove(name))
				left = 0
			}
			repair(t, sim)
			wantVerdict(t, verify(t, sim), store.Healthy)
			state := opened(t, sim)
			wantEqual(t, "records", count(state), left)
			if d := state.Snapshot.Diagnostics; len(d) != 1 || d[0].Code != store.CodeRepaired {
				t.Fatalf("%+v", d)
			}
		}
	}
}

// A snapshot that is made anew has counters past all that was used.
func TestRepairCounters(t *testing.T) {
	sim := fill(t, 3)
	s := open(t, sim)
	must(t, s.WriteRuntimeSnapshot(fullRuntime()))
	must(t, s.AppendEvent(event(40, "")))
	must(t, s.Close())
	data := readFile(t, sim, runtimeFile)
	data[len(data)/2] ^= 1
	writeFile(t, sim, runtimeFile, data)
	repair(t, sim)
	got := opened(t, sim).Snapshot
	if got.NextEventID != 41 || got.NextWorkerSequence < 2 || got.NextDiagnosticID != 2 {
		t.Fatalf("%+v", got)
	}
}

// A store that is open is left alone.
func TestRepairLocked(t *testing.T) {
	sim := fill(t, 2)
	s := open(t, sim)
	data := readFile(t, sim, eventsFile)
	data[5] ^= 1
	writeFile(t, sim, eventsFile, data)
	key := sim.Key()
	_, err := store.Repair(t.Context(), sim, nil)
	wantKind(t, err, store.ErrLocked)
	if sim.Key() != key {
		t.Fatal("changed")
	}
	must(t, s.Close())
	if len(repair(t, sim)) == 0 {
		t.Fatal("nothing was done")
	}
}
