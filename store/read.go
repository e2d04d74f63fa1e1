package store

import (
	"encoding/json"
	"fmt"
)

// Load reads all that is kept, from the disk.
func (s *Store) Load() (State, error) {
	const op = "load"
	s.mu.RLock()
	defer s.mu.RUnlock()
	var state State
	if s.closed {
		return state, &Error{Op: op, Kind: ErrClosed}
	}
	if err := s.readSnapshot(op, s.runtimePath(), &state.Snapshot); err != nil {
		return State{}, err
	}
	if err := s.checkStoredRuntime(&state.Snapshot); err != nil {
		return State{}, err
	}
	var err error
	if state.Events, err = readLines[Event](s, op, s.events, s.events.all()); err != nil {
		return State{}, err
	}
	// A crash may have kept a line and not the snapshot that counts it.
	state.Snapshot.NextEventID = max(state.Snapshot.NextEventID, s.events.last+1)
	for _, id := range s.workerIDs() {
		w, err := s.loadWorker(op, id)
		if err != nil {
			return State{}, err
		}
		state.Workers = append(state.Workers, w)
	}
	return state, nil
}

func (s *Store) loadWorker(op, id string) (Worker, error) {
	w := s.workers[id]
	name := w.snapshotPath()
	var loaded Worker
	if err := s.readSnapshot(op, name, &loaded.Snapshot); err != nil {
		return loaded, err
	}
	if err := s.checkStoredWorker(&loaded.Snapshot, name, w.dir); err != nil {
		return loaded, err
	}
	var err error
	if loaded.Transcript, err = s.readEntries(op, id, w.transcript.all()); err != nil {
		return loaded, err
	}
	next := &loaded.Snapshot.NextTranscriptSequence
	*next = max(*next, w.transcript.last+1)
	return loaded, nil
}

// ReadEvents gives events from a cursor on, at most limit of them. It reads no
// more than these from the disk.
func (s *Store) ReadEvents(cursor EventCursor, limit, maximum int) (EventBatch, error) {
	const op = "read events"
	if cursor.RuntimeID != s.opts.RuntimeID {
		return EventBatch{}, &Error{Op: op, Kind: ErrWrongCursor, Detail: fmt.Sprintf("of %q, expected %q", cursor.RuntimeID, s.opts.RuntimeID)}
	}
	if err := checkRange(op, 0, limit, maximum); err != nil {
		return EventBatch{}, err
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.closed {
		return EventBatch{}, &Error{Op: op, Kind: ErrClosed}
	}
	lines, next, more := s.events.from(cursor.NextEventID, limit)
	events, err := readLines[Event](s, op, s.events, lines)
	if err != nil {
		return EventBatch{}, err
	}
	return EventBatch{Cursor: EventCursor{RuntimeID: cursor.RuntimeID, NextEventID: next}, Events: events, HasMore: more}, nil
}

// ReadTranscript gives entries of a worker from the start-th on, counted from 0,
// at most limit of them. It reads no more than these from the disk.
func (s *Store) ReadTranscript(ref WorkerRef, start, limit, maximum int) (TranscriptProjection, error) {
	const op = "read transcript"
	var none TranscriptProjection
	if err := s.checkRef(op, ref); err != nil {
		return none, err
	}
	if err := checkRange(op, start, limit, maximum); err != nil {
		return none, err
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.closed {
		return none, &Error{Op: op, Kind: ErrClosed}
	}
	w, err := s.worker(op, ref)
	if err != nil {
		return none, err
	}
	total := w.transcript.lines
	end := total - max(0, total-start-limit) // start+limit might overflow
	p := TranscriptProjection{WorkerRef: ref, Start: start, TotalItems: total}
	if start < total {
		if end < total {
			p.NextStart = &end
		}
		lines := make([]int, 0, end-start)
		for i := start; i < end; i++ {
			lines = append(lines, i)
		}
		if p.Items, err = s.readEntries(op, ref.WorkerID, lines); err != nil {
			return none, err
		}
	}
	return p, nil
}

func (s *Store) readEntries(op, id string, lines []int) ([]TranscriptEntry, error) {
	l := s.workers[id].transcript
	entries, err := readLines[TranscriptEntry](s, op, l, lines)
	if err != nil {
		return nil, err
	}
	for i, e := range entries {
		if want := (WorkerRef{RuntimeID: s.opts.RuntimeID, WorkerID: id}); e.WorkerRef != want {
			return nil, corrupt(op, l.path, fmt.Sprintf("record %d belongs to worker %q of %q, expected %q", lines[i]+1, e.WorkerRef.WorkerID, e.WorkerRef.RuntimeID, id))
		}
	}
	return entries, nil
}

// readLines reads the records with the given indexes.
func readLines[T any](s *Store, op string, l *log, lines []int) ([]T, error) {
	list := make([]T, 0, len(lines))
	var bad error
	err := l.read(s.fsys, lines, func(line []byte, index int) error {
		if !readLine(line, l.key).ok { // it was good when the log was opened
			bad = corrupt(op, l.path, fmt.Sprintf("record %d, at byte %d, is damaged", index+1, l.index.at(index).off))
			return bad
		}
		var item T
		if err := json.Unmarshal(line, &item); err != nil {
			bad = &Error{Op: op, Path: l.path, Kind: ErrCorrupt, Detail: fmt.Sprintf("record %d, at byte %d", index+1, l.index.at(index).off), Err: err}
			return bad
		}
		list = append(list, item)
		return nil
	})
	switch {
	case bad != nil:
		return nil, bad
	case err != nil:
		return nil, ioError(op, l.path, err)
	}
	return list, nil
}
