package main

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"crashsim/crashtest"
	"crashsim/crashtest/report"
	"crashsim/crashtest/soak"
)

// stage does one stage, unless it was done. What it prints goes to a file.
func (f *releaseFlags) stage(cmd *cobra.Command, out *output, rel *release, s stage) error {
	dir := filepath.Join(f.artifacts, s.Name)
	i := slices.IndexFunc(rel.Stages, func(r stageResult) bool { return r.Name == s.Name })
	switch {
	case s.Skip != "":
		out.printf("%-28s not done: %s\n", s.Doc, s.Skip)
		return nil
	case i >= 0:
		out.printf("%-28s %s (done before)\n", s.Doc, outcome(rel.Stages[i], dir))
		return nil
	}
	args := append(slices.Clone(s.Args), "--artifacts="+dir)
	if _, err := os.Stat(filepath.Join(dir, soak.JournalName)); err == nil {
		args = append(args, "--resume")
	} else if err := os.RemoveAll(dir); err != nil { // what a life before had not come to the end of
		return usage("%w", err)
	}
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return usage("%w", err)
	}
	printed, err := os.Create(filepath.Join(dir, "output.txt"))
	if err != nil {
		return usage("%w", err)
	}
	begin := time.Now()
	var complaints bytes.Buffer
	var errOut = cmd.ErrOrStderr()
	if out.tty == nil {
		errOut = &complaints
	}
	code := execute(cmd.Context(), args, printed, errOut)
	if err := errors.Join(printed.Close(), writeErrors(dir, complaints.Bytes())); err != nil {
		return err
	}
	if code == exitInterrupted {
		return &exitError{exitInterrupted, errors.New("interrupted: crashsim verify-release --resume goes on with this stage")}
	}
	r := stageResult{Name: s.Name, Exit: code, Seconds: time.Since(begin).Seconds()}
	rel.Stages = append(rel.Stages, r)
	if err := f.keep(rel); err != nil {
		return err
	}
	out.printf("%-28s %s\n", s.Doc, outcome(r, dir))
	return nil
}

func writeErrors(dir string, text []byte) error {
	if len(text) == 0 {
		return nil
	}
	return writeWhole(filepath.Join(dir, "errors.txt"), text)
}

// outcome tells a stage in a few words.
func outcome(s stageResult, dir string) string {
	took := span(time.Duration(s.Seconds * float64(time.Second)))
	r, err := readRecord(dir)
	if err != nil || s.Exit == exitBroken || s.Exit == exitUsage {
		return "DID NOT WORK, " + took
	}
	return strings.Join([]string{
		strings.ToUpper(string(r.Verdict)), plural(len(r.Findings), "finding"), thousands(r.Counters.Recoveries) + " recoveries",
		thousands(r.Counters.Capped) + " capped", took,
	}, ", ")
}

// conclude makes one record and one page of what all stages came to.
func (f *releaseFlags) conclude(t *crashtest.Target, rel *release) (*crashtest.Record, error) {
	r := &crashtest.Record{
		Format: crashtest.RecordFormat, Version: crashtest.RecordVersion, Command: "verify-release", Crashsim: version(), Began: rel.Began,
		Target: t.Name, TargetDoc: t.Doc, Verdict: crashtest.Passed, Findings: []crashtest.FindingNote{}, Environment: crashtest.Here(),
		Settings: crashtest.Settings{Models: f.Models, Seed: f.Seed, Ops: f.Ops, MaxStates: crashtest.Defaults().MaxStates, Depth: crashtest.Defaults().Depth,
			Workers: f.Workers, More: map[string]string{"duration": f.Duration.String()}},
		Models: &crashtest.Table{Note: "The default workload under each model.", Columns: []string{"model", "verdict", "findings", "recoveries", "capped"}},
	}
	c := &conclusion{record: r}
	for _, s := range f.list() {
		if s.Skip != "" {
			c.not("", s.Doc+": "+s.Skip+".")
			continue
		}
		i := slices.IndexFunc(rel.Stages, func(r stageResult) bool { return r.Name == s.Name })
		c.stage(s, rel.Stages[i], filepath.Join(f.artifacts, s.Name))
	}
	for _, text := range standing {
		c.not("", text)
	}
	if names := f.modelsNotTried(); len(names) > 0 {
		c.not("", "Other persistence models: "+strings.Join(names, ", ")+".")
	}
	r.NotSearched = c.notSearched()
	if err := writeRecord(f.artifacts, r); err != nil {
		return nil, err
	}
	doc, err := readDoc(f.artifacts)
	if err != nil {
		return nil, err
	}
	var page bytes.Buffer
	if err := report.Write(&page, doc, "html"); err != nil {
		return nil, &exitError{exitBroken, err}
	}
	return r, writeWhole(filepath.Join(f.artifacts, "report.html"), page.Bytes())
}

// conclusion puts the records of stages together.
type conclusion struct {
	record *crashtest.Record
	texts  []string            // of what was not searched
	in     map[string][]string // by which stages
}

