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

// greatestSet is the closed set that loses all that may be lost.
func greatestSet(needs [][]int, may func(i int) bool) lossSet {
	kept := make([]bool, len(needs))
	set := newLossSet(len(needs))
	for i := len(needs) - 1; i >= 0; i-- { // what is needed stands before
		if kept[i] = kept[i] || !may(i); !kept[i] {
			set.add(i)
			continue
		}
		for _, n := range needs[i] {
			kept[n] = true
		}
	}
	return set
}

// more tells whether there are more closed sets than limit.
func more(needs [][]int, limit int) bool {
	if len(needs) < 63 && 1<<len(needs) <= limit {
		return false
	}
	return len(closedSets(needs, math.MaxInt, limit, nil)) > limit
}

// A sample collects different closed sets, up to a limit.
type sample struct {
	needs [][]int
	limit int
	sets  []lossSet
	seen  map[string]bool
}

func (s *sample) take(lost func(i int) bool) {
	set := newLossSet(len(s.needs))
	for i := range s.needs {
		if lost(i) {
			set.add(i)
		}
	}
	set.close(s.needs)
	if id := set.id(); !s.seen[id] && len(s.sets) < s.limit {
		s.seen[id] = true
		s.sets = append(s.sets, set)
	}
}

// takeClasses takes nothing and everything lost, each effect lost alone, what each
// prefix leaves, and each effect kept alone: ALICE's classes are among them.
func (s *sample) takeClasses() {
	s.take(func(int) bool { return false })
	s.take(func(int) bool { return true })
	for k := range s.needs {
		s.take(func(i int) bool { return i == k })
	}
	for k := range s.needs {
		s.take(func(i int) bool { return i >= k })
	}
	for k := range s.needs {
		s.take(keepsFor(s.needs, k).kept)
	}
}

func (s *sample) byLosses() []lossSet {
	slices.SortStableFunc(s.sets, func(a, b lossSet) int { return a.len() - b.len() })
	return s.sets
}

func classSets(needs [][]int, limit int) []lossSet {
	s := &sample{needs: needs, limit: limit, seen: map[string]bool{}}
	s.takeClasses()
	return s.byLosses()
}

// sampleSets draws limit different closed sets where there are more: the classes,
// then random ones, each with its own probability of loss, so that sets with few
// losses and with few survivors are drawn as well as those in the middle.
func sampleSets(needs [][]int, limit int, c Chooser) []lossSet {
	s := &sample{needs: needs, limit: limit, seen: map[string]bool{}}
	s.takeClasses()
	for tries := 0; len(s.sets) < limit && tries < 4*limit; tries++ {
		odds := 1 + c.Choose(15) // of 16
		s.take(func(int) bool { return c.Choose(16) < odds })
	}
	return s.byLosses()
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

// lossSets gives the sets that the explorer's search tries where it is not lazy.
func (e *explorer) lossSets(needs [][]int) (sets []lossSet, capped bool) {
	c := Seeded(derive(e.seed, uint64(len(needs))))
	sets, capped = lossSets(needs, e.maxStates, c)
	switch whole := len(sets); e.search {
	case SearchALICE:
		sets = classSets(needs, e.maxStates)
		capped = capped || len(sets) < whole
	case SearchRandom:
		s := &sample{needs: needs, limit: e.maxStates, seen: map[string]bool{}}
		for range min(e.maxStates, 4*whole) {
			odds := 1 + c.Choose(15)
			s.take(func(int) bool { return c.Choose(16) < odds })
		}
		sets = s.byLosses()
		capped = capped || len(sets) < whole
	}
	return sets, capped
}
