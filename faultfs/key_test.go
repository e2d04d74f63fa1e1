package faultfs_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	. "crashsim/faultfs"
)

func keyOf(t *testing.T, script string) Key {
	t.Helper()
	sim := NewSim()
	do(t, sim, script)
	return sim.Key()
}

func TestKeysOfDisks(t *testing.T) {
	const base = "mkdir d; append d/a AB; append b C"
	equal := []string{
		"append z Z; append b C; remove z; mkdir d; append d/b AB; rename d/b d/a",
		"mkdir d; append d/a A; append d/a B; append b X; write b 0 C",
		"mkdir e; append e/a ABC; truncate e/a 2; rename e d; append b C; link b c; remove c",
	}
	for _, script := range equal {
		if keyOf(t, script) != keyOf(t, base) {
			t.Errorf("equal disks have different keys: %s", script)
		}
	}
	different := []string{
		"", "mkdir d", "mkdir d; append d/a AB; append b D", "mkdir d; append d/a BA; append b C",
		"mkdir d; append d/a AB0; append b C", "mkdir d; append d/a A; append b C", "mkdir d; append d/a AB; append c C",
		"mkdir d; append d/a AB; mkdir b", "mkdir d; create d/a; append b C", "mkdir d; mkdir d/a; append b C",
		"mkdir d; append d/a AB; append b C; mkdir e", "mkdir d; append d/b C; append a AB", "mkdir d; append a AB; append b C",
		"mkdir d; append d/a C; append b AB", "mkdir d; mkdir d/e; append d/e/a AB; append b C", "mkdir d; append d/a AB; append d/b C",
		"mkdir d; append d/a AB; append b C; append c C", "mkdir d; append d/a AB; append b C; link b c",
	}
	seen := map[Key]string{keyOf(t, base): base}
	for _, script := range different {
		k := keyOf(t, script)
		if other, ok := seen[k]; ok {
			t.Errorf("different disks have one key:\n%s\n%s", other, script)
		}
		seen[k] = script
	}
	if keyOf(t, "append f A; truncate f 3") != keyOf(t, "append f A00") || keyOf(t, "append f A0") == keyOf(t, "append f A") {
		t.Error("zeros count as bytes, whether or not they were written")
	}
}

// Every byte of a file of several pages counts.
func TestKeysSeeEveryByte(t *testing.T) {
	sim := NewSim()
	f := open(t, sim, "f", create)
	if _, err := f.Write(bytesOf(1, 3*4096+17)); err != nil {
		t.Fatal(err)
	}
	seen := map[Key]bool{sim.Key(): true}
	for _, at := range []int64{0, 1, 4095, 4096, 8191, 8192, 12288, 12304} {
		fork := sim.Fork()
		if _, err := open(t, fork, "f", create).WriteAt([]byte{0}, at); err != nil {
			t.Fatal(err)
		}
		if seen[fork.Key()] {
			t.Errorf("byte %d does not count", at)
		}
		seen[fork.Key()] = true
		// Again, where nothing has to be copied.
		if _, err := open(t, fork, "f", create).WriteAt([]byte{1, 2}, at^1); err != nil {
			t.Fatal(err)
		}
		if seen[fork.Key()] {
			t.Errorf("the bytes at %d do not count the second time", at^1)
		}
		seen[fork.Key()] = true
	}
}

// Of two renames in one folder the second alone leaves two names of one file,
// which is no copy.
func TestKeysSeeLinksThatRenamesLeave(t *testing.T) {
	const linked, copied = "a=A c=A~a", "a=A c=A"
	sim, other := NewSim(), NewSim()
	do(t, sim, old+"rename f a; syncdir .; rename a b; rename b c")
	do(t, other, "append a A; append c A")
	cut := cutAt(sim, small(), -1)
	set, ok := treesOf(cut)[linked]
	if !ok || treeOf(other) != copied {
		t.Fatalf("no set leaves %q", linked)
	}
	if image(cut, set).Key() == other.Key() {
		t.Error("a link and a copy have one key")
	}
}

