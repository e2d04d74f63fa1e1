package store

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"slices"
	"strconv"

	"crashsim/faultfs"
)

// CodeWorkerIgnored is the code of the diagnostic that tells of a worker folder
// that was set aside.
const CodeWorkerIgnored = "worker_snapshot_ignored"

// setAside takes a folder without a readable snapshot out of the way: a copy of
// it is made durable, then the diagnostic that tells of it, then the folder goes.
// A crash in between leaves what is done over again, with the same result.
func (s *Store) setAside(snapshot *RuntimeSnapshot, dir, why string) error {
	if !s.isAside(snapshot, dir) {
		id := snapshot.NextDiagnosticID
		for _, d := range snapshot.Diagnostics {
			id = max(id, d.ID+1) // what an older one keeps under its id stays
		}
		if err := s.copyAside(dir, s.asidePath(id, dir)); err != nil {
			return err
		}
		next := *snapshot
		next.NextDiagnosticID = id + 1
		next.Diagnostics = append(next.Diagnostics[:len(next.Diagnostics):len(next.Diagnostics)], s.asideDiagnostic(id, dir, why))
		data, err := marshalRuntime(opOpen, next)
		if err != nil {
			return err
		}
		if err := s.replace(opOpen, s.runtimePath(), data); err != nil {
			return err
		}
		*snapshot = next
	}
	if err := s.removeAll(dir); err != nil {
		return err
	}
	return s.syncDir(path.Dir(dir))
}

// asidePath has the number as a folder of its own: with it before the name, that
// of the longest id would not fit.
func (s *Store) asidePath(id uint64, dir string) string {
	return path.Join(s.dir, setAsideDir, strconv.FormatUint(id, 10), path.Base(dir))
}

func (s *Store) asideDiagnostic(id uint64, dir, why string) Diagnostic {
	d := Diagnostic{
		ID: id, Severity: "warning", Code: CodeWorkerIgnored,
		Message: fmt.Sprintf("%s; the folder is kept in %s/%d", why, setAsideDir, id),
	}
	if worker, ok := idOf(path.Base(dir)); ok {
		d.WorkerRef = &WorkerRef{RuntimeID: s.opts.RuntimeID, WorkerID: worker}
	}
	return d
}

// isAside tells whether all is done but the removal. Of that a crash may have
// kept any part, so that what is left need not say why it came here.
func (s *Store) isAside(snapshot *RuntimeSnapshot, dir string) bool {
	return slices.ContainsFunc(snapshot.Diagnostics, func(d Diagnostic) bool {
		return d.Code == CodeWorkerIgnored && s.holds(s.asidePath(d.ID, dir), dir)
	})
}

// copyAside copies a folder of files. What an earlier try has left is removed.
func (s *Store) copyAside(from, to string) error {
	number := path.Dir(to)
	all := path.Dir(number)
	if err := s.makeFolder(all); err != nil {
		return err
	}
	if err := s.removeAll(number); err != nil {
		return err
	}
	if err := s.makeFolder(number); err != nil {
		return err
	}
	if err := s.copyFolder(from, to); err != nil {
		return err
	}
	for _, dir := range []string{number, all, s.dir} { // the names that lead to the copy
		if err := s.syncDir(dir); err != nil {
			return err
		}
	}
	return nil
}

func (s *Store) copyFolder(from, to string) error {
	if err := s.makeFolder(to); err != nil {
		return err
	}
	list, err := s.fsys.ReadDir(from)
	if err != nil {
		return ioError(opOpen, from, err)
	}
	for _, e := range list {
		copyOne := s.copyFile
		if e.IsDir() {
			copyOne = s.copyFolder
		}
		if err := copyOne(path.Join(from, e.Name()), path.Join(to, e.Name())); err != nil {
			return err
		}
	}
	return s.syncDir(to) // the names in the copy
}

func (s *Store) copyFile(from, to string) error {
	data, err := faultfs.ReadFile(s.fsys, from)
	if err != nil {
		return ioError(opOpen, from, err)
	}
	f, err := s.fsys.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return ioError(opOpen, to, err)
	}
	if err := s.writeTemp(f, data); err != nil {
		return ioError(opOpen, to, err)
	}
	return nil
}

func (s *Store) removeAll(name string) error {
	info, err := s.fsys.Stat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil && info.IsDir() {
		var list []fs.DirEntry
		list, err = s.fsys.ReadDir(name)
		for _, e := range list {
			if err := s.removeAll(path.Join(name, e.Name())); err != nil {
				return err
			}
		}
	}
	if err == nil {
		err = s.fsys.Remove(name)
	}
	if err != nil {
		return ioError(opOpen, name, err)
	}
	return nil
}

// holds tells whether all that is in a folder is in a copy of it; what cannot be
// read is in none.
func (s *Store) holds(kept, dir string) bool {
	list, err := s.fsys.ReadDir(dir)
	_, missing := s.fsys.Stat(kept)
	if err != nil || missing != nil {
		return false
	}
	return !slices.ContainsFunc(list, func(e fs.DirEntry) bool {
		a, b := path.Join(kept, e.Name()), path.Join(dir, e.Name())
		if e.IsDir() {
			return !s.holds(a, b)
		}
		dataA, errA := faultfs.ReadFile(s.fsys, a)
		dataB, errB := faultfs.ReadFile(s.fsys, b)
		return errA != nil || errB != nil || !bytes.Equal(dataA, dataB)
	})
}
