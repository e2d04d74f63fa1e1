package main

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// childVariable makes the test binary be crashsim: what only a process of its own
// shows, a signal or that nothing is left in memory, is tested with it.
const childVariable = "CRASHSIM_TEST_CHILD"

func TestMain(m *testing.M) {
	if os.Getenv(childVariable) != "" {
		main() // which ends the process
	}
	for _, name := range []string{"GITHUB_ACTIONS", "GITHUB_STEP_SUMMARY"} { // the tests may run there
		if err := os.Unsetenv(name); err != nil {
			panic(err)
		}
	}
	testscript.Main(m, map[string]func(){"crashsim": main})
}

// answer is what a command line came to.
type answer struct {
	code     int
	out, err string
}

// crashsim runs a command line in this process.
func crashsim(t *testing.T, args ...string) answer {
	t.Helper()
	var out, errOut bytes.Buffer
	code := execute(t.Context(), args, &out, &errOut)
	return answer{code, out.String(), errOut.String()}
}

// child makes the same of a new process.
func child(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self, args...)
	cmd.Env = append(os.Environ(), childVariable+"=1")
	return cmd
}

func crashsimProcess(t *testing.T, args ...string) answer {
	t.Helper()
	cmd := child(t, args...)
	var out, errOut bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errOut
	code, err := exitCode(cmd.Run())
	if err != nil {
		t.Fatalf("crashsim %s: %v", strings.Join(args, " "), err)
	}
	return answer{code, out.String(), errOut.String()}
}

func exitCode(err error) (int, error) {
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.Exited() {
		return exit.ExitCode(), nil
	}
	return 0, err
}

// inEmptyFolder makes a new folder the working one.
func inEmptyFolder(t *testing.T) {
	t.Helper()
	t.Chdir(t.TempDir())
}

// listing gives every file below the working folder with its content, and every
// folder with nothing.
func listing(t *testing.T) map[string]string {
	t.Helper()
	list := map[string]string{}
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			list[path+"/"] = ""
			return err
		}
		text, err := os.ReadFile(path)
		list[path] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func writeFile(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
}

func readFile(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func lastLine(text string) string {
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	return lines[len(lines)-1]
}

// broken runs the store that fails, with few operations, and gives the paths of
// the cases that were written.
func broken(t *testing.T) (answer, []string) {
	t.Helper()
	a := crashsim(t, "run", "seedstore", "--ops", "4", "--artifacts", "found")
	cases, err := filepath.Glob("found/*.case")
	if err != nil || a.code != exitFailed || len(cases) == 0 {
		t.Fatalf("exit %d, %d cases, %v\n%s%s", a.code, len(cases), err, a.out, a.err)
	}
	return a, cases
}

// notInRace leaves out a test that explores more than the race detector gets through
// in a few minutes, and runs nothing side by side that other tests do not.
func notInRace(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("too much for the race detector")
	}
}
