package faultfs_test

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"testing"

	. "crashsim/faultfs"
)

// randomLife runs random commands on a new disk, those that fail left out.
func randomLife(seed uint64) *Sim {
	p := &player{sim: NewSim()}
	for _, c := range randomCommands(rand.New(rand.NewPCG(seed, 3))) {
		if c.kind != "kill" && c.kind != "power" {
			_ = p.run(c) // how they fail is compared elsewhere
		}
	}
	return p.sim
}

const mostSets = 9 // pending effects of which all sets are tried

// told tells all of a trace, and toldCut all of a cut and what it leaves.
func toldTrace(t *Trace) string {
	var b strings.Builder
	for i := range t.Len() {
		op := *t.Op(i)
		op.Stack = Stack{}
		fmt.Fprintf(&b, "%+v\n", op)
	}
	return b.String()
}

func toldCut(c *Cut) string {
	var b strings.Builder
	fmt.Fprintf(&b, "at %d needs %v key %v\n", c.At, c.Needs, c.Key())
	for _, e := range c.Pending {
		fmt.Fprintf(&b, "%v at %d part %d of inode %d\n", e, e.At, e.Part, e.Ino)
	}
	for _, set := range closedSets(c) {
		if sim := image(c, set); sim != nil {
			fmt.Fprintf(&b, "%b: %v %s\n", set, sim.Key(), treeOf(sim))
		}
	}
	return b.String() + treeOf(c.Kill())
}

// spoil changes all there is on a disk.
func spoil(sim *Sim) {
	p := &player{sim: sim}
	for _, c := range parse("append a XXX; write a 0 Y; rewrite b Z; append d/a XX; mkdir e; rename d e/d; remove b; sync a; truncate a 1; syncdir .; mkdir d") {
		_ = p.run(c) // not all of it is there
	}
}

func TestCutsAndImagesChangeNothing(t *testing.T) {
	t.Parallel()
	seeds := uint64(150)
	if testing.Short() {
		seeds = 40
	}
	looked := 0
	for seed := range seeds {
		sim := randomLife(seed)
		trace := sim.Trace()
		recorded := toldTrace(trace)
		w := trace.Walk(small())
		var cuts []*Cut
		var before []string
		for {
			if c := w.Cut(); len(c.Pending) <= mostSets {
				cuts, before = append(cuts, c), append(before, toldCut(c))
			}
			if w.Peek() == nil {
				break
			}
			w.Next()
		}
		running := treeOf(sim)
		for _, c := range cuts {
			for _, set := range closedSets(c) {
				if img := image(c, set); img != nil {
					spoil(img)
				}
			}
			spoil(c.Kill())
			c.Kill().Trace().Walk(small()).Cut()
		}
		spoil(sim.Fork())
		if got := treeOf(sim); got != running {
			t.Fatalf("seed %d: the running disk was %q and is %q", seed, running, got)
		}
		spoil(sim) // the trace ends where it was taken
		if got := toldTrace(trace); got != recorded {
			t.Fatalf("seed %d: the trace was\n%s\nand is\n%s", seed, recorded, got)
		}
		for i, c := range cuts {
			looked++
			if got := toldCut(c); withoutKey(got) != withoutKey(before[i]) {
				t.Fatalf("seed %d: the cut was\n%s\nand is\n%s", seed, before[i], got)
			}
		}
	}
	if looked < int(seeds)*5 {
		t.Errorf("only %d cuts", looked)
	}
}

// withoutKey leaves out a cut's own key: folders within themselves have a new one
// each time.
func withoutKey(told string) string {
	_, rest, _ := strings.Cut(told, "\n")
	return rest
}

// Any number of goroutines may use one cut, and what they do to its images is
// their own affair. The race detector is the judge here.
func TestOneCutForManyGoroutines(t *testing.T) {
	sim := NewSim()
	do(t, sim, "mkdir d; append a ABC; append d/a AA; sync a; sync d/a; syncdir d; syncdir .; "+
		"write a 0 D; append a E; rename d/a b; link a c; truncate a 2; append a F")
	cut := cutAt(sim, small(), -1)
	want := toldCut(cutAt(sim, small(), -1))
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for _, set := range closedSets(cut) {
				spoil(image(cut, set))
			}
			spoil(cut.Kill())
			if got := toldCut(cut); got != want {
				t.Errorf("the cut was\n%s\nand is\n%s", want, got)
			}
		})
		all.Go(func() { spoil(sim.Fork()) })
		all.Go(func() { toldTrace(sim.Trace()) })
	}
	all.Wait()
}

