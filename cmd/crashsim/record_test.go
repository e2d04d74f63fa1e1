package main

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"crashsim/crashtest"
)

// The record of a run says what the run printed.
func TestRecordOfAFailure(t *testing.T) {
	notInRace(t)
	inEmptyFolder(t)
	a, cases := broken(t)
	r, err := readRecord("found")
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Findings) != len(cases) || r.Verdict != crashtest.Failed || r.Target != "seedstore" || r.Command != "run" || r.Crashsim != version() {
		t.Errorf("the record is not of this run: %+v", r)
	}
	c := r.Counters
	figures := fmt.Sprintf("%d operations, %s crash points, %s states, %s unique, %s recoveries, %d capped, %.1f s",
		c.Ops, thousands(c.CrashPoints), thousands(c.States), thousands(c.Unique), thousands(c.Recoveries), c.Capped, r.Seconds)
	if !strings.Contains(a.out, figures) {
		t.Errorf("no %q in\n%s", figures, a.out)
	}
	for i, f := range r.Findings {
		if f.Number != i+1 || "found/"+f.Case != cases[i] || f.Seen < 1 || !strings.HasSuffix(f.Sentence, ".") || f.Models[0] != "posix" {
			t.Errorf("finding %d is %+v", i+1, f)
		}
		if want := fmt.Sprintf("FINDING %d of %d, seen %s: %s\n", i+1, len(cases), times(f.Seen), f.Kind); !strings.Contains(a.out, want) {
			t.Errorf("no %q in what was printed", want)
		}
	}
	if len(r.NotSearched) == 0 {
		t.Error("nothing is said of what was not searched")
	}
}

func TestRecordThatCannotBeRead(t *testing.T) {
	inEmptyFolder(t)
	crashsim(t, "run", "--ops", "1", "--artifacts", ".")
	sound := readFile(t, recordFile)
	for name, text := range map[string]string{
		"empty": "", "cut off": sound[:len(sound)/2], "of something else": `{"format":"other"}`, "a list": "[]",
		"later":     strings.Replace(sound, `"version": 1`, `"version": 2`, 1),
		"two":       sound + sound,
		"bad table": strings.Replace(sound, `"environment"`, `"models": {"columns": ["a"], "rows": [[]]}, "environment"`, 1),
	} {
		writeFile(t, recordFile, text)
		if r, err := readRecord("."); err == nil || !strings.Contains(err.Error(), "; give a run.json") {
			t.Errorf("%s: %v, %v", name, r, err)
		}
	}
	writeFile(t, recordFile, strings.Replace(sound, `"target"`, `"added_later": 1, "target"`, 1))
	if _, err := readRecord(recordFile); err != nil {
		t.Errorf("a field of a later version is in the way: %v", err)
	}
	if err := os.Remove(recordFile); err != nil {
		t.Fatal(err)
	}
	if _, err := readRecord("."); err == nil || !strings.Contains(err.Error(), "give the artifacts folder of a run") {
		t.Error(err)
	}
}

// A long run keeps as many samples as a short one, evenly.
func TestSamples(t *testing.T) {
	var s samples
	for i := range 100_000 {
		s.add(crashtest.Sample{Seconds: float64(i) / 10, Unique: i})
	}
	if n := len(s.list); n < mostSamples/2 || n >= mostSamples {
		t.Errorf("%d samples", n)
	}
	gap := s.list[1].Seconds - s.list[0].Seconds
	for i, x := range s.list[1:] {
		if d := x.Seconds - s.list[i].Seconds; d < gap-0.2 || d > gap+0.2 {
			t.Errorf("sample %d comes %.1f s after the one before, and others %.1f s", i+1, d, gap)
		}
	}
}
