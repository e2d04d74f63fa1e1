package main

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"crashsim/crashtest"
)

type auditFlags struct{ runFlags }

func auditCommand() *cobra.Command {
	f := &auditFlags{runFlags{Config: crashtest.Defaults()}}
	f.Ops = crashtest.AuditOps
	cmd := &cobra.Command{
		Use:   "audit [TARGET]",
		Short: "take each barrier of a target (store, if none is given) away, and show the crash that it prevents",
		Long: `Audit finds every barrier and ordering point of a store by its source line while
small workloads run: syncs, renames, changes of size, files that must be new. It
makes one mistake at a time with each, without compiling anything: the call is
dropped, comes late, fails, or is of the wrong file. A mistake is killed where the
store then fails, in a state that it never comes to without. What survives is
searched exhaustively: it is redundant within these bounds, or not covered by the
workloads, which is a gap. Of a store that fails as it is, audit tells the barriers
that are missing.

Exit codes: 0 each mistake is killed or redundant; 1 one is not covered, or the
store fails as it is; 2 wrong usage; 3 the harness broke; 4 not everything was
tried; 130 interrupted.`,
		Example: `  crashsim audit store
  crashsim audit seedstore --json`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return f.audit(cmd, targetArg(args)) },
	}
	f.searchFlags(cmd)
	f.flag(cmd)
	fl := cmd.Flags()
	fl.IntVar(&f.Ops, "ops", f.Ops, "operations in each of the workloads, about")
	fl.BoolVar(&f.json, "json", false, "write one JSON object a line: start, progress, mutant, missing, summary")
	fl.StringVar(&f.artifacts, "artifacts", "crashsim-out", "folder for the record of the audit; that of the run before goes")
	return cmd
}

func (f *auditFlags) audit(cmd *cobra.Command, name string) error {
	target, err := targetNamed(name)
	if err != nil {
		return err
	}
	if err := f.check(); err != nil {
		return err
	}
	out, done, err := f.begin(cmd, target)
	if err != nil {
		return err
	}
	defer done()
	result, err := crashtest.Audit(cmd.Context(), target, f.Config)
	out.endProgress()
	if err != nil {
		return &exitError{exitBroken, err}
	}
	took := time.Since(out.begin)
	record := crashtest.NewAuditRecord(target, f.Config, result)
	record.Crashsim, record.Began, record.Seconds = version(), out.begin.UTC(), took.Seconds()
	out.keep(f.keep(cmd, f.artifacts, record))
	out.audit(result, took)
	return out.exit(exitOfRecord(record))
}

// audit tells what an audit found.
func (o *output) audit(r *crashtest.AuditResult, took time.Duration) {
	if o.json != nil {
		o.auditObjects(r, took)
		return
	}
	var last crashtest.Site
	for _, m := range r.Mutants {
		if m.Site != last {
			o.printf("%s\n", m.Site)
			last = m.Site
		}
		o.printf("  %-11s %-28s %s\n", m.Verdict, m.Mutation, cmp.Or(m.Reason, m.Detection()))
	}
	for i, m := range r.Missing {
		o.printf("\nMISSING %d of %d: %s  to mend it: %s\n", i+1, len(r.Missing), m.Report, m.Mend)
	}
	killed, redundant := r.Count(crashtest.Killed), r.Count(crashtest.Redundant)
	o.printf("\nAUDIT: %d of %d mutants that are not redundant are killed (%s)\n", killed, len(r.Mutants)-redundant, percent(killed, len(r.Mutants)-redundant))
	o.printf("%d redundant, %d not covered, %d undecided; %d sites in %d workloads, %.1f s\n", redundant,
		r.Count(crashtest.NotCovered), r.Count(crashtest.Undecided), len(r.Sites), len(r.Workloads), took.Seconds())
	if n := len(r.Missing); n > 0 {
		o.printf("the store fails as it is, in %d ways: a mutant is killed where it fails in another\n", n)
	}
	if r.Interrupted {
		o.printf("interrupted: the figures are of what was tried until then\n")
	}
}

func percent(n, of int) string {
	if of == 0 {
		return "there are none"
	}
	return fmt.Sprintf("%d%%", 100*n/of)
}

func (o *output) auditObjects(r *crashtest.AuditResult, took time.Duration) {
	for _, m := range r.Mutants {
		report := ""
		if m.Case != nil {
			report = m.Case.Report
		}
		o.object(struct {
			Type       string  `json:"type"`
			Site       string  `json:"site"`
			Mutation   string  `json:"mutation"`
			Verdict    string  `json:"verdict"`
			Reason     string  `json:"reason,omitempty"`
			Report     string  `json:"report,omitempty"`
			Times      int     `json:"times"`
			Recoveries int     `json:"recoveries"`
			Seconds    float64 `json:"seconds"`
		}{"mutant", m.Site.String(), string(m.Mutation), string(m.Verdict), m.Reason, report, m.Times, m.Recoveries, m.Took.Seconds()})
	}
	for _, m := range r.Missing {
		barrier := ""
		if m.Barrier != nil {
			barrier = m.Barrier.String()
		}
		o.object(struct {
			Type    string `json:"type"`
			Kind    string `json:"kind"`
			Barrier string `json:"barrier,omitempty"`
			Why     string `json:"why,omitempty"`
			Report  string `json:"report"`
		}{"missing", string(m.Kind), barrier, m.Why, m.Report})
	}
	verdicts := map[string]int{}
	for _, m := range r.Mutants {
		verdicts[strings.ReplaceAll(string(m.Verdict), " ", "_")]++
	}
	o.object(struct {
		Type        string         `json:"type"`
		Mutants     int            `json:"mutants"`
		Verdicts    map[string]int `json:"verdicts"`
		Missing     int            `json:"missing"`
		Sites       int            `json:"sites"`
		Workloads   int            `json:"workloads"`
		Interrupted bool           `json:"interrupted"`
		Seconds     float64        `json:"seconds"`
	}{"summary", len(r.Mutants), verdicts, len(r.Missing), len(r.Sites), len(r.Workloads), r.Interrupted, took.Seconds()})
}
