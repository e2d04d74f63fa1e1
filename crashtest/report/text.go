package report

import (
	"bufio"
	"fmt"
	"io"
	"strings"

	"crashsim/crashtest"
)

// writer puts a document into words. The order of things is that of the page.
type writer struct {
	*bufio.Writer
	markup
}

func writeText(w io.Writer, d *Doc, m markup) error {
	b := &writer{bufio.NewWriter(w), m}
	if d.Record != nil {
		b.run(d)
	}
	for i := range d.Findings {
		if !d.Brief {
			b.finding(d, &d.Findings[i])
		}
	}
	return b.Flush()
}

func (w *writer) put(s string) { _, _ = w.WriteString(s) } // Flush tells of errors

func (w *writer) run(d *Doc) {
	r := d.Record
	w.put(w.heading(1, fmt.Sprintf("crashsim %s %s: %s", r.Command, r.Target, verdict(r))))
	if r.TargetDoc != "" {
		w.put(w.para(r.Target + ": " + r.TargetDoc))
	}
	w.figures(figures(r))
	w.put(w.heading(2, "Not searched"))
	for _, s := range r.NotSearched {
		w.put(w.item(s))
	}
	w.put("\n")
	if len(d.Findings) > 0 {
		w.put(w.heading(2, "Findings by cause"))
		var rows [][]string
		for i := range d.Findings {
			f := &d.Findings[i]
			rows = append(rows, []string{number(f), f.Title(), thousands(f.Seen), f.AllowedBy(), f.File})
		}
		w.put(w.table([]string{"", "what", "seen", "models", "case"}, rows))
	}
	for _, s := range sections(r) {
		w.put(w.heading(2, s.Title))
		w.records(s.Table)
	}
	if len(r.Probes) > 0 {
		w.put(w.heading(2, "Coverage of probes"))
		var rows [][]string
		for _, p := range r.Probes {
			rows = append(rows, []string{p.Name, seen(p.Seen)})
		}
		w.put(w.table([]string{"probe", "seen"}, rows))
	}
	if n := len(r.Throughput); n > 1 {
		w.put(w.heading(2, "Throughput"))
		for _, c := range charts(r) {
			w.put(w.item(c.Alt))
		}
		w.put("\n")
	}
	w.put(w.heading(2, "Settings and environment"))
	w.figures(append(settings(r), environment(r)...))
}

func (w *writer) figures(list []figure) {
	var parts []string
	for _, f := range list {
		parts = append(parts, f.Name+" "+f.Value)
	}
	w.put(w.para(strings.Join(parts, ", ")))
}

func (w *writer) records(t *crashtest.Table) {
	if t.Note != "" {
		w.put(w.para(t.Note))
	}
	var rows [][]string
	for _, r := range t.Rows {
		var row []string
		for _, c := range r {
			row = append(row, c.Text)
		}
		rows = append(rows, row)
	}
	w.put(w.table(t.Columns, rows))
}

func seen(n int) string {
	if n == 0 {
		return "never"
	}
	return thousands(n)
}

func number(f *Finding) string {
	if f.Number == 0 {
		return ""
	}
	return fmt.Sprint(f.Number)
}

func (w *writer) finding(d *Doc, f *Finding) {
	title := f.Title()
	if f.Number > 0 {
		title = fmt.Sprintf("Finding %d: %s", f.Number, title)
	}
	w.put(w.heading(2, title))
	w.put(w.block("sh", []string{f.Repeat()}))
	if c := f.Changed(); c != "" {
		w.put(w.para(c))
	}
	if f.Story == nil {
		w.put(w.heading(3, "Report, as it was printed"))
		w.put(w.block("text", splitLines(f.Case.Report)))
		return
	}
	s := f.Story
	for i := range s.Chapters {
		w.chapter(&s.Chapters[i], i)
	}
	if s.Failure != nil {
		w.failure(s)
	}
	w.put(w.heading(3, "The smallest trace, with source lines"))
	w.put(w.block("text", splitLines(s.Report)))
	if f.Barrier != "" {
		w.put(w.heading(3, "The smallest change that removes it"))
		w.put(w.para(f.Barrier))
	}
	w.bytes(s)
	w.put(w.para(fmt.Sprintf("Allowed by: %s. Seed %d, depth %d. crashsim %s", f.AllowedBy(), f.Case.Seed, f.Case.Depth, d.Version)))
}

func (w *writer) failure(s *crashtest.Story) {
	w.put(w.heading(3, "Right, and what came"))
	if s.Failure.Detail != "" {
		w.put(w.para("The store answers:"))
		w.put(w.block("text", splitLines(s.Failure.Detail)))
	}
	if s.Right != "" && len(s.Diff) == 0 {
		w.put(w.para("Right would be " + s.Right + "."))
	}
	if len(s.Diff) > 0 {
		w.put(w.para(s.DiffHead + ":"))
		w.put(w.block("diff", s.Diff))
	}
}

