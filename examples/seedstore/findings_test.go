//go:build !race

// It explores the whole default workload: too much for the race detector, which
// has its own tests of the engine.

package seedstore_test

import (
	"flag"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"crashsim/crashtest"
	"crashsim/examples/workerruntime"
)

var update = flag.Bool("update", false, "write FINDINGS.md anew")

const findingsHead = `# What crashsim finds in this store

Each of these is a way in which the design as first written loses data, or cannot be opened or used any more. These are the
reports of ` + "`crashsim run seedstore`" + `; the test beside this file fails when one is no longer found. To write it anew:
` + "`go test ./examples/seedstore -update`" + `.
`

// callers are lines above the store in a stack. They may move: a finding is told by
// the store's own.
var callers = regexp.MustCompile(`(crashsim/examples/workerruntime/\w+\.go):\d+`)

// Every finding is found, in the same words and in the same order.
func TestFindingsAreStillFound(t *testing.T) {
	var target crashtest.Target
	for _, target = range workerruntime.Targets() {
		if target.Name == "seedstore" {
			break
		}
	}
	r, err := crashtest.Run(t.Context(), &target, crashtest.Defaults())
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	b.WriteString(findingsHead)
	for i, f := range r.Findings {
		fmt.Fprintf(&b, "\n## %d. %s\n\n```\n%s```\n", i+1, strings.ToUpper(string(f.Kind[:1]))+string(f.Kind[1:]), f.Report)
	}
	if *update {
		if err := os.WriteFile("FINDINGS.md", []byte(b.String()), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile("FINDINGS.md")
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Findings) < 10 {
		t.Errorf("%d findings, want ten at least", len(r.Findings))
	}
	now, then := callers.ReplaceAllString(b.String(), "$1"), callers.ReplaceAllString(string(want), "$1")
	for _, section := range strings.Split(then, "\n## ")[1:] {
		_, report, _ := strings.Cut(section, "```\n")
		if !strings.Contains(now, report) {
			t.Errorf("no longer found: %s", section)
		}
	}
	if now != then {
		t.Error("there are other findings than in FINDINGS.md, or in another order: look at them, then go test ./examples/seedstore -update")
	}
}
