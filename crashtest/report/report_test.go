package report_test

import (
	"fmt"
	"html"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"crashsim/crashtest"
	"crashsim/crashtest/report"
	"crashsim/examples/workerruntime"
)

func seedstore(t *testing.T) *crashtest.Target {
	t.Helper()
	for _, target := range workerruntime.Targets() {
		if target.Name == "seedstore" {
			return &target
		}
	}
	t.Fatal("no seedstore")
	return nil
}

// document is of a short run that fails, with every section that a record may have.
func document(t *testing.T) *report.Doc {
	t.Helper()
	target := seedstore(t)
	cfg := crashtest.Defaults()
	cfg.Ops = 4
	r, err := crashtest.Run(t.Context(), target, cfg)
	if err != nil || len(r.Findings) < 3 {
		t.Fatalf("%v: %+v", err, r)
	}
	d := &report.Doc{Record: crashtest.NewRecord(target, cfg, r), Version: "test"}
	rec := d.Record
	rec.Began = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	rec.Crashsim, rec.Seconds = "test", 12.5
	rec.Models = &crashtest.Table{Note: "models note", Columns: []string{"model", "verdict"},
		Rows: [][]crashtest.Cell{{{Text: "posix"}, {Text: "failed <here>", State: crashtest.Bad}}, {{Text: "strict|er"}, {Text: "ok", State: crashtest.Good}}}}
	rec.Probes = []crashtest.Probe{{Name: "torn tail seen", Seen: 12345}, {Name: "set aside", Seen: 0}}
	rec.Throughput = []crashtest.Sample{{Seconds: 0}, {Seconds: 5, Unique: 700}, {Seconds: 10, Unique: 1000}}
	for i, f := range r.Findings {
		s, err := f.Tell(target)
		if err != nil {
			t.Fatal(err)
		}
		rec.Findings[i].Case = fmt.Sprintf("%02d.case", i+1)
		rec.Findings[i].Barrier = fmt.Sprintf("barrier %d", i+1)
		d.Findings = append(d.Findings, report.Finding{FindingNote: rec.Findings[i], File: "out dir/" + rec.Findings[i].Case, Case: f.Case, Story: s})
	}
	return d
}

