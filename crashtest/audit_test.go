package crashtest_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"crashsim/crashtest"
	"crashsim/faultfs"
)

func audit(t *testing.T, target *crashtest.Target) *crashtest.AuditResult {
	t.Helper()
	cfg := crashtest.Defaults()
	cfg.Ops = crashtest.AuditOps
	r, err := crashtest.Audit(t.Context(), target, cfg)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// table is an audit without what differs from one to the next.
func table(r *crashtest.AuditResult) string {
	var b strings.Builder
	for _, m := range r.Mutants {
		fmt.Fprintf(&b, "%s %s: %s %s %d\n", m.Site.Kind, m.Mutation, m.Verdict, m.Reason, m.Recoveries)
		if m.Case != nil {
			b.WriteString(m.Case.Report)
		}
	}
	return b.String()
}

// The mistakes that matter are noticed. Not to cut a torn tail, say, does not: a
// line has a checksum.
func TestAuditKills(t *testing.T) {
	r := audit(t, toyTarget(flaws{}))
	killed := map[string]bool{}
	for _, m := range r.Mutants {
		if m.Verdict == crashtest.Killed {
			killed[fmt.Sprintf("%s %s", m.Site.Kind, m.Mutation)] = true
			if m.Case == nil || m.Times == 0 || m.Recoveries == 0 {
				t.Errorf("%s, %s: killed by nothing", m.Site, m.Mutation)
			}
		}
	}
	for _, want := range []string{
		"fsync dropped", "fsync after the acknowledgement", "fsync of the wrong file", "fsync-dir dropped",
		"fsync failing, the error swallowed", "fsync failing, then reported as done", "fsync-dir of the wrong file",
	} {
		if !killed[want] {
			t.Errorf("not killed: %s\n%s", want, table(r))
		}
	}
	if len(r.Missing) > 0 || r.Count(crashtest.Undecided) > 0 {
		t.Errorf("a sound store lacks something:\n%s", table(r))
	}
	if again := audit(t, toyTarget(flaws{})); table(again) != table(r) {
		t.Errorf("the same audit again:\n%s\nand before:\n%s", table(again), table(r))
	}
}

// On a disk that syncs what is written by itself there is nothing left to do for the
// store's own sync: that is told, and not taken for a sync that can be saved.
func TestAuditOfWhatHasNothingToDo(t *testing.T) {
	target := toyTarget(flaws{})
	open := target.Open
	target.Open = func(disk faultfs.FS) (crashtest.Store, error) {
		return open(faultfs.Intercept(disk, func(c *faultfs.Call) faultfs.Answer {
			a := c.Do()
			if c.Kind == faultfs.OpWrite {
				a.Err = c.Opened().Sync()
			}
			return a
		}))
	}
	verdicts := map[crashtest.AuditVerdict]int{}
	r := audit(t, target)
	for _, m := range r.Mutants {
		if m.Site.Kind == faultfs.OpSync && m.Mutation == crashtest.Omitted {
			verdicts[m.Verdict]++
		}
	}
	if verdicts[crashtest.NotCovered] != 1 || verdicts[crashtest.Killed] != 1 {
		t.Errorf("%v\n%s", verdicts, table(r))
	}
}

// The barrier that was left out is the one that is suggested, and with it the store
// comes through; where no barrier helps, none is suggested.
func TestSuggest(t *testing.T) {
	for name, c := range map[string]struct {
		flaws flaws
		want  string // "" for none
	}{
		"no sync":               {flaws{noSync: true}, "a sync of the file log after operation"},
		"no sync of the folder": {flaws{noDirSync: true}, "a sync of the folder . after operation 1 (create log)"},
		"no cut":                {flaws{noCut: true}, ""},
		"no checksum":           {flaws{noChecksum: true}, ""},
		"deaf":                  {flaws{deaf: true}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := crashtest.Defaults()
			cfg.Ops = 20
			target := toyTarget(c.flaws)
			r, err := crashtest.Run(t.Context(), target, cfg)
			if err != nil || len(r.Findings) != 1 {
				t.Fatal(err, len(r.Findings))
			}
			m, err := crashtest.Suggest(context.Background(), target, cfg, r.Findings[0])
			if err != nil {
				t.Fatal(err)
			}
			switch {
			case c.want == "" && (m.Barrier != nil || m.Why == ""):
				t.Errorf("%s, for\n%s", m, r.Findings[0].Report)
			case c.want == "":
			case m.Barrier == nil || !strings.HasPrefix(m.Barrier.String(), c.want):
				t.Errorf("%s, want %s", m, c.want)
			default:
				if err := crashtest.Check(t.Context(), m.Barrier.On(target), cfg); err != nil {
					t.Errorf("with %s: %v", m.Barrier, err)
				}
			}
		})
	}
}