const textRows = 60 // before the cut, of each chapter

func (w *writer) chapter(ch *crashtest.Chapter, i int) {
	t := layOut(ch)
	w.put(w.heading(3, fmt.Sprintf("%d. %s", i+1, chapterTitle(ch))))
	if len(t.Rows) == 0 {
		w.put(w.para("It changes nothing on the disk."))
		return
	}
	w.put(w.fold("Timeline: D durable, P pending, L lost, T torn, S sync"))
	var lines []string
	for _, r := range essential(t.Rows, textRows) {
		lines = append(lines, rowText(&r))
		if r.Fate == crashtest.Gone || r.Fate == crashtest.Torn || r.Fate == crashtest.Dropped {
			for _, p := range r.Parts {
				lines = append(lines, "        "+p)
			}
			for _, c := range r.Stack {
				lines = append(lines, "        "+c)
			}
		}
	}
	w.put(w.block("text", lines))
	w.put(w.unfold())
	if ch.Crash != nil {
		w.crash(ch.Crash)
	}
}

func rowText(r *row) string {
	switch r.Kind {
	case "gap":
		return "      ... " + r.Text
	case "cut":
		return "=====   " + r.Text
	case "disk":
	default:
		return "  " + r.Text
	}
	tag := "."
	switch {
	case r.Fate != "":
		tag = string(letterOf(r.Fate))
	case r.Note != "":
		tag = "S"
	}
	line := fmt.Sprintf("    %s  %s", tag, r.Text)
	if r.Note != "" {
		line += "  (" + r.Note + ")"
	}
	if r.Src != "" {
		line += "  " + r.Src
	}
	return line
}

func (w *writer) crash(c *crashtest.CrashTold) {
	if len(c.Files) > 0 {
		w.put(w.heading(3, "What the crash left"))
		var rows [][]string
		for _, f := range c.Files {
			rows = append(rows, []string{f.Path, sizeText(f.Was, f.Folder), sizeText(f.Now, f.Folder), fileNote(f)})
		}
		w.put(w.table([]string{"file", "it was", "it is", ""}, rows))
		w.put(w.para(thousands(c.Same) + " more are as they were."))
	}
}

// bytes shows the writes of which bytes are lost.
func (w *writer) bytes(s *crashtest.Story) {
	first := true
	for _, ch := range s.Chapters {
		if ch.Crash == nil {
			continue
		}
		for i := range ch.Crash.Writes {
			if first {
				w.put(w.heading(3, "The bytes that were lost"))
				first = false
			}
			w.put(w.block("text", dumpText(&ch.Crash.Writes[i])))
		}
	}
}

func dumpText(wr *crashtest.WriteLeft) []string {
	lines := []string{writeTitle(wr)}
	for _, l := range dump(wr) {
		if l.Skip != "" {
			lines = append(lines, "          ... "+l.Skip)
			continue
		}
		lines = append(lines, l.Off+" asked "+bytesText(l.Asked), "         left  "+bytesText(l.Left))
	}
	return lines
}

func splitLines(s string) []string { return strings.Split(strings.TrimRight(s, "\n"), "\n") }

// chapterTitle says what a life is and how much there is of it.
func chapterTitle(ch *crashtest.Chapter) string {
	switch ch.Life {
	case crashtest.InRecovery:
		return "The store is opened on what is left"
	case crashtest.InProbes:
		return "The recovered store is put to use, " + plural(len(ch.Ops), "operation")
	}
	return "The workload, " + plural(len(ch.Ops), "operation")
}

func sizeText(n int64, folder bool) string {
	switch {
	case n == crashtest.Absent:
		return "not there"
	case folder:
		return "a folder"
	}
	return plural(int(n), "byte")
}

func fileNote(f crashtest.FileLeft) string {
	switch {
	case f.Now == crashtest.Absent:
		return "gone"
	case f.Was == crashtest.Absent:
		return "is there"
	case f.Was == f.Now:
		return "other bytes"
	case f.Now < f.Was:
		return "shorter"
	}
	return "longer"
}

func writeTitle(w *crashtest.WriteLeft) string {
	n := int64(0)
	for _, s := range w.Lost {
		n += s.End - s.Off
	}
	where := w.Path
	if where == "" {
		where = "a file that no name leads to"
	}
	return fmt.Sprintf("%s of %s lost at %d in %s", thousands(int(n)), plural(len(w.Asked), "byte"), w.Lost[0].Off, where)
}
