package litmus_test

import (
	"fmt"
	"strings"
	"testing"

	"crashsim/faultfs"
	"crashsim/faultfs/litmus"
)

func answer(t *testing.T, text string) *litmus.Result {
	t.Helper()
	tests, err := litmus.Parse("x", text, modelNames())
	if err != nil {
		t.Fatal(err)
	}
	r, err := litmus.Run(tests[0], []faultfs.Model{faultfs.POSIX})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func rows(m *litmus.Moment) string {
	var out []string
	for _, row := range m.Rows {
		out = append(out, row.Disk)
	}
	return strings.Join(out, ", ")
}

const twoAppends = "test a\nsetup\ncreate f\nrun\nappend f A\nfsync f%s\nappend f B\n"

// The marks say from when on the power may fail; each moment stands by itself.
func TestMomentsAndMarks(t *testing.T) {
	r := answer(t, fmt.Sprintf(twoAppends, ""))
	var got []string
	for i := range r.Moments {
		got = append(got, fmt.Sprint(r.Moments[i].After, ": ", rows(&r.Moments[i])))
	}
	if want := "0: f=; 1: f=, f=[A0]; 2: f=A; 3: f=A, f=A[B0]"; strings.Join(got, "; ") != want {
		t.Errorf("moments %q, want %q", got, want)
	}
	if got := rows(&r.Crash); got != "f=, f=A[B0], f=[A0]" || r.Crash.Count[0] != 5 {
		t.Errorf("without a mark %q, %v", got, r.Crash.Count)
	}
	r = answer(t, fmt.Sprintf(twoAppends, " returned"))
	if got := rows(&r.Crash); got != "f=A, f=A[B0]" {
		t.Errorf("after the sync has returned %q", got)
	}
	// A write that is its own sync can be torn before it returns, and not after.
	r = answer(t, "test a\nsetup\ncreate f\nrun\nsyncwrite f 0 AB\n")
	during, end := &r.Moments[1], &r.Moments[2]
	if !during.During || rows(during) != "f=, f=[A0][B0]" || end.During || rows(end) != "f=AB" {
		t.Errorf("during %q, then %q", rows(during), rows(end))
	}
	if got := rows(&r.Crash); got != "f=, f=[A0][B0]" {
		t.Errorf("a write that has not returned: %q", got)
	}
}

// Each kind of expectation fails where it should.
func TestExpectationsFail(t *testing.T) {
	for _, c := range []struct{ expect, missing, extra string }{
		{"exactly\nf=A\nf=A[B0]", "", ""},
		{"exactly\nf=A\nf=A[B0]\nf=AB", "", ""},
		{"exactly\nf=A[B0]", "", "f=A"},
		{"exactly\nf=A\nf=A[B0]\nf=", "f=", ""},
		{"exactly\nf=\nf=A\nf=AB", "f=", "f=A0"},
		{"allows\nf=A\nf=AB", "", ""},
		{"allows\nf=B\nf=A[B0]\nf=AC", "f=AC f=B", ""},
		{"forbids\nf=[B0]\n-", "", ""},
		{"forbids\nf=[B0]\nf=A[B0]", "", "f=A0 f=AB"},
		{"exactly after 0\nf=", "", ""},
		{"exactly after 1\nf=\nf=0\nf=A", "", ""},
		{"exactly after 2\nf=", "f=", "f=A"},
		{"allows after 3\nf=", "f=", ""},
		{"forbids after 3\nf=A", "", "f=A"},
	} {
		r := answer(t, fmt.Sprintf(twoAppends, " returned")+"expect posix "+c.expect)
		var missing, extra string
		for _, f := range r.Failures {
			missing, extra = strings.Join(f.Missing, " "), strings.Join(f.Extra, " ")
			if f.Where != "x:8" || f.Model != "posix" {
				t.Errorf("%s: told at %s of %s", c.expect, f.Where, f.Model)
			}
		}
		if missing != c.missing || extra != c.extra || (len(r.Failures) > 0) != (c.missing+c.extra != "") {
			t.Errorf("%s: missing %q, extra %q; want %q, %q", c.expect, missing, extra, c.missing, c.extra)
		}
	}
}

// What cannot be known is not taken for right, and what is wrong is wrong
// whatever else there is.
func TestTooManyDisks(t *testing.T) {
	old, changed := strings.Repeat("A", 20), strings.Repeat("B", 20)
	r := answer(t, "test a\nsetup\ncreate f\nappend f "+old+"\nrun\nwrite f 0 "+changed+`
		expect posix exactly
		f=`+old+` # others are there
		expect posix forbids
		f=`+old+` # it is there
		expect posix allows
		f=`+old+`
		expect posix forbids
		f=A
		expect posix allows
		f=A`)
	if !r.Crash.Capped[0] || len(r.Crash.Rows) > 0 {
		t.Errorf("2^20 disks are not too many: %d rows", len(r.Crash.Rows))
	}
	where := func(list []litmus.Failure) (out string) {
		for _, f := range list {
			out += f.Where + " "
		}
		return out
	}
	if failed, unknown := where(r.Failures), where(r.Unknown); failed != "x:7 x:9 " || unknown != "x:13 x:15 " {
		t.Errorf("failed %s, unknown %s", failed, unknown)
	}
}
