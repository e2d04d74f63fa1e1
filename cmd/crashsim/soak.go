package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"

	"crashsim/crashtest"
	"crashsim/crashtest/soak"
	"crashsim/faultfs"
)

type soakFlags struct {
	soak.Config
	profile   string
	models    []string
	shard     string
	memory    string
	cases     []string
	corpus    string
	artifacts string
	resume    bool
	json      bool
	http      string
	verbose   bool
	foreign   []string // case files that were found, of targets that are not known here
	publish   publisher
}

func soakCommand() *cobra.Command {
	f := &soakFlags{Config: soak.Defaults()}
	cmd := &cobra.Command{
		Use:   "soak [TARGET]",
		Short: "explore a target for hours, a small workload after another (store, if none is given)",
		Long: `Soak explores round after round. Each draws its own mix of operations, choices,
persistence model and depth from the seed and its number, so that it repeats; one in
eight tries a disk that fails, at each call. The regression cases come first, then
the corpus of workloads that came by something new in an earlier soak, then workloads
of the rounds' own. Findings of one cause are one finding, whatever the number of
rounds that meet it.

All that is done is in the artifacts folder before it is shown: a soak that was
killed goes on with --resume, and comes to the same. Shards share out the rounds
among machines, and crashsim merge puts them together.

On a terminal there is one live view; else one line every 10 seconds. With --json
each line is one object, of type start, round, finding, progress (every 10 seconds)
or summary: docs/soak.md has their fields. With --http there is a live page, with
/metrics for Prometheus, /status.json, /healthz and /debug/pprof beside it.`,
		Example: `  crashsim soak --rounds 2 --profile ci
  crashsim soak store --duration 8h --http 127.0.0.1:8080
  crashsim soak --resume
  crashsim soak store --rounds 4000 --shard 1/4 --artifacts shard-1`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return f.run(cmd, args) },
	}
	f.publish.flag(cmd)
	fl := cmd.Flags()
	fl.DurationVar(&f.Duration, "duration", 10*time.Minute, "time to go on for, over all lives of the soak; 0: no end")
	fl.IntVar(&f.Rounds, "rounds", 0, "rounds to do, of all shards together; 0: no end")
	fl.Uint64Var(&f.Seed, "seed", f.Seed, "what everything random comes from")
	fl.IntVar(&f.Workers, "workers", f.Workers, "rounds at once; changes no result")
	fl.StringVar(&f.profile, "profile", f.Profile.Name, "how large rounds are: "+profileNames())
	fl.StringSliceVar(&f.models, "model", []string{faultfs.POSIX.Name}, "persistence models, of which each round draws one: names, or files with rules; all: every built-in one")
	fl.IntVar(&f.MaxStates, "max-states", f.MaxStates, "disks tried at one cut; where it leaves more they are sampled, and the soak is inconclusive")
	fl.IntVar(&f.Faults, "faults", f.Faults, "of so many rounds one tries each fault at each call of a short workload; 0: none does")
	fl.BoolVar(&f.FailFast, "fail-fast", false, "end with the first round that finds something")
	fl.BoolVar(&f.KeepGoing, "keep-going", false, "explore a round whole that is known to fail; else its disks are sampled from there on")
	fl.StringVar(&f.artifacts, "artifacts", "crashsim-soak", "folder for the journal, the cases and the record")
	fl.StringVar(&f.corpus, "corpus", "", "folder of workloads to explore again, and for new ones (default: corpus, in the artifacts folder)")
	fl.StringSliceVar(&f.cases, "cases", nil, "folders of regression cases (default: every testdata/cases from here down)")
	fl.BoolVar(&f.resume, "resume", false, "go on with the soak in the artifacts folder, under its own settings")
	fl.StringVar(&f.shard, "shard", "1/1", "which of how many shares of the rounds to do, as 2/4")
	fl.StringVar(&f.memory, "memory", "1GiB", "memory that the process may have, 0: no end; not kept for --resume; a round that takes more by itself is broken off, and the soak is inconclusive")
	fl.BoolVar(&f.json, "json", false, "write one JSON object a line")
	fl.BoolVar(&f.verbose, "verbose", false, "tell each round and its mix")
	fl.StringVar(&f.http, "http", "", "address of the live page, as 127.0.0.1:8080; :8080 is that, too")
	return cmd
}

