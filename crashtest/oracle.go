package crashtest

import "slices"

// An oracle judges what an explorer found. It goes through the visits in one
// order, whatever the order in which they were made.
type oracle struct {
	target *Target
	in     *interner
	order  map[stateID]int // the first place of a state in the workload
	judged map[question]*verdict
}

type question struct {
	visit    *visit
	from, to stateID // what is allowed
	level    int
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
	q := question{v, allowed[0], allowed[len(allowed)-1], level}
	found, ok := o.judged[q]
	if !ok {
		found = o.ask(v, allowed, level)
		o.judged[q] = found
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
		return &verdict{failure: o.wrongState(v.state, allowed, o.order), last: InRecovery}
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
		for _, b := range v.crashes {
			if found := o.branch(b, v.state, allowed, level-1); found != nil {
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

func (o *oracle) branch(b branch, shown stateID, allowed []stateID, level int) *verdict {
	crash := Crash{In: InRecovery, At: b.at, Lost: b.lost, last: b.last}
	if b.after {
		return o.keeps(b.to, shown, level).behind(crash)
	}
	return o.judge(b.to, allowed, level).behind(crash)
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
func (o *oracle) probes(v *visit) *verdict {
	if v.probeFail != nil {
		return &verdict{failure: v.probeFail, last: InProbes}
	}
	order := places(v.probeStates)
	for _, b := range v.probes {
		crash := Crash{In: InProbes, At: b.at, Lost: b.lost, last: b.last}
		if b.to.failed == nil && !slices.Contains(b.states, b.to.state) {
			return (&verdict{failure: o.wrongState(b.to.state, b.states, order), last: InRecovery}).behind(crash)
		}
		if found := o.judge(b.to, b.states, recovered); found != nil {
			return found.behind(crash)
		}
	}
	return nil
}

// wrongState tells a state that was, before one that is right, from one that
// never was.
func (o *oracle) wrongState(got stateID, allowed []stateID, order map[stateID]int) *Failure {
	f := &Failure{Kind: WrongState, Want: o.in.text(allowed[0]), Got: o.in.text(got)}
	if at, ok := order[got]; ok && at < order[allowed[0]] {
		f.Kind = Lost
	}
	return f
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
