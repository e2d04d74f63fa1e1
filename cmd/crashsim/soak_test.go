package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"charm.land/lipgloss/v2"

	"crashsim/crashtest"
	"crashsim/crashtest/soak"
	"crashsim/faultfs"
)

// soakArgs is a soak of a few short rounds of the store that fails.
func soakArgs(rounds int, more ...string) []string {
	return append([]string{"soak", "seedstore", "--profile", "ci", "--seed", "9", "--rounds", fmt.Sprint(rounds), "--cases", "."}, more...)
}

// ofSoak leaves out of a summary what differs between two soaks of the same rounds.
var ofSoak = regexp.MustCompile(`(?m)^.* (fired), .*\n`)

// soaked is all that a soak came to: its last lines, and its cases.
func soaked(t *testing.T, out, dir string) string {
	t.Helper()
	_, text, ok := strings.Cut(out, "findings by cause:\n")
	if !ok {
		t.Fatalf("no findings in\n%s", out)
	}
	text = ofSoak.ReplaceAllStringFunc(text, func(line string) string { return line[:strings.LastIndex(line, " fired, ")] + "\n" })
	text = strings.ReplaceAll(text, dir+"/", "DIR/")
	cases, err := filepath.Glob(filepath.Join(dir, "*.case"))
	if err != nil || len(cases) == 0 {
		t.Fatalf("%d cases, %v", len(cases), err)
	}
	for _, path := range cases {
		text += filepath.Base(path) + "\n" + readFile(t, path)
	}
	return text
}

// A soak that is killed time and again, at any moment, loses no finding that it
// has shown, and comes to the same as one that was not.
func TestSoakSurvivesKills(t *testing.T) {
	kills, rounds := 6, 12
	switch {
	case os.Getenv("CRASHSIM_KILLS") != "":
		kills, rounds = 20, 40
	case testing.Short(): // under the race detector each round takes seconds
		kills, rounds = 3, 6
	}
	inEmptyFolder(t)
	a := crashsimProcess(t, soakArgs(rounds, "--artifacts", "whole")...)
	if a.code != exitFailed || a.err != "" {
		t.Fatalf("exit %d\n%s%s", a.code, a.out, a.err)
	}
	want := soaked(t, a.out, "whole")
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	var shown []string
	killed := 0
	for n := range kills {
		args := soakArgs(rounds, "--artifacts", "killed", "--verbose")
		if _, err := os.Stat("killed/" + soak.JournalName); err == nil {
			args = append(args, "--resume")
		}
		out, ended := killedAfter(t, child(t, args...), r.IntN(1+rounds/kills), time.Duration(r.IntN(int(50*time.Millisecond))))
		if shown = append(shown, findingsIn(out)...); ended {
			t.Logf("it had ended before the kill %d", n+1)
			break
		}
		killed++
	}
	if killed < kills/2 {
		t.Errorf("killed %d times of %d", killed, kills)
	}
	a = crashsimProcess(t, soakArgs(rounds, "--artifacts", "killed", "--resume")...)
	if a.code != exitFailed || a.err != "" {
		t.Fatalf("exit %d\n%s%s", a.code, a.out, a.err)
	}
	got := soaked(t, a.out, "killed")
	if got != want {
		t.Errorf("seed %d: after %d kills: %s", seed, killed, firstDifference(got, want))
	}
	for _, report := range shown {
		if !strings.Contains(got, report) {
			t.Errorf("seed %d: shown, and lost:\n%s", seed, report)
		}
	}
}

// killedAfter kills a process some time after it has printed some lines: no test
// of time, any moment will do. It tells what was printed, and whether the process had ended by itself.
func killedAfter(t *testing.T, cmd *exec.Cmd, lines int, then time.Duration) (out string, ended bool) {
	t.Helper()
	pipe, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	in := bufio.NewReader(pipe)
	var b strings.Builder
	for range lines + 6 { // beyond the first lines
		line, err := in.ReadString('\n')
		if b.WriteString(line); err != nil {
			break
		}
	}
	<-time.After(then)
	killErr := cmd.Process.Kill()
	rest, err := io.ReadAll(in)
	if err != nil {
		t.Fatal(err)
	}
	b.Write(rest)
	_ = cmd.Wait()
	return b.String(), killErr != nil || cmd.ProcessState.Exited()
}

