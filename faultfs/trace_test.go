package faultfs_test

import (
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"

	. "crashsim/faultfs"
)

// line gives a source line of this file as a Frame has it, some lines further.
func line(further int) string {
	_, _, n, _ := runtime.Caller(1)
	return fmt.Sprintf("crashsim/faultfs_test/trace_test.go:%d", n+further)
}

func TestOpsKnowTheirCallers(t *testing.T) {
	sim := NewSim()
	opsKnowTheirCallers(t, sim, sim)
}

// opsKnowTheirCallers uses a disk that ends in a Sim.
func opsKnowTheirCallers(t *testing.T, sim *Sim, disk FS) {
	t.Helper()
	var want []string
	check := func(err error, at string) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		want = append(want, at)
	}
	// Twice, since a stack that is known is found in another way.
	for range 2 {
		f, err := disk.OpenFile("f", create, 0)
		check(err, line(-1))
		_, err = f.Write([]byte("abc"))
		check(err, line(-1))
		_, err = f.WriteAt([]byte("abc"), 5)
		check(err, line(-1))
		check(f.Truncate(2), line(0))
		check(f.Sync(), line(0))
		check(f.(DataSyncer).SyncData(), line(0))
		check(f.(Allocator).Allocate(0, 0, 9), line(0))
		check(disk.(DiskSyncer).SyncDisk(), line(0))
		check(disk.Mkdir("d", 0), line(0))
		check(disk.Rename("f", "g"), line(0))
		check(disk.(Linker).Link("g", "d/g"), line(0))
		check(disk.Remove("d/g"), line(0))
		check(disk.SyncDir("d"), line(0))
		_, err = disk.OpenFile("g", os.O_RDWR|os.O_TRUNC, 0)
		check(err, line(-1))
		check(disk.Remove("g"), line(0))
		check(disk.Remove("d"), line(0))
	}
	trace := sim.Trace()
	if trace.Len() != len(want) {
		t.Fatalf("%d operations, want %d", trace.Len(), len(want))
	}
	stacks := map[Stack]bool{}
	for i := range want {
		op := trace.Op(i)
		frames := op.Stack.Frames()
		if len(frames) == 0 || frames[0].Line != want[i] {
			t.Fatalf("%v: callers %v, want %s first", op, frames, want[i])
		}
		if fn, pkg := frames[0].Func, frames[0].Package(); fn != "opsKnowTheirCallers" || pkg != "crashsim/faultfs_test" {
			t.Errorf("%v: caller %s of %s", op, fn, pkg)
		}
		for _, f := range frames {
			if f.Package() == "crashsim/faultfs" || f.Package() == "runtime" {
				t.Errorf("%v: frame %v is not the store's", op, f)
			}
		}
		stacks[op.Stack] = true
	}
	if len(stacks) != len(want)/2 {
		t.Errorf("%d different stacks for %d source lines", len(stacks), len(want)/2)
	}
}

//go:noinline
func viaHelper(f File) error { return write(f, "x") }

func TestStacksGoOutward(t *testing.T) {
	sim := NewSim()
	f := open(t, sim, "f", create)
	for range 3 {
		if err := viaHelper(f); err != nil {
			t.Fatal(err)
		}
	}
	here := line(-4)
	if err := viaHelper(f); err != nil {
		t.Fatal(err)
	}
	trace := sim.Trace()
	frames := trace.Op(1).Stack.Frames()
	if len(frames) < 3 || frames[0].Func != "write" || frames[1].Func != "viaHelper" || frames[2].Line != here {
		t.Errorf("callers %v, want write, viaHelper, then %s", frames, here)
	}
	if trace.Op(1).Stack != trace.Op(3).Stack || trace.Op(1).Stack == trace.Op(4).Stack {
		t.Error("stacks are equal where they differ, or differ where they are equal")
	}
	if (Stack{}).Frames() != nil {
		t.Error("no stack has callers")
	}
}

