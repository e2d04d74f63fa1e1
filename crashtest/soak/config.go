package soak

import (
	"crypto/sha256"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"time"

	"crashsim/crashtest"
	"crashsim/faultfs"
)

// Config says how a target is soaked. Begin with [Defaults].
type Config struct {
	Seed      uint64
	Profile   Profile
	Models    []faultfs.Model // of which each round draws one
	Cases     []NamedCase     // explored first
	Corpus    []Workload      // explored next
	MaxStates int             // disks tried at one cut: see [crashtest.Config]
	Faults    int             // one round in so many is one of faults; 0: none is
	KeepGoing bool            // explore a round whole that is known to fail

	// Shard of Shards, counted from 0, does every Shards-th round.
	Shard, Shards int

	// Build stands for the program: rounds of another one are not the same.
	Build string

	// What follows changes no outcome, only how many there are.

	Rounds   int           // of all shards together; 0: no end
	Duration time.Duration // by the clock, over all lives of the soak; 0: no end
	FailFast bool          // end behind the first round that finds something
	Workers  int           // rounds at once
	Memory   int64         // bytes that the process may have; 0: no end

	// Keep, if not nil, is the folder to which the workloads of rounds go that came by
	// something new. Shards may share it.
	Keep faultfs.FS
}

// Defaults gives a soak that does not end by itself.
func Defaults() Config {
	p, _ := ProfileNamed("swarm")
	d := crashtest.Defaults()
	return Config{
		Seed: 1, Profile: p, Models: []faultfs.Model{d.Model}, MaxStates: d.MaxStates, Faults: 8, Shards: 1,
		Workers: runtime.GOMAXPROCS(0), Memory: 1 << 30,
	}
}

// Header is the beginning of a journal: what the outcome of each round depends on.
type Header struct {
	Format  string    `json:"format"` // [journalFormat]
	Version int       `json:"version"`
	Began   time.Time `json:"began"`

	Build     string   `json:"build"`
	Target    string   `json:"target"`
	Seed      uint64   `json:"seed,string"`
	Profile   string   `json:"profile"`
	Models    []string `json:"models"`
	Rules     []string `json:"rules,omitempty"` // the texts of those that are not built in: see [faultfs.ParseModel]
	MaxStates int      `json:"max_states"`
	Faults    int      `json:"faults,omitempty"`
	KeepGoing bool     `json:"keep_going"`
	Cases     []string `json:"cases"`  // names, each with a sum of its content
	Corpus    []string `json:"corpus"` // names, which are sums
	Shard     int      `json:"shard"`
	Shards    int      `json:"shards"`

	Rounds  int     `json:"rounds"`  // that were asked for, 0: no end
	Seconds float64 `json:"seconds"` // likewise
}

const (
	journalFormat  = "crashsim soak"
	journalVersion = 1
)

func (c *Config) header(t *crashtest.Target) *Header {
	h := &Header{
		Format: journalFormat, Version: journalVersion, Began: time.Now().UTC().Truncate(time.Second),
		Build: c.Build, Target: t.Name, Seed: c.Seed, Profile: c.Profile.Name, MaxStates: c.MaxStates, Faults: c.Faults, KeepGoing: c.KeepGoing,
		Shard: c.Shard, Shards: c.Shards, Rounds: c.Rounds, Seconds: c.Duration.Seconds(),
		Models: []string{}, Cases: []string{}, Corpus: []string{},
	}
	for _, m := range c.Models {
		h.Models = append(h.Models, m.Name)
		if _, known := faultfs.ModelNamed(m.Name); !known {
			h.Rules = append(h.Rules, m.Text())
		}
	}
	for _, n := range c.Cases {
		text, _ := n.MarshalText()
		h.Cases = append(h.Cases, fmt.Sprintf("%s %x", n.Name, sha256.Sum256(text)))
	}
	for _, w := range c.Corpus {
		h.Corpus = append(h.Corpus, w.Name())
	}
	return h
}

// differs tells in what two journals are not of one soak, "" where they are.
func (h *Header) differs(other *Header) string {
	for _, f := range []struct {
		name string
		a, b any
	}{
		{"format", fmt.Sprint(h.Format, " ", h.Version), fmt.Sprint(other.Format, " ", other.Version)},
		{"build of crashsim", h.Build, other.Build}, {"target", h.Target, other.Target}, {"seed", h.Seed, other.Seed},
		{"profile", h.Profile, other.Profile}, {"max-states", h.MaxStates, other.MaxStates}, {"faults", h.Faults, other.Faults}, {"keep-going", h.KeepGoing, other.KeepGoing},
		{"number of shards", h.Shards, other.Shards},
	} {
		if f.a != f.b {
			return fmt.Sprintf("the %s was %v, and is %v", f.name, f.a, f.b)
		}
	}
	for _, f := range []struct {
		name string
		a, b []string
	}{{"models", h.Models, other.Models}, {"rules of models", h.Rules, other.Rules}, {"cases", h.Cases, other.Cases}, {"corpus", h.Corpus, other.Corpus}} {
		if !slices.Equal(f.a, f.b) {
			return fmt.Sprintf("the %s were %s, and are %s", f.name, listed(f.a), listed(f.b))
		}
	}
	return ""
}

func listed(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ", ")
}

func (c *Config) plan(t *crashtest.Target) *plan {
	return &plan{
		target: t, seed: c.Seed, profile: c.Profile, models: c.Models, cases: c.Cases, corpus: c.Corpus,
		keepGoing: c.KeepGoing, maxStates: c.MaxStates, faults: c.Faults,
	}
}
