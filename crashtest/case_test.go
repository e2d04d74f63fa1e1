package crashtest_test

import (
	"context"
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"

	"crashsim/crashtest"
	"crashsim/faultfs"
)

// flawed lists stores with one mistake each, whose findings have crashes of all
// kinds.
var flawed = map[string]flaws{
	"no sync":         {noSync: true},
	"no folder sync":  {noDirSync: true},
	"no checksum":     {noChecksum: true},
	"no cut":          {noCut: true},
	"no sync at open": {noSyncAtOpen: true},
	"grows":           {grows: true},
	"deaf":            {deaf: true},
}

func findings(t *testing.T, f flaws) []*crashtest.Finding {
	t.Helper()
	r := run(t, f, 30)
	if len(r.Findings) == 0 {
		t.Fatal("nothing was found")
	}
	return r.Findings
}

// What is in a file is what was found: it reads back equal, and replays to the
// same text.
func TestCaseRoundTripAndReplay(t *testing.T) {
	for name, f := range flawed {
		t.Run(name, func(t *testing.T) {
			for _, found := range findings(t, f) {
				text, err := found.MarshalText()
				if err != nil {
					t.Fatal(err)
				}
				var c crashtest.Case
				if err := c.UnmarshalText(text); err != nil {
					t.Fatalf("%v in\n%s", err, text)
				}
				if again, _ := c.MarshalText(); string(again) != string(text) {
					t.Fatalf("read and written again:\n%s\nbefore:\n%s", again, text)
				}
				report, failure, err := c.Replay(toyTarget(f))
				if err != nil || failure == nil || failure.Kind != found.Kind || report != found.Report {
					t.Fatalf("replay: %v, %v\n%s\nbefore:\n%s", failure, err, report, found.Report)
				}
			}
		})
	}
}

// A mended store comes through what its flawed form failed in, or does other
// things to its disk.
func TestReplayOnMendedStore(t *testing.T) {
	for name, f := range flawed {
		for _, found := range findings(t, f) {
			_, failure, err := found.Replay(toyTarget(flaws{}))
			if failure != nil || err != nil && !errors.Is(err, crashtest.ErrDiverged) {
				t.Errorf("%s: %v, %v", name, failure, err)
			}
		}
	}
}

// Nothing in a finding can be left out: no operation and no lost effect.
func TestFindingsAreMinimal(t *testing.T) {
	for name, f := range flawed {
		t.Run(name, func(t *testing.T) {
			target := toyTarget(f)
			for _, found := range findings(t, f) {
				for i, crash := range found.Scenario.Crashes {
					for k := range crash.Lost {
						less := *found.Case
						less.Scenario.Crashes = slices.Clone(less.Scenario.Crashes)
						less.Scenario.Crashes[i].Lost = slices.Delete(slices.Clone(crash.Lost), k, k+1)
						if _, failure, err := less.Replay(target); err == nil && failure != nil && failure.Kind == found.Kind {
							t.Errorf("crash %d fails as well without losing %v:\n%s", i, crash.Lost[k], found.Report)
						}
					}
				}
				for i := range found.Scenario.Ops {
					fewer := slices.Delete(slices.Clone(found.Scenario.Ops), i, i+1)
					if r := explore(t, target, fewer); slices.ContainsFunc(r.Findings, func(o *crashtest.Finding) bool { return sameWay(o, found) }) {
						t.Errorf("operation %d can be left out:\n%s", i+1, found.Report)
					}
				}
			}
		})
	}
}

// sameWay leaves out what fails in a crash more or later: a store without a sync
// fails in the probes, too, when there is nothing else to do.
func sameWay(a, b *crashtest.Finding) bool {
	return a.Kind == b.Kind && a.Scenario.Last == b.Scenario.Last && len(a.Scenario.Crashes) == len(b.Scenario.Crashes)
}