func TestStacksFromManyGoroutines(t *testing.T) {
	sim := NewSim()
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			f := open(t, sim, fmt.Sprint(i), create)
			for range 100 {
				if err := viaHelper(f); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	for i := range sim.Trace().Len() {
		op := sim.Trace().Op(i)
		if f := op.Stack.Frames(); len(f) == 0 || op.Kind == OpWrite && (len(f) < 2 || f[1].Func != "viaHelper") {
			t.Fatalf("%v: callers %v", op, f)
		}
	}
}

func TestMarks(t *testing.T) {
	sim := NewSim()
	if sim.Trace().Last(0) != nil {
		t.Error("an empty trace has a last operation")
	}
	do(t, sim, "create f")
	sim.Begin(2, 7, "put x")
	do(t, sim, "append f A")
	sim.Ack(2, 7)
	sim.Begin(0, 8, "get y")
	sim.Fail(0, 8, errors.New("no y"))
	trace := sim.Trace()
	type mark struct {
		kind          Kind
		client, index int
		text          string
	}
	want := []mark{{kind: OpCreate}, {MarkBegin, 2, 7, "put x"}, {kind: OpWrite}, {MarkAck, 2, 7, ""}, {MarkBegin, 0, 8, "get y"}, {MarkFail, 0, 8, "no y"}}
	var text []string
	for i := range trace.Len() {
		op := trace.Op(i)
		if got := (mark{op.Kind, op.Client, op.Index, op.Text}); got != want[i] || op.Kind.IsMark() != (want[i].text != "" || i == 3) {
			t.Errorf("operation %d is %v, want %v", i, got, want[i])
		}
		text = append(text, strings.TrimSpace(op.String()))
	}
	if got := strings.Join(text, "; "); got != "create f; begin 7 put x; write f [0:4); ack 7; begin 8 get y; fail 8 no y" {
		t.Error(got)
	}
	if last := trace.Last(trace.Len()); last != trace.Op(2) || trace.Last(2) != trace.Op(0) {
		t.Errorf("the last operation that is no mark is %v", last)
	}
	// A mark is not lost, and loses nothing.
	if got := len(treesOf(cutAt(sim, small(), -1))); got != 4 {
		t.Errorf("%d trees", got)
	}
}

// More operations than any chunk or slab holds, and bytes that the caller uses
// again.
func TestTracesAreLong(t *testing.T) {
	sim := NewSim()
	f := open(t, sim, "f", create)
	sizes := []int{1, 40, 500, 5000, 20_000, 70_000}
	var early *Trace
	buf := make([]byte, 70_000)
	const n = 700
	for i := range n {
		p := buf[:sizes[i%len(sizes)]]
		copy(p, bytesOf(i, len(p)))
		if _, err := f.WriteAt(p, int64(i)); err != nil {
			t.Fatal(err)
		}
		clear(p)
		if i == 100 {
			early = sim.Trace()
		}
	}
	trace := sim.Trace()
	if trace.Len() != n+1 || early.Len() != 102 {
		t.Fatalf("%d and %d operations", trace.Len(), early.Len())
	}
	for i := range n {
		op := trace.Op(i + 1)
		if op.Kind != OpWrite || op.Off != int64(i) || string(op.Data) != string(bytesOf(i, sizes[i%len(sizes)])) {
			t.Fatalf("operation %d is %v, or its data are not its own", i+1, op)
		}
		if i < early.Len()-1 && early.Op(i+1) != op {
			t.Fatalf("operation %d is another in a trace taken earlier", i+1)
		}
		if cap(op.Data) > len(op.Data) && cap(op.Data) < 64<<10 && len(op.Data) < 1000 {
			t.Fatalf("appending to the data of %v would change the next", op)
		}
	}
}

func TestLimitSteps(t *testing.T) {
	sim := NewSim()
	sim.LimitSteps(3)
	f := open(t, sim, "f", create)
	if err := write(f, "x"); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Stat(); err != nil { // reads count too
		t.Fatal(err)
	}
	for range 2 {
		func() {
			defer func() {
				if got, ok := recover().(OutOfSteps); !ok || got.Limit != 3 {
					t.Errorf("a fourth step panics with %v", got)
				}
			}()
			_ = f.Sync() // panics
		}()
	}
	sim.LimitSteps(0) // and the lock is not held
	if err := f.Sync(); err != nil {
		t.Error(err)
	}
}

func TestLocks(t *testing.T) {
	real, err := OpenOS(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = real.Close() }() // a folder
	sim := NewSim()
	type disk interface {
		FS
		Locker
	}
	for name, fsys := range map[string]disk{"os": real, "sim": sim} {
		t.Run(name, func(t *testing.T) {
			_ = open(t, fsys, "f", create).Close()
			lock, err := fsys.Lock("f")
			if err != nil {
				t.Fatal(err)
			}
			if _, err := fsys.Lock("f"); !errors.Is(err, syscall.EWOULDBLOCK) {
				t.Errorf("a second lock: %v", err)
			}
			root, err := fsys.Lock(".")
			if err != nil {
				t.Errorf("another lock: %v", err)
			}
			if _, err := fsys.Lock("none"); !errors.Is(err, syscall.ENOENT) {
				t.Errorf("a lock on nothing: %v", err)
			}
			if err := lock.Close(); err != nil {
				t.Error(err)
			}
			if err := lock.Close(); !errors.Is(err, os.ErrClosed) {
				t.Errorf("closed twice: %v", err)
			}
			if lock, err = fsys.Lock("f"); err != nil {
				t.Errorf("after it was closed: %v", err)
			}
			for _, l := range []io.Closer{lock, root} {
				_ = l.Close() // is tested above
			}
		})
	}
	if _, err := sim.Lock("f"); err != nil {
		t.Fatal(err)
	}
	cut := cutAt(sim, small(), -1)
	for name, next := range map[string]*Sim{"kill": cut.Kill(), "fork": sim.Fork(), "power cut": image(cut, 1)} {
		if _, err := next.Lock("f"); err != nil {
			t.Errorf("after a %s: %v", name, err)
		}
	}
}

// Offsets that no disk has.
func TestFilesTooLarge(t *testing.T) {
	f := open(t, NewSim(), "f", create)
	for _, off := range []int64{16 << 30, math.MaxInt64 - 1, math.MaxInt64} {
		if n, err := f.WriteAt([]byte("abc"), off); n != 0 || !errors.Is(err, syscall.EFBIG) {
			t.Errorf("written at %d: %d, %v", off, n, err)
		}
		if _, err := f.Seek(off, io.SeekStart); err != nil {
			t.Fatal(err)
		}
		if n, err := f.Write([]byte("abc")); n != 0 || !errors.Is(err, syscall.EFBIG) {
			t.Errorf("written at position %d: %d, %v", off, n, err)
		}
		if _, err := f.Seek(1, io.SeekCurrent); off == math.MaxInt64 && !errors.Is(err, syscall.EINVAL) {
			t.Errorf("past the last offset: %v", err)
		}
		if err := f.Truncate(off); off > 16<<30 && !errors.Is(err, syscall.EFBIG) {
			t.Errorf("truncated to %d: %v", off, err)
		}
	}
}