// A durable disk can have folders within themselves, from which what is pending
// may free it.
func TestKeysOfFoldersWithinThemselves(t *testing.T) {
	const script = "mkdir a; mkdir b; syncdir .; rename a b/a; syncdir b; rename b/a c; rename b c/b; syncdir c"
	sim := NewSim()
	do(t, sim, script)
	cut := cutAt(sim, small(), -1)
	if cut.Key() == cutAt(sim, small(), 0).Key() || image(cut, 0) != nil {
		t.Error("folders within themselves are a disk")
	}
	next := cut.Kill()
	do(t, next, "syncdir c/b; syncdir .")
	if got := sorted(treesOf(cutAt(next, small(), -1))); fmt.Sprint(got) != "[c/ c/b/]" {
		t.Errorf("all is synced, and a power cut leaves %q", got)
	}
}

// Images have one key where all that can be seen of them is one, links included,
// and else different ones; so has a disk made by other means.
func TestKeysOfImages(t *testing.T) {
	t.Parallel()
	seeds := uint64(400)
	if testing.Short() {
		seeds = 80
	}
	keys, trees := map[string]Key{}, map[Key]string{}
	check := func(seed uint64, sim *Sim) {
		k, tree := sim.Key(), treeOf(sim)
		if other, ok := keys[tree]; ok && other != k {
			t.Fatalf("seed %d: two keys for %q", seed, tree)
		}
		if other, ok := trees[k]; ok && other != tree {
			t.Fatalf("seed %d: one key for %q and %q", seed, tree, other)
		}
		keys[tree], trees[k] = k, tree
	}
	for seed := range seeds {
		sim := randomLife(seed)
		check(seed, sim)
		for w := sim.Trace().Walk(small()); w.Peek() != nil; w.Next() {
			c := w.Cut()
			if len(c.Pending) > mostSets {
				continue
			}
			check(seed, c.Kill())
			for _, set := range closedSets(c) {
				if img := image(c, set); img != nil {
					check(seed, img)
				}
			}
		}
	}
	if len(trees) < 10*int(seeds) {
		t.Errorf("only %d different images", len(trees))
	}
}

// What equal cuts leave is equal, set for set; and cuts are equal whatever the
// numbers of their inodes.
func TestKeysOfCuts(t *testing.T) {
	seeds := uint64(400)
	if testing.Short() {
		seeds = 80
	}
	leaves := map[Key]string{}
	met := 0
	for seed := range seeds {
		plain, shifted := randomLifeAfter(seed, ""), randomLifeAfter(seed, "mkdir x; append x/y A; append y B; remove y; remove x/y; remove x; syncdir .")
		offset := shifted.Trace().Len() - plain.Trace().Len()
		w, v := plain.Trace().Walk(small()), shifted.Trace().Walk(small())
		for range offset {
			v.Next()
		}
		for ; w.Peek() != nil; w.Next() {
			c, d := w.Cut(), v.Cut()
			v.Next()
			if len(c.Pending) > mostSets {
				continue
			}
			left, looped := leavesOf(c)
			if k := c.Key(); !looped && k != d.Key() {
				t.Fatalf("seed %d at %d: inode numbers show in a cut's key", seed, c.At)
			} else if other, ok := leaves[k]; ok && other != left {
				t.Fatalf("seed %d at %d: cuts with one key leave\n%s\nand\n%s", seed, c.At, left, other)
			} else if ok {
				met++
			} else {
				leaves[k] = left
			}
		}
	}
	if met < int(seeds)/4 {
		t.Errorf("only %d cuts were met twice", met)
	}
}

func randomLifeAfter(seed uint64, script string) *Sim {
	p := &player{sim: NewSim()}
	for _, c := range slices.Concat(parse(script), shortCommands(seed)) {
		_ = p.run(c) // how they fail is compared elsewhere
	}
	return p.sim
}

