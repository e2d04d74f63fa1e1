package model_test

import (
	"errors"
	"reflect"
	"strings"
	"testing"

	"crashsim/model"
	"crashsim/store"
)

const rt = ".." // an id like any other

var longest = strings.Repeat("é", model.MaxIDBytes/2)

func ref(worker string) store.WorkerRef { return store.WorkerRef{RuntimeID: rt, WorkerID: worker} }

func text(s string) *string { return &s }

func newRuntime(t *testing.T) *model.Runtime {
	t.Helper()
	r, err := model.New(rt, text("a name"), store.Limits{MaxEventBatchItems: 3})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func load(t *testing.T, r *model.Runtime) store.State {
	t.Helper()
	state, err := r.Load()
	if err != nil {
		t.Fatal(err)
	}
	return state
}

func ok(t *testing.T, errs ...error) {
	t.Helper()
	for _, err := range errs {
		if err != nil {
			t.Fatal(err)
		}
	}
}

// first is what newRuntime gives.
func first() store.RuntimeSnapshot {
	return store.RuntimeSnapshot{SchemaVersion: 1, RuntimeID: rt, DisplayName: text("a name"), Backend: "fs_store", Status: "running",
		Limits:             store.Limits{MaxTranscriptProjectionItems: 256, MaxEventBatchItems: 3},
		NextWorkerSequence: 1, NextEventID: 1, NextDiagnosticID: 1}
}

func event(id uint64) store.Event {
	return store.Event{ID: id, Kind: store.EventKind{Kind: "runtime_started"}, Message: strings.Repeat("m", int(id))}
}

func entry(worker string, sequence uint64) store.TranscriptEntry {
	return store.TranscriptEntry{Sequence: sequence, WorkerRef: ref(worker), Role: "user", Content: strings.Repeat("c", int(sequence))}
}

func worker(id, status string) store.WorkerSnapshot {
	return store.WorkerSnapshot{WorkerRef: ref(id), WorkerID: id, Status: status, NextTranscriptSequence: 1}
}

// stored is a worker's snapshot as it comes back.
func stored(id, status string, next uint64) store.WorkerSnapshot {
	s := worker(id, status)
	s.SchemaVersion, s.NextTranscriptSequence = 1, next
	return s
}

// filled is a runtime with two workers, three events and two entries.
func filled(t *testing.T) *model.Runtime {
	t.Helper()
	r := newRuntime(t)
	s := first()
	s.ConfigBundles = map[string]store.ConfigBundle{"b": {Metadata: store.BundleMetadata{ID: "b"}}}
	s.Diagnostics = []store.Diagnostic{{ID: 1, Severity: "info"}}
	ok(t, r.WriteRuntimeSnapshot(s),
		r.WriteWorkerSnapshot(worker("w", "running")), r.WriteWorkerSnapshot(worker("v", "stopped")),
		r.AppendEvent(event(1)), r.AppendEvent(event(4)), r.AppendEvent(event(5)),
		r.AppendTranscriptEntry(entry("w", 1)), r.AppendTranscriptEntry(entry("w", 3)))
	return r
}

func TestNewRuntime(t *testing.T) {
	want := store.State{Snapshot: first()}
	want.Workers = load(t, newRuntime(t)).Workers // none: nil or empty
	want.Events = load(t, newRuntime(t)).Events
	if got := load(t, newRuntime(t)); !reflect.DeepEqual(got, want) || len(got.Events)+len(got.Workers) > 0 {
		t.Errorf("%+v, want\n%+v", got, want)
	}
}

// What was written last is there; workers come in the order of their ids, and
// counters are past what is in use.
func TestLoad(t *testing.T) {
	r := filled(t)
	s := first()
	s.ConfigBundles = map[string]store.ConfigBundle{"b": {Metadata: store.BundleMetadata{ID: "b"}}}
	s.Diagnostics = []store.Diagnostic{{ID: 1, Severity: "info"}}
	s.NextEventID = 6
	want := store.State{
		Snapshot: s,
		Events:   []store.Event{event(1), event(4), event(5)},
		Workers: []store.Worker{
			{Snapshot: stored("v", "stopped", 1)},
			{Snapshot: stored("w", "running", 4), Transcript: []store.TranscriptEntry{entry("w", 1), entry("w", 3)}},
		},
	}
	if got := load(t, r); !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, want\n%+v", got, want)
	}

	// A counter that is ahead stays there, and the snapshot's owner cannot name
	// another schema or backend.
	s = first()
	s.NextEventID, s.Status, s.SchemaVersion, s.Backend = 9, "stopped", 7, "other"
	w := worker("w", "cancelled")
	w.NextTranscriptSequence = 8
	ok(t, r.WriteRuntimeSnapshot(s), r.WriteWorkerSnapshot(w))
	want.Snapshot = first()
	want.Snapshot.NextEventID, want.Snapshot.Status = 9, "stopped"
	want.Workers[1].Snapshot = stored("w", "cancelled", 8)
	if got := load(t, r); !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, want\n%+v", got, want)
	}
}

