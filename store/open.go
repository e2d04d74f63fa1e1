package store

import (
	"errors"
	"io/fs"
	"path"
	"syscall"

	"crashsim/faultfs"
)

const (
	runtimesDir    = "runtimes"
	runtimeFile    = "runtime.json"
	eventsFile     = "events.jsonl"
	workersDir     = "workers"
	workerFile     = "worker.json"
	transcriptFile = "transcript.jsonl"
	setAsideDir    = "set-aside"
)

// Folders' names are clean, and so are those in them: nothing is left to path.Join.
func (s *Store) runtimePath() string { return s.dir + "/" + runtimeFile }
func (s *Store) eventsPath() string  { return s.dir + "/" + eventsFile }
func (s *Store) workersPath() string { return s.dir + "/" + workersDir }

func (s *Store) workerDir(id string) string { return s.workersPath() + "/" + folderOf(id) }

func (w *worker) snapshotPath() string   { return w.dir + "/" + workerFile }
func (w *worker) transcriptPath() string { return w.dir + "/" + transcriptFile }

const opOpen = "open"

// Open opens the store of a runtime, or makes it, and mends what a crash has
// left. What it then shows is durable. The caller closes it.
func Open(fsys faultfs.FS, opts Options) (*Store, error) {
	if err := checkID(opOpen, "runtime id", opts.RuntimeID); err != nil {
		return nil, err
	}
	opts, err := opts.withDefaults()
	if err != nil {
		return nil, err
	}
	s := &Store{fsys: fsys, opts: opts, dir: path.Join(runtimesDir, folderOf(opts.RuntimeID)), workers: map[string]*worker{}}
	if err := s.makeFolders(); err != nil {
		return nil, err
	}
	if err := s.takeLock(); err != nil {
		return nil, err
	}
	if err := s.recover(); err != nil {
		_ = s.Close() // the first error is the one to tell
		return nil, err
	}
	return s, nil
}

// makeFolders makes the runtime's folder, each entry durable before anything is
// put behind it. They are synced where they exist too, since the process that
// made them may not have come to it.
func (s *Store) makeFolders() error {
	for _, dir := range []string{runtimesDir, s.dir} {
		if err := s.makeFolder(dir); err != nil {
			return err
		}
		if err := s.syncDir(path.Dir(dir)); err != nil {
			return err
		}
	}
	return nil
}

// makeFolder makes a folder unless it is there. Its entry is still to be synced.
func (s *Store) makeFolder(dir string) error {
	err := s.fsys.Mkdir(dir, 0o777)
	if err == nil {
		return nil
	}
	if !errors.Is(err, fs.ErrExist) {
		return ioError(opOpen, dir, err)
	}
	info, err := s.fsys.Stat(dir)
	if err != nil {
		return ioError(opOpen, dir, err)
	}
	if !info.IsDir() {
		return corrupt(opOpen, dir, "not a folder")
	}
	return nil
}

func (s *Store) syncDir(dir string) error {
	if err := s.fsys.SyncDir(dir); err != nil {
		return ioError(opOpen, dir, errors.Join(errSync, err))
	}
	return nil
}

// takeLock keeps other owners out, where the disk knows locks. The lock is on
// the folder, so that it leaves nothing behind.
func (s *Store) takeLock() error {
	locker, ok := s.fsys.(faultfs.Locker)
	if !ok {
		return nil
	}
	lock, err := locker.Lock(s.dir)
	switch {
	case errors.Is(err, syscall.EWOULDBLOCK):
		return &Error{Op: opOpen, Path: s.dir, Kind: ErrLocked, Detail: "close it there first"}
	case err != nil:
		return ioError(opOpen, s.dir, err)
	}
	s.lock = lock
	return nil
}

// recover makes the runtime whole and durable. Its snapshot is what says that it
// was made: before that is there, nothing was acknowledged.
func (s *Store) recover() error {
	if err := s.removeTemps(s.dir); err != nil {
		return err
	}
	var snapshot RuntimeSnapshot
	u, err := s.recoverSnapshot(s.runtimePath(), &snapshot, "config_bundles")
	if errors.Is(err, ErrMissing) {
		return s.create()
	}
	if err != nil {
		return err
	}
	if err := s.checkStoredRuntime(&snapshot); err != nil {
		return err
	}
	keep := func(l *log, end int64) error {
		s.events = l // for the snapshot that is to tell of it
		return s.setTailAside(l, nil, end)
	}
	if s.events, err = openLog(s.fsys, opOpen, s.eventsPath(), eventKey, u.logBytes, keep); err != nil {
		return err
	}
	if s.events.lines == 0 && snapshot.NextWorkerSequence <= 1 {
		// The format's first writer can be interrupted with the snapshot's name
		// on the disk and not the folder's.
		if err := s.makeFolder(s.workersPath()); err != nil {
			return err
		}
	}
	if err := s.mendSpare(s.runtimePath()); err != nil {
		return err
	}
	// The snapshot's names, the log's and the folder's. The snapshot's content
	// was durable before it had the name.
	if err := s.syncDir(s.dir); err != nil {
		return err
	}
	return s.recoverWorkers()
}

// create makes a new runtime, or goes on where that was interrupted.
func (s *Store) create() error {
	if err := s.makeFolder(s.workersPath()); err != nil {
		return err
	}
	var err error
	if s.events, err = openLog(s.fsys, opOpen, s.eventsPath(), eventKey, 0, nil); err != nil {
		return err
	}
	if err := s.checkUnused(); err != nil {
		return err
	}
	// The names of the log and of the workers' folder, before the snapshot
	// says that all is there.
	if err := s.syncDir(s.dir); err != nil {
		return err
	}
	data, err := marshalRuntime(opOpen, RuntimeSnapshot{
		SchemaVersion: SchemaVersion, RuntimeID: s.opts.RuntimeID, DisplayName: s.opts.DisplayName,
		Backend: Backend, Status: Running, Limits: s.opts.Limits,
		NextWorkerSequence: 1, NextEventID: 1, NextDiagnosticID: 1,
	})
	if err != nil {
		return err
	}
	return s.writeSnapshot(opOpen, s.runtimePath(), data, s.events)
}

// checkUnused refuses to start anew where there is something to lose: no crash
// leaves data without the snapshot that came before it.
func (s *Store) checkUnused() error {
	list, err := s.fsys.ReadDir(s.workersPath())
	if err != nil {
		return ioError(opOpen, s.workersPath(), err)
	}
	if s.events.lines > 0 || len(list) > 0 {
		return &Error{Op: opOpen, Path: s.runtimePath(), Kind: ErrMissing, Detail: "there are events or workers, and no snapshot of the runtime"}
	}
	return nil
}

// removeTemps removes what interrupted snapshots have left in a folder, for good:
// what recovery writes afterwards then starts from the same disk, whatever the
// crash had left of them.
func (s *Store) removeTemps(dir string) error {
	list, err := s.fsys.ReadDir(dir)
	if err != nil {
		return ioError(opOpen, dir, err)
	}
	removed := false
	for _, e := range list {
		if !isTemp(e.Name()) || e.IsDir() {
			continue
		}
		name := path.Join(dir, e.Name())
		if err := s.fsys.Remove(name); err != nil {
			return ioError(opOpen, name, err)
		}
		removed = true
	}
	if !removed {
		return nil
	}
	return s.syncDir(dir)
}
