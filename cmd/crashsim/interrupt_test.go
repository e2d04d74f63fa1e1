package main

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
)

// interrupt sends SIGINT to a long run when its first line is there, and gives
// what it came to. No run of so many operations ends before that.
func interrupt(t *testing.T, args ...string) answer {
	t.Helper()
	return interruptOf(t, append([]string{"run", "store", "--ops", "400", "--workers", "2"}, args...)...)
}

// interruptOf is interrupt for a whole command line.
func interruptOf(t *testing.T, args ...string) answer {
	t.Helper()
	inEmptyFolder(t)
	cmd := child(t, args...)
	var errOut bytes.Buffer
	cmd.Stderr = &errOut
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReader(out)
	first, err := lines.ReadString('\n')
	if err != nil {
		t.Errorf("no first line: %v", err)
	}
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Error(err)
	}
	rest, err := io.ReadAll(lines)
	if err != nil {
		t.Error(err)
	}
	code, err := exitCode(cmd.Wait())
	if err != nil {
		t.Fatalf("the process did not end by itself: %v", err)
	}
	if after := slices.Sorted(maps.Keys(listing(t))); !slices.Equal(after, []string{"./", "crashsim-out/", "crashsim-out/run.json"}) {
		t.Errorf("left behind: %q", after)
	}
	return answer{code, first + string(rest), errOut.String()}
}

func TestInterruptPrintsTheSummary(t *testing.T) {
	a := interrupt(t)
	if a.code != exitInterrupted || a.err != "" {
		t.Errorf("exit %d, want %d: %s", a.code, exitInterrupted, a.err)
	}
	if !strings.Contains(a.out, "\nINCONCLUSIVE: 0 findings\n") || !strings.HasPrefix(lastLine(a.out), "interrupted: ") {
		t.Errorf("no summary of an interrupted run:\n%s", a.out)
	}
}

func TestInterruptWithJSON(t *testing.T) {
	a := interrupt(t, "--json")
	if a.code != exitInterrupted || a.err != "" {
		t.Errorf("exit %d, want %d: %s", a.code, exitInterrupted, a.err)
	}
	last := lastLine(a.out)
	for _, what := range []string{`{"type":"summary",`, `"verdict":"inconclusive"`, `"interrupted":true`} {
		if !strings.Contains(last, what) {
			t.Errorf("no %s in the last line: %s", what, last)
		}
	}
}

// A search that was broken off has not shown that the failure is gone.
func TestInterruptedShrinkIsNoPass(t *testing.T) {
	inEmptyFolder(t)
	writeFile(t, "old.case", soundCase) // which has to be looked for anew
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	before := readFile(t, "old.case")
	var out, errOut bytes.Buffer
	code := execute(ctx, []string{"shrink", "old.case"}, &out, &errOut)
	if code != exitInterrupted || strings.Contains(out.String(), "comes through") || strings.Count(errOut.String(), "\n") != 1 {
		t.Errorf("exit %d, want %d: %s%s", code, exitInterrupted, out.String(), errOut.String())
	}
	if after := readFile(t, "old.case"); after != before {
		t.Errorf("the case has changed:\n%s", after)
	}
}
