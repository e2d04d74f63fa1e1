package main

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"crashsim/crashtest"
	"crashsim/crashtest/report"
	"crashsim/crashtest/soak"
)

// soakOutput tells how a soak goes: a live view on a terminal, lines in a pipe, or
// JSON objects.
type soakOutput struct {
	*output
	flags *soakFlags
	soak  *soak.Soak
	live  *os.File // the terminal that the view is on, nil: none
	stop  func()   // the soak

	mu   sync.Mutex      // of what is printed
	held []*soak.Finding // until the view is gone
}

// sayEvery is how often a pipe hears of a soak.
const sayEvery = 10 * time.Second

func newSoakOutput(cmd *cobra.Command, f *soakFlags, s *soak.Soak, stop func()) *soakOutput {
	o := &soakOutput{output: newOutput(cmd.OutOrStdout(), cmd.ErrOrStderr(), f.json), flags: f, soak: s, stop: stop}
	if tty, ok := o.tty.(*os.File); ok {
		o.live = tty
	}
	return o
}

func (o *soakOutput) start(t *crashtest.Target, page string) {
	f, h := o.flags, o.soak.Header()
	if o.json != nil {
		o.object(struct {
			Type      string   `json:"type"`
			Build     string   `json:"build"`
			Target    string   `json:"target"`
			Seed      uint64   `json:"seed,string"`
			Profile   string   `json:"profile"`
			Models    []string `json:"models"`
			Rounds    int      `json:"rounds"`
			Duration  float64  `json:"duration_seconds"`
			Shard     int      `json:"shard"`
			Shards    int      `json:"shards"`
			Workers   int      `json:"workers"`
			MaxStates int      `json:"max_states"`
			Faults    int      `json:"faults"`
			KeepGoing bool     `json:"keep_going"`
			Memory    int64    `json:"memory_bytes"`
			Cases     int      `json:"cases"`
			Foreign   []string `json:"foreign_cases,omitempty"`
			Corpus    int      `json:"corpus"`
			Resumed   int      `json:"resumed_rounds"`
			Artifacts string   `json:"artifacts"`
			Page      string   `json:"page,omitempty"`
		}{"start", h.Build, t.Name, h.Seed, h.Profile, h.Models, f.Rounds, f.Duration.Seconds(), f.Shard + 1, f.Shards, f.Workers,
			h.MaxStates, h.Faults, h.KeepGoing, f.Memory, len(h.Cases), f.foreign, len(h.Corpus), o.soak.Resumed(), f.artifacts, page})
		return
	}
	o.printf("crashsim %s\n", h.Build)
	o.printf("target %s: %s\n", t.Name, t.Doc)
	memory := "without end"
	if f.Memory > 0 {
		memory = inBytes(f.Memory)
	}
	o.printf("soak %s, seed %d, profile %s, shard %d/%d, workers %d, memory %s, max-states %d, faults in %s, model %s, artifacts %s\n",
		f.ends(), h.Seed, h.Profile, f.Shard+1, f.Shards, f.Workers, memory, h.MaxStates, h.FaultShare(), strings.Join(h.Models, ","), f.artifacts)
	o.printf("first %s, then a corpus of %s\n", plural(len(h.Cases), "regression case"), plural(len(h.Corpus), "workload"))
	for _, path := range f.foreign {
		o.printf("left out: %s, a case of a target that this crashsim does not know\n", path)
	}
	if n := o.soak.Resumed(); n > 0 {
		o.printf("goes on after %s\n", plural(n, "round"))
	}
	if page != "" {
		o.printf("live page: %s\n", page)
	}
	o.printf("\n")
}

// ends says when the soak is over.
func (f *soakFlags) ends() string {
	switch {
	case f.Rounds > 0 && f.Duration > 0:
		return "of " + plural(f.Rounds, "round") + " or " + span(f.Duration)
	case f.Rounds > 0:
		return "of " + plural(f.Rounds, "round")
	case f.Duration > 0:
		return "of " + span(f.Duration)
	}
	return "without end"
}

// round is told each outcome, when it is durable.
func (o *soakOutput) round(r *soak.Outcome, fresh []*soak.Finding) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.live != nil { // what would be printed over the view is told behind it
		o.held = append(o.held, fresh...)
		return
	}
	if o.json != nil || o.flags.verbose {
		o.tellRound(r)
	}
	o.findings(fresh)
}

func (o *soakOutput) findings(list []*soak.Finding) {
	for _, f := range list {
		tellSoakFinding(o.output, f, filepath.Join(o.flags.artifacts, o.soak.CaseFile(f)))
	}
}

