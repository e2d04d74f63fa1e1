package faultfs_test

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"

	. "crashsim/faultfs"
)

// The sequences of Rebello et al., "Can Applications Recover from fsync Failures?"
// (USENIX ATC '20), which is quoted here as it was noted down. A letter is a block
// of 4 KiB, 0 one of zeros.

const block = 4096

// rig is a disk with one file of the blocks "abc", all of it durable, and a plan.
type rig struct {
	t     *testing.T
	sim   *Sim
	armed *Armed
	disk  FS
	f     File
}

func newRig(t *testing.T, plan string) *rig {
	t.Helper()
	r := &rig{t: t, sim: NewSim()}
	f := open(t, r.sim, "f", create)
	mustWrite(t, f, "abc")
	for _, err := range []error{f.Sync(), f.Close(), r.sim.SyncDir(".")} {
		if err != nil {
			t.Fatal(err)
		}
	}
	r.armed, r.disk = arm(t, r.sim, plan)
	r.f = open(t, r.disk, "f", os.O_RDWR)
	if _, err := r.f.Seek(0, io.SeekEnd); err != nil {
		t.Fatal(err)
	}
	return r
}

func arm(t *testing.T, below FS, text string) (*Armed, FS) {
	t.Helper()
	plan, err := ParsePlan(text)
	if err != nil {
		t.Fatal(err)
	}
	armed := plan.Arm(nil)
	disk, err := armed.Over(below)
	if err != nil {
		t.Fatal(err)
	}
	return armed, disk
}

func mustWrite(t *testing.T, f File, letters string) {
	t.Helper()
	if _, err := f.Write(blocks(letters)); err != nil {
		t.Fatal(err)
	}
}

func blocks(letters string) []byte {
	var b strings.Builder
	for _, l := range letters {
		b.WriteString(strings.Repeat(strings.ReplaceAll(string(l), "0", "\x00"), block))
	}
	return []byte(b.String())
}

// lettersOf reads a file as blocks, "" where there is none.
func lettersOf(t *testing.T, fsys FS, name string) string {
	t.Helper()
	data, err := ReadFile(fsys, name)
	if errors.Is(err, syscall.ENOENT) {
		return ""
	}
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for chunk := range slices.Chunk(data, block) {
		if l := chunk[:1]; string(chunk) == strings.Repeat(string(l), len(chunk)) {
			b.WriteString(strings.ReplaceAll(string(l), "\x00", "0"))
			continue
		}
		b.WriteString("*") // of several letters
	}
	return b.String()
}

func (r *rig) sync(f File, want error) {
	r.t.Helper()
	if err := f.Sync(); !errors.Is(err, want) {
		r.t.Fatalf("fsync gives %v, want %v", err, want)
	}
}

func (r *rig) reads(want string) {
	r.t.Helper()
	if got := lettersOf(r.t, r.disk, "f"); got != want {
		r.t.Errorf("the cache reads %q, want %q", got, want)
	}
}

// leaves checks what a power cut now can leave, a list parted by spaces.
func (r *rig) leaves(want string) {
	r.t.Helper()
	m := POSIX
	m.Sector = block
	if got := leftBy(r.t, r.sim, m, "f"); got != want {
		r.t.Errorf("a power cut leaves %q, want %q", got, want)
	}
}

func leftBy(t *testing.T, sim *Sim, m Model, name string) string {
	t.Helper()
	cut := cutAt(sim, m, -1)
	found := map[string]bool{}
	for kept := range uint(1) << len(cut.Pending) {
		found[lettersOf(t, image(cut, kept), name)] = true
	}
	return strings.Join(slices.Sorted(maps.Keys(found)), " ")
}

var eio error = syscall.EIO

// "ext4 ordered, XFS: append x, fsync gives EIO, append y, fsync gives 0. The cache
// reads "abcxy"; after a remount "abc?y", where ? is not x."
func TestAppendAfterAFailedFsync(t *testing.T) {
	for _, mode := range []string{"ext4-ordered", "xfs"} {
		t.Run(mode, func(t *testing.T) {
			r := newRig(t, "fsync nth=1: mode="+mode+" EIO")
			mustWrite(t, r.f, "x")
			r.sync(r.f, eio)
			mustWrite(t, r.f, "y")
			r.sync(r.f, nil)
			r.reads("abcxy")
			r.leaves("abc0y")
			r.sim.Evict()
			r.reads("abc0y")
			r.leaves("abc0y")
			if missed := r.armed.Missed(); len(missed) > 0 {
				t.Errorf("never struck: %v", missed)
			}
		})
	}
}

