package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"crashsim/crashtest"
	"crashsim/faultfs"
)

type releaseFlags struct {
	Target    string
	Seed      uint64
	Ops       int
	Workers   int
	Duration  time.Duration
	Rounds    int
	Models    []string
	Without   []string // stages
	artifacts string
	resume    bool
	cases     int            // regression cases that there are
	list      func() []stage // all of them; a test has its own
}

func releaseCommand() *cobra.Command {
	f := &releaseFlags{Duration: 30 * time.Minute}
	f.list = f.stages
	d := crashtest.Defaults()
	cmd := &cobra.Command{
		Use:   "verify-release [TARGET]",
		Short: "all that is to be tried before a release, with one verdict (of store, if none is given)",
		Long: `Verify-release explores the regression cases, then the default workload under each
persistence model and with each fault, audits every barrier, and soaks. Each of these stages is a
command of crashsim, with a folder of its own in the artifacts folder for what it
prints and finds; --resume goes on behind the last one that came to its end.

It ends with one verdict, one record (crashsim report DIR), one page, report.html,
and what was not checked. It passes where every stage has passed.`,
		Example: `  crashsim verify-release store --duration 2h
  crashsim verify-release --resume
  crashsim verify-release store --ops 4 --model posix --without audit,faults --rounds 2`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			f.Target = "store"
			if len(args) > 0 {
				f.Target = args[0]
			}
			return f.verify(cmd, len(args) > 0)
		},
	}
	fl := cmd.Flags()
	fl.DurationVar(&f.Duration, "duration", f.Duration, "time for the soak")
	fl.IntVar(&f.Rounds, "rounds", 0, "rounds of the soak, in place of a time for it")
	fl.Uint64Var(&f.Seed, "seed", d.Seed, "what everything random comes from")
	fl.IntVar(&f.Ops, "ops", d.Ops, "operations in the default workload, about")
	fl.IntVar(&f.Workers, "workers", d.Workers, "how much is done at once; changes no result")
	fl.StringSliceVar(&f.Models, "model", []string{"all"}, "persistence models")
	fl.StringSliceVar(&f.Without, "without", nil, "stages to leave out, which is told as not checked: cases, models, faults, audit, soak")
	fl.StringVar(&f.artifacts, "artifacts", "crashsim-release", "folder for all that the stages leave")
	fl.BoolVar(&f.resume, "resume", false, "go on with what is in the artifacts folder, under its own settings")
	return cmd
}

// stage is one command line, and a folder for it.
type stage struct {
	Name string   // and folder
	Doc  string   // what it tries
	Args []string // without what says where it writes
	Skip string   // why it is not done, "" if it is
}

// stages are all that there is to do, with those marked that are left out.
func (f *releaseFlags) stages() []stage {
	list := f.all()
	for i := range list {
		if slices.Contains(f.Without, list[i].Name) {
			list[i].Skip = "it was left out by --without " + list[i].Name
		}
	}
	return list
}

// all puts the stages in their order: what is soon over comes first.
func (f *releaseFlags) all() []stage {
	seed, workers, ops := fmt.Sprint("--seed=", f.Seed), fmt.Sprint("--workers=", f.Workers), fmt.Sprint("--ops=", f.Ops)
	cases := stage{Name: "cases", Doc: "regression cases", Args: []string{"soak", f.Target, seed, workers, fmt.Sprint("--rounds=", f.cases)}}
	if f.cases == 0 {
		cases.Skip = "there is no regression case of " + f.Target
	}
	models := "--model=" + strings.Join(f.Models, ",")
	soak := []string{"soak", f.Target, seed, workers, "--duration=" + f.Duration.String()}
	if f.Rounds > 0 {
		soak[4] = fmt.Sprint("--rounds=", f.Rounds)
	}
	return []stage{
		cases,
		{Name: "models", Doc: "crashes under each model", Args: []string{"run", f.Target, seed, workers, ops, models}},
		{Name: "faults", Doc: "each fault at each call", Args: []string{"faults", f.Target, seed, workers, ops}},
		{Name: "audit", Doc: "each barrier taken away", Args: []string{"audit", f.Target, seed, workers}},
		{Name: "soak", Doc: "workloads of every mix", Args: append(soak, models)},
	}
}

// standing is what no stage tries.
var standing = []string{
	"Several callers at once: workloads are of one at a time.",
	"A real disk: what a crash leaves is worked out by the models (make soak kills the store on the disk of this machine).",
}

// release is what is kept between the lives of a verification, in release.json.
type release struct {
	Build  string        `json:"build"`
	Began  time.Time     `json:"began"`
	Flags  releaseFlags  `json:"flags"`
	Stages []stageResult `json:"stages"` // that came to their end
}

type stageResult struct {
	Name    string  `json:"name"`
	Exit    int     `json:"exit"`
	Seconds float64 `json:"seconds"`
}

const releaseFile = "release.json"

