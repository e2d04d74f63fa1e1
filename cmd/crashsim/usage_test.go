package main

import (
	"bytes"
	"context"
	"maps"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// soundCase is a case that can be replayed, without a report of its own.
const soundCase = `crashsim case 1
target: seedstore
model: posix
seed: 1
depth: 2
failure: the store refuses to open
op: worker r1 w1 running 400
crash: workload at end
last: recovery

the report
`

// refused expects that a command line is refused in one line that says what is
// wrong and what to do, before it has begun and with nothing left on the disk.
func refused(t *testing.T, args []string, says ...string) {
	t.Helper()
	// Nothing should be run; where something is, the test need not wait for it.
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	before := listing(t)
	var out, errOut bytes.Buffer
	code := execute(ctx, args, &out, &errOut)
	line := errOut.String()
	if code != exitUsage || out.Len() > 0 {
		t.Errorf("crashsim %q: exit %d, want %d; it printed %q", args, code, exitUsage, out.String())
	}
	if strings.Count(line, "\n") != 1 || !strings.HasSuffix(line, "\n") || !strings.HasPrefix(line, "crashsim: ") {
		t.Errorf("crashsim %q: not one line: %q", args, line)
	}
	for _, what := range says {
		if !strings.Contains(line, what) {
			t.Errorf("crashsim %q: %q does not say %q", args, line, what)
		}
	}
	if after := listing(t); !maps.Equal(before, after) {
		t.Errorf("crashsim %q: the disk has changed:\n%q\nbefore:\n%q", args, after, before)
	}
}

func TestBadCaseFiles(t *testing.T) {
	inEmptyFolder(t)
	if err := os.Mkdir("folder", 0o777); err != nil {
		t.Fatal(err)
	}
	change := func(old, changed string) string {
		text := strings.Replace(soundCase, old, changed, 1)
		if text == soundCase {
			t.Fatalf("no %q in the case", old)
		}
		return text
	}
	cut := strings.Index(soundCase, "crash:")
	for name, c := range map[string]struct {
		text string
		says []string
	}{
		"empty":           {"", []string{"not a case file", "give a case"}},
		"other file":      {"package main\n", []string{"not a case file", "give a case"}},
		"other version":   {change("case 1", "case 2"), []string{"another version", "use the crashsim that wrote it"}},
		"truncated":       {soundCase[:cut], []string{"ends before its report", "give a case"}},
		"cut in a line":   {soundCase[:cut+4], []string{"ends before its report", "give a case"}},
		"unknown target":  {change("seedstore", "ledger"), []string{`unknown target "ledger"`, "store, seedstore"}},
		"unknown model":   {change("posix", "ext9"), []string{`unknown model "ext9"`, "crashsim list"}},
		"unknown verb":    {change("op: worker r1", "op: frobnicate r1"), []string{"frobnicate", "give a case"}},
		"unknown alias":   {change("r1 w1", "r1 w9"), []string{`"w9" is no worker`, "it is: worker RT"}},
		"absurd size":     {change("running 400", "running 400000000"), []string{"no size", "it is: worker RT"}},
		"unknown name":    {change("depth:", "death:"), []string{"line 5", "death", "give a case"}},
		"no number":       {change("seed: 1", "seed: one"), []string{"line 4", "one", "give a case"}},
		"nowhere":         {change("at end", "at -3"), []string{"line 8", "-3", "give a case"}},
		"no last":         {change("last: recovery\n", ""), []string{`there is no line "last: ..."`, "give a case"}},
		"binary, no text": {"\x00\x01\x02\n\n\xff", []string{"not a case file"}},
	} {
		t.Run(name, func(t *testing.T) {
			writeFile(t, "bad.case", c.text)
			says := slices.Concat(c.says, []string{"bad.case"})
			refused(t, []string{"replay", "bad.case"}, says...)
			refused(t, []string{"shrink", "bad.case"}, says...)
			refused(t, []string{"shrink", "bad.case", "-o", "new.case"}, says...)
		})
	}
	for _, command := range []string{"replay", "shrink"} {
		refused(t, []string{command, "missing.case"}, "missing.case", "no such file", "give a case file")
		refused(t, []string{command, "folder"}, "folder", "is a directory", "give a case file")
		refused(t, []string{command, "bad.case/below"}, "bad.case/below", "not a directory", "give a case file")
	}
}

func TestBadCommandLines(t *testing.T) {
	inEmptyFolder(t)
	writeFile(t, "sound.case", soundCase)
	const help = "see: crashsim help"
	for _, c := range []struct {
		args, says string
	}{
		{"run ledger", `unknown target "ledger": known are store, seedstore`},
		{"ledger", `unknown target "ledger": known are store, seedstore`},
		{"relpay sound.case", `"relpay" is no command`},
		{"run store seedstore", help},
		{"list store", help},
		{"replay", help},
		{"replay sound.case sound.case", help},
		{"shrink", help},
		{"run --nosuch", "--nosuch; " + help},
		{"--nosuch", "--nosuch; " + help},
		{"replay --nosuch sound.case", "--nosuch; " + help},
		{"replay --seed 1 sound.case", "--seed; " + help},
		{"shrink --json sound.case", "--json; " + help},
		{"run --ops", "--ops; " + help},
		{"run --json=maybe", "maybe"},
		{"run --model ext9", `unknown model "ext9": see crashsim list`},
		{"shrink --model ext9 sound.case", `unknown model "ext9": see crashsim list`},
	} {
		refused(t, strings.Fields(c.args), c.says)
	}
}

func TestBadNumbers(t *testing.T) {
	inEmptyFolder(t)
	writeFile(t, "sound.case", soundCase)
	const invalid, beyond = "invalid argument", "99999999999999999999" // what 64 bits hold
	for _, c := range []struct {
		flag, says string
		bad        []string
	}{
		{"--ops", "from 1 to 100000", []string{"0", "-1", "100001", "9223372036854775807"}},
		{"--workers", "from 1 to 4096", []string{"0", "-1", "4097", "9223372036854775807"}},
		{"--max-states", "from 1 to 16777216", []string{"0", "-1", "16777217", "9223372036854775807"}},
		{"--depth", "from 0 to 8", []string{"-1", "9", "9223372036854775807"}},
		{"--seed", invalid, []string{"-1", "18446744073709551616"}}, // every number that fits is a seed
	} {
		commands := [][]string{{"run"}, {"run", "seedstore"}, {}, {"shrink", "sound.case"}}
		if c.flag == "--ops" {
			commands = commands[:3] // a case has its own operations
		}
		for _, command := range commands {
			for _, value := range c.bad {
				refused(t, append(command, c.flag+"="+value), c.flag, value, c.says)
			}
			for _, value := range []string{"", "x", "1.5", "1e3", "0x", " 1", beyond} {
				refused(t, append(command, c.flag+"="+value), c.flag, invalid, "see: crashsim help")
			}
		}
	}
}

// A folder that cannot be written to is told before the work. The tests may run
// as root, to whom no folder is forbidden: a file is in the way.
func TestBadArtifactsFolder(t *testing.T) {
	inEmptyFolder(t)
	writeFile(t, "file", "not a folder")
	tooLong := strings.Repeat("x", 300)
	for _, dir := range []string{"", "file", "file/below", "new/deep/" + tooLong, "one\nline/" + tooLong} {
		for _, command := range [][]string{{}, {"run"}, {"run", "seedstore"}, {"run", "--json"}} {
			refused(t, append(command, "--artifacts", dir), "--artifacts", "give a folder that can be written to")
		}
	}
}

// full is a disk without space.
type full struct{}

func (full) Write([]byte) (int, error) { return 0, syscall.ENOSPC }

func TestOutputThatCannotBeWritten(t *testing.T) {
	notInRace(t)
	inEmptyFolder(t)
	for _, args := range [][]string{{"list"}, {"help"}, {"run", "--ops", "1"}, {"run", "--json", "--ops", "1"}, {"run", "seedstore", "--ops", "1"}} {
		var errOut bytes.Buffer
		code := execute(t.Context(), args, full{}, &errOut)
		if line := errOut.String(); code != exitUsage || strings.Count(line, "\n") != 1 || !strings.Contains(line, "no space left") {
			t.Errorf("crashsim %q: exit %d, want %d: %q", args, code, exitUsage, line)
		}
	}
}

func TestUnknownHelpAndFormats(t *testing.T) {
	inEmptyFolder(t)
	refused(t, []string{"help", "nosuch"}, `"nosuch" is no command and no topic`, "see: crashsim help")
	refused(t, []string{"help", "run", "more"}, `"run more"`)
	writeFile(t, "ok.case", soundCase)
	refused(t, []string{"report", "ok.case", "-o", "x.pdf"}, "x.pdf", ".pdf", "--format html, md, text")
	if a := crashsim(t, "help", "models"); a.code != exitPassed || !strings.Contains(a.out, "posix") {
		t.Errorf("exit %d\n%s%s", a.code, a.out, a.err)
	}
}
