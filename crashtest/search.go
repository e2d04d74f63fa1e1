package crashtest

import (
	"fmt"
	"slices"
	"strings"
)

// Search is how the disks that a cut may leave are gone through.
type Search string

// The searches. Only exhaustive, lazy and auto can come to the end of what there
// is; the others are samples, and a run with one of them is inconclusive where it
// finds nothing.
const (
	// SearchAuto tries all where they are at most MaxStates; elsewhere each prefix,
	// ALICE's classes, then lazily to the end, and at random what is left of
	// MaxStates where that end does not come.
	SearchAuto Search = "auto"
	// SearchExhaustive tries all, or a sample of MaxStates.
	SearchExhaustive Search = "exhaustive"
	// SearchLazy has the store recover from one disk, and then from those that
	// differ from it in something that was looked at: what no recovery looks at
	// makes no difference. It is exact where the store is deterministic, which is
	// checked.
	SearchLazy Search = "lazy"
	// SearchALICE tries nothing lost, all lost, each prefix, each effect lost alone
	// and kept alone (Pillai et al., OSDI '14, section 4.2).
	SearchALICE Search = "alice"
	// SearchRandom draws MaxStates sets. Each has a probability of loss of its own,
	// from 1/16 to 15/16, so that sets that lose little, or keep little, are drawn as
	// often as those in the middle, of which there are very many more.
	SearchRandom Search = "random"
)

// Searches lists them.
func Searches() []Search {
	return []Search{SearchAuto, SearchExhaustive, SearchLazy, SearchALICE, SearchRandom}
}

// SearchNamed finds one. The error lists them.
func SearchNamed(name string) (Search, error) {
	if s := Search(name); slices.Contains(Searches(), s) {
		return s, nil
	}
	return "", fmt.Errorf("%q is none of %s", name, strings.Trim(fmt.Sprint(Searches()), "[]"))
}

// choice is a decision on one effect, by its index.
type choice struct {
	unit    int
	lost    bool
	flipped bool // the other way has been tried
}

// lazySearch goes depth first through the decisions that the store's looking asks
// for. Each leaf is one set; what was not looked at is kept in it, if it can be.
// It stands for every set that agrees with it on what was looked at.
type lazySearch struct {
	needs  [][]int
	needed [][]int // the other way round
	path   []choice
	begun  bool
	ended  bool
}

func newLazySearch(needs [][]int) *lazySearch {
	l := &lazySearch{needs: needs, needed: make([][]int, len(needs))}
	for i, list := range needs {
		for _, n := range list {
			l.needed[n] = append(l.needed[n], i)
		}
	}
	return l
}

// next gives the set of the next leaf, nil when all are done.
func (l *lazySearch) next() lossSet {
	if !l.begun {
		l.begun = true
		return newLossSet(len(l.needs))
	}
	for n := len(l.path); n > 0 && l.path[n-1].flipped; n-- {
		l.path = l.path[:n-1]
	}
	if len(l.path) == 0 {
		l.ended = true
		return nil
	}
	last := &l.path[len(l.path)-1]
	last.lost, last.flipped = !last.lost, true
	lost, _ := l.decided(len(l.path))
	return lost.close(l.needs)
}

// decided gives what the first n decisions say is lost and is kept, with what that
// implies: whoever is lost takes along what needs it, and whoever is kept what it
// needs.
func (l *lazySearch) decided(n int) (lost, kept lossSet) {
	lost, kept = newLossSet(len(l.needs)), newLossSet(len(l.needs))
	for _, c := range l.path[:n] {
		l.decide(c, lost, kept)
	}
	return lost, kept
}

func (l *lazySearch) decide(c choice, lost, kept lossSet) {
	if c.lost {
		spread(lost, c.unit, l.needed)
	} else {
		spread(kept, c.unit, l.needs)
	}
}

// spread adds a unit, and all that it leads to.
func spread(set lossSet, unit int, to [][]int) {
	if set.has(unit) {
		return
	}
	set.add(unit)
	for _, n := range to[unit] {
		spread(set, n, to)
	}
}

// saw is told the units that were looked at after next gave a set, in order. It
// tells whether they fit what was seen before: a store that does the same on what
// is the same looks at the same things up to the one that differs.
func (l *lazySearch) saw(set lossSet, units []int) bool {
	lost, kept := newLossSet(len(l.needs)), newLossSet(len(l.needs))
	n := 0
	for _, u := range units {
		if lost.has(u) || kept.has(u) {
			continue
		}
		if n == len(l.path) {
			l.path = append(l.path, choice{unit: u, lost: set.has(u)})
		}
		if l.path[n].unit != u {
			return false
		}
		l.decide(l.path[n], lost, kept)
		n++
	}
	return n == len(l.path)
}
