package seedstore

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"strings"
	"unicode/utf8"

	"crashsim/faultfs"
)

// createDirAll makes a folder and those above it, the innermost first, as Rust's
// fs::create_dir_all does: the order of its system calls is part of the design.
func (s *Store) createDirAll(dir string) error {
	err := s.fsys.Mkdir(dir, 0o777)
	if err == nil || s.isDir(dir) {
		return nil
	}
	if !errors.Is(err, fs.ErrNotExist) || dir == "." {
		return err
	}
	if err := s.createDirAll(path.Dir(dir)); err != nil {
		return err
	}
	if err := s.fsys.Mkdir(dir, 0o777); err != nil && !s.isDir(dir) {
		return err
	}
	return nil
}

func (s *Store) exists(name string) bool {
	_, err := s.fsys.Stat(name)
	return err == nil
}

func (s *Store) isDir(name string) bool {
	info, err := s.fsys.Stat(name)
	return err == nil && info.IsDir()
}

// atomicWriteJSON replaces a file by way of a temporary one beside it.
func (s *Store) atomicWriteJSON(name string, value any, op string) error {
	parent := path.Dir(name)
	if err := s.createDirAll(parent); err != nil {
		return ioError(op, parent, err)
	}
	tmp := s.tmpPathFor(name)
	err := s.writeAndRename(tmp, name, value, op)
	if err != nil {
		_ = s.fsys.Remove(tmp) // the first error is the one to tell
	}
	return err
}

func (s *Store) writeAndRename(tmp, name string, value any, op string) error {
	if err := s.writeNew(tmp, value, op); err != nil {
		return err
	}
	if err := s.fsys.Rename(tmp, name); err != nil {
		return ioError(op, name, err)
	}
	if err := s.fsys.SyncDir(path.Dir(name)); err != nil {
		return ioError(op, path.Dir(name), err)
	}
	return nil
}

func (s *Store) writeNew(name string, value any, op string) error {
	f, err := s.fsys.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return ioError(op, name, err)
	}
	defer func() { _ = f.Close() }() // as the seed, which drops the file
	return writeJSON(f, name, value, "  ", op)
}

// appendJSONLine adds one object and its newline to a log.
func (s *Store) appendJSONLine(name string, value any, op string) error {
	parent := path.Dir(name)
	if err := s.createDirAll(parent); err != nil {
		return ioError(op, parent, err)
	}
	f, err := s.openAppend(name)
	if err != nil {
		return ioError(op, name, err)
	}
	defer func() { _ = f.Close() }()
	return writeJSON(f, name, value, "", op)
}

// ensureFileExists leaves a file that has something in it as it is.
func (s *Store) ensureFileExists(name, op string) error {
	parent := path.Dir(name)
	if err := s.createDirAll(parent); err != nil {
		return ioError(op, parent, err)
	}
	f, err := s.openAppend(name)
	if err != nil {
		return ioError(op, name, err)
	}
	defer func() { _ = f.Close() }()
	if err := f.Sync(); err != nil {
		return ioError(op, name, err)
	}
	return nil
}

func (s *Store) openAppend(name string) (faultfs.File, error) {
	return s.fsys.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o666)
}

// tmpPathFor counts from one in each opening, as the seed counts in each process.
func (s *Store) tmpPathFor(name string) string {
	sequence := s.tmpSequence.Add(1)
	return path.Join(path.Dir(name), fmt.Sprintf(".%s.tmp-%d-%d", path.Base(name), s.processID, sequence))
}

// writeJSON writes the value, then a newline, and syncs the file.
func writeJSON(f faultfs.File, name string, value any, indent, op string) error {
	data, err := marshal(value, indent)
	if err != nil {
		return corrupt(op, name, "serialize json: "+err.Error())
	}
	if _, err := f.Write(data); err != nil {
		return ioError(op, name, err)
	}
	if _, err := f.Write([]byte("\n")); err != nil {
		return ioError(op, name, err)
	}
	if err := f.Sync(); err != nil {
		return ioError(op, name, err)
	}
	return nil
}

// marshal leaves <, > and & as they are, as serde_json does.
func marshal(value any, indent string) ([]byte, error) {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", indent)
	if err := enc.Encode(value); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(buf.Bytes(), []byte("\n")), nil
}

// readJSON reads a snapshot.
func readJSON[T any](fsys faultfs.FS, name, op string) (T, error) {
	var value T
	data, err := readFile(fsys, name, op)
	if err != nil {
		return value, err
	}
	if !utf8.Valid(data) {
		return value, corrupt(op, name, errInvalidUTF8.Error())
	}
	if err := json.Unmarshal(data, &value); err != nil {
		return value, corrupt(op, name, err.Error())
	}
	return value, nil
}

// readJSONLines reads a log.
func readJSONLines[T any](fsys faultfs.FS, name, op string) ([]T, error) {
	data, err := readFile(fsys, name, op)
	if err != nil {
		return nil, err
	}
	if !utf8.Valid(data) {
		return nil, ioError(op, name, errInvalidUTF8)
	}
	items := []T{}
	number := 0
	for line := range strings.Lines(string(data)) {
		number++
		if strings.TrimSpace(line) == "" {
			continue
		}
		var item T
		if err := json.Unmarshal([]byte(line), &item); err != nil {
			return nil, corrupt(op, name, fmt.Sprintf("line %d: %v", number, err))
		}
		items = append(items, item)
	}
	return items, nil
}

// errInvalidUTF8 is what Rust says of text that is none: encoding/json would
// take it.
var errInvalidUTF8 = errors.New("stream did not contain valid UTF-8")

func readFile(fsys faultfs.FS, name, op string) ([]byte, error) {
	data, err := faultfs.ReadFile(fsys, name)
	if err != nil {
		return nil, openError(op, name, err)
	}
	return data, nil
}
