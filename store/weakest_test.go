package store_test

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"crashsim/faultfs"
	"crashsim/store"
)

// plainDisk has no links.
type plainDisk struct{ faultfs.FS }

func weakest(t testing.TB) faultfs.Model {
	t.Helper()
	m, ok := faultfs.ModelNamed("posix-weakest")
	if !ok {
		t.Fatal("no such model")
	}
	return m
}

// eachImage gives each disk that a crash under a model leaves of a trace, at a cut,
// once for each of both.
func eachImage(t testing.TB, trace *faultfs.Trace, m faultfs.Model, f func(at int, image *faultfs.Sim)) {
	t.Helper()
	for w := trace.Walk(m); ; w.Next() {
		c := w.Cut()
		everyImage(t, c, func(image *faultfs.Sim) { f(c.At, image) })
		if w.Peek() == nil {
			return
		}
	}
}

// A rename may leave neither name, and an append garbage: what was acknowledged is
// there all the same, with links and without.
func TestPowerCutOnTheWeakestDisk(t *testing.T) {
	for name, on := range map[string]func(*faultfs.Sim) faultfs.FS{
		"links":    func(sim *faultfs.Sim) faultfs.FS { return sim },
		"no links": func(sim *faultfs.Sim) faultfs.FS { return plainDisk{sim} },
	} {
		t.Run(name, func(t *testing.T) {
			h := &history{sim: faultfs.NewSim()}
			s := open(t, on(h.sim))
			h.acknowledge(t, s)
			for i := range 2 {
				must(t, s.WriteWorkerSnapshot(workerSnapshot("w", fmt.Sprint(i))))
				h.acknowledge(t, s)
				snapshot := load(t, s).Snapshot
				snapshot.NextWorkerSequence++
				must(t, s.WriteRuntimeSnapshot(snapshot))
				h.acknowledge(t, s)
				must(t, s.AppendEvent(event(uint64(i+1), "")))
				h.acknowledge(t, s)
			}
			images, gone := 0, 0
			eachImage(t, h.sim.Trace(), weakest(t), func(at int, image *faultfs.Sim) {
				images++
				if _, err := image.Stat(runtimeFile); err != nil && at >= h.places[0] {
					gone++
				}
				before, after := h.acked(at)
				state := opened(t, on(image))
				checkOneOf(t, state, before, after)
				key := image.Key()
				wantEqual(t, "the second time", opened(t, on(image)), state)
				if image.Key() != key {
					t.Fatal("the second open has changed something")
				}
			})
			if gone == 0 {
				t.Error("no crash took the snapshot's name away")
			}
			t.Logf("%d images, of them %d without the snapshot's name", images, gone)
		})
	}
}

// Putting a snapshot back may be interrupted.
func TestPuttingBackInterrupted(t *testing.T) {
	disk := fill(t, 1)
	want := opened(t, disk)
	disk = disk.Fork()
	must(t, disk.Remove(runtimeFile))
	must(t, disk.Remove(snapshotFile))
	disk = disk.Fork()
	opened(t, disk)
	eachImage(t, disk.Trace(), weakest(t), func(_ int, image *faultfs.Sim) {
		wantEqual(t, "state", opened(t, image), want)
	})
}

// tails are ends of a log that a crash leaves on some disks, and damage on others.
func tails(data []byte) map[string][]byte {
	last := data[:bytes.IndexByte(data, '\n')]
	return map[string][]byte{
		"garbage":             []byte("\xfe\xdcgarbage\nand more\n\nof it"),
		"garbage, a line":     []byte("garbage\n"),
		"zeros, and the rest": append(make([]byte, 100), "rest\"}\n"...),
		"an old line":         append([]byte("garbage\n"), append(last, '\n')...),
	}
}

// An end of a log that is no record, and need not be a crash's, is kept and told
// of, whatever interrupts that; the rest opens.
func TestTailsSetAside(t *testing.T) {
	disk := killed(t, 2)
	for name := range logs {
		data := readFile(t, disk, name)
		for what, tail := range tails(data) {
			t.Run(name+", "+what, func(t *testing.T) {
				sim := disk.Fork()
				writeFile(t, sim, name, append(data[:len(data):len(data)], tail...))
				wantProblem(t, verify(t, sim), store.DoubtfulTail, name)
				sim = sim.Fork()
				checkTail(t, sim.Fork(), name, data, tail)
				opened(t, sim)
				eachImage(t, sim.Trace(), weakest(t), func(_ int, image *faultfs.Sim) { checkTail(t, image, name, data, tail) })
			})
		}
	}
}

