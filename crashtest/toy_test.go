package crashtest_test

import (
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"os"
	"strings"

	"crashsim/crashtest"
	"crashsim/faultfs"
)

// toy is a store of lines in one log file, with the mistakes that it is told to
// make. Without any it comes through.
type toy struct {
	fsys  faultfs.FS
	file  faultfs.File
	lines []string
	size  int64
	stuck error
	flaws flaws
}

type flaws struct {
	noSync       bool // of the log before it acknowledges
	noDirSync    bool // of the log's name
	noChecksum   bool // so that a torn line is taken for a whole one
	noCut        bool // of a torn tail: it refuses to open
	noSyncAtOpen bool // of what it shows after its process was killed
	panics       bool // on a torn tail
	grows        bool // by a file with each opening
	loops        bool // on a torn tail
	deaf         bool // answers "ok" to what the reference refuses
	rewrites     bool // the log in place, where it has a torn tail
	keepsTail    bool // and writes on behind it
	sticks       bool // after a torn tail: it takes no more lines
	tires        bool // after a torn tail: it does not sync any more
}

const toyLog = "log"

func openToy(fsys faultfs.FS, flaws flaws) (*toy, error) {
	t := &toy{fsys: fsys, flaws: flaws}
	data, err := faultfs.ReadFile(fsys, toyLog)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if t.file, err = fsys.OpenFile(toyLog, os.O_RDWR|os.O_CREATE, 0o666); err != nil {
		return nil, err
	}
	if err := t.recover(data); err != nil {
		return nil, err
	}
	if !flaws.noSyncAtOpen {
		if err := t.file.Sync(); err != nil {
			return nil, err
		}
	}
	if !flaws.noDirSync {
		if err := fsys.SyncDir("."); err != nil {
			return nil, err
		}
	}
	if flaws.grows {
		list, err := fsys.ReadDir(".")
		if err != nil {
			return nil, err
		}
		return t, fsys.Mkdir(fmt.Sprintf("opened-%d", len(list)), 0o777)
	}
	return t, nil
}

func (t *toy) recover(data []byte) error {
	rest := string(data)
	for rest != "" {
		line, after, ok := strings.Cut(rest, "\n")
		text, sum, _ := strings.Cut(line, "|")
		if !ok || !t.flaws.noChecksum && sum != checksum(text) {
			switch {
			case t.flaws.noCut:
				return fmt.Errorf("%s: bad line at %d", toyLog, t.size)
			case t.flaws.panics:
				panic("torn")
			case t.flaws.loops:
				for {
					_, _ = t.fsys.Stat(toyLog)
				}
			}
			return t.cut(data)
		}
		t.lines = append(t.lines, text)
		t.size += int64(len(line)) + 1
		rest = after
	}
	return nil
}

// cut takes a torn tail off the log.
func (t *toy) cut(data []byte) error {
	t.flaws.noSync = t.flaws.noSync || t.flaws.tires
	if t.flaws.sticks {
		t.stuck = errors.New("stuck")
	}
	switch {
	case t.flaws.keepsTail:
		t.size = int64(len(data))
		return nil
	case t.flaws.rewrites:
		if err := errors.Join(t.file.Truncate(0), t.file.Sync()); err != nil {
			return err
		}
		_, err := t.file.WriteAt(data[:t.size], 0)
		return err
	}
	return t.file.Truncate(t.size)
}

func checksum(text string) string {
	return fmt.Sprintf("%08x", crc32.ChecksumIEEE([]byte(text)))
}

func (t *toy) Apply(op string) (string, error) {
	if op == "refuse" && !t.flaws.deaf {
		return "refused", nil
	}
	if op == "refuse" {
		return "ok", nil
	}
	if t.stuck != nil {
		return "", t.stuck
	}
	line := op + "|" + checksum(op) + "\n"
	if _, err := t.file.WriteAt([]byte(line), t.size); err != nil {
		return "", err
	}
	if !t.flaws.noSync {
		if err := t.file.Sync(); err != nil {
			return "", err
		}
	}
	t.size += int64(len(line))
	t.lines = append(t.lines, op)
	return "ok", nil
}

func (t *toy) State() (string, error) { return strings.Join(t.lines, "\n"), nil }

func (t *toy) Close() error { return t.file.Close() }

type toyModel []string

func (m *toyModel) Apply(op string) string {
	if op == "refuse" {
		return "refused"
	}
	*m = append(*m, op)
	return "ok"
}

func (m *toyModel) State() string { return strings.Join(*m, "\n") }

func (m *toyModel) Clone() crashtest.Model {
	c := append(toyModel(nil), *m...)
	return &c
}

func toyTarget(f flaws) *crashtest.Target {
	return &crashtest.Target{
		Name:       "toy",
		Doc:        "lines in a log",
		Open:       func(fsys faultfs.FS) (crashtest.Store, error) { return openToy(fsys, f) },
		Model:      func() crashtest.Model { return &toyModel{} },
		Idempotent: true,
		Generate: func(c crashtest.Chooser, n int) []string {
			ops := make([]string, n)
			for i := range ops {
				switch c.Choose(8) {
				case 0:
					ops[i] = crashtest.Reopen
				case 1:
					ops[i] = "refuse"
				default:
					ops[i] = fmt.Sprintf("line %d %s", i, strings.Repeat("x", c.Choose(1400)))
				}
			}
			return ops
		},
		Probes: func(crashtest.Model) []string { return []string{"probe", crashtest.Reopen, "probe again"} },
		Check:  func(string) error { return nil },
	}
}
