package main

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"crashsim/crashtest"
	"crashsim/faultfs"
)

const (
	maxOps     = 100_000
	maxWorkers = 4096
	maxStates  = 1 << 24
	maxDepth   = 8
)

type runFlags struct {
	crashtest.Config
	model     string
	models    []faultfs.Model // that it names
	search    string
	json      bool
	artifacts string
	publisher
	probes string
	wanted []string // that it names
}

func runCommand() *cobra.Command {
	f := &runFlags{Config: crashtest.Defaults()}
	cmd := &cobra.Command{
		Use:   "run [TARGET]",
		Short: "explore a target (store, if none is given)",
		Long: `Run records a workload on a target, makes every disk that a power cut or a kill
could leave at each moment of it, recovers from each, crashes inside recovery
included, and judges what comes back. What it finds is shrunk and written to the
artifacts folder, one case file for each cause, beside run.json, the record of the
run.`,
		Example: `  crashsim run seedstore --ops 4
  crashsim run store --seed 7 --ops 40`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return f.run(cmd, targetArg(args)) },
	}
	f.searchFlags(cmd)
	f.flag(cmd)
	fl := cmd.Flags()
	fl.IntVar(&f.Ops, "ops", f.Ops, "operations in the workload, about")
	fl.BoolVar(&f.KeepGoing, "keep-going", false, "explore as much after a failure, and kills too; else the cuts that are left are sampled")
	fl.BoolVar(&f.json, "json", false, "write one JSON object a line: start, progress, finding, summary")
	fl.StringVar(&f.artifacts, "artifacts", "crashsim-out", "folder for the record of the run, and the case files of what is found; those of the run before go")
	fl.StringVar(&f.probes, "probes", "", "file of probes, one a line, each of which has to fire: else the run is inconclusive")
	return cmd
}

// searchFlags are those that run and shrink have in common.
func (f *runFlags) searchFlags(cmd *cobra.Command) {
	fl := cmd.Flags()
	fl.Uint64Var(&f.Seed, "seed", f.Seed, "what everything random comes from")
	fl.IntVar(&f.Workers, "workers", f.Workers, "disks that are recovered from at once; changes no result")
	fl.IntVar(&f.MaxStates, "max-states", f.MaxStates, "disks tried at one cut; where it leaves more they are sampled, and the run is inconclusive")
	fl.StringVar(&f.search, "search", string(f.Search), "how the disks of a cut are gone through: auto (lazy, for several models), exhaustive, lazy, alice, random")
	fl.StringVar(&f.model, "model", faultfs.POSIX.Name, "persistence model, or several parted by commas, or all; or a file with one: see crashsim list, docs/models.md")
	fl.IntVar(&f.Depth, "depth", f.Depth, "crashes inside recovery, one in another")
}

// bound is what the number of a flag may be.
type bound struct {
	flag          string
	value, lo, hi int
}

// within refuses the first number that is out of bounds.
func within(list ...bound) error {
	for _, b := range list {
		if b.value < b.lo || b.value > b.hi {
			return usage("--%s %d: give a number from %d to %d", b.flag, b.value, b.lo, b.hi)
		}
	}
	return nil
}

func (f *runFlags) check() error {
	if err := within(bound{"ops", f.Ops, 1, maxOps}, bound{"workers", f.Workers, 1, maxWorkers},
		bound{"max-states", f.MaxStates, 1, maxStates}, bound{"depth", f.Depth, 0, maxDepth}); err != nil {
		return err
	}
	search, err := crashtest.SearchNamed(f.search)
	if err != nil {
		return usage("--search %w", err)
	}
	f.Search = search
	if f.models, err = modelsNamed(f.model); err != nil {
		return err
	}
	f.Model = f.models[0]
	return nil
}

// begin is the beginning of a command that explores a target, once its flags are
// checked: where it is to write is there, and the engine can be believed. The caller is
// done at its end.
func (f *runFlags) begin(cmd *cobra.Command, target *crashtest.Target) (out *output, done func(), err error) {
	dir, err := openArtifacts(f.artifacts)
	if err != nil {
		return nil, nil, err
	}
	if err = f.publisher.check(); err == nil { // its file may be one of the artifacts
		if err = crashtest.Canary(cmd.Context(), f.Config); err != nil {
			err = &exitError{exitBroken, err}
		}
	}
	if err != nil {
		dir.done()
		return nil, nil, err
	}
	out = newOutput(cmd.OutOrStdout(), cmd.ErrOrStderr(), f.json)
	out.start(target, f)
	f.Progress = out.progress
	return out, dir.done, nil
}

