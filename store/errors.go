package store

import (
	"errors"
	"strconv"
)

// The kinds of error, to be matched with errors.Is.
var (
	ErrIO           = errors.New("I/O error")
	ErrMissing      = errors.New("missing data")
	ErrCorrupt      = errors.New("corrupt data")
	ErrWrongRuntime = errors.New("wrong runtime")
	ErrWrongCursor  = errors.New("cursor of another runtime")
	ErrLimit        = errors.New("limit exceeded")
	ErrLocked       = errors.New("another owner has the store open")
	ErrInvalid      = errors.New("invalid argument")
	ErrFailed       = errors.New("the store has failed and refuses writes until it is opened again")
	ErrClosed       = errors.New("the store is closed")
)

// Error is what every operation of a [Store] fails with.
type Error struct {
	Op     string // "append event"
	Path   string // below the store's root, empty where no file is concerned
	Kind   error  // one of the kinds above
	Detail string // what is wrong, in words
	Err    error  // the cause, if it is another error
}

func (e *Error) Error() string {
	text := e.Op
	if e.Path != "" {
		text += " " + e.Path
	}
	text += ": " + e.Kind.Error()
	if e.Detail != "" {
		text += ": " + e.Detail
	}
	if e.Err != nil {
		text += ": " + e.Err.Error()
	}
	return text
}

// Unwrap gives the kind and the cause, so that errors.Is and errors.As find both.
func (e *Error) Unwrap() []error {
	if e.Err == nil {
		return []error{e.Kind}
	}
	return []error{e.Kind, e.Err}
}

func ioError(op, path string, err error) error {
	return &Error{Op: op, Path: path, Kind: ErrIO, Err: err}
}

func corrupt(op, path, detail string) error {
	return &Error{Op: op, Path: path, Kind: ErrCorrupt, Detail: detail}
}

func invalid(op, detail string) error {
	return &Error{Op: op, Kind: ErrInvalid, Detail: detail}
}

func limit(op, what string, got, most int) error {
	return &Error{Op: op, Kind: ErrLimit, Detail: what + ": " + strconv.Itoa(got) + ", at most " + strconv.Itoa(most)}
}
