package store_test

import (
	"bytes"
	"strings"
	"testing"

	"crashsim/faultfs"
)

// These are of syncs without which the store itself would come through: what is lost
// without them it makes anew. Others, and its own promises, depend on them.

// Readers of the format take it that where there is a runtime's snapshot there are
// its log and its workers' folder.
func TestSnapshotComesLast(t *testing.T) {
	sim := faultfs.NewSim()
	open(t, sim)
	with := 0
	eachCut(t, sim.Trace(), func(c *faultfs.Cut) {
		everyImage(t, c, func(image *faultfs.Sim) {
			if _, err := image.Stat(runtimeDir + "/runtime.json"); err != nil {
				return
			}
			with++
			for _, name := range []string{"/events.jsonl", "/workers"} {
				if _, err := image.Stat(runtimeDir + name); err != nil {
					t.Fatalf("a crash has left the snapshot without %s: %q", name, list(t, image))
				}
			}
		})
	})
	if with == 0 {
		t.Fatal("no crash has left a snapshot")
	}
}

// A folder that was set aside does not come back when Open has returned, where there
// is no other worker, either.
func TestSetAsideIsDurable(t *testing.T) {
	sim := faultfs.NewSim()
	must(t, open(t, sim).Close())
	was := workersDir + "/id-78"
	wreck(t, sim, was, wrecks["half a snapshot"])
	sim = sim.Fork()
	open(t, sim)
	var last *faultfs.Cut
	eachCut(t, sim.Trace(), func(c *faultfs.Cut) { last = c })
	everyImage(t, last, func(image *faultfs.Sim) {
		if _, err := image.Stat(was); err == nil {
			t.Fatalf("it is back: %q", list(t, image))
		}
	})
}

// Recovery writes nothing before the temporary files that it has removed are gone
// for good: a crash in it leaves one of few disks.
func TestRecoveryRemovesTemporaryFilesFirst(t *testing.T) {
	sim := fill(t, 1)
	for _, name := range []string{runtimeDir + "/.runtime.json.tmp-7-1", workerDir + "/.worker.json.tmp-12-345"} {
		writeFile(t, sim, name, []byte("{"))
	}
	sim = sim.Fork()
	open(t, sim)
	removed := 0
	w := sim.Trace().Walk(faultfs.POSIX)
	for op := w.Peek(); op != nil; op = w.Peek() {
		pending := strings.Contains(names(w.Cut()), ".tmp-")
		switch {
		case op.Kind == faultfs.OpRemove:
			removed++
		case pending && op.Kind != faultfs.OpSyncDir:
			t.Errorf("%s comes while a removal may be undone: %s", op, names(w.Cut()))
		}
		w.Next()
	}
	if removed != 2 {
		t.Errorf("%d files were removed, want 2", removed)
	}
}

func names(c *faultfs.Cut) string {
	var b strings.Builder
	for _, e := range c.Pending {
		b.WriteString(e.String() + "; ")
	}
	return b.String()
}

// A repair that goes on where a killed one had come to relies on no copy whose name
// could still be lost: through a power cut in it the damaged original is there, in its
// place or kept.
func TestRepairKeepsTheOriginal(t *testing.T) {
	for name, path := range map[string]string{"damaged event": eventsFile, "damaged entry": transcript} {
		for _, disk := range []*faultfs.Sim{fill(t, 3), killed(t, 3)} {
			damages(t)[name].do(t, disk)
			original := readFile(t, disk, path)
			sim := disk.Fork()
			repair(t, sim)
			images := 0
			eachCut(t, sim.Trace(), func(cut *faultfs.Cut) {
				next := cut.Kill()
				repair(t, next)
				eachCut(t, next.Trace(), func(cut *faultfs.Cut) {
					everyImage(t, cut, func(image *faultfs.Sim) {
						images++
						if !holdsFile(t, image, original) {
							t.Fatalf("%s: the original is nowhere: %q", name, list(t, image))
						}
					})
				})
			})
			t.Logf("%s: %d images", name, images)
		}
	}
}

func holdsFile(t *testing.T, sim *faultfs.Sim, content []byte) bool {
	t.Helper()
	for _, name := range list(t, sim) {
		if !strings.HasSuffix(name, "/") && bytes.Equal(readFile(t, sim, name), content) {
			return true
		}
	}
	return false
}
