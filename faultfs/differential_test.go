package faultfs_test

import (
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path"
	"slices"
	"strings"
	"syscall"
	"testing"

	. "crashsim/faultfs"
)

// The simulated disk has to answer as the real one does, result for result and
// errno for errno: whatever a store does on the one it would do on the other.

func TestSimAnswersAsTheOS(t *testing.T) {
	t.Parallel()
	seeds := uint64(1000)
	if testing.Short() {
		seeds = 200
	}
	rig := newDiffRig(t)
	seen := map[string]int{}
	for seed := range seeds {
		r := rand.New(rand.NewPCG(seed, 1))
		steps := make([]diffStep, 60)
		for i := range steps {
			steps[i] = randomStep(r)
		}
		real, sim := rig.run(steps)
		if !slices.Equal(real, sim) {
			small := shrinkSteps(steps, func(s []diffStep) bool {
				real, sim := rig.run(s)
				return !slices.Equal(real, sim)
			})
			t.Fatalf("seed %d, shrunk from %d steps:\n%s", seed, len(steps), rig.report(small))
		}
		for i, s := range steps {
			kind, _, _ := strings.Cut(real[i], " ")
			seen[s.kind+" "+kind]++
		}
	}
	// Sequences that fail at everything would agree as well.
	for _, need := range []string{"open ok", "read ok", "write ok", "writeat ok", "truncate ok", "sync ok", "mkdir ok",
		"remove ok", "rename ok", "link ok", "readdir ok", "stat ok", "syncdir ok", "close ok", "fdatasync ok", "fallocate ok"} {
		if seen[need] < int(seeds)/20 {
			t.Errorf("%q only %d times in %d sequences", need, seen[need], seeds)
		}
	}
}

// Sequences that chance seldom finds.
func TestSimAnswersAsTheOSInCorners(t *testing.T) {
	t.Parallel()
	rig := newDiffRig(t)
	open := func(name string, flag int) diffStep { return diffStep{kind: "open", name: name, flag: flag} }
	create := func(name string) diffStep { return open(name, os.O_RDWR|os.O_CREATE) }
	mkdir := func(name string) diffStep { return diffStep{kind: "mkdir", name: name} }
	two := func(kind, a, b string) diffStep { return diffStep{kind: kind, name: a, name2: b} }
	one := func(kind, a string) diffStep { return diffStep{kind: kind, name: a} }
	all := []diffStep{create("f"), mkdir("d"), mkdir("d/e"), create("d/f"), two("link", "f", "g"), mkdir("empty")}
	names := []string{
		"f", "g", "d", "d/e", "d/f", "empty", "a", "d/a", "d/e/a", "empty/a", ".", "f/a", "f/a/b", "no/a",
		"", "/f", "f/", "d/../f", "a\x00b", longest, longest + "n", "d/" + longest, "no/" + longest + "n",
	}
	for _, a := range names {
		for _, flag := range diffFlags {
			rig.check(append(slices.Clone(all), open(a, flag), diffStep{kind: "write", n: 3}, diffStep{kind: "read", n: 5}))
		}
		for _, b := range names {
			rig.check(append(slices.Clone(all), two("link", a, b), two("rename", a, b)))
		}
	}
	rig.check(append(slices.Clone(all), create("a"), diffStep{kind: "write", n: 9000}, one("sync disk", ""), one("stat", "a")))
	for _, flag := range []int{os.O_RDWR | os.O_CREATE, os.O_RDONLY, os.O_WRONLY | os.O_APPEND} {
		for _, mode := range diffModes {
			for _, off := range []int64{-1, 0, 100, 4096, 8192} {
				for _, n := range []int{-1, 0, 1, 4096, 9000} {
					rig.check(append(slices.Clone(all), diffStep{kind: "write", n: 6000}, open("f", flag), diffStep{kind: "write", n: 5},
						diffStep{kind: "fallocate", mode: mode, off: off, n: n}, one("fstat", ""),
						diffStep{kind: "readat", n: 9000}))
				}
			}
		}
	}
	for _, kind := range []string{"fdatasync", "fallocate"} {
		rig.check(append(slices.Clone(all), open(".", os.O_RDONLY), diffStep{kind: kind, n: 1}, one("close", ""), diffStep{kind: kind, n: 1}))
	}
	for _, a := range append(names, diffNames...) {
		rig.check(append(slices.Clone(all), one("stat", a), one("readdir", a), one("syncdir", a), one("mkdir", a), one("remove", a)))
	}
}

