package main

import (
	"cmp"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"crashsim/crashtest"
	"crashsim/crashtest/report"
	"crashsim/faultfs"
)

const (
	maxPairs  = 1 << 30
	maxStarts = 1 << 16
)

type faultFlags struct {
	runFlags
	plans  []string
	pairs  int
	starts int
}

func faultsCommand() *cobra.Command {
	defaults := crashtest.FaultDefaults()
	f := &faultFlags{runFlags: runFlags{Config: defaults.Config}, pairs: defaults.Pairs, starts: defaults.Starts}
	cmd := &cobra.Command{
		Use:   "faults [TARGET]",
		Short: "try a target (store, if none is given) with every fault that a disk can have",
		Long: `Faults records the calls that a small workload makes of the disk, and carries the
workload out once for each call and each fault that applies to it: errors before
and after the deed, short and torn writes, failed syncs, full and lying disks,
damage. Each time the caller goes on, asking again or not; the power is cut at each
later moment that matters; and the store is opened again. The same is done to
recoveries, and with pairs of faults. What it finds is shrunk and written to the
artifacts folder.

With --fault only that plan is tried.

` + faultPlans,
		Example: `  crashsim faults store
  crashsim faults seedstore --fault 'write path=events.jsonl nth=3: short=1 ENOSPC'`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return f.runFaults(cmd, targetArg(args)) },
	}
	f.searchFlags(cmd)
	f.flag(cmd)
	fl := cmd.Flags()
	_ = fl.MarkHidden("depth") // a fault in recovery is tried in its place
	fl.IntVar(&f.Ops, "ops", f.Ops, "operations in the workload, about")
	fl.StringArrayVar(&f.plans, "fault", nil, "try this fault plan and not the matrix; may be given again")
	fl.IntVar(&f.pairs, "pairs", f.pairs, "pairs of faults tried; where there are more they are drawn by the seed")
	fl.IntVar(&f.starts, "starts", f.starts, "disks left by crashes that are recovered from with faults, each of another way that recovery goes, beside the one at the end; 0: none")
	fl.BoolVar(&f.KeepGoing, "keep-going", false, "try as many disks at a cut after a failure")
	fl.BoolVar(&f.json, "json", false, "write one JSON object a line: start, progress, finding, row, summary")
	fl.StringVar(&f.artifacts, "artifacts", "crashsim-out", "folder for the record of the run, and the case files of what is found; those of the run before go")
	return cmd
}

func (f *faultFlags) config() (cfg crashtest.FaultConfig, err error) {
	if err = f.check(); err != nil {
		return cfg, err
	}
	if err := within(bound{"pairs", f.pairs, 0, maxPairs}, bound{"starts", f.starts, 0, maxStarts}); err != nil {
		return cfg, err
	}
	cfg = crashtest.FaultConfig{Config: f.Config, Pairs: f.pairs, Starts: f.starts}
	for _, text := range f.plans {
		plan, err := faultfs.ParsePlan(text)
		if err == nil && len(plan) == 0 {
			err = errors.New("a plan of no faults")
		}
		if err != nil {
			return cfg, usage("--fault %q: %w", text, err)
		}
		cfg.Plans = append(cfg.Plans, plan)
	}
	return cfg, nil
}

func (f *faultFlags) runFaults(cmd *cobra.Command, name string) error {
	target, err := targetNamed(name)
	if err != nil {
		return err
	}
	cfg, err := f.config()
	if err != nil {
		return err
	}
	out, done, err := f.begin(cmd, target)
	if err != nil {
		return err
	}
	defer done()
	cfg.Progress = f.Progress
	result, err := crashtest.Faults(cmd.Context(), target, cfg)
	out.endProgress()
	if err != nil {
		return &exitError{exitBroken, err}
	}
	took := time.Since(out.begin)
	record := crashtest.NewFaultRecord(target, cfg, result)
	record.Crashsim, record.Began, record.Seconds = version(), out.begin.UTC(), took.Seconds()
	record.Throughput = out.samples.end(took, &result.Result)
	last := ""
	for i, finding := range result.Findings {
		note := &record.Findings[i]
		note.Case = fmt.Sprintf("%s-faults-%d-%02d.case", target.Name, f.Seed, i+1)
		path := out.leave(f.artifacts, note, finding.Case)
		last = cmp.Or(last, path)
		out.finding(i+1, len(result.Findings), finding, nil, path)
	}
	out.keep(f.keep(cmd, f.artifacts, record))
	out.faults(result, record, took, last)
	return out.exit(exitOf(&result.Result))
}

