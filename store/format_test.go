package store_test

import (
	"bytes"
	"encoding/json"
	"io/fs"
	"os"
	"testing"

	"crashsim/examples/seedstore"
	"crashsim/faultfs"
	"crashsim/store"
)

// seedFixture is a disk that holds testdata/seed: a runtime as the seed's format
// has it, written by hand, with a log out of order, blank lines, and fields that
// are not known here.
func seedFixture(t testing.TB) *faultfs.Sim {
	t.Helper()
	sim := faultfs.NewSim()
	files := os.DirFS("testdata/seed")
	must(t, fs.WalkDir(files, ".", func(name string, e fs.DirEntry, err error) error {
		switch {
		case err != nil || name == ".":
			return err
		case e.IsDir():
			return sim.Mkdir(name, 0o777)
		}
		data, err := fs.ReadFile(files, name)
		writeFile(t, sim, name, data)
		return err
	}))
	return sim
}

func seedState() store.State {
	at := func(id string, e store.Event, kind string) store.Event {
		e.WorkerRef, e.Kind.Kind = ptr(ref(id)), kind
		return e
	}
	created := event(6, `in another order, "crc32c":"00000000"`)
	created.Kind.Kind = "worker_created"
	w, e := workerSnapshot("w", ""), workerSnapshot("é", "")
	w.Status, w.Request.Intent, w.NextTranscriptSequence, w.LastEventID = store.Stopped, store.Intent{Kind: "task", Objective: ptr("dig")}, 2, 3
	e.Request.Intent, e.LastEventID = store.Intent{Kind: "role", Role: ptr("r")}, 3
	hello := entry("w", 1, "hello")
	hello.EventID = 3
	return store.State{
		Snapshot: store.RuntimeSnapshot{
			SchemaVersion: 1, RuntimeID: runtimeID, Backend: store.Backend, Status: store.Running,
			Limits:             store.Limits{MaxTranscriptProjectionItems: 256, MaxEventBatchItems: 256},
			NextWorkerSequence: 3, NextEventID: 7, NextDiagnosticID: 2,
			Diagnostics: []store.Diagnostic{{ID: 1, Severity: "info", Code: "started", Message: "é <ok>"}},
		},
		Events: []store.Event{
			event(1, "runtime started"),
			at("w", event(3, "input"), "worker_input_accepted"),
			at("w", event(2, "a later line with an earlier id"), "worker_created"),
			created,
		},
		Workers: []store.Worker{{Snapshot: w, Transcript: []store.TranscriptEntry{hello}}, {Snapshot: e, Transcript: []store.TranscriptEntry{}}},
	}
}

// What the seed's writer left opens here, is not changed, and goes on.
func TestSeedFormatOpens(t *testing.T) {
	sim := seedFixture(t)
	key := sim.Key()
	s := open(t, sim)
	if sim.Key() != key {
		t.Fatal("opening has changed it")
	}
	wantEqual(t, "state", load(t, s), seedState())
	wantKind(t, s.AppendEvent(event(6, "")), store.ErrInvalid)
	must(t, s.AppendEvent(event(7, "seven")))
	must(t, s.AppendTranscriptEntry(entry("é", 1, "one")))
	must(t, s.Close())
	// The seed's writer takes over for a while.
	old := openSeed(t, sim)
	must(t, old.AppendEvent(event(8, "eight")))
	must(t, old.AppendTranscriptEntry(entry("é", 2, "two")))
	must(t, old.WriteWorkerSnapshot(workerSnapshot("x", "")))
	want := seedState()
	want.Snapshot.NextEventID = 9
	want.Events = append(want.Events, event(7, "seven"), event(8, "eight"))
	want.Workers[1].Snapshot.NextTranscriptSequence = 3
	want.Workers[1].Transcript = []store.TranscriptEntry{entry("é", 1, "one"), entry("é", 2, "two")}
	want.Workers = []store.Worker{want.Workers[0], {Snapshot: workerSnapshot("x", ""), Transcript: []store.TranscriptEntry{}}, want.Workers[1]}
	wantEqual(t, "after both", opened(t, sim), want)
}

// Reading an old log out of order gives what the seed's reader gives.
func TestSeedOrderIsKept(t *testing.T) {
	sim := seedFixture(t)
	s, old := open(t, sim), openSeed(t, sim)
	for from := range uint64(9) {
		for limit := range 6 {
			c := store.EventCursor{RuntimeID: runtimeID, NextEventID: from}
			got, err := s.ReadEvents(c, limit, limit)
			must(t, err)
			want, err := old.ReadEvents(c, limit, limit)
			must(t, err)
			got.Events = append([]store.Event(nil), got.Events...) // none is nil there
			wantEqual(t, "batch", got, want)
		}
	}
}

