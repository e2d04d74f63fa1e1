package fuzz

import (
	"errors"
	"reflect"
	"testing"

	"crashsim/faultfs"
	"crashsim/store"
)

// FuzzValues writes records of any text and number: what is accepted comes back, at
// once and after the store was opened again; what is refused leaves nothing.
func FuzzValues(f *testing.F) {
	f.Add("w", "text", "running", uint64(1), byte(0))
	f.Fuzz(func(t *testing.T, id, text, word string, n uint64, limits byte) {
		sim := faultfs.NewSim()
		opts := options
		opts.DisplayName, opts.MaxLineBytes, opts.MaxWorkers = &text, int(limits>>4)*64, int(limits&3)
		if limits&8 != 0 {
			opts.RuntimeID = id
		}
		s, err := store.Open(sim, opts)
		if err != nil {
			refused(t, err)
			return
		}
		ref := store.WorkerRef{RuntimeID: opts.RuntimeID, WorkerID: id}
		for _, write := range writes(s, ref, text, word, n) {
			before, err := s.Load()
			must(t, err)
			apply(&before, write.into)
			err = write.do()
			if err != nil {
				refused(t, err)
				before, err = s.Load()
				must(t, err)
			}
			after, err := s.Load()
			must(t, err)
			if !reflect.DeepEqual(after, before) {
				t.Fatalf("%s:\n%+v\nwant:\n%+v", write.name, after, before)
			}
		}
		last, err := s.Load()
		must(t, err)
		must(t, s.Close())
		opts.DisplayName = nil
		s, err = store.Open(sim, opts)
		must(t, err)
		state, err := s.Load()
		must(t, errors.Join(err, s.Close()))
		if !reflect.DeepEqual(state, last) {
			t.Fatalf("opened again:\n%+v\nbefore:\n%+v", state, last)
		}
	})
}

// refused expects an error that speaks of the argument.
func refused(t *testing.T, err error) {
	t.Helper()
	for _, kind := range []error{store.ErrInvalid, store.ErrLimit, store.ErrMissing} {
		if errors.Is(err, kind) {
			return
		}
	}
	t.Fatal(err)
}

// write is one thing to write, and what it makes of a state.
type write struct {
	name string
	do   func() error
	into func(*store.State)
}

func writes(s *store.Store, ref store.WorkerRef, text, word string, n uint64) []write {
	worker := store.WorkerSnapshot{
		SchemaVersion: store.SchemaVersion, WorkerRef: ref, WorkerID: ref.WorkerID, Status: word, NextTranscriptSequence: n, LastEventID: n,
		Request: store.Request{Intent: store.Intent{Kind: "task", Objective: &text}, Profile: store.Profile{Kind: "named", Value: &word}},
	}
	event := store.Event{ID: n, WorkerRef: &ref, Kind: store.EventKind{Kind: word}, Message: text}
	entry := store.TranscriptEntry{Sequence: n, WorkerRef: ref, Role: word, Content: text, EventID: n}
	usual := worker
	usual.Status, usual.Request.Profile = store.Running, store.Profile{Kind: "runtime_default"}
	plain, said := event, entry
	plain.Kind.Kind, said.Role = "worker_created", "user"
	list := []write{{"runtime", func() error {
		state, err := s.Load()
		if err != nil {
			return err
		}
		state.Snapshot.Status, state.Snapshot.NextWorkerSequence = word, n
		return s.WriteRuntimeSnapshot(state.Snapshot)
	}, func(state *store.State) { state.Snapshot.Status, state.Snapshot.NextWorkerSequence = word, n }}}
	for _, w := range []store.WorkerSnapshot{worker, usual} {
		list = append(list, write{"worker", func() error { return s.WriteWorkerSnapshot(w) }, func(state *store.State) {
			if len(state.Workers) == 0 {
				state.Workers = []store.Worker{{}}
			}
			state.Workers[0].Snapshot = w
		}})
	}
	for _, e := range []store.Event{event, plain} {
		list = append(list, write{"event", func() error { return s.AppendEvent(e) }, func(state *store.State) {
			state.Events = append(state.Events, e)
		}})
	}
	for _, e := range []store.TranscriptEntry{entry, said} {
		list = append(list, write{"entry", func() error { return s.AppendTranscriptEntry(e) }, func(state *store.State) {
			if len(state.Workers) > 0 {
				state.Workers[0].Transcript = append(state.Workers[0].Transcript, e)
			}
		}})
	}
	return list
}

// apply makes a change to a state, and brings its counters past the ids in use, as
// Load gives them.
func apply(state *store.State, into func(*store.State)) {
	into(state)
	if n := len(state.Events); n > 0 {
		state.Snapshot.NextEventID = max(state.Snapshot.NextEventID, state.Events[n-1].ID+1)
	}
	for i := range state.Workers {
		w := &state.Workers[i]
		if w.Transcript == nil {
			w.Transcript = []store.TranscriptEntry{}
		}
		next := uint64(1)
		if n := len(w.Transcript); n > 0 {
			next = w.Transcript[n-1].Sequence + 1
		}
		w.Snapshot.NextTranscriptSequence = max(w.Snapshot.NextTranscriptSequence, next)
	}
}
