package store_test

import (
	"bytes"
	"path"
	"slices"
	"strings"
	"testing"

	"crashsim/faultfs"
	"crashsim/store"
)

// wrecks are folders that are no workers': what is in them, by name.
var wrecks = map[string]map[string]string{
	"empty":                {},
	"only a transcript":    {"transcript.jsonl": "{half"},
	"only a temporary":     {".worker.json.tmp-1-1": "{}"},
	"empty snapshot":       {"worker.json": "", "transcript.jsonl": ""},
	"half a snapshot":      {"worker.json": "{\n  \"schema", "transcript.jsonl": `{"sequence":1}` + "\n"},
	"snapshot of zeros":    {"worker.json": strings.Repeat("\x00", 700)},
	"a folder and no more": {"folder/": "", "folder/file": "something", "transcript.jsonl": strings.Repeat("t", 1500)},
}

func wreck(t testing.TB, sim *faultfs.Sim, dir string, files map[string]string) {
	t.Helper()
	must(t, sim.Mkdir(dir, 0o777))
	var names []string
	for name := range files {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		if folder, ok := strings.CutSuffix(name, "/"); ok {
			must(t, sim.Mkdir(dir+"/"+folder, 0o777))
			continue
		}
		writeFile(t, sim, dir+"/"+name, []byte(files[name]))
	}
}

// checkAside wants a wreck to be kept under a number, told of once, and gone
// from where it was.
func checkAside(t testing.TB, sim *faultfs.Sim, was, kept string, files map[string]string, state store.State) {
	t.Helper()
	if _, err := sim.Stat(was); err == nil {
		t.Fatalf("%s is still there", was)
	}
	count := 0
	for name, content := range files {
		if strings.HasSuffix(name, "/") || strings.Contains(name, ".tmp-") {
			continue
		}
		count++
		if got := readFile(t, sim, kept+"/"+name); !bytes.Equal(got, []byte(content)) {
			t.Fatalf("%s/%s is %q, was %q", kept, name, got, content)
		}
	}
	for _, name := range list(t, sim) {
		if strings.HasPrefix(name, kept+"/") && !strings.HasSuffix(name, "/") {
			count--
		}
	}
	if count != 0 {
		t.Fatalf("%s: %d files are missing", kept, count)
	}
	d := state.Snapshot.Diagnostics
	if len(d) != 1 || d[0].Severity != "warning" || d[0].Code != store.CodeWorkerIgnored || d[0].ID != 1 || state.Snapshot.NextDiagnosticID != 2 {
		t.Fatalf("diagnostics: %+v, next %d", d, state.Snapshot.NextDiagnosticID)
	}
}

// A folder without a readable snapshot does not keep the rest from opening.
func TestSetAside(t *testing.T) {
	for name, files := range wrecks {
		for _, folder := range []string{"id-78", "no id"} {
			t.Run(name+" in "+folder, func(t *testing.T) {
				sim := fill(t, 2)
				want := opened(t, sim)
				was := workersDir + "/" + folder
				wreck(t, sim, was, files)
				state := opened(t, sim)
				wantEqual(t, "workers", state.Workers, want.Workers)
				wantEqual(t, "events", state.Events, want.Events)
				checkAside(t, sim, was, runtimeDir+"/set-aside/1/"+folder, files, state)
				if r := state.Snapshot.Diagnostics[0].WorkerRef; (r != nil) != (folder == "id-78") || r != nil && *r != ref("x") {
					t.Fatalf("the diagnostic is of %v", r)
				}
				key := sim.Key()
				wantEqual(t, "state at the second open", opened(t, sim), state)
				if sim.Key() != key {
					t.Fatal("the second open has changed something")
				}
				s := open(t, sim)
				must(t, s.WriteWorkerSnapshot(workerSnapshot("x", "a new one")))
				must(t, s.Close())
				wantEqual(t, "workers afterwards", len(opened(t, sim).Workers), 2)
			})
		}
	}
}

