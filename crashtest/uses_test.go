package crashtest_test

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"crashsim/crashtest"
	"crashsim/faultfs"
)

// Three stores whose fault shows on some of the disks only that recovery goes through in
// the same lines: what tries one for all of these passes them.
func TestFaultsOfSomeDisksAlone(t *testing.T) {
	for _, c := range []struct {
		name   string
		open   func(disk faultfs.FS, sound bool) (crashtest.Store, error)
		ops    []string
		probes []string
		calls  []int  // as deep as a large store's, or a small one's
		sound  []bool // it may be
	}{
		{"kill in recovery", openRegister, []string{"a", "b"}, []string{"p"}, []int{0, 6}, []bool{true, false}},
		{"use after recovery", openHinted, []string{"a", "b"}, []string{"p", "q", crashtest.Reopen}, []int{0, 6}, []bool{true, false}},
		{"more disks than are tried", openMany, []string{"a"}, []string{"refuse"}, []int{0}, []bool{false}},
	} {
		for _, calls := range c.calls {
			for _, search := range []crashtest.Search{crashtest.SearchAuto, crashtest.SearchExhaustive, crashtest.SearchLazy} {
				for _, sound := range c.sound {
					target := toyTarget(flaws{})
					target.Open = func(disk faultfs.FS) (s crashtest.Store, err error) {
						within(calls, func() { s, err = c.open(disk, sound) })
						return s, err
					}
					target.Generate = workloadOf(c.ops...)
					target.Probes = func(crashtest.Model) []string { return c.probes }
					cfg := config(2)
					cfg.Search = search
					r, err := crashtest.Run(t.Context(), target, cfg)
					if err != nil {
						t.Fatal(err)
					}
					if want := map[bool]crashtest.Verdict{true: crashtest.Passed, false: crashtest.Failed}[sound]; r.Verdict != want {
						t.Errorf("%s, %d calls deep, %s, sound %t: %s, want %s: %v", c.name, calls, search, sound, r.Verdict, want, r.Err())
					}
				}
			}
		}
	}
}

// A chooser comes to a kill in recovery, too, and to what is lost after it.
func TestChoosersKillRecoveries(t *testing.T) {
	target := toyTarget(flaws{})
	target.Open = func(disk faultfs.FS) (crashtest.Store, error) { return openRegister(disk, false) }
	cfg, c := config(1), crashtest.Seeded(1)
	done := crashtest.CarryOut(target, &cfg, []string{"a"})
	for range 20_000 {
		if tr := done.Crash(c); tr.Failure != nil {
			kills := 0
			for _, crash := range tr.Scenario.Crashes {
				if crash.Kill && crash.In == crashtest.InRecovery {
					kills++
				}
			}
			if kills == 0 {
				t.Fatalf("it fails without a kill in recovery: %+v", tr.Scenario)
			}
			found, err := tr.Case()
			if err != nil {
				t.Fatal(err)
			}
			if _, failure, err := found.Replay(target); err != nil || failure == nil {
				t.Fatalf("its case does not fail again: %v, %v", failure, err)
			}
			return
		}
	}
	t.Fatal("no crash loses anything")
}

// within calls through so many functions.
//
//go:noinline
func within(calls int, do func()) int {
	if calls == 0 {
		do()
		return 0
	}
	return 1 + within(calls-1, do)
}

// openTwo opens two files, or makes them, with their names durable.
func openTwo(disk faultfs.FS, a, b string) (faultfs.File, faultfs.File, error) {
	first, errA := disk.OpenFile(a, os.O_RDWR|os.O_CREATE, 0o666)
	second, errB := disk.OpenFile(b, os.O_RDWR|os.O_CREATE, 0o666)
	return first, second, errors.Join(errA, errB, disk.SyncDir("."))
}

// register keeps the last lines in a journal, which opening brings into its data. It may
// take for stored what it finds there, and a process that was killed has not stored it.
type register struct {
	data, journal faultfs.File
	text          string
}

const registerSize = 64

func openRegister(disk faultfs.FS, sound bool) (crashtest.Store, error) {
	r := &register{}
	var err error
	if r.data, r.journal, err = openTwo(disk, "data", "journal"); err != nil {
		return nil, err
	}
	data, journal := readRegister(r.data), readRegister(r.journal)
	if r.text = data; journal != "" {
		r.text = journal
		if data != journal {
			if _, err := r.data.WriteAt([]byte(journal), 0); err != nil {
				return nil, err
			}
		}
		if data != journal || sound {
			err = r.data.Sync()
		}
	}
	return r, errors.Join(err, r.journal.Truncate(0), r.journal.Sync())
}

