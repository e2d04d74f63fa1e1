package store

import (
	"os"
	"unicode/utf8"
)

// Options say which runtime a store is of, and what it accepts.
type Options struct {
	// RuntimeID is any string that is not blank, of at most 126 bytes of UTF-8.
	RuntimeID string
	// DisplayName and Limits go into the first snapshot. A runtime that exists
	// keeps what it has. Limits of 0 are DefaultMaxItems.
	DisplayName *string
	Limits      Limits

	// MaxLineBytes bounds a line of a log, its newline included; 0 is
	// DefaultMaxLineBytes. MaxWorkers bounds how many workers there may be; 0 is
	// DefaultMaxWorkers. What is there already is read in any case.
	MaxLineBytes int
	MaxWorkers   int

	// ProcessID goes into the names of temporary files; 0 is os.Getpid.
	ProcessID int
}

// Defaults of [Options].
const (
	DefaultMaxLineBytes = 1 << 20
	DefaultMaxWorkers   = 10_000
)

func (o Options) withDefaults() (Options, error) {
	if o.MaxLineBytes < 0 || o.MaxWorkers < 0 || o.ProcessID < 0 {
		return o, invalid(opOpen, "a negative limit")
	}
	if err := o.Limits.check(opOpen); err != nil {
		return o, err
	}
	if o.DisplayName != nil && !utf8.ValidString(*o.DisplayName) {
		return o, invalid(opOpen, "a display name that is not UTF-8")
	}
	def := func(v *int, to int) {
		if *v == 0 {
			*v = to
		}
	}
	def(&o.MaxLineBytes, DefaultMaxLineBytes)
	def(&o.MaxWorkers, DefaultMaxWorkers)
	def(&o.Limits.MaxEventBatchItems, DefaultMaxItems)
	def(&o.Limits.MaxTranscriptProjectionItems, DefaultMaxItems)
	if o.ProcessID == 0 {
		o.ProcessID = os.Getpid()
	}
	return o, nil
}
