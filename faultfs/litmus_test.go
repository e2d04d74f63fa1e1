package faultfs_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	. "crashsim/faultfs"
)

// litmus tests: a script, and the exact set of trees that a power cut at its end
// can leave by strict POSIX, derived by hand. In a tree [xy] stands for x or y.
type litmus struct {
	name   string
	script string
	want   []string
}

// old is a file that is durable.
const old = "append f A; sync f; syncdir .; "

// Those of files that have no name: all others are in litmus/corpus.
var litmusOfOpenFiles = []litmus{
	{"written after its name has gone", old + "hold f; remove f; hwrite 0 B", []string{"", "f=[AB]"}},
	{"synced after its name has gone", old + "hold f; remove f; hwrite 0 B; hsync", []string{"", "f=B"}},
}

func TestLitmus(t *testing.T) {
	for _, l := range litmusOfOpenFiles {
		t.Run(l.name, func(t *testing.T) {
			sim := NewSim()
			held := &player{sim: sim}
			for _, c := range parse(l.script) {
				if err := held.run(c); err != nil {
					t.Fatalf("%s: %v", c, err)
				}
			}
			got := sorted(treesOf(cutAt(sim, small(), -1)))
			var want []string
			for _, w := range l.want {
				want = append(want, alternatives(w)...)
			}
			slices.Sort(want)
			if want = slices.Compact(want); !slices.Equal(got, want) {
				t.Errorf("%s\ngot  %q\nwant %q", l.script, got, want)
			}
		})
	}
}

// Needs leave out sets that look like another, no more: the trees are the same
// without them, so what is tied has to be said here.
func TestNeeds(t *testing.T) {
	for _, l := range []struct {
		script string
		want   string
		sets   int // closed under them
	}{
		// In a new file: its name, size, sectors.
		{"append f AB", "[[] [] [1] [1]]", 2 * (1 + 4)},
		// A size needs the one before it; data the first size that reaches it.
		{old + "append f B; append f C; append f D", "[[] [0] [0] [2] [2] [4]]", 1 + 2 + 4 + 8},
		{old + "write f 2 C; write f 1 B; write f 0 D", "[[] [0] [0] []]", 2 * (1 + 4)},
		{old + "write f 0 BC", "[[] [] [0]]", 2 * (1 + 2)},
		// A shorter size unties what comes after it.
		{old + "append f B; truncate f 1; append f C", "[[] [0] [] [] []]", 3 * 8},
		{old + "rewrite f B", "[[] [] []]", 8},
		{"create f; rename f g; link g h; remove g; mkdir d; rename h d/h", "[[] [] [] [] [] [] []]", 128},
	} {
		sim := NewSim()
		do(t, sim, l.script)
		c := cutAt(sim, small(), -1)
		if got := fmt.Sprint(c.Needs); got != l.want || len(closedSets(c)) != l.sets {
			t.Errorf("%s: %v need %s, want %s; %d sets, want %d", l.script, c.Pending, got, l.want, len(closedSets(c)), l.sets)
		}
	}
}

// alternatives takes [xy] for x or y.
func alternatives(pattern string) []string {
	before, rest, ok := strings.Cut(pattern, "[")
	if !ok {
		return []string{pattern}
	}
	choice, after, _ := strings.Cut(rest, "]")
	var out []string
	for _, c := range choice {
		for _, a := range alternatives(after) {
			out = append(out, before+string(c)+a)
		}
	}
	return out
}

// A sector is there whole or not at all, also where it is stored without the size
// that its write made, and a later size reaches the rest of it.
func TestSectorsAreWholePastTheSize(t *testing.T) {
	sim := NewSim()
	f := open(t, sim, "f", create)
	for _, err := range []error{write(f, "abc"), f.Sync(), sim.SyncDir("."),
		writeAt(f, command{data: "KKKK"}), f.Truncate(2), f.Truncate(9)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	got := treesOf(cutAt(sim, small(), -1))
	for tree, want := range map[string]bool{
		"f=abc'": true, "f=KKK'": true, "f=K": true, "f=ab'": true, "f=KK'": true,
		"f=KKKK00000'": true, "f=abc000000'": true, "f=KK0000000'": true, "f=ab0000000'": true, "f=KKK000000'": false,
	} {
		if _, ok := got[tree]; ok != want {
			t.Errorf("%q can be left: %v, want %v", tree, ok, want)
		}
	}
}

// The published model itself, whose sectors are 512 bytes.
func TestPOSIXTearsAtSectors(t *testing.T) {
	sim := NewSim()
	f := open(t, sim, "f", create)
	if err := sim.SyncDir("."); err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt([]byte(strings.Repeat("x", 1000)), 100); err != nil {
		t.Fatal(err)
	}
	var parts [][2]int64
	for _, e := range cutAt(sim, POSIX, -1).Pending {
		if e.Kind == EffectData {
			parts = append(parts, [2]int64{e.Off, e.Off + e.Len})
		}
	}
	if want := [][2]int64{{100, 512}, {512, 1024}, {1024, 1100}}; !slices.Equal(parts, want) {
		t.Errorf("parts %v, want %v", parts, want)
	}
	if m, ok := ModelNamed("posix"); !ok || m.Name != POSIX.Name {
		t.Error("posix is not found by its name")
	}
	if _, ok := ModelNamed("none"); ok {
		t.Error("a model without a name is found")
	}
}
