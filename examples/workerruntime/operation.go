package workerruntime

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"crashsim/crashtest"
	"crashsim/store"
)

// operation is what one line of a workload says. Fields that its verb does not
// have are zero.
type operation struct {
	verb  string
	rt    int
	work  int    // noWork for none
	word  string // a status, kind, role or bundle
	text  string // of a diagnostic
	size  int
	from  uint64
	start int
	limit int
	as    int // the runtime that the ref or the cursor names: rt, or the other one
	again bool
}

// The arguments of each verb, in order. What takes as or again may end in it.
var grammar = map[string]struct {
	args      string
	as, again bool
}{
	"runtime":    {args: "RT STATUS"},
	"bundle":     {args: "RT BUNDLE SIZE"},
	"diagnose":   {args: `RT WORKER|- "TEXT"`},
	"worker":     {args: "RT WORKER WORKER-STATUS SIZE", as: true},
	"event":      {args: "RT KIND WORKER|- SIZE", as: true, again: true},
	"transcript": {args: "RT WORKER ROLE SIZE", as: true, again: true},
	"events":     {args: "RT FROM LIMIT", as: true},
	"read":       {args: "RT WORKER START LIMIT", as: true},
	"load":       {args: "RT"},
}

// The words that a place takes.
var vocabulary = map[string][]string{
	"STATUS":        {store.Running, store.Stopped},
	"WORKER-STATUS": {store.Running, store.Stopped, store.Cancelled},
	"BUNDLE":        {"b1", "b2"},
	"ROLE":          {"user", "system"},
	"KIND": {"runtime_started", "runtime_stopped", "worker_created", "worker_input_accepted",
		"worker_stopped", "worker_cancelled"},
}

// Check tells what is wrong with the text of an operation.
func Check(op string) error { return check(op, runtimes) }

// check is Check where there are so many runtimes.
func check(op string, n int) error {
	if op == crashtest.Reopen {
		return nil
	}
	o, err := parse(op)
	if err == nil && o.rt >= n {
		err = fmt.Errorf("%q: there is no runtime %s here", op, runtimeAliases[o.rt].Name)
	}
	return err
}

func parse(line string) (operation, error) {
	verb, rest, _ := strings.Cut(line, " ")
	rule, known := grammar[verb]
	if !known {
		return operation{}, fmt.Errorf("%q: no operation %q", line, verb)
	}
	o := operation{verb: verb, work: noWork}
	for place := range strings.SplitSeq(rule.args, " ") {
		var arg string
		if place == `"TEXT"` {
			arg, rest = rest, ""
		} else {
			arg, rest, _ = strings.Cut(rest, " ")
		}
		if err := o.set(place, arg); err != nil {
			return operation{}, fmt.Errorf("%q: %w; it is: %s %s", line, err, verb, rule.args)
		}
	}
	o.as = o.rt
	switch other := 1 - o.rt; {
	case rest == "":
	case rule.as && rest == "as "+runtimeAliases[other].Name && (verb != "event" || o.work != noWork):
		o.as = other
	case rule.again && rest == "again":
		o.again = true
	default:
		return operation{}, fmt.Errorf("%q: unexpected %q after: %s %s", line, rest, verb, rule.args)
	}
	if text := o.String(); text != line {
		return operation{}, fmt.Errorf("%q: write it as %q", line, text)
	}
	return o, nil
}

// set takes one argument for its place.
func (o *operation) set(place, arg string) (err error) {
	switch place {
	case "RT":
		if o.rt = indexOf(runtimeAliases[:], arg, aliasName); o.rt < 0 {
			return fmt.Errorf("%q is no runtime", arg)
		}
	case "WORKER", "WORKER|-":
		o.work = indexOf(workerAliases[:], arg, aliasName)
		refused := o.work >= realWorks && place != "WORKER" // "-" or one that can be
		if none := arg == "-" && place != "WORKER"; o.work < 0 && !none || refused {
			return fmt.Errorf("%q is no worker for this", arg)
		}
	case "SIZE":
		if o.size, err = strconv.Atoi(arg); err != nil || o.size < minSize || o.size > maxSize {
			return fmt.Errorf("%q is no size from %d to %d", arg, minSize, maxSize)
		}
	case "FROM":
		if o.from, err = strconv.ParseUint(arg, 10, 64); err != nil {
			return fmt.Errorf("%q is no event id", arg)
		}
	case "START":
		if o.start, err = strconv.Atoi(arg); err != nil {
			return fmt.Errorf("%q is no index", arg)
		}
	case "LIMIT":
		if o.limit, err = strconv.Atoi(arg); err != nil {
			return fmt.Errorf("%q is no limit", arg)
		}
	case `"TEXT"`:
		if o.text, err = strconv.Unquote(arg); err != nil || len(o.text) > maxDiagnoseBytes || !utf8.ValidString(o.text) {
			return fmt.Errorf("%q is no text in quotes of at most %d bytes", arg, maxDiagnoseBytes)
		}
	default:
		if o.word = arg; !slices.Contains(vocabulary[place], arg) {
			return fmt.Errorf("%q is not one of %s", arg, strings.Join(vocabulary[place], ", "))
		}
	}
	return nil
}

// String gives the one way to write an operation.
func (o operation) String() string {
	b := []byte(o.verb)
	for place := range strings.SplitSeq(grammar[o.verb].args, " ") {
		b = append(b, ' ')
		switch place {
		case "RT":
			b = append(b, runtimeAliases[o.rt].Name...)
		case "WORKER", "WORKER|-":
			b = append(b, workName(o.work)...)
		case "SIZE":
			b = strconv.AppendInt(b, int64(o.size), 10)
		case "FROM":
			b = strconv.AppendUint(b, o.from, 10)
		case "START":
			b = strconv.AppendInt(b, int64(o.start), 10)
		case "LIMIT":
			b = strconv.AppendInt(b, int64(o.limit), 10)
		case `"TEXT"`:
			b = strconv.AppendQuote(b, o.text)
		default:
			b = append(b, o.word...)
		}
	}
	if o.as != o.rt {
		b = append(append(b, " as "...), runtimeAliases[o.as].Name...)
	}
	if o.again {
		b = append(b, " again"...)
	}
	return string(b)
}

func workName(work int) string {
	if work == noWork {
		return "-"
	}
	return workerAliases[work].Name
}
