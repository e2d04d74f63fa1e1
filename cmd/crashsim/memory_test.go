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
	nested := holdMemory(soakMemory, 0)
	time.Sleep(300 * time.Millisecond) // the outer one would set its own by then
	if got := debug.SetMemoryLimit(-1); got != soakMemory {
		t.Errorf("the limit of the nested one is %d", got)
	}
	nested()
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
