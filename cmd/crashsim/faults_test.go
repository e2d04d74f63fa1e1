package main

import (
	"strings"
	"testing"
)

// A plan that does not parse is told with its column; one that never strikes is no
// pass; and what one finds is kept, and repeats.
func TestFaultPlans(t *testing.T) {
	dir := t.TempDir()
	for _, c := range []struct {
		plan string
		code int
		says string
	}{
		{"fsync nth=0: EIO", exitUsage, "column 11: expected a number from 1 on"},
		{"fsync: EWHAT", exitUsage, "column 8: expected what happens"},
		{"", exitUsage, "a plan of no faults"},
		{"fsync nth=100000: EIO", exitInconclusive, "a fault never struck: fsync nth=100000: EIO"},
		{"write path=events.jsonl nth=1: short=9 ENOSPC", exitFailed, "REPRODUCE: crashsim replay"},
	} {
		a := crashsim(t, "faults", "seedstore", "--ops", "3", "--artifacts", dir, "--fault", c.plan)
		if a.code != c.code || !strings.Contains(a.out+a.err, c.says) {
			t.Errorf("%q: exit %d, no %q in\n%s%s", c.plan, a.code, c.says, a.out, a.err)
		}
	}
	if a := crashsim(t, "replay", dir+"/seedstore-faults-1-01.case"); a.code != exitFailed {
		t.Errorf("the replay: exit %d\n%s%s", a.code, a.out, a.err)
	}
	if a := crashsim(t, "faults", "--pairs", "-1"); a.code != exitUsage || !strings.Contains(a.err, "--pairs -1") {
		t.Errorf("exit %d: %s", a.code, a.err)
	}
}
