package crashtest

// Kind says what was wrong with a store.
type Kind string

// The kinds of failure, as they are printed.
const (
	Refused     Kind = "the store refuses to open"
	Unreadable  Kind = "the store opens and cannot be read"
	Panicked    Kind = "the store panics"
	Endless     Kind = "the store does not come to an end"
	Lost        Kind = "acknowledged data is lost"
	WrongState  Kind = "the store holds what was never asked of it"
	Forgotten   Kind = "what a recovery showed is lost in the next crash"
	Unstable    Kind = "a second recovery changes the disk"
	OpFailed    Kind = "an operation fails"
	WrongAnswer Kind = "an operation gives a wrong answer"
)

// Those that only faults bring out.
const (
	Misreported Kind = "an error is reported as something else"
	Unnamed     Kind = "damage is met, and not named"
	HandedOut   Kind = "damage is handed out as good data"
	Disagrees   Kind = "the running store and the reopened one do not agree"
	Stuck       Kind = "the store does not work again after a fault"
	LeftOpen    Kind = "a file is left open"
	LeftRunning Kind = "a goroutine is left running"
)

func (k Kind) known() bool {
	switch k {
	case Refused, Unreadable, Panicked, Endless, Lost, WrongState, Forgotten, Unstable, OpFailed, WrongAnswer,
		Misreported, Unnamed, HandedOut, Disagrees, Stuck, LeftOpen, LeftRunning:
		return true
	}
	return false
}

// Failure is one wrong thing that a store did.
type Failure struct {
	Kind   Kind
	Detail string // an error's text
	Want   string // the answer or state that was right, where there is one
	Got    string
}

func (f *Failure) Error() string {
	if f.Detail == "" {
		return string(f.Kind)
	}
	return string(f.Kind) + ": " + f.Detail
}
