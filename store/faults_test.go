package store_test

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"reflect"
	"slices"
	"strings"
	"syscall"
	"testing"

	"crashsim/faultfs"
	"crashsim/store"
)

// faulty is a disk on which one change fails: the at-th, counted from 1.
type faulty struct {
	*faultfs.Sim
	fault
	at    int
	all   bool     // calls that change nothing may fail too
	calls []string // what was asked for
}

// quiet is for a call that changes nothing.
func (f *faulty) quiet(what string, do func() error) error {
	if !f.all {
		return do()
	}
	return f.change(what, 0, whole(do))
}

// fault is how a change fails: with an error, and with all of it done, half of
// it (of a write), or nothing.
type fault struct {
	err  error
	done float64
}

func (f fault) String() string { return fmt.Sprintf("%v, %v done", f.err, f.done) }

var faults = []fault{{syscall.EIO, 0}, {syscall.EIO, 1}, {syscall.ENOSPC, 0}, {syscall.ENOSPC, 0.5}}

// change does what is asked for, or fails. part does a part of it, of n bytes.
func (f *faulty) change(what string, n int, part func(n int) error) error {
	f.calls = append(f.calls, what)
	if len(f.calls) != f.at {
		return part(n)
	}
	if f.done == 1 || n > 0 && f.done > 0 {
		if err := part(int(float64(n) * f.done)); err != nil {
			return err
		}
	}
	return &fs.PathError{Op: what, Path: "a faulty disk", Err: f.err}
}

func whole(f func() error) func(int) error { return func(int) error { return f() } }

func (f *faulty) OpenFile(name string, flag int, perm fs.FileMode) (file faultfs.File, err error) {
	do := func() error { file, err = f.Sim.OpenFile(name, flag, perm); return err }
	if _, missing := f.Stat(name); missing != nil && flag&os.O_CREATE != 0 {
		err = f.change("create", 0, whole(do))
	} else {
		err = f.quiet("open", do)
	}
	if err != nil {
		return nil, err
	}
	return &faultyFile{file, f}, nil
}

func (f *faulty) Mkdir(name string, perm fs.FileMode) error {
	return f.change("mkdir", 0, whole(func() error { return f.Sim.Mkdir(name, perm) }))
}

func (f *faulty) Remove(name string) error {
	return f.change("remove", 0, whole(func() error { return f.Sim.Remove(name) }))
}

func (f *faulty) Rename(a, b string) error {
	return f.change("rename", 0, whole(func() error { return f.Sim.Rename(a, b) }))
}

func (f *faulty) SyncDir(name string) error {
	return f.change("sync of a folder", 0, whole(func() error { return f.Sim.SyncDir(name) }))
}

type faultyFile struct {
	faultfs.File
	disk *faulty
}

func (f *faultyFile) Write(p []byte) (n int, err error) {
	err = f.disk.change("write", len(p), func(part int) error { n, err = f.File.Write(p[:part]); return err })
	return n, err
}

func (f *faultyFile) WriteAt(p []byte, off int64) (n int, err error) {
	err = f.disk.change("write", len(p), func(part int) error { n, err = f.File.WriteAt(p[:part], off); return err })
	return n, err
}

func (f *faultyFile) Truncate(size int64) error {
	return f.disk.change("truncate", 0, whole(func() error { return f.File.Truncate(size) }))
}

func (f *faultyFile) Read(p []byte) (n int, err error) {
	err = f.disk.quiet("read", func() error { n, err = f.File.Read(p); return err })
	return n, err
}

func (f *faultyFile) ReadAt(p []byte, off int64) (n int, err error) {
	err = f.disk.quiet("read", func() error { n, err = f.File.ReadAt(p, off); return err })
	return n, err
}

func (f *faultyFile) Stat() (info fs.FileInfo, err error) {
	err = f.disk.quiet("stat", func() error { info, err = f.File.Stat(); return err })
	return info, err
}

func (f *faultyFile) Close() error {
	return f.disk.quiet("close", f.File.Close)
}

func (f *faultyFile) Sync() error { return f.disk.change("sync", 0, whole(f.File.Sync)) }

// steps are the writing operations, each for a disk that fill has made.
var steps = map[string]func(*store.Store) error{
	"event":           func(s *store.Store) error { return s.AppendEvent(event(4, "new")) },
	"entry":           func(s *store.Store) error { return s.AppendTranscriptEntry(entry("w", 4, "new")) },
	"runtime":         func(s *store.Store) error { return s.WriteRuntimeSnapshot(fullRuntime()) },
	"worker":          func(s *store.Store) error { return s.WriteWorkerSnapshot(fullWorker("w")) },
	"worker, created": func(s *store.Store) error { return s.WriteWorkerSnapshot(fullWorker("x")) },
}

