package soak

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"

	"crashsim/crashtest"
	"crashsim/faultfs"
)

// Workload is an entry of a corpus: operations that took a store where none before
// had. Its text form:
//
//	crashsim workload 1
//	target: store
//	op: worker r1 w1 running 300
//	op: reopen
type Workload struct {
	Target string
	Ops    []string
}

const (
	workloadVersion = "crashsim workload 1"
	workloadSuffix  = ".workload"
)

// Name stands for the content.
func (w *Workload) Name() string {
	sum := sha256.Sum256(w.text())
	return fmt.Sprintf("%x", sum[:6])
}

func (w *Workload) text() []byte {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\ntarget: %s\n", workloadVersion, w.Target)
	for _, op := range w.Ops {
		fmt.Fprintf(&b, "op: %s\n", op)
	}
	return []byte(b.String())
}

// UnmarshalText reads the text form. An error names the line.
func (w *Workload) UnmarshalText(text []byte) error {
	*w = Workload{}
	lines := strings.Split(strings.TrimSuffix(strings.ReplaceAll(string(text), "\r\n", "\n"), "\n"), "\n")
	if lines[0] != workloadVersion {
		return fmt.Errorf("line 1: no workload: it would begin with %q", workloadVersion)
	}
	for i, line := range lines[1:] {
		key, value, _ := strings.Cut(line, ": ")
		switch {
		case key == "target" && w.Target == "":
			w.Target = value
		case key == "op":
			w.Ops = append(w.Ops, value)
		default:
			return fmt.Errorf("line %d: %q is none of \"op: OPERATION\" and one \"target: NAME\"", i+2, line)
		}
	}
	if w.Target == "" || len(w.Ops) == 0 {
		return errors.New("its target or its operations are missing")
	}
	return nil
}

// ReadCorpus reads the workloads in a folder, in the order of their names. One that
// cannot be read, or that is another target's, is an error.
func ReadCorpus(disk faultfs.FS, t *crashtest.Target) ([]Workload, error) {
	entries, err := disk.ReadDir(".")
	var list []Workload
	for _, e := range entries {
		name := e.Name()
		if !strings.HasSuffix(name, workloadSuffix) {
			continue
		}
		w, err := readWorkload(disk, name, t)
		if err != nil {
			return nil, fmt.Errorf("%s: %w: mend or remove it", name, err)
		}
		list = append(list, *w)
	}
	return list, err
}

func readWorkload(disk faultfs.FS, name string, t *crashtest.Target) (*Workload, error) {
	text, err := faultfs.ReadFile(disk, name)
	if err != nil {
		return nil, err
	}
	var w Workload
	if err := w.UnmarshalText(text); err != nil {
		return nil, err
	}
	if w.Target != t.Name {
		return nil, fmt.Errorf("a workload of target %s: give each target a folder of its own", w.Target)
	}
	for _, op := range w.Ops {
		if op != crashtest.Reopen && t.Check != nil {
			if err := t.Check(op); err != nil {
				return nil, err
			}
		}
	}
	return &w, nil
}

// keep adds a workload to a folder. The same one again changes nothing.
func (w *Workload) keep(disk faultfs.FS, temp string) error {
	return replaceFile(disk, w.Name()+workloadSuffix, temp, w.text())
}