func profileNames() string {
	var names []string
	for _, p := range soak.Profiles() {
		names = append(names, p.Name+" ("+p.Doc+")")
	}
	return strings.Join(names, "; ")
}

func (f *soakFlags) run(cmd *cobra.Command, args []string) error {
	name := targetArg(args)
	page, err := f.listen()
	if err != nil {
		return err
	}
	defer page.close()
	dir, err := openArtifacts(f.artifacts)
	if err != nil {
		return err
	}
	defer dir.done()
	if err := f.publish.check(); err != nil {
		return err
	}
	disk, err := faultfs.OpenOS(f.artifacts)
	if err != nil {
		return usage("--artifacts: %w: give a folder that can be written to", err)
	}
	defer func() { _ = disk.Close() }()
	header, err := f.begun(cmd, disk)
	if err != nil {
		return err
	}
	if header != nil {
		if len(args) > 0 && name != header.Target {
			return usage("--resume: the soak in %s is of %s, and not of %s: leave the name out, or give another --artifacts", f.artifacts, header.Target, name)
		}
		name = header.Target
	}
	t, err := targetNamed(name)
	if err == nil {
		err = f.check(cmd, t, header)
	}
	if err != nil {
		return err
	}
	defer f.closeCorpus()
	s, err := soak.Open(disk, t, f.Config)
	if err != nil {
		return usage("--artifacts %s: %w", f.artifacts, err)
	}
	defer func() { _ = s.Close() }()
	return f.soak(cmd, t, s, page)
}

// soak goes on with a soak that is open, and tells of it.
func (f *soakFlags) soak(cmd *cobra.Command, t *crashtest.Target, s *soak.Soak, page *livePage) error {
	if err := f.canary(cmd.Context()); err != nil {
		return err
	}
	defer holdMemory(soakMemory, f.Memory)()
	ctx, cancel := context.WithCancel(cmd.Context())
	defer cancel()
	out := newSoakOutput(cmd, f, s, cancel)
	page.serve(f.handler(s))
	out.start(t, page.url())
	s.Tell = out.round
	done := out.watch(ctx)
	err := s.Run(ctx)
	done()
	if err != nil {
		return &exitError{exitBroken, err}
	}
	record := s.Record(version())
	if err := f.publish.keep(cmd, f.artifacts, record); err != nil {
		return err
	}
	out.summary(record)
	return exitOfRecord(record)
}

func exitOfRecord(r *crashtest.Record) error {
	return exitOf(&crashtest.Result{Verdict: r.Verdict, Interrupted: r.Interrupted})
}

func (f *soakFlags) canary(ctx context.Context) error {
	for _, m := range f.Models {
		if err := crashtest.Canary(ctx, crashtest.Config{Model: m, Seed: f.Seed}); err != nil {
			return &exitError{exitBroken, err}
		}
	}
	return nil
}

