package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const fires = "lost nothing; recovery: nothing"

func runWithProbes(t *testing.T, text string) answer {
	t.Helper()
	writeFile(t, "probes", text)
	return crashsim(t, "run", "store", "--ops", "3", "--probes", "probes")
}

// A probe that has not fired makes a run inconclusive, and is named.
func TestProbes(t *testing.T) {
	inEmptyFolder(t)
	if a := runWithProbes(t, "# a remark\n\n"+fires+"\n"); a.code != exitPassed || strings.Contains(a.out, "NEVER") {
		t.Errorf("exit %d\n%s%s", a.code, a.out, a.err)
	}
	never := "lost rename of nobody; recovery: nothing"
	a := runWithProbes(t, fires+"\n"+never+"\n")
	if a.code != exitInconclusive || !strings.Contains(a.out, "\nNEVER: "+never+"\n") || !strings.Contains(a.out, "\nINCONCLUSIVE: ") {
		t.Errorf("exit %d\n%s%s", a.code, a.out, a.err)
	}
}

func TestBadProbes(t *testing.T) {
	inEmptyFolder(t)
	writeFile(t, "probes", fires+"\nlost and found\n")
	writeFile(t, "empty", "# nothing\n")
	refused(t, []string{"run", "--probes", "probes"}, "probes:2", "lost and found")
	refused(t, []string{"run", "--probes", "empty"}, "no probe")
	refused(t, []string{"run", "--probes", "nothing"}, "nothing")
}

// The probes that are kept for the store are probes.
func TestProbesOfTheStore(t *testing.T) {
	path := filepath.Join("..", "..", "examples", "workerruntime", "probes.txt")
	if _, err := os.Stat(path); err != nil {
		t.Fatal(err)
	}
	if names, err := readProbes(path); err != nil || len(names) < 40 {
		t.Errorf("%d probes, %v", len(names), err)
	}
}
