package model

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"crashsim/store"
)

// MaxIDBytes is the length of the longest id: its folder's name is "id-" and two
// digits for each byte, and 255 bytes is the longest name that a folder can have.
const MaxIDBytes = (255 - len("id-")) / 2

// Runtime is one runtime in memory. The maps and lists that it takes and gives are
// the caller's own to add to; what is in them is shared, and nobody changes a
// bundle, a request, an event or an entry in place. It is not safe for
// concurrent use.
type Runtime struct {
	snapshot store.RuntimeSnapshot
	events   []store.Event
	workers  []store.Worker // by id
}

// New gives a runtime that was created just now. A limit of zero is the default.
func New(runtimeID string, displayName *string, limits store.Limits) (*Runtime, error) {
	if err := checkID("open", runtimeID); err != nil {
		return nil, err
	}
	return &Runtime{snapshot: store.RuntimeSnapshot{
		SchemaVersion: store.SchemaVersion,
		RuntimeID:     runtimeID,
		DisplayName:   displayName,
		Backend:       store.Backend,
		Status:        store.Running,
		Limits: store.Limits{
			MaxTranscriptProjectionItems: cmp.Or(limits.MaxTranscriptProjectionItems, store.DefaultMaxItems),
			MaxEventBatchItems:           cmp.Or(limits.MaxEventBatchItems, store.DefaultMaxItems),
		},
		NextWorkerSequence: 1,
		NextEventID:        1,
		NextDiagnosticID:   1,
	}}, nil
}

// Clone gives a copy that changes no more with the original.
func (r *Runtime) Clone() *Runtime {
	c := *r
	c.events = slices.Clip(r.events) // who appends next, copies
	c.workers = slices.Clone(r.workers)
	for i := range c.workers {
		c.workers[i].Transcript = slices.Clip(c.workers[i].Transcript)
	}
	return &c
}

// Load gives all that the runtime holds. Its counters are past all ids in use.
func (r *Runtime) Load() (store.State, error) {
	state := store.State{Snapshot: r.snapshot, Events: slices.Clip(r.events), Workers: slices.Clone(r.workers)}
	state.Snapshot.ConfigBundles = maps.Clone(r.snapshot.ConfigBundles)
	state.Snapshot.Diagnostics = slices.Clone(r.snapshot.Diagnostics)
	state.Snapshot.NextEventID = max(r.snapshot.NextEventID, lastEvent(r.events)+1)
	for i := range state.Workers {
		w := &state.Workers[i]
		w.Transcript = slices.Clip(w.Transcript)
		w.Snapshot.NextTranscriptSequence = max(w.Snapshot.NextTranscriptSequence, lastEntry(w.Transcript)+1)
	}
	return state, nil
}

// WriteRuntimeSnapshot replaces the runtime's snapshot.
func (r *Runtime) WriteRuntimeSnapshot(s store.RuntimeSnapshot) error {
	const op = "write runtime snapshot"
	if s.RuntimeID != r.snapshot.RuntimeID {
		return fmt.Errorf("%s: %w", op, store.ErrWrongRuntime)
	}
	s.SchemaVersion, s.Backend = store.SchemaVersion, store.Backend
	s.ConfigBundles = maps.Clone(s.ConfigBundles)
	s.Diagnostics = slices.Clone(s.Diagnostics)
	r.snapshot = s
	return nil
}

// WriteWorkerSnapshot replaces a worker's snapshot, or makes the worker.
func (r *Runtime) WriteWorkerSnapshot(s store.WorkerSnapshot) error {
	const op = "write worker snapshot"
	if err := r.checkRef(op, s.WorkerRef); err != nil {
		return err
	}
	if s.WorkerRef.WorkerID != s.WorkerID {
		return fmt.Errorf("%s: %w: worker_ref id differs from worker_id", op, store.ErrInvalid)
	}
	s.SchemaVersion = store.SchemaVersion
	i, found := r.find(s.WorkerID)
	if !found {
		r.workers = slices.Insert(r.workers, i, store.Worker{})
	}
	r.workers[i].Snapshot = s
	return nil
}

// AppendEvent adds an event. Its worker need not exist.
func (r *Runtime) AppendEvent(e store.Event) error {
	const op = "append event"
	if e.WorkerRef != nil {
		if err := r.checkRef(op, *e.WorkerRef); err != nil {
			return err
		}
	}
	if e.ID <= lastEvent(r.events) {
		return fmt.Errorf("%s: %w: id %d is not above the last", op, store.ErrInvalid, e.ID)
	}
	r.events = append(r.events, e)
	return nil
}

