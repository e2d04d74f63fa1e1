package crashtest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"time"
)

// Record is what a run leaves behind for whoever reads it later: its verdict, what
// it found, and what it did not search. Its form on disk is one JSON object, with
// the names below. A field that a later version adds is passed over by an older
// reader; one that changes its meaning raises [RecordVersion].
//
// Run, soak, audit and fault runs share it, and each fills the optional sections
// that it knows something of.
type Record struct {
	Format  string `json:"format"`  // [RecordFormat]
	Version int    `json:"version"` // [RecordVersion]

	Command  string    `json:"command"`  // that wrote it: run, soak, audit
	Crashsim string    `json:"crashsim"` // its version
	Began    time.Time `json:"began"`
	Seconds  float64   `json:"seconds"` // that it took

	Target      string        `json:"target"`
	TargetDoc   string        `json:"target_doc,omitempty"`
	Settings    Settings      `json:"settings"`
	Verdict     Verdict       `json:"verdict"`
	Interrupted bool          `json:"interrupted"`
	Counters    Counters      `json:"counters"`
	Findings    []FindingNote `json:"findings"` // never null
	// NotSearched says, a sentence each, what a pass would not cover.
	NotSearched []string    `json:"not_searched"`
	Environment Environment `json:"environment"`

	Models     *Table   `json:"models,omitempty"` // what each persistence model came to
	Faults     *Table   `json:"faults,omitempty"` // what became of each fault, by where it struck
	Audit      *Table   `json:"audit,omitempty"`  // what each sync of the store is for
	Probes     []Probe  `json:"probes,omitempty"` // how often what should happen now and then did
	Throughput []Sample `json:"throughput,omitempty"`
}

// How a record names itself.
const (
	RecordFormat  = "crashsim record"
	RecordVersion = 1
)

// Settings are what a run's result depends on; Workers alone changes nothing.
type Settings struct {
	Models    []string `json:"models"` // persistence models
	Seed      uint64   `json:"seed"`
	Ops       int      `json:"ops,omitempty"`
	MaxStates int      `json:"max_states"`
	Search    Search   `json:"search,omitempty"` // "" in records of old
	Depth     int      `json:"depth"`
	KeepGoing bool     `json:"keep_going"`
	Workers   int      `json:"workers"`
	// More are those that only some commands have, by the name of their flag.
	More map[string]string `json:"more,omitempty"`
}

// Counters say how much was done.
type Counters struct {
	Rounds      int `json:"rounds,omitempty"` // of a soak
	Ops         int `json:"ops"`              // of the workload
	CrashPoints int `json:"crash_points"`     // cuts of the power, and kills
	States      int `json:"states"`           // disks made, equal ones counted each time
	Unique      int `json:"unique_states"`    // different disks
	Recoveries  int `json:"recoveries"`
	Capped      int `json:"capped"` // cuts that left more disks than were tried
}

// FindingNote is one finding. All else about it is in its case.
type FindingNote struct {
	Number   int      `json:"number"` // from 1 on
	Kind     Kind     `json:"kind"`
	Sentence string   `json:"sentence"`       // for a person
	Seen     int      `json:"seen"`           // disks that failed in this way
	Case     string   `json:"case,omitempty"` // file, in the record's folder
	Models   []string `json:"models"`         // that allow it
	// Barrier is the smallest change that is known to remove it.
	Barrier string `json:"barrier,omitempty"`
}

// Environment is where a run took place.
type Environment struct {
	Go   string `json:"go"`
	OS   string `json:"os"`
	Arch string `json:"arch"`
	CPUs int    `json:"cpus"` // that it could use
}

// Table is a section of rows that people read.
type Table struct {
	Note    string   `json:"note,omitempty"` // what it shows, in a sentence
	Columns []string `json:"columns"`
	Rows    [][]Cell `json:"rows"` // each as long as Columns
}

// Cell is a text, and how good the news is.
type Cell struct {
	Text  string `json:"text"`
	State State  `json:"state,omitempty"`
}

// State says how a cell is to be shown.
type State string

// The states of a cell.
const (
	Plain State = ""     // neither
	Good  State = "good" // as it should be
	Bad   State = "bad"  // a failure
	Open  State = "open" // not known, or not tried
)

// Probe is something that a thorough run comes by. One that was never seen says
// that the run was less thorough than it looks.
type Probe struct {
	Name string `json:"name"`
	Seen int    `json:"seen"`
}

