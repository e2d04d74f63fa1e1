package store_test

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"crashsim/faultfs"
	"crashsim/store"
)

func ptr[T any](v T) *T { return &v }

// fullRuntime uses every field that a runtime snapshot has.
func fullRuntime() store.RuntimeSnapshot {
	return store.RuntimeSnapshot{
		SchemaVersion: store.SchemaVersion, RuntimeID: runtimeID, DisplayName: ptr("a <b> & \"c\"\n\x00\u2028é\ufffd \\ufffd"),
		Backend: store.Backend, Status: store.Stopped,
		Limits:             store.Limits{MaxTranscriptProjectionItems: 3, MaxEventBatchItems: 4},
		NextWorkerSequence: 5, NextEventID: math.MaxUint64, NextDiagnosticID: 7,
		ConfigBundles: map[string]store.ConfigBundle{"b": {
			Metadata: store.BundleMetadata{ID: "b", Digest: "d", Revision: "r", WorkspaceID: "w", CreatedAt: "now",
				Provenance: store.Provenance{Source: "s", Detail: ptr("")}},
			Profiles:     []store.BundleProfile{{Selector: store.Profile{Kind: "named", Value: ptr("v")}, Label: ptr("l")}},
			Declarations: []store.BundleStatement{{Kind: "secret_ref", Name: "n", Reference: "r"}, {Kind: "unsupported"}},
		}},
		Diagnostics: []store.Diagnostic{{ID: 6, Severity: "error", Code: "c", Message: "m", WorkerRef: ptr(ref("w"))}, {Severity: "info"}},
	}
}

func fullWorker(id string) store.WorkerSnapshot {
	return store.WorkerSnapshot{
		SchemaVersion: store.SchemaVersion, WorkerRef: ref(id), WorkerID: id, Status: store.Cancelled,
		Request: store.Request{
			Intent:                store.Intent{Kind: "role", Role: ptr("r"), Purpose: ptr("p")},
			Profile:               store.Profile{Kind: "builtin", Value: ptr("v")},
			ConfigBundle:          &store.ConfigBundleRef{ID: "b", Digest: "d"},
			RequestedCapabilities: []store.Capability{{Name: "n", Reason: ptr("r")}, {Name: "m"}},
			WorkspaceRefs:         []store.NamedReference{{Name: "n", Reference: "r"}},
			MountRefs:             []store.NamedReference{{Name: "o", Reference: "s"}},
		},
		NextTranscriptSequence: 1 << 60, LastEventID: 1<<63 + 1,
	}
}

// What was written is read back, at once and by the next who opens it.
func TestRoundTrip(t *testing.T) {
	r := random(seed(t), 0)
	sim := faultfs.NewSim()
	s := open(t, sim)
	want := store.State{Snapshot: fullRuntime()}
	must(t, s.WriteRuntimeSnapshot(want.Snapshot))
	for _, id := range []string{"", "0", "w", "é"} {
		w := store.Worker{Snapshot: fullWorker("w" + id)}
		must(t, s.WriteWorkerSnapshot(workerSnapshot(w.Snapshot.WorkerID, "replaced")))
		must(t, s.WriteWorkerSnapshot(w.Snapshot))
		sequence := uint64(0) // as good as any
		for range 20 {
			e := store.TranscriptEntry{Sequence: sequence, WorkerRef: w.Snapshot.WorkerRef, Role: "system", Content: text(r, 1500), EventID: r.Uint64()}
			must(t, s.AppendTranscriptEntry(e))
			w.Transcript = append(w.Transcript, e)
			sequence += 1 + r.Uint64N(3)
		}
		want.Workers = append(want.Workers, w)
	}
	id := uint64(0)
	for _, kind := range []string{"runtime_started", "runtime_stopped", "worker_created", "worker_input_accepted", "worker_stopped", "worker_cancelled"} {
		id += 1 + r.Uint64N(1<<40)
		e := store.Event{ID: id, WorkerRef: ptr(ref("never made")), Kind: store.EventKind{Kind: kind}, Message: text(r, 3000)}
		must(t, s.AppendEvent(e))
		want.Events = append(want.Events, e)
	}
	wantEqual(t, "at once", load(t, s), want)
	must(t, s.Close())
	key := sim.Key()
	wantEqual(t, "opened again", opened(t, sim), want)
	if sim.Key() != key {
		t.Fatal("opening what was closed has changed it")
	}
}