// diffStep is one operation on either disk. Those on open files say by slot which
// of four.
type diffStep struct {
	kind        string
	name, name2 string
	flag        int
	slot        int
	off         int64
	n           int
	whence      int
	mode        AllocMode
}

func (s diffStep) String() string {
	short := func(name string) string {
		if len(name) > 40 {
			return fmt.Sprintf("%q...(%d bytes)", name[:8], len(name))
		}
		return fmt.Sprintf("%q", name)
	}
	switch s.kind {
	case "open":
		return fmt.Sprintf("open %s flags %#x as #%d", short(s.name), s.flag, s.slot)
	case "mkdir", "remove", "readdir", "stat", "syncdir":
		return fmt.Sprintf("%s %s", s.kind, short(s.name))
	case "rename", "link":
		return fmt.Sprintf("%s %s %s", s.kind, short(s.name), short(s.name2))
	}
	return fmt.Sprintf("%s #%d off %d n %d whence %d mode %#x", s.kind, s.slot, s.off, s.n, s.whence, s.mode)
}

// wrongTwice tells of operations with a name that is too long and something else
// that may be wrong: which of the two a kernel notices first is its own affair.
func (s diffStep) wrongTwice() bool {
	long := func(name string) bool { return len(path.Base(name)) > 255 }
	switch s.kind {
	case "rename", "link":
		return long(s.name) || long(s.name2)
	case "open":
		return long(s.name) && s.flag&syscall.O_DIRECTORY != 0
	}
	return false
}

var (
	longest = strings.Repeat("n", 255)

	diffNames = []string{
		"a", "b", "d", "d/a", "d/e", "d/b", "d/e/a", "e", "e/a", "d/e/d",
		".", "", "/a", "/", "../x", "..", "a/../b", "a/", "./a", "d//a", "a/x", "a/x/y", "no/x", "a\x00b", "d/\x00",
		longest, longest + "n", "d/" + longest, "d/" + longest + "n", longest + "n/x", "no/" + longest + "n", "\xff",
	}
	diffFlags = []int{
		os.O_RDONLY, os.O_WRONLY, os.O_RDWR,
		os.O_RDWR | os.O_CREATE, os.O_WRONLY | os.O_CREATE, os.O_RDONLY | os.O_CREATE,
		os.O_RDWR | os.O_CREATE | os.O_EXCL, os.O_WRONLY | os.O_CREATE | os.O_TRUNC, os.O_RDWR | os.O_TRUNC,
		os.O_RDONLY | os.O_TRUNC, os.O_RDONLY | os.O_CREATE | os.O_TRUNC,
		os.O_WRONLY | os.O_APPEND, os.O_RDWR | os.O_APPEND | os.O_CREATE, os.O_RDONLY | os.O_APPEND,
		os.O_WRONLY | os.O_APPEND | os.O_CREATE | os.O_TRUNC, os.O_RDWR | os.O_APPEND | os.O_CREATE | os.O_EXCL,
		os.O_RDONLY | syscall.O_DIRECTORY, os.O_RDWR | syscall.O_DIRECTORY, os.O_RDONLY | os.O_CREATE | syscall.O_DIRECTORY,
		os.O_RDONLY | os.O_EXCL, os.O_RDWR | os.O_SYNC, os.O_WRONLY | os.O_APPEND | syscall.O_DSYNC, os.O_RDONLY | syscall.O_DIRECTORY | os.O_TRUNC,
		os.O_RDWR | os.O_CREATE | os.O_EXCL | os.O_TRUNC, os.O_CREATE | os.O_EXCL | syscall.O_DIRECTORY,
	}
	diffKinds = []string{
		"open", "open", "open", "open", "open", "read", "read", "write", "write", "write", "readat", "writeat", "writeat",
		"seek", "seek", "truncate", "truncate", "sync", "fdatasync", "fallocate", "fallocate", "fstat", "close", "close",
		"mkdir", "mkdir", "remove", "remove", "rename", "rename", "rename", "link", "readdir", "stat", "syncdir",
	}
	diffOffsets = []int64{-1, 0, 1, 3, 10, 100, 4095, 4096, 4097, 8192, 20000}
	diffLengths = []int{0, 1, 2, 5, 100, 4096, 9000}
	diffModes   = []AllocMode{0, KeepSize, PunchHole | KeepSize, ZeroRange, ZeroRange | KeepSize, PunchHole, PunchHole | ZeroRange | KeepSize, 1 << 30}
)