var findingText = regexp.MustCompile(`(?ms)^FINDING \d+, in round \d+: (.*?)^  case: `)

// findingsIn gives the reports of the findings that were shown.
func findingsIn(out string) (list []string) {
	for _, m := range findingText.FindAllStringSubmatch(out, -1) {
		list = append(list, m[1])
	}
	return list
}

func TestMergedShardsAreOneSoak(t *testing.T) {
	notInRace(t)
	rounds, shards := 12, 4
	if testing.Short() { // as above
		rounds = 6
	}
	inEmptyFolder(t)
	a := crashsim(t, soakArgs(rounds, "--artifacts", "whole")...)
	want := soaked(t, a.out, "whole")
	args := []string{"merge"}
	for i := range shards {
		dir := fmt.Sprintf("shard-%d", i+1)
		if a := crashsim(t, soakArgs(rounds, "--artifacts", dir, "--shard", fmt.Sprintf("%d/%d", i+1, shards))...); a.code != exitFailed {
			t.Fatalf("exit %d\n%s%s", a.code, a.out, a.err)
		}
		args = append(args, dir)
	}
	a = crashsim(t, append(args, "--artifacts", "merged")...)
	if a.code != exitFailed || a.err != "" {
		t.Fatalf("exit %d\n%s%s", a.code, a.out, a.err)
	}
	if got := soaked(t, a.out, "merged"); got != want {
		t.Errorf("merged: %s", firstDifference(got, want))
	}
	if r, err := readRecord("merged"); err != nil || r.Verdict != crashtest.Failed || r.Counters.Rounds != rounds || len(r.Findings) == 0 {
		t.Errorf("%v, %+v", err, r)
	}
	refused(t, []string{"merge", "shard-1", "shard-1"}, "both shard 1 of 4", "give each shard once")
	refused(t, []string{"merge", "shard-1", "whole"}, "not of one soak", "number of shards")
	refused(t, []string{"merge", "missing"}, "missing", "give the artifacts folders")
	refused(t, []string{"merge", "."}, "no soak was begun here")
}

func TestBadSoaks(t *testing.T) {
	inEmptyFolder(t)
	for args, says := range map[string]string{
		"soak ledger":                     `unknown target "ledger"`,
		"soak --rounds -1":                "--rounds -1: give a number",
		"soak --duration -1s":             "--duration -1s: give a time",
		"soak --workers 0":                "--workers 0: give a number",
		"soak --profile huge":             "--profile huge: give one of ci",
		"soak --model ext9":               `unknown model "ext9"`,
		"soak --shard 5/4":                "--shard 5/4: give which of how many",
		"soak --shard 0/4":                "--shard 0/4: give which of how many",
		"soak --shard 1/4x":               "--shard 1/4x: give which of how many",
		"soak --memory lots":              "--memory lots: give a size",
		"soak --resume":                   "no soak was begun here",
		"soak --http nowhere":             "--http nowhere: ",
		"soak --http 127.0.0.1:99999":     "--http: ",
		"soak --cases missing":            "--cases: ",
		"soak --rounds 1 --artifacts=":    "--artifacts: ",
		"soak store seedstore --rounds 1": "see: crashsim help",
	} {
		t.Run(args, func(t *testing.T) {
			inEmptyFolder(t)
			refused(t, strings.Fields(args), says)
		})
	}
	if a := crashsim(t, soakArgs(1, "--artifacts", "a")...); a.code != exitFailed {
		t.Fatalf("exit %d\n%s%s", a.code, a.out, a.err)
	}
	refused(t, soakArgs(2, "--artifacts", "a"), "there is a soak of seedstore in it, with 1 round done", "--resume", "another folder")
	refused(t, soakArgs(2, "--artifacts", "a", "--resume", "--seed", "4"), "another soak than was begun here", "the seed was 9, and is 4")
	refused(t, []string{"soak", "store", "--artifacts", "a", "--resume"}, "is of seedstore, and not of store")
	text := readFile(t, "a/"+soak.JournalName)
	writeFile(t, "a/"+soak.JournalName, strings.Replace(text, `"round":0`, `"round":7`, 1))
	refused(t, []string{"soak", "--artifacts", "a", "--resume"}, "line 2 is damaged", "begin a new soak in another folder")
	writeFile(t, "a/"+soak.JournalName, text)
	writeFile(t, "a/corpus/x.workload", "crashsim workload 1\ntarget: store\nop: load r1\n")
	refused(t, []string{"soak", "--artifacts", "a", "--resume"}, "x.workload", "a workload of target store", "mend or remove it")
}