// A new runtime has what its options say, one that exists what it had.
func TestFirstSnapshot(t *testing.T) {
	sim := faultfs.NewSim()
	first := options()
	first.DisplayName, first.Limits = ptr("name"), store.Limits{MaxEventBatchItems: 9}
	s, err := store.Open(sim, first)
	must(t, err)
	want := store.RuntimeSnapshot{
		SchemaVersion: 1, RuntimeID: runtimeID, DisplayName: ptr("name"), Backend: "fs_store", Status: "running",
		Limits:             store.Limits{MaxTranscriptProjectionItems: 256, MaxEventBatchItems: 9},
		NextWorkerSequence: 1, NextEventID: 1, NextDiagnosticID: 1,
		ConfigBundles: map[string]store.ConfigBundle{}, Diagnostics: []store.Diagnostic{},
	}
	wantEqual(t, "first", load(t, s).Snapshot, want)
	must(t, s.Close())
	wantEqual(t, "with other options", opened(t, sim).Snapshot, want)
}

// Counters that a crash has left behind are brought past the logs.
func TestCountersPassTheLogs(t *testing.T) {
	s := open(t, fill(t, 5))
	state := load(t, s)
	if state.Snapshot.NextEventID != 6 || state.Workers[0].Snapshot.NextTranscriptSequence != 6 {
		t.Fatalf("%+v", state)
	}
}

func TestReadEventsByPages(t *testing.T) {
	s := open(t, fill(t, 0))
	for id := uint64(10); id <= 100; id += 10 {
		must(t, s.AppendEvent(event(id, "")))
	}
	for _, c := range []struct {
		from  uint64
		limit int
		ids   []uint64
		next  uint64
		more  bool
	}{
		{0, 3, []uint64{10, 20, 30}, 31, true},
		{10, 1, []uint64{10}, 11, true},
		{11, 1, []uint64{20}, 21, true},
		{95, 5, []uint64{100}, 101, false},
		{91, 1, []uint64{100}, 101, false},
		{81, 1, []uint64{90}, 91, true},
		{100, 0, nil, 100, true},
		{101, 5, nil, 101, false},
		{500, 5, nil, 500, false},
		{math.MaxUint64, 5, nil, math.MaxUint64, false},
		{0, 100, []uint64{10, 20, 30, 40, 50, 60, 70, 80, 90, 100}, 101, false},
	} {
		b, err := s.ReadEvents(store.EventCursor{RuntimeID: runtimeID, NextEventID: c.from}, c.limit, 100)
		must(t, err)
		var ids []uint64
		for _, e := range b.Events {
			ids = append(ids, e.ID)
		}
		wantEqual(t, fmt.Sprintf("events from %d, at most %d", c.from, c.limit), ids, c.ids)
		wantEqual(t, fmt.Sprintf("cursor from %d", c.from), b.Cursor, store.EventCursor{RuntimeID: runtimeID, NextEventID: c.next})
		wantEqual(t, fmt.Sprintf("more after %d", c.from), b.HasMore, c.more)
	}
}

func TestReadTranscriptByPages(t *testing.T) {
	s := open(t, fill(t, 5))
	for _, c := range []struct {
		start, limit int
		items        []uint64
		next         *int
	}{
		{0, 2, []uint64{1, 2}, ptr(2)},
		{2, 2, []uint64{3, 4}, ptr(4)},
		{4, 2, []uint64{5}, nil},
		{3, 2, []uint64{4, 5}, nil},
		{0, 5, []uint64{1, 2, 3, 4, 5}, nil},
		{1, math.MaxInt, []uint64{2, 3, 4, 5}, nil},
		{2, 0, nil, ptr(2)},
		{5, 2, nil, nil},
		{math.MaxInt, math.MaxInt, nil, nil},
	} {
		p, err := s.ReadTranscript(ref("w"), c.start, c.limit, math.MaxInt)
		must(t, err)
		var items []uint64
		for _, e := range p.Items {
			items = append(items, e.Sequence)
		}
		what := fmt.Sprintf("from %d, at most %d", c.start, c.limit)
		wantEqual(t, what, items, c.items)
		wantEqual(t, what+": next", p.NextStart, c.next)
		if p.TotalItems != 5 || p.Start != c.start || p.WorkerRef != ref("w") {
			t.Fatalf("%s: %+v", what, p)
		}
	}
}

// refusal is an operation that has to be refused, and how.
type refusal struct {
	name string
	do   func(*store.Store) error
	kind error
}

func runtimeRefusal(name string, kind error, edit func(*store.RuntimeSnapshot)) refusal {
	return refusal{"runtime " + name, func(s *store.Store) error {
		r := fullRuntime()
		edit(&r)
		return s.WriteRuntimeSnapshot(r)
	}, kind}
}

func workerRefusal(name string, kind error, edit func(*store.WorkerSnapshot)) refusal {
	return refusal{"worker " + name, func(s *store.Store) error {
		w := fullWorker("w")
		edit(&w)
		return s.WriteWorkerSnapshot(w)
	}, kind}
}

