package crashtest

import (
	"math"
	"math/bits"
	"slices"
)

// A lossSet says which of a cut's pending effects are lost. It is closed: what
// needs a lost effect is lost too.
type lossSet []uint64

func newLossSet(n int) lossSet { return make(lossSet, (n+63)/64) }

func (s lossSet) has(i int) bool  { return s[i/64]>>(i%64)&1 != 0 }
func (s lossSet) add(i int)       { s[i/64] |= 1 << (i % 64) }
func (s lossSet) kept(i int) bool { return !s.has(i) }

func (s lossSet) len() (n int) {
	for _, w := range s {
		n += bits.OnesCount64(w)
	}
	return n
}

// in tells whether all of s is in t.
func (s lossSet) in(t lossSet) bool {
	for i, w := range s {
		if w&^t[i] != 0 {
			return false
		}
	}
	return true
}

// close adds what needs something lost. What an effect needs comes before it.
func (s lossSet) close(needs [][]int) lossSet {
	for i := range needs {
		if s.forces(needs[i]) {
			s.add(i)
		}
	}
	return s
}

// forces tells whether something is lost that is needed.
func (s lossSet) forces(needs []int) bool { return slices.ContainsFunc(needs, s.has) }

// closedSets gives every closed set of at most maxLost lost effects, those that
// lose fewest first, and otherwise in an order that depends on needs alone. Where
// may is given, only effects for which it is true are lost. It stops at one more
// set than limit.
func closedSets(needs [][]int, maxLost, limit int, may func(i int) bool) []lossSet {
	var sets []lossSet
	set := newLossSet(len(needs))
	var decide func(i, left int)
	decide = func(i, left int) {
		if len(sets) > limit {
			return
		}
		if i == len(needs) {
			sets = append(sets, slices.Clone(set))
			return
		}
		if !set.forces(needs[i]) {
			decide(i+1, left)
		}
		if left > 0 && (may == nil || may(i)) {
			set.add(i)
			decide(i+1, left-1)
			set[i/64] &^= 1 << (i % 64)
		}
	}
	decide(0, maxLost)
	slices.SortStableFunc(sets, func(a, b lossSet) int { return a.len() - b.len() })
	return sets
}

// sampleSets draws limit different closed sets where there are more: nothing and
// everything lost, what each prefix leaves, each effect lost alone and kept
// alone (ALICE's classes among them), then random ones, each with its own
// probability of loss, so that sets with few losses and with few survivors are
// drawn as well as those in the middle.
func sampleSets(needs [][]int, limit int, c Chooser) []lossSet {
	n := len(needs)
	var sets []lossSet
	seen := map[string]bool{}
	take := func(lost func(i int) bool) {
		set := newLossSet(n)
		for i := range n {
			if lost(i) {
				set.add(i)
			}
		}
		set.close(needs)
		if id := set.id(); !seen[id] && len(sets) < limit {
			seen[id] = true
			sets = append(sets, set)
		}
	}
	take(func(int) bool { return false })
	take(func(int) bool { return true })
	for k := range n {
		take(func(i int) bool { return i == k })
	}
	for k := range n {
		take(func(i int) bool { return i >= k })
	}
	for k := range n {
		take(keepsFor(needs, k).kept)
	}
	for tries := 0; len(sets) < limit && tries < 4*limit; tries++ {
		odds := 1 + c.Choose(15) // of 16
		take(func(int) bool { return c.Choose(16) < odds })
	}
	slices.SortStableFunc(sets, func(a, b lossSet) int { return a.len() - b.len() })
	return sets
}

// keepsFor gives k, and all that it cannot be kept without.
func keepsFor(needs [][]int, k int) lossSet {
	set := newLossSet(len(needs))
	set.add(k)
	for i := k; i >= 0; i-- {
		if set.has(i) {
			for _, n := range needs[i] {
				set.add(n)
			}
		}
	}
	return set
}

func (s lossSet) id() string {
	b := make([]byte, 0, 8*len(s))
	for _, w := range s {
		for k := range 8 {
			b = append(b, byte(w>>(8*k)))
		}
	}
	return string(b)
}

// lossSets gives the sets to try at a cut: all, or where there are more than
// limit, a sample, and that it is one.
func lossSets(needs [][]int, limit int, c Chooser) (sets []lossSet, capped bool) {
	if all := closedSets(needs, math.MaxInt, limit, nil); len(all) <= limit {
		return all, false
	}
	return sampleSets(needs, limit, c), true
}
