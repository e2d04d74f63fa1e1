package main

import (
	"encoding/xml"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/spf13/cobra"

	"crashsim/crashtest"
	"crashsim/crashtest/report"
)

// publisher keeps the record of a run, and tells a build server of it.
type publisher struct{ junit string }

func (p *publisher) flag(cmd *cobra.Command) {
	cmd.Flags().StringVar(&p.junit, "junit", "", "file to write the verdict and the findings to as JUnit XML too, for build servers")
}

// check tries the file's folder before the work and not after.
func (p *publisher) check() error {
	if p.junit == "" {
		return nil
	}
	f, err := os.CreateTemp(filepath.Dir(p.junit), tempPattern)
	if err == nil {
		err = errors.Join(f.Close(), os.Remove(f.Name()))
	}
	if info, statErr := os.Stat(p.junit); err == nil && statErr == nil && info.IsDir() {
		err = errors.New("it is a folder")
	}
	if err != nil {
		return usage("--junit %s: %w: give a file in a folder that can be written to", p.junit, err)
	}
	return nil
}

// keep writes the record into its artifacts folder, where its cases are already, as
// JUnit XML where that was asked for, and on GitHub says it there: annotations, and
// a summary of the step.
func (p *publisher) keep(cmd *cobra.Command, dir string, r *crashtest.Record) error {
	if err := writeRecord(dir, r); err != nil {
		return err
	}
	if p.junit != "" {
		text, err := junit(dir, r)
		if err != nil {
			return &exitError{exitBroken, err}
		}
		if err := writeWhole(p.junit, text); err != nil {
			return err
		}
	}
	if os.Getenv("GITHUB_ACTIONS") != "true" {
		return nil
	}
	// The runner reads both streams; this one is nobody's data.
	_, _ = fmt.Fprint(cmd.ErrOrStderr(), annotations(dir, r))
	return stepSummary(dir, os.Getenv("GITHUB_STEP_SUMMARY"))
}

// What of JUnit's XML build servers read.
type (
	junitSuites struct {
		XMLName xml.Name   `xml:"testsuites"`
		Suite   junitSuite `xml:"testsuite"`
	}
	junitSuite struct {
		Name       string          `xml:"name,attr"`
		Tests      int             `xml:"tests,attr"`
		Failures   int             `xml:"failures,attr"`
		Errors     int             `xml:"errors,attr"`
		Time       string          `xml:"time,attr"`
		Timestamp  string          `xml:"timestamp,attr"`
		Properties []junitProperty `xml:"properties>property"`
		Cases      []junitCase     `xml:"testcase"`
	}
	junitProperty struct {
		Name  string `xml:"name,attr"`
		Value string `xml:"value,attr"`
	}
	junitCase struct {
		Class   string        `xml:"classname,attr"`
		Name    string        `xml:"name,attr"`
		Failure *junitProblem `xml:"failure"`
		Error   *junitProblem `xml:"error"`
		Output  string        `xml:"system-out,omitempty"`
	}
	junitProblem struct {
		Message string `xml:"message,attr"`
		Type    string `xml:"type,attr"`
		Text    string `xml:",chardata"`
	}
)

// junit has one test for each finding, which fails, and one for the search, which
// is an error where it was not whole.
func junit(dir string, r *crashtest.Record) ([]byte, error) {
	class := "crashsim." + r.Target
	s := junitSuite{
		Name: "crashsim " + r.Command + " " + r.Target, Failures: len(r.Findings), Tests: len(r.Findings) + 1,
		Time: fmt.Sprintf("%.3f", r.Seconds), Timestamp: r.Began.Format("2006-01-02T15:04:05"),
		Properties: []junitProperty{{"crashsim", r.Crashsim}, {"seed", fmt.Sprint(r.Settings.Seed)},
			{"models", strings.Join(r.Settings.Models, ",")}, {"verdict", string(r.Verdict)}},
	}
	search := junitCase{Class: class, Name: "search", Output: "not searched:\n" + strings.Join(r.NotSearched, "\n")}
	if r.Interrupted || r.Verdict == crashtest.Inconclusive {
		s.Errors = 1
		search.Error = &junitProblem{Message: incomplete(r), Type: string(crashtest.Inconclusive)}
	}
	s.Cases = append(s.Cases, search)
	for _, f := range r.Findings {
		text := f.Sentence + "\n"
		if c, err := parseCase(filepath.Join(dir, f.Case)); err == nil && f.Case != "" {
			text = c.Report
		}
		if f.Barrier != "" {
			text += "it would be gone: " + f.Barrier + "\n"
		}
		if f.Case != "" {
			text += "repeat: " + report.Replay(filepath.Join(dir, f.Case)) + "\n"
		}
		s.Cases = append(s.Cases, junitCase{Class: class, Name: fmt.Sprintf("finding %d", f.Number),
			Failure: &junitProblem{Message: f.Sentence, Type: string(f.Kind), Text: text}})
	}
	out, err := xml.MarshalIndent(junitSuites{Suite: s}, "", "  ")
	return append([]byte(xml.Header), append(out, '\n')...), err
}