func openSeed(t testing.TB, fsys faultfs.FS) *seedstore.Store {
	t.Helper()
	s, err := seedstore.Open(fsys, options())
	must(t, err)
	return s
}

// The seed's reader reads all that this store leaves, a folder set aside included.
func TestSeedReadsWhatIsLeft(t *testing.T) {
	sim := fill(t, 3)
	s := open(t, sim)
	must(t, s.WriteRuntimeSnapshot(fullRuntime()))
	must(t, s.WriteWorkerSnapshot(fullWorker("full")))
	must(t, s.AppendEvent(event(4, "<>&\u2028é\x00\\")))
	must(t, s.Close())
	must(t, sim.Mkdir(workersDir+"/id-78", 0o777)) // of a worker that never was
	want := opened(t, sim)
	if n := len(want.Snapshot.Diagnostics); n != 3 {
		t.Fatalf("%d diagnostics, want 3", n)
	}
	got, err := openSeed(t, sim).Load()
	must(t, err)
	// The seed knows the counters of the snapshots only.
	got.Snapshot.NextEventID = want.Snapshot.NextEventID
	got.Workers[1].Snapshot.NextTranscriptSequence = want.Workers[1].Snapshot.NextTranscriptSequence
	wantEqual(t, "by the seed's reader", got, want)
}

// The bytes themselves: pretty snapshots with one newline at the end; in a log
// one object a line, with the fields in the seed's order and the sum last.
func TestBytes(t *testing.T) {
	sim := fill(t, 1)
	for _, name := range []string{runtimeFile, snapshotFile} {
		data := readFile(t, sim, name)
		var pretty bytes.Buffer
		must(t, json.Indent(&pretty, bytes.TrimSpace(data), "", "  "))
		pretty.WriteByte('\n')
		if !bytes.Equal(data, pretty.Bytes()) {
			t.Fatalf("%s:\n%s", name, data)
		}
		if bytes.Contains(data, []byte("requested_capabilities")) {
			t.Fatalf("%s has an empty list that is to be left out:\n%s", name, data)
		}
	}
	// The sums are CRC-32C by another implementation.
	wantEqual(t, "events", string(readFile(t, sim, eventsFile)),
		`{"id":1,"kind":{"kind":"runtime_started"},"message":"event 1","crc32c":"8da7dcec"}`+"\n")
	wantEqual(t, "transcript", string(readFile(t, sim, transcript)),
		`{"sequence":1,"worker_ref":{"runtime_id":"rt","worker_id":"w"},"role":"user","content":"entry 1","event_id":0,"crc32c":"e3a09dab"}`+"\n")
	s := open(t, sim)
	must(t, s.AppendEvent(event(2, "<>&é")))
	must(t, s.Close())
	if data := readFile(t, sim, eventsFile); !bytes.Contains(data, []byte(`"message":"<>&é"`)) {
		t.Fatalf("escaped what need not be: %s", data)
	}
}

// Whatever a crash leaves of the seed's first start opens here, and has lost
// nothing: there was nothing yet.
func TestSeedFirstStartCutShort(t *testing.T) {
	sim := faultfs.NewSim()
	openSeed(t, sim)
	images := 0
	eachCut(t, sim.Trace(), func(c *faultfs.Cut) {
		everyImage(t, c, func(image *faultfs.Sim) {
			images++
			wantEqual(t, "workers", len(opened(t, image).Workers), 0)
		})
	})
	t.Logf("%d images", images)
}

// A folder of workers that is gone is no such thing where there were workers.
func TestWorkersFolderMissing(t *testing.T) {
	for _, edit := range []func(*store.Store) error{
		func(s *store.Store) error { return s.AppendEvent(event(1, "")) },
		func(s *store.Store) error { return s.WriteRuntimeSnapshot(fullRuntime()) },
	} {
		sim := faultfs.NewSim()
		s := open(t, sim)
		must(t, edit(s))
		must(t, s.Close())
		must(t, sim.Remove(workersDir))
		key := sim.Key()
		_, err := store.Open(sim, options())
		wantKind(t, err, store.ErrMissing)
		if sim.Key() != key {
			t.Fatal("the refusal has changed the disk")
		}
	}
}
