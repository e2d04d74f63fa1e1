// Package keyvalue is a small store to learn from: one log file, written to last
// through any power cut. Its test puts it under crashtest in 40 lines.
package keyvalue

import (
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"os"
	"strings"

	"crashsim/faultfs"
)

const logName = "log"

// ErrCorrupt says that the log is damaged where no crash can have damaged it.
var ErrCorrupt = errors.New("keyvalue: the log is damaged before its last line")

// Store keeps values by key. It is not safe for concurrent use.
type Store struct {
	log    faultfs.File
	size   int64 // of the log, where the next line goes
	values map[string]string
	failed error // of a write: what the log holds since is not known

	noSync bool // for the test: Set leaves its sync out
}

// Open opens the store on a disk, or creates it. What it shows is durable: it may
// come from a process that was killed before its sync.
func Open(fsys faultfs.FS) (*Store, error) {
	data, err := faultfs.ReadFile(fsys, logName)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	s := &Store{values: map[string]string{}}
	if err := s.read(string(data)); err != nil {
		return nil, err
	}
	if s.log, err = fsys.OpenFile(logName, os.O_RDWR|os.O_CREATE, 0o666); err != nil {
		return nil, err
	}
	if s.size < int64(len(data)) {
		err = s.log.Truncate(s.size) // a torn line, which was never acknowledged
	}
	if err == nil {
		err = s.log.Sync() // the lines that were read, and the cut
	}
	if err == nil {
		err = fsys.SyncDir(".") // the log's name: without it a crash takes the whole log
	}
	if err != nil {
		return nil, errors.Join(err, s.log.Close())
	}
	return s, nil
}

// read takes in the lines of the log up to a torn one. Only the last can be torn:
// those before it were synced before it was begun.
func (s *Store) read(rest string) error {
	for rest != "" {
		line, after, ended := strings.Cut(rest, "\n")
		sum, record, _ := strings.Cut(line, " ")
		var key, value string
		_, err := fmt.Sscanf(record, "%q %q", &key, &value)
		if !ended || err != nil || sum != checksum(record) {
			if after != "" {
				return ErrCorrupt
			}
			return nil
		}
		s.values[key] = value
		s.size += int64(len(line) + 1)
		rest = after
	}
	return nil
}

// Set gives a key a value. When it returns nil the value survives a power cut;
// after an error only a store that is opened anew knows what there is.
func (s *Store) Set(key, value string) error {
	if s.failed != nil {
		return s.failed
	}
	record := fmt.Sprintf("%q %q", key, value) // quoted, so that a line is one record
	line := checksum(record) + " " + record + "\n"
	if _, s.failed = s.log.WriteAt([]byte(line), s.size); s.failed != nil {
		return s.failed
	}
	if !s.noSync {
		if s.failed = s.log.Sync(); s.failed != nil { // the line, before it is acknowledged
			return s.failed
		}
	}
	s.size += int64(len(line))
	s.values[key] = value
	return nil
}

// Get gives the value of a key, "" where it has none.
func (s *Store) Get(key string) string { return s.values[key] }

// All gives every key with its value. It is not to be changed.
func (s *Store) All() map[string]string { return s.values }

// Close closes the store. Nothing is left to sync.
func (s *Store) Close() error { return s.log.Close() }

// checksum tells a record that was written whole from one that was torn: a sector
// that did not reach the disk reads as zeros.
func checksum(record string) string {
	return fmt.Sprintf("%08x", crc32.ChecksumIEEE([]byte(record)))
}
