package crashtest

import "crashsim/faultfs"

// Target is a store under test and the reference that it is held against.
// Nothing else in this package knows what kind of store it is: operations,
// results and states are text, and two states are equal where their text is.
//
// A Target has to be deterministic: on equal disks the same operations do the
// same. Its functions are called from several goroutines at once, each on a
// store of its own.
type Target struct {
	Name string // as on the command line, in one line, without a slash
	Doc  string // one line

	// Open opens or creates the store on a disk: what it does on the disk that
	// a crash left is its recovery.
	Open func(faultfs.FS) (Store, error)

	// OpenUnderFaults, if not nil, is Open where a disk has faults: without what the
	// target itself looks at beside the store, which faults would strike as well.
	OpenUnderFaults func(faultfs.FS) (Store, error)

	// Model gives the reference of a store that was created just now.
	Model func() Model

	// Generate makes a workload of about n operations, [Reopen] among them where
	// that may matter. All that varies in it comes from the chooser.
	Generate func(c Chooser, n int) []string

	// Probes, if not nil, gives the operations that a store in the model's state is
	// tried with after a recovery: one of every kind that writes, and reads that
	// would show what a write does to its neighbours. Without it a store that
	// recovers, and then takes nothing more, passes.
	Probes func(Model) []string

	// Idempotent says that a second recovery, with no crash before it, leaves
	// every byte of the disk as it was. It is checked.
	Idempotent bool

	// Check, if not nil, tells what is wrong with the text of an operation, nil
	// if nothing is. It is for workloads that people write.
	Check func(op string) error

	// Reports, if not nil, tells what is wrong with how an error reports its cause,
	// which a fault on the disk was: "" if nothing is. That the cause can be found by
	// errors.Is is asked of every store.
	Reports func(err, cause error) string
}

// underFaults is the target as it is tried with faults.
func (t *Target) underFaults() *Target {
	if t.OpenUnderFaults == nil {
		return t
	}
	own := *t
	own.Open = t.OpenUnderFaults
	return &own
}

// probes are those of a target that has some.
func (t *Target) probes(m Model) []string {
	if t.Probes == nil {
		return nil
	}
	return t.Probes(m)
}

// Reopen is the operation that every target has: the store is closed and opened
// again.
const Reopen = "reopen"

// Store is an open store under test.
type Store interface {
	// Apply carries out one operation. The result is what a caller would see,
	// a refusal for a reason that the model knows included. An error says that
	// the operation failed: it may have taken effect or not.
	Apply(op string) (result string, err error)
	// State is all that the store holds, in a form that people can read and
	// compare line by line. It does not change the store.
	State() (string, error)
	// Close closes the store, and lets go of all that it holds on its FS.
	Close() error
}

// Noticer is a [Store] that goes on where it meets damage, and says so.
type Noticer interface {
	// Noticed names what the store has found damaged, and leaves out of its state.
	Noticed() []string
}

// Model is the reference: what a store that never fails would answer and hold. State
// and Clone change nothing in it: workers call them on the same model at once.
type Model interface {
	Apply(op string) (result string)
	State() string
	// Clone gives a copy that changes no more with the original.
	Clone() Model
}

// Chooser is the single source of choice.
type Chooser interface {
	// Choose gives a number in [0,n). The simplest choice is 0.
	Choose(n int) int
}
