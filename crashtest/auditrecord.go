package crashtest

import (
	"fmt"
	"strings"
)

// Detection tells in one line what kills a mutant, and how soon it was found.
func (m *Audited) Detection() string {
	if m.Case == nil {
		return ""
	}
	return fmt.Sprintf("%s (recovered %s, %.1f s)", m.Case.brief(), plural(m.Recoveries, "time"), m.Took.Seconds())
}

// brief tells a case in one line.
func (c *Case) brief() string {
	parts := []string{plural(len(c.Scenario.Ops), "operation")}
	for _, crash := range c.Scenario.Crashes {
		part := "power cut"
		switch {
		case crash.Kill:
			part = "kill"
		case crash.In == InRecovery && crash.At == AtEnd:
			part = "reopened"
		}
		if crash.In != InWorkload && part == "power cut" {
			part += " in " + string(crash.In)
		}
		if n := len(crash.Lost); n > 0 {
			part += " that loses " + plural(n, "effect")
		}
		parts = append(parts, part)
	}
	return strings.Join(parts, ", ") + ": " + string(c.Kind)
}

// Verdict is Passed where each mutant is killed or redundant, and the store comes
// through as it is.
func (r *AuditResult) Verdict() Verdict {
	switch {
	case len(r.Missing) > 0 || r.Count(NotCovered) > 0:
		return Failed
	case r.Count(Undecided) > 0 || r.Interrupted || len(r.Mutants) == 0:
		return Inconclusive
	}
	return Passed
}

// NewAuditRecord makes the record of an audit. Who calls it adds Crashsim, Began
// and Seconds.
func NewAuditRecord(t *Target, cfg Config, r *AuditResult) *Record {
	workloads := &Result{Verdict: r.Verdict(), Interrupted: r.Interrupted}
	for _, ops := range r.Workloads {
		workloads.Workload = append(workloads.Workload, ops...)
	}
	for _, m := range r.Missing {
		workloads.Findings = append(workloads.Findings, m.Finding)
	}
	for _, m := range r.Mutants {
		workloads.Recoveries += m.Recoveries
	}
	rec := NewRecord(t, cfg, workloads)
	rec.Command = "audit"
	for i, m := range r.Missing {
		rec.Findings[i].Barrier = m.String()
	}
	killed, of := r.Count(Killed), len(r.Mutants)-r.Count(Redundant)
	rec.Audit = &Table{
		Note:    fmt.Sprintf("Each barrier, and each mistake that could be made with it. Of %d that are not redundant %d are killed.", of, killed),
		Columns: []string{"site", "mistake", "verdict", "smallest crash, or reason"},
	}
	states := map[AuditVerdict]State{Killed: Good, NotCovered: Bad, Undecided: Open}
	for _, m := range r.Mutants {
		last := m.Reason
		if m.Case != nil {
			last = m.Detection()
		}
		rec.Audit.Rows = append(rec.Audit.Rows, []Cell{
			{Text: m.Site.String()}, {Text: string(m.Mutation)}, {Text: string(m.Verdict), State: states[m.Verdict]}, {Text: last},
		})
	}
	return rec
}
