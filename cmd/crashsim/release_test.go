package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"
)

// verifyWith verifies with a list of stages of its own.
func verifyWith(ctx context.Context, t *testing.T, f *releaseFlags, list ...stage) answer {
	t.Helper()
	f.list = func() []stage { return list }
	f.Target, f.Seed, f.Ops, f.Workers, f.Duration, f.artifacts = "store", 1, 3, 2, time.Second, "r"
	if f.Models == nil {
		f.Models = []string{"posix"}
	}
	var out, errOut bytes.Buffer
	cmd := &cobra.Command{RunE: func(cmd *cobra.Command, _ []string) error { return f.verify(cmd, false) }, SilenceErrors: true, SilenceUsage: true}
	cmd.SetArgs(nil)
	cmd.SetOut(&out)
	cmd.SetErr(&errOut)
	return answer{codeOf(cmd.ExecuteContext(ctx)), out.String(), errOut.String()}
}

func codeOf(err error) int {
	if exit := (*exitError)(nil); errors.As(err, &exit) {
		return exit.code
	}
	if err != nil {
		return -1
	}
	return exitPassed
}

var (
	passes       = stage{Name: "passes", Doc: "what passes", Args: []string{"run", "store", "--ops=2", "--depth=0"}}
	fails        = stage{Name: "fails", Doc: "what fails", Args: []string{"run", "seedstore", "--ops=1"}}
	failsAgain   = stage{Name: "again", Doc: "what fails under another model", Args: []string{"run", "seedstore", "--ops=1", "--model=ext4-ordered"}}
	inconclusive = stage{Name: "capped", Doc: "what is capped", Args: []string{"run", "store", "--ops=2", "--max-states=1"}}
	breaks       = stage{Name: "breaks", Doc: "what does not work", Args: []string{"run", "nothing"}}
	skipped      = stage{Name: "skipped", Doc: "what is not done", Skip: "there is a reason"}
)

// No stage's failure reads as a pass.
func TestReleaseVerdicts(t *testing.T) {
	notInRace(t)
	for name, c := range map[string]struct {
		stages  []stage
		code    int
		verdict string
	}{
		"all pass":      {[]stage{passes, skipped}, exitPassed, "PASSED: 0 findings"},
		"one fails":     {[]stage{fails, passes}, exitFailed, "FAILED: "},
		"one is capped": {[]stage{inconclusive, passes}, exitInconclusive, "INCONCLUSIVE: 0 findings"},
		"one breaks":    {[]stage{breaks, passes}, exitBroken, "INCONCLUSIVE: 0 findings"},
	} {
		t.Run(name, func(t *testing.T) {
			inEmptyFolder(t)
			a := verifyWith(t.Context(), t, &releaseFlags{}, c.stages...)
			if a.code != c.code || !strings.Contains(a.out, "\n"+c.verdict) {
				t.Errorf("exit %d, want %d, %s\n%s%s", a.code, c.code, c.verdict, a.out, a.err)
			}
			if _, after, ok := strings.Cut(a.out, "\nNOT CHECKED:\n"); !ok || !strings.Contains(after, "Several callers at once") ||
				!strings.Contains(after, "Other persistence models: posix-weakest, ") {
				t.Errorf("what was not checked is not said:\n%s", a.out)
			}
			if strings.Contains(a.out, "there is a reason") != (name == "all pass") {
				t.Errorf("what was left out is not said:\n%s", a.out)
			}
			r, err := readRecord("r")
			if err != nil || !strings.Contains(a.out, "\n"+strings.ToUpper(string(r.Verdict))+": ") || len(r.Environment.Go) == 0 {
				t.Errorf("%v, %+v", err, r)
			}
			if page := readFile(t, "r/report.html"); !strings.Contains(page, "Several callers at once") {
				t.Error("the page does not say what was not checked")
			}
		})
	}
}