func eventRefusal(name string, kind error, edit func(*store.Event)) refusal {
	return refusal{"event " + name, func(s *store.Store) error {
		e := event(9, "")
		edit(&e)
		return s.AppendEvent(e)
	}, kind}
}

func entryRefusal(name string, kind error, edit func(*store.TranscriptEntry)) refusal {
	return refusal{"entry " + name, func(s *store.Store) error {
		e := entry("w", 9, "")
		edit(&e)
		return s.AppendTranscriptEntry(e)
	}, kind}
}

func writeRefusals() []refusal {
	const bad = "\xff"
	return []refusal{
		runtimeRefusal("of another", store.ErrWrongRuntime, func(r *store.RuntimeSnapshot) { r.RuntimeID = "x" }),
		runtimeRefusal("version", store.ErrInvalid, func(r *store.RuntimeSnapshot) { r.SchemaVersion = 2 }),
		runtimeRefusal("backend", store.ErrInvalid, func(r *store.RuntimeSnapshot) { r.Backend = "memory" }),
		runtimeRefusal("status", store.ErrInvalid, func(r *store.RuntimeSnapshot) { r.Status = store.Cancelled }),
		runtimeRefusal("severity", store.ErrInvalid, func(r *store.RuntimeSnapshot) { r.Diagnostics[0].Severity = "" }),
		runtimeRefusal("declaration", store.ErrInvalid, func(r *store.RuntimeSnapshot) { r.ConfigBundles["b"].Declarations[0].Kind = "x" }),
		runtimeRefusal("selector", store.ErrInvalid, func(r *store.RuntimeSnapshot) { r.ConfigBundles["b"].Profiles[0].Selector.Value = nil }),
		runtimeRefusal("bundle's name", store.ErrInvalid, func(r *store.RuntimeSnapshot) { r.ConfigBundles[bad] = store.ConfigBundle{} }),
		runtimeRefusal("name", store.ErrInvalid, func(r *store.RuntimeSnapshot) { r.DisplayName = ptr(bad) }),
		runtimeRefusal("negative limit", store.ErrInvalid, func(r *store.RuntimeSnapshot) { r.Limits.MaxEventBatchItems = -1 }),
		workerRefusal("of another", store.ErrWrongRuntime, func(w *store.WorkerSnapshot) { w.WorkerRef.RuntimeID = "x" }),
		workerRefusal("ids", store.ErrInvalid, func(w *store.WorkerSnapshot) { w.WorkerID = "x" }),
		workerRefusal("version", store.ErrInvalid, func(w *store.WorkerSnapshot) { w.SchemaVersion = 0 }),
		workerRefusal("status", store.ErrInvalid, func(w *store.WorkerSnapshot) { w.Status = "" }),
		workerRefusal("intent", store.ErrInvalid, func(w *store.WorkerSnapshot) { w.Request.Intent.Kind = "task" }),
		workerRefusal("intent's kind", store.ErrInvalid, func(w *store.WorkerSnapshot) { w.Request.Intent.Kind = "x" }),
		workerRefusal("assistant's role", store.ErrInvalid, func(w *store.WorkerSnapshot) { w.Request.Intent.Kind = "assistant" }),
		workerRefusal("profile", store.ErrInvalid, func(w *store.WorkerSnapshot) { w.Request.Profile.Value = nil }),
		workerRefusal("text", store.ErrInvalid, func(w *store.WorkerSnapshot) { w.Request.WorkspaceRefs[0].Name = bad }),
		eventRefusal("of another", store.ErrWrongRuntime, func(e *store.Event) { e.WorkerRef = &store.WorkerRef{RuntimeID: "x", WorkerID: "w"} }),
		eventRefusal("blank worker", store.ErrInvalid, func(e *store.Event) { e.WorkerRef = ptr(ref(" ")) }),
		eventRefusal("kind", store.ErrInvalid, func(e *store.Event) { e.Kind.Kind = "" }),
		eventRefusal("same id", store.ErrInvalid, func(e *store.Event) { e.ID = 3 }),
		eventRefusal("lower id", store.ErrInvalid, func(e *store.Event) { e.ID = 0 }),
		eventRefusal("last of all ids", store.ErrInvalid, func(e *store.Event) { e.ID = math.MaxUint64 }),
		eventRefusal("text", store.ErrInvalid, func(e *store.Event) { e.Message = "\\\\" + bad }),
		eventRefusal("too long", store.ErrLimit, func(e *store.Event) { e.Message = strings.Repeat("m", store.DefaultMaxLineBytes) }),
		entryRefusal("of another", store.ErrWrongRuntime, func(e *store.TranscriptEntry) { e.WorkerRef.RuntimeID = "" }),
		entryRefusal("no worker", store.ErrMissing, func(e *store.TranscriptEntry) { e.WorkerRef.WorkerID = "x" }),
		entryRefusal("blank worker", store.ErrInvalid, func(e *store.TranscriptEntry) { e.WorkerRef.WorkerID = "" }),
		entryRefusal("role", store.ErrInvalid, func(e *store.TranscriptEntry) { e.Role = "assistant" }),
		entryRefusal("same sequence", store.ErrInvalid, func(e *store.TranscriptEntry) { e.Sequence = 3 }),
		entryRefusal("text", store.ErrInvalid, func(e *store.TranscriptEntry) { e.Content = bad }),
		entryRefusal("too long", store.ErrLimit, func(e *store.TranscriptEntry) { e.Content = strings.Repeat("\n", store.DefaultMaxLineBytes/2) }),
	}
}

