package faultfs

import (
	"iter"
	"slices"
)

// Images yields the disks that a power cut at this moment may leave, one for each
// set of pending effects that respects Needs. Sets differ; the disks may be equal
// ([Sim.Key]). There are up to 2^n of them for n pending effects: it is for cuts at
// which little is pending, and for callers that stop.
func (c *Cut) Images() iter.Seq[*Sim] {
	return func(yield func(*Sim) bool) {
		kept := make([]bool, len(c.Pending))
		c.decide(kept, 0, yield)
	}
}

// decide tries both ways, from the i-th effect on.
func (c *Cut) decide(kept []bool, i int, yield func(*Sim) bool) bool {
	if i == len(kept) {
		disk := c.Image(func(i int) bool { return kept[i] })
		return disk == nil || yield(disk)
	}
	kept[i] = false
	if !c.decide(kept, i+1, yield) {
		return false
	}
	if slices.ContainsFunc(c.Needs[i], func(need int) bool { return !kept[need] }) {
		return true
	}
	kept[i] = true
	return c.decide(kept, i+1, yield)
}
