package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// smallFailure is a run that finds something in a moment.
func smallFailure(dir string) []string {
	return []string{"run", "seedstore", "--ops", "1", "--depth", "0", "--artifacts", dir}
}

func casesIn(t *testing.T, dir string) []string {
	t.Helper()
	list, err := filepath.Glob(filepath.Join(dir, "*.case"))
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// The artifacts folder is of the last run: what a run before it has left would else be
// taken for its own. What is no run's stays.
func TestArtifactsAreOfTheLastRun(t *testing.T) {
	notInRace(t)
	inEmptyFolder(t)
	if a := crashsim(t, smallFailure("out")...); a.code != exitFailed || len(casesIn(t, "out")) == 0 {
		t.Fatalf("exit %d: %s", a.code, a.err)
	}
	writeFile(t, "out/mine.case", soundCase)
	if a := crashsim(t, "run", "store", "--ops", "1", "--depth", "0", "--artifacts", "out"); a.code != exitPassed {
		t.Fatalf("exit %d: %s", a.code, a.err)
	}
	if list := casesIn(t, "out"); len(list) != 1 || list[0] != filepath.Join("out", "mine.case") {
		t.Errorf("there are %q", list)
	}
}

// What was found is told, with its verdict, whatever can be written.
func TestFindingsAreToldThatCannotBeKept(t *testing.T) {
	notInRace(t)
	inEmptyFolder(t)
	whole := crashsim(t, smallFailure("out")...)
	if err := os.MkdirAll("full/seedstore-1-01.case/in the way", 0o777); err != nil {
		t.Fatal(err)
	}
	a := crashsim(t, smallFailure("full")...)
	if a.code != exitFailed || strings.Count(a.err, "\n") != 1 || !strings.Contains(a.err, "not all of this is kept: full/seedstore-1-01.case") {
		t.Errorf("exit %d: %s", a.code, a.err)
	}
	if n := strings.Count(whole.out, "FINDING "); n == 0 || strings.Count(a.out, "FINDING ") != n || !strings.Contains(a.out, "\nFAILED: ") {
		t.Errorf("not all is told:\n%s", a.out)
	}
	if strings.Contains(a.out, "case: full/seedstore-1-01.case") {
		t.Errorf("it names a case that is not there:\n%s", a.out)
	}
}

// As docs/ci.md has it.
func TestJUnitAmongTheArtifacts(t *testing.T) {
	notInRace(t)
	inEmptyFolder(t)
	a := crashsim(t, "run", "store", "--ops", "1", "--depth", "0", "--artifacts", "out", "--junit", "out/junit.xml")
	if _, err := os.Stat("out/junit.xml"); a.code != exitPassed || err != nil {
		t.Errorf("exit %d, %v: %s", a.code, err, a.err)
	}
	refused(t, []string{"run", "store", "--artifacts", "new", "--junit", "none/junit.xml"}, "--junit none/junit.xml", "give a file")
}

// A command that is printed can be given to a shell.
func TestReproduceIsQuoted(t *testing.T) {
	notInRace(t)
	inEmptyFolder(t)
	a := crashsim(t, smallFailure("a b")...)
	if !strings.Contains(a.out, "\nREPRODUCE: crashsim replay 'a b/seedstore-1-01.case'\n") {
		t.Errorf("not quoted: %s", a.out)
	}
}

// A case that says of one failure that it is another is not replayed as if it were.
func TestReplayHoldsTheFailureAgainstTheFile(t *testing.T) {
	notInRace(t)
	inEmptyFolder(t)
	crashsim(t, smallFailure("out")...)
	text := readFile(t, "out/seedstore-1-01.case")
	_, after, _ := strings.Cut(text, "failure: ")
	kind, _, _ := strings.Cut(after, "\n")
	other := "a second recovery changes the disk"
	if kind == other {
		t.Fatal("not what this is to show")
	}
	writeFile(t, "other.case", strings.Replace(text, "failure: "+kind, "failure: "+other, 1))
	a := crashsim(t, "replay", "other.case")
	if a.code != exitBroken || strings.Count(a.err, "\n") != 1 || !strings.Contains(a.err, kind) || strings.Contains(a.out, "REPRODUCE") {
		t.Errorf("exit %d: %s%s", a.code, a.out, a.err)
	}
}
