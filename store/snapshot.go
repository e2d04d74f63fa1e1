package store

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"

	"crashsim/faultfs"
)

// errSync says that a sync has failed. What was written before may be lost, and
// a later success of the same sync would not mean that it is not (fsync(2)).
var errSync = errors.New("sync failed")

// writeSnapshot seals a snapshot of what a log belongs to, and replaces it.
func (s *Store) writeSnapshot(op, name string, data []byte, l *log) error {
	if err := s.replace(op, name, seal(data, l.size)); err != nil {
		return err
	}
	l.noted = l.size
	return nil
}

// replace writes a file in such a way that a crash leaves the old one or the new
// one, and the new one once it has returned.
func (s *Store) replace(op, name string, data []byte) error {
	old, err := faultfs.ReadFile(s.fsys, name)
	first := errors.Is(err, fs.ErrNotExist)
	if err != nil && !first {
		return ioError(op, name, err)
	}
	tmp, err := s.writeTemp(op, name, all(data))
	if err != nil {
		return err
	}
	err = s.keepSpare(op, name, tmp, first)
	if err == nil && !first {
		// Both names: with neither a crash in the rename could leave nothing of
		// what was acknowledged before.
		err = s.syncNames(op, name)
	}
	if err != nil {
		_ = s.fsys.Remove(tmp) // the first error is the one to tell
		return err
	}
	if err := s.rename(op, tmp, name); err != nil {
		s.inDoubt = snapshotFile{name, old}
		return err
	}
	// The rename. Without it a crash brings the old file back.
	if err := s.syncNames(op, name); err != nil {
		s.inDoubt = snapshotFile{name, old}
		return err
	}
	return nil
}

// syncNames makes what was done to the names beside a file durable.
func (s *Store) syncNames(op, name string) error {
	if err := s.fsys.SyncDir(path.Dir(name)); err != nil {
		return s.writeError(op, path.Dir(name), errors.Join(errSync, err))
	}
	return nil
}

// renameOver writes a file to a temporary one beside it, syncs that, and renames
// it. The rename is for the caller to sync.
func (s *Store) renameOver(op, name string, write func(io.Writer) error) error {
	tmp, err := s.writeTemp(op, name, write)
	if err != nil {
		return err
	}
	return s.rename(op, tmp, name)
}

// writeTemp writes a temporary file for a target, and syncs it.
func (s *Store) writeTemp(op, name string, write func(io.Writer) error) (tmp string, err error) {
	tmp, f, err := s.createTemp(name)
	if err != nil {
		return tmp, ioError(op, tmp, err)
	}
	if err := writeAndSync(f, write); err != nil {
		_ = s.fsys.Remove(tmp) // the first error is the one to tell
		return tmp, s.writeError(op, tmp, err)
	}
	return tmp, nil
}

func (s *Store) rename(op, tmp, name string) error {
	if err := s.fsys.Rename(tmp, name); err != nil {
		_ = s.fsys.Remove(tmp)
		return s.writeError(op, name, errors.Join(errLeft, err))
	}
	return nil
}

// all writes the whole of a file.
func all(data []byte) func(io.Writer) error {
	return func(w io.Writer) error {
		n, err := w.Write(data)
		return written(n, len(data), err)
	}
}

// written makes an error of a write that stopped short and said nothing, which an
// [io.Writer] must not do, and a disk may.
func written(n, want int, err error) error {
	if err == nil && n < want {
		return io.ErrShortWrite
	}
	return err
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
		_, err := parseJSON(op, name, s.inDoubt.old, value)
		return err
	}
	_, err := readJSON(s.fsys, op, name, value)
	return err
}

// writeAndSync writes a new file, and closes it.
func writeAndSync(f faultfs.File, write func(io.Writer) error) error {
	err := write(f)
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
		tmp := s.tempName(name)
		f, err := s.fsys.OpenFile(tmp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
		if !errors.Is(err, fs.ErrExist) {
			return tmp, f, err
		}
	}
}

func (s *Store) tempName(name string) string {
	s.tempSequence++
	return path.Join(path.Dir(name), "."+path.Base(name)+tempMiddle+
		strconv.Itoa(s.opts.ProcessID)+"-"+strconv.FormatUint(s.tempSequence, 10))
}

const tempMiddle = ".tmp-"

func isTemp(name string) bool {
	return strings.HasPrefix(name, ".") && (strings.Contains(name, ".json"+tempMiddle) || strings.Contains(name, ".jsonl"+tempMiddle))
}

const badSum = "its checksum is not that of its content"

// readJSON reads a snapshot. What is wrong with it is ErrMissing or ErrCorrupt.
func readJSON(fsys faultfs.FS, op, name string, value any) (unsealed, error) {
	return readSnapshotFile(fsys, op, name, func(data []byte) (unsealed, error) {
		return parseJSON(op, name, data, value)
	})
}

// readHead reads what opening has to know of a snapshot: if it is sealed, the
// fields before one of them, and else all. Most of a snapshot is behind that.
func readHead(fsys faultfs.FS, name string, value any, before string) (unsealed, error) {
	return readSnapshotFile(fsys, opOpen, name, func(data []byte) (unsealed, error) {
		u, ok := unseal(data)
		// No string has a newline in it as such: this is the field's own.
		head, _, found := bytes.Cut(data, []byte(",\n  \""+before+"\": "))
		if !ok || !u.summed || !found {
			return parseJSON(opOpen, name, data, value)
		}
		_, err := parseJSON(opOpen, name, append(head, objectEnd...), value) // over what is not read
		return u, err
	})
}

// buffers are for what is read and not kept: a snapshot is read many times.
var buffers = sync.Pool{New: func() any { return new([]byte) }}

// readSnapshotFile has a snapshot's file parsed. Of the data nothing is to be kept.
func readSnapshotFile(fsys faultfs.FS, op, name string, parse func(data []byte) (unsealed, error)) (unsealed, error) {
	buf, _ := buffers.Get().(*[]byte)
	defer buffers.Put(buf)
	data, err := faultfs.AppendFile((*buf)[:0], fsys, name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return unsealed{}, &Error{Op: op, Path: name, Kind: ErrMissing, Err: err}
	case err != nil:
		return unsealed{}, ioError(op, name, err)
	}
	*buf = data
	return parse(data)
}

func parseJSON(op, name string, data []byte, value any) (unsealed, error) {
	u, ok := unseal(data)
	switch {
	case !ok:
		return u, corrupt(op, name, badSum)
	case !utf8.Valid(data):
		return u, corrupt(op, name, "not UTF-8") // encoding/json would give another text
	}
	if err := json.Unmarshal(data, value); err != nil {
		return u, &Error{Op: op, Path: name, Kind: ErrCorrupt, Err: err}
	}
	return u, nil
}