func (c *conclusion) not(stage, text string) {
	if c.in == nil {
		c.in = map[string][]string{}
	}
	if _, known := c.in[text]; !known {
		c.texts = append(c.texts, text)
	}
	c.in[text] = append(c.in[text], stage)
}

// notSearched names the stages to which each sentence applies.
func (c *conclusion) notSearched() (list []string) {
	for _, text := range c.texts {
		if stages := strings.Join(slices.DeleteFunc(c.in[text], func(s string) bool { return s == "" }), ", "); stages != "" {
			text = "[" + stages + "] " + text
		}
		list = append(list, text)
	}
	return list
}

func (c *conclusion) stage(s stage, result stageResult, dir string) {
	r := c.record
	r.Seconds += result.Seconds
	own, err := readRecord(dir)
	if err != nil || result.Exit == exitBroken || result.Exit == exitUsage {
		c.not("", s.Doc+": it did not work, see "+s.Name+" in the artifacts folder.")
		if r.Verdict == crashtest.Passed {
			r.Verdict = crashtest.Inconclusive
		}
		return
	}
	if own.Verdict == crashtest.Failed || r.Verdict == crashtest.Passed {
		r.Verdict = own.Verdict
	}
	n := &r.Counters
	n.Rounds += own.Counters.Rounds
	n.Ops += own.Counters.Ops
	n.CrashPoints += own.Counters.CrashPoints
	n.States += own.Counters.States
	n.Unique += own.Counters.Unique
	n.Recoveries += own.Counters.Recoveries
	n.Capped += own.Counters.Capped
	for _, f := range own.Findings {
		c.finding(s, f)
	}
	for _, text := range own.NotSearched {
		if !strings.HasPrefix(text, "Other persistence models ") { // told of all stages together
			c.not(s.Name, text)
		}
	}
	switch {
	case own.Models != nil:
		r.Models = own.Models
	case own.Command == "run":
		c.model(own)
	}
	if own.Audit != nil {
		r.Audit = own.Audit
	}
	if own.Faults != nil {
		r.Faults = own.Faults
	}
	if own.Command == "soak" && len(own.Throughput) > len(r.Throughput) {
		r.Throughput, r.Probes = own.Throughput, own.Probes
	}
}

// finding adds one that no stage before has told in the same words, or says that
// another model allows it.
func (c *conclusion) finding(s stage, f crashtest.FindingNote) {
	r := c.record
	i := slices.IndexFunc(r.Findings, func(known crashtest.FindingNote) bool { return known.Kind == f.Kind && known.Sentence == f.Sentence })
	if i < 0 {
		f.Number, f.Case = len(r.Findings)+1, s.Name+"/"+f.Case
		r.Findings = append(r.Findings, f)
		return
	}
	known := &r.Findings[i]
	known.Seen += f.Seen
	for _, m := range f.Models {
		if !slices.Contains(known.Models, m) {
			known.Models = append(known.Models, m)
		}
	}
}

func (c *conclusion) model(own *crashtest.Record) {
	state := map[crashtest.Verdict]crashtest.State{crashtest.Passed: crashtest.Good, crashtest.Failed: crashtest.Bad, crashtest.Inconclusive: crashtest.Open}[own.Verdict]
	c.record.Models.Rows = append(c.record.Models.Rows, []crashtest.Cell{
		{Text: strings.Join(own.Settings.Models, ", ")}, {Text: string(own.Verdict), State: state}, {Text: thousands(len(own.Findings))},
		{Text: thousands(own.Counters.Recoveries)}, {Text: thousands(own.Counters.Capped)},
	})
}

// verdict tells what all stages came to, and what was not checked.
func (o *output) verdict(r *crashtest.Record, dir string) {
	if len(r.Findings) > 0 {
		o.printf("\nfindings:\n")
	}
	for _, f := range r.Findings {
		o.printf("  %d. %s\n     under %s: %s\n", f.Number, f.Sentence, strings.Join(f.Models, ", "), filepath.Join(dir, f.Case))
	}
	n := r.Counters
	o.printf("\n%s: %s\n", strings.ToUpper(string(r.Verdict)), plural(len(r.Findings), "finding"))
	o.printf("%s, %s, %s crash points, %s states, %s recoveries, %s capped, %s\n", plural(n.Rounds, "round"), plural(n.Ops, "operation"),
		thousands(n.CrashPoints), thousands(n.States), thousands(n.Recoveries), thousands(n.Capped), span(time.Duration(r.Seconds*float64(time.Second))))
	o.printf("NOT CHECKED:\n")
	for _, text := range r.NotSearched {
		o.printf("  - %s\n", text)
	}
	o.printf("report: %s\n", filepath.Join(dir, "report.html"))
	if len(r.Findings) > 0 {
		o.printf("REPRODUCE: %s\n", report.Replay(filepath.Join(dir, r.Findings[0].Case)))
	}
}
