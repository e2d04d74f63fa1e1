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
	// seen are outcomes that real kernels left (ground-truth.md), which are to be
	// among those wanted, however that list was derived.
	seen []string
}

// old is a file that is durable.
const old = "append f A; sync f; syncdir .; "

var litmusOfData = []litmus{
	{"append of three sectors (1a)", "append f AA; sync f; syncdir .; append f BCD",
		[]string{"f=AA", "f=AA[B0][C0][D0]"}, []string{"f=AA", "f=AABCD", "f=AA000"}},
	// A size implies those before it, data its own size or a later one.
	{"three appends (1b)", old + "append f B; append f C; append f D",
		[]string{"f=A", "f=A[B0]", "f=A[B0][C0]", "f=A[B0][C0][D0]"}, []string{"f=A", "f=ABCD", "f=A000"}},
	{"new file (1c)", "append f BCD",
		[]string{"", "f=", "f=[B0][C0][D0]"}, []string{"", "f=BCD", "f=", "f=000"}},
	{"prefix append", "create f; syncdir .; append f AB; append f CD",
		[]string{"f=", "f=[A0][B0]", "f=[A0][B0][C0][D0]"}, nil},
	{"overwrites of two sectors", "append f AB; sync f; syncdir .; write f 0 C; write f 1 D", []string{"f=[AC][BD]"}, nil},
	{"overwrites of one sector", old + "write f 0 C; write f 0 D", []string{"f=[ACD]"}, nil},
	{"overwrites of two files", old + "append g B; sync g; syncdir .; write f 0 C; write g 0 D", []string{"f=[AC] g=[BD]"}, nil},
	{"append to one, then to another (5)", old + "append g B; sync g; syncdir .; append f C; append g D",
		[]string{"f=A g=B", "f=A[C0] g=B", "f=A g=B[D0]", "f=A[C0] g=B[D0]"}, []string{"f=A g=B", "f=AC g=BD"}},
	{"overwrite that extends", old + "write f 0 BC", []string{"f=[AB]", "f=[AB][C0]"}, nil},
	// The data without a size that reaches it is not seen; without the truncation
	// it overwrites what was there.
	{"truncate then append", "append f AB; sync f; syncdir .; truncate f 1; append f C",
		[]string{"f=AB", "f=A", "f=A0", "f=AC"}, nil},
	{"truncate, extend", "append f AB; sync f; syncdir .; truncate f 1; truncate f 2", []string{"f=AB", "f=A", "f=A0"}, nil},
	{"truncate, extend, synced", "append f AB; truncate f 1; truncate f 2; sync f; syncdir .", []string{"f=A0"}, nil},
	{"O_TRUNC and rewrite", old + "rewrite f B", []string{"f=", "f=[A0B]"}, nil},
	{"O_TRUNC and rewrite, synced", old + "rewrite f B; sync f", []string{"f=B"}, nil},
	{"extended by truncate", old + "truncate f 3", []string{"f=A", "f=A00"}, nil},
	{"written past the end", old + "write f 2 B", []string{"f=A", "f=A0[B0]"}, nil},
	{"synced, then appended", old + "append f B; sync f; append f C", []string{"f=AB", "f=AB[C0]"}, nil},
	{"written after its name has gone", old + "hold f; remove f; hwrite 0 B", []string{"", "f=[AB]"}, nil},
	{"synced after its name has gone", old + "hold f; remove f; hwrite 0 B; hsync", []string{"", "f=B"}, nil},
	{"synced by another name", old + "link f g; syncdir .; write f 0 B; sync g", []string{"f=B g=B~f"}, nil},
}