// "On XFS a failed append at the end of the file leaves the size as it was."
// Elsewhere "metadata (size) persisted after the failure: yes", but "Btrfs: no".
func TestSizeAfterAFailedAppend(t *testing.T) {
	for _, c := range []struct{ mode, reads, leaves string }{
		{"ext4-ordered", "abcx", "abc0"},
		{"ext4-journal", "abcx", "abc0"},
		{"xfs", "abcx", "abc"},
		{"btrfs", "abc", "abc"},
		{"freebsd", "abcx", "abc abc0 abcx"},
	} {
		t.Run(c.mode, func(t *testing.T) {
			r := newRig(t, "fsync: mode="+c.mode+" EIO")
			mustWrite(t, r.f, "x")
			_ = r.f.Sync() // fails, or will
			r.reads(c.reads)
			r.leaves(c.leaves)
		})
	}
}

// "ext4 data=journal: the first fsync gives 0; the next gives EIO and writes nothing."
func TestJournalTellsAtTheNextFsync(t *testing.T) {
	r := newRig(t, "fsync nth=1: mode=ext4-journal EIO")
	mustWrite(t, r.f, "x")
	r.sync(r.f, nil)
	r.leaves("abc0")
	mustWrite(t, r.f, "y")
	r.leaves("abc0 abc00 abc0y")
	r.sync(r.f, eio)
	r.leaves("abc0 abc00 abc0y")
	r.reads("abcxy")
	r.sync(r.f, nil)
	r.leaves("abc0y")
	r.sim.Evict()
	r.reads("abc0y")
}

// "Btrfs: size and mapping go back, the descriptor's offset does not: "abc", a NUL,
// then "y"."
func TestBtrfsRevertsAllButTheOffset(t *testing.T) {
	r := newRig(t, "fsync nth=1: mode=btrfs EIO")
	mustWrite(t, r.f, "x")
	r.sync(r.f, eio)
	r.reads("abc")
	mustWrite(t, r.f, "y")
	r.reads("abc0y")
	r.sync(r.f, nil)
	r.leaves("abc0y")
	r.sim.Evict()
	r.reads("abc0y")
}

// "FreeBSD's way is the counter-model: pages stay dirty and a retry can succeed."
func TestFreeBSDKeepsPagesDirty(t *testing.T) {
	r := newRig(t, "fsync nth=1: mode=freebsd EIO")
	mustWrite(t, r.f, "x")
	r.sync(r.f, eio)
	r.reads("abcx")
	r.sim.Evict()
	r.reads("abcx")
	r.sync(r.f, nil)
	r.leaves("abcx")
}

// "damage: a block not overwritten, anywhere"; "page afterwards: clean (never
// written again)"; "memory agrees with disk: no: new content stays readable until
// evicted", on Btrfs "yes: reverted".
func TestOverwriteAfterAFailedFsync(t *testing.T) {
	for mode, reads := range map[string]string{"ext4-ordered": "axc", "ext4-journal": "axc", "xfs": "axc", "btrfs": "abc"} {
		t.Run(mode, func(t *testing.T) {
			r := newRig(t, "fsync nth=1: mode="+mode+" EIO")
			if _, err := r.f.WriteAt(blocks("x"), block); err != nil {
				t.Fatal(err)
			}
			_ = r.f.Sync() // fails, or will
			for range 3 {
				_ = r.f.Sync() // and each retry is in vain
			}
			r.reads(reads)
			r.leaves("abc")
			r.sim.Evict()
			r.reads("abc")
		})
	}
}

// A page that is dirtied anew is stored as a whole, with what was lost on it.
func TestPageDirtiedAnewIsStored(t *testing.T) {
	for _, mode := range []string{"ext4-ordered", "ext4-journal", "xfs"} {
		sim := NewSim()
		_, disk := arm(t, sim, "fsync nth=1: mode="+mode+" EIO")
		f := open(t, disk, "f", create)
		if err := sim.SyncDir("."); err != nil {
			t.Fatal(err)
		}
		for _, part := range []string{"lost", "kept"} {
			if _, err := f.Write([]byte(part)); err != nil {
				t.Fatal(err)
			}
			_ = f.Sync() // the first fails, or the second as well
		}
		if err := f.Sync(); err != nil {
			t.Fatal(mode, err)
		}
		sim.Evict()
		cut := cutAt(sim, POSIX, -1)
		for kept := range uint(1) << len(cut.Pending) {
			if data, err := ReadFile(image(cut, kept), "f"); string(data) != "lostkept" || err != nil {
				t.Errorf("%s leaves %q, %v", mode, data, err)
			}
		}
	}
}

