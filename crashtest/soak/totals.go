package soak

import (
	"fmt"
	"slices"
	"time"

	"crashsim/crashtest"
)

// Outcome is what a round came to, as the journal has it.
type Outcome struct {
	Round int    `json:"round"`
	Seed  uint64 `json:"seed,string"` // of the round
	From  string `json:"from"`        // where its workload is from
	Model string `json:"model"`
	Mix   string `json:"mix"`

	Ops         int `json:"ops"`
	CrashPoints int `json:"crash_points"`
	States      int `json:"states"`
	Unique      int `json:"unique_states"`
	Recoveries  int `json:"recoveries"`
	Capped      int `json:"capped,omitempty"`
	Faults      int `json:"faults,omitempty"` // tried
	// OutOfMemory says that the round was broken off where it took more than the
	// soak may have.
	OutOfMemory bool `json:"out_of_memory,omitempty"`

	Seconds float64 `json:"seconds"` // that it took
	At      float64 `json:"at"`      // of the soak, when it was committed
	Heap    int64   `json:"heap"`    // bytes that the process had then

	// What no round of this shard before has come by.
	Sites    []string `json:"sites,omitempty"`
	Branches []string `json:"branches,omitempty"` // as hexadecimal numbers
	Probes   []string `json:"probes,omitempty"`   // by name: see [crashtest.Probe]

	Found []Found `json:"found,omitempty"`
}

// Finding is one cause, as the first round has it that met it.
type Finding struct {
	Number   int
	Sentence string // for a person
	Cause    string
	Round    int // that met it first
	Rounds   int // that met it
	Seen     int // disks that failed in this way, in all rounds
	Case     *crashtest.Case
}

// Totals are the sums over rounds.
type Totals struct {
	Rounds      int
	Ops         int
	CrashPoints int
	States      int
	Unique      int
	Recoveries  int
	Faults      int // tried
	Capped      int // cuts
	CappedIn    int // rounds
	OutOfMemory int // rounds
	Models      map[string]int
	Elapsed     time.Duration // by the clock, of all shards together
	Findings    []*Finding    // in the order in which their rounds were committed
	Samples     []crashtest.Sample

	target   *crashtest.Target // nil: findings have no sentence
	sites    map[string]bool
	branches map[string]bool
	probes   map[string]bool
	causes   map[string]*Finding
	sampler
}

func newTotals(t *crashtest.Target) *Totals {
	return &Totals{
		target: t, sampler: sampler{every: 1}, Models: map[string]int{},
		sites: map[string]bool{}, branches: map[string]bool{}, probes: map[string]bool{}, causes: map[string]*Finding{},
	}
}

// Sites is the number of places in the store that changed the disk or synced it.
func (t *Totals) Sites() int { return len(t.sites) }

// Branches is the number of different ways that recoveries went behind them.
func (t *Totals) Branches() int { return len(t.branches) }

// Probes is the number of different things that crashes took back and recovery did
// something about.
func (t *Totals) Probes() int { return len(t.probes) }

// Verdict is what it comes to.
func (t *Totals) Verdict() crashtest.Verdict {
	switch {
	case len(t.Findings) > 0:
		return crashtest.Failed
	case t.Capped > 0 || t.OutOfMemory > 0 || t.Recoveries == 0:
		return crashtest.Inconclusive
	}
	return crashtest.Passed
}

// trim takes from an outcome what is known already.
func (t *Totals) trim(o *Outcome) {
	o.Sites = slices.DeleteFunc(o.Sites, func(s string) bool { return t.sites[s] })
	o.Branches = slices.DeleteFunc(o.Branches, func(b string) bool { return t.branches[b] })
	o.Probes = slices.DeleteFunc(o.Probes, func(p string) bool { return t.probes[p] })
	for i := range o.Found {
		if t.causes[o.Found[i].Cause] != nil {
			o.Found[i].Case = ""
		}
	}
}

// add sums an outcome up, and gives the findings that are new.
func (t *Totals) add(o *Outcome) (fresh []*Finding, err error) {
	t.Rounds++
	t.Ops += o.Ops
	t.CrashPoints += o.CrashPoints
	t.States += o.States
	t.Unique += o.Unique
	t.Recoveries += o.Recoveries
	t.Faults += o.Faults
	t.Models[o.Model]++
	if t.Capped += o.Capped; o.Capped > 0 {
		t.CappedIn++
	}
	if o.OutOfMemory {
		t.OutOfMemory++
	}
	for _, s := range o.Sites {
		t.sites[s] = true
	}
	for _, b := range o.Branches {
		t.branches[b] = true
	}
	for _, p := range o.Probes {
		t.probes[p] = true
	}
	for i := range o.Found {
		f := t.causes[o.Found[i].Cause]
		if f == nil {
			f = &Finding{Number: len(t.Findings) + 1, Cause: o.Found[i].Cause, Round: o.Round, Case: new(crashtest.Case)}
			if err := f.Case.UnmarshalText([]byte(o.Found[i].Case)); err != nil {
				return nil, fmt.Errorf("round %d: its case: %w", o.Round, err)
			}
			if t.target != nil {
				f.Sentence = f.Case.Sentence(t.target)
			}
			t.causes[f.Cause] = f
			t.Findings = append(t.Findings, f)
			fresh = append(fresh, f)
		}
		f.Rounds++
		f.Seen += o.Found[i].Seen
	}
	return fresh, nil
}

// sampler keeps as many samples of how a soak went as a page can show, however
// long it goes on: when they are too many it keeps every second one, and takes
// half as many.
type sampler struct{ every float64 } // seconds

const maxSamples = 400

func (t *Totals) sample(o *Outcome) {
	if n := len(t.Samples); n > 0 && o.At < t.Samples[n-1].Seconds+t.every {
		return
	}
	t.Samples = append(t.Samples, crashtest.Sample{
		Seconds: o.At, Rounds: t.Rounds, States: t.States, Unique: t.Unique, Recoveries: t.Recoveries,
		Findings: len(t.Findings), HeapBytes: o.Heap,
	})
	if len(t.Samples) > maxSamples {
		half := t.Samples[:0]
		for i := 1; i < len(t.Samples); i += 2 {
			half = append(half, t.Samples[i])
		}
		t.Samples = half
		t.every *= 2
	}
}
