package soak_test

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"crashsim/crashtest"
	"crashsim/crashtest/soak"
	"crashsim/faultfs"
)

// kept is a journal as a store under test: "commit N SIZE" adds N rounds with
// workloads of that many bytes, "finish" an end.
type kept struct {
	journal *soak.Journal
	rounds  []string
	end     string
}

func openKept(disk faultfs.FS) (crashtest.Store, error) {
	k := &kept{}
	j, log, err := soak.OpenJournal(disk, &soak.Header{Format: "soak of a journal", Target: "kept"}, func(o *soak.Outcome) error {
		k.rounds = append(k.rounds, told1(o))
		return nil
	})
	if err != nil {
		return nil, err
	}
	if log.End != nil {
		k.end = log.End.Why
	}
	if k.journal = j; log.Target != "kept" {
		return nil, errors.Join(errors.New("another header"), j.Close())
	}
	return k, nil
}

func told1(o *soak.Outcome) string { return fmt.Sprint(o.Round, " ", o.From, " ", len(o.Mix)) }

func rounds(from int, op string) (list []*soak.Outcome) {
	var n, size int
	if _, err := fmt.Sscanf(op, "commit %d %d", &n, &size); err != nil {
		panic(err)
	}
	for i := range n {
		list = append(list, &soak.Outcome{Round: from + i, From: "swarm", Mix: strings.Repeat(string(rune('a'+from%26)), size)})
	}
	return list
}

func (k *kept) Apply(op string) (string, error) {
	if op == "finish" {
		k.end = op
		return "ok", k.journal.Finish(soak.End{Rounds: len(k.rounds), Why: op})
	}
	list := rounds(len(k.rounds), op)
	if err := k.journal.Commit(list); err != nil {
		return "", err
	}
	k.end = ""
	for _, o := range list {
		k.rounds = append(k.rounds, told1(o))
	}
	return "ok", nil
}

func (k *kept) State() (string, error) { return strings.Join(k.rounds, "\n") + "\n" + k.end, nil }
func (k *kept) Close() error           { return k.journal.Close() }

type keptModel struct {
	rounds []string
	end    string
}

func (m *keptModel) Apply(op string) string {
	if m.end = op; op == "finish" {
		return "ok"
	}
	m.end = ""
	for _, o := range rounds(len(m.rounds), op) {
		m.rounds = append(m.rounds, told1(o))
	}
	return "ok"
}

func (m *keptModel) State() string { return strings.Join(m.rounds, "\n") + "\n" + m.end }
func (m *keptModel) Clone() crashtest.Model {
	return &keptModel{slices.Clone(m.rounds), m.end}
}

// The journal comes through every crash itself.
func TestJournalSurvivesCrashes(t *testing.T) {
	journal := crashtest.Target{
		Name: "kept", Open: openKept, Model: func() crashtest.Model { return &keptModel{} },
		Generate: func(c crashtest.Chooser, n int) (ops []string) {
			for range n {
				ops = append(ops, []string{fmt.Sprintf("commit %d %d", 1+c.Choose(3), c.Choose(900)), "finish", crashtest.Reopen}[min(2, c.Choose(5)/2)])
			}
			return ops
		},
		Probes:     func(crashtest.Model) []string { return []string{"commit 2 700", "finish", crashtest.Reopen} },
		Idempotent: true,
	}
	for _, m := range faultfs.Models() {
		cfg := crashtest.Defaults()
		cfg.Ops, cfg.Model = 12, m
		if testing.Short() {
			cfg.Ops = 6
		}
		if err := crashtest.Check(t.Context(), &journal, cfg); err != nil {
			t.Errorf("%s: %v", m.Name, err)
		}
	}
}

// Damage to what was acknowledged is told, and not cut off.
func TestDamagedJournalIsRefused(t *testing.T) {
	disk := folder(t)
	cfg := config(6)
	cfg.Workers = 1 // a line for each round
	do(t, disk, target(false), cfg)
	text, err := faultfs.ReadFile(disk, soak.JournalName)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.SplitAfter(strings.TrimSuffix(string(text), "\n"), "\n")
	for name, damaged := range map[string]string{
		"a bit":    strings.Replace(string(text), `"round":1`, `"round":9`, 1),
		"no line":  strings.Replace(string(text), lines[2], "", 1),
		"no last":  strings.Replace(string(text), lines[6], "", 1),
		"no first": strings.TrimPrefix(string(text), lines[0]),
		"twice":    string(text) + lines[len(lines)-2],
		"zeros":    strings.Replace(string(text), lines[2][:9], strings.Repeat("\x00", 9), 1),
	} {
		if damaged == string(text) {
			t.Fatalf("%s: not damaged", name)
		}
		write(t, disk, damaged)
		if s, err := soak.Open(disk, target(false), config(6)); err == nil {
			_ = s.Close()
			t.Errorf("%s: the soak goes on", name)
		}
		after, err := faultfs.ReadFile(disk, soak.JournalName)
		if err != nil || string(after) != damaged {
			t.Errorf("%s: the file has changed: %v", name, err)
		}
	}
	// A torn end is of what nobody has seen.
	torn := string(text[:len(text)-9])
	write(t, disk, torn)
	if st := do(t, disk, target(false), config(6)); st.Totals.Rounds != 6 {
		t.Errorf("%d rounds", st.Totals.Rounds)
	}
}

func write(t *testing.T, disk faultfs.FS, text string) {
	t.Helper()
	f, err := disk.OpenFile(soak.JournalName, os.O_WRONLY|os.O_TRUNC, 0)
	if err == nil {
		_, err = f.Write([]byte(text))
		err = errors.Join(err, f.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
}

// Two processes are not at one soak.
func TestJournalIsLocked(t *testing.T) {
	disk := folder(t)
	s, err := soak.Open(disk, target(false), config(1))
	if err != nil {
		t.Fatal(err)
	}
	if again, err := soak.Open(disk, target(false), config(1)); err == nil {
		_ = again.Close()
		t.Error("a second one opens it")
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	do(t, disk, target(false), config(1))
}
