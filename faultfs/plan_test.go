package faultfs_test

import (
	"errors"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"

	. "crashsim/faultfs"
)

func TestPlansReadAndPrint(t *testing.T) {
	for _, text := range []string{
		"",
		"fsync path=*.jsonl nth=3: EIO",
		"write: short=1 ENOSPC; write: short=sector; write: short=allbut1 EIO; read: short=0",
		"write after=10 p=0.25: done EDQUOT",
		"(fsync | fsync-dir) !path=a/*/b site=store/log.go:88 via=log.go nth=2: mode=ext4-journal EIO",
		"any: delay=1m30s; any: size=65536; any: size=unlimited; any: room=0; any: evict",
		"rename: both EIO; write: torn-head; write: torn-tail EIO; write: misdirect=-512; read: stale; write: lost",
		"open: flip=17; open: zero=2; fsync: readonly; fsync: readonly EIO; fsync: shutdown",
		`path="a b|c" !(nth=1 | after=2) | !any: EMFILE; path="x:": EINTR; path="\\*": EROFS`,
		"lock: EIO; unlock: EIO; close: EIO; stat: EACCES; readdir: ENAMETOOLONG; link: EIO; mkdir: EIO; truncate: EIO; seek: EIO",
	} {
		plan, err := ParsePlan(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if plan.String() != text {
			t.Errorf("%s\nprints as %s", text, plan)
		}
	}
	for loose, want := range map[string]string{
		" write  path=f:EIO : EIO ":       "write path=f:EIO: EIO",
		"((write) nth=1):EIO;":            "write nth=1: EIO",
		"any write | (read | stat): EIO":  "write | read | stat: EIO",
		"!(write) ((nth=1 after=2)): EIO": "!write nth=1 after=2: EIO",
		"p=0.1234567: EIO":                "p=0.123457: EIO",
		"any:delay=90s":                   "any: delay=1m30s",
	} {
		if plan, err := ParsePlan(loose); err != nil || plan.String() != want {
			t.Errorf("%s prints as %s, %v", loose, plan, err)
		}
	}
}

func TestPlansThatDoNotParse(t *testing.T) {
	for text, want := range map[string]string{
		"fsnc: EIO":                "column 1: expected a kind of call, path=, site=, via=, nth=, after=, p=, any, ! or (, found \"fsnc:\"",
		"begin: EIO":               "column 1: expected a kind of call",
		"fsync":                    "column 6: expected a condition, or a colon and what happens, found the end",
		"fsync nth=x: EIO":         "column 11: expected a number from 1 on, found \"x:\"",
		"fsync nth=0: EIO":         "column 11: expected a number from 1 on",
		"fsync p=2: EIO":           "column 9: expected a probability from 0 to 1",
		"fsync p=NaN: EIO":         "column 9: expected a probability from 0 to 1",
		"fsync path=[: EIO":        "column 12: expected a pattern of a path",
		"fsync path=: EIO":         "column 12: expected a pattern of a path",
		"fsync path=\"a: EIO":      "column 12: expected a closing quote",
		"path=ä: EIO; fsync x: no": "column 20: expected a kind of call",
		"fsync: EOI":               "column 8: expected what happens: an errno (EACCES, EDQUOT, EINTR, EIO,",
		"fsync:":                   "column 7: expected what happens",
		"fsync: EIO EIO":           "column 12: expected a semicolon or the end",
		"fsync: mode=ext5 EIO":     "column 13: expected one of ext4-ordered, ext4-journal, xfs, btrfs, freebsd, found \"ext5\"",
		"fsync: mode=lost EIO":     "column 13: expected one of",
		"fsync: mode=xfs":          "column 16: expected an errno: EACCES",
		"fsync: done":              "column 12: expected an errno",
		"fsync: lost EIO":          "column 13: expected a semicolon or the end",
		"write: short":             "column 13: expected = and 0, 1, sector",
		"write: short=-1":          "column 14: expected 0, 1, sector",
		"write: misdirect=0":       "column 18: expected a distance",
		"write: delay=3":           "column 14: expected a duration, as 1.5s",
		"(write: EIO":              "column 7: expected a condition or ), found \":\"",
		": EIO":                    "column 1: expected a kind of call",
		"write site=: EIO":         "column 12: expected a source line",
	} {
		plan, err := ParsePlan(text)
		var bad *PlanError
		if !errors.As(err, &bad) || !strings.HasPrefix(err.Error(), "fault plan, "+want) || plan != nil {
			t.Errorf("%s: %v, %v\nwant %s", text, plan, err, want)
		}
	}
}

// again checks that a text, if it is a plan, prints as one that is the same plan.
func again(t *testing.T, text string) bool {
	t.Helper()
	plan, err := ParsePlan(text)
	if err != nil {
		return false
	}
	printed, err := ParsePlan(plan.String())
	if err != nil || !reflect.DeepEqual(plan, printed) || printed.String() != plan.String() {
		t.Errorf("%q prints as %q, which is %q, %v", text, plan, printed, err)
	}
	return true
}

func FuzzPlan(f *testing.F) {
	f.Add("fsync path=*.jsonl nth=3: EIO; !(write | any) p=0.5: short=1 ENOSPC")
	f.Add(`path="a b" site=log.go:8: mode=xfs EIO`)
	f.Fuzz(func(t *testing.T, text string) { again(t, text) })
}

// Words of plans in any order, so that many of them are plans.
func TestPlansOfRandomWords(t *testing.T) {
	conditions := strings.Fields(`write fsync | ( ) ! any nth=1 after=2 p=0.5 path=* path="a:" site=a.go:1 via=b.go`)
	actions := strings.Fields(`EIO done short=1 short=sector lost mode=xfs size=3 room=0 torn-head flip=1 delay=2s readonly ; :`)
	r := rand.New(rand.NewPCG(3, 4))
	plans := 0
	for range 100_000 {
		var b strings.Builder
		some := func(words []string) {
			for range 1 + r.IntN(4) {
				b.WriteString(words[r.IntN(len(words))] + " "[:r.IntN(2)])
			}
		}
		some(conditions)
		b.WriteString(":")
		some(actions)
		if again(t, b.String()) {
			plans++
		}
	}
	if plans < 2000 {
		t.Errorf("only %d plans", plans)
	}
}

// strikesAt gives the places, from 1 on, of the calls that a condition strikes.
func strikesAt(t *testing.T, condition string, calls []Call) []int {
	t.Helper()
	armed, disk := arm(t, NewSim(), condition+": delay=0s")
	var hit []int
	for i := range calls {
		before := len(armed.Struck())
		callOn(disk, &calls[i])
		if len(armed.Struck()) > before {
			hit = append(hit, i+1)
		}
	}
	return hit
}

func callOn(disk FS, c *Call) {
	switch c.Kind {
	case OpMkdir:
		_ = disk.Mkdir(c.Path, 0)
	case OpRename:
		_ = disk.Rename(c.Path, c.Path2)
	case OpStat:
		_, _ = disk.Stat(c.Path)
	case OpReadDir:
		_, _ = disk.ReadDir(c.Path)
	}
}

func TestConditions(t *testing.T) {
	mkdir := func(p string) Call { return Call{Kind: OpMkdir, Path: p} }
	stat := func(p string) Call { return Call{Kind: OpStat, Path: p} }
	calls := []Call{mkdir("a"), stat("a"), mkdir("a/b.x"), stat("a/b.x"), {Kind: OpRename, Path: "a/b.x", Path2: "c.y"}, stat("a"), mkdir("a/d.x")}
	for condition, want := range map[string][]int{
		"any":                     {1, 2, 3, 4, 5, 6, 7},
		"!any":                    nil,
		"mkdir":                   {1, 3, 7},
		"!mkdir":                  {2, 4, 5, 6},
		"mkdir nth=2":             {3},
		"mkdir after=1":           {3, 7},
		"nth=2 mkdir":             nil,
		"nth=3 mkdir":             {3},
		"path=*.x":                {3, 4, 5, 7},
		"path=a/*.x nth=2":        {4},
		"path=a":                  {1, 2, 6},
		"path=c.*":                {5},
		"(mkdir | stat) nth=4":    {4},
		"mkdir nth=1 | nth=2":     {1, 3},
		"stat !nth=2":             {2, 6},
		"!(mkdir | stat)":         {5},
		"site=plan_test.go stat":  {2, 4, 6},
		"site=an_test.go":         nil,
		"site=no.go":              nil,
		"via=plan_test.go rename": {5},
		"p=0":                     nil,
		"p=1":                     nil, // there is no chooser
	} {
		if got := strikesAt(t, condition, calls); !reflect.DeepEqual(got, want) {
			t.Errorf("%s strikes %v, want %v", condition, got, want)
		}
	}
}

type chooser func(n int) int

func (c chooser) Choose(n int) int { return c(n) }

func TestChanceIsTheChoosers(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	plan, err := ParsePlan("stat p=0.25: EIO")
	if err != nil {
		t.Fatal(err)
	}
	armed := plan.Arm(chooser(r.IntN))
	disk, err := armed.Over(NewSim())
	if err != nil {
		t.Fatal(err)
	}
	for range 10_000 {
		_, _ = disk.Stat(".")
	}
	if n := len(armed.Struck()); n < 2300 || n > 2700 { // 4.6 standard deviations, of a seed that is fixed
		t.Errorf("struck %d times", n)
	}
}

func TestArmedTellsWhatStruck(t *testing.T) {
	armed, disk := arm(t, NewSim(), "mkdir nth=2: EIO; stat: EACCES; fsync: EIO")
	_ = disk.Mkdir("a", 0)
	_ = disk.Mkdir("b", 0)
	at := line(-1)
	at = strings.Replace(at, "trace_test.go", "plan_test.go", 1)
	if got := armed.Struck(); len(got) != 1 || got[0].Fault != 0 || got[0].Place != 2 || got[0].String() != "mkdir b at "+at {
		t.Errorf("struck: %v, want the second mkdir at %s", got, at)
	}
	if got := armed.Missed(); len(got) != 2 || got[0].String() != "stat: EACCES" || got[1].String() != "fsync: EIO" {
		t.Errorf("missed: %v", got)
	}
	armed.Disarm()
	if _, err := disk.Stat("."); err != nil || len(armed.Struck()) != 1 {
		t.Errorf("disarmed: %v", err)
	}
}

// What one fault counts does not depend on what others do, and the first that
// answers answers.
func TestFaultsTogether(t *testing.T) {
	armed, disk := arm(t, NewSim(), "stat nth=2: EIO; stat after=1: EACCES; stat nth=2: delay=0s; stat nth=3: EMFILE")
	var got []string
	for range 3 {
		_, err := disk.Stat(".")
		got = append(got, errText(err))
	}
	if want := []string{"ok", "stat: input/output error", "stat: permission denied"}; !reflect.DeepEqual(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	if got := armed.Missed(); len(got) != 1 || got[0].What.Errno.Error() != "too many open files" {
		t.Errorf("missed: %v", got)
	}
}
