package seedstore

import (
	"errors"
	"io/fs"
	"path"
	"strings"
	"sync/atomic"

	"crashsim/faultfs"
	"crashsim/store"
)

const (
	runtimesDir    = "runtimes"
	runtimeFile    = "runtime.json"
	eventsFile     = "events.jsonl"
	workersDir     = "workers"
	workerFile     = "worker.json"
	transcriptFile = "transcript.jsonl"
)

// Store is one runtime's store.
type Store struct {
	fsys        faultfs.FS
	runtimeID   string
	runtimeDir  string
	processID   int
	tmpSequence atomic.Uint64
	opened      store.State
}

// Open opens a runtime's store. Where there is none it makes the folders, and
// writes the first snapshot as the seed's caller does at the first start.
func Open(fsys faultfs.FS, opts store.Options) (*Store, error) {
	if err := checkID("open runtime store", opts.RuntimeID); err != nil {
		return nil, err
	}
	s := &Store{
		fsys:       fsys,
		runtimeID:  opts.RuntimeID,
		runtimeDir: path.Join(runtimesDir, encodedComponent(opts.RuntimeID)),
		processID:  opts.ProcessID,
	}
	existed, err := s.openOrCreate()
	if err != nil {
		return nil, err
	}
	if existed {
		s.opened, err = s.Load()
	} else {
		s.opened.Snapshot = firstSnapshot(opts)
		err = s.WriteRuntimeSnapshot(s.opened.Snapshot)
	}
	if err != nil {
		return nil, err
	}
	return s, nil
}

func (s *Store) openOrCreate() (existed bool, err error) {
	if err := s.createDirAll(runtimesDir); err != nil {
		return false, ioError("create store root", runtimesDir, err)
	}
	existed = s.exists(s.runtimeDir)
	if existed && !s.isDir(s.runtimeDir) {
		return false, corrupt("open runtime store", s.runtimeDir, "runtime path exists but is not a directory")
	}
	workers := path.Join(s.runtimeDir, workersDir)
	if err := s.createDirAll(workers); err != nil {
		return false, ioError("create runtime store", workers, err)
	}
	return existed, nil
}

func firstSnapshot(opts store.Options) store.RuntimeSnapshot {
	limits := opts.Limits
	if limits == (store.Limits{}) {
		limits = store.Limits{
			MaxTranscriptProjectionItems: store.DefaultMaxItems,
			MaxEventBatchItems:           store.DefaultMaxItems,
		}
	}
	return store.RuntimeSnapshot{
		RuntimeID:          opts.RuntimeID,
		DisplayName:        opts.DisplayName,
		Status:             store.Running,
		Limits:             limits,
		NextWorkerSequence: 1,
		NextEventID:        1,
		NextDiagnosticID:   1,
	}
}

// Opened gives the state that Open found, or made where it found none: Load
// fails on a runtime that has no event yet.
func (s *Store) Opened() store.State { return s.opened }

// Close does nothing: the seed holds nothing open.
func (s *Store) Close() error { return nil }

// WriteRuntimeSnapshot replaces runtime.json.
func (s *Store) WriteRuntimeSnapshot(snapshot store.RuntimeSnapshot) error {
	snapshot.SchemaVersion, snapshot.Backend = store.SchemaVersion, store.Backend
	if snapshot.ConfigBundles == nil {
		snapshot.ConfigBundles = map[string]store.ConfigBundle{}
	}
	if snapshot.Diagnostics == nil {
		snapshot.Diagnostics = []store.Diagnostic{}
	}
	return s.atomicWriteJSON(s.runtimePath(), snapshot, "write runtime snapshot")
}

// WriteWorkerSnapshot replaces worker.json, and makes the transcript after it.
func (s *Store) WriteWorkerSnapshot(snapshot store.WorkerSnapshot) error {
	const op = "write worker snapshot"
	if err := s.ensureWorkerRef(op, snapshot.WorkerRef); err != nil {
		return err
	}
	dir := s.workerDir(snapshot.WorkerID)
	if err := s.createDirAll(dir); err != nil {
		return ioError("create worker store", dir, err)
	}
	snapshot.SchemaVersion = store.SchemaVersion
	if err := s.atomicWriteJSON(path.Join(dir, workerFile), snapshot, op); err != nil {
		return err
	}
	return s.ensureFileExists(path.Join(dir, transcriptFile), "create transcript log")
}

// AppendEvent adds an event to events.jsonl.
func (s *Store) AppendEvent(event store.Event) error {
	const op = "append event"
	if event.WorkerRef != nil {
		if err := s.ensureWorkerRef(op, *event.WorkerRef); err != nil {
			return err
		}
	}
	return s.appendJSONLine(s.eventsPath(), event, op)
}

// AppendTranscriptEntry adds an entry to a worker's transcript.jsonl.
func (s *Store) AppendTranscriptEntry(entry store.TranscriptEntry) error {
	const op = "append transcript"
	if err := s.ensureWorkerRef(op, entry.WorkerRef); err != nil {
		return err
	}
	return s.appendJSONLine(s.transcriptPath(entry.WorkerRef.WorkerID), entry, op)
}

// ensureWorkerRef also refuses the ids that the seed's types cannot hold.
func (s *Store) ensureWorkerRef(op string, ref store.WorkerRef) error {
	if ref.RuntimeID != s.runtimeID {
		return &store.Error{Op: op, Path: s.runtimeDir, Kind: store.ErrWrongRuntime, Detail: "worker ref of another runtime"}
	}
	return checkID(op, ref.WorkerID)
}

func (s *Store) runtimePath() string { return path.Join(s.runtimeDir, runtimeFile) }

func (s *Store) eventsPath() string { return path.Join(s.runtimeDir, eventsFile) }

func (s *Store) workerDir(id string) string {
	return path.Join(s.runtimeDir, workersDir, encodedComponent(id))
}

func (s *Store) transcriptPath(id string) string {
	return path.Join(s.workerDir(id), transcriptFile)
}

func encodedComponent(id string) string {
	const digits = "0123456789abcdef"
	name := []byte("id-")
	for _, b := range []byte(id) {
		name = append(name, digits[b>>4], digits[b&0xf])
	}
	return string(name)
}

func checkID(op, id string) error {
	if strings.TrimSpace(id) == "" {
		return &store.Error{Op: op, Kind: store.ErrInvalid, Detail: "blank id"}
	}
	return nil
}

func ioError(op, name string, err error) error {
	return &store.Error{Op: op, Path: name, Kind: store.ErrIO, Err: err}
}

func corrupt(op, name, detail string) error {
	return &store.Error{Op: op, Path: name, Kind: store.ErrCorrupt, Detail: detail}
}

// openError tells a file that is not there from one that cannot be opened.
func openError(op, name string, err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return &store.Error{Op: op, Path: name, Kind: store.ErrMissing, Err: err}
	}
	return ioError(op, name, err)
}