// shortCommands are few, of few kinds, so that the same cuts come again.
func shortCommands(seed uint64) []command {
	r := rand.New(rand.NewPCG(seed, 4))
	some := parse("append a A; append a B; append b A; rename a b; rename b a; link a b; remove a; sync a; sync b; syncdir .; mkdir d;" +
		"rename a d/a; rename d/a a; link a d/a; syncdir d; rename d e; rename e d; rewrite a A; truncate a 0; mkdir e; rename d e/d; rename e/d d; syncdir e")
	var out []command
	for range 3 + r.IntN(8) {
		out = append(out, some[r.IntN(len(some))])
	}
	return out
}

func leavesOf(c *Cut) (text string, looped bool) {
	text = fmt.Sprintln(c.Needs)
	for _, set := range closedSets(c) {
		if img := image(c, set); img != nil {
			text += fmt.Sprintln(set, img.Key())
		} else {
			looped = true
		}
	}
	return text, looped
}

// Cuts that differ in one thing each.
func TestKeysOfCutsDiffer(t *testing.T) {
	scripts := []string{
		"", "create f", "create g", "mkdir f", "append f A", "append f B", "append f A; sync f", "append f A; syncdir .",
		"append f A; sync f; syncdir .", "append f A0", "append f A; append f 0", "mkdir d; create d/f", "mkdir d; syncdir .; create d/f",
		"append f A; remove f", "append f A; rename f g", "append f A; link f g", "append f A; append g A",
		"append f A; sync f; syncdir .; truncate f 0", "append f A; sync f; syncdir .; rewrite f A", "append f A; sync f; syncdir .; write f 0 B",
		"append f AB; sync f; syncdir .; write f 0 C", "append f AB; sync f; syncdir .; write f 1 C",
		"append f A; append g A; sync f; sync g; syncdir .; write f 0 B", "append f A; append g A; sync f; sync g; syncdir .; write g 0 B",
		"append f A; link f g; sync f; syncdir .; write g 0 B",
		// Durable in a folder that only a pending name leads to: a link, a copy.
		"append g A; sync g; syncdir .; mkdir x; link g x/f; syncdir x",
		"append g A; sync g; syncdir .; mkdir x; append x/f A; sync x/f; syncdir x",
		"append g A; sync g; syncdir .; mkdir x; append x/f B; sync x/f; syncdir x",
		"append g A; sync g; syncdir .; mkdir x; create x/f; syncdir x",
	}
	seen := map[Key]string{}
	for _, script := range scripts {
		sim := NewSim()
		do(t, sim, script)
		k := cutAt(sim, small(), -1).Key()
		if other, ok := seen[k]; ok {
			t.Errorf("one key for the cuts after\n%s\n%s", other, script)
		}
		seen[k] = script
	}
}

// The next life tells of what a kill left pending by how long before it was asked for.
func TestKillKeyTellsWhenItWasAsked(t *testing.T) {
	cut := func(script string) *Cut {
		sim := NewSim()
		do(t, sim, "create f; sync f; syncdir .; append f A"+script)
		return cutAt(sim, small(), -1)
	}
	at, later := cut(""), cut("; syncdir .")
	if at.Key() != later.Key() || len(later.Pending) == 0 {
		t.Fatalf("the same is pending, %d effects, and the keys are %v and %v", len(later.Pending), at.Key(), later.Key())
	}
	if at.KillKey() == later.KillKey() {
		t.Error("one key for two kills, after which the same effect has two names")
	}
	if again := cut(""); again.KillKey() != at.KillKey() {
		t.Error("two keys for equal kills")
	}
}

// And by who asked for it, which is what tells the cause of one failure from another.
func TestKillKeyTellsWhoAsked(t *testing.T) {
	one, other := NewSim(), NewSim()
	if err := one.Mkdir("d", 0o777); err != nil {
		t.Fatal(err)
	}
	if err := other.Mkdir("d", 0o777); err != nil {
		t.Fatal(err)
	}
	a, b := cutAt(one, small(), -1), cutAt(other, small(), -1)
	if a.Key() != b.Key() || a.KillKey() == b.KillKey() {
		t.Error("who asked is to make no difference to a power cut, and one to a kill")
	}
}