// explore runs a workload of one's own.
func explore(t *testing.T, target *crashtest.Target, ops []string) *crashtest.Result {
	t.Helper()
	own := *target
	own.Generate = func(crashtest.Chooser, int) []string { return ops }
	r, err := crashtest.Run(context.Background(), &own, config(len(ops))) // which may be none
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// A case can be shrunk again, which changes nothing; one of a store that has
// changed since is looked for anew.
func TestShrinkCase(t *testing.T) {
	for name, f := range flawed {
		t.Run(name, func(t *testing.T) {
			for _, found := range findings(t, f) {
				again, err := found.Shrink(context.Background(), toyTarget(f), crashtest.Defaults())
				if err != nil || again == nil || again.Report != found.Report {
					t.Fatalf("%v\n%+v", err, again)
				}
				none, err := found.Shrink(context.Background(), toyTarget(flaws{}), crashtest.Defaults())
				if err != nil || none != nil {
					t.Fatalf("on a sound store: %v\n%+v", err, none)
				}
			}
		})
	}
}

const soundCase = `crashsim case 1
target: toy
model: posix
seed: 1
depth: 2
failure: acknowledged data is lost
op: line 1 x
crash: workload at 5
lost: 3.0
lost: 3.1
crash: recovery at end kill
last: recovery

the report
`

func TestCaseText(t *testing.T) {
	var c crashtest.Case
	if err := c.UnmarshalText([]byte(soundCase)); err != nil {
		t.Fatal(err)
	}
	want := crashtest.Scenario{
		Ops: []string{"line 1 x"},
		Crashes: []crashtest.Crash{
			{In: crashtest.InWorkload, At: 5, Lost: []crashtest.LostEffect{{At: 3, Part: 0}, {At: 3, Part: 1}}},
			{In: crashtest.InRecovery, At: crashtest.AtEnd, Kill: true},
		},
		Last: crashtest.InRecovery,
	}
	if !reflect.DeepEqual(c.Scenario, want) {
		t.Errorf("%+v", c.Scenario)
	}
	if err := c.UnmarshalText([]byte(strings.ReplaceAll(soundCase, "\n", "\r\n"))); err != nil || !reflect.DeepEqual(c.Scenario, want) {
		t.Errorf("with line ends of Windows: %v, %+v", err, c.Scenario)
	}
}

// What is wrong with a file is said with its line.
func TestBadCases(t *testing.T) {
	for name, c := range map[string]struct{ old, bad, says string }{
		"empty":           {soundCase, "", "line 1: not a case file"},
		"other file":      {"crashsim case 1", "package x", "line 1: not a case file"},
		"other version":   {"case 1", "case 2", "line 1"},
		"no report":       {"\nthe report\n", "", "report"},
		"no target":       {"target: toy\n", "", "target"},
		"no last":         {"last: recovery\n", "", "last"},
		"unknown name":    {"seed: 1", "sead: 1", "line 4: unknown name"},
		"no value":        {"seed: 1", "seed", "line 4"},
		"bad seed":        {"seed: 1", "seed: -1", "line 4"},
		"bad depth":       {"depth: 2", "depth: x", "line 5"},
		"bad failure":     {"acknowledged data is lost", "what", "line 6"},
		"no failure":      {"failure: acknowledged data is lost\n", "", "failure"},
		"bad crash":       {"workload at 5", "workload", "line 8"},
		"bad life":        {"workload at 5", "weekend at 5", "line 8"},
		"bad cut":         {"workload at 5", "workload at -5", "line 8"},
		"bad lost":        {"lost: 3.0", "lost: 3", "line 9"},
		"lost first":      {"crash: workload at 5\n", "", "line 8"},
		"bad end":         {"last: recovery", "last: never", "line 12"},
		"trailing crash":  {"at end kill", "at end kill now", "line 11"},
		"two depths":      {"depth: 2", "depth: 2\ndepth: 2", "line 6: a second"},
		"negative depth":  {"depth: 2", "depth: -2", "line 5"},
		"lost in a kill":  {"at end kill", "at end kill\nlost: 1.0", "line 12"},
		"probes first":    {"workload at 5", "probes at 5", "crash 1"},
		"workload again":  {"recovery at end", "workload at end", "crash 2"},
		"no crash at all": {"crash: workload at 5\nlost: 3.0\nlost: 3.1\ncrash: recovery at end kill\n", "", "0 crashes"},
		"last workload":   {"last: recovery", "last: workload", "2 crashes"},
		"too large a cut": {"workload at 5", "workload at 99999999999999999999", "line 8"},
	} {
		var got crashtest.Case
		err := got.UnmarshalText([]byte(strings.Replace(soundCase, c.old, c.bad, 1)))
		if err == nil || !strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v; want one line with %q", name, err, c.says)
		}
	}
}