// A cause that two stages meet is one finding, and its case can be replayed.
func TestReleaseGroupsFindings(t *testing.T) {
	notInRace(t)
	inEmptyFolder(t)
	a := verifyWith(t.Context(), t, &releaseFlags{}, fails, failsAgain)
	one, err := readRecord("r/fails")
	if err != nil {
		t.Fatal(err)
	}
	all, err := readRecord("r")
	if err != nil {
		t.Fatal(err)
	}
	if len(all.Findings) < len(one.Findings) || len(all.Models.Rows) < 2 {
		t.Errorf("%d findings, %d in one stage; %d rows", len(all.Findings), len(one.Findings), len(all.Models.Rows))
	}
	both := 0
	for i, f := range all.Findings {
		if len(f.Models) == 2 {
			both++
		}
		if _, err := os.Stat("r/" + f.Case); err != nil || f.Number != i+1 {
			t.Errorf("finding %d: %v", f.Number, err)
		}
	}
	if both == 0 {
		t.Errorf("no finding is of both models:\n%s", a.out)
	}
	if got := lastLine(a.out); got != "REPRODUCE: crashsim replay r/"+all.Findings[0].Case {
		t.Errorf("the last line is %q", got)
	}
}

// What has come to its end is not done again, and what was broken off is.
func TestReleaseResumes(t *testing.T) {
	notInRace(t)
	inEmptyFolder(t)
	ctx, cancel := context.WithCancel(t.Context())
	long := stage{Name: "long", Doc: "what takes long", Args: []string{"run", "store", "--ops=60"}}
	broken := passes
	broken.Name = "broken"
	if a := verifyWith(ctx, t, &releaseFlags{}, passes); a.code != exitPassed {
		t.Fatalf("exit %d\n%s", a.code, a.out)
	}
	refusedRelease(t, &releaseFlags{}, "go on with --resume")
	cancel()
	if a := verifyWith(ctx, t, &releaseFlags{resume: true}, passes, long); a.code != exitInterrupted || !strings.Contains(a.out, "(done before)") {
		t.Fatalf("exit %d\n%s", a.code, a.out)
	}
	before := readFile(t, "r/passes/output.txt")
	writeFile(t, "r/passes/output.txt", before+"not written again")
	a := verifyWith(t.Context(), t, &releaseFlags{resume: true}, passes, broken)
	if a.code != exitPassed || strings.Count(a.out, "(done before)") != 1 || !strings.HasSuffix(readFile(t, "r/passes/output.txt"), "again") {
		t.Errorf("exit %d\n%s", a.code, a.out)
	}
	text := readFile(t, "r/"+releaseFile)
	writeFile(t, "r/"+releaseFile, strings.Replace(text, `"build": "`, `"build": "another `, 1))
	refusedRelease(t, &releaseFlags{resume: true}, "begin anew in another folder")
	if err := os.RemoveAll("r"); err != nil {
		t.Fatal(err)
	}
	refusedRelease(t, &releaseFlags{resume: true}, "no verification was begun")
}

func refusedRelease(t *testing.T, f *releaseFlags, says string) {
	t.Helper()
	f.artifacts = "r"
	cmd := releaseCommand()
	_, err := f.open(cmd, false)
	if err == nil || codeOf(err) != exitUsage || !strings.Contains(err.Error(), says) {
		t.Errorf("%v does not say %q", err, says)
	}
}

// Every stage is a command line that crashsim knows, and every model and the
// soak are among them.
func TestReleaseStages(t *testing.T) {
	f := &releaseFlags{Target: "store", Seed: 7, Ops: 9, Workers: 2, Duration: time.Minute, Models: []string{"posix", "xfs"}, cases: 3}
	var names []string
	for _, s := range f.stages() {
		names = append(names, s.Name)
		cmd, args, err := rootCommand().Find(s.Args)
		if err == nil {
			err = cmd.ParseFlags(args)
		}
		if err != nil || cmd.Name() != s.Args[0] {
			t.Errorf("%q: %v", s.Args, err)
		}
	}
	if got, want := fmt.Sprint(names), "[cases models faults audit soak]"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	f.Without = []string{"audit"}
	if s := f.stages()[3]; !strings.Contains(s.Skip, "--without audit") {
		t.Errorf("left out: %+v", s)
	}
	f.cases = 0
	if s := f.stages()[0]; s.Skip == "" {
		t.Error("a soak of no cases would be one without end")
	}
	inEmptyFolder(t)
	for args, says := range map[string]string{
		"verify-release ledger":          `unknown target "ledger"`,
		"verify-release --model ext9":    `unknown model "ext9"`,
		"verify-release --ops 0":         "--ops 0",
		"verify-release --without faith": "no such stage: there are cases, models, ",
		"verify-release --duration 0s":   "--duration 0",
		"verify-release --resume":        "no verification was begun",
		"verify-release --artifacts=":    "--artifacts",
		"verify-release store seedstore": "see: crashsim help",
	} {
		refused(t, strings.Fields(args), says)
	}
}
