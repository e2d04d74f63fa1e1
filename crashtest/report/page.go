package report

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"path"
	"strings"

	"crashsim/crashtest"
	"crashsim/faultfs"
)

//go:embed page.html
var pageHTML string

//go:embed page.css
var pageCSS string

//go:embed page.js
var pageJS string

var page = template.Must(template.New("page").Funcs(template.FuncMap{
	"cells": classesOf, "seen": seen, "sign": signOf, "size": sizeText, "fileNote": fileNote,
}).Parse(pageHTML))

// pageData is what the template is filled from.
type pageData struct {
	*Doc
	Title, Sign, Verdict           string
	CSS                            template.CSS
	JS                             template.JS
	Figures, Settings, Environment []figure
	Sections                       []section
	Charts                         []chart
	Findings                       []*pageFinding
}

type pageFinding struct {
	*Finding
	ID, Title, Repeat, Changed   string
	SeenText, ModelsText, Report string
	Alone, HasRight              bool
	Answer, Right, DiffHead      string
	Diff                         []diffLine
	Chapters                     []*pageChapter
	Writes                       []pageWrite
	Environment                  []figure
}

type pageChapter struct {
	Title  string
	Open   bool // the legend
	Lanes  []laneHead
	Rows   []pageRow
	Hidden *hiddenRows
	Crash  *crashtest.CrashTold
}

type pageRow struct {
	row
	Tag, Full string
	Open      bool
}

type diffLine struct{ Class, Sign, Text string }

type pageWrite struct {
	Title string
	Lines []dumpLine
}

// hiddenRows are the rows of gaps, for the page's script: each as kind, cells,
// text, fate, note, and the numbers of its stack and of its folder.
type hiddenRows struct {
	N      int              `json:"n"` // lanes
	Stacks [][]string       `json:"stacks"`
	Dirs   []string         `json:"dirs"`
	Gaps   map[string][]any `json:"gaps"`

	known map[string]int // places in Stacks and Dirs
}

func writeHTML(w io.Writer, d *Doc) error {
	p := &pageData{Doc: d, CSS: template.CSS(pageCSS), JS: template.JS(pageJS), Title: "crashsim"}
	if r := d.Record; r != nil {
		p.Verdict, p.Figures, p.Settings, p.Environment = verdict(r), figures(r), settings(r), environment(r)
		p.Sections, p.Charts = sections(r), charts(r)
		p.Title = fmt.Sprintf("crashsim %s %s: %s", r.Command, r.Target, p.Verdict)
		p.Sign = map[crashtest.Verdict]string{crashtest.Passed: "✓", crashtest.Failed: "✗", crashtest.Inconclusive: "?"}[r.Verdict]
	}
	alone := d.Record == nil && len(d.Findings) == 1
	for i := range d.Findings {
		f := newPageFinding(&d.Findings[i], alone)
		f.ID = fmt.Sprintf("finding-%d", i+1)
		if d.Record != nil {
			f.Environment = p.Environment
		} else {
			f.Environment = []figure{{"shown by crashsim", d.Version}}
		}
		p.Findings = append(p.Findings, f)
	}
	if alone {
		p.Title = d.Findings[0].Title()
	}
	return page.Execute(w, p)
}

func newPageFinding(f *Finding, alone bool) *pageFinding {
	p := &pageFinding{
		Finding: f, Title: f.Title(), Repeat: f.Repeat(), Changed: f.Changed(), Alone: alone,
		ModelsText: f.AllowedBy(), Report: f.Case.Report,
	}
	if f.Seen > 0 {
		p.SeenText = times(f.Seen)
	}
	s := f.Story
	if s == nil {
		return p
	}
	p.Report = s.Report
	if s.Failure != nil {
		p.Answer, p.Right, p.DiffHead, p.HasRight = s.Failure.Detail, s.Right, s.DiffHead, true
		for _, l := range s.Diff {
			p.Diff = append(p.Diff, newDiffLine(l))
		}
	}
	for i := range s.Chapters {
		c := newPageChapter(&s.Chapters[i], i)
		p.Chapters = append(p.Chapters, c)
		if c.Crash == nil {
			continue
		}
		for k := range c.Crash.Writes {
			w := &c.Crash.Writes[k]
			p.Writes = append(p.Writes, pageWrite{writeTitle(w), dump(w)})
		}
	}
	return p
}