// soakFields are those that docs/soak.md tells of, and no others.
func TestSoakJSON(t *testing.T) {
	docs := readFile(t, "../../docs/soak.md")
	inEmptyFolder(t)
	a := crashsim(t, soakArgs(3, "--artifacts", "a", "--json")...)
	if a.code != exitFailed || a.err != "" {
		t.Fatalf("exit %d: %s", a.code, a.err)
	}
	seen := map[string]int{}
	for line := range strings.Lines(a.out) {
		object := map[string]any{}
		if err := json.Unmarshal([]byte(line), &object); err != nil {
			t.Fatalf("%v in %q", err, line)
		}
		kind := object["type"].(string)
		seen[kind]++
		_, section, ok := strings.Cut(docs, "\n### "+kind+"\n")
		if section, _, _ = strings.Cut(section, "\n#"); !ok {
			t.Fatalf("docs/soak.md does not tell of %q", kind)
		}
		for name := range object {
			if name != "type" && !strings.Contains(section, "| `"+name+"` |") {
				t.Errorf("docs/soak.md does not tell of %s in %s", name, kind)
			}
		}
	}
	if seen["start"] != 1 || seen["round"] != 3 || seen["summary"] != 1 || seen["finding"] == 0 {
		t.Errorf("%v", seen)
	}
}

// The page, what it asks for and the metrics agree with what the soak came to.
func TestLivePage(t *testing.T) {
	inEmptyFolder(t)
	f := &soakFlags{Config: soak.Defaults(), http: "127.0.0.1:0", artifacts: "a"}
	f.Rounds, f.Profile.Name = 3, "ci"
	f.Profile, _ = soak.ProfileNamed("ci")
	target, err := targetNamed("seedstore")
	if err != nil {
		t.Fatal(err)
	}
	s := openSoak(t, f, target)
	page, err := f.listen()
	if err != nil {
		t.Fatal(err)
	}
	defer page.close()
	page.serve(f.handler(s))
	if !strings.HasPrefix(page.url(), "http://127.0.0.1:") {
		t.Errorf("it listens at %s", page.url())
	}
	if err := s.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	st := s.Status()
	var status struct {
		Rounds   int
		States   int
		Done     bool
		Findings []struct{ Sentence string }
		Samples  []crashtest.Sample
	}
	if err := json.Unmarshal([]byte(get(t, page.url()+"status.json")), &status); err != nil {
		t.Fatal(err)
	}
	if status.Rounds != 3 || status.States != st.States || !status.Done || len(status.Findings) != len(st.Findings) || len(status.Samples) == 0 {
		t.Errorf("%+v", status)
	}
	if text := get(t, page.url()); !strings.Contains(text, "status.json") || strings.Contains(text, "https://") {
		t.Errorf("the page: %s", text)
	}
	if text := get(t, page.url()+"findings/1"); !strings.Contains(text, "crashsim replay a/seedstore-1-01.case") {
		t.Errorf("a finding: %s", text)
	}
	metrics := get(t, page.url()+"metrics")
	for name, want := range map[string]int{"rounds_total": 3, "states_total": st.States, "findings": len(st.Findings)} {
		_, after, _ := strings.Cut(metrics, "\ncrashsim_soak_"+name+`{target="seedstore"} `)
		value, _, _ := strings.Cut(after, "\n")
		if got, err := strconv.ParseFloat(value, 64); err != nil || int(got) != want {
			t.Errorf("%s is %q, want %d", name, value, want)
		}
	}
	if text := get(t, page.url()+"healthz"); text != "ok\n" {
		t.Errorf("healthz: %q", text)
	}
	if text := get(t, page.url()+"debug/pprof/"); !strings.Contains(text, "goroutine") {
		t.Errorf("pprof: %q", text)
	}
	if answer, err := http.Get(page.url() + "findings/99"); err != nil || answer.StatusCode != http.StatusNotFound {
		t.Errorf("a finding that is not: %v, %v", answer, err)
	}
	everywhere := *f
	everywhere.http = ":0"
	if p, err := everywhere.listen(); err != nil || !strings.HasPrefix(p.url(), "http://127.0.0.1:") {
		t.Errorf("with no host it listens at %s, %v", p.url(), err)
	} else {
		p.close()
	}
}

