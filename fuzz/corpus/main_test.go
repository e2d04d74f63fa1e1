package main

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var fuzzFunc = regexp.MustCompile(`(?m)^func (Fuzz\w+)\(`)

// targets are the fuzz targets that there are.
func targets(t *testing.T) (names []string) {
	t.Helper()
	files, err := filepath.Glob("../*_test.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range fuzzFunc.FindAllSubmatch(text, -1) {
			names = append(names, string(m[1]))
		}
	}
	if len(names) < 5 {
		t.Fatalf("only %q", names)
	}
	return names
}

func list(t *testing.T, dir string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// Nothing in testdata is passed over in silence: go test reads the entries of a
// target that there is, and refuses those of another form by name; what is of no
// target it would not look at.
func TestNothingInTestdataIsPassedOver(t *testing.T) {
	known := targets(t)
	for _, name := range list(t, "../testdata") {
		if name != "fuzz" && name != "cases" { // cases are read by TestCases
			t.Errorf("testdata/%s: nothing reads it; keep a failure as a case, and remove this", name)
		}
	}
	for _, name := range list(t, "../testdata/fuzz") {
		if !slices.Contains(known, name) {
			t.Errorf("testdata/fuzz/%s: no fuzz target has this name; rename or remove its entries", name)
		}
	}
	for _, name := range known {
		if len(list(t, "../testdata/fuzz/"+name)) == 0 {
			t.Errorf("%s has no seeds: add some in fuzz/corpus", name)
		}
	}
}

// The committed seeds are those that the command makes now: one of an older format
// would still be read, and choose other things than it was made for.
func TestSeedsAreUpToDate(t *testing.T) {
	for target, seeds := range corpora() {
		var there []string
		for _, name := range list(t, "../testdata/fuzz/"+target) {
			if strings.HasPrefix(name, prefix) {
				text, err := os.ReadFile(filepath.Join("../testdata/fuzz", target, name))
				if err != nil {
					t.Fatal(err)
				}
				there = append(there, string(text))
			}
		}
		if !slices.Equal(there, seeds) {
			t.Errorf("%s: the seeds are not those of now; make them anew: go run ./fuzz/corpus", target)
		}
	}
}
