//go:build !race

// It explores the whole default workload: too much for the race detector, which
// has its own tests of the engine.

package seedstore_test

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"crashsim/crashtest"
	"crashsim/examples/workerruntime"
)

var update = flag.Bool("update", false, "write FINDINGS.md anew")

const findingsHead = `# What crashsim finds in this store

Each of these is a way in which the design as first written loses data, or cannot be opened or used any more. They are as
` + "`crashsim run seedstore`" + ` prints them; the test beside this file fails when one is no longer found. To write it anew:
` + "`go test ./examples/seedstore -update`" + `.
`

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
	for _, section := range strings.Split(string(want), "\n## ")[1:] {
		_, report, _ := strings.Cut(section, "```\n")
		if !strings.Contains(b.String(), report) {
			t.Errorf("no longer found: %s", section)
		}
	}
	if b.String() != string(want) {
		t.Error("there are other findings than in FINDINGS.md, or in another order: look at them, then go test ./examples/seedstore -update")
	}
}