var litmusOfNames = []litmus{
	{"a file's sync does not cover its name (3)", "append f A; sync f", []string{"", "f=A"}, []string{"f=A"}},
	{"a folder's sync covers names, not data", "append f A; syncdir .", []string{"f=", "f=[A0]"}, nil},
	{"nor that of another file", "append a A; append b B; sync b",
		[]string{"", "a=", "a=[A0]", "b=B", "a= b=B", "a=[A0] b=B"}, []string{"a= b=B", "b=B"}},
	{"a sync deep down (6)", "mkdir p; mkdir p/c; append p/c/f A; sync p/c/f",
		[]string{"", "p/", "p/ p/c/", "p/ p/c/ p/c/f=A"}, []string{"p/ p/c/ p/c/f=A"}},
	{"and its folder's", "mkdir p; mkdir p/c; append p/c/f A; sync p/c/f; syncdir p/c",
		[]string{"", "p/", "p/ p/c/ p/c/f=A"}, nil},
	{"all of the path", "mkdir p; mkdir p/c; append p/c/f A; sync p/c/f; syncdir p/c; syncdir p; syncdir .",
		[]string{"p/ p/c/ p/c/f=A"}, nil},
	{"two folders", "mkdir a; mkdir b", []string{"", "a/", "b/", "a/ b/"}, nil},
	// The rename takes t away, whether or not t's first name was stored.
	{"replace by rename (2)", old + "append t B; rename t f",
		[]string{"f=A", "f=A t=", "f=A t=[B0]", "f=", "f=[B0]"}, []string{"f=A", "f=B", "f=", "f=0"}},
	{"replace by rename, content synced", old + "append t B; sync t; rename t f",
		[]string{"f=A", "f=A t=B", "f=B"}, []string{"f=A", "f=B"}},
	{"replace by rename, all synced", old + "append t B; sync t; rename t f; syncdir .", []string{"f=B"}, nil},
	{"synced under the new name", old + "append t B; rename t f; sync f", []string{"f=A", "f=A t=B", "f=B"}, nil},
	{"create by rename", "append t A; rename t f",
		[]string{"", "t=", "t=[A0]", "f=", "f=[A0]"}, []string{"f="}},
	{"create by rename, content synced", "append t A; sync t; rename t f", []string{"", "t=A", "f=A"}, nil},
	{"append then rename", old + "append f B; rename f g", []string{"f=A", "f=A[B0]", "g=A", "g=A[B0]"}, nil},
	// b was stored by neither rename alone, and a is taken away by the first only.
	{"renamed twice", "append a A; sync a; syncdir .; rename a b; rename b c", []string{"a=A", "b=A", "c=A", "a=A c=A~a"}, nil},
	{"link then unlink", old + "link f g; remove f", []string{"", "f=A", "g=A", "f=A g=A~f"}, nil},
	{"link then unlink, synced", old + "link f g; remove f; syncdir .", []string{"g=A"}, nil},
	{"unlink and create again", old + "remove f; append f B", []string{"", "f=", "f=[A0B]"}, nil},
	{"rename from folder to folder", old + "mkdir d; syncdir .; rename f d/f",
		[]string{"d/", "d/ f=A", "d/ d/f=A", "d/ d/f=A f=A~d/f"}, nil},
	{"and the new folder synced", old + "mkdir d; syncdir .; rename f d/f; syncdir d", []string{"d/ d/f=A", "d/ d/f=A f=A~d/f"}, nil},
	{"or the old one", old + "mkdir d; syncdir .; rename f d/f; syncdir .", []string{"d/", "d/ d/f=A"}, nil},
	{"over a file in another folder", old + "mkdir d; append d/g B; sync d/g; syncdir d; syncdir .; rename f d/g",
		[]string{"d/ d/g=B", "d/ d/g=B f=A", "d/ d/g=A", "d/ d/g=A f=A~d/g"}, nil},
	{"a folder renamed", "mkdir d; append d/f A; sync d/f; syncdir d; syncdir .; rename d e", []string{"d/ d/f=A", "e/ e/f=A"}, nil},
	{"a folder under two names", "mkdir a; mkdir b; syncdir .; rename a b/a; syncdir b", []string{"a/ b/ b/a/~a", "b/ b/a/"}, nil},
	// Durable are a in b and b in a. Pending: a and b go from the root, c comes, a
	// goes from b. Without the last there is no disk, but where the root is empty.
	{"folders within themselves", "mkdir a; mkdir b; syncdir .; rename a b/a; syncdir b; rename b/a c; rename b c/b; syncdir c",
		[]string{"", "a/ a/b/", "b/", "a/ a/b/ b/~a/b", "c/ c/b/", "a/ a/b/ c/~a c/b/~a/b", "b/ c/ c/b/~b",
			"a/ a/b/ b/~a/b c/~a c/b/~a/b"}, nil},
	// Durable is a in b only; what makes the circle is the making of b in a.
	{"within themselves by mkdir", "mkdir a; syncdir .; mkdir a/b; rename a/b b; rename a b/a; syncdir b",
		[]string{"", "a/", "a/ b/ b/a/~a", "b/ b/a/"}, nil},
}

func TestLitmus(t *testing.T) {
	for _, l := range slices.Concat(litmusOfData, litmusOfNames) {
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
			for _, s := range l.seen {
				if !slices.Contains(want, s) {
					t.Errorf("a real kernel left %q, which is not wanted", s)
				}
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
