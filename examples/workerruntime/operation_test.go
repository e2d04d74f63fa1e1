package workerruntime

import (
	"fmt"
	"strings"
	"testing"

	"crashsim/crashtest"
)

// What Check takes reads back as it was written, and each field is where it
// belongs.
func TestOperationText(t *testing.T) {
	for text, want := range map[string]operation{
		"runtime r1 stopped":             {verb: "runtime", work: noWork, word: "stopped"},
		"bundle r2 b1 2300":              {verb: "bundle", rt: 1, as: 1, work: noWork, word: "b1", size: 2300},
		`diagnose r1 - ""`:               {verb: "diagnose", work: noWork},
		`diagnose r1 w2 "a \"b\" é\n"`:   {verb: "diagnose", work: 1, text: "a \"b\" é\n"},
		"worker r1 w5 cancelled 48":      {verb: "worker", work: 4, word: "cancelled", size: 48},
		"worker r1 w-long running 300":   {verb: "worker", work: longWork, word: "running", size: 300},
		"worker r2 w1 running 300 as r1": {verb: "worker", rt: 1, word: "running", size: 300},
		"event r1 worker_stopped w2 100": {verb: "event", work: 1, word: "worker_stopped", size: 100},
		"event r1 runtime_started - 100": {verb: "event", work: noWork, word: "runtime_started", size: 100},
		"event r2 worker_created - 99 again": {verb: "event", rt: 1, as: 1, work: noWork, word: "worker_created",
			size: 99, again: true},
		"event r1 worker_created w1 65536 as r2": {verb: "event", word: "worker_created", size: 65536, as: 1},
		"transcript r1 w-blank user 100":         {verb: "transcript", work: blankWork, word: "user", size: 100},
		"transcript r1 w1 system 100 again":      {verb: "transcript", word: "system", size: 100, again: true},
		"events r1 18446744073709551615 -7":      {verb: "events", work: noWork, from: 1<<64 - 1, limit: -7},
		"events r2 0 257 as r1":                  {verb: "events", rt: 1, work: noWork, limit: 257},
		"read r1 w4 -1 0":                        {verb: "read", work: 3, start: -1},
		"read r1 w4 12 3 as r2":                  {verb: "read", work: 3, start: 12, limit: 3, as: 1},
		"load r2":                                {verb: "load", rt: 1, as: 1, work: noWork},
	} {
		got, err := parse(text)
		if err != nil || got != want || got.String() != text || Check(text) != nil {
			t.Errorf("%s: %v\n%+v, want\n%+v", text, err, got, want)
		}
	}
	if err := Check(crashtest.Reopen); err != nil {
		t.Error(err)
	}
}

// Each error names what is wrong, quotes the operation, and fits in a line.
func TestCheckErrors(t *testing.T) {
	for text, says := range map[string]string{
		"":                                     `no operation ""`,
		"frobnicate r1":                        `no operation "frobnicate"`,
		"reopen now":                           `no operation "reopen"`,
		"Load r1":                              `no operation "Load"`,
		"load":                                 `"" is no runtime; it is: load RT`,
		"load r3":                              `"r3" is no runtime`,
		"load r1 r2":                           `unexpected "r2" after: load RT`,
		"load  r1":                             `"" is no runtime`,
		"load r1 ":                             `write it as "load r1"`,
		"load r1 as r2":                        `unexpected "as r2"`,
		"runtime r1 cancelled":                 `"cancelled" is not one of running, stopped`,
		"runtime r1 stopped again":             `unexpected "again"`,
		"worker r1 w6 running 100":             `"w6" is no worker`,
		"worker r1 - running 100":              `"-" is no worker`,
		"worker r1 w1 gone 100":                `"gone" is not one of running, stopped, cancelled`,
		"worker r1 w1 running 47":              `"47" is no size from 48 to 65536`,
		"worker r1 w1 running 65537":           `"65537" is no size`,
		"worker r1 w1 running":                 `"" is no size`,
		"worker r1 w1 running x":               `"x" is no size`,
		"worker r1 w1 running +100":            `write it as "worker r1 w1 running 100"`,
		"worker r1 w1 running 0100":            `write it as "worker r1 w1 running 100"`,
		"worker r1 w1 running 100 again":       `unexpected "again"`,
		"worker r1 w1 running 100 as r1":       `unexpected "as r1"`,
		"worker r1 w1 running 100 as r2 again": `unexpected "as r2 again"`,
		"event r1 worker_created w-long 100":   `"w-long" is no worker for this`,
		"event r1 worker_created - 100 as r2":  `unexpected "as r2"`,
		"event r1 exploded w1 100":             `"exploded" is not one of runtime_started`,
		"transcript r1 - user 100":             `"-" is no worker`,
		"transcript r1 w1 robot 100":           `"robot" is not one of user, system`,
		"bundle r1 b3 100":                     `"b3" is not one of b1, b2`,
		"events r1 -1 5":                       `"-1" is no event id`,
		"events r1 18446744073709551616 5":     `is no event id`,
		"events r1 1":                          `"" is no limit`,
		"events r1 1 many":                     `"many" is no limit`,
		"read r1 w1 x 5":                       `"x" is no`,
		"read r1 w1 0 5 again":                 `unexpected "again"`,
		"diagnose r1 - text":                   `is no text in quotes`,
		"diagnose r1 - `text`":                 `write it as`,
		"diagnose r1 - \"a\xff\"":              `write it as`,
		`diagnose r1 - "a\xff"`:                `is no text in quotes`,
		`diagnose r1 w-blank "x"`:              `"w-blank" is no worker`,
		`diagnose r1 - "x" as r2`:              `is no text in quotes`,
		fmt.Sprintf("diagnose r1 - %q", strings.Repeat("x", maxDiagnoseBytes+1)): `of at most 200 bytes`,
	} {
		err := Check(text)
		if err == nil {
			t.Errorf("%q is taken", text)
			continue
		}
		line := err.Error()
		if !strings.Contains(line, says) || !strings.HasPrefix(line, fmt.Sprintf("%q: ", text)) || strings.Contains(line, "\n") {
			t.Errorf("%q: %q; want one line with %q", text, line, says)
		}
	}
}

// An operation that is nonsense is an error of the store and not its answer.
func TestNonsenseIsNotApplied(t *testing.T) {
	m := newModel(runtimes)
	before := m.State()
	if got := m.Apply("frobnicate r1"); !strings.HasPrefix(got, "the reference fails: ") || m.State() != before {
		t.Errorf("%q, and the state is\n%s", got, m.State())
	}
}
