package keyvalue

import (
	"fmt"
	"maps"
	"strings"
	"testing"

	"crashsim/crashtest"
	"crashsim/faultfs"
)

// driven takes operations as text: "key=value" sets, "key" gets.
type driven struct{ *Store }

func (d driven) Apply(op string) (string, error) {
	if key, value, set := strings.Cut(op, "="); set {
		return "ok", d.Set(key, value)
	}
	return d.Get(op), nil
}

func (d driven) State() (string, error) { return fmt.Sprint(d.All()), nil } // maps print in the order of their keys

// reference says what the store should answer and hold: here a map is enough.
type reference map[string]string

func (r reference) Apply(op string) string {
	if key, value, set := strings.Cut(op, "="); set {
		r[key] = value
		return "ok"
	}
	return r[op]
}

func (r reference) State() string          { return fmt.Sprint(map[string]string(r)) }
func (r reference) Clone() crashtest.Model { return maps.Clone(r) }

var target = crashtest.Target{
	Name:  "keyvalue",
	Open:  func(disk faultfs.FS) (crashtest.Store, error) { s, err := Open(disk); return driven{s}, err },
	Model: func() crashtest.Model { return reference{} },
	Generate: func(c crashtest.Chooser, n int) (ops []string) { // all chance comes from c: a seed repeats it
		for i := range n {
			key, filler := string(rune('a'+c.Choose(4))), strings.Repeat("x", c.Choose(1500)) // long writes tear
			ops = append(ops, []string{fmt.Sprint(key, "=", i, filler), key, crashtest.Reopen}[c.Choose(3)])
		}
		return ops
	},
	Idempotent: true,                                                               // a second recovery changes nothing
	Probes:     func(crashtest.Model) []string { return []string{"a=again", "a"} }, // tried after each recovery
}

func TestStoreSurvivesCrashes(t *testing.T) {
	// An error, too, where not every crash could be tried.
	if err := crashtest.Check(t.Context(), &target, crashtest.Defaults()); err != nil {
		t.Fatal(err)
	}
}