// faults tells the table of a run with faults, and what it came to.
func (o *output) faults(r *crashtest.FaultResult, record *crashtest.Record, took time.Duration, reproduce string) {
	if o.json != nil {
		o.faultObjects(r, took)
		return
	}
	o.table(record.Faults)
	o.printf("%s: %s\n", strings.ToUpper(string(r.Verdict)), plural(len(r.Findings), "finding"))
	o.printf("%d operations, %s calls; %s single faults, %s in %d recoveries, %s of %s pairs; %s found nothing to strike\n", len(r.Workload),
		thousands(r.Calls), thousands(r.Singles), thousands(r.InRecovery), r.Starts, thousands(r.Pairs), thousands(r.AllPairs), thousands(r.Idle))
	o.printf("%s crashes after a fault, %s states, %s unique, %s recoveries, %d capped, %.1f s\n",
		thousands(r.CrashPoints), thousands(r.States), thousands(r.Unique), thousands(r.Recoveries), r.Capped, took.Seconds())
	for _, line := range record.NotSearched {
		o.printf("not tried: %s\n", line)
	}
	if r.Known > 0 {
		o.printf("%s failures come without a fault too, and are not told here: crashsim run %s\n", thousands(r.Known), record.Target)
	}
	if r.Interrupted {
		o.printf("interrupted: the figures are of what was tried until then\n")
	}
	if reproduce != "" {
		o.printf("REPRODUCE: %s\n", report.Replay(reproduce))
	}
}

// table prints a table in columns that line up.
func (o *output) table(t *crashtest.Table) {
	widths := make([]int, len(t.Columns))
	rows := [][]string{t.Columns}
	for _, row := range t.Rows {
		var texts []string
		for _, c := range row {
			texts = append(texts, c.Text)
		}
		rows = append(rows, texts)
	}
	for _, row := range rows {
		for i, text := range row {
			widths[i] = max(widths[i], len(text))
		}
	}
	for _, row := range rows {
		line := ""
		for i, text := range row {
			if i == 0 {
				line = fmt.Sprintf("%-*s", widths[i], text)
			} else {
				line += "  " + strings.Repeat(" ", widths[i]-len(text)) + text
			}
		}
		o.printf("%s\n", line)
	}
	o.printf("%s\n\n", t.Note)
}

func (o *output) faultObjects(r *crashtest.FaultResult, took time.Duration) {
	for _, row := range r.Rows {
		o.object(struct {
			Type    string                    `json:"type"`
			Class   string                    `json:"class"`
			Lying   bool                      `json:"lying"`
			Tried   int                       `json:"tried"`
			Idle    int                       `json:"idle"`
			Outcome map[crashtest.Outcome]int `json:"outcome"`
		}{"row", row.Class, row.Lying, row.Tried, row.Idle, row.Outcome})
	}
	o.object(struct {
		Type        string  `json:"type"`
		Verdict     string  `json:"verdict"`
		Ops         int     `json:"ops"`
		Calls       int     `json:"calls"`
		Singles     int     `json:"singles"`
		InRecovery  int     `json:"in_recovery"`
		Pairs       int     `json:"pairs"`
		AllPairs    int     `json:"all_pairs"`
		Idle        int     `json:"idle"`
		Known       int     `json:"known"`
		CrashPoints int     `json:"crash_points"`
		States      int     `json:"states"`
		Unique      int     `json:"unique_states"`
		Recoveries  int     `json:"recoveries"`
		Capped      int     `json:"capped"`
		Findings    int     `json:"findings"`
		Interrupted bool    `json:"interrupted"`
		Seconds     float64 `json:"seconds"`
	}{"summary", string(r.Verdict), len(r.Workload), r.Calls, r.Singles, r.InRecovery, r.Pairs, r.AllPairs, r.Idle, r.Known,
		r.CrashPoints, r.States, r.Unique, r.Recoveries, r.Capped, len(r.Findings), r.Interrupted, took.Seconds()})
}