// On XFS the stored size follows what is written again.
func TestXFSStoresTheSizeOfARetriedWrite(t *testing.T) {
	r := newRig(t, "fsync nth=1: mode=xfs EIO")
	mustWrite(t, r.f, "xy")
	r.sync(r.f, eio)
	r.leaves("abc")
	if _, err := r.f.WriteAt(blocks("x"), 3*block); err != nil {
		t.Fatal(err)
	}
	r.sync(r.f, nil)
	r.leaves("abcx")
	r.reads("abcxy")
}

// "EIO is given once to each descriptor that was open at the failure; where none is
// left, to the next that syncs."
func TestErrorIsToldOnceToEachDescriptor(t *testing.T) {
	r := newRig(t, "fsync nth=1: mode=ext4-ordered EIO")
	second := open(t, r.disk, "f", os.O_RDWR)
	mustWrite(t, r.f, "x")
	r.sync(r.f, eio)
	r.sync(r.f, nil)
	r.sync(second, eio)
	r.sync(second, nil)
	later := open(t, r.disk, "f", os.O_RDWR)
	r.sync(later, nil)

	r = newRig(t, "fsync nth=1: mode=ext4-journal EIO")
	mustWrite(t, r.f, "x")
	r.sync(r.f, nil)
	if err := r.f.Close(); err != nil {
		t.Fatal(err)
	}
	later = open(t, r.disk, "f", os.O_RDWR)
	r.sync(later, eio)
	r.sync(later, nil)
	r.sync(open(t, r.disk, "f", os.O_RDWR), nil)
}

// "So three axes are apart: whether the process restarts, whether the cache is
// evicted, whether power is cut."
func TestRestartKeepsWhatIsReadable(t *testing.T) {
	r := newRig(t, "fsync nth=1: mode=ext4-ordered EIO")
	mustWrite(t, r.f, "x")
	r.sync(r.f, eio)
	m := POSIX
	m.Sector = block
	restarted := cutAt(r.sim, m, -1).Kill()
	if got := lettersOf(t, restarted, "f"); got != "abcx" {
		t.Errorf("a process that is started again reads %q", got)
	}
	// The new process syncs, believes it, and the power goes.
	f := open(t, restarted, "f", os.O_RDWR)
	if err := f.Sync(); err != nil {
		t.Fatal(err)
	}
	if got := leftBy(t, restarted, m, "f"); got != "abc0" {
		t.Errorf("a power cut then leaves %q", got)
	}
	restarted.Evict()
	if got := lettersOf(t, restarted, "f"); got != "abc0" {
		t.Errorf("after eviction it reads %q", got)
	}
	if a, b := cutAt(r.sim, m, -1).Key(), cutAt(restarted, m, -1).Key(); a == b {
		t.Error("a cut with pages that are lost and one without have one key")
	}
}

// A cut just before a failure can leave what none after it can.
func TestFailureIsAMomentToCutAt(t *testing.T) {
	r := newRig(t, "fsync nth=1: mode=xfs EIO")
	mustWrite(t, r.f, "x")
	r.sync(r.f, eio)
	trace := r.sim.Trace()
	w := trace.Walk(POSIX)
	for w.Pos() < trace.Len()-1 {
		w.Next()
	}
	if op := w.Peek(); fmt.Sprint(op) != "fsync-failed f (xfs)" || !w.Settles(op) || op.Kind.IsSync() || op.Kind.IsMark() {
		t.Errorf("%v settles: %v", op, w.Settles(op))
	}
	if line := trace.Op(trace.Len() - 1).Stack.Frames()[0].Line; !strings.Contains(line, "syncfailure_test.go") {
		t.Errorf("asked by %s", line)
	}
}

func TestLostSync(t *testing.T) {
	r := newRig(t, "fsync nth=1: lost")
	mustWrite(t, r.f, "x")
	for range 3 {
		r.sync(r.f, nil)
	}
	r.reads("abcx")
	r.leaves("abc0")
}

func TestShrunkFileAndAFailedFsync(t *testing.T) {
	r := newRig(t, "fsync nth=1: mode=ext4-ordered EIO; fsync nth=2: mode=xfs EIO")
	mustWrite(t, r.f, "xyz")
	if err := r.f.Truncate(4*block + 10); err != nil {
		t.Fatal(err)
	}
	r.sync(r.f, eio)
	if err := r.f.Truncate(7 * block); err != nil {
		t.Fatal(err)
	}
	restarted := cutAt(r.sim, POSIX, -1).Kill()
	if a, b := tree(r.sim), tree(restarted); a != b {
		t.Error("a process that is started again reads something else")
	}
	if err := r.f.Truncate(block); err != nil {
		t.Fatal(err)
	}
	r.sync(r.f, eio)
	r.reads("a")
	r.leaves("a")
}

