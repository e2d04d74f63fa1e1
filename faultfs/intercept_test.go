package faultfs_test

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"

	. "crashsim/faultfs"
)

func doIt(c *Call) Answer { return c.Do() }

func TestInterceptedOpsKnowTheirCallers(t *testing.T) {
	sim := NewSim()
	opsKnowTheirCallers(t, sim, Intercept(sim, doIt))
	sim = NewSim()
	deep := Intercept(Intercept(Intercept(sim, doIt), doIt), func(c *Call) Answer {
		if c.Kind == OpWrite && !strings.HasPrefix(c.Site(), "crashsim/faultfs_test/trace_test.go:") {
			t.Errorf("%v %s is called from %s", c.Kind, c.Path, c.Site())
		}
		return c.Do()
	})
	opsKnowTheirCallers(t, sim, deep)
}

// Asked directly, a file that was opened through a handler tells its own caller.
func TestCallersOfAFileBelow(t *testing.T) {
	sim := NewSim()
	var below File
	disk := Intercept(sim, func(c *Call) Answer {
		a := c.Do()
		below = a.File
		return a
	})
	open(t, disk, "f", create)
	if err := viaHelper(below); err != nil {
		t.Fatal(err)
	}
	if f := sim.Trace().Op(1).Stack.Frames(); len(f) < 2 || f[1].Func != "viaHelper" {
		t.Errorf("callers %v", f)
	}
}

func TestInterceptedAnswersAsTheDiskBelow(t *testing.T) {
	calls := map[Kind]int{}
	for seed := range uint64(100) {
		r := rand.New(rand.NewPCG(seed, 7))
		steps := make([]diffStep, 60)
		for i := range steps {
			steps[i] = randomStep(r)
		}
		steps[30] = diffStep{kind: "sync disk"}
		want := runSteps(NewSim(), steps)
		got := runSteps(Intercept(NewSim(), func(c *Call) Answer {
			calls[c.Kind]++
			return c.Do()
		}).(disk), steps)
		if !slices.Equal(got, want) {
			t.Fatalf("seed %d: %v\nwant %v", seed, got, want)
		}
	}
	for k := OpCreate; k <= OpUnlock; k++ {
		if never := k.IsMark() || k == OpLock || k == OpUnlock || k == OpSyncWrite; (calls[k] == 0) != never {
			t.Errorf("%v was called %d times", k, calls[k])
		}
	}
}

// The optional interfaces are those of the disk below.
func TestInterceptForwardsWhatIsThere(t *testing.T) {
	type bare struct{ FS }
	type links struct {
		FS
		Linker
	}
	type locks struct {
		FS
		Locker
	}
	sim := NewSim()
	for _, below := range []FS{sim, bare{sim}, links{sim, sim}, locks{sim, sim}} {
		disk := Intercept(Intercept(below, doIt), doIt)
		_, wantLink := below.(Linker)
		_, wantLock := below.(Locker)
		_, link := disk.(Linker)
		_, lock := disk.(Locker)
		if link != wantLink || lock != wantLock {
			t.Errorf("over %T: links %v, locks %v", below, link, lock)
		}
	}
}

func TestHandlersMay(t *testing.T) {
	sim := NewSim()
	var log []string
	disk := Intercept(sim, func(c *Call) Answer {
		log = append(log, fmt.Sprint(c.Kind, " ", c.Path))
		switch {
		case c.Kind == OpWrite && c.Path == "part":
			part := *c
			part.Data = c.Data[:1]
			return part.Do()
		case c.Kind == OpWrite && c.Path == "twice":
			c.Do()
			return c.Do()
		case c.Kind == OpWrite && c.Path == "elsewhere":
			_, err := c.Opened().WriteAt(c.Data, 3)
			return Answer{N: len(c.Data), Err: err}
		case c.Kind == OpMkdir:
			return Answer{Err: &fs.PathError{Op: "mkdir", Path: c.Path, Err: syscall.EROFS}}
		case c.Kind == OpRemove:
			return Answer{Err: c.Disk().Rename(c.Path, c.Path+".bak")}
		case c.Kind == OpUnlock:
			return Answer{Err: syscall.EIO}
		}
		return c.Do()
	})
	for _, name := range []string{"part", "twice", "elsewhere"} {
		f := open(t, disk, name, create)
		if n, err := f.Write([]byte("ab")); err != nil || n != map[string]int{"part": 1}[name] && n != 2 {
			t.Errorf("%s: %d bytes written, %v", name, n, err)
		}
	}
	if err := disk.Remove("part"); err != nil {
		t.Error(err)
	}
	if err := disk.Mkdir("d", 0); errText(err) != "mkdir: read-only file system" {
		t.Error(err)
	}
	lock, err := disk.(Locker).Lock("twice")
	if err != nil {
		t.Fatal(err)
	}
	if err := lock.Close(); !errors.Is(err, syscall.EIO) {
		t.Error(err)
	}
	if got, want := tree(sim), fmt.Sprintf("elsewhere=%x\npart.bak=%x\ntwice=%x\n", "\x00\x00\x00ab", "a", "abab"); got != want {
		t.Errorf("left %s want %s", got, want)
	}
	want := "create part;write part;create twice;write twice;create elsewhere;write elsewhere;remove part;mkdir d;lock twice;unlock twice"
	if got := strings.Join(log, ";"); got != want {
		t.Errorf("asked %s", got)
	}
}

func TestInterceptOverTheOS(t *testing.T) {
	disk, err := OpenOS(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = disk.Close() }() // a folder open for reading
	var sites []string
	f := open(t, Intercept(disk, func(c *Call) Answer {
		sites = append(sites, c.Site())
		return c.Do()
	}), "f", os.O_RDWR|os.O_CREATE)
	if _, err := io.WriteString(f, "abc"); err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt(nil, -1); err == nil {
		t.Error("an offset below 0 is taken")
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if data, err := ReadFile(disk, "f"); string(data) != "abc" || err != nil {
		t.Errorf("%q, %v", data, err)
	}
	for _, s := range sites {
		if !strings.Contains(s, "_test.go:") && !strings.HasPrefix(s, "io/io.go:") {
			t.Errorf("called from %s", s)
		}
	}
}