// begun gives what the soak in the folder was begun with, nil where there is none,
// and takes over its settings.
func (f *soakFlags) begun(cmd *cobra.Command, disk faultfs.FS) (*soak.Header, error) {
	rounds := 0
	log, err := soak.ReadJournal(disk, func(*soak.Outcome) error { rounds++; return nil })
	switch {
	case errors.Is(err, soak.ErrNoJournal) && f.resume:
		return nil, usage("--resume: %s: %w: give the --artifacts of one, or leave out --resume", f.artifacts, err)
	case errors.Is(err, soak.ErrNoJournal):
		return nil, nil
	case err != nil:
		return nil, usage("--artifacts %s: %w", f.artifacts, err)
	case log.Header == nil:
		return nil, nil
	case !f.resume:
		return nil, usage("--artifacts %s: there is a soak of %s in it, with %s done: go on with --resume, or give another folder", f.artifacts, log.Target, plural(rounds, "round"))
	}
	h := log.Header
	adopt := func(flag string, set func()) {
		if !cmd.Flags().Changed(flag) {
			set()
		}
	}
	adopt("seed", func() { f.Seed = h.Seed })
	adopt("profile", func() { f.profile = h.Profile })
	adopt("model", func() { f.models = h.Models })
	adopt("max-states", func() { f.MaxStates = h.MaxStates })
	adopt("faults", func() { f.Faults = h.Faults })
	adopt("keep-going", func() { f.KeepGoing = h.KeepGoing })
	adopt("shard", func() { f.shard = fmt.Sprintf("%d/%d", h.Shard+1, h.Shards) })
	adopt("rounds", func() { f.Rounds = h.Rounds })
	adopt("duration", func() { f.Duration = time.Duration(h.Seconds * float64(time.Second)) })
	return h, nil
}

// check makes a configuration of the flags.
func (f *soakFlags) check(cmd *cobra.Command, t *crashtest.Target, h *soak.Header) error {
	if err := within(bound{"rounds", f.Rounds, 0, math.MaxInt32}, bound{"workers", f.Workers, 1, maxWorkers},
		bound{"max-states", f.MaxStates, 1, maxStates}, bound{"faults", f.Faults, 0, math.MaxInt32}); err != nil {
		return err
	}
	if f.Duration < 0 {
		return usage("--duration %s: give a time such as 8h, or 0 for no end", f.Duration)
	}
	if h == nil && f.Rounds > 0 && !cmd.Flags().Changed("duration") {
		f.Duration = 0 // the rounds are the end
	}
	var ok bool
	if f.Profile, ok = soak.ProfileNamed(f.profile); !ok {
		return usage("--profile %s: give one of %s", f.profile, profileNames())
	}
	if err := f.checkModels(h); err != nil {
		return err
	}
	if n, err := fmt.Sscanf(f.shard, "%d/%d", &f.Shard, &f.Shards); err != nil || n != 2 || f.Shard < 1 || f.Shard > f.Shards ||
		f.shard != fmt.Sprintf("%d/%d", f.Shard, f.Shards) {
		return usage("--shard %s: give which of how many, as 2/4", f.shard)
	}
	f.Shard--
	memory, err := humanize.ParseBytes(f.memory)
	if err != nil || memory > math.MaxInt64 || memory > 0 && memory < leastMemory {
		return usage("--memory %s: give a size such as 512MiB, at least %s, or 0 for no end", f.memory, inBytes(leastMemory))
	}
	f.Memory = int64(memory)
	f.Build, err = build()
	if err != nil {
		return &exitError{exitBroken, err}
	}
	if err := f.readCases(t); err != nil {
		return err
	}
	return f.openCorpus(t, h)
}

// checkModels reads the models. Of a soak that goes on they are what they were when
// that began, whatever became of their files.
func (f *soakFlags) checkModels(h *soak.Header) error {
	f.Models = nil
	if h != nil && slices.Equal(f.models, h.Models) {
		for _, text := range h.Rules {
			m, err := faultfs.ParseModel(text)
			if err != nil {
				return usage("--artifacts %s: the rules of a model in its journal: %w", f.artifacts, err)
			}
			f.Models = append(f.Models, m)
		}
	}
	for _, name := range f.models {
		if slices.ContainsFunc(f.Models, func(m faultfs.Model) bool { return m.Name == name }) {
			continue
		}
		list, err := modelsNamed(name)
		if err != nil {
			return err
		}
		f.Models = append(f.Models, list...)
	}
	slices.SortStableFunc(f.Models, func(a, b faultfs.Model) int { return strings.Compare(a.Name, b.Name) })
	f.Models = slices.CompactFunc(f.Models, func(a, b faultfs.Model) bool { return a.Name == b.Name })
	if len(f.Models) == 0 {
		return usage("--model: give at least one; see crashsim list")
	}
	return nil
}