// A scenario that cannot be is an error, and no pass.
func TestImpossibleScenarios(t *testing.T) {
	for name, change := range map[string][2]string{
		"cut beyond the end": {"workload at 5", "workload at 5000"},
		"nothing to lose":    {"lost: 3.0", "lost: 4711.0"},
	} {
		var c crashtest.Case
		if err := c.UnmarshalText([]byte(strings.Replace(soundCase, change[0], change[1], 1))); err != nil {
			t.Fatal(err)
		}
		if _, failure, err := c.Replay(toyTarget(flaws{})); !errors.Is(err, crashtest.ErrDiverged) {
			t.Errorf("%s: %v, %v", name, failure, err)
		}
	}
	c := crashtest.Case{Target: "toy", Model: "nosuch", Scenario: crashtest.Scenario{Last: crashtest.InWorkload}}
	if err := c.Check(toyTarget(flaws{})); err == nil || !strings.Contains(err.Error(), "nosuch") {
		t.Errorf("unknown model: %v", err)
	}
	if _, ok := faultfs.ModelNamed("nosuch"); ok {
		t.Error("there is a model of that name")
	}
}

// An error for a test says what would mend the store, and shows bytes that do not
// print as what they are.
func TestCheckSaysWhatMends(t *testing.T) {
	cfg := crashtest.Defaults()
	cfg.Ops = 6
	err := crashtest.Check(t.Context(), toyTarget(flaws{noDirSync: true}), cfg)
	if err == nil || !strings.HasPrefix(err.Error(), "failed: 1 finding\n\n") || !strings.Contains(err.Error(), "\n  to mend it: a sync of the folder . after operation 1") {
		t.Errorf("%v", err)
	}
	long := strings.Repeat("x", 500)
	target := toyTarget(flaws{noSync: true})
	target.Name = "zeros"
	open := target.Open
	target.Open = func(fsys faultfs.FS) (crashtest.Store, error) {
		s, err := open(fsys)
		return shouting{s, long}, err
	}
	target.Model = func() crashtest.Model { return shoutingModel{toyTarget(flaws{}).Model(), long} }
	err = crashtest.Check(t.Context(), target, cfg)
	if err == nil || strings.ContainsAny(err.Error(), "\x00") || !strings.Contains(err.Error(), `\x00`) || !strings.Contains(err.Error(), "characters, checksum ") {
		t.Errorf("%v", err)
	}
}

// shouting adds a line to a state that nobody can read.
type shouting struct {
	crashtest.Store
	line string
}

func (s shouting) State() (string, error) {
	text, err := s.Store.State()
	return text + "\n\x00" + s.line + text + "\n", err
}

type shoutingModel struct {
	crashtest.Model
	line string
}

func (m shoutingModel) State() string {
	text := m.Model.State()
	return text + "\n\x00" + m.line + text + "\n"
}

func (m shoutingModel) Clone() crashtest.Model { return shoutingModel{m.Model.Clone(), m.line} }

// A case whose crash takes what it leaves would need is one of no disk.
func TestCaseOfNoDisk(t *testing.T) {
	cfg := crashtest.Defaults()
	cfg.Ops = 6
	r, err := crashtest.Run(t.Context(), toyTarget(flaws{noSync: true}), cfg)
	if err != nil || len(r.Findings) == 0 {
		t.Fatal(err)
	}
	refused := 0
	for at := range 12 {
		for part := range 4 {
			c := *r.Findings[0].Case
			c.Scenario.Crashes = slices.Clone(c.Scenario.Crashes)
			c.Scenario.Crashes[0].Lost = []crashtest.LostEffect{{At: at, Part: part}}
			if _, _, err := c.Replay(toyTarget(flaws{noSync: true})); errors.Is(err, crashtest.ErrDiverged) && strings.Contains(err.Error(), "is needed by what it leaves") {
				refused++
			}
		}
	}
	if refused == 0 {
		t.Error("none is refused")
	}
}
