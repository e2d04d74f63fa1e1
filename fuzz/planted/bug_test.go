package main

import (
	"strings"
	"testing"
)

// Each bug can be planted in the store as it is now: one that has fallen behind would
// not be looked for, and not be missed.
func TestBugsFitTheSource(t *testing.T) {
	bugs, err := readBugs("testdata")
	if err != nil {
		t.Fatal(err)
	}
	if len(bugs) < 20 {
		t.Errorf("%d bugs: there should be at least 20", len(bugs))
	}
	for _, b := range bugs {
		if _, err := b.plant("../..", t.TempDir()); err != nil {
			t.Error(err)
		}
	}
}

func TestParse(t *testing.T) {
	b, err := parse("what it is\n--- a/b.go\nold\n\tlines\n+++\nnew\n--- c.go\n+++\nat the end\n--- d.go\ngoes\n+++\n")
	if err != nil || b.doc != "what it is" || len(b.edits) != 3 {
		t.Fatalf("%+v, %v", b, err)
	}
	for i, want := range []edit{{"a/b.go", "old\n\tlines", "new"}, {"c.go", "", "at the end"}, {"d.go", "goes", ""}} {
		if b.edits[i] != want {
			t.Errorf("%q, want %q", b.edits[i], want)
		}
	}
	for _, bad := range []string{"", "no edit\n", "--- \n", "doc\n--- a.go\nold\n"} {
		if _, err := parse(bad); err == nil {
			t.Errorf("%q is read", bad)
		}
	}
}

func TestPlantRefusesWhatDoesNotFit(t *testing.T) {
	for _, old := range []string{"no such text in it", "err"} {
		b := bug{name: "x", edits: []edit{{"store/log.go", old, ""}}}
		if _, err := b.plant("../..", t.TempDir()); err == nil || !strings.Contains(err.Error(), "x: the old text") {
			t.Errorf("%q: %v", old, err)
		}
	}
}
