package main

import (
	"bufio"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/spf13/cobra"
)

// The scripts in testdata/script run crashsim as people do. They have two commands
// of their own: interrupt runs crashsim until its first line, sends SIGINT, and
// expects exit code 130; makestore makes a store on the real disk.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"interrupt": interruptInScript,
			"makestore": func(ts *testscript.TestScript, _ bool, args []string) {
				ts.Check(newStore(ts.MkAbs(args[0])))
			},
			"crlf": func(ts *testscript.TestScript, _ bool, args []string) {
				text := strings.ReplaceAll(ts.ReadFile(args[0]), "\n", "\r\n")
				ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(text), 0o666))
			},
		},
	})
}

func interruptInScript(ts *testscript.TestScript, _ bool, args []string) {
	self, err := os.Executable()
	ts.Check(err)
	cmd := exec.Command(self, args[1:]...) // args[0] is crashsim, as in help
	cmd.Dir, cmd.Env = ts.MkAbs("."), append(os.Environ(), childVariable+"=1")
	out, err := cmd.StdoutPipe()
	ts.Check(err)
	ts.Check(cmd.Start())
	lines := bufio.NewReader(out)
	if _, err := lines.ReadString('\n'); err != nil {
		ts.Logf("no first line: %v", err)
	}
	ts.Check(cmd.Process.Signal(os.Interrupt))
	_, err = io.ReadAll(lines)
	ts.Check(err)
	if code, err := exitCode(cmd.Wait()); code != exitInterrupted {
		ts.Fatalf("exit %d, %v: want %d", code, err, exitInterrupted)
	}
}

// Every command's help shows an example, and a script runs it.
func TestExamplesAreRun(t *testing.T) {
	files, err := filepath.Glob("testdata/script/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	run := map[string]bool{}
	for _, file := range files {
		for line := range strings.Lines(readFile(t, file)) {
			line = strings.TrimPrefix(strings.TrimPrefix(strings.TrimSpace(line), "! "), "exec ")
			run[strings.TrimPrefix(line, "interrupt ")] = true
		}
	}
	for c := range commands(rootCommand()) {
		found := c.Example == ""
		for line := range strings.Lines(c.Example) {
			found = found || run[strings.TrimSpace(line)]
		}
		if c.Example == "" || !found {
			t.Errorf("%s: no script runs an example of its help:\n%s", c.CommandPath(), c.Example)
		}
	}
}

// commands yields those of our own that do something.
func commands(root *cobra.Command) func(yield func(*cobra.Command) bool) {
	return func(yield func(*cobra.Command) bool) {
		for _, c := range append(root.Commands(), root) {
			if c.Runnable() && c.Name() != "completion" && c.Name() != "help" && !yield(c) {
				return
			}
		}
	}
}

// No two commands or topics have one name, or the one hides the other.
func TestNamesOfCommandsDiffer(t *testing.T) {
	seen := map[string]bool{}
	for _, c := range rootCommand().Commands() {
		if seen[c.Name()] {
			t.Errorf("two are called %s", c.Name())
		}
		seen[c.Name()] = true
	}
}

// A topic speaks of what there is.
func TestTopics(t *testing.T) {
	for _, c := range []struct{ topic, says string }{
		{"models", "ext4-ordered"}, {"models", "source: fsync(2)"}, {"faults", "fsync path=*.jsonl nth=3: EIO"},
		{"cases", "crashsim case 1"}, {"records", "not_searched"}, {"exit-codes", "130  interrupted"},
	} {
		if a := crashsim(t, "help", c.topic); a.code != exitPassed || !strings.Contains(a.out, c.says) {
			t.Errorf("help %s: exit %d, no %q in\n%s%s", c.topic, a.code, c.says, a.out, a.err)
		}
	}
	text, _, _ := strings.Cut(crashsim(t, "help", "faults").out, "\nUsage:")
	for line := range strings.Lines(text) {
		if len(line) > 90 {
			t.Errorf("too long for a terminal: %s", line)
		}
	}
}
