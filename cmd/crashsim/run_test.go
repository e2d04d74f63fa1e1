package main

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"

	"crashsim/faultfs"
)

// A sound store passes, and leaves its record behind and nothing else.
func TestRunThatPasses(t *testing.T) {
	notInRace(t)
	for _, args := range [][]string{
		{"--ops", "3"}, // without a command it is the store
		{"store", "--ops", "3"},
		{"run", "--ops", "3"},
		{"run", "store", "--ops", "3", "--artifacts", "deep/er/folder"},
	} {
		inEmptyFolder(t)
		a := crashsim(t, args...)
		if a.code != exitPassed || a.err != "" || !strings.Contains(a.out, "\nPASSED: 0 findings\n") {
			t.Errorf("%q: exit %d\n%s%s", args, a.code, a.out, a.err)
		}
		if strings.Contains(a.out, "REPRODUCE") {
			t.Errorf("%q: a pass has nothing to reproduce:\n%s", args, a.out)
		}
		for path := range listing(t) {
			if !strings.HasSuffix(path, "/") && filepath.Base(path) != recordFile {
				t.Errorf("%q: left behind: %q", args, path)
			}
		}
	}
}

// The first lines name the version, the seed and every setting that was derived.
func TestFirstLines(t *testing.T) {
	notInRace(t)
	inEmptyFolder(t)
	for _, c := range []struct{ args, settings string }{
		{"--ops 2", fmt.Sprintf("seed 1, ops 2, workers %d, max-states 32768, search auto, depth 2, model posix, artifacts crashsim-out", runtime.GOMAXPROCS(0))},
		{"run store --seed 7 --ops 1 --workers 3 --max-states 40000 --depth 1 --model posix --artifacts out",
			"seed 7, ops 1, workers 3, max-states 40000, search auto, depth 1, model posix, artifacts out"},
		{"run store --seed 18446744073709551615 --ops 1 --depth 0",
			fmt.Sprintf("seed 18446744073709551615, ops 1, workers %d, max-states 32768, search auto, depth 0, model posix, artifacts crashsim-out", runtime.GOMAXPROCS(0))},
	} {
		a := crashsim(t, strings.Fields(c.args)...)
		lines := strings.SplitN(a.out, "\n", 4)
		if len(lines) < 4 || lines[0] != "crashsim "+version() || !strings.HasPrefix(lines[1], "target store: ") || lines[2] != c.settings {
			t.Errorf("%s: exit %d\n%s%s\nwant: %s", c.args, a.code, a.out, a.err, c.settings)
		}
	}
}

// What is found is told, written, and repeated by the last line.
func TestRunThatFails(t *testing.T) {
	inEmptyFolder(t)
	a, cases := broken(t)
	if a.err != "" {
		t.Errorf("on standard error: %q", a.err)
	}
	if want := fmt.Sprintf("\nFAILED: %d findings\n", len(cases)); !strings.Contains(a.out, want) {
		t.Errorf("no %q in\n%s", want, a.out)
	}
	if got, want := lastLine(a.out), "REPRODUCE: crashsim replay "+cases[0]; got != want {
		t.Errorf("the last line is %q, want %q", got, want)
	}
	for i, path := range cases {
		if want := fmt.Sprintf("FINDING %d of %d, ", i+1, len(cases)); !strings.Contains(a.out, want) {
			t.Errorf("no %q in\n%s", want, a.out)
		}
		_, report, _ := strings.Cut(readFile(t, path), "\n\n")
		if !strings.Contains(a.out, report+"  to mend it: ") || !strings.Contains(a.out, "\n  case: "+path+"\n") {
			t.Errorf("the report of %s is not shown:\n%s", path, a.out)
		}
	}
	if names, err := os.ReadDir("found"); err != nil || len(names) != len(cases)+1 {
		t.Errorf("%v: something other than cases and the record is in the folder: %v", err, names)
	}
	for path, text := range listing(t) {
		if info, err := os.Stat(path); err != nil || !info.IsDir() && (info.Mode() != 0o644 || text == "") {
			t.Errorf("%s: %v, %v", path, info.Mode(), err)
		}
	}
}

