package store_test

import (
	"errors"
	"syscall"
	"testing"

	"crashsim/faultfs"
	"crashsim/store"
)

// after opens the store on a copy of a disk with faults, has it do a step, which
// fails, and closes it.
func after(t *testing.T, disk *faultfs.Sim, plan string, do func(*store.Store) error) *faultfs.Sim {
	t.Helper()
	p, err := faultfs.ParsePlan(plan)
	must(t, err)
	sim := disk.Fork()
	armed := p.Arm(nil)
	faulty, err := armed.Over(sim)
	must(t, err)
	s := open(t, faulty)
	if err := do(s); !errors.Is(err, syscall.EIO) || len(armed.Missed()) > 0 {
		t.Fatalf("%s: %v, never struck: %v", plan, err, armed.Missed())
	}
	must(t, s.Close())
	return sim
}

// After a sync that failed memory has the line and the disk may not, and no later
// sync stores it by itself. What opening then shows stays all the same.
func TestLineOfAFailedSyncIsStoredOnceShown(t *testing.T) {
	disk := fill(t, 3)
	for _, mode := range faultfs.SyncFailures() {
		if mode.Silent || mode.Late {
			continue
		}
		for name, file := range map[string]string{"event": "events.jsonl", "entry": "transcript.jsonl"} {
			t.Run(mode.Name+", "+name, func(t *testing.T) {
				sim := after(t, disk, "fsync path="+file+" nth=2: mode="+mode.Name+" EIO", steps[name])
				shown := opened(t, sim)
				trace := sim.Trace()
				walk := trace.Walk(faultfs.POSIX)
				for walk.Peek() != nil {
					walk.Next()
				}
				sim.Evict()
				wantEqual(t, "what is read when memory was dropped", opened(t, sim), shown)
				everyImage(t, walk.Cut(), func(image *faultfs.Sim) { wantEqual(t, "after a power cut", opened(t, image), shown) })
			})
		}
	}
}

// A folder that an attempt to make a worker has left is no obstacle to the next.
func TestWorkerIsMadeAfterItsFolder(t *testing.T) {
	p, err := faultfs.ParsePlan("mkdir path=id-78: done EIO")
	must(t, err)
	armed := p.Arm(nil)
	faulty, err := armed.Over(fill(t, 3))
	must(t, err)
	s := open(t, faulty)
	if err := steps["worker, created"](s); !errors.Is(err, syscall.EIO) {
		t.Fatal(err)
	}
	armed.Disarm()
	must(t, steps["worker, created"](s))
	want := load(t, s)
	must(t, s.Close())
	wantEqual(t, "opened again", opened(t, faulty), want)
}
