package fuzz

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"os"
	"path"
	"reflect"
	"runtime/metrics"
	"slices"
	"syscall"
	"testing"

	"crashsim/faultfs"
	"crashsim/store"
)

// The folder of the runtime "r", and of its worker "w".
const (
	runtimeDir = "runtimes/id-72"
	workerDir  = runtimeDir + "/workers/id-77"
	asideDir   = runtimeDir + "/workers/id-78" // of "x", which has no snapshot
)

var options = store.Options{RuntimeID: "r", ProcessID: 1}

// files are a store folder, as bytes choose it. Shape says by its bits what is
// missing or besides.
type files struct {
	events, runtime, worker, transcript []byte
	shape                               byte
}

const (
	noRuntime = 1 << iota
	noEvents
	noWorker // no folder at all
	noSnapshot
	noTranscript
	folderForLog // a folder has the log's name
	leftOvers    // temporary files, and a worker's folder without a snapshot
	noWorkers    // no workers' folder
)

// FuzzFiles opens a folder of any bytes as a store. It opens or refuses with one of
// the store's kinds of error; it does not panic, or ask the disk without end, or
// take memory out of proportion; opened again it is the same; and every record that
// it gives out stands in a file.
func FuzzFiles(f *testing.F) {
	f.Add([]byte(nil), []byte("{}"), []byte("{}"), []byte(nil), byte(0))
	f.Fuzz(func(t *testing.T, events, runtime, worker, transcript []byte, shape byte) {
		in := files{events, runtime, worker, transcript, shape}
		sim := in.disk(t)
		before := allocated()
		health := verify(t, sim)
		in.repair(t, sim.Fork(), health)
		state, err := openAndLoad(t, sim)
		checkHealth(t, health, state, err)
		if used, most := allocated()-before, in.budget(); used > most {
			t.Fatalf("%d bytes of memory for %d bytes of files", used, in.size())
		}
		if err != nil {
			return
		}
		in.checkRecords(t, state)
		key := sim.Key()
		again, err := openAndLoad(t, sim)
		if err != nil || !reflect.DeepEqual(again, state) {
			t.Fatalf("opened again: %v\n%+v\nbefore:\n%+v", err, again, state)
		}
		if sim.Key() != key {
			t.Fatal("a second opening changes the disk")
		}
	})
}

func (in *files) size() int {
	return len(in.events) + len(in.runtime) + len(in.worker) + len(in.transcript)
}

// budget is what opening may take in all, in bytes: what is read, what is made of
// it, and what the trace of a disk keeps.
func (in *files) budget() uint64 { return 4<<20 + 256*uint64(in.size()) }

func allocated() uint64 {
	sample := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}

// kinds are all that the store may refuse files with.
var kinds = []error{store.ErrMissing, store.ErrCorrupt, store.ErrWrongRuntime, store.ErrInvalid, store.ErrLimit}

func openAndLoad(t *testing.T, sim *faultfs.Sim) (state store.State, err error) {
	t.Helper()
	sim.LimitSteps(1 << 12)
	s, err := store.Open(sim, options)
	if err == nil {
		if state, err = s.Load(); err == nil {
			readAgain(t, s, state)
		}
		if closeErr := s.Close(); closeErr != nil {
			t.Fatal(closeErr)
		}
	}
	if err != nil {
		known(t, err)
	}
	return state, err
}

// known expects an error of a kind that files can have.
func known(t *testing.T, err error) {
	t.Helper()
	if !errors.Is(err, syscall.EISDIR) && !slices.ContainsFunc(kinds, func(kind error) bool { return errors.Is(err, kind) }) {
		t.Fatalf("an error of no kind that files can have: %v", err)
	}
}

// progress expects to be told of more each time, and of no more than all: repair finds
// out on its way what it has to copy.
func progress(t *testing.T) store.Progress {
	last, whole := int64(0), int64(0)
	return func(path string, done, total int64) {
		if path == "" || done < last || done > total || total < whole {
			t.Fatalf("%s: %d of %d bytes, before %d of %d", path, done, total, last, whole)
		}
		last, whole = done, total
	}
}

// verify tells the health of files, and changes nothing.
func verify(t *testing.T, sim *faultfs.Sim) *store.Health {
	t.Helper()
	sim.LimitSteps(1 << 12)
	before := sim.Key()
	h, err := store.Verify(t.Context(), sim, progress(t))
	must(t, err)
	if sim.Key() != before {
		t.Fatal("to verify changes the disk")
	}
	return h
}

// repair mends a copy of the disk: what it was told to mend is not told again, the
// store keeps each good record that verify has counted, and invents none.
func (in *files) repair(t *testing.T, sim *faultfs.Sim, before *store.Health) {
	t.Helper()
	sim.LimitSteps(1 << 13)
	if _, err := store.Repair(t.Context(), sim, progress(t)); err != nil {
		known(t, err)
		return
	}
	problems := slices.Collect(verify(t, sim).Problems)
	if slices.ContainsFunc(problems, func(p *store.Problem) bool { return !p.Repairable() }) {
		return // what it is not to touch stands in the way of more
	}
	if i := slices.IndexFunc(problems, func(p *store.Problem) bool { return p.Kind.Damage() }); i >= 0 {
		t.Fatalf("repaired, and still damaged: %+v", *problems[i])
	}
	state, err := openAndLoad(t, sim)
	if err != nil {
		t.Fatalf("repaired, and refused: %v", err)
	}
	in.checkRecords(t, state)
	for _, r := range before.Runtimes {
		for _, f := range r.Files {
			if path.Base(f.Path) == "events.jsonl" && len(state.Events) < f.Records {
				t.Fatalf("repaired, and %d of %d good events are left", len(state.Events), f.Records)
			}
		}
	}
}

