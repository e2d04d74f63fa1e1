package main

import (
	"os"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

// usualMemory is what a soak has where its rounds take no more than half of it.
const usualMemory = 256 << 20

// holdMemory keeps the process as large as it is, though rounds differ: the
// collector works when all of usualMemory is used, and where rounds take more than
// half of that, when twice as much is. With most above 0 that is as far as it goes.
// Whoever has set GOGC has it as they want it. The caller stops it.
func holdMemory(most int64) (stop func()) {
	limit := func(live int64) int64 {
		room := max(usualMemory, 2*live)
		if most > 0 {
			room = min(room, most)
		}
		return room
	}
	if os.Getenv("GOGC") != "" {
		if most <= 0 {
			return func() {}
		}
		before := debug.SetMemoryLimit(most)
		return func() { debug.SetMemoryLimit(before) }
	}
	percent, before := debug.SetGCPercent(-1), debug.SetMemoryLimit(limit(0))
	done, over := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(over)
		tick := time.NewTicker(100 * time.Millisecond)
		defer tick.Stop()
		s := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
		for {
			select {
			case <-done:
				return
			case <-tick.C:
				metrics.Read(s)
				debug.SetMemoryLimit(limit(int64(s[0].Value.Uint64())))
			}
		}
	}()
	return func() {
		close(done)
		<-over
		debug.SetGCPercent(percent)
		debug.SetMemoryLimit(before)
	}
}
