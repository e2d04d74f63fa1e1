package main

import (
	"runtime"
	"runtime/debug"
	"testing"
	"time"
)

// A command uses what it may have before it collects, and lets its caller have the
// collector back as it was.
func TestHoldMemory(t *testing.T) {
	t.Setenv("GOGC", "")
	t.Setenv("GOMEMLIMIT", "")
	percent := debug.SetGCPercent(150)
	defer debug.SetGCPercent(percent)
	limit := debug.SetMemoryLimit(-1)
	stop := holdMemory(usualMemory, 1<<20)
	if got := debug.SetMemoryLimit(-1); got != 1<<20 {
		t.Errorf("it may have 1 MiB, and the limit is %d", got)
	}
	stop()
	stop = holdMemory(usualMemory, 0)
	if got := debug.SetMemoryLimit(-1); got != usualMemory {
		t.Errorf("the limit is %d", got)
	}
	outer := heldBy.Load()
	nested := holdMemory(soakMemory, 0)
	outer.look()
	if got := debug.SetMemoryLimit(-1); got != soakMemory {
		t.Errorf("the limit of the nested one is %d", got)
	}
	nested()
	if heldBy.Load() != outer {
		t.Error("the outer one does not look any more")
	}
	live := make([]byte, usualMemory)
	for deadline := time.Now().Add(time.Minute); debug.SetMemoryLimit(-1) < usualMemory*3/2; time.Sleep(time.Millisecond) {
		if runtime.GC(); time.Now().After(deadline) {
			t.Fatal("the limit does not grow with what lives")
		}
	}
	runtime.KeepAlive(live)
	stop()
	if got := debug.SetGCPercent(150); got != 150 || debug.SetMemoryLimit(-1) != limit {
		t.Errorf("the collector is left at %d %%, and %d bytes", got, debug.SetMemoryLimit(-1))
	}
}

// Who has set what the collector does has it so, but for what --memory takes away.
func TestHoldMemoryLeavesWhatIsSet(t *testing.T) {
	for _, name := range []string{"GOGC", "GOMEMLIMIT"} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("GOGC", "")
			t.Setenv("GOMEMLIMIT", "")
			t.Setenv(name, "300")
			percent, before := debug.SetGCPercent(150), debug.SetMemoryLimit(1<<40)
			defer debug.SetMemoryLimit(before)
			defer debug.SetGCPercent(percent)
			for most, want := range map[int64]int64{0: 1 << 40, 1 << 30: 1 << 30, 1 << 50: 1 << 40} {
				stop := holdMemory(usualMemory, most)
				limit, percent := debug.SetMemoryLimit(-1), debug.SetGCPercent(150)
				stop()
				if after := debug.SetMemoryLimit(-1); limit != want || percent != 150 || after != 1<<40 {
					t.Errorf("most %d: the limit is %d at %d %%, and %d afterwards", most, limit, percent, after)
				}
			}
		})
	}
}