func readRegister(f faultfs.File) string {
	p := make([]byte, registerSize)
	if n, _ := f.ReadAt(p, 0); n < len(p) || p[len(p)-1] != '.' {
		return ""
	}
	return string(p)
}

func (r *register) Apply(op string) (string, error) {
	lines := strings.TrimSpace(strings.TrimSuffix(r.text, "."))
	r.text = fmt.Sprintf("%-*s.", registerSize-1, strings.TrimSpace(lines+"\n"+op))
	_, err := r.journal.WriteAt([]byte(r.text), 0)
	return "ok", errors.Join(err, r.journal.Sync())
}

func (r *register) State() (string, error) {
	return strings.TrimSpace(strings.TrimSuffix(r.text, ".")), nil
}

func (r *register) Close() error { return errors.Join(r.data.Close(), r.journal.Close()) }

// hinted has a log, and beside it a hint of where that ends, which is not synced. Where a
// crash took the hint back it shows the record behind it, and may append over it.
type hinted struct {
	log, hint faultfs.File
	end       int64
}

const hintedRecord = 16

func openHinted(disk faultfs.FS, sound bool) (crashtest.Store, error) {
	h := &hinted{}
	var err error
	if h.log, h.hint, err = openTwo(disk, "log", "hint"); err != nil {
		return nil, err
	}
	var p [1]byte
	_, _ = h.hint.ReadAt(p[:], 0) // nothing there is 0
	from := int64(p[0]) * hintedRecord
	_, there := h.record(from - hintedRecord)
	if from > 0 && !there {
		from = 0
	}
	for h.end = from; ; h.end += hintedRecord {
		if _, ok := h.record(h.end); !ok {
			break
		}
	}
	err = h.note(h.end)
	if !sound && from > 0 {
		h.end = from
	}
	return h, errors.Join(err, h.log.Sync(), h.hint.Sync())
}

func (h *hinted) note(end int64) error {
	_, err := h.hint.WriteAt([]byte{byte(end / hintedRecord)}, 0)
	return err
}

func (h *hinted) record(at int64) (string, bool) {
	p := make([]byte, hintedRecord)
	if n, _ := h.log.ReadAt(p, at); n < len(p) || p[0] != '<' || p[len(p)-1] != '>' {
		return "", false
	}
	return strings.TrimRight(string(p[1:len(p)-1]), " "), true
}

func (h *hinted) Apply(op string) (string, error) {
	err := h.note(h.end + hintedRecord)
	_, err2 := h.log.WriteAt(fmt.Appendf(nil, "<%-*s>", hintedRecord-2, op), h.end)
	h.end += hintedRecord
	return "ok", errors.Join(err, err2, h.log.Sync())
}

func (h *hinted) State() (string, error) {
	var list []string
	for at := int64(0); ; at += hintedRecord {
		r, ok := h.record(at)
		if !ok {
			return strings.Join(list, "\n"), nil
		}
		list = append(list, r)
	}
}

func (h *hinted) Close() error { return errors.Join(h.log.Close(), h.hint.Close()) }

// many makes twelve files for a line, and syncs no folder. Opening looks at the first of
// them, and what comes later at all.
type many struct {
	disk  faultfs.FS
	lines []string
}

const manyFiles = 12

func openMany(disk faultfs.FS, _ bool) (crashtest.Store, error) {
	m := &many{disk: disk}
	for {
		if _, err := disk.Stat(m.file(0)); err != nil {
			return m, nil
		}
		m.lines = append(m.lines, "a")
	}
}

func (m *many) file(i int) string { return fmt.Sprintf("%d-%d", len(m.lines), i) }

func (m *many) Apply(op string) (string, error) {
	if op == "refuse" {
		for i := 1; i < manyFiles; i++ {
			_, _ = m.disk.Stat(fmt.Sprintf("0-%d", i)) // it is only looked at
		}
		return "refused", nil
	}
	for i := range manyFiles {
		f, err := m.disk.OpenFile(m.file(i), os.O_RDWR|os.O_CREATE, 0o666)
		if err != nil {
			return "", err
		}
		if err := f.Close(); err != nil {
			return "", err
		}
	}
	m.lines = append(m.lines, op) // which is "a"
	return "ok", nil
}

func (m *many) State() (string, error) { return strings.Join(m.lines, "\n"), nil }
func (m *many) Close() error           { return nil }