func incomplete(r *crashtest.Record) string {
	switch {
	case r.Interrupted:
		return "interrupted: not everything was explored"
	case r.Counters.Capped > 0:
		return fmt.Sprintf("inconclusive: %s cuts left more disks than were tried", thousands(r.Counters.Capped))
	}
	return "inconclusive: not everything was explored"
}

// annotations are GitHub's workflow commands: an error at the source line that each
// finding is about, a warning where not everything was explored.
func annotations(dir string, r *crashtest.Record) string {
	var b strings.Builder
	for _, f := range r.Findings {
		at := ""
		if c, err := parseCase(filepath.Join(dir, f.Case)); err == nil && f.Case != "" {
			at = sourceOf(c.Report)
		}
		text := f.Sentence
		if f.Barrier != "" {
			text += "\n" + f.Barrier
		}
		if f.Case != "" {
			text += "\n" + report.Replay(filepath.Join(dir, f.Case))
		}
		fmt.Fprintf(&b, "::error %stitle=%s::%s\n", at, commandProperty("crashsim "+r.Target+": "+string(f.Kind)), commandText(text))
	}
	if r.Interrupted || r.Verdict == crashtest.Inconclusive {
		fmt.Fprintf(&b, "::warning title=crashsim %s::%s\n", commandProperty(r.Target), commandText(incomplete(r)))
	}
	return b.String()
}

var frame = regexp.MustCompile(`(?m)^ +(\S+\.go):(\d+)  \S`)

// sourceOf finds the first line of a report's that is a file from here on down: a
// frame is named by its package, and here is the top of the module or above.
func sourceOf(text string) string {
	for _, m := range frame.FindAllStringSubmatch(text, -1) {
		for name := m[1]; name != ""; {
			if info, err := os.Stat(filepath.FromSlash(name)); err == nil && !info.IsDir() {
				return fmt.Sprintf("file=%s,line=%s,", commandProperty(name), m[2])
			}
			_, name, _ = strings.Cut(name, "/")
		}
	}
	return ""
}

func commandText(s string) string {
	return strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A").Replace(s)
}

func commandProperty(s string) string {
	return strings.NewReplacer(":", "%3A", ",", "%2C").Replace(commandText(s))
}

// mostSummary is what GitHub takes of a step's summary, in bytes, with some left.
const mostSummary = 1000 << 10

// stepSummary adds the report to the step's summary: without the findings in full
// where that would be too much.
func stepSummary(dir, path string) error {
	if path == "" {
		return nil
	}
	doc, err := readDoc(dir)
	if err != nil {
		return err
	}
	var b strings.Builder
	if err := report.Write(&b, doc, "md"); err != nil {
		return &exitError{exitBroken, err}
	}
	if b.Len() > mostSummary {
		b.Reset()
		doc.Brief = true
		if err := report.Write(&b, doc, "md"); err != nil {
			return &exitError{exitBroken, err}
		}
	}
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err == nil {
		_, err = f.WriteString(b.String())
		err = errors.Join(err, f.Close())
	}
	if err != nil {
		return usage("GITHUB_STEP_SUMMARY: %w: let it name a file that can be written to", err)
	}
	return nil
}