// AppendTranscriptEntry adds an entry to the transcript of a worker.
func (r *Runtime) AppendTranscriptEntry(e store.TranscriptEntry) error {
	const op = "append transcript"
	w, err := r.worker(op, e.WorkerRef)
	if err != nil {
		return err
	}
	if e.Sequence <= lastEntry(w.Transcript) {
		return fmt.Errorf("%s: %w: sequence %d is not above the last", op, store.ErrInvalid, e.Sequence)
	}
	w.Transcript = append(w.Transcript, e)
	return nil
}

// ReadEvents gives events from the cursor on, at most limit.
func (r *Runtime) ReadEvents(cursor store.EventCursor, limit, maximum int) (store.EventBatch, error) {
	const op = "read events"
	if cursor.RuntimeID != r.snapshot.RuntimeID {
		return store.EventBatch{}, fmt.Errorf("%s: %w", op, store.ErrWrongCursor)
	}
	if err := checkLimit(op, limit, maximum); err != nil {
		return store.EventBatch{}, err
	}
	batch := store.EventBatch{Cursor: cursor}
	for _, e := range r.events {
		switch {
		case e.ID < cursor.NextEventID:
		case len(batch.Events) == limit:
			batch.HasMore = true
		default:
			batch.Events = append(batch.Events, e)
			batch.Cursor.NextEventID = e.ID + 1
		}
	}
	return batch, nil
}

// ReadTranscript gives the entries of a worker's transcript from the one with
// the index start on, at most limit.
func (r *Runtime) ReadTranscript(ref store.WorkerRef, start, limit, maximum int) (store.TranscriptProjection, error) {
	const op = "read transcript"
	if err := r.checkRef(op, ref); err != nil {
		return store.TranscriptProjection{}, err
	}
	if err := checkLimit(op, limit, maximum); err != nil { // whether or not there is such a worker
		return store.TranscriptProjection{}, err
	}
	if start < 0 {
		return store.TranscriptProjection{}, fmt.Errorf("%s: %w: start %d", op, store.ErrInvalid, start)
	}
	w, err := r.worker(op, ref)
	if err != nil {
		return store.TranscriptProjection{}, err
	}
	all := w.Transcript
	rest := all[min(start, len(all)):]
	p := store.TranscriptProjection{WorkerRef: ref, Start: start, TotalItems: len(all)}
	p.Items = slices.Clip(rest[:min(limit, len(rest))])
	if len(p.Items) < len(rest) {
		next := start + len(p.Items)
		p.NextStart = &next
	}
	return p, nil
}

// worker finds the worker that a ref of this runtime names.
func (r *Runtime) worker(op string, ref store.WorkerRef) (*store.Worker, error) {
	if err := r.checkRef(op, ref); err != nil {
		return nil, err
	}
	i, found := r.find(ref.WorkerID)
	if !found {
		return nil, fmt.Errorf("%s: %w: no worker %q", op, store.ErrMissing, ref.WorkerID)
	}
	return &r.workers[i], nil
}

func (r *Runtime) find(id string) (int, bool) {
	return slices.BinarySearchFunc(r.workers, id, func(w store.Worker, id string) int {
		return strings.Compare(w.Snapshot.WorkerID, id)
	})
}

func (r *Runtime) checkRef(op string, ref store.WorkerRef) error {
	if ref.RuntimeID != r.snapshot.RuntimeID {
		return fmt.Errorf("%s: %w", op, store.ErrWrongRuntime)
	}
	return checkID(op, ref.WorkerID)
}

func checkID(op, id string) error {
	switch {
	case strings.TrimSpace(id) == "":
		return fmt.Errorf("%s: %w: blank id", op, store.ErrInvalid)
	case len(id) > MaxIDBytes:
		return fmt.Errorf("%s: %w: id of %d bytes, at most %d", op, store.ErrLimit, len(id), MaxIDBytes)
	}
	return nil
}

func checkLimit(op string, limit, maximum int) error {
	switch {
	case limit < 0:
		return fmt.Errorf("%s: %w: limit %d", op, store.ErrInvalid, limit)
	case limit > maximum:
		return fmt.Errorf("%s: %w: %d, at most %d", op, store.ErrLimit, limit, maximum)
	}
	return nil
}

// lastEvent is the highest event id in use: they rise. Zero is none.
func lastEvent(events []store.Event) uint64 {
	if len(events) == 0 {
		return 0
	}
	return events[len(events)-1].ID
}

// lastEntry is the highest sequence in use in a transcript. Zero is none.
func lastEntry(transcript []store.TranscriptEntry) uint64 {
	if len(transcript) == 0 {
		return 0
	}
	return transcript[len(transcript)-1].Sequence
}
