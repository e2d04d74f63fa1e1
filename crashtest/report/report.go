// Package report shows the record of a run and its findings to people: as one page
// of HTML that needs nothing else, as Markdown, and as text.
package report

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"crashsim/crashtest"
	"crashsim/faultfs"
)

// Doc is what is shown.
type Doc struct {
	Record   *crashtest.Record // nil: cases alone
	Findings []Finding
	// Version is that of the crashsim that shows it.
	Version string
	// Up and UpName are a link that a page of one finding begins with, if not empty.
	Up, UpName string
	// Brief leaves the findings at a line each, as text and Markdown.
	Brief bool
}

// Finding is one case.
type Finding struct {
	crashtest.FindingNote // Number 0 where no record knows of it
	// File is where the case is, as the command that repeats it names it.
	File string
	// Command repeats the finding; "" is crashsim replay, which knows no store that is
	// under test in another program.
	Command string
	Case    *crashtest.Case
	// Story is the case carried out, nil where that cannot be done; Why says why.
	Story *crashtest.Story
	Why   string
	// Foreign says that its store is under test in another program.
	Foreign bool
}

// Repeat is the command that repeats the finding.
func (f *Finding) Repeat() string {
	if f.Command != "" {
		return f.Command
	}
	if f.Foreign {
		return "go test -run TestCases # where its store is tested: crashtest.Regress replays " + Quote(f.File)
	}
	return Replay(f.File)
}

// Replay is the command that replays a case file, to be given to a shell.
func Replay(file string) string { return "crashsim replay " + Quote(file) }

// Quote quotes an argument for a shell where it needs that.
func Quote(s string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-_./:@%+=,", r)
	}
	if s != "" && strings.IndexFunc(s, func(r rune) bool { return !plain(r) }) < 0 {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// Title is the sentence for a person.
func (f *Finding) Title() string {
	switch {
	case f.Story != nil:
		return f.Story.Sentence
	case f.Sentence != "":
		return f.Sentence
	}
	return strings.ToUpper(string(f.Case.Kind[:1])) + string(f.Case.Kind[1:]) + "."
}

// AllowedBy names the models that allow the finding, as far as is known.
func (f *Finding) AllowedBy() string {
	if len(f.Models) == 0 {
		return f.Case.Model
	}
	for _, m := range faultfs.Models() {
		if !slices.Contains(f.Models, m.Name) {
			return strings.Join(f.Models, ", ")
		}
	}
	return "every model"
}

// Changed tells whether something else happens by now than the case says.
func (f *Finding) Changed() string {
	switch {
	case f.Story == nil:
		return f.Why
	case f.Story.Failure == nil:
		return "The store comes through by now: what is shown is how it does."
	case f.Story.Report != f.Case.Report:
		return "Something else happens by now than when the case was written: what is shown is what happens now."
	}
	return ""
}

// Formats are the ones that [Write] knows.
func Formats() []string { return []string{"html", "md", "text"} }

// Write shows a document in one of the [Formats].
func Write(w io.Writer, d *Doc, format string) error {
	switch format {
	case "html":
		return writeHTML(w, d)
	case "md":
		return writeText(w, d, markdown{})
	case "text":
		return writeText(w, d, plain{})
	}
	return fmt.Errorf("unknown format %q: known are %s", format, strings.Join(Formats(), ", "))
}

// figure is a number of a run with its name.
type figure struct{ Name, Value string }

func figures(r *crashtest.Record) []figure {
	c := r.Counters
	list := []figure{
		{"rounds", thousands(c.Rounds)}, {"operations", thousands(c.Ops)}, {"crash points", thousands(c.CrashPoints)},
		{"states", thousands(c.States)}, {"unique", thousands(c.Unique)}, {"recoveries", thousands(c.Recoveries)},
		{"capped", thousands(c.Capped)}, {"seconds", fmt.Sprintf("%.1f", r.Seconds)},
	}
	if r.Seconds == 0 { // nobody has looked at the clock
		list = list[:len(list)-1]
	}
	if c.Rounds == 0 {
		list = list[1:]
	}
	return list
}

func settings(r *crashtest.Record) []figure {
	s := r.Settings
	list := []figure{
		{"models", strings.Join(s.Models, ", ")}, {"seed", fmt.Sprint(s.Seed)}, {"ops", fmt.Sprint(s.Ops)},
		{"max-states", fmt.Sprint(s.MaxStates)}, {"search", string(s.Search)}, {"depth", fmt.Sprint(s.Depth)}, {"keep-going", fmt.Sprint(s.KeepGoing)},
		{"workers", fmt.Sprint(s.Workers)},
	}
	list = slices.DeleteFunc(list, func(f figure) bool {
		return s.Ops == 0 && (f.Name == "ops" || f.Name == "depth") || f.Value == "" // a soak's rounds have their own
	})
	for _, name := range sortedKeys(s.More) {
		list = append(list, figure{name, s.More[name]})
	}
	return list
}

func environment(r *crashtest.Record) []figure {
	e := r.Environment
	list := []figure{{"command", r.Command}, {"go", e.Go}, {"system", e.OS + "/" + e.Arch}, {"CPUs", fmt.Sprint(e.CPUs)}}
	if !r.Began.IsZero() {
		list = slices.Insert(list, 1, figure{"began", r.Began.Format("2006-01-02 15:04:05 MST")})
	}
	if r.Crashsim != "" {
		list = slices.Insert(list, 0, figure{"crashsim", r.Crashsim})
	}
	return list
}

// section is one of the record's tables.
type section struct {
	ID, Title string
	*crashtest.Table
}

func sections(r *crashtest.Record) (list []section) {
	for _, s := range []section{
		{"models", "Persistence models", r.Models}, {"faults", "Faults", r.Faults}, {"audit", "Audit of the syncs", r.Audit},
	} {
		if s.Table != nil {
			list = append(list, s)
		}
	}
	return list
}

// verdict says what a run came to in one line.
func verdict(r *crashtest.Record) string {
	text := fmt.Sprintf("%s: %s", strings.ToUpper(string(r.Verdict)), plural(len(r.Findings), "finding"))
	if r.Interrupted {
		text += ", interrupted"
	}
	return text
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return thousands(n) + " " + what + "s"
}

func thousands(n int) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