// checkHealth holds what verify tells against what opening came to: files that are
// healthy open, what a crash explains is mended, and where there is
// damage that is not set aside opening or reading refuses.
func checkHealth(t *testing.T, h *store.Health, state store.State, err error) {
	t.Helper()
	problems := slices.Collect(h.Problems)
	told := func() (text string) {
		for _, p := range problems {
			text += fmt.Sprintf("%+v\n", *p)
		}
		return text
	}
	aside := slices.ContainsFunc(state.Snapshot.Diagnostics, func(d store.Diagnostic) bool {
		return d.Code == store.CodeWorkerIgnored || d.Code == store.CodeTailIgnored
	})
	switch h.Verdict() {
	case store.Healthy:
		if err != nil {
			t.Fatalf("healthy, and refused: %v", err)
		}
	case store.Interrupted:
		if err != nil {
			t.Fatalf("a crash explains it, and it is refused: %v\n%s", err, told())
		}
	case store.Damaged:
		// Without a snapshot and a whole line there is nothing to lose: opening begins anew.
		nothing := len(state.Events) == 0 && len(state.Workers) == 0 &&
			!slices.ContainsFunc(problems, func(p *store.Problem) bool { return p.Kind.Damage() && p.Kind != store.MissingSnapshot })
		if err == nil && !aside && !nothing {
			t.Fatalf("damaged, and opened:\n%s", told())
		}
	}
}

// readAgain reads in parts what was read as a whole.
func readAgain(t *testing.T, s *store.Store, state store.State) {
	t.Helper()
	var events []store.Event
	for cursor := (store.EventCursor{RuntimeID: "r"}); ; {
		b, err := s.ReadEvents(cursor, 3, 3)
		must(t, err)
		events = append(events, b.Events...)
		if cursor = b.Cursor; !b.HasMore {
			break
		}
	}
	if sorted := slices.IsSortedFunc(state.Events, func(a, b store.Event) int { return cmp.Compare(a.ID, b.ID) }); sorted && len(events) != len(state.Events) {
		t.Fatalf("%d events one after another, %d at once", len(events), len(state.Events))
	}
	for _, w := range state.Workers {
		p, err := s.ReadTranscript(w.Snapshot.WorkerRef, 1, 2, 2)
		must(t, err)
		if n := len(w.Transcript); p.TotalItems != n || len(p.Items) != max(0, min(2, n-1)) || len(p.Items) > 0 && p.Items[0] != w.Transcript[1] {
			t.Fatalf("a part of a transcript of %d: %+v", n, p)
		}
	}
}

// disk makes the folder.
func (in *files) disk(t *testing.T) *faultfs.Sim {
	t.Helper()
	sim := faultfs.NewSim()
	has := func(bit byte) bool { return in.shape&bit == 0 }
	dirs := []string{"runtimes", runtimeDir}
	if has(noWorkers) {
		dirs = append(dirs, path.Dir(workerDir))
		if has(noWorker) {
			dirs = append(dirs, workerDir)
		}
		if !has(leftOvers) {
			dirs = append(dirs, asideDir)
		}
	}
	if !has(folderForLog) {
		dirs = append(dirs, runtimeDir+"/events.jsonl")
	}
	for _, dir := range dirs {
		must(t, sim.Mkdir(dir, 0o777))
	}
	put := func(there bool, name string, data []byte) {
		if !there {
			return
		}
		if _, err := sim.Stat(path.Dir(name)); errors.Is(err, fs.ErrNotExist) {
			return // with its folder
		}
		f, err := sim.OpenFile(name, os.O_WRONLY|os.O_CREATE, 0o666)
		must(t, err)
		_, err = f.Write(data)
		must(t, errors.Join(err, f.Close()))
	}
	put(has(noRuntime), runtimeDir+"/runtime.json", in.runtime)
	put(has(noEvents) && has(folderForLog), runtimeDir+"/events.jsonl", in.events)
	put(has(noSnapshot), workerDir+"/worker.json", in.worker)
	put(has(noTranscript), workerDir+"/transcript.jsonl", in.transcript)
	put(!has(leftOvers), runtimeDir+"/.runtime.json.tmp-1-1", in.runtime)
	put(!has(leftOvers), asideDir+"/transcript.jsonl", in.transcript)
	return sim.Fork()
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// checkRecords finds each record in a line of its file, in their order.
func (in *files) checkRecords(t *testing.T, state store.State) {
	t.Helper()
	left := in.events
	for _, e := range state.Events {
		if left = after(left, e); left == nil {
			t.Fatalf("event %d stands in no line: %+v", e.ID, e)
		}
	}
	for _, w := range state.Workers {
		left = in.transcript
		for _, e := range w.Transcript {
			if left = after(left, e); left == nil {
				t.Fatalf("entry %d stands in no line: %+v", e.Sequence, e)
			}
		}
	}
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// after gives what follows the first line that says the record, nil where none does.
func after[T any](data []byte, record T) []byte {
	for len(data) > 0 {
		line, rest, _ := bytes.Cut(data, []byte("\n"))
		var there T
		if body, sum, ok := bytes.Cut(line, []byte(`,"crc32c":"`)); ok && string(sum) != fmt.Sprintf(`%08x"}`, crc32.Checksum(body, castagnoli)) {
			line = nil // the record is not what was written
		}
		if json.Unmarshal(line, &there) == nil && reflect.DeepEqual(there, record) {
			return append([]byte{}, rest...) // never nil
		}
		data = rest
	}
	return nil
}
