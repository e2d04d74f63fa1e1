package faultfs_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	. "crashsim/faultfs"
)

// The disks that a crash can leave, as the model has them by its effects and what
// they need, are those of the reference, no more and no less: at every cut of
// random traces, across kills and power cuts.
func TestCrashStatesAreThoseOfTheReference(t *testing.T) {
	t.Parallel()
	traces := uint64(2000)
	if testing.Short() {
		traces = 400
	}
	var count modelCount
	for seed := range traces {
		r := rand.New(rand.NewPCG(seed, 2))
		commands := randomCommands(r)
		if checkCommands(commands, &count) != nil {
			small := shrinkSteps(commands, func(c []command) bool { return checkCommands(c, &modelCount{}) != nil })
			t.Fatalf("seed %d, shrunk from %d commands: %v", seed, len(commands), checkCommands(small, &modelCount{}))
		}
	}
	t.Logf("%+v", count)
	// What the traces are made for has to be in them.
	n := int(traces)
	if count.Cuts < 5*n || count.Trees < 20*n || count.Kills < n/5 || count.Crashes < n/5 ||
		count.Cycles < n/400 || count.Linked < n || count.Skipped > count.Cuts {
		t.Errorf("the traces are too plain: %+v", count)
	}
}

type modelCount struct {
	Cuts, Skipped, Trees, Kills, Crashes, Linked int
	Cycles                                       int // cuts at which some set leaves none
}

func randomCommands(r *rand.Rand) []command {
	files := []string{"a", "b", "d/a", "d/b", "e/a"}[:2+r.IntN(4)]
	folders := []string{"d", "e", "d/e", "e/d"}[:1+r.IntN(4)]
	kinds := []string{"append", "append", "write", "write", "truncate", "rewrite", "rename", "rename", "link", "remove",
		"sync", "sync", "sync", "syncdir", "syncdir", "syncdir", "create", "mkdir", "movedir", "hold", "hwrite", "hsync", "kill", "power",
		"swrite", "swrite", "allocate", "reserve", "zero", "punch", "datasync", "syncdisk"}
	pick := func(list []string) string { return list[r.IntN(len(list))] }
	out := parse("mkdir d; mkdir e; append a A; append d/a BB")
	synced := parse("sync a; sync d/a; syncdir d; syncdir .")
	if r.IntN(4) == 0 { // folders in each other's place, so that some crash would have them within themselves
		folders = []string{"d", "e", "d/e", "e/d"}
		kinds = []string{"movedir", "movedir", "movedir", "movedir", "movedir", "syncdir", "syncdir", "mkdir", "append", "kill", "power"}
		out, synced = parse("mkdir d; mkdir d/e"), parse("syncdir .")
	}
	if r.IntN(3) > 0 {
		out = append(out, synced...)
	}
	for range 4 + r.IntN(14) {
		c := command{kind: pick(kinds), a: pick(files), off: int64(r.IntN(11))}
		switch c.kind {
		case "append", "write", "rewrite", "hwrite", "swrite", "zero", "punch":
			c.data = strings.Repeat(string(rune('F'+r.IntN(20))), r.IntN(10))
		case "rename", "link":
			c.b = pick(files)
		case "mkdir":
			c.a = pick(folders)
		case "movedir":
			c.kind, c.a, c.b = "rename", pick(folders), pick(folders)
		case "syncdir":
			if c.a = pick(folders); r.IntN(2) == 0 {
				c.a = "."
			}
		}
		out = append(out, c)
	}
	return out
}

const mostPending = 8 // in the reference, which takes every set of them

// checkCommands runs commands on a disk and in the reference. Those that fail
// on the disk are skipped: how they fail is compared elsewhere.
func checkCommands(commands []command, count *modelCount) error {
	p := &player{sim: NewSim()}
	ref := newReference()
	life := &modelLife{player: p, count: count}
	life.expect(ref)
	for i, c := range commands {
		switch c.kind {
		case "kill":
			if err := life.check(); err != nil {
				return fmt.Errorf("%w\n%s", err, told(commands[:i+1]))
			}
			*p = player{sim: cutAt(p.sim, stepped(), -1).Kill()}
			ref.held = 0
			life = &modelLife{player: p, count: count}
			count.Kills++
		case "power":
			if len(ref.pending()) > mostPending {
				continue
			}
			if err := life.check(); err != nil {
				return fmt.Errorf("%w\n%s", err, told(commands[:i+1]))
			}
			cut := cutAt(p.sim, stepped(), -1)
			left := treesOf(cut)
			tree := sorted(left)[int(c.off)%len(left)]
			*p = player{sim: image(cut, left[tree])}
			ref.crash(ref.trees()[tree])
			life = &modelLife{player: p, count: count}
			count.Crashes++
		default:
			if p.run(c) != nil {
				continue
			}
			ref.run(c)
		}
		life.expect(ref)
	}
	if err := life.check(); err != nil {
		return fmt.Errorf("%w\n%s", err, told(commands))
	}
	return nil
}

func told(commands []command) string {
	var b strings.Builder
	for _, c := range commands {
		fmt.Fprintln(&b, "  ", c)
	}
	return b.String()
}

// modelLife is one trace, with what the reference says of it by position.
type modelLife struct {
	*player
	count *modelCount
	at    []int
	want  [][]string // nil where there would be too many
	now   []string
}

func (l *modelLife) expect(ref *reference) {
	var want []string
	if len(ref.pending()) <= mostPending {
		want = sorted(ref.trees())
	}
	now, ok := treeOfNodes(ref.now())
	if !ok {
		panic("a running disk lies within itself")
	}
	l.at, l.want, l.now = append(l.at, l.sim.Trace().Len()), append(l.want, want), append(l.now, now)
}

func (l *modelLife) check() error {
	w := l.sim.Trace().Walk(stepped())
	for i, at := range l.at {
		for w.Pos() < at {
			w.Next()
		}
		cut := w.Cut()
		if l.want[i] == nil {
			l.count.Skipped++
			continue
		}
		if killed := treeOf(cut.Kill()); killed != l.now[i] {
			return fmt.Errorf("after %d operations a kill leaves %q, want %q", at, killed, l.now[i])
		}
		got := treesOf(cut)
		if !slices.Equal(sorted(got), l.want[i]) {
			return fmt.Errorf("after %d operations\nmodel:     %q\nreference: %q\npending %v, needs %v", at, sorted(got), l.want[i], cut.Pending, cut.Needs)
		}
		l.note(cut, got)
	}
	return nil
}

func (l *modelLife) note(cut *Cut, got map[string]uint) {
	l.count.Cuts++
	l.count.Trees += len(got)
	for tree := range got {
		if strings.Contains(tree, "~") {
			l.count.Linked++
		}
	}
	if slices.ContainsFunc(closedSets(cut), func(set uint) bool { return image(cut, set) == nil }) {
		l.count.Cycles++
	}
}
