package faultfs_test

import (
	"bytes"
	"io/fs"
	"testing"
	"testing/fstest"

	. "crashsim/faultfs"
)

func TestViewIsAnFS(t *testing.T) {
	sim := NewSim()
	if err := fstest.TestFS(sim.View()); err != nil {
		t.Error("an empty disk:", err)
	}
	large := bytes.Repeat([]byte("0123456789"), 100_000)
	do(t, sim, "mkdir empty; mkdir d; mkdir d/e; mkdir d/e/f; create zero; append d/one A; append d/e/f/two BC")
	f := open(t, sim, "large", create)
	if _, err := f.Write(large); err != nil {
		t.Fatal(err)
	}
	if err := fstest.TestFS(sim.View(), "zero", "empty", "large", "d/one", "d/e/f/two"); err != nil {
		t.Error(err)
	}
	if got, err := fs.ReadFile(sim.View(), "large"); err != nil || !bytes.Equal(got, large) {
		t.Errorf("the large file: %d bytes, %v", len(got), err)
	}
	if _, err := sim.View().Open("../large"); err == nil {
		t.Error("a view opens what io/fs forbids")
	}
}

// A folder with more names than one run of entries holds, made and unmade in an
// order that is not theirs.
func TestViewOfManyNames(t *testing.T) {
	sim := NewSim()
	const n = 1000
	name := func(i int) string { return string([]byte{'a' + byte(i/100), '0' + byte(i/10%10), '0' + byte(i%10)}) }
	for i := range n {
		_ = open(t, sim, name(i*377%n), create).Close()
	}
	if err := fstest.TestFS(sim.View(), name(0), name(n-1)); err != nil {
		t.Error(err)
	}
	for i := range n {
		if i%3 != 0 {
			if err := sim.Remove(name(i)); err != nil {
				t.Fatal(err)
			}
		}
	}
	list, err := sim.ReadDir(".")
	if err != nil || len(list) != (n+2)/3 {
		t.Fatalf("%d names, %v", len(list), err)
	}
	for i, e := range list {
		if e.Name() != name(3*i) {
			t.Fatalf("name %d is %q", i, e.Name())
		}
	}
}
