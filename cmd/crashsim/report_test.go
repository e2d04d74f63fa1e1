package main

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

func TestReportOfARun(t *testing.T) {
	notInRace(t)
	inEmptyFolder(t)
	_, cases := broken(t)
	for _, args := range [][]string{{"found"}, {"found/run.json"}} {
		for _, format := range []string{"html", "md", "text"} {
			a := crashsim(t, append([]string{"report", "--format", format}, args...)...)
			if a.code != exitPassed || a.err != "" {
				t.Fatalf("exit %d: %s", a.code, a.err)
			}
			for _, what := range append(cases, fmt.Sprintf("FAILED: %d findings", len(cases)), "Not searched") {
				if !strings.Contains(a.out, what) {
					t.Errorf("%s of %s: no %q", format, args, what)
				}
			}
			if strings.Contains(a.out, "carried out") {
				t.Errorf("%s of %s: a finding is not carried out", format, args)
			}
		}
	}
}

func TestReportOfACase(t *testing.T) {
	notInRace(t)
	inEmptyFolder(t)
	_, cases := broken(t)
	for output, begin := range map[string]string{"out.html": "<!DOCTYPE html>", "OUT.HTM": "<!DOCTYPE html>", "out.md": "## ", "out.txt": "", "out": ""} {
		a := crashsim(t, "report", cases[0], "-o", output)
		if text := readFile(t, output); a.code != exitPassed || a.out+a.err != "" || !strings.HasPrefix(text, begin) || !strings.Contains(text, "crashsim replay "+cases[0]) {
			t.Errorf("%s: exit %d: %s%s", output, a.code, a.out, a.err)
		}
	}
	r, err := readRecord("found")
	if err != nil {
		t.Fatal(err)
	}
	a := crashsim(t, "report", cases[0])
	if b := r.Findings[0].Barrier; b == "" || !strings.Contains(a.out, b) {
		t.Errorf("the change that removes it (%q) is in the record and not in\n%s", b, a.out)
	}
	if a.out != readFile(t, "out.txt") {
		t.Errorf("on standard output another text than in a file:\n%s", a.out)
	}
}

// What cannot be carried out is shown as it was printed, and it says why.
func TestReportOfWhatIsNotKnownHere(t *testing.T) {
	notInRace(t)
	inEmptyFolder(t)
	writeFile(t, "mine.case", strings.Replace(soundCase, "seedstore", "ledger", 1))
	a := crashsim(t, "report", "mine.case")
	for _, what := range []string{"the report\n", `unknown target "ledger"`, "crashtest.Regress replays mine.case"} {
		if !strings.Contains(a.out, what) {
			t.Errorf("exit %d: no %q in\n%s%s", a.code, what, a.out, a.err)
		}
	}
	_, cases := broken(t)
	if err := os.Remove(cases[1]); err != nil {
		t.Fatal(err)
	}
	a = crashsim(t, "report", "found")
	if a.code != exitPassed || !strings.Contains(a.out, "Its case cannot be read: open "+cases[1]) {
		t.Errorf("exit %d: %s\n%s", a.code, a.err, a.out)
	}
}

func TestReportRefuses(t *testing.T) {
	inEmptyFolder(t)
	writeFile(t, "sound.case", soundCase)
	writeFile(t, "bad.case", "no case\n")
	writeFile(t, "run.json", "{}")
	if err := os.Mkdir("empty", 0o777); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ args, says string }{
		{"sound.case --format pdf", "--format pdf: give one of html, md, text"},
		{"missing", "give the artifacts folder of a run"},
		{"missing.case", "no such file"},
		{"empty", "empty/run.json: no such file or directory: give the artifacts folder of a run"},
		{"bad.case", "bad.case: line 1: not a case file"},
		{"run.json", "run.json: not the record of a run"},
		{"sound.case -o empty", "empty: "},
		{"sound.case -o missing/out.html", "missing/out.html: "},
		{"", "see: crashsim help"},
	} {
		refused(t, append([]string{"report"}, strings.Fields(c.args)...), c.says)
	}
}

// A case file that went through an editor of Windows is the same case.
func TestCaseWithWindowsLineEnds(t *testing.T) {
	notInRace(t)
	inEmptyFolder(t)
	_, cases := broken(t)
	before := crashsim(t, "replay", cases[0])
	writeFile(t, cases[0], strings.ReplaceAll(readFile(t, cases[0]), "\n", "\r\n"))
	if after := crashsim(t, "replay", cases[0]); after != before || after.code != exitFailed {
		t.Errorf("exit %d: %s%s", after.code, after.out, after.err)
	}
	if a := crashsim(t, "report", cases[0]); a.code != exitPassed || strings.Contains(a.out, "\r") || strings.Contains(a.out, "Something else") {
		t.Errorf("exit %d: %s%s", a.code, a.out, a.err)
	}
}
