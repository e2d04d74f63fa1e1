package workerruntime

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"crashsim/crashtest"
)

// seedOps meet every fault of the seed's design, each with few operations.
var seedOps = []string{
	"worker r1 w-long running 300",
	"event r1 worker_created - 100 again",
	"transcript r1 w3 user 100",
	"worker r1 w1 running 300",
	"transcript r1 w1 user 100",
	"worker r2 w1 stopped 400",
	crashtest.Reopen,
	"runtime r2 running",
	"worker r2 w1 running 400",
}

var seedLine = regexp.MustCompile(`crashsim/examples/seedstore/(\S+)`)

// causeOf tells a finding by its kind and by the lines of the seed that asked for
// what the last crash lost or, where it lost nothing, for what was done last.
func causeOf(f *crashtest.Finding) string {
	_, after, crashed := cutLast(f.Report, "\n  the power fails after ")
	if !crashed {
		if _, after, crashed = cutLast(f.Report, "\n  the process is killed after "); !crashed {
			return string(f.Kind) + " in " + f.Scenario.Ops[len(f.Scenario.Ops)-1]
		}
	}
	verb := " after"
	if strings.Contains(after, "\n    lost, ") {
		verb = " without"
	}
	cause := string(f.Kind) + verb
	for _, m := range seedLine.FindAllStringSubmatch(after, -1) {
		cause += " " + m[1]
	}
	return cause
}

func cutLast(text, sep string) (before, after string, found bool) {
	i := strings.LastIndex(text, sep)
	if i < 0 {
		return text, "", false
	}
	return text[:i], text[i+len(sep):], true
}

// seedCauses are the faults that are known. One that is no longer found is a fault
// of the harness: the seed stays as it is.
var seedCauses = []string{
	// Folders and logs whose names nobody synced.
	"acknowledged data is lost without files.go:20 store.go:62 store.go:45",
	"acknowledged data is lost without files.go:20 files.go:27 store.go:70 store.go:45",
	"acknowledged data is lost without files.go:20 store.go:121",
	"the store refuses to open without files.go:114 files.go:88 store.go:139",
	"the store refuses to open without files.go:114 files.go:102 store.go:128",
	// A creation that was interrupted.
	"the store refuses to open after files.go:132 files.go:79 files.go:61 files.go:53 store.go:111 store.go:53",
	"the store refuses to open after files.go:64 files.go:53 store.go:111 store.go:53",
	"the store refuses to open after files.go:132 files.go:79 files.go:61 files.go:53 store.go:125",
	"the store refuses to open after files.go:64 files.go:53 store.go:125",
	// A torn line at the end of a log, or one without its newline.
	"the store refuses to open without files.go:129 files.go:93 store.go:139",
	"the store refuses to open without files.go:132 files.go:93 store.go:139",
	"the store refuses to open without files.go:129 files.go:93 store.go:148",
	"the store refuses to open without files.go:132 files.go:93 store.go:148",
	// A temporary file that is left over, in the way of the next.
	"an operation fails after files.go:132 files.go:79 files.go:61 files.go:53 store.go:111",
	"an operation fails after files.go:132 files.go:79 files.go:61 files.go:53 store.go:125",
	"an operation fails without files.go:64 files.go:53 store.go:111",
	"an operation fails without files.go:64 files.go:53 store.go:125",
	// What should have been refused, and needs no crash.
	"an operation fails in worker r1 w-long running 300",
	"an operation gives a wrong answer in event r1 worker_created - 100 again",
	"an operation gives a wrong answer in transcript r1 w3 user 100",
}

func seedFindings(t *testing.T) []*crashtest.Finding {
	t.Helper()
	r := explore(t, targetNamed(t, "seedstore"), crashtest.Defaults(), seedOps...)
	if r.Verdict != crashtest.Failed || len(r.Findings) == 0 {
		t.Fatalf("%s: the seed comes through", r.Verdict)
	}
	return r.Findings
}

// Every fault of the seed is found, and each is one finding.
func TestSeedFaultsAreFound(t *testing.T) {
	found := map[string]string{}
	for _, f := range seedFindings(t) {
		cause := causeOf(f)
		if _, twice := found[cause]; twice {
			t.Errorf("two findings have one cause, %s:\n%s\n%s", cause, found[cause], f.Report)
		}
		found[cause] = f.Report
	}
	for _, cause := range seedCauses {
		if found[cause] == "" {
			t.Errorf("not found any more: %s", cause)
		}
	}
	for cause, report := range found {
		if !slices.Contains(seedCauses, cause) {
			t.Errorf("not known yet: %s\n%s", cause, report)
		}
	}
}

// The workload that is generated finds ten faults at least in the first few
// operations, as those do who run the command for the first time.
func TestSeedFaultsInAGeneratedWorkload(t *testing.T) {
	causes := map[string]bool{}
	for _, f := range run(t, targetNamed(t, "seedstore"), small(6)).Findings {
		causes[causeOf(f)] = true
	}
	if len(causes) < 10 {
		t.Errorf("%d causes, want ten at least: %v", len(causes), causes)
	}
}

// No operation and no lost effect of a finding can be left out.
func TestSeedFindingsAreMinimal(t *testing.T) {
	target := targetNamed(t, "seedstore")
	causesIn := causesOf(t, target)
	for _, found := range seedFindings(t) {
		if _, failure, err := found.Replay(target); err != nil || failure == nil || failure.Kind != found.Kind {
			t.Fatalf("it does not come again: %v, %v\n%s", failure, err, found.Report)
		}
		for i, crash := range found.Scenario.Crashes {
			for k := range crash.Lost {
				less := *found.Case
				less.Scenario.Crashes = slices.Clone(less.Scenario.Crashes)
				less.Scenario.Crashes[i].Lost = slices.Delete(slices.Clone(crash.Lost), k, k+1)
				if _, failure, err := less.Replay(target); err == nil && failure != nil && failure.Kind == found.Kind {
					t.Errorf("it fails as well without losing %d.%d:\n%s", crash.Lost[k].At, crash.Lost[k].Part, found.Report)
				}
			}
		}
		for i := range found.Scenario.Ops {
			fewer := slices.Delete(slices.Clone(found.Scenario.Ops), i, i+1)
			if slices.Contains(causesIn(fewer), causeOf(found)) {
				t.Errorf("operation %d can be left out:\n%s", i+1, found.Report)
			}
		}
	}
}

// causesOf gives a function that finds the causes in a workload, in each once: the
// findings have few operations, and many have the same.
func causesOf(t *testing.T, target *crashtest.Target) func(ops []string) []string {
	cfg := crashtest.Defaults()
	cfg.KeepGoing, cfg.MaxStates = true, 1000 // else what fails first keeps the rest from being tried
	known := map[string][]string{}
	return func(ops []string) []string {
		name := strings.Join(ops, "\n")
		if known[name] == nil {
			known[name] = []string{}
			for _, f := range explore(t, target, cfg, ops...).Findings {
				known[name] = append(known[name], causeOf(f))
			}
		}
		return known[name]
	}
}
