package crashtest_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"testing"

	"crashsim/crashtest"
	"crashsim/faultfs"
)

func run(t *testing.T, f flaws, ops int) *crashtest.Result {
	t.Helper()
	cfg := crashtest.Defaults()
	cfg.Ops = ops
	r, err := crashtest.Run(context.Background(), toyTarget(f), cfg)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestSoundStorePasses(t *testing.T) {
	r := run(t, flaws{}, 20)
	if r.Verdict != crashtest.Passed || len(r.Findings) != 0 {
		t.Fatalf("%+v", r)
	}
	t.Logf("%+v", r)
}

// Each flaw is found, by the kind of failure that it leads to, and by the simplest
// crash that shows it.
func TestFlawsAreFound(t *testing.T) {
	for name, c := range map[string]struct {
		flaws flaws
		kind  crashtest.Kind
		lives string
	}{
		"no sync":               {flaws{noSync: true}, crashtest.Lost, "workload cut, recovery"},
		"no sync of the folder": {flaws{noDirSync: true}, crashtest.Lost, "workload cut, recovery"},
		"no checksum":           {flaws{noChecksum: true}, crashtest.WrongState, "workload cut, recovery"},
		"no cut":                {flaws{noCut: true}, crashtest.Refused, "workload cut, recovery"},
		"no sync at open":       {flaws{noSyncAtOpen: true}, crashtest.Forgotten, "workload killed, recovery cut, recovery"},
		"panics":                {flaws{panics: true}, crashtest.Panicked, "workload cut, recovery"},
		"loops":                 {flaws{loops: true}, crashtest.Endless, "workload cut, recovery"},
		"grows":                 {flaws{grows: true}, crashtest.Unstable, "workload cut, recovery cut, recovery"},
		"rewrites":              {flaws{rewrites: true}, crashtest.Lost, "workload cut, recovery cut, recovery"},
		"keeps the tail":        {flaws{keepsTail: true}, crashtest.WrongState, "workload cut, probes"},
		"tires":                 {flaws{tires: true}, crashtest.Lost, "workload cut, probes cut, recovery"},
		"sticks":                {flaws{sticks: true}, crashtest.OpFailed, "workload cut, probes"},
		"deaf":                  {flaws{deaf: true}, crashtest.WrongAnswer, "workload"},
	} {
		t.Run(name, func(t *testing.T) {
			r := run(t, c.flaws, 30)
			if len(r.Findings) != 1 || r.Findings[0].Kind != c.kind || r.Verdict != crashtest.Failed {
				t.Fatalf("%d findings, %s; want one: %s\n%v", len(r.Findings), r.Verdict, c.kind, r.Err())
			}
			if got := lives(&r.Findings[0].Scenario); got != c.lives {
				t.Errorf("%s; want %s\n%s", got, c.lives, r.Findings[0].Report)
			}
		})
	}
}

// What is acknowledged has to be there at once, whatever comes later: here the
// next operation goes back to what was before, and is synced.
func TestLossIsSeenRightAfterAcknowledgement(t *testing.T) {
	for _, ops := range [][]string{{"1"}, {"1", "0"}} {
		r := explore(t, &crashtest.Target{
			Name:   "switch",
			Open:   func(fsys faultfs.FS) (crashtest.Store, error) { return openSwitch(fsys) },
			Model:  func() crashtest.Model { return &switchModel{"0"} },
			Probes: func(crashtest.Model) []string { return nil },
		}, ops)
		if len(r.Findings) != 1 || r.Findings[0].Kind != crashtest.Lost || lives(&r.Findings[0].Scenario) != "workload cut, recovery" {
			t.Errorf("%q: %s, %v", ops, r.Verdict, r.Err())
		}
	}
}

// switchStore is one byte, "0" or "1". It forgets to sync a "1".
type switchStore struct {
	fsys faultfs.FS
	file faultfs.File
}

func openSwitch(fsys faultfs.FS) (*switchStore, error) {
	f, err := fsys.OpenFile("switch", os.O_RDWR|os.O_CREATE, 0o666)
	if err != nil {
		return nil, err
	}
	return &switchStore{fsys, f}, errors.Join(f.Sync(), fsys.SyncDir("."))
}

func (s *switchStore) Apply(op string) (string, error) {
	_, err := s.file.WriteAt([]byte(op), 0)
	if err == nil && op == "0" {
		err = s.file.Sync()
	}
	return "ok", err
}

func (s *switchStore) State() (string, error) {
	data, err := faultfs.ReadFile(s.fsys, "switch")
	if string(data) != "1" {
		data = []byte("0")
	}
	return string(data), err
}

func (s *switchStore) Close() error { return s.file.Close() }

type switchModel struct{ state string }

func (m *switchModel) Apply(op string) string { m.state = op; return "ok" }
func (m *switchModel) State() string          { return m.state }
func (m *switchModel) Clone() crashtest.Model { c := *m; return &c }

// lives tells a scenario's lives and how they end.
func lives(sc *crashtest.Scenario) string {
	var list []string
	for _, c := range sc.Crashes {
		end := " cut"
		if c.Kill {
			end = " killed"
		}
		list = append(list, string(c.In)+end)
	}
	return strings.Join(append(list, string(sc.Last)), ", ")
}

// The result depends on the configuration, and not on who does the work.
func TestResultIsTheSameForAnyWorkers(t *testing.T) {
	for name, f := range map[string]flaws{"sound": {}, "no checksum": {noChecksum: true}, "no sync": {noSync: true}} {
		var want *crashtest.Result
		for _, workers := range []int{1, 2, 3, 8, 8} {
			cfg := crashtest.Defaults()
			cfg.Ops, cfg.Workers, cfg.Seed, cfg.KeepGoing, cfg.MaxStates = 20, workers, 5, true, 128
			r, err := crashtest.Run(context.Background(), toyTarget(f), cfg)
			if err != nil {
				t.Fatal(err)
			}
			if want == nil {
				want = r
			}
			if got, want := summary(r), summary(want); got != want {
				t.Errorf("%s: %d workers:\n%s\none worker:\n%s", name, workers, got, want)
			}
		}
	}
}

func summary(r *crashtest.Result) string {
	text := fmt.Sprintf("%s %d %d %d %d %d %v\n", r.Verdict, r.CrashPoints, r.States, r.Unique, r.Recoveries, r.Capped, r.Workload)
	text += fmt.Sprintf("%+v\n", r.Coverage)
	for _, f := range r.Findings {
		text += fmt.Sprintf("%d %s %s\n", f.Seen, f.Cause, f.Report)
	}
	return text
}

// The worst store of all is told soon: its windows grow, and so would the search.
func TestStoreThatSyncsNothing(t *testing.T) {
	r := run(t, flaws{noSync: true, noDirSync: true, noSyncAtOpen: true}, 40)
	if r.Verdict != crashtest.Failed || len(r.Findings) == 0 || r.Recoveries > 100_000 {
		t.Errorf("%s, %d findings, %d recoveries", r.Verdict, len(r.Findings), r.Recoveries)
	}
}

// What was not explored whole is no pass.
func TestCapIsInconclusive(t *testing.T) {
	cfg := crashtest.Defaults()
	cfg.Ops, cfg.MaxStates = 10, 3
	r, err := crashtest.Run(context.Background(), toyTarget(flaws{}), cfg)
	if err != nil {
		t.Fatal(err)
	}
	if r.Verdict != crashtest.Inconclusive || r.Capped == 0 || r.Err() == nil {
		t.Errorf("%s, %d capped, %v", r.Verdict, r.Capped, r.Err())
	}
}

func TestInterruptedRunIsInconclusive(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cfg := crashtest.Defaults()
	cfg.Progress = func(p crashtest.Progress) {
		if p.Done == 20 {
			cancel()
		}
	}
	r, err := crashtest.Run(ctx, toyTarget(flaws{}), cfg)
	if err != nil {
		t.Fatal(err)
	}
	if r.Verdict != crashtest.Inconclusive || !r.Interrupted || r.CrashPoints == 0 || r.Unique == 0 {
		t.Errorf("%+v", r)
	}
}

// A store that does other things each time is told so, and not judged.
func TestTargetThatDoesNotRepeatIsAnError(t *testing.T) {
	opened := 0
	target := toyTarget(flaws{noSync: true})
	open := target.Open
	target.Open = func(fsys faultfs.FS) (crashtest.Store, error) {
		if opened++; opened%2 == 0 {
			if err := fsys.Mkdir("odd", 0o777); err != nil && !errors.Is(err, fs.ErrExist) {
				return nil, err
			}
		}
		return open(fsys)
	}
	cfg := crashtest.Defaults()
	cfg.Ops, cfg.Workers = 10, 1
	if r, err := crashtest.Run(context.Background(), target, cfg); err == nil && r.Verdict == crashtest.Passed {
		t.Errorf("%+v", r)
	}
}

func TestCanary(t *testing.T) {
	if err := crashtest.Canary(context.Background(), crashtest.Defaults()); err != nil {
		t.Error(err)
	}
}