func (f *releaseFlags) verify(cmd *cobra.Command, named bool) error {
	dir, err := openArtifacts(f.artifacts)
	if err != nil {
		return err
	}
	defer dir.done()
	rel, err := f.open(cmd, named)
	if err != nil {
		return err
	}
	target, err := targetNamed(f.Target)
	if err != nil {
		return err
	}
	out := newOutput(cmd.OutOrStdout(), cmd.ErrOrStderr(), false)
	length := span(f.Duration)
	if f.Rounds > 0 {
		length = plural(f.Rounds, "round")
	}
	out.printf("crashsim %s\ntarget %s: %s\nseed %d, ops %d, workers %d, soak of %s, artifacts %s\n\n",
		rel.Build, target.Name, target.Doc, f.Seed, f.Ops, f.Workers, length, f.artifacts)
	for _, s := range f.list() {
		if err := f.stage(cmd, out, rel, s); err != nil {
			return err
		}
	}
	record, err := f.conclude(target, rel)
	if err != nil {
		return err
	}
	out.verdict(record, f.artifacts)
	if slices.ContainsFunc(rel.Stages, func(s stageResult) bool { return s.Exit == exitBroken || s.Exit == exitUsage }) {
		return &exitError{exitBroken, fmt.Errorf("a stage did not work: its errors.txt in %s says why", f.artifacts)}
	}
	return exitOfRecord(record)
}

// open begins a verification, or goes on with one.
func (f *releaseFlags) open(cmd *cobra.Command, named bool) (*release, error) {
	sum, err := build()
	if err != nil {
		return nil, &exitError{exitBroken, err}
	}
	rel := &release{Build: sum, Began: time.Now().UTC()}
	text, err := os.ReadFile(filepath.Join(f.artifacts, releaseFile))
	switch {
	case errors.Is(err, fs.ErrNotExist) && f.resume:
		return nil, usage("--resume: no verification was begun in %s: give the --artifacts of one, or leave out --resume", f.artifacts)
	case errors.Is(err, fs.ErrNotExist):
		return rel, f.begin(rel)
	case err != nil:
		return nil, usage("--artifacts: %w", err)
	case !f.resume:
		return nil, usage("--artifacts %s: a verification is in it: go on with --resume, or give another folder", f.artifacts)
	}
	if err := json.Unmarshal(text, rel); err != nil {
		return nil, usage("%s: %w: begin anew in another folder", filepath.Join(f.artifacts, releaseFile), err)
	}
	if rel.Build != sum {
		return nil, usage("--resume: it was begun by %s, and this is %s: begin anew in another folder", rel.Build, sum)
	}
	for _, name := range []string{"duration", "rounds", "seed", "ops", "workers", "model", "without"} {
		if cmd.Flags().Changed(name) {
			return nil, usage("--resume goes on under the settings that it was begun with: leave out --%s", name)
		}
	}
	if named && f.Target != rel.Flags.Target {
		return nil, usage("--resume: the verification in %s is of %s, and not of %s", f.artifacts, rel.Flags.Target, f.Target)
	}
	was := rel.Flags
	f.Target, f.Seed, f.Ops, f.Workers, f.Duration, f.Rounds, f.Models, f.Without = was.Target, was.Seed, was.Ops, was.Workers, was.Duration, was.Rounds, was.Models, was.Without
	return rel, f.countCases()
}

func (f *releaseFlags) begin(rel *release) error {
	if f.Duration <= 0 {
		return usage("--duration %s: give a time such as 8h", f.Duration)
	}
	if err := within(bound{"rounds", f.Rounds, 0, math.MaxInt32}, bound{"ops", f.Ops, 1, maxOps}, bound{"workers", f.Workers, 1, maxWorkers}); err != nil {
		return err
	}
	var models []string // as the stages are given them: names, or files
	for _, name := range f.Models {
		list, err := modelsNamed(name)
		if err != nil {
			return err
		}
		if name == "all" {
			for _, m := range list {
				models = append(models, m.Name)
			}
			continue
		}
		models = append(models, name)
	}
	slices.Sort(models)
	f.Models = slices.Compact(models)
	for _, name := range f.Without {
		if !slices.ContainsFunc(f.all(), func(s stage) bool { return s.Name == name }) {
			return usage("--without %s: there is no such stage: there are %s", name, stageNames(f.all()))
		}
	}
	rel.Flags = *f
	if err := f.countCases(); err != nil {
		return err
	}
	return f.keep(rel)
}

func stageNames(list []stage) string {
	var names []string
	for _, s := range list {
		names = append(names, s.Name)
	}
	return strings.Join(names, ", ")
}

func (f *releaseFlags) countCases() error {
	target, err := targetNamed(f.Target)
	if err != nil {
		return err
	}
	var s soakFlags
	if err := s.readCases(target); err != nil {
		return err
	}
	f.cases = len(s.Cases)
	return nil
}

func (f *releaseFlags) keep(rel *release) error {
	text, err := json.MarshalIndent(rel, "", "  ")
	if err != nil {
		return &exitError{exitBroken, err}
	}
	return writeWhole(filepath.Join(f.artifacts, releaseFile), append(text, '\n'))
}

// modelsNotTried are those that were left out.
func (f *releaseFlags) modelsNotTried() (names []string) {
	for _, m := range faultfs.Models() {
		if !slices.Contains(f.Models, m.Name) {
			names = append(names, m.Name)
		}
	}
	return names
}