// However syncs fail, a process that is started again reads what the last one
// could; what an eviction leaves is what a power cut leaves that loses nothing; and
// the one does not change the other.
func TestFailuresAgreeWithOneAnother(t *testing.T) {
	t.Parallel()
	seeds := uint64(2000)
	if testing.Short() {
		seeds = 500
	}
	modes := []string{"ext4-ordered", "ext4-journal", "xfs", "btrfs", "freebsd"}
	models := Models()
	differ := 0
	for seed := range seeds {
		r := rand.New(rand.NewPCG(seed, 11))
		mode := modes[r.IntN(len(modes))]
		plan, err := ParsePlan("fsync p=0.4: mode=" + mode + " EIO; any p=0.02: evict")
		if err != nil {
			t.Fatal(err)
		}
		m := models[r.IntN(len(models))]
		sim := NewSim()
		sim.Assume(m)
		disk, err := plan.Arm(chooser(r.IntN)).Over(sim)
		if err != nil {
			t.Fatal(err)
		}
		var log []string
		for i := range 1 + int(seed%40) { // few at first: a failure is short
			log = append(log, randomChange(r, disk, i))
		}
		differ += agree(t, fmt.Sprintf("seed %d, %s, model %s:\n%s", seed, mode, m.Name, strings.Join(log, "\n")), sim, m, mode == "xfs")
		if t.Failed() {
			return
		}
	}
	if differ < int(seeds)/20 {
		t.Errorf("only %d of %d runs had lost pages at the end", differ, seeds)
	}
}

func randomChange(r *rand.Rand, disk FS, i int) string {
	name := []string{"a", "b", "c"}[r.IntN(3)]
	offset := []int64{0, 10, 600, 4000, 4096, 5000, 9000, 12288}[r.IntN(8)]
	kind := []string{"write", "write", "append", "truncate", "sync", "sync", "syncdir", "rename", "remove"}[r.IntN(9)]
	f, err := disk.OpenFile(name, os.O_RDWR|os.O_CREATE, 0)
	if err != nil {
		return err.Error()
	}
	switch kind {
	case "append":
		if offset, err = f.Seek(0, io.SeekEnd); err != nil {
			return err.Error()
		}
		fallthrough
	case "write":
		_, err = f.WriteAt(bytesOf(i, 1+r.IntN(5000)), offset)
	case "truncate":
		err = f.Truncate(offset)
	case "sync":
		err = f.Sync()
	case "syncdir":
		err = disk.SyncDir(".")
	case "rename":
		err = disk.Rename(name, "c")
	case "remove":
		err = disk.Remove(name)
	}
	return fmt.Sprint(kind, " ", name, " ", offset, " ", err, " ", f.Close())
}

// agree gives 1 if pages were lost.
func agree(t *testing.T, what string, sim *Sim, m Model, sizesDiffer bool) int {
	t.Helper()
	text := func(disk FS) string {
		if !sizesDiffer {
			return tree(disk)
		}
		lines := strings.Split(tree(disk), "\n")
		for i := range lines {
			lines[i] = strings.TrimRight(lines[i], "0") // the size in memory is not the stored one
		}
		return strings.Join(lines, "\n")
	}
	killed := cutAt(sim, m, -1).Kill()
	before := tree(sim)
	if got := tree(killed); got != before {
		t.Errorf("%s\nrestarted, it reads\n%.400s\nbefore\n%.400s", what, got, before)
	}
	if got, want := leftWhole(killed, m, text), leftWhole(sim, m, text); got != want {
		t.Errorf("%s\nrestarted, a power cut leaves\n%.400s\nbefore\n%.400s", what, got, want)
	}
	whole := leftWhole(sim, m, text)
	sim.Evict()
	killed.Evict()
	if got := text(sim); got != whole {
		t.Errorf("%s\nevicted, it reads\n%.400s\nstored is\n%.400s", what, got, whole)
	}
	if got := leftWhole(sim, m, text); got != whole {
		t.Errorf("%s\nevicted, it leaves\n%.400s\nbefore\n%.400s", what, got, whole)
	}
	if a, b := tree(sim), tree(killed); a != b {
		t.Errorf("%s\nevicted after a restart, it reads\n%.400s\nwithout\n%.400s", what, b, a)
	}
	if tree(sim) == before {
		return 0
	}
	return 1
}

func leftWhole(sim *Sim, m Model, text func(FS) string) string {
	cut := cutAt(sim, m, -1)
	return text(cut.Image(func(int) bool { return true }))
}