func (o *soakOutput) tellRound(r *soak.Outcome) {
	if o.json == nil {
		o.printf("round %d, %s: %s; %s states, %s recoveries, %d findings, %.1f s\n",
			r.Round, r.From, r.Mix, thousands(r.States), thousands(r.Recoveries), len(r.Found), r.Seconds)
		return
	}
	causes := []string{}
	for _, f := range r.Found {
		causes = append(causes, f.Cause)
	}
	o.object(struct {
		Type        string   `json:"type"`
		Round       int      `json:"round"`
		Seed        uint64   `json:"seed,string"`
		From        string   `json:"from"`
		Mix         string   `json:"mix"`
		Model       string   `json:"model"`
		Ops         int      `json:"ops"`
		CrashPoints int      `json:"crash_points"`
		States      int      `json:"states"`
		Unique      int      `json:"unique_states"`
		Recoveries  int      `json:"recoveries"`
		Capped      int      `json:"capped"`
		Faults      int      `json:"faults"`
		OutOfMemory bool     `json:"out_of_memory"`
		Seconds     float64  `json:"seconds"`
		Branches    int      `json:"new_branches"`
		Causes      []string `json:"causes"`
	}{"round", r.Round, r.Seed, r.From, r.Mix, r.Model, r.Ops, r.CrashPoints, r.States, r.Unique, r.Recoveries, r.Capped, r.Faults,
		r.OutOfMemory, r.Seconds, len(r.Branches), causes})
}

func tellSoakFinding(o *output, f *soak.Finding, path string) {
	if o.json == nil {
		o.printf("FINDING %d, in round %d: %s  case: %s\n\n", f.Number, f.Round, f.Case.Report, path)
		return
	}
	o.object(struct {
		Type      string   `json:"type"`
		Number    int      `json:"number"`
		Round     int      `json:"round"`
		Kind      string   `json:"kind"`
		Cause     string   `json:"cause"`
		Model     string   `json:"model"`
		Ops       []string `json:"ops"`
		Report    string   `json:"report"`
		Case      string   `json:"case"`
		Reproduce string   `json:"reproduce"`
	}{"finding", f.Number, f.Round, string(f.Case.Kind), f.Cause, f.Case.Model, f.Case.Scenario.Ops, f.Case.Report, path, report.Replay(path)})
}

// watch tells how it goes until the function that it gives is called.
func (o *soakOutput) watch(ctx context.Context) (done func()) {
	if o.live != nil {
		return o.watchLive()
	}
	ctx, stop := context.WithCancel(ctx)
	var ended sync.WaitGroup
	ended.Go(func() {
		tick := time.NewTicker(sayEvery)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				st := o.soak.Status()
				o.mu.Lock()
				o.progressLine(&st)
				o.mu.Unlock()
			}
		}
	})
	return func() {
		stop()
		ended.Wait()
	}
}

func (o *soakOutput) progressLine(st *soak.Status) {
	if o.json != nil {
		o.object(struct {
			Type      string  `json:"type"`
			Seconds   float64 `json:"seconds"`
			Left      float64 `json:"left_seconds"` // -1: no end
			Rounds    int     `json:"rounds"`
			OfRounds  int     `json:"of_rounds"` // 0: no end
			Waiting   int     `json:"waiting_rounds"`
			States    int     `json:"states"`
			PerSecond float64 `json:"states_per_second"`
			Unique    int     `json:"unique_states"`
			Recovered int     `json:"recoveries"`
			Capped    int     `json:"capped"`
			Faults    int     `json:"faults"`
			Sites     int     `json:"sites"`
			Branches  int     `json:"branches"`
			Probes    int     `json:"probes"`
			Findings  int     `json:"findings"`
			Memory    int64   `json:"memory_bytes"`
		}{"progress", st.Elapsed.Seconds(), left(st), st.Rounds, st.OfRounds, st.Waiting, st.States, st.PerSecond(), st.Unique, st.Recoveries,
			st.Capped, st.Faults, st.Sites, st.Branches, st.Probes, len(st.Findings), st.Memory})
		return
	}
	o.printf("%s: %s\n", span(st.Elapsed), strings.Join(figures(st), ", "))
}

func left(st *soak.Status) float64 {
	if st.Left < 0 {
		return -1
	}
	return st.Left.Seconds()
}

func (o *soakOutput) summary(r *crashtest.Record) {
	o.findings(o.held)
	st := o.soak.Status()
	first := ""
	if len(r.Findings) > 0 {
		first = filepath.Join(o.flags.artifacts, r.Findings[0].Case)
	}
	tellRecord(o.output, r, &st.Totals, reached{st.Sites, st.Branches, st.Probes}, first)
}
