package store

import (
	"errors"
	"io"
	"maps"
	"slices"
	"sync"

	"crashsim/faultfs"
)

// Store is the durable state of one runtime. It is safe for concurrent use.
type Store struct {
	fsys faultfs.FS
	opts Options
	dir  string // of the runtime
	lock io.Closer

	mu           sync.RWMutex
	tempSequence uint64
	events       *log
	workers      map[string]*worker // by id
	failed       error              // why writes are refused
	inDoubt      snapshotFile       // what was being replaced then
	closed       bool
}

// worker is what is kept in memory of a worker.
type worker struct {
	dir        string
	transcript *log
}

// WriteRuntimeSnapshot replaces the runtime's snapshot. The counters in it are
// to be those that the log lines which follow will use up.
func (s *Store) WriteRuntimeSnapshot(snapshot RuntimeSnapshot) error {
	const op = "write runtime snapshot"
	if err := s.checkRuntime(op, &snapshot); err != nil {
		return err
	}
	data, err := marshalRuntime(op, snapshot)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.writable(op); err != nil {
		return err
	}
	return s.writeSnapshot(op, s.runtimePath(), data, s.events)
}

func marshalRuntime(op string, snapshot RuntimeSnapshot) ([]byte, error) {
	// Readers of the format know no null here.
	if snapshot.ConfigBundles == nil {
		snapshot.ConfigBundles = map[string]ConfigBundle{}
	}
	if snapshot.Diagnostics == nil {
		snapshot.Diagnostics = []Diagnostic{}
	}
	return marshal(op, snapshot, "  ")
}

// WriteWorkerSnapshot replaces a worker's snapshot, or makes the worker, with an
// empty transcript.
func (s *Store) WriteWorkerSnapshot(snapshot WorkerSnapshot) error {
	const op = "write worker snapshot"
	if err := s.checkWorker(op, &snapshot); err != nil {
		return err
	}
	data, err := marshal(op, snapshot, "  ")
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.writable(op); err != nil {
		return err
	}
	if w := s.workers[snapshot.WorkerID]; w != nil {
		return s.writeSnapshot(op, w.snapshotPath(), data, w.transcript)
	}
	if n := len(s.workers); n >= s.opts.MaxWorkers {
		return limit(op, "workers", n+1, s.opts.MaxWorkers)
	}
	return s.createWorker(op, snapshot.WorkerID, data)
}

// AppendEvent adds an event. Its id has to be higher than the last one's.
func (s *Store) AppendEvent(event Event) error {
	const op = "append event"
	if err := s.checkEvent(op, &event); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.appendLine(op, s.events, event.ID, event)
}

// AppendTranscriptEntry adds an entry to the transcript of its worker. Its
// sequence has to be higher than the last one's.
func (s *Store) AppendTranscriptEntry(entry TranscriptEntry) error {
	const op = "append transcript"
	if err := s.checkEntry(op, &entry); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	w, err := s.worker(op, entry.WorkerRef)
	if err != nil {
		return err
	}
	return s.appendLine(op, w.transcript, entry.Sequence, entry)
}

func (s *Store) appendLine(op string, l *log, id uint64, value any) error {
	if err := s.writable(op); err != nil {
		return err
	}
	if !l.above(id) {
		return &Error{Op: op, Path: l.path, Kind: ErrInvalid, Detail: "id or sequence is not above the last one"}
	}
	if id > maxID {
		return &Error{Op: op, Path: l.path, Kind: ErrInvalid, Detail: "id or sequence that none could follow"}
	}
	line, err := marshalLine(op, value)
	if err != nil {
		return err
	}
	if len(line) > s.opts.MaxLineBytes {
		return limit(op, "bytes of a line", len(line), s.opts.MaxLineBytes)
	}
	if err := l.append(s.fsys, id, line); err != nil {
		return s.writeError(op, l.path, err)
	}
	return nil
}

// writable tells why nothing can be written, nil if it can.
func (s *Store) writable(op string) error {
	switch {
	case s.closed:
		return &Error{Op: op, Kind: ErrClosed}
	case s.failed != nil:
		return &Error{Op: op, Kind: ErrFailed, Err: s.failed}
	}
	return nil
}

// writeError is an I/O error. After one that leaves the disk in doubt nothing
// more is written: what would be built on may not be there.
func (s *Store) writeError(op, path string, err error) error {
	if s.failed == nil && (errors.Is(err, errSync) || errors.Is(err, errLeft)) {
		s.failed = err
	}
	return ioError(op, path, err)
}

func (s *Store) worker(op string, ref WorkerRef) (*worker, error) {
	w := s.workers[ref.WorkerID]
	if w == nil {
		return nil, &Error{Op: op, Path: s.workerDir(ref.WorkerID), Kind: ErrMissing, Detail: "no such worker"}
	}
	return w, nil
}

func (s *Store) workerIDs() []string { return slices.Sorted(maps.Keys(s.workers)) }

const opClose = "close"

// Close lets go of the runtime. What was acknowledged is durable without it; it
// notes how long the logs have become. An error says that it could not, as a store
// that has failed cannot: then damage to the last records may later be taken for what
// a crash has left.
func (s *Store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return &Error{Op: opClose, Kind: ErrClosed}
	}
	err := s.noteLogs()
	s.closed = true
	if s.lock == nil {
		return err
	}
	if unlock := s.lock.Close(); unlock != nil {
		err = errors.Join(err, ioError(opClose, s.dir, unlock))
	}
	return err
}

// noteLogs notes the size of each log that has grown beyond what its snapshot
// says of it.
func (s *Store) noteLogs() error {
	if s.events == nil { // it was never opened
		return nil
	}
	logs := []*log{s.events}
	for _, id := range s.workerIDs() {
		logs = append(logs, s.workers[id].transcript)
	}
	for _, l := range logs {
		if l.grown && l.noted < l.size {
			if err := s.writable(opClose); err != nil {
				return err // the log may be less than it seems
			}
			// Not synced: what a crash may bring back is an earlier note, as true.
			if err := s.renameOver(opClose, l.notePath(), all(l.note())); err != nil {
				return err
			}
		}
	}
	return nil
}