// build stands for this program: the version, and a sum of the file that it is.
var build = sync.OnceValues(func() (string, error) {
	path, err := os.Executable()
	if err != nil {
		return "", err
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(text)
	return fmt.Sprintf("%s %x", version(), sum[:6]), nil
})

// readCases reads the target's regression cases.
func (f *soakFlags) readCases(t *crashtest.Target) error {
	dirs := f.cases
	if dirs == nil {
		dirs = caseFolders()
	}
	for _, dir := range dirs {
		entries, err := os.ReadDir(dir)
		if err != nil {
			return usage("--cases: %w: give folders of case files", err)
		}
		for _, e := range entries {
			if filepath.Ext(e.Name()) != ".case" {
				continue
			}
			path := filepath.Join(dir, e.Name())
			c, err := parseCase(path)
			if err != nil {
				return err
			}
			if _, err := targetNamed(c.Target); err != nil && f.cases == nil {
				f.foreign = append(f.foreign, filepath.ToSlash(path)) // of a store that another program has under test
				continue
			}
			if _, err := targetFor(c, path); err != nil {
				return err
			}
			if c.Target == t.Name {
				f.Cases = append(f.Cases, soak.NamedCase{Name: filepath.ToSlash(path), Case: c})
			}
		}
	}
	return nil
}

// caseFolders finds the folders of regression cases below the working folder, in
// the order of their names.
func caseFolders() (dirs []string) {
	_ = filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil: // what cannot be read is passed over, as go test does
			return fs.SkipDir
		case d.IsDir() && path != "." && strings.HasPrefix(d.Name(), "."):
			return fs.SkipDir
		case d.IsDir() && d.Name() == "cases" && filepath.Base(filepath.Dir(path)) == "testdata":
			dirs = append(dirs, path)
		}
		return nil
	})
	return dirs
}

// openCorpus reads the corpus; of a soak that goes on, what it was when that began.
func (f *soakFlags) openCorpus(t *crashtest.Target, h *soak.Header) error {
	dir := f.corpus
	if dir == "" {
		dir = filepath.Join(f.artifacts, "corpus")
	}
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return usage("--corpus: %w: give a folder that can be written to", err)
	}
	disk, err := faultfs.OpenOS(dir)
	if err != nil {
		return usage("--corpus: %w: give a folder that can be written to", err)
	}
	f.Keep = disk
	if f.Corpus, err = soak.ReadCorpus(disk, t); err != nil {
		return usage("--corpus %s: %w", dir, err)
	}
	if h == nil {
		return nil
	}
	var then []soak.Workload
	for _, name := range h.Corpus {
		i := slices.IndexFunc(f.Corpus, func(w soak.Workload) bool { return w.Name() == name })
		if i < 0 {
			return usage("--corpus %s: workload %s is missing, which the soak began with: bring it back, or begin a new soak in another folder", dir, name)
		}
		then = append(then, f.Corpus[i])
	}
	f.Corpus = then
	return nil
}

func (f *soakFlags) closeCorpus() {
	if disk, ok := f.Keep.(*faultfs.OS); ok {
		_ = disk.Close()
	}
}

func inBytes(n int64) string { return humanize.IBytes(uint64(max(0, n))) }

// leastMemory is what a process with one small round in it takes.
const leastMemory = 64 << 20

func span(d time.Duration) string {
	if d < time.Minute {
		return strconv.FormatFloat(d.Seconds(), 'f', 1, 64) + " s"
	}
	return d.Round(time.Second).String()
}
