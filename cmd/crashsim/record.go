package main

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"time"

	"crashsim/crashtest"
)

// recordFile is the name of a run's record in its artifacts folder.
const recordFile = "run.json"

// writeRecord puts a record into a folder. It takes the place of the one of an earlier
// run that is there, and so do its cases: those that are of the earlier alone go.
func writeRecord(dir string, r *crashtest.Record) error {
	text, err := r.Encode()
	if err != nil {
		return &exitError{exitBroken, err}
	}
	old, oldErr := readRecord(dir)
	if err := writeWhole(filepath.Join(dir, recordFile), text); err != nil || oldErr != nil {
		return err
	}
	for _, note := range old.Findings {
		named := func(n crashtest.FindingNote) bool { return n.Case == note.Case }
		if filepath.Ext(note.Case) == caseExt && note.Case == filepath.Base(note.Case) && !slices.ContainsFunc(r.Findings, named) {
			_ = os.Remove(filepath.Join(dir, note.Case)) // it is of no run any more
		}
	}
	return nil
}

const caseExt = ".case"

// readRecord reads the record in a folder, or in a file.
func readRecord(path string) (*crashtest.Record, error) {
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		path = filepath.Join(path, recordFile)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, usage("%w: give the artifacts folder of a run, or its %s", err, recordFile)
	}
	r, err := crashtest.DecodeRecord(text)
	if err != nil {
		return nil, usage("%s: %w; give a %s as crashsim wrote it", path, err, recordFile)
	}
	return r, nil
}

// writeCase writes a case file whole or not at all.
func writeCase(path string, c *crashtest.Case) error {
	text, err := c.MarshalText()
	if err != nil {
		return &exitError{exitBroken, err}
	}
	return writeWhole(path, text)
}

const tempPattern = ".crashsim-"

// writeWhole writes a file whole or not at all, and through to the disk.
func writeWhole(path string, text []byte) error {
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return usage("%s: it is a folder: give it a file", path)
	}
	f, err := os.CreateTemp(filepath.Dir(path), tempPattern)
	if err == nil {
		_, err = f.Write(text)
		if err = errors.Join(err, f.Chmod(0o644), f.Sync(), f.Close()); err == nil {
			err = os.Rename(f.Name(), path)
		}
		if err != nil {
			_ = os.Remove(f.Name())
		}
	}
	if err != nil {
		return usage("%s: %w: give it a folder that can be written to", path, err)
	}
	return nil
}

// samples keeps some moments of a run, spread over all of it: one second apart,
// and twice that each time there are too many.
type samples struct {
	list  []crashtest.Sample
	every float64 // seconds
}

const mostSamples = 240

func (s *samples) add(x crashtest.Sample) {
	if s.every == 0 {
		s.every = 1
	}
	if n := len(s.list); n > 0 && x.Seconds < s.list[n-1].Seconds+s.every {
		return
	}
	if s.list = append(s.list, x); len(s.list) < mostSamples {
		return
	}
	s.every *= 2
	kept := s.list[:0]
	for i := 0; i < len(s.list); i += 2 {
		kept = append(kept, s.list[i])
	}
	s.list = kept
}

// end gives them with what a run came to as the last: before that its count is not
// exact, and may have been above.
func (s *samples) end(took time.Duration, r *crashtest.Result) []crashtest.Sample {
	for i := range s.list {
		s.list[i].Recoveries = min(s.list[i].Recoveries, r.Recoveries)
	}
	return append(s.list, crashtest.Sample{Seconds: took.Seconds(), Recoveries: r.Recoveries})
}
