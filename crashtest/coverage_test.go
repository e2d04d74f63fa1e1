package crashtest_test

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"crashsim/crashtest"
)

func TestCoverage(t *testing.T) {
	sound := run(t, flaws{}, 6).Coverage
	if len(sound.Sites) == 0 || !slices.IsSorted(sound.Sites) || !slices.IsSorted(sound.Branches) {
		t.Fatalf("%+v", sound)
	}
	for _, want := range []string{"create ", "write ", "fsync ", "fsync-dir "} {
		if !slices.ContainsFunc(sound.Sites, func(s string) bool { return strings.HasPrefix(s, want) }) {
			t.Errorf("no site that asks for %q in %q", want, sound.Sites)
		}
	}
	if again := run(t, flaws{}, 6).Coverage; !reflect.DeepEqual(again, sound) {
		t.Errorf("a second run covers %+v, the first %+v", again, sound)
	}
	// Recovery has one branch more where it cuts a torn tail, which takes a crash
	// behind the write of a line.
	target := toyTarget(flaws{})
	target.Generate = func(crashtest.Chooser, int) []string { return []string{"refuse"} }
	r, err := crashtest.Run(t.Context(), target, crashtest.Defaults())
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Coverage.Branches) >= len(sound.Branches) || len(r.Coverage.Sites) >= len(sound.Sites) {
		t.Errorf("a workload that writes nothing covers as much: %+v and %+v", r.Coverage, sound)
	}
	// How much of the same is done adds nothing.
	if more := run(t, flaws{}, 40).Coverage; len(more.Branches) > 2*len(sound.Branches) {
		t.Errorf("%d branches in 40 operations, %d in 6", len(more.Branches), len(sound.Branches))
	}
}