func write(t *testing.T, d *report.Doc, format string) string {
	t.Helper()
	var b strings.Builder
	if err := report.Write(&b, d, format); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

var tags = regexp.MustCompile(`(?s)<(style|script)[^>]*>.*?</(style|script)>|<[^>]*>`)

// All three formats say the same: every finding, with everything about it, and
// every section of the record.
func TestFormatsSayTheSame(t *testing.T) {
	d := document(t)
	plain := func(text string) string { // without what Markdown puts before signs
		return strings.Join(strings.Fields(strings.ReplaceAll(text, `\`, "")), " ")
	}
	for _, format := range report.Formats() {
		text := write(t, d, format)
		if format == "html" {
			text = tags.ReplaceAllString(text, "")
		}
		if format != "text" {
			text = html.UnescapeString(text)
		}
		text = plain(text)
		has := func(what string) {
			t.Helper()
			if what = plain(what); !strings.Contains(text, what) {
				t.Errorf("%s: no %q", format, what)
			}
		}
		has(fmt.Sprintf("FAILED: %d findings", len(d.Findings)))
		for _, what := range []string{"models note", "failed <here>", "strict|er", "torn tail seen", "12,345", "never", "2026-01-02 03:04:05 UTC", "unique states"} {
			has(what)
		}
		for _, what := range d.Record.NotSearched {
			has(what)
		}
		for _, f := range d.Findings {
			has(f.Story.Sentence)
			has(f.Repeat())
			has(f.Barrier)
			if format != "md" { // where the report stands in a list of lines with marks of its own
				has(f.Case.Report)
			}
			for _, l := range f.Story.Diff[:min(len(f.Story.Diff), 3)] {
				has(l[1:])
			}
		}
	}
}

func TestRepeatQuotesTheFile(t *testing.T) {
	for file, want := range map[string]string{
		"a/b-1.case": "crashsim replay a/b-1.case", "two words": "crashsim replay 'two words'",
		"it's": `crashsim replay 'it'\''s'`, "": "crashsim replay ''", "$(x)": "crashsim replay '$(x)'",
	} {
		f := report.Finding{File: file}
		if got := f.Repeat(); got != want {
			t.Errorf("%q: %s, want %s", file, got, want)
		}
	}
}

// Of a store that the command does not know, what repeats a finding is its tests.
func TestRepeatByATest(t *testing.T) {
	f := report.Finding{File: "testdata/cases/mine.case", Command: "go test -run TestCases"}
	if got := f.Repeat(); got != f.Command {
		t.Error(got)
	}
}

// What a store or a file says cannot become markup.
func TestNothingIsMarkup(t *testing.T) {
	const evil = "<script>alert(1)</script> </details> [x](y) `z` | *b* @someone\n# title"
	c := &crashtest.Case{Target: "store", Model: "posix", Kind: crashtest.Lost, Report: evil + "\n"}
	d := &report.Doc{Findings: []report.Finding{{File: evil, Case: c, Why: evil, FindingNote: crashtest.FindingNote{Sentence: evil, Barrier: evil}}}}
	page := write(t, d, "html")
	if strings.Count(page, "<script>") != 1 || strings.Contains(page, "</details> [x]") {
		t.Error("the page has markup that the case brought")
	}
	md := write(t, d, "md")
	head, _, _ := strings.Cut(md, "```")
	for line := range strings.Lines(head) {
		if strings.Contains(line, "<script") || strings.Contains(line, "](") && !strings.Contains(line, `\[x]`) || strings.Contains(line, "@s") || strings.HasPrefix(line, "# ") {
			t.Errorf("Markdown that the case brought: %s", line)
		}
	}
}

func TestUnknownFormat(t *testing.T) {
	if err := report.Write(&strings.Builder{}, &report.Doc{}, "pdf"); err == nil || !strings.Contains(err.Error(), "html, md, text") {
		t.Error(err)
	}
}

// Ten thousand operations make a page of a few megabytes, with few rows in it
// until more are asked for.
func TestTenThousandOperations(t *testing.T) {
	if testing.Short() {
		t.Skip("long")
	}
	target := seedstore(t)
	c := &crashtest.Case{Target: "seedstore", Model: "posix", Kind: crashtest.Lost,
		Scenario: crashtest.Scenario{Last: crashtest.InRecovery, Crashes: []crashtest.Crash{{In: crashtest.InWorkload, At: crashtest.AtEnd}}}}
	for i := range 10_000 {
		op := "runtime r1 running"
		if i%2 == 1 {
			op = "runtime r1 stopped"
		}
		c.Scenario.Ops = append(c.Scenario.Ops, op)
	}
	s, err := c.Tell(target)
	if err != nil {
		t.Fatal(err)
	}
	if n := len(s.Chapters[0].Steps); n < 30_000 {
		t.Fatalf("%d steps: the operations do nothing", n)
	}
	d := &report.Doc{Findings: []report.Finding{{File: "x", Case: c, Story: s}}}
	page := write(t, d, "html")
	if rows, size := strings.Count(page, "<li class="), len(page); rows > 300 || size > 10<<20 {
		t.Errorf("%d rows in a page of %d bytes", rows, size)
	}
	if lines := strings.Count(write(t, d, "text"), "\n"); lines > 11_000 {
		t.Errorf("%d lines of text", lines)
	}
	if path := os.Getenv("CRASHSIM_LONG_PAGE"); path != "" { // to look at
		if err := os.WriteFile(path, []byte(page), 0o666); err != nil {
			t.Fatal(err)
		}
	}
}
