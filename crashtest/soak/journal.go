package soak

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
	"slices"

	"crashsim/faultfs"
)

// JournalName is the journal's file in a soak's folder: JSON Lines, first a header,
// then one line for each time that rounds were committed. Each line carries a
// checksum of what it says.
//
//	{"sum":"5d1f0a33","header":{...}}
//	{"sum":"0c62d3f1","rounds":[{...},{...}]}
//	{"sum":"77e0a911","end":{"at":600.1,"rounds":412,"why":"rounds"}}
//
// A line is on the disk before anything in it is shown, so all that a crash can
// tear is the last line, of which nobody has heard.
const JournalName = "journal.jsonl"

// A Journal is what a soak has come to so far. One process has it open at a time.
type Journal struct {
	file   faultfs.File
	size   int64
	failed error     // what is there after an error is not known
	lock   io.Closer // nil where the disk knows no locks
}

type journalLine struct {
	Sum    string          `json:"sum"`
	Header json.RawMessage `json:"header,omitempty"`
	Rounds json.RawMessage `json:"rounds,omitempty"`
	End    json.RawMessage `json:"end,omitempty"`
}

// End says how a life of a soak came to its end. A process that is killed writes
// none.
type End struct {
	At     float64 `json:"at"`     // seconds of the soak
	Rounds int     `json:"rounds"` // that the journal has
	Why    string  `json:"why"`
}

// Why a soak ended.
const (
	EndRounds      = "rounds"      // all were done
	EndDuration    = "duration"    // the time is over
	EndFinding     = "finding"     // the first was enough
	EndInterrupted = "interrupted" // it was told to
)

// Log is what a journal says besides the outcomes.
type Log struct {
	*Header      // nil where a crash has left the file without one
	End     *End // nil where the soak goes on, or was killed
	size    int64
	rounds  int
}

// ErrNoJournal says that a folder holds no soak.
var ErrNoJournal = errors.New("no soak was begun here")

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func sum(data []byte) string { return fmt.Sprintf("%08x", crc32.Checksum(data, castagnoli)) }

// ReadJournal gives each round's outcome in the order in which they were committed,
// and then what else the journal says. It changes nothing.
func ReadJournal(disk faultfs.FS, each func(*Outcome) error) (*Log, error) {
	f, err := disk.OpenFile(JournalName, os.O_RDONLY, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, ErrNoJournal
	}
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // read only: nothing to lose
	in := bufio.NewReaderSize(f, 1<<16)
	log := &Log{}
	for n := 1; ; n++ {
		text, err := in.ReadBytes('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, err
		}
		if len(text) == 0 {
			return log, nil
		}
		l, ok := parseLine(text)
		if !ok {
			return log, tornOnly(in, n)
		}
		if err := log.line(n, l, each); err != nil {
			return nil, fmt.Errorf("%s: line %d: %w", JournalName, n, err)
		}
		log.size += int64(len(text))
	}
}

func (log *Log) line(n int, l journalLine, each func(*Outcome) error) error {
	log.End = nil
	switch {
	case n == 1 && l.Header != nil:
		log.Header = new(Header)
		return json.Unmarshal(l.Header, log.Header)
	case n > 1 && l.Rounds != nil:
		return eachRound(l.Rounds, func(o *Outcome) error {
			log.rounds++
			return each(o)
		})
	case n > 1 && l.End != nil:
		log.End = new(End)
		if err := json.Unmarshal(l.End, log.End); err != nil || log.End.Rounds == log.rounds {
			return err
		}
		return fmt.Errorf("it speaks of %d rounds, and there are %d", log.End.Rounds, log.rounds)
	}
	return errors.New("it says nothing that a journal says here")
}

func eachRound(text []byte, each func(*Outcome) error) error {
	var list []*Outcome
	if err := json.Unmarshal(text, &list); err != nil {
		return err
	}
	for _, o := range list {
		if err := each(o); err != nil {
			return err
		}
	}
	return nil
}

// parseLine reads a line that is whole.
func parseLine(text []byte) (l journalLine, ok bool) {
	text, ended := bytes.CutSuffix(text, []byte("\n"))
	if !ended || json.Unmarshal(text, &l) != nil {
		return l, false
	}
	body := slices.Concat(l.Header, l.Rounds, l.End) // one of them
	return l, l.Sum == sum(body)
}

// tornOnly is an error where a whole line follows a bad one: that is damage to what
// was acknowledged, and no crash.
func tornOnly(in *bufio.Reader, n int) error {
	for {
		text, err := in.ReadBytes('\n')
		if _, whole := parseLine(text); whole {
			return fmt.Errorf("%s: line %d is damaged, and others follow: begin a new soak in another folder", JournalName, n)
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// OpenJournal opens the journal of a soak, or begins it with a header. What it has
// is given to each in the order in which it was committed. A torn end is cut off.
func OpenJournal(disk faultfs.FS, begin *Header, each func(*Outcome) error) (*Journal, *Log, error) {
	j := &Journal{}
	file, err := disk.OpenFile(JournalName, os.O_RDWR|os.O_CREATE, 0o666)
	if err != nil {
		return nil, nil, err
	}
	j.file = file
	log, err := j.open(disk, begin, each)
	if err != nil {
		return nil, nil, errors.Join(err, j.Close())
	}
	return j, log, nil
}

func (j *Journal) open(disk faultfs.FS, begin *Header, each func(*Outcome) error) (log *Log, err error) {
	if l, ok := disk.(faultfs.Locker); ok {
		if j.lock, err = l.Lock(JournalName); err != nil {
			return nil, fmt.Errorf("another process is at this soak: %w", err)
		}
	}
	if log, err = ReadJournal(disk, each); err != nil {
		return nil, err
	}
	j.size = log.size
	// Off with a torn end, lest its pieces lie behind the next line. What was read
	// may not be durable either, if the process before was killed; nor the name.
	if err := errors.Join(j.file.Truncate(j.size), j.file.Sync(), disk.SyncDir(".")); err != nil {
		return nil, err
	}
	if log.Header == nil {
		log.Header = begin
		return log, j.append("header", begin)
	}
	return log, nil
}

// Commit adds outcomes. They are durable when it returns nil. After an error the
// journal takes nothing more.
func (j *Journal) Commit(list []*Outcome) error { return j.append("rounds", list) }

// Finish says how this life of the soak ended.
func (j *Journal) Finish(e End) error { return j.append("end", e) }

func (j *Journal) append(name string, v any) error {
	body, err := marshal(v)
	if err != nil || j.failed != nil {
		return errors.Join(err, j.failed)
	}
	line := fmt.Appendf(nil, `{"sum":%q,%q:%s}`+"\n", sum(body), name, body)
	if _, j.failed = j.file.WriteAt(line, j.size); j.failed == nil {
		j.failed = j.file.Sync() // the line is durable before it is shown
	}
	j.size += int64(len(line))
	return j.failed
}

// Close lets go of the journal.
func (j *Journal) Close() error {
	err := j.file.Close()
	if j.lock != nil {
		err = errors.Join(err, j.lock.Close())
	}
	return err
}

// marshal is json.Marshal, with texts as they are.
func marshal(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(v)
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), err
}

// replaceFile writes a file whole or not at all, durably. No one else uses temp.
func replaceFile(disk faultfs.FS, name, temp string, data []byte) error {
	f, err := disk.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o666)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil { // its data before its name
		return err
	}
	if err := disk.Rename(temp, name); err != nil {
		return err
	}
	return disk.SyncDir(".")
}
