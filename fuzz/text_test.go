package fuzz

import (
	"encoding"
	"reflect"
	"testing"

	"crashsim/crashtest"
	"crashsim/faultfs"
	"crashsim/faultfs/litmus"
)

// text is what has a text form.
type text interface {
	encoding.TextMarshaler
	encoding.TextUnmarshaler
}

// roundTrip reads any text: what is understood is written back, and reads again to
// the same value and the same text.
func roundTrip[T any, P interface {
	*T
	text
}](t *testing.T, in string) {
	t.Helper()
	var first, again T
	if P(&first).UnmarshalText([]byte(in)) != nil {
		return
	}
	out, err := P(&first).MarshalText()
	if err != nil {
		t.Fatalf("it is read and cannot be written: %v\n%s", err, in)
	}
	if err := P(&again).UnmarshalText(out); err != nil {
		t.Fatalf("it is written and cannot be read: %v\n%s", err, out)
	}
	if !reflect.DeepEqual(first, again) {
		t.Fatalf("read:\n%+v\nwritten and read again:\n%+v", first, again)
	}
	if twice, _ := P(&again).MarshalText(); string(twice) != string(out) {
		t.Fatalf("written:\n%s\nread and written again:\n%s", out, twice)
	}
}

func FuzzCase(f *testing.F) {
	f.Add("crashsim case 1\ntarget: seedstore\nmodel: posix\nseed: 1\ndepth: 2\nfailure: acknowledged data is lost\nop: load r1\n" +
		"crash: workload at 14\nlost: 12.0\ncrash: recovery at end kill\nlast: probes\n\nreport\n")
	f.Fuzz(func(t *testing.T, in string) { roundTrip[crashtest.Case](t, in) })
}

// FuzzPlan reads any text as a plan of faults.
func FuzzPlan(f *testing.F) {
	f.Add("fsync path=*.jsonl nth=3: EIO")
	f.Fuzz(func(t *testing.T, in string) {
		plan, err := faultfs.ParsePlan(in)
		if err != nil {
			return
		}
		again, err := faultfs.ParsePlan(plan.String())
		if err != nil || again.String() != plan.String() {
			t.Fatalf("%q is written as %q: %v, %q", in, plan, err, again)
		}
	})
}

// FuzzModel reads any text as a persistence model.
func FuzzModel(f *testing.F) {
	for _, m := range faultfs.Models() {
		f.Add(m.Text())
	}
	f.Fuzz(func(t *testing.T, in string) {
		m, err := faultfs.ParseModel(in)
		if err != nil {
			return
		}
		again, err := faultfs.ParseModel(m.Text())
		if err != nil || !reflect.DeepEqual(again, m) {
			t.Fatalf("written and read again: %v\n%s\nread from:\n%s", err, m.Text(), in)
		}
	})
}

// FuzzLitmus reads any text as litmus tests.
func FuzzLitmus(f *testing.F) {
	var models []string
	for _, m := range faultfs.Models() {
		models = append(models, m.Name)
	}
	f.Add("")
	f.Fuzz(func(t *testing.T, in string) {
		if len(in) > 1<<12 {
			return // each operation in it is done
		}
		tests, err := litmus.Parse("in", in, models)
		if err != nil {
			return
		}
		for _, test := range tests {
			again, err := litmus.Parse("again", test.String(), models)
			if err != nil || len(again) != 1 || again[0].String() != test.String() {
				t.Fatalf("written and read again: %v\n%s\nread from:\n%s", err, test, in)
			}
		}
	})
}