// A cap that was reached is no pass.
func TestRunThatIsCapped(t *testing.T) {
	inEmptyFolder(t)
	a := crashsim(t, "run", "store", "--ops", "2", "--max-states", "1")
	if a.code != exitInconclusive || !strings.Contains(a.out, "INCONCLUSIVE: 0 findings\n") || strings.Contains(a.out, "PASSED") {
		t.Errorf("exit %d, want %d\n%s%s", a.code, exitInconclusive, a.out, a.err)
	}
	if strings.Contains(a.out, " 0 capped") || !strings.Contains(a.out, "\ncapped: ") {
		t.Errorf("what was capped is not said:\n%s", a.out)
	}
}

var seconds = regexp.MustCompile(`[0-9.]+ s\n`)

// Two processes print and write the same but for the time that they took,
// whatever the number of workers.
func TestTwoProcessesPrintTheSame(t *testing.T) {
	notInRace(t)
	run := func(workers string) (string, map[string]string) {
		t.Helper()
		inEmptyFolder(t)
		a := crashsimProcess(t, "run", "seedstore", "--seed", "5", "--ops", "8", "--workers", workers)
		if a.code != exitFailed || a.err != "" {
			t.Fatalf("exit %d: %s", a.code, a.err)
		}
		text := strings.Replace(a.out, "workers "+workers+",", "workers N,", 1)
		files := listing(t)
		delete(files, filepath.Join("crashsim-out", recordFile)) // which holds times
		return seconds.ReplaceAllString(text, "TIME\n"), files
	}
	text, cases := run("2")
	if !strings.Contains(text, "TIME\n") || len(cases) < 3 {
		t.Fatalf("%d files, and: %s", len(cases), text)
	}
	for _, workers := range []string{"2", "1", "5"} {
		again, sameCases := run(workers)
		if again != text || !maps.Equal(cases, sameCases) {
			t.Errorf("with %s workers another line: %s", workers, firstDifference(again, text))
		}
	}
}

// firstDifference gives the first line that is not the same in two texts.
func firstDifference(a, b string) string {
	other := strings.Split(b, "\n")
	for i, line := range strings.Split(a, "\n") {
		if i >= len(other) || line != other[i] {
			return fmt.Sprintf("%d: %q", i+1, line)
		}
	}
	return "none"
}

func TestList(t *testing.T) {
	a := crashsim(t, "list")
	if a.code != exitPassed || a.err != "" {
		t.Fatalf("exit %d: %s", a.code, a.err)
	}
	var names []string
	for line := range strings.Lines(a.out) {
		names = append(names, strings.Fields(line)[0])
	}
	want := []string{"targets:", "store", "seedstore", "single", "models:"}
	for _, m := range faultfs.Models() {
		want = append(want, m.Name, "source:")
	}
	if !slices.Equal(names, want) {
		t.Errorf("lines begin with %q, want %q:\n%s", names, want, a.out)
	}
}

// Scripts go by these numbers.
func TestExitCodes(t *testing.T) {
	got := []int{exitPassed, exitFailed, exitUsage, exitBroken, exitInconclusive, exitInterrupted}
	if want := []int{0, 1, 2, 3, 4, 130}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

func TestHelpNamesExitCodes(t *testing.T) {
	a := crashsim(t, "--help")
	for _, what := range []string{"run", "replay", "shrink", "list", "0 passed", "1 a bug", "2 wrong usage", "3 the harness", "4 inconclusive", "130 interrupted"} {
		if !strings.Contains(strings.ReplaceAll(a.out, "\n", " "), what) {
			t.Errorf("no %q in\n%s", what, a.out)
		}
	}
	if a := crashsim(t, "--version"); a.code != exitPassed || !strings.Contains(a.out, runtime.Version()) {
		t.Errorf("exit %d: %s%s", a.code, a.out, a.err)
	}
}
