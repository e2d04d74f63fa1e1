package main

import (
	"os"
	"runtime/debug"
	"runtime/metrics"
	"sync/atomic"
	"time"
)

// What a command has where what lives of it takes no more than two thirds. A soak has
// more, so that rounds which differ leave it as large as it is.
const (
	usualMemory = 180 << 20
	soakMemory  = 256 << 20
)

// A hold is one call of holdMemory.
type hold struct{ usual, most int64 }

// heldBy is the last that is not over.
var heldBy atomic.Pointer[hold]

// limit is what the process may have where so much of it lives.
func (h *hold) limit(live int64) int64 {
	room := max(h.usual, live+live/2)
	if h.most > 0 {
		room = min(room, h.most)
	}
	return room
}

// look sets the limit to what lives now, unless a later call has it.
func (h *hold) look() {
	if heldBy.Load() != h {
		return
	}
	s := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(s)
	debug.SetMemoryLimit(h.limit(int64(s[0].Value.Uint64())))
}

// holdMemory has the collector work when all of what is usual is used, and where what
// lives takes more than two thirds of that, when half as much again is: little of what a
// run makes lives on. With most above 0 that is as far as it goes. Whoever has set GOGC or
// GOMEMLIMIT has it as they want it. The caller stops it; calls may be nested.
func holdMemory(usual, most int64) (stop func()) {
	if os.Getenv("GOGC") != "" || os.Getenv("GOMEMLIMIT") != "" {
		before := debug.SetMemoryLimit(-1) // looks
		if most > 0 && most < before {
			debug.SetMemoryLimit(most)
		}
		return func() { debug.SetMemoryLimit(before) }
	}
	h := &hold{usual, most}
	outer := heldBy.Swap(h)
	percent, before := debug.SetGCPercent(-1), debug.SetMemoryLimit(h.limit(0))
	done, over := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(over)
		tick := time.NewTicker(100 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-done:
				return
			case <-tick.C:
				h.look()
			}
		}
	}()
	return func() {
		close(done)
		<-over
		debug.SetGCPercent(percent)
		debug.SetMemoryLimit(before)
		heldBy.Store(outer)
	}
}
