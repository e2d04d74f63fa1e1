package main

import (
	"encoding/json"
	"os"
	"regexp"
	"strings"
	"testing"
)

const litmusText = `test replace
  setup
    create f
    append f A
  run
    create t
    append t B
    fsync t returned
    rename t f
  expect posix exactly
    f=A
    f=A t=B
    f=B
`

func TestLitmusAnswers(t *testing.T) {
	inEmptyFolder(t)
	writeFile(t, "a.litmus", litmusText)
	a := crashsim(t, "litmus", "--model", "posix", "a.litmus")
	setup, _, _ := strings.Cut(litmusText, "  run")
	want := setup + `  run
    1 create t
    2 append t B
    3 fsync t returned
    4 rename t f
  models  a posix
`
	if a.code != exitPassed || !strings.HasPrefix(a.out, want) || !strings.HasSuffix(a.out, `
  the power fails at the end
    a
    x  f=A t=B
    x  f=[AB]
    3  disks
  the power fails whenever it can
    as at the end

1 test, 0 expectations not met, 0 unknown
`) {
		t.Errorf("exit %d\n%s%s", a.code, a.out, a.err)
	}
}

func TestLitmusFails(t *testing.T) {
	inEmptyFolder(t)
	writeFile(t, "a.litmus", strings.ReplaceAll(litmusText, "f=A t=B", "f=0"))
	a := crashsim(t, "litmus", "a.litmus", "--model", "posix")
	for _, says := range []string{"FAILED a.litmus:10: posix, expect posix exactly\n", "    not allowed: f=0\n", "    allowed: f=A t=B\n"} {
		if a.code != exitFailed || !strings.Contains(a.out, says) {
			t.Errorf("exit %d, without %q\n%s%s", a.code, says, a.out, a.err)
		}
	}
	a = crashsim(t, "litmus", "a.litmus", "--model", "posix", "--json")
	var object struct {
		Type, Test string
		Failures   []struct{ Where string }
		Crash      struct{ Count []int }
	}
	if err := json.Unmarshal([]byte(a.out), &object); err != nil || a.code != exitFailed || object.Type != "litmus" ||
		len(object.Failures) != 1 || object.Failures[0].Where != "a.litmus:10" || object.Crash.Count[0] != 3 {
		t.Errorf("exit %d, %v, %+v\n%s", a.code, err, object, a.out)
	}
}

func TestBadLitmusFiles(t *testing.T) {
	inEmptyFolder(t)
	writeFile(t, "bad.litmus", "test a\nrun\n  frobnicate f\n")
	writeFile(t, "none.litmus", "test a\nrun\n  fsync f\n")
	writeFile(t, "good.litmus", litmusText)
	refused(t, []string{"litmus", "good.litmus", "bad.litmus"}, "bad.litmus:3", `"frobnicate"`, "expected one of create")
	refused(t, []string{"litmus", "none.litmus"}, "none.litmus:3", "there is no f at this point")
	refused(t, []string{"litmus", "missing.litmus"}, "missing.litmus", "no such file", "docs/litmus.md")
	refused(t, []string{"litmus", ".", "--json"}, "is a directory")
	refused(t, []string{"litmus", "good.litmus", "--model", "posix,ext9"}, `unknown model "ext9": see crashsim list`)
}

// The page has every operation, and its example is one.
func TestLitmusPage(t *testing.T) {
	page, err := os.ReadFile("../../docs/litmus.md")
	if err != nil {
		t.Fatal(err)
	}
	inEmptyFolder(t)
	_, example, _ := strings.Cut(string(page), "```\n")
	example, _, _ = strings.Cut(example, "```")
	writeFile(t, "page.litmus", example)
	if a := crashsim(t, "litmus", "page.litmus", "--model", "posix"); a.code != exitPassed {
		t.Errorf("the example of the page: exit %d\n%s%s", a.code, a.out, a.err)
	}
	writeFile(t, "bad.litmus", "test a\nrun\nfrobnicate\n")
	_, list, _ := strings.Cut(crashsim(t, "litmus", "bad.litmus").err, "expected one of ")
	for _, verb := range regexp.MustCompile(`[a-z-]+`).FindAllString(list, -1) {
		if !strings.Contains(string(page), "`"+verb+" NAME") && !strings.Contains(string(page), "`"+verb+"`") {
			t.Errorf("the page does not have %s", verb)
		}
	}
}
