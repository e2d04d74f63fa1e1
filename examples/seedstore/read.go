package seedstore

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"crashsim/store"
)

// ReadEvents reads the whole log and gives the events from the cursor on. It
// fails where there is no log yet.
func (s *Store) ReadEvents(cursor store.EventCursor, limit, maximum int) (store.EventBatch, error) {
	const op = "read events"
	if cursor.RuntimeID != s.runtimeID {
		return store.EventBatch{}, &store.Error{Op: op, Path: s.eventsPath(), Kind: store.ErrWrongCursor, Detail: "cursor of another runtime"}
	}
	if err := checkLimit(op, s.eventsPath(), limit, maximum); err != nil {
		return store.EventBatch{}, err
	}
	events, err := readJSONLines[store.Event](s.fsys, s.eventsPath(), op)
	if err != nil {
		return store.EventBatch{}, err
	}
	batch := store.EventBatch{Cursor: cursor}
	for _, e := range events {
		if e.ID >= cursor.NextEventID && len(batch.Events) < limit {
			batch.Events = append(batch.Events, e)
		}
	}
	if n := len(batch.Events); n > 0 {
		batch.Cursor.NextEventID = batch.Events[n-1].ID + 1
	}
	batch.HasMore = slices.ContainsFunc(events, func(e store.Event) bool {
		return e.ID >= batch.Cursor.NextEventID
	})
	return batch, nil
}

// ReadTranscript reads a whole transcript and gives limit entries from start on.
func (s *Store) ReadTranscript(ref store.WorkerRef, start, limit, maximum int) (store.TranscriptProjection, error) {
	const op = "read transcript"
	if err := s.ensureWorkerRef(op, ref); err != nil {
		return store.TranscriptProjection{}, err
	}
	name := s.transcriptPath(ref.WorkerID)
	if err := checkLimit(op, name, limit, maximum); err != nil {
		return store.TranscriptProjection{}, err
	}
	if start < 0 {
		return store.TranscriptProjection{}, &store.Error{Op: op, Path: name, Kind: store.ErrInvalid, Detail: "negative start"}
	}
	entries, err := readJSONLines[store.TranscriptEntry](s.fsys, name, op)
	if err != nil {
		return store.TranscriptProjection{}, err
	}
	total := len(entries)
	from := min(start, total)
	end := from + min(limit, total-from)
	p := store.TranscriptProjection{WorkerRef: ref, Start: start, TotalItems: total, Items: entries[from:end]}
	if end < total {
		p.NextStart = &end
	}
	return p, nil
}

// checkLimit also refuses what the seed's unsigned types cannot hold.
func checkLimit(op, name string, limit, maximum int) error {
	if limit < 0 {
		return &store.Error{Op: op, Path: name, Kind: store.ErrInvalid, Detail: "negative limit"}
	}
	if limit > maximum {
		return &store.Error{Op: op, Path: name, Kind: store.ErrLimit, Detail: fmt.Sprintf("limit %d, at most %d", limit, maximum)}
	}
	return nil
}

// Load reads everything, and fails on the first thing that is missing. It takes
// the counters as the snapshots have them.
func (s *Store) Load() (store.State, error) {
	const op = "read runtime snapshot"
	snapshot, err := readJSON[store.RuntimeSnapshot](s.fsys, s.runtimePath(), op)
	if err != nil {
		return store.State{}, err
	}
	if wrong := s.runtimeFault(snapshot); wrong != "" {
		return store.State{}, corrupt(op, s.runtimePath(), wrong)
	}
	events, err := readJSONLines[store.Event](s.fsys, s.eventsPath(), "read events")
	if err != nil {
		return store.State{}, err
	}
	workers, err := s.loadWorkers()
	if err != nil {
		return store.State{}, err
	}
	return store.State{Snapshot: snapshot, Events: events, Workers: workers}, nil
}

func (s *Store) loadWorkers() ([]store.Worker, error) {
	const op = "read workers"
	dir := path.Join(s.runtimeDir, workersDir)
	if !s.exists(dir) {
		return nil, &store.Error{Op: op, Path: dir, Kind: store.ErrMissing}
	}
	if !s.isDir(dir) {
		return nil, corrupt(op, dir, "workers path exists but is not a directory")
	}
	entries, err := s.fsys.ReadDir(dir)
	if err != nil {
		return nil, ioError(op, dir, err)
	}
	byID := map[string]bool{}
	workers := []store.Worker{}
	for _, entry := range entries { // sorted by name
		w, err := s.loadWorker(path.Join(dir, entry.Name()))
		if err != nil {
			return nil, err
		}
		if byID[w.Snapshot.WorkerID] {
			return nil, corrupt(op, dir, "duplicate worker id in store")
		}
		byID[w.Snapshot.WorkerID] = true
		workers = append(workers, w)
	}
	slices.SortFunc(workers, func(a, b store.Worker) int {
		return strings.Compare(a.Snapshot.WorkerID, b.Snapshot.WorkerID)
	})
	return workers, nil
}

func (s *Store) loadWorker(dir string) (store.Worker, error) {
	const op = "read worker snapshot"
	if !s.isDir(dir) {
		return store.Worker{}, corrupt("read worker", dir, "worker path exists but is not a directory")
	}
	name := path.Join(dir, workerFile)
	snapshot, err := readJSON[store.WorkerSnapshot](s.fsys, name, op)
	if err != nil {
		return store.Worker{}, err
	}
	if wrong := s.workerFault(snapshot); wrong != "" {
		return store.Worker{}, corrupt(op, name, wrong)
	}
	name = path.Join(dir, transcriptFile)
	transcript, err := readJSONLines[store.TranscriptEntry](s.fsys, name, "read transcript")
	if err != nil {
		return store.Worker{}, err
	}
	for _, entry := range transcript {
		if err := s.ensureWorkerRef("read transcript", entry.WorkerRef); err != nil {
			return store.Worker{}, err
		}
		if entry.WorkerRef.WorkerID != snapshot.WorkerID {
			return store.Worker{}, corrupt("read transcript", name, fmt.Sprintf(
				"transcript entry belongs to worker %s, expected %s", entry.WorkerRef.WorkerID, snapshot.WorkerID))
		}
	}
	return store.Worker{Snapshot: snapshot, Transcript: transcript}, nil
}

// runtimeFault tells what is wrong with a runtime snapshot, "" if nothing is.
func (s *Store) runtimeFault(r store.RuntimeSnapshot) string {
	switch {
	case r.SchemaVersion != store.SchemaVersion:
		return fmt.Sprintf("unsupported schema version %d, expected %d", r.SchemaVersion, store.SchemaVersion)
	case r.RuntimeID != s.runtimeID:
		return fmt.Sprintf("runtime snapshot id %s does not match requested runtime %s", r.RuntimeID, s.runtimeID)
	case r.Backend != store.Backend:
		return "runtime snapshot backend is " + r.Backend
	}
	return ""
}

func (s *Store) workerFault(w store.WorkerSnapshot) string {
	switch {
	case w.SchemaVersion != store.SchemaVersion:
		return fmt.Sprintf("unsupported schema version %d, expected %d", w.SchemaVersion, store.SchemaVersion)
	case w.WorkerRef.RuntimeID != s.runtimeID:
		return fmt.Sprintf("worker belongs to runtime %s, expected %s", w.WorkerRef.RuntimeID, s.runtimeID)
	case w.WorkerRef.WorkerID != w.WorkerID:
		return fmt.Sprintf("worker_ref id %s does not match worker_id %s", w.WorkerRef.WorkerID, w.WorkerID)
	}
	return ""
}