// stepOn opens a copy of a disk, does a step with one fault, and gives what came
// of it.
func stepOn(t testing.TB, disk *faultfs.Sim, do func(*store.Store) error, f fault, at int) (*faulty, *store.Store, error) {
	t.Helper()
	d := &faulty{Sim: disk.Fork(), fault: f}
	s := open(t, d)
	d.calls, d.at = nil, at
	err := do(s)
	d.at = 0
	return d, s, err
}

// Any change may fail in any way: the caller is told why; what was acknowledged
// stays; and either the store can go on, or it says that it cannot until it is
// opened again.
func TestFaults(t *testing.T) {
	disk := fill(t, 3)
	before := opened(t, disk)
	for name, do := range steps {
		good, s, err := stepOn(t, disk, do, fault{}, 0)
		must(t, err)
		after := load(t, s)
		for at := range good.calls {
			what := good.calls[at]
			for _, f := range faults {
				t.Run(fmt.Sprintf("%s: %s %d, %v", name, what, at+1, f), func(t *testing.T) {
					d, s, err := stepOn(t, disk, do, f, at+1)
					wantKind(t, err, store.ErrIO)
					wantKind(t, err, f.err)
					wantEqual(t, "what is read", load(t, s), before)
					final := slices.Contains([]string{"sync", "rename", "sync of a folder"}, what) || name == "worker, created" && at > 0
					if final {
						checkRefuses(t, d, s, before)
					}
					checkCrash(t, d.Sim, before, after)
					must(t, s.Close())
					checkReopens(t, d.Sim, do, before, after)
				})
			}
		}
	}
}

// checkRefuses tries all writing operations on a store that has failed.
func checkRefuses(t *testing.T, d *faulty, s *store.Store, before store.State) {
	t.Helper()
	key := d.Key()
	for name, other := range steps {
		if err := other(s); !errors.Is(err, store.ErrFailed) {
			t.Fatalf("%s, after what leaves the disk in doubt: %v", name, err)
		}
	}
	if d.Key() != key {
		t.Fatal("a store that refuses writes has written")
	}
	wantEqual(t, "what is read after refusals", load(t, s), before)
}

// checkCrash wants each disk that a crash leaves now to be one of before or after.
func checkCrash(t *testing.T, sim *faultfs.Sim, before, after store.State) {
	t.Helper()
	var last *faultfs.Cut
	eachCut(t, sim.Trace(), func(c *faultfs.Cut) { last = c })
	everyImage(t, last, func(image *faultfs.Sim) { checkOneOf(t, opened(t, image), before, after) })
}

// checkOneOf compares but for the diagnostic of what was set aside.
func checkOneOf(t *testing.T, got, before, after store.State) {
	t.Helper()
	d := got.Snapshot.Diagnostics
	if last := len(d) - 1; last >= 0 && last == len(before.Snapshot.Diagnostics) && (d[last].Code == store.CodeWorkerIgnored || d[last].Code == store.CodeTailIgnored) {
		got.Snapshot.Diagnostics = d[:last]
		got.Snapshot.NextDiagnosticID--
	}
	if !reflect.DeepEqual(got, before) && !reflect.DeepEqual(got, after) {
		t.Fatalf("%+v\nis neither %+v\nnor %+v", got, before, after)
	}
}

func checkReopens(t *testing.T, sim *faultfs.Sim, do func(*store.Store) error, before, after store.State) {
	t.Helper()
	s := open(t, sim)
	state := load(t, s)
	checkOneOf(t, state, before, after)
	if err := do(s); err != nil && (!errors.Is(err, store.ErrInvalid) || reflect.DeepEqual(state, before)) {
		t.Fatalf("after it was opened again: %v", err)
	}
	must(t, s.Close())
	checkOneOf(t, opened(t, sim), after, after)
}

// A write that failed and was taken back can be tried again, by the same store,
// and leaves nothing of the first try for the second.
func TestFaultsRetried(t *testing.T) {
	disk := fill(t, 3)
	retried := 0
	for name, do := range steps {
		good, s, err := stepOn(t, disk, do, fault{}, 0)
		must(t, err)
		after := load(t, s)
		for at, what := range good.calls {
			for _, f := range faults {
				d, s, err := stepOn(t, disk, do, f, at+1)
				wantKind(t, err, f.err)
				if f.done < 1 {
					checkNoTemps(t, d.Sim)
				}
				if what != "write" && what != "create" || name == "worker, created" {
					continue
				}
				retried++
				must(t, do(s))
				wantEqual(t, name, load(t, s), after)
				must(t, s.Close())
				wantEqual(t, name+", opened again", opened(t, d.Sim), after)
			}
		}
	}
	if retried == 0 {
		t.Fatal("nothing was tried again")
	}
}

