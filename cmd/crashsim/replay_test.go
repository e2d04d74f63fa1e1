package main

import (
	"strings"
	"testing"
)

// Each case prints in a process of its own what was found, byte for byte.
func TestEachCaseReplays(t *testing.T) {
	notInRace(t)
	inEmptyFolder(t)
	_, cases := broken(t)
	for _, path := range cases {
		_, report, _ := strings.Cut(readFile(t, path), "\n\n")
		a := crashsimProcess(t, "replay", path)
		want := answer{exitFailed, report + "REPRODUCE: crashsim replay " + path + "\n", ""}
		if a != want {
			t.Errorf("%s: exit %d\n%s%s\nwant exit %d\n%s", path, a.code, a.out, a.err, want.code, want.out)
		}
	}
}

// A replay that differs from its file is the harness's failure, and shows how.
func TestChangedCaseDiffers(t *testing.T) {
	notInRace(t)
	inEmptyFolder(t)
	_, cases := broken(t)
	text := readFile(t, cases[len(cases)-1])
	head, report, _ := strings.Cut(text, "\n\n")
	for name, changed := range map[string]string{
		"a word":  head + "\n\n" + strings.Replace(report, "the power fails", "the sun shines", 1),
		"shorter": text[:len(text)-2],
		"longer":  text + "and more\n",
		"none":    head + "\n\n",
	} {
		writeFile(t, "changed.case", changed)
		a := crashsim(t, "replay", "changed.case")
		if changed == text || a.code != exitBroken || strings.Count(a.err, "\n") != 1 || !strings.Contains(a.err, "changed.case: the replay differs") {
			t.Errorf("%s: exit %d, want %d: %s", name, a.code, exitBroken, a.err)
		}
		if !strings.HasPrefix(a.out, report) || !strings.Contains(a.out, "\nthis differs from the file:\n") || strings.Contains(a.out, "REPRODUCE") {
			t.Errorf("%s: %s", name, a.out)
		}
	}
}

// A scenario that the store does not follow is no pass.
func TestCaseThatDiverges(t *testing.T) {
	inEmptyFolder(t)
	for name, crash := range map[string]string{
		"a cut after the end": "crash: workload at 99999",
		"nothing to lose":     "crash: workload at end\nlost: 99999.0",
	} {
		writeFile(t, "other.case", strings.Replace(soundCase, "crash: workload at end", crash, 1))
		a := crashsim(t, "replay", "other.case")
		if a.code != exitBroken || a.out != "" || strings.Count(a.err, "\n") != 1 || !strings.Contains(a.err, "crashsim shrink other.case") {
			t.Errorf("%s: exit %d: %s%s", name, a.code, a.out, a.err)
		}
	}
}

// Where the store comes through now, the replay passes and says so.
func TestReplayOfWhatWasMended(t *testing.T) {
	inEmptyFolder(t)
	writeFile(t, "old.case", soundCase)
	a := crashsim(t, "replay", "old.case")
	if a.code != exitPassed || a.err != "" || !strings.HasPrefix(a.out, "nothing fails: the store comes through\n") {
		t.Errorf("exit %d: %s%s", a.code, a.out, a.err)
	}
	a = crashsim(t, "shrink", "old.case", "-o", "new.case")
	if a.code != exitPassed && a.code != exitFailed { // another failure of the kind may be found instead
		t.Errorf("exit %d: %s%s", a.code, a.out, a.err)
	}
}

// Shrinking gives a file that replays, in place of the old one or beside it.
func TestShrink(t *testing.T) {
	notInRace(t)
	inEmptyFolder(t)
	_, cases := broken(t)
	path := cases[len(cases)-1]
	text := readFile(t, path)
	small := func(args ...string) {
		t.Helper()
		to := args[len(args)-1]
		a := crashsim(t, append([]string{"shrink"}, args...)...)
		if a.code != exitFailed || a.err != "" || lastLine(a.out) != "REPRODUCE: crashsim replay "+to {
			t.Errorf("shrink %q: exit %d\n%s%s", args, a.code, a.out, a.err)
		}
		if again := readFile(t, to); again != text {
			t.Errorf("shrink %q gives\n%s\nfrom\n%s", args, again, text)
		}
		if a := crashsimProcess(t, "replay", to); a.code != exitFailed {
			t.Errorf("the new case: exit %d\n%s%s", a.code, a.out, a.err)
		}
	}
	small(path, "-o", "new.case")
	small("new.case")

	// One operation more moves every place in the trace: the failure is looked
	// for anew, and the operation is left out again.
	longer := strings.Replace(text, "\nop: ", "\nop: runtime r2 running\nop: ", 1)
	const settings = "\nseed: 7\ndepth: 1\n" // those of the search, where the command line gives none
	longer = strings.Replace(longer, "\nseed: 1\ndepth: 2\n", settings, 1)
	writeFile(t, "longer.case", longer)
	if a := crashsim(t, "replay", "longer.case"); a.code != exitBroken {
		t.Fatalf("the longer case: exit %d\n%s%s", a.code, a.out, a.err)
	}
	a := crashsim(t, "shrink", "longer.case")
	if a.code != exitFailed || a.err != "" {
		t.Errorf("shrink: exit %d\n%s%s", a.code, a.out, a.err)
	}
	again := readFile(t, "longer.case")
	if strings.Count(again, "\nop: ") >= strings.Count(longer, "\nop: ") || !strings.Contains(again, settings) {
		t.Errorf("not smaller:\n%s\nfrom\n%s", again, longer)
	}
	if a := crashsim(t, "replay", "longer.case"); a.code != exitFailed {
		t.Errorf("the new case: exit %d\n%s%s", a.code, a.out, a.err)
	}
}
