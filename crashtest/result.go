package crashtest

import (
	"errors"
	"fmt"
	"strings"
)

// Verdict is what a run comes to.
type Verdict string

// The verdicts. A budget that ran out is never a pass.
const (
	Passed       Verdict = "passed"
	Failed       Verdict = "failed"
	Inconclusive Verdict = "inconclusive"
)

// Result is what a run found.
type Result struct {
	Verdict     Verdict
	Workload    []string
	CrashPoints int // cuts of the power, and kills
	States      int // disks that were made, equal ones counted each time
	Unique      int // different disks
	Recoveries  int // one from each different disk, one from each different kill
	Capped      int // cuts that left more disks than were tried
	Findings    []*Finding
	Coverage    Coverage
	Probes      []Probe // what crashes took back, and what recovery did about it
	Interrupted bool
}

// Err is nil where the run passed, and otherwise says all that was found, for a
// test to fail with.
func (r *Result) Err() error {
	if r.Verdict == Passed {
		return nil
	}
	return errors.New(r.says(nil))
}

// says is the verdict, and each finding with what else is to be said of it.
func (r *Result) says(more []string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s", r.Verdict, plural(len(r.Findings), "finding"))
	if r.Capped > 0 {
		fmt.Fprintf(&b, ", %s not explored whole", plural(r.Capped, "cut"))
	}
	for i, f := range r.Findings {
		b.WriteString("\n\n" + strings.TrimRight(f.Report, "\n"))
		if i < len(more) {
			b.WriteString("\n" + more[i])
		}
	}
	return b.String()
}