func randomStep(r *rand.Rand) diffStep {
	// Most names are from the first few, so that operations meet.
	name := func() string {
		return diffNames[r.IntN([]int{3, 3, 5, 10, 10, len(diffNames)}[r.IntN(6)])]
	}
	flag := diffFlags[r.IntN(len(diffFlags))]
	if r.IntN(2) == 0 {
		flag = os.O_RDWR | os.O_CREATE | flag&os.O_APPEND
	}
	return diffStep{
		kind: diffKinds[r.IntN(len(diffKinds))], name: name(), name2: name(), flag: flag, slot: r.IntN(4),
		off: diffOffsets[r.IntN(len(diffOffsets))], n: diffLengths[r.IntN(len(diffLengths))],
		whence: []int{io.SeekStart, io.SeekCurrent, io.SeekEnd, 7}[r.IntN(4)], mode: diffModes[r.IntN(len(diffModes))],
	}
}

// bytesOf gives n bytes that tell from which step they are.
func bytesOf(step, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(1 + (step*31+i)%255)
	}
	return b
}

type disk interface {
	FS
	Linker
	DiskSyncer
}

// runSteps gives the result of each step, and the tree that is left.
func runSteps(fsys disk, steps []diffStep) []string {
	var open [4]File
	out := make([]string, 0, len(steps)+1)
	for i, s := range steps {
		result := runStep(fsys, &open, i, s)
		if result != "ok" && s.wrongTwice() {
			result = "fails"
		}
		out = append(out, result)
	}
	for _, f := range open {
		if f != nil {
			_ = f.Close() // some are closed already
		}
	}
	return append(out, tree(fsys))
}

func runStep(fsys disk, open *[4]File, i int, s diffStep) string {
	switch s.kind {
	case "open":
		f, err := fsys.OpenFile(s.name, s.flag, 0o644)
		if err != nil {
			return errText(err)
		}
		if old := open[s.slot]; old != nil {
			_ = old.Close()
		}
		open[s.slot] = f
		return "ok"
	case "mkdir":
		return errText(fsys.Mkdir(s.name, 0o755))
	case "remove":
		return errText(fsys.Remove(s.name))
	case "rename":
		return errText(fsys.Rename(s.name, s.name2))
	case "link":
		return errText(fsys.Link(s.name, s.name2))
	case "readdir":
		list, err := fsys.ReadDir(s.name)
		text := errText(err)
		for _, e := range list {
			text += fmt.Sprintf(" %s %v", e.Name(), e.Type())
		}
		return text
	case "stat":
		info, err := fsys.Stat(s.name)
		return errText(err) + infoText(info)
	case "syncdir":
		return errText(fsys.SyncDir(s.name))
	case "sync disk":
		return errText(fsys.SyncDisk())
	}
	if open[s.slot] == nil {
		return "no file"
	}
	return runFileStep(open[s.slot], i, s)
}

func runFileStep(f File, i int, s diffStep) string {
	switch s.kind {
	case "read":
		b := make([]byte, s.n)
		n, err := f.Read(b)
		return errText(err) + fmt.Sprintf(" %d %x", n, b[:n])
	case "readat":
		b := make([]byte, s.n)
		n, err := f.ReadAt(b, s.off)
		return errText(err) + fmt.Sprintf(" %d %x", n, b[:n])
	case "write":
		n, err := f.Write(bytesOf(i, s.n))
		return errText(err) + fmt.Sprintf(" %d", n)
	case "writeat":
		n, err := f.WriteAt(bytesOf(i, s.n), s.off)
		return errText(err) + fmt.Sprintf(" %d", n)
	case "seek":
		if info, err := f.Stat(); err == nil && info.IsDir() {
			return "ok" // a folder's positions are its file system's own
		}
		n, err := f.Seek(s.off, s.whence)
		return errText(err) + fmt.Sprintf(" %d", n)
	case "truncate":
		return errText(f.Truncate(s.off))
	case "sync":
		return errText(f.Sync())
	case "fdatasync":
		return errText(f.(DataSyncer).SyncData())
	case "fallocate":
		return errText(f.(Allocator).Allocate(s.mode, s.off, int64(s.n)))
	case "fstat":
		info, err := f.Stat()
		return errText(err) + infoText(info)
	case "close":
		return errText(f.Close())
	}
	panic(s.kind)
}