func TestReadEvents(t *testing.T) {
	r := filled(t)
	for _, c := range []struct {
		from  uint64
		limit int
		ids   []uint64
		next  uint64
		more  bool
	}{
		{0, 3, []uint64{1, 4, 5}, 6, false},
		{1, 2, []uint64{1, 4}, 5, true},
		{2, 1, []uint64{4}, 5, true},
		{5, 1, []uint64{5}, 6, false},
		{6, 3, nil, 6, false},
		{1, 0, nil, 1, true},
		{9, 0, nil, 9, false},
		{1<<64 - 1, 3, nil, 1<<64 - 1, false},
	} {
		want := store.EventBatch{Cursor: store.EventCursor{RuntimeID: rt, NextEventID: c.next}, HasMore: c.more}
		for _, id := range c.ids {
			want.Events = append(want.Events, event(id))
		}
		got, err := r.ReadEvents(store.EventCursor{RuntimeID: rt, NextEventID: c.from}, c.limit, 3)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("from %d, %d at most: %+v, %v; want %+v", c.from, c.limit, got, err, want)
		}
	}
}

func TestReadTranscript(t *testing.T) {
	r := filled(t)
	at := func(n int) *int { return &n }
	for _, c := range []struct {
		worker       string
		start, limit int
		sequences    []uint64
		total        int
		next         *int
	}{
		{"w", 0, 2, []uint64{1, 3}, 2, nil},
		{"w", 0, 1, []uint64{1}, 2, at(1)},
		{"w", 1, 2, []uint64{3}, 2, nil},
		{"w", 2, 2, nil, 2, nil},
		{"w", 99, 2, nil, 2, nil},
		{"w", 1, 0, nil, 2, at(1)},
		{"v", 0, 2, nil, 0, nil},
	} {
		got, err := r.ReadTranscript(ref(c.worker), c.start, c.limit, 2)
		var sequences []uint64
		for _, item := range got.Items {
			sequences = append(sequences, item.Sequence)
			if !reflect.DeepEqual(item, entry(c.worker, item.Sequence)) {
				t.Errorf("%+v is not what was written", item)
			}
		}
		if err != nil || got.WorkerRef != ref(c.worker) || got.Start != c.start || got.TotalItems != c.total ||
			!reflect.DeepEqual(sequences, c.sequences) || !reflect.DeepEqual(got.NextStart, c.next) {
			t.Errorf("%s from %d, %d at most: %+v, %v; want %v of %d", c.worker, c.start, c.limit, got, err, c.sequences, c.total)
		}
	}
}

func TestRefusedNew(t *testing.T) {
	const blank = " \t\n\u2003"
	for id, want := range map[string]error{"": store.ErrInvalid, blank: store.ErrInvalid,
		longest: nil, longest + "x": store.ErrLimit} {
		if r, err := model.New(id, nil, store.Limits{}); !errors.Is(err, want) || (r == nil) == (want == nil) {
			t.Errorf("%q: %v, want %v", id, err, want)
		}
	}
}

// What is refused below, as it is tried.

func write(ref store.WorkerRef, id string) func(r *model.Runtime) error {
	return func(r *model.Runtime) error {
		return r.WriteWorkerSnapshot(store.WorkerSnapshot{WorkerRef: ref, WorkerID: id, Status: "running"})
	}
}

func add(id uint64, ref *store.WorkerRef) func(r *model.Runtime) error {
	return func(r *model.Runtime) error {
		e := event(id)
		e.WorkerRef = ref
		return r.AppendEvent(e)
	}
}

func say(ref store.WorkerRef, sequence uint64) func(r *model.Runtime) error {
	return func(r *model.Runtime) error {
		return r.AppendTranscriptEntry(store.TranscriptEntry{Sequence: sequence, WorkerRef: ref})
	}
}

