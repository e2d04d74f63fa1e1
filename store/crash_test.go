package store_test

import (
	"testing"

	"crashsim/faultfs"
	"crashsim/store"
)

// history is what was done on a disk: after so many operations of it, this state
// was acknowledged.
type history struct {
	sim    *faultfs.Sim
	places []int
	states []store.State
}

func (h *history) acknowledge(t testing.TB, s *store.Store) {
	t.Helper()
	h.places = append(h.places, h.sim.Trace().Len())
	h.states = append(h.states, load(t, s))
}

// acked gives the state that was acknowledged last at a place in the trace, and
// the one that was being made there.
func (h *history) acked(at int) (store.State, store.State) {
	i := 0
	for i+1 < len(h.places) && h.places[i+1] <= at {
		i++
	}
	return h.states[i], h.states[min(i+1, len(h.states)-1)]
}

func makeHistory(t testing.TB) *history {
	t.Helper()
	h := &history{sim: faultfs.NewSim()}
	s := open(t, h.sim)
	h.acknowledge(t, s)
	for _, do := range []func() error{
		func() error { return s.AppendEvent(event(1, "one")) },
		func() error { return s.WriteWorkerSnapshot(workerSnapshot("w", "")) },
		func() error { return s.AppendTranscriptEntry(entry("w", 1, "one")) },
		func() error { return s.AppendEvent(event(2, "two")) },
		func() error { return s.WriteRuntimeSnapshot(fullRuntime()) },
		func() error { return s.WriteWorkerSnapshot(fullWorker("w")) },
		func() error { return s.WriteWorkerSnapshot(workerSnapshot("x", "")) },
		func() error { return s.AppendTranscriptEntry(entry("x", 1, "one")) },
	} {
		must(t, do())
		h.acknowledge(t, s)
	}
	return h
}

func eachCut(t testing.TB, trace *faultfs.Trace, f func(*faultfs.Cut)) {
	t.Helper()
	for w := trace.Walk(faultfs.POSIX); ; w.Next() {
		f(w.Cut())
		if w.Peek() == nil {
			return
		}
	}
}

// What was acknowledged is there after a power cut, whatever else was lost.
func TestPowerCut(t *testing.T) {
	h := makeHistory(t)
	images := 0
	eachCut(t, h.sim.Trace(), func(c *faultfs.Cut) {
		before, after := h.acked(c.At)
		everyImage(t, c, func(image *faultfs.Sim) {
			images++
			checkOneOf(t, opened(t, image), before, after)
		})
	})
	t.Logf("%d images", images)
}

// A process may be killed before it has synced what it wrote. The next one shows
// that, and then it is there after a power cut too.
func TestWhatIsShownIsDurable(t *testing.T) {
	h := makeHistory(t)
	images := 0
	eachCut(t, h.sim.Trace(), func(c *faultfs.Cut) {
		sim := c.Kill()
		s := open(t, sim)
		shown := load(t, s)
		var last *faultfs.Cut
		eachCut(t, sim.Trace(), func(c *faultfs.Cut) { last = c })
		everyImage(t, last, func(image *faultfs.Sim) {
			images++
			wantEqual(t, "after the power cut", opened(t, image), shown)
		})
	})
	t.Logf("%d images", images)
}

// What the next process builds on has to be durable too, names that the killed one
// had made among it.
func TestWhatIsBuiltOnIsDurable(t *testing.T) {
	h := makeHistory(t)
	images := 0
	eachCut(t, h.sim.Trace(), func(c *faultfs.Cut) {
		sim := c.Kill()
		s := open(t, sim)
		must(t, s.AppendEvent(event(uint64(len(load(t, s).Events))+1, "more")))
		must(t, s.WriteWorkerSnapshot(workerSnapshot("more", "")))
		acknowledged := load(t, s)
		var last *faultfs.Cut
		eachCut(t, sim.Trace(), func(c *faultfs.Cut) { last = c })
		everyImage(t, last, func(image *faultfs.Sim) {
			images++
			wantEqual(t, "after the power cut", opened(t, image), acknowledged)
		})
	})
	t.Logf("%d images", images)
}