// The view fits any window.
func TestLiveViewFits(t *testing.T) {
	inEmptyFolder(t)
	f := &soakFlags{Config: soak.Defaults(), artifacts: "a"}
	f.Rounds = 2
	f.Profile, _ = soak.ProfileNamed("ci")
	target, err := targetNamed("seedstore")
	if err != nil {
		t.Fatal(err)
	}
	s := openSoak(t, f, target)
	if err := s.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	st := s.Status()
	st.Running = []soak.Running{{Round: 7, Mix: strings.Repeat("a long mix ", 30)}, {Round: 8, Mix: "short"}}
	for _, size := range [][2]int{{80, 24}, {40, 12}, {200, 60}, {20, 5}, {10, 3}, {1, 1}, {80, 1}, {3, 40}} {
		lines := strings.Split(render(&st, size[0], size[1], false), "\n")
		if len(lines) > max(1, size[1]) {
			t.Errorf("%v: %d lines", size, len(lines))
		}
		for _, l := range lines {
			if w := lipgloss.Width(l); w > size[0] {
				t.Errorf("%v: a line is %d wide: %q", size, w, l)
			}
		}
	}
	wide := render(&st, 80, 24, false)
	for _, what := range []string{"findings", "rounds", "crash states", "a second", "unique", "recoveries", "capped", "sites", "probes fired", st.Findings[len(st.Findings)-1].Sentence[:20], "under way"} {
		if !strings.Contains(wide, what) {
			t.Errorf("no %q in\n%s", what, wide)
		}
	}
}

func openSoak(t *testing.T, f *soakFlags, target *crashtest.Target) *soak.Soak {
	t.Helper()
	if err := os.MkdirAll(f.artifacts, 0o777); err != nil {
		t.Fatal(err)
	}
	disk, err := faultfs.OpenOS(f.artifacts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = disk.Close() })
	s, err := soak.Open(disk, target, f.Config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func get(t *testing.T, url string) string {
	t.Helper()
	answer, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != http.StatusOK {
		t.Fatalf("%s: %v, %s", url, err, answer.Status)
	}
	return string(bytes.TrimSpace(text)) + "\n"
}

// What a soak came by is the corpus of the next one, and its findings are cases.
func TestSoakTakesCorpusAndCases(t *testing.T) {
	inEmptyFolder(t)
	crashsim(t, soakArgs(3, "--artifacts", "first", "--corpus", "kept")...)
	kept, err := filepath.Glob("kept/*.workload")
	if err != nil || len(kept) == 0 {
		t.Fatalf("%q, %v", kept, err)
	}
	if err := os.MkdirAll("deep/testdata/cases", 0o777); err != nil {
		t.Fatal(err)
	}
	writeFile(t, "deep/testdata/cases/old.case", readFile(t, "first/seedstore-9-01.case"))
	// One of a store that another program has under test is told, and left out.
	writeFile(t, "deep/testdata/cases/other.case", strings.Replace(soundCase, "target: seedstore", "target: other", 1))
	refused(t, []string{"soak", "seedstore", "--rounds", "1", "--cases", "deep/testdata/cases"}, "other.case", "unknown target", "crashtest.Regress")
	a := crashsim(t, "soak", "seedstore", "--profile", "ci", "--rounds", "2", "--corpus", "kept", "--artifacts", "second", "--verbose")
	if a.code != exitFailed || !strings.Contains(a.out, "first 1 regression case, then a corpus of "+plural(len(kept), "workload")) ||
		!strings.Contains(a.out, "\nround 0, case deep/testdata/cases/old.case: ") || !strings.Contains(a.out, "\nround 1, corpus ") ||
		!strings.Contains(a.out, "left out: deep/testdata/cases/other.case, a case of a target") {
		t.Errorf("exit %d\n%s%s", a.code, a.out, a.err)
	}
	if !slices.Contains(caseFolders(), filepath.FromSlash("deep/testdata/cases")) {
		t.Error("the folder of cases is not found")
	}
}