func newDiffLine(l string) diffLine {
	if l == "" {
		return diffLine{}
	}
	switch l[0] {
	case '+':
		return diffLine{"add", "+", l[1:]}
	case '-':
		return diffLine{"del", "-", l[1:]}
	case '@':
		return diffLine{"at", "", l}
	}
	return diffLine{"", "", l[1:]}
}

const pageRows = 80 // that are shown before the cut, of each chapter

func newPageChapter(ch *crashtest.Chapter, i int) *pageChapter {
	t := layOut(ch)
	p := &pageChapter{Title: fmt.Sprintf("%d. %s", i+1, chapterTitle(ch)), Open: i == 0, Lanes: t.Lanes, Crash: ch.Crash}
	for _, r := range essential(t.Rows, pageRows) {
		if r.Kind == "gap" {
			if p.Hidden == nil {
				p.Hidden = &hiddenRows{N: len(t.Lanes), Gaps: map[string][]any{}, known: map[string]int{}}
			}
			p.Hidden.hide(ch, t.Rows, &r)
			r.Cells = t.Rows[r.First+r.Hide-1].Cells
			r.Cells = throughOf(r.Cells)
		}
		q := pageRow{row: r, Full: r.Text}
		if r.Kind == "disk" {
			q.Text = shortText(ch.Steps[r.Step].Op)
			q.Open = r.Fate == crashtest.Gone || r.Fate == crashtest.Torn || r.Fate == crashtest.Dropped
			if r.Fate != crashtest.Durable {
				q.Tag = string(r.Fate)
			}
		}
		p.Rows = append(p.Rows, q)
	}
	return p
}

// hide keeps the rows of a gap for the script.
func (h *hiddenRows) hide(ch *crashtest.Chapter, rows []row, gap *row) {
	number := func(key string, n int) (int, bool) {
		at, ok := h.known[key]
		if !ok {
			at, h.known[key] = n, n
		}
		return at, !ok
	}
	list := make([]any, 0, gap.Hide)
	for i := gap.First; i < gap.First+gap.Hide; i++ {
		r := &rows[i]
		stack, dir, text, fresh := -1, -1, r.Text, false
		if r.Stack != nil {
			op := ch.Steps[r.Step].Op
			text = shortText(op)
			if stack, fresh = number("stack "+strings.Join(r.Stack, "\n"), len(h.Stacks)); fresh {
				h.Stacks = append(h.Stacks, r.Stack)
			}
			if dir, fresh = number("dir "+path.Dir(op.Path), len(h.Dirs)); fresh {
				h.Dirs = append(h.Dirs, path.Dir(op.Path))
			}
		}
		list = append(list, []any{r.Kind, r.Cells, text, r.Fate, r.Note, stack, dir})
	}
	h.Gaps[fmt.Sprint(gap.First)] = list
}

// shortText names files by their last part: the lane and the text below say where
// they are.
func shortText(op *faultfs.Op) string {
	short := *op
	short.Path, short.Path2 = lastPart(op.Path), lastPart(op.Path2)
	return short.String()
}

func lastPart(name string) string {
	if name == "" {
		return ""
	}
	base := path.Base(name)
	if len(base) > 48 {
		base = base[:20] + "..." + base[len(base)-8:]
	}
	return base
}

var cellClasses = map[byte]string{
	cellNone: "", cellAlive: "a", cellCover: "a v", cellFirst: "a m md v1", cellMore: "a m md v2", cellSync: "a m ms vs",
	cellIdle: "a m ms", cellFrom: "a vs vc", cellTouch: "a t", cellLost: "a m ml", cellTorn: "a m mt", cellWait: "a m mp",
	cellDropX: "a m mx", cellMoot: "a m mm",
}

func classesOf(cells string, n int) []string {
	list := make([]string, n)
	for i := range min(n, len(cells)) {
		list[i] = cellClasses[cells[i]]
	}
	return list
}

// signOf tells how good a cell's news is by more than its colour.
func signOf(s crashtest.State) string {
	return map[crashtest.State]string{crashtest.Good: "✓ ", crashtest.Bad: "✗ ", crashtest.Open: "? "}[s]
}

func times(n int) string {
	if n == 1 {
		return "once"
	}
	return thousands(n) + " times"
}
