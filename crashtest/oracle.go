package crashtest

import (
	"fmt"
	"slices"
	"strings"
)

// An oracle judges what an explorer found. It goes through the visits in one
// order, whatever the order in which they were made.
type oracle struct {
	target *Target
	in     *interner
	order  map[stateID]int // the first place of a state in the workload
}

func newOracle(t *Target, in *interner, workload *session) *oracle {
	return &oracle{target: t, in: in, order: places(workload.states)}
}

// question is what may be asked of one disk, or of all that one crash leaves.
type question struct {
	from, to stateID // what is allowed
	shown    stateID // by the recovery before, noState if it had not come to that
	level    int
}

// answers are what an oracle has said already, few of one disk.
type answers[T any] []answer[T]

type answer[T any] struct {
	question
	answer T
}

func (list answers[T]) find(q question) (found T, ok bool) {
	for i := range list {
		if list[i].question == q {
			return list[i].answer, true
		}
	}
	return found, false
}

// question stands for a set of more than two states by one that is of no store.
func (o *oracle) question(allowed []stateID, level int) question {
	if len(allowed) > 2 {
		set := o.in.id(fmt.Sprint("one of ", allowed))
		return question{from: set, to: set, level: level}
	}
	return question{from: allowed[0], to: allowed[len(allowed)-1], level: level}
}

// firstFailure is of the disks of an aftermath, the one that loses least.
type firstFailure struct {
	lost    lossSet
	verdict *verdict // nil: there is none
}

// verdict is a failure, the crashes that lead to it from the visit on, and the
// life in which it shows.
type verdict struct {
	failure *Failure
	path    []Crash
	last    Life
}

// behind puts a crash before the path.
func (v *verdict) behind(c Crash) *verdict {
	if v == nil {
		return nil
	}
	return &verdict{failure: v.failure, path: append([]Crash{c}, v.path...), last: v.last}
}

// judge gives the first failure that a visit leads to, nil if there is none.
// Right is a recovery that shows one of the allowed states, as does each crash
// inside it; that keeps what it showed through a crash at its end; to which a
// second one adds nothing; and from which the store can be used again.
func (o *oracle) judge(v *visit, allowed []stateID, level int) *verdict {
	q := o.question(allowed, level)
	found, ok := v.judged.find(q)
	if !ok {
		found = o.ask(v, allowed, level)
		v.judged = append(v.judged, answer[*verdict]{q, found})
	}
	return found
}

// ask asks the simple questions first, so that a failure is told in its simplest
// form.
func (o *oracle) ask(v *visit, allowed []stateID, level int) *verdict {
	if v.failed != nil {
		return &verdict{failure: v.failed, last: InRecovery}
	}
	if !slices.Contains(allowed, v.state) {
		return &verdict{failure: wrongState(v.state, allowed, o.order), last: InRecovery}
	}
	if level >= twice && v.final != v {
		again := Crash{In: InRecovery, At: AtEnd, last: v.last}
		if found := o.keeps(v.final, v.state, recovered); found != nil {
			return found.behind(again)
		}
		if o.target.Idempotent && v.final.final != v.final {
			return (&verdict{failure: &Failure{Kind: Unstable}, last: InRecovery}).behind(again)
		}
	}
	if level > twice {
		for i := range v.crashes {
			if found := o.crash(&v.crashes[i], v.state, allowed, level-1); found != nil {
				return found
			}
		}
	}
	switch {
	case level < twice:
		return nil
	case v.final == v:
		return o.probes(v)
	}
	return o.probes(v.final).behind(Crash{In: InRecovery, At: AtEnd, last: v.last})
}

// crash judges what a crash in a recovery leaves.
func (o *oracle) crash(b *branch, shown stateID, allowed []stateID, level int) *verdict {
	q := o.question(allowed, level)
	if b.after {
		q = question{from: shown, to: shown, shown: shown, level: level}
	}
	f, ok := b.judged.find(q)
	if !ok {
		f = o.firstOf(b.aftermath, q.shown, allowed, level)
		b.judged = append(b.judged, answer[firstFailure]{q, f})
	}
	if f.verdict == nil {
		return nil
	}
	return f.verdict.behind(Crash{In: InRecovery, At: b.at, Lost: b.lost(f.lost), last: b.last})
}

func (o *oracle) firstOf(a *aftermath, shown stateID, allowed []stateID, level int) firstFailure {
	for _, d := range a.disks {
		var found *verdict
		if shown != noState {
			found = o.keeps(d.visit, shown, level)
		} else {
			found = o.judge(d.visit, allowed, level)
		}
		if found != nil {
			return firstFailure{d.lost, found}
		}
	}
	return firstFailure{}
}

// keeps judges a disk on which a recovery before has shown a state.
func (o *oracle) keeps(v *visit, shown stateID, level int) *verdict {
	if v.failed == nil && v.state != shown {
		f := &Failure{Kind: Forgotten, Want: o.in.text(shown), Got: o.in.text(v.state)}
		return &verdict{failure: f, last: InRecovery}
	}
	return o.judge(v, []stateID{shown}, level)
}

// probes judges the use of a store after its recovery.
func (o *oracle) probes(v *visit) *verdict { return o.probing(v, nil) }

// inUse judges the use of a store in the life that has recovered. Until it has
// answered something, nobody has seen which of the allowed states it came to.
func (o *oracle) inUse(v *visit, allowed []stateID) *verdict { return o.probing(v, allowed) }

func (o *oracle) probing(v *visit, unseen []stateID) *verdict {
	if v.probeFail != nil {
		return &verdict{failure: v.probeFail, last: InProbes}
	}
	order := places(v.probeStates)
	for i := range v.probes {
		b := &v.probes[i]
		right := b.states
		if b.at < v.answered && unseen != nil {
			right = distinct(slices.Concat(right, unseen)...)
		}
		for _, d := range b.disks {
			found := o.afterProbes(d.visit, right, order)
			if found != nil {
				return found.behind(Crash{In: InProbes, At: b.at, Lost: b.lost(d.lost), last: b.last})
			}
		}
	}
	return nil
}

func (o *oracle) afterProbes(v *visit, allowed []stateID, order map[stateID]int) *verdict {
	if v.failed == nil && !slices.Contains(allowed, v.state) {
		return &verdict{failure: wrongState(v.state, allowed, order), last: InRecovery}
	}
	return o.judge(v, allowed, recovered)
}

// wrongState tells a state that was, before one that is right, from one that
// never was.
func wrongState(got stateID, allowed []stateID, order map[stateID]int) *Failure {
	if at, ok := order[got]; ok && at < order[allowed[0]] {
		return &Failure{Kind: Lost}
	}
	return &Failure{Kind: WrongState}
}

// compare adds the state that came back, and that right one from which the
// fewest lines differ.
func (f *Failure) compare(in *interner, got stateID, allowed []stateID) {
	f.Got = in.text(got)
	best := -1
	for _, id := range allowed {
		text := in.text(id)
		if n := linesNotIn(text, f.Got) + linesNotIn(f.Got, text); best < 0 || n < best {
			best, f.Want = n, text
		}
	}
}

func linesNotIn(a, b string) (n int) {
	lines := map[string]bool{}
	for l := range strings.Lines(b) {
		lines[l] = true
	}
	for l := range strings.Lines(a) {
		if !lines[l] {
			n++
		}
	}
	return n
}

// places gives the first place of each state.
func places(states []stateID) map[stateID]int {
	m := make(map[stateID]int, len(states))
	for i, id := range states {
		if _, ok := m[id]; !ok {
			m[id] = i
		}
	}
	return m
}
