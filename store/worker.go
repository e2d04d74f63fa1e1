package store

import (
	"errors"
	"io/fs"
)

// createWorker makes a worker. Its snapshot is what says that it is there, so
// that comes last; the folder's own name is synced after all of it, so that a
// crash leaves no name of a folder that was acknowledged to be whole.
func (s *Store) createWorker(op, id string, snapshot []byte) error {
	w := &worker{dir: s.workerDir(id)}
	if err := s.fsys.Mkdir(w.dir, 0o777); err != nil {
		// It may be there all the same, and would be in the way of another try.
		if left := s.fsys.Remove(w.dir); left != nil && !errors.Is(left, fs.ErrNotExist) {
			err = errors.Join(errLeft, err, left)
		}
		return s.writeError(op, w.dir, err)
	}
	err := s.fillWorker(op, w, snapshot)
	if err != nil {
		s.failed = errors.Join(s.failed, errLeft, err) // a folder that is no worker, for Open to set aside
		return err
	}
	s.workers[id] = w
	return nil
}

func (s *Store) fillWorker(op string, w *worker, snapshot []byte) (err error) {
	w.transcript, err = openLog(s.fsys, op, w.transcriptPath(), entryKey, 0, nil)
	if err != nil {
		return err
	}
	// With the snapshot's, the transcript's name becomes durable.
	if err := s.writeSnapshot(op, w.snapshotPath(), snapshot, w.transcript); err != nil {
		return err
	}
	// The folder's.
	if err := s.fsys.SyncDir(s.workersPath()); err != nil {
		return s.writeError(op, s.workersPath(), errors.Join(errSync, err))
	}
	return nil
}

// recoverWorkers opens every worker, and sets aside what is none.
func (s *Store) recoverWorkers() error {
	list, err := s.fsys.ReadDir(s.workersPath())
	if err != nil {
		return s.missingWorkers(err)
	}
	workers := s.workersPath()
	for _, e := range list {
		dir := workers + "/" + e.Name()
		if !e.IsDir() {
			return corrupt(opOpen, dir, "not a folder")
		}
		why, err := s.recoverWorker(dir)
		if err != nil {
			return err
		}
		if why != "" {
			if err := s.setAside(dir, why); err != nil {
				return err
			}
		}
	}
	if len(s.workers) == 0 {
		return nil // what is empty has no entries to lose
	}
	// The workers' folders.
	return s.syncDir(s.workersPath())
}

// recoverWorker opens a worker, or says why it has to be set aside.
func (s *Store) recoverWorker(dir string) (why string, err error) {
	if err := s.removeTemps(dir); err != nil {
		return "", err
	}
	w := &worker{dir: dir}
	name := w.snapshotPath()
	var snapshot WorkerSnapshot
	u, err := s.recoverSnapshot(name, &snapshot, "request")
	switch {
	case errors.Is(err, ErrMissing):
		return "no " + workerFile, nil
	case errors.Is(err, ErrCorrupt):
		return workerFile + " is damaged", nil
	case err != nil:
		return "", err
	}
	if err := s.checkStoredWorker(&snapshot, name, dir); err != nil {
		return "", err
	}
	// A transcript that is not there was never acknowledged, or is from a
	// writer that never made its name durable.
	keep := func(l *log, end int64) error { return s.setTailAside(l, &snapshot.WorkerRef, end) }
	if w.transcript, err = openLog(s.fsys, opOpen, w.transcriptPath(), entryKey, u.logBytes, keep); err != nil {
		return "", err
	}
	if err := s.mendSpare(name); err != nil {
		return "", err
	}
	// The names of the snapshot and of the transcript.
	if err := s.syncDir(dir); err != nil {
		return "", err
	}
	s.workers[snapshot.WorkerID] = w
	return "", nil
}

func (s *Store) missingWorkers(err error) error {
	info, statErr := s.fsys.Stat(s.workersPath())
	switch {
	case statErr != nil:
		return &Error{Op: opOpen, Path: s.workersPath(), Kind: ErrMissing, Err: err}
	case !info.IsDir():
		return corrupt(opOpen, s.workersPath(), "not a folder")
	}
	return ioError(opOpen, s.workersPath(), err)
}
