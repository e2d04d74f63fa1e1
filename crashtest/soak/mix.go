package soak

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"

	"crashsim/crashtest"
	"crashsim/faultfs"
)

// Profile is how large rounds are.
type Profile struct {
	Name string
	Doc  string // one line

	minOps, maxOps     int
	minDepth, maxDepth int
	maxFaultOps        int  // of a round of faults, which tries as many lives as the disk is called, times the faults
	pairs, starts      int  // see [crashtest.FaultConfig]
	tried              int  // one by one at a cut, see [crashtest.Config.Whole]; 0: all
	whole              bool // nothing is left out or leant on
}

// Profiles lists the profiles, the quickest first.
func Profiles() []Profile {
	return []Profile{
		{Name: "ci", Doc: "rounds of up to 12 operations, for a soak of minutes", minOps: 2, maxOps: 12, maxDepth: 2, maxFaultOps: 2, pairs: 5, starts: 1, tried: 1 << 10},
		{Name: "swarm", Doc: "rounds of up to 24 operations, each with its own mix", minOps: 2, maxOps: 24, maxDepth: 2, maxFaultOps: 8, pairs: 30, starts: 1, tried: 1 << 11},
		{Name: "exhaustive", Doc: "long rounds with all kinds of operations, and crashes deep inside recovery", minOps: 40, maxOps: 120, minDepth: 2, maxDepth: 3, maxFaultOps: 40, pairs: 300, starts: 4, whole: true},
	}
}

// ProfileNamed finds a profile.
func ProfileNamed(name string) (Profile, bool) {
	list := Profiles()
	i := slices.IndexFunc(list, func(p Profile) bool { return p.Name == name })
	if i < 0 {
		return Profile{}, false
	}
	return list[i], true
}

// Mix is what a round draws for itself. Its text is printed with the round.
type Mix struct {
	Model   faultfs.Model
	Ops     int // at most
	Depth   int
	Search  crashtest.Search
	Faults  bool     // each at each call, in place of crashes alone
	Without []string // kinds of operations that are left out
	Few     []string // and of which one in four is left
	Leans   []string // how choices among so many are made, as "low 4 9"
}

func (m *Mix) String() string {
	text := fmt.Sprintf("%s, %s search, depth %d, %d ops", m.Model.Name, m.Search, m.Depth, m.Ops)
	if m.Faults {
		text = fmt.Sprintf("%s, faults, %d ops", m.Model.Name, m.Ops)
	}
	for _, part := range []struct {
		name string
		list []string
	}{{"without", m.Without}, {"few", m.Few}, {"choosing", m.Leans}} {
		if len(part.list) > 0 {
			text += ", " + part.name + " " + strings.Join(part.list, " ")
		}
	}
	return text
}

// withFaults makes the round one of faults.
func (m *Mix) withFaults(p Profile) { m.Faults, m.Ops = true, min(m.Ops, p.maxFaultOps) }

// draw draws the settings of a round.
func draw(r *rand.Rand, p Profile, models []faultfs.Model) *Mix {
	return &Mix{
		Model: models[r.IntN(len(models))],
		Ops:   p.minOps + r.IntN(p.maxOps-p.minOps+1),
		Depth: p.minDepth + r.IntN(p.maxDepth-p.minDepth+1),
		// Either tries all that there is to try where it comes to its end.
		Search: []crashtest.Search{crashtest.SearchAuto, crashtest.SearchLazy}[r.IntN(2)],
	}
}

// workload draws operations: more than are wanted, so that there are enough when
// kinds of them were left out. Any operations of a workload are a workload, as
// they are to the shrinker: the reference says what is right.
func (m *Mix) workload(r *rand.Rand, t *crashtest.Target, whole bool, before []string) []string {
	if whole {
		return limit(slices.Concat(before, t.Generate(crashtest.Seeded(r.Uint64()), m.Ops)), m.Ops)
	}
	l := &leaning{r: r, by: map[int]lean{}}
	all := slices.Concat(before, t.Generate(l, 3*m.Ops))
	m.Leans = l.names()
	keep := map[string]int{} // of four
	for _, kind := range kinds(all) {
		switch keep[kind] = 4; r.IntN(4) {
		case 0:
			keep[kind] = 0
			m.Without = append(m.Without, kind)
		case 1:
			keep[kind] = 1
			m.Few = append(m.Few, kind)
		}
	}
	var ops []string
	for _, op := range all {
		if r.IntN(4) < keep[kindOf(op)] {
			ops = append(ops, op)
		}
	}
	if len(ops) == 0 {
		m.Without, m.Few = nil, nil
		ops = all
	}
	return limit(ops, m.Ops)
}

func limit(ops []string, n int) []string { return ops[:min(n, len(ops))] }

// kindOf is the word that an operation begins with.
func kindOf(op string) string {
	end := strings.IndexFunc(op, func(r rune) bool {
		word := 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || r == '_' || r == '-'
		return !word
	})
	if end < 0 {
		return op
	}
	return op[:end]
}

func kinds(ops []string) []string {
	var list []string
	for _, op := range ops {
		list = append(list, kindOf(op))
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// leaning is a chooser that makes the choices among n in a way of its own for
// each n: what a generator chooses among as many at different places leans alike,
// and it need not be asked what it chooses. One choice in eight is even, so that
// a generator that waits for one of several gets it.
type leaning struct {
	r  *rand.Rand
	by map[int]lean
}

type lean int

const (
	even lean = iota
	low       // towards the first, which is the simplest
	high      // towards the last
	ends      // the first or the last
)

var leanNames = map[lean]string{low: "low", high: "high", ends: "ends"}

func (l *leaning) Choose(n int) int {
	how, ok := l.by[n]
	if !ok && n > 1 {
		how = lean(l.r.IntN(4))
		l.by[n] = how
	}
	if l.r.IntN(8) == 0 {
		how = even
	}
	i := l.r.IntN(n)
	switch how {
	case low:
		return min(i, l.r.IntN(n))
	case high:
		return max(i, l.r.IntN(n))
	case ends:
		if i < (n+1)/2 {
			return 0
		}
		return n - 1
	}
	return i
}

// names tells how choices are made, as "low 4 9".
func (l *leaning) names() []string {
	by := map[lean]string{}
	for _, n := range slices.Sorted(maps.Keys(l.by)) {
		by[l.by[n]] += fmt.Sprint(" ", n)
	}
	var list []string
	for _, how := range []lean{low, high, ends} {
		if by[how] != "" {
			list = append(list, leanNames[how]+by[how])
		}
	}
	return list
}
