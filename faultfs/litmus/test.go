package litmus

import (
	"fmt"
	"strings"

	"crashsim/faultfs"
)

// Test is one question.
type Test struct {
	Name   string
	About  []string // lines for people
	Sector int64    // bytes that are stored whole or not at all, and that a letter stands for; 0: as the model has it, 512
	Setup  []Op     // all of it durable before the first of Run
	Run    []Op
	Expect []Expectation

	File string
}

// Op is one operation. Which of the fields it has, its verb says.
type Op struct {
	Verb     string
	Name     string
	Name2    string
	Off      int64
	Size     int64
	Content  Content
	Mode     faultfs.AllocMode
	Returned bool // the power did not fail before it had returned

	line int
}

// Kind says how a set of disks is compared with an expectation.
type Kind string

// The kinds of expectations.
const (
	Exactly Kind = "exactly" // these disks and no others
	Allows  Kind = "allows"  // each of these, and maybe others
	Forbids Kind = "forbids" // none of these
)

// Expectation is what models should allow.
type Expectation struct {
	Models []string // "all" for every one that is asked
	Kind   Kind
	After  int // of the operations, -1: whenever the power may fail
	Disks  []Disk

	line int
}

// Disk is all that can be read of a disk, or where content has alternatives, of
// several.
type Disk []Entry

// Entry is a name and what it leads to. An entry that is another name of an
// earlier one says so in Same.
type Entry struct {
	Name    string
	Folder  bool
	Content Content
	Same    string
}

const defaultSector = 512

func (t *Test) sector() int64 {
	if t.Sector > 0 {
		return t.Sector
	}
	return defaultSector
}

// String gives the test as text that [Parse] reads.
func (t *Test) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "test %s\n", t.Name)
	for _, line := range t.About {
		fmt.Fprintf(&b, "  about %s\n", line)
	}
	if t.Sector > 0 {
		fmt.Fprintf(&b, "  sector %d\n", t.Sector)
	}
	part := func(title string, ops []Op) {
		if len(ops) > 0 {
			fmt.Fprintf(&b, "  %s\n", title)
		}
		for i := range ops {
			fmt.Fprintf(&b, "    %s\n", ops[i].text(t.sector()))
		}
	}
	part("setup", t.Setup)
	part("run", t.Run)
	for i := range t.Expect {
		e := &t.Expect[i]
		fmt.Fprintf(&b, "  %s\n", e)
		for _, d := range e.Disks {
			fmt.Fprintf(&b, "    %s\n", d.text(t.sector()))
		}
	}
	return b.String()
}

// MarshalText gives the test as [Test.String] does.
func (t *Test) MarshalText() ([]byte, error) { return []byte(t.String()), nil }

// Question is the test without what is expected, operations numbered from 1 on.
func (t *Test) Question() string {
	asked := *t
	asked.Expect, asked.Run = nil, nil
	var b strings.Builder
	b.WriteString(asked.String() + "  run\n")
	for i := range t.Run {
		fmt.Fprintf(&b, "  %3d %s\n", i+1, t.Run[i].text(t.sector()))
	}
	return b.String()
}

// When tells a moment in words.
func (t *Test) When(m *Moment) string {
	switch {
	case m.After == 0:
		return "before anything is run"
	case m.During:
		return fmt.Sprintf("during %d", m.After)
	case m.After == len(t.Run):
		return "at the end"
	}
	return fmt.Sprintf("after %d", m.After)
}

func (e *Expectation) String() string {
	text := fmt.Sprintf("expect %s %s", strings.Join(e.Models, ","), e.Kind)
	if e.After >= 0 {
		text += fmt.Sprintf(" after %d", e.After)
	}
	return text
}

func (d Disk) text(sector int64) string {
	if len(d) == 0 {
		return "-"
	}
	out := make([]string, len(d))
	for i, e := range d {
		out[i] = e.Name + "/"
		if !e.Folder {
			out[i] = e.Name + "=" + e.Content.shown(sector)
		}
		if e.Same != "" {
			out[i] += "~" + e.Same
		}
	}
	return strings.Join(out, " ")
}

// expand gives the disks that a pattern stands for.
func (d Disk) expand() []Disk {
	for i, e := range d {
		for j, p := range e.Content {
			if len(p.Letters) == 1 {
				continue
			}
			var out []Disk
			for _, l := range p.Letters {
				out = append(out, d.with(i, j, string(l)).expand()...)
			}
			return out
		}
	}
	return []Disk{d}
}

// disks is how many a pattern stands for, or maxDisks+1 where they are more.
func (d Disk) disks() int {
	n := 1
	for _, e := range d {
		for _, p := range e.Content {
			n = min(n*len(p.Letters), maxDisks+1)
		}
	}
	return n
}

// with gives the disk with other letters in one piece.
func (d Disk) with(entry, piece int, letters string) Disk {
	out := append(Disk(nil), d...)
	c := append(Content(nil), d[entry].Content...)
	c[piece].Letters = letters
	out[entry].Content = c
	return out
}
