package store

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path"
	"strconv"
	"strings"
	"unicode/utf8"

	"crashsim/faultfs"
)

// errSync says that a sync has failed. What was written before may be lost, and
// a later success of the same sync would not mean that it is not (fsync(2)).
var errSync = errors.New("sync failed")

// replace writes a file in such a way that a crash leaves the old one or the new
// one: to a temporary file beside it, synced, and renamed over it.
func (s *Store) replace(op, name string, data []byte) error {
	old, err := faultfs.ReadFile(s.fsys, name)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return ioError(op, name, err)
	}
	tmp, f, err := s.createTemp(name)
	if err != nil {
		return ioError(op, tmp, err)
	}
	if err := s.writeTemp(f, data); err != nil {
		_ = s.fsys.Remove(tmp) // the first error is the one to tell
		return s.writeError(op, tmp, err)
	}
	if err := s.fsys.Rename(tmp, name); err != nil {
		_ = s.fsys.Remove(tmp)
		s.inDoubt = snapshotFile{name, old}
		return s.writeError(op, name, errors.Join(errLeft, err))
	}
	// The rename. Without it a crash brings the old file back.
	if err := s.fsys.SyncDir(path.Dir(name)); err != nil {
		s.inDoubt = snapshotFile{name, old}
		return s.writeError(op, path.Dir(name), errors.Join(errSync, err))
	}
	return nil
}

// snapshotFile is a snapshot whose replacement failed, by its name, and what it
// was before. The file may hold either, and a crash may bring back the old one.
type snapshotFile struct {
	name string
	old  []byte
}

// readSnapshot reads a snapshot that was acknowledged.
func (s *Store) readSnapshot(op, name string, value any) error {
	if s.inDoubt.name == name {
		return parseJSON(op, name, s.inDoubt.old, value)
	}
	return readJSON(s.fsys, op, name, value)
}

func (s *Store) writeTemp(f faultfs.File, data []byte) error {
	_, err := f.Write(data)
	if err == nil {
		// The content, before a rename can make it the file: a disk may keep
		// the name and not the bytes.
		if err = f.Sync(); err != nil {
			err = errors.Join(errSync, err)
		}
	}
	return errors.Join(err, f.Close())
}

// createTemp makes a temporary file for a target. Names that were left over are
// not used again.
func (s *Store) createTemp(name string) (string, faultfs.File, error) {
	for {
		s.tempSequence++
		tmp := path.Join(path.Dir(name), "."+path.Base(name)+tempMiddle+
			strconv.Itoa(s.opts.ProcessID)+"-"+strconv.FormatUint(s.tempSequence, 10))
		f, err := s.fsys.OpenFile(tmp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
		if !errors.Is(err, fs.ErrExist) {
			return tmp, f, err
		}
	}
}

const tempMiddle = ".tmp-"

func isTemp(name string) bool {
	return strings.HasPrefix(name, ".") && strings.Contains(name, ".json"+tempMiddle)
}

// readJSON reads a snapshot. What is wrong with it is ErrMissing or ErrCorrupt.
func readJSON(fsys faultfs.FS, op, name string, value any) error {
	data, err := faultfs.ReadFile(fsys, name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return &Error{Op: op, Path: name, Kind: ErrMissing, Err: err}
	case err != nil:
		return ioError(op, name, err)
	}
	return parseJSON(op, name, data, value)
}

func parseJSON(op, name string, data []byte, value any) error {
	if !utf8.Valid(data) {
		return corrupt(op, name, "not UTF-8") // encoding/json would give another text
	}
	if err := json.Unmarshal(data, value); err != nil {
		return &Error{Op: op, Path: name, Kind: ErrCorrupt, Err: err}
	}
	return nil
}
