package main

import (
	"encoding/xml"
	"fmt"
	"os"
	"strings"
	"testing"

	"crashsim/crashtest"
)

func readJUnit(t *testing.T, path string) junitSuite {
	t.Helper()
	var s junitSuites
	if err := xml.Unmarshal([]byte(readFile(t, path)), &s); err != nil {
		t.Fatal(err)
	}
	return s.Suite
}

func TestJUnitOfAFailure(t *testing.T) {
	notInRace(t)
	inEmptyFolder(t)
	a := crashsim(t, "run", "seedstore", "--ops", "4", "--artifacts", "found", "--junit", "junit.xml")
	if a.code != exitFailed || a.err != "" {
		t.Fatalf("exit %d: %s", a.code, a.err)
	}
	r, err := readRecord("found")
	if err != nil {
		t.Fatal(err)
	}
	s := readJUnit(t, "junit.xml")
	if s.Failures != len(r.Findings) || s.Tests != len(r.Findings)+1 || len(s.Cases) != s.Tests || s.Errors != 0 || s.Name != "crashsim run seedstore" {
		t.Errorf("%d findings, and %+v", len(r.Findings), s)
	}
	for i, f := range r.Findings {
		c := s.Cases[i+1]
		if c.Failure == nil || c.Failure.Message != f.Sentence || c.Failure.Type != string(f.Kind) || c.Name != fmt.Sprintf("finding %d", i+1) ||
			!strings.Contains(c.Failure.Text, "repeat: crashsim replay found/"+f.Case) {
			t.Errorf("finding %d is %+v", i+1, c)
		}
	}
}

func TestJUnitOfAPassAndACap(t *testing.T) {
	notInRace(t)
	inEmptyFolder(t)
	for _, c := range []struct {
		args   string
		errors int
	}{{"run --ops 2 --junit pass.xml", 0}, {"run --ops 2 --max-states 1 --junit pass.xml", 1}} {
		crashsim(t, strings.Fields(c.args)...)
		s := readJUnit(t, "pass.xml")
		if s.Tests != 1 || s.Failures != 0 || s.Errors != c.errors || (s.Cases[0].Error != nil) != (c.errors > 0) || !strings.Contains(s.Cases[0].Output, "Other workloads") {
			t.Errorf("%s: %+v", c.args, s)
		}
	}
	refused(t, []string{"run", "--junit", "missing/junit.xml"}, "--junit missing/junit.xml", "give a file in a folder")
	refused(t, []string{"run", "--junit", "crashsim-out"}, "--junit crashsim-out", "it is a folder")
}

func TestAnnotationsOnGitHub(t *testing.T) {
	notInRace(t)
	top, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	summary := t.TempDir() + "/summary.md"
	t.Setenv("GITHUB_ACTIONS", "true")
	t.Setenv("GITHUB_STEP_SUMMARY", summary)
	out := t.TempDir()
	t.Chdir(top + "/../..") // the top of the module, as there
	writeFile(t, summary, "before\n")
	a := crashsim(t, "run", "seedstore", "--ops", "4", "--json", "--artifacts", out)
	r, err := readRecord(out)
	if err != nil || a.code != exitFailed {
		t.Fatalf("exit %d, %v", a.code, err)
	}
	lines := strings.Split(strings.TrimSuffix(a.err, "\n"), "\n")
	if len(lines) != len(r.Findings) {
		t.Fatalf("%d findings, and\n%s", len(r.Findings), a.err)
	}
	placed := 0
	for i, l := range lines {
		if !strings.HasPrefix(l, "::error ") || !strings.Contains(l, "::"+commandText(r.Findings[i].Sentence)+"%0A") {
			t.Errorf("not an annotation: %s", l)
		}
		if strings.Contains(l, "file=examples/seedstore/") && strings.Contains(l, ".go,line=") {
			placed++
		}
	}
	if placed < len(lines)/2 {
		t.Errorf("%d of %d annotations have a place:\n%s", placed, len(lines), a.err)
	}
	if text := readFile(t, summary); !strings.HasPrefix(text, "before\n# crashsim run seedstore: FAILED") || !strings.Contains(text, "## Finding 1:") {
		t.Errorf("the summary of the step is\n%.300s", text)
	}
	a = crashsim(t, "run", "--ops", "2", "--max-states", "1", "--artifacts", out)
	if !strings.HasPrefix(a.err, "::warning title=crashsim store::inconclusive: ") {
		t.Errorf("of a cap it says %q", a.err)
	}
}

// GitHub reads commands line by line, and properties up to a comma or colon.
func TestAnnotationsAreEscaped(t *testing.T) {
	r := &crashtest.Record{Target: "a,b:c", Findings: []crashtest.FindingNote{{Kind: "x", Sentence: "100% of\n::set-output name=x::y"}}}
	if got, want := annotations(t.TempDir(), r), "::error title=crashsim a%2Cb%3Ac%3A x::100%25 of%0A::set-output name=x::y\n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