func readRefusals() []refusal {
	events := func(runtime string, limit, maximum int) func(*store.Store) error {
		return func(s *store.Store) error {
			_, err := s.ReadEvents(store.EventCursor{RuntimeID: runtime}, limit, maximum)
			return err
		}
	}
	entries := func(of store.WorkerRef, start, limit, maximum int) func(*store.Store) error {
		return func(s *store.Store) error {
			_, err := s.ReadTranscript(of, start, limit, maximum)
			return err
		}
	}
	return []refusal{
		{"events of another", events("x", 1, 1), store.ErrWrongCursor},
		{"events over the maximum", events(runtimeID, 2, 1), store.ErrLimit},
		{"events, negative", events(runtimeID, -1, 1), store.ErrInvalid},
		{"entries of another", entries(store.WorkerRef{RuntimeID: "x", WorkerID: "w"}, 0, 1, 1), store.ErrWrongRuntime},
		{"entries over the maximum", entries(ref("w"), 0, 2, 1), store.ErrLimit},
		{"entries, negative limit", entries(ref("w"), 0, -1, 1), store.ErrInvalid},
		{"entries, negative start", entries(ref("w"), -1, 1, 1), store.ErrInvalid},
		{"entries of no worker", entries(ref("x"), 0, 1, 1), store.ErrMissing},
		{"entries of a blank worker", entries(ref("\t"), 0, 1, 1), store.ErrInvalid},
	}
}

// A refusal writes nothing, and the store goes on.
func TestRefusals(t *testing.T) {
	disk := fill(t, 3)
	want := opened(t, disk)
	for _, r := range append(writeRefusals(), readRefusals()...) {
		t.Run(r.name, func(t *testing.T) {
			sim := disk.Fork()
			s := open(t, sim)
			key := sim.Key()
			wantKind(t, r.do(s), r.kind)
			if sim.Key() != key {
				t.Fatal("the refusal has changed the disk")
			}
			wantEqual(t, "state", load(t, s), want)
			must(t, s.AppendEvent(event(4, "")))
			must(t, s.AppendTranscriptEntry(entry("w", 4, "")))
		})
	}
}

// After Close everything is refused, and Close too.
func TestClosed(t *testing.T) {
	sim := fill(t, 1)
	s := open(t, sim)
	must(t, s.Close())
	key := sim.Key()
	_, loadErr := s.Load()
	_, readErr := s.ReadEvents(store.EventCursor{RuntimeID: runtimeID}, 1, 1)
	_, entriesErr := s.ReadTranscript(ref("w"), 0, 1, 1)
	for _, err := range []error{loadErr, readErr, entriesErr, s.Close(),
		s.WriteRuntimeSnapshot(fullRuntime()), s.WriteWorkerSnapshot(fullWorker("w")), s.WriteWorkerSnapshot(fullWorker("x")),
		s.AppendEvent(event(2, "")), s.AppendTranscriptEntry(entry("w", 2, ""))} {
		wantKind(t, err, store.ErrClosed)
	}
	if sim.Key() != key {
		t.Fatal("a closed store has written")
	}
}

func TestOptionsAreChecked(t *testing.T) {
	for _, edit := range []func(*store.Options){
		func(o *store.Options) { o.MaxLineBytes = -1 },
		func(o *store.Options) { o.MaxWorkers = -1 },
		func(o *store.Options) { o.ProcessID = -1 },
		func(o *store.Options) { o.Limits.MaxEventBatchItems = -1 },
		func(o *store.Options) { o.Limits.MaxTranscriptProjectionItems = -1 },
		func(o *store.Options) { o.DisplayName = ptr("\xff") },
	} {
		o := options()
		edit(&o)
		sim := faultfs.NewSim()
		_, err := store.Open(sim, o)
		wantKind(t, err, store.ErrInvalid)
		if names := list(t, sim); len(names) > 1 {
			t.Fatalf("refused, and left %q", names)
		}
	}
}