// Setting aside that a crash interrupts, wherever and whatever that leaves, is
// finished by the next who opens, with the same result.
func TestSetAsideInterrupted(t *testing.T) {
	for name, files := range wrecks {
		t.Run(name, func(t *testing.T) {
			sim := fill(t, 1)
			want := opened(t, sim)
			was := workersDir + "/id-78"
			wreck(t, sim, was, files)
			sim = sim.Fork()
			opened(t, sim)
			images := 0
			seen := map[faultfs.Key]bool{}
			for w := sim.Trace().Walk(faultfs.POSIX); ; w.Next() {
				everyImage(t, w.Cut(), func(image *faultfs.Sim) {
					if seen[image.Key()] {
						return
					}
					seen[image.Key()] = true
					images++
					state := opened(t, image)
					wantEqual(t, "workers", state.Workers, want.Workers)
					wantEqual(t, "events", state.Events, want.Events)
					checkAside(t, image, was, runtimeDir+"/set-aside/1/id-78", files, state)
					key := image.Key()
					wantEqual(t, "state at the second open", opened(t, image), state)
					if image.Key() != key {
						t.Fatal("the second open has changed something")
					}
				})
				if w.Peek() == nil {
					break
				}
			}
			t.Logf("%d images", images)
		})
	}
}

// Of a worker that is made and not acknowledged, a crash leaves all or nothing.
func TestNewWorkerInterrupted(t *testing.T) {
	sim := fill(t, 1).Fork()
	s := open(t, sim)
	want := load(t, s)
	must(t, s.WriteWorkerSnapshot(workerSnapshot("x", "new")))
	all := load(t, s)
	whole, aside := 0, 0
	for w := sim.Trace().Walk(faultfs.POSIX); ; w.Next() {
		everyImage(t, w.Cut(), func(image *faultfs.Sim) {
			state := opened(t, image)
			switch {
			case len(state.Workers) == 2:
				whole++
				wantEqual(t, "with the worker", state, all)
			case w.Peek() == nil:
				t.Fatal("the acknowledged worker is lost")
			case len(state.Snapshot.Diagnostics) > 0:
				aside++
				wantEqual(t, "diagnostics", len(state.Snapshot.Diagnostics), 1)
				wantEqual(t, "workers", state.Workers, want.Workers)
			default:
				wantEqual(t, "without the worker", state, want)
			}
		})
		if w.Peek() == nil {
			break
		}
	}
	if whole == 0 || aside == 0 {
		t.Fatalf("%d with the worker, %d set aside: not what this is to show", whole, aside)
	}
}

// Temporary files of a process that was killed are removed, and what looks like
// one but for its place or name is not.
func TestTemporaryFiles(t *testing.T) {
	sim := fill(t, 1)
	key := sim.Key()
	for _, name := range []string{runtimeDir + "/.runtime.json.tmp-7-1", workerDir + "/.worker.json.tmp-12-345", workerDir + "/.worker.json.tmp-7-1"} {
		writeFile(t, sim, name, []byte("{"))
	}
	opened(t, sim)
	if sim.Key() != key {
		t.Fatalf("left: %q", list(t, sim))
	}
	writeFile(t, sim, runtimeDir+"/notes.json.tmp-1-1", nil)
	writeFile(t, sim, workerDir+"/.other", nil)
	key = sim.Key()
	opened(t, sim)
	if sim.Key() != key {
		t.Fatalf("what is another's was removed; left: %q", list(t, sim))
	}
}

// A counter that is behind the diagnostics does not make two folders share an id:
// the second would take the place of the first.
func TestSetAsideBehindTheCounter(t *testing.T) {
	sim := fill(t, 2)
	files := map[string]string{"transcript.jsonl": "{half"}
	wreck(t, sim, workersDir+"/id-78", files)
	state := opened(t, sim)
	state.Snapshot.NextDiagnosticID = 1
	s := open(t, sim)
	must(t, s.WriteRuntimeSnapshot(state.Snapshot))
	must(t, s.Close())
	wreck(t, sim, workersDir+"/id-79", files)
	after := opened(t, sim).Snapshot
	if n := len(after.Diagnostics); n != 2 || after.Diagnostics[1].ID != 2 || after.NextDiagnosticID != 3 {
		t.Errorf("%+v, next %d", after.Diagnostics, after.NextDiagnosticID)
	}
	for _, kept := range []string{"1/id-78", "2/id-79"} {
		if got := readFile(t, sim, path.Join(path.Dir(workersDir), "set-aside", kept, "transcript.jsonl")); string(got) != "{half" {
			t.Errorf("%s: %q", kept, got)
		}
	}
}
