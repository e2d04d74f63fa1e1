package faultfs_test

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	. "crashsim/faultfs"
)

// onBothDisks runs a test on an empty simulated disk and on a real one.
func onBothDisks(t *testing.T, test func(t *testing.T, disk FS)) {
	t.Helper()
	t.Run("sim", func(t *testing.T) { test(t, NewSim()) })
	t.Run("os", func(t *testing.T) { test(t, newOS(t)) })
}

// anotherDisk gives an empty one of the same kind.
func anotherDisk(t *testing.T, disk FS) FS {
	t.Helper()
	if _, ok := disk.(*OS); ok {
		return newOS(t)
	}
	return NewSim()
}

func newOS(t *testing.T) *OS {
	t.Helper()
	disk, err := OpenOS(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = disk.Close() }) // a folder open for reading
	return disk
}

// put makes a file of some content on a disk.
func put(t *testing.T, disk FS, name, data string) {
	t.Helper()
	f := open(t, disk, name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC)
	if _, err := f.Write([]byte(data)); err != nil {
		t.Fatal(err)
	}
	for _, err := range []error{f.Sync(), f.Close(), disk.SyncDir(path.Dir(name))} {
		if err != nil {
			t.Fatal(err)
		}
	}
}

func get(t *testing.T, disk FS, name string) string {
	t.Helper()
	data, err := ReadFile(disk, name)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// callKinds does each kind of call once, each on names of its own, and gives the
// errors. The disk has the files and folders that it needs.
func callKinds(disk FS) map[Kind]error {
	errs := map[Kind]error{}
	note := func(k Kind, err error) { errs[k] = errors.Join(errs[k], err) }
	f, err := disk.OpenFile("created", create, 0o644)
	note(OpCreate, err)
	if err == nil {
		note(OpClose, f.Close())
	}
	f, err = disk.OpenFile("file", os.O_RDWR, 0)
	note(OpOpen, err)
	if err == nil {
		_, err = f.Read(make([]byte, 2))
		note(OpRead, err)
		_, err = f.Seek(0, io.SeekStart)
		note(OpSeek, err)
		_, err = f.Write([]byte("xy"))
		note(OpWrite, err)
		note(OpTruncate, f.Truncate(3))
		note(OpAllocate, f.(Allocator).Allocate(KeepSize|ZeroRange, 0, 1))
		note(OpSyncData, f.(DataSyncer).SyncData())
		note(OpSync, f.Sync())
		note(OpClose, f.Close())
	}
	note(OpMkdir, disk.Mkdir("made", 0o755))
	note(OpRename, disk.Rename("a", "b"))
	note(OpLink, disk.(Linker).Link("file", "linked"))
	note(OpRemove, disk.Remove("gone"))
	_, err = disk.ReadDir(".")
	note(OpReadDir, err)
	_, err = disk.Stat("file")
	note(OpStat, err)
	note(OpSyncDir, disk.SyncDir("."))
	note(OpSyncDisk, disk.(DiskSyncer).SyncDisk())
	l, err := disk.(Locker).Lock("file")
	note(OpLock, err)
	if err == nil {
		note(OpUnlock, l.Close())
	}
	return errs
}

func putAll(t *testing.T, disk FS) {
	t.Helper()
	for _, name := range []string{"file", "a", "b", "gone"} {
		put(t, disk, name, name+"\n")
	}
}

// An error strikes the calls of its kind, and no others, with the shape that the
// disk's own errors have; without effect, or with all of it.
func TestErrorsBeforeAndAfter(t *testing.T) {
	onBothDisks(t, func(t *testing.T, plain FS) {
		fresh := func() FS { return anotherDisk(t, plain) }
		putAll(t, plain)
		untouched := tree(plain)
		callKinds(plain)
		touched := tree(plain)
		for k := OpCreate; k <= OpUnlock; k++ {
			if k.IsMark() || k == OpSeek || k == OpSyncWrite {
				continue
			}
			for _, how := range []string{"EIO", "done EIO"} {
				below := fresh()
				putAll(t, below)
				armed, disk := arm(t, below, k.String()+": "+how)
				for other, err := range callKinds(disk) {
					struck := other == k && len(armed.Struck()) > 0
					if got := errors.Is(err, syscall.EIO); got != struck || err != nil && !got {
						t.Errorf("%v: %s: %v gives %v", k, how, other, err)
					}
				}
				if len(armed.Struck()) == 0 && how == "EIO" {
					t.Errorf("%v never struck", k)
				}
				switch got := tree(below); {
				case got == untouched && k != OpOpen:
					t.Errorf("%v: %s: nothing was done at all", k, how)
				case how == "done EIO" && k != OpCreate && k != OpSyncDisk && got != touched:
					t.Errorf("%v done leaves\n%s, want\n%s", k, got, touched)
				case how == "EIO" && changesTree[k] == (got == touched):
					t.Errorf("%v not done leaves\n%s", k, got)
				}
			}
		}
	})
}

var changesTree = map[Kind]bool{OpCreate: true, OpOpen: true, OpWrite: true, OpTruncate: true, OpAllocate: true, OpMkdir: true, OpRename: true, OpLink: true, OpRemove: true}

func TestErrorsLookLikeTheDisks(t *testing.T) {
	for _, errno := range Errnos() {
		c := &Call{Kind: OpWrite, Path: "f"}
		_, disk := arm(t, NewSim(), "rename | open: "+Action{Errno: errno}.String())
		var link *os.LinkError
		var bad *os.PathError
		if err := disk.Rename("a", "b"); !errors.As(err, &link) || !errors.Is(err, errno) || link.New != "b" {
			t.Errorf("%v", err)
		}
		if _, err := disk.OpenFile("a", 0, 0); !errors.As(err, &bad) || !errors.Is(err, errno) || bad.Op != "open" {
			t.Errorf("%v", err)
		}
		if err := c.Fail(errno).Err; err.Error() != "write f: "+errno.Error() {
			t.Error(err)
		}
	}
}

func TestPartsOfAWrite(t *testing.T) {
	onBothDisks(t, func(t *testing.T, below FS) {
		long := strings.Repeat("n", 700)
		for i, c := range []struct{ fault, write, result, left string }{
			{"short=0", "new", "0 ok", "old."},
			{"short=0 ENOSPC", "new", "0 no space left on device", "old."},
			{"short=1", "new", "1 ok", "old.n"},
			{"short=1 EIO", "new", "1 input/output error", "old.n"},
			{"short=allbut1", "new", "2 ok", "old.ne"},
			{"short=allbut1 EDQUOT", "new", "2 disk quota exceeded", "old.ne"},
			{"short=3", "new", "3 ok", "old.new"}, // is not short
			{"short=sector", "new", "3 ok", "old.new"},
			{"short=sector ENOSPC", long, "508 no space left on device", "old." + long[:508]},
			{"torn-tail EIO", "news", "0 input/output error", "old.ne"},
			{"torn-head EIO", "news", "0 input/output error", "old.\x00\x00ws"},
			{"torn-head", "news", "4 ok", "old.\x00\x00ws"},
			{"torn-head EIO", long, "0 input/output error", "old." + strings.Repeat("\x00", 508) + long[508:]},
			{"misdirect=2", "new", "3 ok", "old.\x00\x00new"},
			{"misdirect=-2", "new", "3 ok", "olnew"},
			{"misdirect=-20", "new", "3 ok", "old.new"}, // there is no such place
			{"lost", "new", "3 ok", "old."},
		} {
			for _, flag := range []int{os.O_RDWR, os.O_RDWR | os.O_APPEND} {
				name := fmt.Sprint(i, flag)
				put(t, below, name, "old.")
				_, disk := arm(t, below, "write: "+c.fault)
				f := open(t, disk, name, flag)
				if _, err := f.Seek(0, io.SeekEnd); err != nil {
					t.Fatal(err)
				}
				n, err := f.Write([]byte(c.write))
				if got := fmt.Sprint(n, " ", errnoText(err)); got != c.result {
					t.Errorf("%s: %s, want %s", c.fault, got, c.result)
				}
				if at, err := f.Seek(0, io.SeekCurrent); flag == os.O_RDWR && (err != nil || at != int64(4+n)) {
					t.Errorf("%s: the handle is at %d after %d bytes, %v", c.fault, at, n, err)
				}
				if err := f.Close(); err != nil {
					t.Fatal(err)
				}
				if got := get(t, below, name); got != c.left {
					t.Errorf("%s: left %.20q, want %.20q", c.fault, got, c.left)
				}
			}
		}
	})
}

func errnoText(err error) string {
	var errno syscall.Errno
	if errors.As(err, &errno) {
		return errno.Error()
	}
	return errText(err)
}

func TestShortReads(t *testing.T) {
	onBothDisks(t, func(t *testing.T, below FS) {
		put(t, below, "f", "abcdef")
		armed, disk := arm(t, below, "read: short=2")
		if got := get(t, disk, "f"); got != "abcdef" || len(armed.Struck()) != 2 {
			t.Errorf("%q by %v", got, armed.Struck())
		}
		b := make([]byte, 4)
		if n, err := open(t, disk, "f", 0).ReadAt(b, 1); n != 4 || err != nil {
			t.Errorf("ReadAt gives %d bytes, %v", n, err)
		}
	})
}

func TestRenamesThatFail(t *testing.T) {
	onBothDisks(t, func(t *testing.T, below FS) {
		for i, c := range []struct{ fault, left string }{
			{"EIO", "a=new b=old"}, {"done EIO", "b=new"}, {"both EIO", "a=new b=new"},
		} {
			for _, replaced := range []bool{true, false} {
				dir := fmt.Sprint(i, replaced)
				if err := below.Mkdir(dir, 0o755); err != nil {
					t.Fatal(err)
				}
				put(t, below, dir+"/a", "new")
				want := strings.ReplaceAll(c.left, " b=old", "")
				if replaced {
					put(t, below, dir+"/b", "old")
					want = c.left
				}
				armed, disk := arm(t, below, "rename: "+c.fault)
				if err := disk.Rename(dir+"/a", dir+"/b"); !errors.Is(err, syscall.EIO) || len(armed.Missed()) > 0 {
					t.Errorf("%s: %v", c.fault, err)
				}
				list, err := below.ReadDir(dir)
				if err != nil {
					t.Fatal(err)
				}
				var got []string
				for _, e := range list {
					got = append(got, e.Name()+"="+get(t, below, dir+"/"+e.Name()))
				}
				if text := strings.Join(got, " "); text != want {
					t.Errorf("%s: left %s, want %s", c.fault, text, want)
				}
			}
		}
		// A folder has one name.
		if err := below.Mkdir("d", 0o755); err != nil {
			t.Fatal(err)
		}
		armed, disk := arm(t, below, "rename: both EIO")
		if err := disk.Rename("d", "e"); err != nil || len(armed.Missed()) != 1 {
			t.Errorf("a folder is renamed with %v; missed %v", err, armed.Missed())
		}
	})
}

func TestDiskOfGivenSize(t *testing.T) {
	onBothDisks(t, func(t *testing.T, below FS) {
		put(t, below, "old", strings.Repeat("o", 60))
		armed, disk := arm(t, below, "any: size=100")
		f := open(t, disk, "new", os.O_RDWR|os.O_CREATE|os.O_APPEND)
		write := func(n int, want string) {
			t.Helper()
			got, err := f.Write(make([]byte, n))
			if text := fmt.Sprint(got, " ", errnoText(err)); text != want {
				t.Errorf("write gives %s, want %s", text, want)
			}
		}
		write(30, "30 ok")
		if len(armed.Struck()) > 0 {
			t.Errorf("struck while there was room: %v", armed.Struck())
		}
		write(30, "10 no space left on device")
		write(1, "0 no space left on device")
		if n, err := f.WriteAt([]byte("x"), 0); n != 0 || err == nil {
			t.Error("a file open for appending is written in place")
		}
		in := open(t, disk, "new", os.O_RDWR)
		if n, err := in.WriteAt(make([]byte, 40), 0); n != 40 || err != nil {
			t.Errorf("overwriting takes no room: %d, %v", n, err)
		}
		if err := f.Truncate(50); !errors.Is(err, syscall.ENOSPC) {
			t.Errorf("extended: %v", err)
		}
		if err := f.Truncate(35); err != nil {
			t.Error(err)
		}
		write(30, "5 no space left on device")
		// A name that goes frees nothing while the file is open.
		if err := in.(Allocator).Allocate(0, 0, 60); !errors.Is(err, syscall.ENOSPC) {
			t.Errorf("extended: %v", err)
		}
		old := open(t, disk, "old", 0)
		if err := disk.Remove("old"); err != nil {
			t.Fatal(err)
		}
		write(1, "0 no space left on device")
		if err := old.Close(); err != nil {
			t.Fatal(err)
		}
		write(70, "60 no space left on device")
		if err := disk.(Linker).Link("new", "second"); err != nil {
			t.Fatal(err)
		}
		if n := len(armed.Struck()); n != 7 {
			t.Errorf("struck %d times: %v", n, armed.Struck())
		}
		armed.Disarm()
		write(1000, "1000 ok")
	})
}

func TestRoomIsGivenBack(t *testing.T) {
	_, disk := arm(t, NewSim(), "write nth=2: room=3; write nth=3: size=unlimited")
	f := open(t, disk, "f", create)
	var got []string
	for range 3 {
		n, err := f.Write([]byte("01234"))
		got = append(got, fmt.Sprint(n, " ", errnoText(err)))
	}
	if want := []string{"5 ok", "3 no space left on device", "5 ok"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestDiskThatGoesAway(t *testing.T) {
	onBothDisks(t, func(t *testing.T, below FS) {
		putAll(t, below)
		before := tree(below)
		armed, disk := arm(t, below, "fsync-dir nth=1: readonly EIO; stat nth=2: shutdown")
		if err := disk.SyncDir("."); !errors.Is(err, syscall.EIO) {
			t.Errorf("%v", err)
		}
		for k, err := range callKindsOf(t, disk) {
			if changesTree[k] && !slices.Contains([]Kind{OpOpen, OpTruncate, OpWrite, OpAllocate}, k) && !errors.Is(err, syscall.EROFS) {
				t.Errorf("read-only: %v gives %v", k, err)
			}
		}
		if _, err := disk.Stat("."); !errors.Is(err, syscall.EIO) {
			t.Errorf("shut down: %v", err)
		}
		if _, err := disk.ReadDir("."); !errors.Is(err, syscall.EIO) {
			t.Errorf("shut down: %v", err)
		}
		if got := tree(below); got != before {
			t.Errorf("left\n%s, want\n%s", got, before)
		}
		armed.Disarm()
		if err := disk.Mkdir("d", 0o755); err != nil {
			t.Errorf("disarmed: %v", err)
		}
	})
}

func callKindsOf(t *testing.T, disk FS) map[Kind]error {
	t.Helper()
	errs := callKinds(disk)
	if len(errs) < 8 {
		t.Errorf("only %d kinds of call", len(errs))
	}
	return errs
}

func TestDamageAtRest(t *testing.T) {
	onBothDisks(t, func(t *testing.T, below FS) {
		put(t, below, "f", "abc")
		armed, disk := arm(t, below, "open path=f nth=1: flip=9; open path=f nth=2: zero=0; open path=f nth=3: zero=0")
		for i, want := range []string{"a`c", "\x00\x00\x00", "\x00\x00\x00"} {
			if got := get(t, disk, "f"); got != want {
				t.Errorf("%d: reads %q, want %q", i, got, want)
			}
		}
		if n := len(armed.Struck()); n != 2 {
			t.Errorf("struck: %v", armed.Struck())
		}
		if got := get(t, below, "f"); got != "\x00\x00\x00" {
			t.Errorf("stored is %q", got)
		}
		put(t, below, "g", strings.Repeat("x", 600))
		if !Damage(below, "g", Action{Deed: Zero, N: 3}) || strings.TrimRight(get(t, below, "g"), "\x00") != strings.Repeat("x", 512) {
			t.Errorf("the last of two sectors: %q", get(t, below, "g"))
		}
		for _, a := range []Action{{Deed: Zero}, {Deed: Flip}} {
			if Damage(below, "none", a) || Damage(below, ".", a) {
				t.Errorf("%v changes what is not there", a)
			}
		}
	})
}

// Damage is to what is stored: newer bytes in memory hide it and overwrite it.
func TestDamageUnderNewerBytes(t *testing.T) {
	sim := NewSim()
	put(t, sim, "f", "abc")
	f := open(t, sim, "f", os.O_RDWR)
	if _, err := f.WriteAt([]byte("x"), 0); err != nil {
		t.Fatal(err)
	}
	if !Damage(sim, "f", Action{Deed: Zero}) {
		t.Fatal("there is nothing to damage")
	}
	if got := get(t, sim, "f"); got != "xbc" {
		t.Errorf("reads %q", got)
	}
	cut := cutAt(sim, POSIX, -1)
	for kept, want := range []string{"\x00\x00\x00", "x\x00\x00"} {
		if got := get(t, image(cut, uint(kept)), "f"); got != want {
			t.Errorf("stored is %q, want %q", got, want)
		}
	}
	fresh := open(t, sim, "new", create)
	if _, err := fresh.Write([]byte("abc")); err != nil {
		t.Fatal(err)
	}
	if Damage(sim, "new", Action{Deed: Zero}) {
		t.Error("what is not stored is damaged")
	}
}

func TestStaleReads(t *testing.T) {
	onBothDisks(t, func(t *testing.T, below FS) {
		put(t, below, "f", "old")
		put(t, below, "tmp", "renamed")
		armed, disk := arm(t, below, "read: stale")
		if got := get(t, disk, "f"); got != "old" || len(armed.Struck()) > 0 {
			t.Errorf("nothing has changed, and it reads %q", got)
		}
		f := open(t, disk, "f", os.O_RDWR)
		if _, err := f.WriteAt([]byte("newer"), 0); err != nil {
			t.Fatal(err)
		}
		if got := get(t, disk, "f"); got != "old\x00\x00" {
			t.Errorf("reads %q", got)
		}
		if err := disk.Rename("tmp", "f"); err != nil {
			t.Fatal(err)
		}
		if got := get(t, disk, "f"); got != "newer\x00\x00" {
			t.Errorf("reads %q", got)
		}
		if got := get(t, below, "f"); got != "renamed" {
			t.Errorf("stored is %q", got)
		}
	})
}

func TestLatency(t *testing.T) {
	onBothDisks(t, func(t *testing.T, below FS) {
		synctest.Test(t, func(t *testing.T) {
			_, disk := arm(t, below, "stat: delay=1h; mkdir: delay=1s; mkdir: EIO")
			start := time.Now()
			if _, err := disk.Stat("."); err != nil || time.Since(start) != time.Hour {
				t.Errorf("%v after %v", err, time.Since(start))
			}
			if err := disk.Mkdir("d", 0); !errors.Is(err, syscall.EIO) || time.Since(start) != time.Hour+time.Second {
				t.Errorf("%v after %v", err, time.Since(start))
			}
		})
	})
	armed, disk := arm(t, NewSim(), "stat: delay=1h")
	var slept time.Duration
	armed.SleepBy(func(d time.Duration) { slept += d })
	if _, err := disk.Stat("."); err != nil || slept != time.Hour {
		t.Errorf("%v after %v", err, slept)
	}
}

// What a real disk cannot lose is refused by name, and all else is not.
func TestFaultsThatNeedTheSimulatedDisk(t *testing.T) {
	real := newOS(t)
	for _, text := range []string{"fsync: mode=xfs EIO", "fsync: mode=ext4-journal EIO", "stat: evict"} {
		plan, err := ParsePlan("stat: EIO; " + text)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := plan.Arm(nil).Over(real); err == nil || !strings.Contains(err.Error(), `fault "`+text+`" needs the simulated disk`) {
			t.Errorf("%s: %v", text, err)
		}
		if _, err := plan.Arm(nil).Over(Intercept(NewSim(), doIt)); err != nil {
			t.Errorf("%s: %v", text, err)
		}
	}
	type bare struct{ FS }
	plan, err := ParsePlan("rename: both EIO")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := plan.Arm(nil).Over(bare{NewSim()}); err == nil || !strings.Contains(err.Error(), "needs a disk with hard links") {
		t.Error(err)
	}
	_, disk := arm(t, real, "fsync nth=1: mode=freebsd EIO; fsync nth=2: lost; fsync-dir: lost")
	f := open(t, disk, "f", create)
	if err := f.Sync(); !errors.Is(err, syscall.EIO) {
		t.Error(err)
	}
	for _, err := range []error{f.Sync(), disk.SyncDir(".")} {
		if err != nil {
			t.Error(err)
		}
	}
}

// Each action that is said to apply to a call strikes it: on the simulated disk all,
// on the real one those that it does not refuse.
func TestApplicableFaultsStrike(t *testing.T) {
	t.Parallel()
	setUp := func(t *testing.T, disk FS) {
		putAll(t, disk)
		put(t, disk, "file", "some older text")
		f := open(t, disk, "file", os.O_RDWR|os.O_TRUNC)
		if _, err := f.Write([]byte("file\n")); err != nil {
			t.Fatal(err)
		}
		for _, err := range []error{f.Sync(), f.Close()} {
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	all := func(disk FS) {
		callKinds(disk)
		if f, err := disk.OpenFile("long", create, 0o644); err == nil {
			_, werr := f.WriteAt(make([]byte, 600), 8)
			_ = errors.Join(werr, f.Close()) // what comes of it is not asked here
		}
	}
	var calls []Call
	sim := NewSim()
	setUp(t, sim)
	all(Intercept(sim, func(c *Call) Answer {
		calls = append(calls, Call{Kind: c.Kind, Path: c.Path, Off: c.Off, Data: c.Data, Flag: c.Flag})
		return c.Do()
	}))
	onBothDisks(t, func(t *testing.T, kind FS) {
		classes := map[string]bool{}
		for i := range calls {
			for _, a := range Applicable(&calls[i]) {
				below := anotherDisk(t, kind)
				text := fmt.Sprintf("path=%s %v nth=1: %v", calls[i].Path, calls[i].Kind, a)
				plan, err := ParsePlan(text)
				if err != nil || plan[0].What != a {
					t.Fatalf("%s: %v", text, err)
				}
				setUp(t, below)
				armed := plan.Arm(nil)
				armed.SleepBy(func(time.Duration) {})
				disk, err := armed.Over(below)
				if err != nil {
					continue
				}
				if a.Deed == Stale {
					put(t, disk, "file", "newer") // so that there is something older
				}
				all(disk)
				if len(armed.Missed()) > 0 && a.Deed != Room {
					t.Errorf("never struck: %s", text)
				}
				classes[a.Class()] = true
			}
		}
		want := 19
		if _, ok := kind.(*OS); ok {
			want = 15
		}
		if len(classes) != want {
			t.Errorf("%d classes of faults: %v", len(classes), classes)
		}
	})
}

// A close that fails lets go of the file, and so does an opening that is reported
// as failed.
func TestNothingStaysOpen(t *testing.T) {
	for _, plan := range []string{"close: EIO", "create: done EIO", "lock: EIO; unlock: EIO"} {
		opened := 0
		_, disk := arm(t, Intercept(NewSim(), func(c *Call) Answer {
			a := c.Do()
			switch {
			case c.Kind == OpClose || c.Kind == OpUnlock:
				opened--
			case a.File != nil || a.Lock != nil:
				opened++
			}
			return a
		}), plan)
		if errs := callKinds(disk); !errors.Is(errors.Join(errs[OpClose], errs[OpCreate], errs[OpLock]), syscall.EIO) || opened != 0 {
			t.Errorf("%s: %d stay open", plan, opened)
		}
	}
}
