package workerruntime

import (
	"io/fs"
	"slices"
	"strings"
	"syscall"
	"testing"

	"crashsim/crashtest"
	"crashsim/faultfs"
)

// faultOps use each file and each operation that writes, and are few.
var faultOps = []string{
	"worker r1 w1 running 300", "event r1 worker_created w1 600", "transcript r1 w1 user 100", crashtest.Reopen, "runtime r1 stopped",
}

func faults(t *testing.T, target *crashtest.Target, cfg crashtest.FaultConfig, plans ...string) *crashtest.FaultResult {
	t.Helper()
	for _, text := range plans {
		plan, err := faultfs.ParsePlan(text)
		if err != nil {
			t.Fatal(err)
		}
		cfg.Plans = append(cfg.Plans, plan)
	}
	r, err := crashtest.Faults(t.Context(), opsOf(target, faultOps), cfg)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func faultConfig(starts, pairs int) crashtest.FaultConfig {
	cfg := crashtest.FaultDefaults()
	cfg.Starts, cfg.Pairs = starts, pairs
	return cfg
}

// The production store comes through every fault at every call of a small workload,
// and of some recoveries, and a sample of pairs.
func TestStoreComesThroughFaults(t *testing.T) {
	target := targetNamed(t, "single")
	r := faults(t, target, faultConfig(2, 100))
	if err := r.Err(); err != nil {
		t.Fatal(err)
	}
	classes := map[string]bool{}
	for _, row := range r.Rows {
		classes[row.Class] = true
		if row.Tried == row.Idle && !strings.HasPrefix(row.Class, "two faults") { // of which few are drawn
			t.Errorf("no %s has struck", row.Class)
		}
	}
	if len(classes) < 19 || r.Singles < 500 || r.InRecovery < 500 || r.Pairs != 100 || r.Idle > (r.Singles+r.InRecovery)/20 {
		t.Errorf("%d classes, %d faults, %d in recovery, %d pairs, %d struck nothing", len(classes), r.Singles, r.InRecovery, r.Pairs, r.Idle)
	}
}

// The result is the same for any number of workers, and for the same seed.
func TestFaultsAreDeterministic(t *testing.T) {
	target := targetNamed(t, "seedstore")
	var first string
	for _, workers := range []int{1, 3} {
		cfg := faultConfig(1, 20)
		cfg.Workers = workers
		r := faults(t, target, cfg)
		var b strings.Builder
		for _, f := range r.Findings {
			b.WriteString(f.Scenario.Plan + "\n" + f.Report)
		}
		for _, row := range r.Rows {
			for _, o := range crashtest.Outcomes() {
				b.WriteString(words(row.Class, row.Tried, row.Idle, row.Outcome[o]) + "\n")
			}
		}
		if first == "" {
			first = b.String()
		}
		if b.String() != first {
			t.Errorf("%d workers give\n%s\none gives\n%s", workers, b.String(), first)
		}
	}
}

// A store that could not note its sizes when it was closed has said so: what zeros
// then take of a log's end no reader can tell from an append that was torn.
func TestZerosAfterFailedClose(t *testing.T) {
	r := faults(t, targetNamed(t, "single"), faultConfig(0, 0),
		"write path=.events.size.json.tmp-* nth=1: ENOSPC; open path=events.jsonl nth=2: zero=1")
	if r.Verdict != crashtest.Passed || !r.Rows[0].Lying || r.Rows[0].Outcome[crashtest.LostData] != 1 {
		t.Errorf("%s, %v, %v, %v", r.Verdict, r.Missed, r.Err(), r.Rows)
	}
}

// A plan that never strikes is no pass.
func TestFaultThatNeverStrikes(t *testing.T) {
	r := faults(t, targetNamed(t, "single"), faultConfig(0, 0), "fsync nth=100000: EIO")
	if r.Verdict != crashtest.Inconclusive || !slices.Equal(r.Missed, []string{"fsync nth=100000: EIO"}) {
		t.Errorf("%s, %v", r.Verdict, r.Missed)
	}
}

// wrongOnPurpose is the production store with a mistake in how it takes errors.
func wrongOnPurpose(t *testing.T, wrong func(c *faultfs.Call, a faultfs.Answer) faultfs.Answer) *crashtest.Target {
	target := *targetNamed(t, "single")
	open := target.OpenUnderFaults
	target.OpenUnderFaults = func(fsys faultfs.FS) (crashtest.Store, error) {
		return open(faultfs.Intercept(fsys, func(c *faultfs.Call) faultfs.Answer { return wrong(c, c.Do()) }))
	}
	return &target
}

// What takes errors in a wrong way turns the verdict, and without the mistake the
// same plan is passed.
func TestWrongWaysToTakeErrorsAreCaught(t *testing.T) {
	for name, c := range map[string]struct {
		plan  string
		wrong func(c *faultfs.Call, a faultfs.Answer) faultfs.Answer
		want  crashtest.Kind
	}{
		"swallows the error of a write": {"write path=events.jsonl nth=2: short=1 ENOSPC", func(c *faultfs.Call, a faultfs.Answer) faultfs.Answer {
			if c.Kind == faultfs.OpWrite {
				a.N, a.Err = len(c.Data), nil
			}
			return a
		}, crashtest.Refused},
		"swallows the error of a sync": {"fsync path=events.jsonl nth=2: mode=xfs EIO", func(c *faultfs.Call, a faultfs.Answer) faultfs.Answer {
			if c.Kind == faultfs.OpSync {
				a.Err = nil
			}
			return a
		}, crashtest.Refused},
		"believes in the second sync": {"fsync path=events.jsonl nth=2: mode=ext4-ordered EIO", func(c *faultfs.Call, a faultfs.Answer) faultfs.Answer {
			if c.Kind == faultfs.OpSync && a.Err != nil {
				return c.Do()
			}
			return a
		}, crashtest.Refused},
		"swallows the error of a rename": {"rename path=runtime.json nth=3: EIO", func(c *faultfs.Call, a faultfs.Answer) faultfs.Answer {
			if c.Kind == faultfs.OpRename {
				a.Err = nil
			}
			return a
		}, crashtest.Lost},
		"gives another cause": {"fsync path=events.jsonl nth=3: EIO", func(c *faultfs.Call, a faultfs.Answer) faultfs.Answer {
			if c.Kind == faultfs.OpSync && a.Err != nil {
				a.Err = &fs.PathError{Op: "sync", Path: c.Path, Err: syscall.EINVAL}
			}
			return a
		}, crashtest.Misreported},
		"takes no permission for no file": {"open path=transcript.jsonl nth=1: EACCES", func(c *faultfs.Call, a faultfs.Answer) faultfs.Answer {
			if c.Kind == faultfs.OpOpen && a.Err != nil {
				a.Err = &fs.PathError{Op: "open", Path: c.Path, Err: fs.ErrNotExist}
			}
			return a
		}, crashtest.Misreported},
		"leaves a file open": {"fsync path=events.jsonl nth=3: EIO", func(c *faultfs.Call, a faultfs.Answer) faultfs.Answer {
			if a.Err != nil && c.Kind == faultfs.OpSync {
				_, _ = c.Disk().OpenFile(c.Path, 0, 0)
			}
			return a
		}, crashtest.LeftOpen},
		"asks for ever": {"fsync path=events.jsonl nth=3: shutdown", func(c *faultfs.Call, a faultfs.Answer) faultfs.Answer {
			for a.Err != nil && c.Kind == faultfs.OpSync {
				a = c.Do()
			}
			return a
		}, crashtest.Endless},
		"panics": {"fsync path=events.jsonl nth=3: EIO", func(c *faultfs.Call, a faultfs.Answer) faultfs.Answer {
			if a.Err != nil && c.Kind == faultfs.OpSync {
				panic(a.Err)
			}
			return a
		}, crashtest.Panicked},
		"leaves a goroutine running": {"fsync path=events.jsonl nth=3: EIO", func(c *faultfs.Call, a faultfs.Answer) faultfs.Answer {
			if a.Err != nil && c.Kind == faultfs.OpSync {
				go func() { select {} }()
			}
			return a
		}, crashtest.LeftRunning},
	} {
		right := faults(t, targetNamed(t, "single"), faultConfig(0, 0), c.plan)
		if right.Verdict != crashtest.Passed {
			t.Errorf("%s, without the mistake: %s, %v, %v", name, right.Verdict, right.Missed, right.Err())
		}
		r := faults(t, wrongOnPurpose(t, c.wrong), faultConfig(0, 0), c.plan)
		if r.Verdict != crashtest.Failed || r.Findings[0].Kind != c.want {
			t.Errorf("%s: %s, never struck: %v\n%v", name, r.Verdict, r.Missed, r.Err())
		}
	}
}