// The process that does it may be killed, and the power cut while the next one goes
// on from what was not durable yet.
func TestTailsSetAsideByTwo(t *testing.T) {
	disk := killed(t, 2)
	data, tail := readFile(t, disk, eventsFile), []byte("garbage\n")
	writeFile(t, disk, eventsFile, append(data[:len(data):len(data)], tail...))
	first := disk.Fork()
	opened(t, first)
	images := 0
	eachCut(t, first.Trace(), func(c *faultfs.Cut) {
		second := c.Kill()
		open(t, second)
		eachImage(t, second.Trace(), weakest(t), func(_ int, image *faultfs.Sim) {
			images++
			checkTail(t, image, eventsFile, data, tail)
			if aside, err := image.ReadDir(runtimeDir + "/set-aside"); err != nil || len(aside) != 1 {
				t.Fatalf("set aside: %v, %v", aside, err)
			}
		})
	})
	t.Logf("%d images", images)
}

func checkTail(t *testing.T, sim *faultfs.Sim, name string, data, tail []byte) {
	t.Helper()
	state := opened(t, sim)
	if got := readFile(t, sim, name); !bytes.Equal(got, data) {
		t.Fatalf("left %q, want %q", got, data)
	}
	d := state.Snapshot.Diagnostics
	if len(d) != 1 || d[0].ID != 1 || d[0].Severity != "warning" || d[0].Code != store.CodeTailIgnored || (d[0].WorkerRef != nil) != (name == transcript) {
		t.Fatalf("diagnostics: %+v", d)
	}
	kept := runtimeDir + "/set-aside/1" + name[strings.LastIndex(name, "/"):]
	if got := readFile(t, sim, kept); !bytes.Equal(got, tail) {
		t.Fatalf("kept %q, of %q", got, tail)
	}
	wantVerdict(t, verify(t, sim), store.Healthy)
	s := open(t, sim)
	must(t, s.AppendEvent(event(3, "")))
	must(t, s.AppendTranscriptEntry(entry("w", 3, "")))
	must(t, s.Close())
	opened(t, sim)
}

// What a good line follows, or what was noted as acknowledged, is no crash's.
func TestNoTailBeforeGoodLines(t *testing.T) {
	disk := killed(t, 3)
	noted := fill(t, 3)
	for name := range logs {
		data := readFile(t, disk, name)
		at := lineStarts(data)[1]
		damaged := bytes.Clone(data)
		damaged[at+3] ^= 1
		refused(t, disk, name, damaged, 2, at)
		damaged = bytes.Clone(data)
		at = lineStarts(data)[2]
		damaged[at+3] ^= 1
		refused(t, noted, name, damaged, 3, at)
		sim := disk.Fork()
		writeFile(t, sim, name, damaged)
		if n := len(opened(t, sim).Snapshot.Diagnostics); n != 1 {
			t.Fatalf("%d diagnostics of a last line that is damaged", n)
		}
	}
}

// A snapshot that was never acknowledged does not stay under a second name.
func TestOldSpare(t *testing.T) {
	disk := fill(t, 1)
	want := opened(t, disk)
	for name, data := range map[string][]byte{"other": bytes.Replace(readFile(t, disk, runtimeFile), []byte("running"), []byte("stopped"), 1), "half": []byte("{\n")} {
		sim := disk.Fork()
		must(t, sim.Remove(runtimeSpare))
		writeFile(t, sim, runtimeSpare, data)
		wantEqual(t, name, opened(t, sim), want)
		if !bytes.Equal(readFile(t, sim, runtimeSpare), readFile(t, sim, runtimeFile)) {
			t.Errorf("%s: the second name has %q", name, readFile(t, sim, runtimeSpare))
		}
	}
	sim := disk.Fork()
	must(t, errors.Join(sim.Remove(runtimeFile), sim.Remove(runtimeSpare)))
	writeFile(t, sim, runtimeSpare, []byte("{\n"))
	_, err := store.Open(sim, options())
	wantKind(t, err, store.ErrMissing)
}

// A snapshot costs three syncs: of its content, of its second name, of its first.
func TestSyncsOfASnapshot(t *testing.T) {
	good, _, err := stepOn(t, fill(t, 1), steps["runtime"], fault{}, 0)
	must(t, err)
	wantEqual(t, "calls", strings.Join(good.calls, ", "), "create, write, sync, rename, sync of a folder, rename, sync of a folder")
}

// A snapshot with nothing in it is one that is there: what Repair puts in its place has
// its second name for good before the rename, so that no crash leaves neither.
func TestRepairOfAnEmptySnapshotKeepsAName(t *testing.T) {
	sim := fill(t, 2)
	name, spare := runtimeFile, runtimeSpare
	writeFile(t, sim, name, nil)
	must(t, errors.Join(sim.Remove(spare), sim.SyncDisk()))
	from := sim.Trace().Len()
	repair(t, sim)
	images := 0
	eachImage(t, sim.Trace(), weakest(t), func(at int, image *faultfs.Sim) {
		if at < from {
			return
		}
		images++
		_, err := image.Stat(name)
		_, spareErr := image.Stat(spare)
		if err != nil && spareErr != nil {
			t.Fatalf("after %d operations: %v, %v", at-from, err, spareErr)
		}
	})
	if images < 50 {
		t.Errorf("only %d disks", images)
	}
}
