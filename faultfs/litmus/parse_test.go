package litmus_test

import (
	"strings"
	"testing"

	"crashsim/faultfs/litmus"
)

// Printed and read again, a test is the same, and prints the same.
func TestPrintedTestsAreReadAsTheSame(t *testing.T) {
	tests, err := litmus.Corpus(modelNames())
	if err != nil {
		t.Fatal(err)
	}
	odd, err := litmus.Parse("odd", `
		test odd # a comment
		about   words  apart
		sector 100
		setup
		create f
		append f A:1,B:2,C     # C is a sector
		mkdir d
		run
		fallocate f 0 7 punch-hole keep-size returned
		write f 5 AAAAAAAAAA0
		syncwrite f 5 A:250
		rename f d/g
		expect all,posix forbids after 0
		d/ f=A:1,[B0]:3,[xy]
		-
		d/ f= g=~f
		expect posix allows
		d/ e/~d`, modelNames())
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range append(tests, odd...) {
		text := test.String()
		again, err := litmus.Parse(test.File, text, modelNames())
		if err != nil || len(again) != 1 {
			t.Fatalf("%v\n%s", err, text)
		}
		if again[0].String() != text || litmus.Plain(again[0]) != litmus.Plain(test) {
			t.Errorf("read as another:\n%s\n%+v\n%+v", again[0], again[0], test)
		}
	}
}

func TestBadTests(t *testing.T) {
	const head = "test a\nrun\ncreate f\n"
	for _, c := range []struct{ text, says string }{
		{"", "x:1: expected a test, found none"},
		{"# nothing\n", "x:1: expected a test, found none"},
		{"create f", `x:1: expected a line "test NAME", found "create f"`},
		{"test", "x:1: expected one word after test"},
		{"test a b", `x:1: expected one word after test, its name, found "a b"`},
		{head + "test a", `x:4: expected a name that no test of this file has, found "a"`},
		{"test a\n", "expected operations after run before test a ends"},
		{"test a\ntest b", "x:2: expected operations after run before test a ends"},
		{"test a\nsector", `x:2: expected one line "sector BYTES"`},
		{"test a\nsector 0", "x:2: expected a number from 1 to 1048576 after sector"},
		{"test a\nsector 8\nsector 8", `x:3: expected one line "sector BYTES"`},
		{"test a\nabout", "x:2: expected text after about"},
		{"test a\nrun\nabout b", "x:3: expected about before setup and run"},
		{"test a\ncreate f", `x:2: expected about, sector, setup or run, found "create"`},
		{"test a\nrun it", `x:2: expected nothing after run on its line, found "it"`},
		{head + "setup", "x:4: expected setup, run and expectations, in this order, found another setup"},
		{head + "frobnicate f", `x:4: unknown operation "frobnicate": expected one of create, mkdir,`},
		{head + "fsync", "x:4: expected NAME, found the end of the line; it is: fsync NAME [returned]"},
		{head + "fsync g", "x:4: fsync: expected a file that exists: there is no g at this point"},
		{head + "unlink f\nappend f A", "x:5: append: expected a file that exists: there is no f at this point"},
		{head + "rename f d/f", "x:4: rename: expected a file that exists: there is no f or the folder of d/f at this point"},
		{head + "create f", "x:4: create: expected a new name: it exists at this point"},
		{head + "rmdir f", "x:4: rmdir: expected a folder, f is or leads through a file at this point"},
		{head + "mkdir d\nunlink d", "x:5: unlink: expected a file, d is a folder at this point"},
		{head + "mkdir d\ncreate d/f\nrmdir d", "x:6: rmdir: expected an operation that succeeds at this point: directory not empty"},
		{head + "fallocate f 0 0", "x:4: fallocate: expected an operation that succeeds at this point: invalid argument"},
		{head + "fallocate f 0 1 keepsize", `x:4: expected keep-size, punch-hole or zero-range, found "keepsize"; it is: fallocate NAME OFFSET SIZE [keep-size]`},
		{head + "write f -1 A", `x:4: expected a number from 0 to 1048576, found "-1"`},
		{head + "write f 1e3 A", `x:4: expected a number from 0 to 1048576, found "1e3"`},
		{head + "write f 0 A:0", "x:4: expected a length in bytes from 1 to 1048576 after the colon"},
		{head + "write f 0 A:5,", "x:4: expected a length in bytes from 1 to 1048576 after the colon, and a comma if more follows"},
		{head + "write f 0 A:99999999999", "x:4: expected a length in bytes"},
		{head + "write f 0 A:1048576,A", "x:4: expected at most 1048576 bytes of content"},
		{head + "write f 0 [AB]", "x:4: expected content, as in AAB or A:2500"},
		{head + "write f 0 A B", `x:4: expected no more, found "B"; it is: write NAME OFFSET CONTENT [returned]`},
		{head + "fsync ../f", `x:4: expected a name such as d/f, without = ~ and comma, found "../f"`},
		{"test a\nsetup\ncreate f returned", "x:3: expected returned in run only"},
		{"test a\nsetup\ncreate f\nexpect posix allows", "x:4: expected run and its operations before an expectation"},
		{head + "expect", `x:4: expected: expect MODELS exactly|allows|forbids [after N], found "expect"`},
		{head + "expect ext9 allows", `x:4: unknown model "ext9": expected all or some of`},
		{head + "expect posix permits", `x:4: expected exactly, allows or forbids, found "permits"`},
		{head + "expect posix allows after 2", `x:4: expected a number of operations from 0 to 1 after "after", found "2"`},
		{head + "expect posix allows", "expected disks, one a line, before line 4's expectation ends"},
		{head + "expect posix allows\nexpect posix forbids", "x:5: expected disks, one a line, before line 4's expectation ends"},
		{head + "expect posix allows\nf", `x:5: expected disks, as in f=AB, d/ or -, found "f"`},
		{head + "expect posix allows\nf=[A]", "x:5: expected letters in brackets, as in [A0]"},
		{head + "expect posix allows\nf=!", "x:5: expected content, as in AAB or A:2500"},
		{head + "expect posix allows\nd/f=A", "x:5: expected the folder that d/f is in, as d/"},
		{head + "expect posix allows\nf=A f=B", "x:5: expected each name once, found f twice"},
		{head + "expect posix allows\nf=A~g", "x:5: expected an earlier name after ~, found f~g"},
		{head + "expect posix allows\nf=" + strings.Repeat("[AB]", 40), "x:5: expected at most 65536 disks on a line"},
	} {
		_, err := litmus.Parse("x", c.text, modelNames())
		if err == nil || !strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%q: %v, want %q", c.text, err, c.says)
		}
	}
}
