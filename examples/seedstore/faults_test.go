//go:build !race

package seedstore_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"crashsim/crashtest"
	"crashsim/examples/workerruntime"
	"crashsim/faultfs"
)

const faultsHead = `# What faults find in this store

Each of these is one fault of a disk, and what the design as first written makes of it, beside what [crashes](FINDINGS.md) do to
it. ` + "`crashsim faults seedstore`" + ` finds these and more; the plan of each is as --fault takes it. The test beside this file fails when
one is no longer found. To write it anew: ` + "`go test ./examples/seedstore -run Faults -update`" + `.
`

// faultOps use each file of one runtime, and open the store once more.
var faultOps = []string{
	"worker r1 w1 running 300", "runtime r1 running", "event r1 worker_created w1 100", "transcript r1 w1 user 100", crashtest.Reopen, "runtime r1 stopped",
}

var faultCauses = []struct {
	title string
	plan  string
	kind  crashtest.Kind
}{
	{"A half line after ENOSPC locks the store up: nothing takes it back, and the next line is written behind it",
		"write path=events.jsonl nth=5: short=20 ENOSPC", crashtest.Stuck},
	{"An append that is tried again after its fsync failed is there twice",
		"fsync path=transcript.jsonl nth=2: EIO", crashtest.WrongState},
	{"It believes in the second fsync: the first has failed, the system has given the line up, and what was acknowledged after it is locked up with it",
		"fsync path=events.jsonl nth=1: mode=ext4-ordered EIO", crashtest.Refused},
	{"A bit that flips at rest is handed out as good data: there is no checksum",
		"open path=runtime.json nth=1: flip=873", crashtest.HandedOut},
	{"It takes an error of stat for \"there is nothing\", and begins anew over what is there",
		"stat path=id-2e2e nth=7: EIO", crashtest.WrongState},
	{"A write that stops short without an error is acknowledged, and lost",
		"write path=transcript.jsonl nth=1: short=0", crashtest.WrongState},
	{"A creation that one error has cut short is never finished: the folder is there, and the snapshot is not",
		"write path=.runtime.json.tmp-1-1 nth=1: ENOSPC", crashtest.Refused},
	{"An I/O error is reported as corrupt data: the caller would give up what is whole",
		"stat path=id-2e2e nth=8: EIO", crashtest.Misreported},
	{"A worker's snapshot is there and its log is not, after one error between the two",
		"create path=transcript.jsonl nth=1: EMFILE", crashtest.Stuck},
}

func TestFaultsAreStillFound(t *testing.T) {
	var target crashtest.Target
	for _, target = range workerruntime.Targets() {
		if target.Name == "seedstore" {
			break
		}
	}
	target.Generate = func(crashtest.Chooser, int) []string { return faultOps }
	var b strings.Builder
	b.WriteString(faultsHead)
	for i, c := range faultCauses {
		plan, err := faultfs.ParsePlan(c.plan)
		if err != nil {
			t.Fatal(err)
		}
		cfg := crashtest.FaultDefaults()
		cfg.Plans = []faultfs.Plan{plan}
		r, err := crashtest.Faults(t.Context(), &target, cfg)
		if err != nil {
			t.Fatal(err)
		}
		var found *crashtest.Finding
		for _, f := range r.Findings {
			if f.Kind == c.kind && found == nil {
				found = f
			}
		}
		if found == nil {
			t.Errorf("%s: %s, never struck: %v: %v", c.title, r.Verdict, r.Missed, r.Err())
			continue
		}
		fmt.Fprintf(&b, "\n## %d. %s\n\n    --fault '%s'\n\n```\n%s```\n", i+1, c.title, c.plan, found.Report)
	}
	if *update {
		if err := os.WriteFile("FAULTS.md", []byte(b.String()), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile("FAULTS.md")
	if err != nil {
		t.Fatal(err)
	}
	if now, then := callers.ReplaceAllString(b.String(), "$1"), callers.ReplaceAllString(string(want), "$1"); now != then {
		t.Errorf("it is not as in FAULTS.md: look at it, then go test ./examples/seedstore -run Faults -update\n%s", now)
	}
}