func TestKill(t *testing.T) {
	sim := NewSim()
	do(t, sim, "append f A; sync f; syncdir .; append f B; create g")
	n := sim.Trace().Len()
	cut := cutAt(sim, small(), -1)
	next := cut.Kill()
	if got := treeOf(next); got != "f=AB g=" {
		t.Fatalf("a killed process leaves %q", got)
	}
	if next.Trace().Len() != 0 {
		t.Error("a new life does not begin with an empty trace")
	}
	begin := cutAt(next, small(), 0)
	if len(begin.Pending) != len(cut.Pending) || len(cut.Pending) != 3 {
		t.Fatalf("pending before %v and after %v", cut.Pending, begin.Pending)
	}
	for i, e := range begin.Pending {
		if want := cut.Pending[i].At - n; e.At != want || e.At >= 0 || cut.Pending[i].At < 0 {
			t.Errorf("%v is at %d, want %d", e, e.At, want)
		}
	}
	if got, want := sorted(treesOf(begin)), sorted(treesOf(cut)); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("a power cut after the kill leaves %q, before it %q", got, want)
	}

	// In the next life a sync makes durable what was written in the last one.
	do(t, next, "append h C; sync f")
	trees := treesOf(cutAt(next, small(), -1))
	for tree := range trees {
		if !strings.HasPrefix(tree, "f=AB") {
			t.Errorf("f was synced, and a power cut leaves %q", tree)
		}
	}
	if len(trees) != 2*4 { // g or none; h absent, empty, zeros or C
		t.Errorf("trees %q", sorted(trees))
	}

	// And killed again, all of it is still one past.
	third := cutAt(next, small(), -1).Kill()
	for _, e := range cutAt(third, small(), 0).Pending {
		if strings.HasSuffix(e.Op.Path, "g") && e.At != cut.Pending[2].At-n-next.Trace().Len() {
			t.Errorf("after two kills %v is at %d", e, e.At)
		}
	}
	do(t, third, "sync h; syncdir .")
	if got := sorted(treesOf(cutAt(third, small(), -1))); len(got) != 1 || got[0] != "f=AB g= h=C" {
		t.Errorf("all is synced, and a power cut leaves %q", got)
	}
}

// What is pending in a folder that no name leads to yet is not lost by a kill.
func TestKillKeepsWhatIsBehindAPendingName(t *testing.T) {
	sim := NewSim()
	do(t, sim, "mkdir d; append d/f A; syncdir d")
	next := cutAt(sim, small(), -1).Kill()
	do(t, next, "syncdir .")
	if got := sorted(treesOf(cutAt(next, small(), -1))); fmt.Sprintf("%q", got) != `["d/ d/f=" "d/ d/f=0" "d/ d/f=A"]` {
		t.Errorf("a power cut leaves %q", got)
	}
}

func TestForkIsDurable(t *testing.T) {
	sim := NewSim()
	do(t, sim, "mkdir d; append d/f A; link d/f g")
	fork := sim.Fork()
	cut := cutAt(fork, small(), -1)
	if len(cut.Pending) > 0 || treeOf(image(cut, 0)) != "d/ d/f=A g=A~d/f" || treeOf(image(cut, 0)) != treeOf(sim) {
		t.Errorf("a fork is %q with %v pending", treeOf(image(cut, 0)), cut.Pending)
	}
	spoil(fork)
	if treeOf(sim) != "d/ d/f=A g=A~d/f" {
		t.Error("what is done to a fork is done to the disk")
	}
}

func TestSettles(t *testing.T) {
	sim := NewSim()
	do(t, sim, "append f A; sync f; sync f; syncdir .; syncdir .; append g A; sync f")
	var got []bool
	for w := sim.Trace().Walk(small()); w.Peek() != nil; w.Next() {
		if op := w.Peek(); op.Kind.IsSync() {
			got = append(got, w.Settles(op))
		}
	}
	if want := "[true false true false false]"; fmt.Sprint(got) != want {
		t.Errorf("syncs that settle anything: %v, want %s", got, want)
	}
}

// Images are those of all sets that Needs allow, each made once.
func TestImagesAreThoseOfAllClosedSets(t *testing.T) {
	for seed := range uint64(100) {
		cut := cutAt(randomLife(seed), small(), -1)
		if len(cut.Pending) > 10 {
			continue
		}
		want, got := map[Key]int{}, map[Key]int{}
		for _, set := range closedSets(cut) {
			if disk := image(cut, set); disk != nil {
				want[disk.Key()]++
			}
		}
		for disk := range cut.Images() {
			got[disk.Key()]++
		}
		if !maps.Equal(got, want) {
			t.Fatalf("seed %d: %d different disks, want %d", seed, len(got), len(want))
		}
		for range cut.Images() {
			break // and whoever stops is not given another
		}
	}
}

// A sector may be larger than the pages that content is kept in, and reach beyond the
// size that a disk has.
func TestSectorOfManyPages(t *testing.T) {
	m := POSIX
	m.Sector = 3 * 4096
	old, text := strings.Repeat("o", 100), strings.Repeat("n", 9000)
	sim := NewSim()
	f, err := sim.OpenFile("f", os.O_RDWR|os.O_CREATE, 0o666)
	if err == nil {
		err = errors.Join(write(f, old), f.Sync(), sim.SyncDir("."), f.Truncate(9000), rewrite(f, text))
	}
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]bool{}
	for disk := range cutAt(sim, m, -1).Images() {
		data, err := ReadFile(disk, "f")
		if err != nil {
			t.Fatal(err)
		}
		got[string(data)] = true
	}
	for _, want := range []string{old, text, text[:100], old + strings.Repeat("\x00", 8900)} {
		if !got[want] {
			t.Errorf("no disk has %d bytes that begin with %.3s", len(want), want)
		}
	}
	for data := range got {
		if rest := strings.TrimLeft(data, data[:1]); strings.Trim(rest, "\x00") != "" {
			t.Errorf("a disk has a part of a sector: %q", data)
		}
	}
}

func rewrite(f File, data string) error {
	_, err := f.WriteAt([]byte(data), 0)
	return err
}