// checkNoTemps wants what failed to have left nothing lying about.
func checkNoTemps(t *testing.T, sim *faultfs.Sim) {
	t.Helper()
	for _, name := range list(t, sim) {
		if strings.Contains(name, ".tmp-") {
			t.Fatalf("%s is left over", name)
		}
	}
}

// Taking back what a failed append has left may fail too; then nothing more is
// written, until opening cuts it off.
func TestTakingBackFails(t *testing.T) {
	disk := fill(t, 3)
	before := opened(t, disk)
	for _, name := range []string{"event", "entry"} {
		for _, second := range []string{"truncate", "sync"} {
			d := &twice{faulty: &faulty{Sim: disk.Fork(), fault: fault{syscall.ENOSPC, 0.5}}, second: second}
			s := open(t, d)
			d.armed = true
			wantKind(t, steps[name](s), syscall.ENOSPC)
			d.armed = false
			wantEqual(t, "what is read", load(t, s), before)
			for _, other := range steps {
				wantKind(t, other(s), store.ErrFailed)
			}
			must(t, s.Close())
			wantEqual(t, "opened again", opened(t, d.Sim), before)
			s = open(t, d)
			must(t, steps[name](s))
			must(t, s.Close())
		}
	}
}

// twice is a disk on which a write fails, and then what would take it back.
type twice struct {
	*faulty
	second string
	armed  bool
}

func (d *twice) OpenFile(name string, flag int, perm fs.FileMode) (faultfs.File, error) {
	f, err := d.Sim.OpenFile(name, flag, perm)
	return &twiceFile{f, d}, err
}

type twiceFile struct {
	faultfs.File
	disk *twice
}

func (f *twiceFile) WriteAt(p []byte, off int64) (int, error) {
	if f.disk.armed {
		n, err := f.File.WriteAt(p[:len(p)/2], off)
		return n, errors.Join(err, syscall.ENOSPC)
	}
	return f.File.WriteAt(p, off)
}

func (f *twiceFile) Truncate(size int64) error {
	if f.disk.armed && f.disk.second == "truncate" {
		return syscall.EIO
	}
	return f.File.Truncate(size)
}

func (f *twiceFile) Sync() error {
	if f.disk.armed && f.disk.second == "sync" {
		return syscall.EIO
	}
	return f.File.Sync()
}

// Opening may fail at any change, and then succeeds when it is tried again.
func TestFaultsAtOpen(t *testing.T) {
	wrecked := killed(t, 2)
	data := readFile(t, wrecked, eventsFile)
	writeFile(t, wrecked, eventsFile, data[:len(data)-3])
	writeFile(t, wrecked, runtimeDir+"/.runtime.json.tmp-1-1", nil)
	wreck(t, wrecked, workersDir+"/id-78", wrecks["half a snapshot"])
	for name, disk := range map[string]*faultfs.Sim{"new": faultfs.NewSim(), "to be mended": wrecked} {
		good := &faulty{Sim: disk.Fork()}
		want := opened(t, good)
		for at, what := range good.calls {
			for _, f := range faults {
				d := &faulty{Sim: disk.Fork(), fault: f, at: at + 1}
				s, err := store.Open(d, options())
				if err == nil && what == "mkdir" {
					must(t, s.Close())
					continue
				}
				if err == nil {
					t.Fatalf("%s: %s %d failed (%v), and it opened", name, what, at+1, f)
				}
				wantKind(t, err, f.err)
				checkOneOf(t, opened(t, d.Sim), want, want)
			}
		}
	}
}

// A write that stops short and says nothing is a failed one.
func TestSilentShortWrite(t *testing.T) {
	for _, plan := range []string{"write path=*.jsonl: short=allbut1", "write path=*.jsonl: short=0", "write path=*.tmp-*: short=sector"} {
		sim := faultfs.NewSim()
		must(t, open(t, sim).Close())
		faults, err := faultfs.ParsePlan(plan)
		must(t, err)
		armed := faults.Arm(nil)
		disk, err := armed.Over(sim)
		must(t, err)
		s := open(t, disk)
		state := load(t, s)
		write := func() error { return s.AppendEvent(event(1, "said")) }
		if strings.Contains(plan, "tmp") {
			write = func() error { return s.WriteRuntimeSnapshot(state.Snapshot) }
		}
		err = write()
		wantKind(t, err, store.ErrIO)
		if !errors.Is(err, io.ErrShortWrite) || len(armed.Struck()) == 0 {
			t.Errorf("%s: %v", plan, err)
		}
		armed.Disarm()
		_ = s.Close() // which may have failed for good
		wantEqual(t, plan, opened(t, sim), state)
	}
}