func (f *runFlags) run(cmd *cobra.Command, name string) error {
	target, err := targetNamed(name)
	if err != nil {
		return err
	}
	if err := f.check(); err != nil {
		return err
	}
	if len(f.models) > 1 && !cmd.Flags().Changed("search") {
		f.Search = crashtest.SearchLazy // else it would take fourteen times as long
	}
	if f.wanted, err = readProbes(f.probes); err != nil {
		return err
	}
	out, done, err := f.begin(cmd, target)
	if err != nil {
		return err
	}
	defer done()
	if len(f.models) > 1 {
		return f.runModels(cmd, target, out)
	}
	result, err := crashtest.Run(cmd.Context(), target, f.Config)
	out.endProgress()
	if err != nil {
		return &exitError{exitBroken, err}
	}
	record := crashtest.NewRecord(target, f.Config, result)
	return f.tell(cmd, target, out, result, record)
}

// tell prints what was found and the summary, and leaves the record and the cases.
func (f *runFlags) tell(cmd *cobra.Command, target *crashtest.Target, out *output, result *crashtest.Result, record *crashtest.Record) error {
	took := time.Since(out.begin)
	never := crashtest.NeverSeen(f.wanted, result.Probes)
	if len(never) > 0 && result.Verdict == crashtest.Passed {
		result.Verdict = crashtest.Inconclusive
		record.Verdict = result.Verdict
	}
	record.Crashsim, record.Began, record.Seconds = version(), out.begin.UTC(), took.Seconds()
	record.Throughput = out.samples.end(took, result)
	last := ""
	for i, finding := range result.Findings {
		note := &record.Findings[i]
		note.Case = fmt.Sprintf("%s-%d-%02d.case", target.Name, f.Seed, i+1)
		path := out.leave(f.artifacts, note, finding.Case)
		last = cmp.Or(last, path)
		cfg := f.Config
		var err error
		if cfg.Model, err = finding.Rule(); err != nil {
			return &exitError{exitBroken, err}
		}
		mend, err := crashtest.Suggest(cmd.Context(), target, cfg, finding)
		if err != nil {
			return &exitError{exitBroken, err}
		}
		note.Barrier = mend.String()
		out.finding(i+1, len(result.Findings), finding, mend, path)
	}
	out.keep(f.keep(cmd, f.artifacts, record))
	out.never(never)
	out.summary(result, record, took, last)
	return out.exit(exitOf(result))
}

func exitOf(r *crashtest.Result) error {
	switch {
	case r.Interrupted:
		return &exitError{code: exitInterrupted}
	case r.Verdict == crashtest.Failed:
		return &exitError{code: exitFailed}
	case r.Verdict == crashtest.Inconclusive:
		return &exitError{code: exitInconclusive}
	}
	return nil
}

// artifacts is a folder that can be written to.
type artifacts struct {
	made []string // with the folders above it that were made for it, the innermost first
}

// openArtifacts makes the folder, and tries it before the work and not after.
func openArtifacts(dir string) (*artifacts, error) {
	a := &artifacts{}
	for up := dir; missing(up); up = filepath.Dir(up) {
		a.made = append(a.made, up)
	}
	err := os.MkdirAll(dir, 0o777)
	if err == nil {
		var f *os.File
		if f, err = os.CreateTemp(dir, tempPattern); err == nil {
			err = errors.Join(f.Close(), os.Remove(f.Name()))
		}
	}
	if err != nil {
		a.done()
		return nil, usage("--artifacts: %w: give a folder that can be written to", err)
	}
	return a, nil
}

func missing(path string) bool {
	_, err := os.Stat(path)
	return errors.Is(err, os.ErrNotExist)
}

// done takes away the folders that were made and not needed.
func (a *artifacts) done() {
	for _, dir := range a.made {
		_ = os.Remove(dir) // which fails where there is something in it
	}
}

// readCase reads a case file, and finds its target.
func readCase(path string) (*crashtest.Case, *crashtest.Target, error) {
	c, err := parseCase(path)
	if err != nil {
		return nil, nil, err
	}
	t, err := targetFor(c, path)
	return c, t, err
}

// targetFor is targetOf for a case in a file.
func targetFor(c *crashtest.Case, path string) (*crashtest.Target, error) {
	t, err := targetNamed(c.Target)
	if err != nil {
		return nil, usage("%s: %w; give a case of a target that crashsim list shows (those of other stores are for crashtest.Regress, in their tests)", path, err)
	}
	if err := c.Check(t); err != nil {
		return nil, usage("%s: %w: give a case as crashsim wrote it; what it can name is in crashsim list", path, err)
	}
	return t, nil
}

func parseCase(path string) (*crashtest.Case, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, usage("%w: give a case file, such as a run leaves in its artifacts folder", err)
	}
	var c crashtest.Case
	if err := c.UnmarshalText(text); err != nil {
		return nil, usage("%s: %w; give a case file as crashsim wrote it", path, err)
	}
	return &c, nil
}

// targetOf finds the target of a case, if that knows all that is in it.
func targetOf(c *crashtest.Case) (*crashtest.Target, error) {
	t, err := targetNamed(c.Target)
	if err != nil {
		return nil, err
	}
	return t, c.Check(t)
}
