package store_test

import (
	"errors"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"crashsim/faultfs"
	"crashsim/store"
)

// Where things are for the runtime that most tests use.
const (
	runtimeID    = "rt"
	runtimeDir   = "runtimes/id-7274"
	runtimeFile  = runtimeDir + "/runtime.json"
	eventsFile   = runtimeDir + "/events.jsonl"
	workersDir   = runtimeDir + "/workers"
	workerDir    = workersDir + "/id-77" // of the worker "w"
	snapshotFile = workerDir + "/worker.json"
	runtimeSpare = runtimeDir + "/.runtime.json.spare"
	workerSpare  = workerDir + "/.worker.json.spare"
	transcript   = workerDir + "/transcript.jsonl"
)

// childEnv says that this binary was started by one of its tests, and as what.
const childEnv = "CRASHSIM_STORE_CHILD"

func TestMain(m *testing.M) {
	switch role := os.Getenv(childEnv); role {
	case "":
		os.Exit(m.Run())
	case "write until killed":
		childWrites()
	case "hold the lock":
		childHoldsLock()
	default:
		panic("no such child: " + role)
	}
}

func options() store.Options { return store.Options{RuntimeID: runtimeID, ProcessID: 7} }

func open(t testing.TB, fsys faultfs.FS) *store.Store {
	t.Helper()
	s, err := store.Open(fsys, options())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func load(t testing.TB, s *store.Store) store.State {
	t.Helper()
	state, err := s.Load()
	if err != nil {
		t.Fatal(err)
	}
	return state
}

// opened gives the state that a disk is opened with, and closes it again.
func opened(t testing.TB, fsys faultfs.FS) store.State {
	t.Helper()
	s := open(t, fsys)
	state := load(t, s)
	must(t, s.Close())
	return state
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wantKind(t testing.TB, err, kind error) {
	t.Helper()
	if !errors.Is(err, kind) {
		t.Fatalf("error %v, want: %v", err, kind)
	}
	var e *store.Error
	if !errors.As(err, &e) || e.Op == "" {
		t.Fatalf("%v is no *store.Error that names its operation", err)
	}
}

func wantEqual[T any](t testing.TB, what string, got, want T) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Fatalf("%s:\n got %+v\nwant %+v", what, got, want)
	}
}

func ref(id string) store.WorkerRef { return store.WorkerRef{RuntimeID: runtimeID, WorkerID: id} }

func event(id uint64, message string) store.Event {
	return store.Event{ID: id, Kind: store.EventKind{Kind: "runtime_started"}, Message: message}
}

func entry(id string, sequence uint64, content string) store.TranscriptEntry {
	return store.TranscriptEntry{Sequence: sequence, WorkerRef: ref(id), Role: "user", Content: content}
}

func workerSnapshot(id, purpose string) store.WorkerSnapshot {
	return store.WorkerSnapshot{
		SchemaVersion: store.SchemaVersion, WorkerRef: ref(id), WorkerID: id, Status: store.Running,
		Request: store.Request{
			Intent:  store.Intent{Kind: "assistant", Purpose: &purpose},
			Profile: store.Profile{Kind: "runtime_default"},
		},
		NextTranscriptSequence: 1,
	}
}

// fill gives a disk with events 1 to n, and the worker "w" with as many entries.
func fill(t testing.TB, n int) *faultfs.Sim {
	t.Helper()
	sim, s := filled(t, n)
	must(t, s.Close())
	return sim
}

// killed is the same, left by a process that was killed before it could close.
func killed(t testing.TB, n int) *faultfs.Sim {
	t.Helper()
	sim, _ := filled(t, n)
	return sim.Fork()
}

func filled(t testing.TB, n int) (*faultfs.Sim, *store.Store) {
	t.Helper()
	sim := faultfs.NewSim()
	s := open(t, sim)
	must(t, s.WriteWorkerSnapshot(workerSnapshot("w", "")))
	for i := 1; i <= n; i++ {
		must(t, s.AppendEvent(event(uint64(i), "event "+strconv.Itoa(i))))
		must(t, s.AppendTranscriptEntry(entry("w", uint64(i), "entry "+strconv.Itoa(i))))
	}
	return sim, s
}

func readFile(t testing.TB, fsys faultfs.FS, name string) []byte {
	t.Helper()
	data, err := faultfs.ReadFile(fsys, name)
	must(t, err)
	return data
}

func writeFile(t testing.TB, fsys faultfs.FS, name string, data []byte) {
	t.Helper()
	f, err := fsys.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o666)
	must(t, err)
	_, err = f.Write(data)
	must(t, errors.Join(err, f.Close()))
}

// list gives all names on a disk, folders with a slash at the end.
func list(t testing.TB, sim *faultfs.Sim) []string {
	t.Helper()
	var names []string
	must(t, fs.WalkDir(sim.View(), ".", func(name string, e fs.DirEntry, err error) error {
		if e != nil && e.IsDir() {
			name += "/"
		}
		names = append(names, name)
		return err
	}))
	return names
}

// bytesBelow gives what is in a real folder, by name.
func bytesBelow(t testing.TB, dir string) map[string]string {
	t.Helper()
	found := map[string]string{}
	must(t, filepath.WalkDir(dir, func(name string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			found[name] = "folder"
			return err
		}
		data, err := os.ReadFile(name)
		found[name] = "file " + string(data)
		return err
	}))
	return found
}

func osDisk(t testing.TB, dir string) *faultfs.OS {
	t.Helper()
	disk, err := faultfs.OpenOS(dir)
	must(t, err)
	t.Cleanup(func() { _ = disk.Close() })
	return disk
}

// seed is what all that is random in a test comes from. It tells how to have the
// same again.
func seed(t testing.TB) uint64 {
	t.Helper()
	n := uint64(1)
	if text := os.Getenv("CRASHSIM_SEED"); text != "" {
		var err error
		n, err = strconv.ParseUint(text, 10, 64)
		must(t, err)
	}
	t.Logf("to repeat: CRASHSIM_SEED=%d go test -run '^%s$' ./store", n, strings.Split(t.Name(), "/")[0])
	return n
}

func random(seed uint64, stream int) *rand.Rand { return rand.New(rand.NewPCG(seed, uint64(stream))) }

// text gives a string of a random length, with what JSON has to escape in it.
func text(r *rand.Rand, most int) string {
	const alphabet = "abcXYZ 019{}[],:\"\\\n\t<>&é\u2028世"
	letters := []rune(alphabet)
	var b strings.Builder
	for range r.IntN(most + 1) {
		b.WriteRune(letters[r.IntN(len(letters))])
	}
	return b.String()
}

// everyImage gives every disk that a crash at a cut can leave, each to do with as
// one likes.
func everyImage(t testing.TB, c *faultfs.Cut, f func(*faultfs.Sim)) {
	t.Helper()
	if n := len(c.Pending); n > 16 {
		t.Fatalf("%d pending effects are too many to go through", n)
	}
	for image := range c.Images() {
		f(image)
	}
}