// Sample is how far a run had come at a moment. Counts are since its beginning.
type Sample struct {
	Seconds    float64 `json:"seconds"`
	Rounds     int     `json:"rounds,omitempty"`
	States     int     `json:"states,omitempty"`
	Unique     int     `json:"unique_states"`
	Recoveries int     `json:"recoveries,omitempty"`
	Findings   int     `json:"findings,omitempty"`
	HeapBytes  int64   `json:"heap_bytes,omitempty"`
}

// NewRecord makes the record of a run. Who calls it adds Crashsim, Began, Seconds,
// and the files of the cases.
func NewRecord(t *Target, cfg Config, r *Result) *Record {
	rec := &Record{
		Format: RecordFormat, Version: RecordVersion, Command: "run",
		Target: t.Name, TargetDoc: t.Doc,
		Settings: Settings{
			Models: []string{cfg.Model.Name}, Seed: cfg.Seed, Ops: cfg.Ops, MaxStates: cfg.MaxStates, Search: cfg.Search,
			Depth: cfg.Depth, KeepGoing: cfg.KeepGoing, Workers: cfg.Workers,
		},
		Verdict: r.Verdict, Interrupted: r.Interrupted,
		Counters: Counters{
			Ops: len(r.Workload), CrashPoints: r.CrashPoints, States: r.States, Unique: r.Unique,
			Recoveries: r.Recoveries, Capped: r.Capped,
		},
		Probes: r.Probes, Findings: []FindingNote{}, NotSearched: notSearched(cfg, r), Environment: Here(),
	}
	for i, f := range r.Findings {
		rec.Findings = append(rec.Findings, FindingNote{
			Number: i + 1, Kind: f.Kind, Sentence: f.Sentence(t), Seen: f.Seen, Models: f.AllowedBy(t),
		})
	}
	return rec
}

// notSearched says what a run left out, as it went and by its nature.
func notSearched(cfg Config, r *Result) []string {
	var list []string
	if r.Interrupted {
		list = append(list, "All that was to come after the interruption.")
	}
	if r.Capped > 0 {
		list = append(list, fmt.Sprintf("Every disk at %s that left more of them than were to be tried: a sample was.", plural(r.Capped, "cut")))
	}
	if len(r.Findings) > 0 && !cfg.KeepGoing {
		list = append(list, "Once a failure was known: more than a sample of disks at a cut, crashes inside recovery, killed processes.")
	}
	return append(list,
		"Other workloads than that of this seed.",
		otherModels(cfg.Model.Name),
		OtherKills,
		fmt.Sprintf("Crashes inside recovery deeper than %d, one in another.", cfg.Depth),
	)
}

// OtherKills is what every search of crashes leaves out.
const OtherKills = "Kills inside more than one of the recoveries that go the same way to the same state, and of which the same is right."

func otherModels(names ...string) string {
	return "Other persistence models than " + strings.Join(names, ", ") + "."
}

// Here is the environment of this process.
func Here() Environment {
	return Environment{Go: runtime.Version(), OS: runtime.GOOS, Arch: runtime.GOARCH, CPUs: runtime.GOMAXPROCS(0)}
}

// Encode gives the form on disk.
func (r *Record) Encode() ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	err := e.Encode(r)
	return b.Bytes(), err
}

// DecodeRecord reads it. What is not the record of a run, or of a later version,
// is an error.
func DecodeRecord(data []byte) (*Record, error) {
	var r Record
	d := json.NewDecoder(bytes.NewReader(data))
	err := d.Decode(&r)
	switch {
	case err != nil:
		return nil, fmt.Errorf("not the record of a run: %w", err)
	case r.Format != RecordFormat:
		return nil, errors.New("not the record of a run: its format is not " + RecordFormat)
	case r.Version != RecordVersion:
		return nil, fmt.Errorf("a record of version %d, and this crashsim reads version %d: use the crashsim that wrote it", r.Version, RecordVersion)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("not the record of a run: something stands after it")
	}
	for _, t := range []*Table{r.Models, r.Faults, r.Audit} {
		if err := t.check(); err != nil {
			return nil, err
		}
	}
	return &r, nil
}

func (t *Table) check() error {
	if t == nil {
		return nil
	}
	for i, row := range t.Rows {
		if len(row) != len(t.Columns) {
			return fmt.Errorf("a damaged record: row %d of a table has %d cells, and there are %d columns", i+1, len(row), len(t.Columns))
		}
	}
	return nil
}