// What is refused is refused for its own reason, and changes nothing.
func TestRefusals(t *testing.T) {
	other := store.WorkerRef{RuntimeID: "r", WorkerID: "w"}
	snapshot := func(change func(*store.RuntimeSnapshot)) func(r *model.Runtime) error {
		return func(r *model.Runtime) error {
			s := first()
			change(&s)
			return r.WriteRuntimeSnapshot(s)
		}
	}
	events := func(runtime string, limit, maximum int) func(r *model.Runtime) error {
		return func(r *model.Runtime) error {
			batch, err := r.ReadEvents(store.EventCursor{RuntimeID: runtime, NextEventID: 1}, limit, maximum)
			if !reflect.DeepEqual(batch, store.EventBatch{}) {
				t.Errorf("what was refused gives %+v", batch)
			}
			return err
		}
	}
	read := func(ref store.WorkerRef, start, limit, maximum int) func(r *model.Runtime) error {
		return func(r *model.Runtime) error {
			p, err := r.ReadTranscript(ref, start, limit, maximum)
			if !reflect.DeepEqual(p, store.TranscriptProjection{}) {
				t.Errorf("what was refused gives %+v", p)
			}
			return err
		}
	}
	blank, long, none := ref(" \u2003"), ref(longest+"x"), ref("nobody")
	for name, c := range map[string]struct {
		do   func(r *model.Runtime) error
		want error
	}{
		"snapshot of another runtime":       {snapshot(func(s *store.RuntimeSnapshot) { s.RuntimeID = "r" }), store.ErrWrongRuntime},
		"worker of another runtime":         {write(other, "w"), store.ErrWrongRuntime},
		"blank worker":                      {write(blank, blank.WorkerID), store.ErrInvalid},
		"worker with too long an id":        {write(long, long.WorkerID), store.ErrLimit},
		"worker that its ref does not name": {write(ref("w"), "v"), store.ErrInvalid},
		"event of another runtime's worker": {add(6, &other), store.ErrWrongRuntime},
		"event of a blank worker":           {add(6, &blank), store.ErrInvalid},
		"event of too long a worker":        {add(6, &long), store.ErrLimit},
		"event that is there":               {add(5, nil), store.ErrInvalid},
		"event below the last":              {add(2, nil), store.ErrInvalid},
		"event without an id":               {add(0, nil), store.ErrInvalid},
		"entry of another runtime":          {say(other, 4), store.ErrWrongRuntime},
		"entry of nobody":                   {say(none, 1), store.ErrMissing},
		"entry of a blank worker":           {say(blank, 1), store.ErrInvalid},
		"entry of too long a worker":        {say(long, 1), store.ErrLimit},
		"entry that is there":               {say(ref("w"), 3), store.ErrInvalid},
		"entry below the last":              {say(ref("w"), 2), store.ErrInvalid},
		"entry without a sequence":          {say(ref("v"), 0), store.ErrInvalid},
		"cursor of another runtime":         {events("r", 1, 3), store.ErrWrongCursor},
		"more events than at most":          {events(rt, 4, 3), store.ErrLimit},
		"fewer events than none":            {events(rt, -1, 3), store.ErrInvalid},
		"transcript of another runtime":     {read(other, 0, 1, 3), store.ErrWrongRuntime},
		"transcript of nobody":              {read(none, 0, 1, 3), store.ErrMissing},
		"transcript of a blank worker":      {read(blank, 0, 1, 3), store.ErrInvalid},
		"transcript of too long a worker":   {read(long, 0, 1, 3), store.ErrLimit},
		"more entries than at most":         {read(ref("w"), 0, 4, 3), store.ErrLimit},
		"fewer entries than none":           {read(ref("w"), 0, -1, 3), store.ErrInvalid},
		"transcript from before its start":  {read(ref("w"), -1, 1, 3), store.ErrInvalid},
	} {
		r := filled(t)
		err := c.do(r)
		for _, kind := range []error{store.ErrIO, store.ErrMissing, store.ErrCorrupt, store.ErrWrongRuntime, store.ErrWrongCursor,
			store.ErrLimit, store.ErrInvalid} {
			if errors.Is(err, kind) != errors.Is(c.want, kind) {
				t.Errorf("%s: %v, want %v", name, err, c.want)
			}
		}
		if got, want := load(t, r), load(t, filled(t)); !reflect.DeepEqual(got, want) {
			t.Errorf("%s: it was refused, and left\n%+v, want\n%+v", name, got, want)
		}
	}
}

// An event may name a worker that is not there, and a worker may have no entries
// in its transcript at first.
func TestWhatIsNotRefused(t *testing.T) {
	r := newRuntime(t)
	e := event(1)
	nobody := ref("nobody")
	e.WorkerRef = &nobody
	ok(t, r.AppendEvent(e), r.WriteWorkerSnapshot(worker(longest, "running")), r.AppendTranscriptEntry(entry(longest, 7)))
	state := load(t, r)
	if len(state.Events) != 1 || len(state.Workers) != 1 || len(state.Workers[0].Transcript) != 1 {
		t.Errorf("%+v", state)
	}
}
