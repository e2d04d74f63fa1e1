package store

import "path"

// Health is what [Verify] finds in a store.
type Health struct {
	Runtimes []RuntimeHealth `json:"runtimes"`
	// Ignored are names below runtimes/ that are no runtime's: no store opens them.
	Ignored []string `json:"ignored"`
}

// RuntimeHealth is what is found in the folder of one runtime.
type RuntimeHealth struct {
	Path      string `json:"path"` // below the store's root, as all paths
	RuntimeID string `json:"runtime_id"`
	// Open says that an owner has it open: what it is writing may show as a torn
	// tail or a temporary file.
	Open bool `json:"open"`
	// Unfinished says that its creation was cut short: nothing was acknowledged,
	// and opening goes on with it.
	Unfinished bool `json:"unfinished"`

	Files    []FileHealth `json:"files"`
	Problems []Problem    `json:"problems"`
}

// FileHealth is what is found in one log or snapshot.
type FileHealth struct {
	Path    string `json:"path"`
	Bytes   int64  `json:"bytes"`
	Records int    `json:"records"` // good lines of a log; 1 or 0 of a snapshot
	// Unsummed are those of Records that have no checksum, as old writers left
	// them: a change in them that is good JSON does not show.
	Unsummed int    `json:"unsummed"`
	LastID   uint64 `json:"last_id"`  // of a log: the highest id or sequence
	Problems int    `json:"problems"` // of which MaxProblems are told
}

// MaxProblems is how many problems of one file are told one by one.
const MaxProblems = 1000

// Problem is one thing that is not as a store at rest has it.
type Problem struct {
	Kind   ProblemKind `json:"kind"`
	Path   string      `json:"path"`
	Line   int         `json:"line,omitempty"` // of a log, from 1
	Offset int64       `json:"offset"`         // in bytes
	Bytes  int64       `json:"bytes"`          // how long the damaged part is
	Detail string      `json:"detail"`
}

// ProblemKind says what kind of problem it is.
type ProblemKind string

// What a crash leaves, and opening mends.
const (
	TornTail  ProblemKind = "torn tail"                        // part of an append: opening cuts it off
	NoNewline ProblemKind = "last line without newline"        // whole but for that: opening ends it
	LeftTemp  ProblemKind = "temporary file"                   // of an interrupted snapshot: opening removes it
	NoWorker  ProblemKind = "folder without a snapshot"        // opening sets it aside
	LostName  ProblemKind = "snapshot by its second name only" // opening puts it back
)

// Damage, which no crash explains. Opening refuses it, or sets it aside where it
// is a worker's snapshot, or an end of a log that some disks leave after a crash.
const (
	DoubtfulTail    ProblemKind = "end that a crash or damage left"
	BadLine         ProblemKind = "damaged record"
	NotRising       ProblemKind = "id not above those before"
	Unreadable      ProblemKind = "record that cannot be read" // whole, and not what belongs there
	ShortLog        ProblemKind = "log shorter than acknowledged"
	MissingLog      ProblemKind = "missing log"
	BadSnapshot     ProblemKind = "damaged snapshot"
	BadFirstName    ProblemKind = "damaged snapshot, whole by its second name" // opening puts that back
	MissingSnapshot ProblemKind = "missing snapshot"
	BadNote         ProblemKind = "damaged note of a size"
	Foreign         ProblemKind = "snapshot that does not belong here" // another runtime's, worker's or backend's
	OtherVersion    ProblemKind = "snapshot of another version"        // of the format
	NoFolder        ProblemKind = "file where a folder belongs"
	MissingWorkers  ProblemKind = "missing folder of workers"
	IOError         ProblemKind = "file that cannot be read" // the disk gave an error
)

// Damage tells whether no crash explains it.
func (k ProblemKind) Damage() bool {
	switch k {
	case TornTail, NoNewline, LeftTemp, LostName, NoWorker:
		return false
	}
	return true
}

// Repairable tells whether [Repair] does something about it.
func (p *Problem) Repairable() bool {
	switch p.Kind {
	case OtherVersion, IOError:
		return false
	case Foreign: // a worker can be set aside
		return path.Base(p.Path) != runtimeFile
	case NoFolder:
		return path.Dir(p.Path) != runtimesDir
	}
	return true
}

// Verdict is what all problems come to.
type Verdict string

// The verdicts.
const (
	Healthy     Verdict = "healthy"
	Interrupted Verdict = "interrupted" // by a crash: opening mends it
	Damaged     Verdict = "damaged"
)

// Verdict gives the worst that was found.
func (h *Health) Verdict() Verdict {
	verdict := Healthy
	for p := range h.Problems {
		if p.Kind.Damage() {
			return Damaged
		}
		verdict = Interrupted
	}
	return verdict
}

// Problems gives all that are told, of all runtimes.
func (h *Health) Problems(yield func(*Problem) bool) {
	for i := range h.Runtimes {
		for j := range h.Runtimes[i].Problems {
			if !yield(&h.Runtimes[i].Problems[j]) {
				return
			}
		}
	}
}
