package crashtest

import (
	"bytes"
	"fmt"

	"crashsim/faultfs"
)

// One in so many recoveries is done twice, on equal disks: a store that does not do
// the same again is one of which nothing can be said.
const twiceIn = 20

// recover has the store recover from a disk, and now and then from another that is
// equal. Which ones depends on the disk alone.
func (e *explorer) recover(sim *faultfs.Sim) *session {
	disks := []*faultfs.Sim{sim}
	if key := sim.Key(); key.Shard(twiceIn) == 0 {
		disks = append(disks, sim.Fork())
	}
	var done []*session
	for _, disk := range disks { // from one line: a stack may reach up to here, and tells ways apart
		done = append(done, e.target.recover(disk, e.in))
	}
	if text := difference(done[0], done[len(done)-1]); text != "" {
		e.twice.CompareAndSwap(nil, &text)
	}
	return done[0]
}

// difference tells in what two recoveries from equal disks differ, "" where in
// nothing.
func difference(a, b *session) string {
	for i := range min(a.trace.Len(), b.trace.Len()) {
		x, y := a.trace.Op(i), b.trace.Op(i)
		if x.Kind != y.Kind || x.String() != y.String() || !bytes.Equal(x.Data, y.Data) {
			return fmt.Sprintf("one asks for %s, the other for %s", brief(x.String()), brief(y.String()))
		}
	}
	switch {
	case a.trace.Len() != b.trace.Len():
		return fmt.Sprintf("one asks for %s, the other for %d", plural(a.trace.Len(), "thing"), b.trace.Len())
	case a.shown != b.shown:
		return "one shows another state than the other"
	case (a.failed == nil) != (b.failed == nil):
		return "one fails, and the other does not"
	}
	return ""
}

// hasDiffered gives what differed between two recoveries from equal disks.
func (e *explorer) hasDiffered() string {
	for ; e != nil; e = e.large {
		if text := e.twice.Load(); text != nil {
			return *text
		}
	}
	return ""
}
