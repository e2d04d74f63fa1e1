package crashtest

import (
	"slices"

	"crashsim/faultfs"
)

// AllowedBy names the built-in models that allow what happens in the case: its own,
// whether or not that is built in; those that are known to allow all that it does;
// and those under which the same crashes can leave the same disks. Under another
// model other disks may fail in the same way: a run under it tells.
func (c *Case) AllowedBy(t *Target) []string {
	list := []string{c.Model}
	own, err := c.Rule()
	if err != nil {
		return list
	}
	for _, m := range faultfs.Models() {
		if m.Name != own.Name && (m.Weaker(own) || c.happensUnder(t, own, m)) {
			list = append(list, m.Name)
		}
	}
	return list
}

// happensUnder carries the case out under its own model and under another, side by
// side: each crash has to leave the same disk, and the end has to be the same.
func (c *Case) happensUnder(t *Target, own, other faultfs.Model) bool {
	sc := &c.Scenario
	p, err := t.beginScenario(own, sc)
	if err != nil {
		return false
	}
	q, err := t.beginScenario(other, sc)
	if err != nil {
		return false
	}
	for i, crash := range sc.Crashes {
		left, err := p.crash(crash)
		if err != nil {
			return false
		}
		crash.Lost = q.same(p.lost[i], crash.At)
		again, err := q.crash(crash)
		if err != nil || left.Key() != again.Key() || p.goOn(sc, i, left) != nil || q.goOn(sc, i, again) != nil {
			return false
		}
	}
	q.judge(sc.Last)
	return q.failure != nil && q.failure.Kind == c.Kind
}

// same finds effects of another model's cut in this one's, at the same place of the
// same life, and what has to be lost with them.
func (p *play) same(lost []*faultfs.Effect, at int) (list []LostEffect) {
	life := p.life()
	if at == AtEnd {
		at = life.trace.Len()
	}
	if at > life.trace.Len() {
		return nil
	}
	cut := life.cutAt(p.model, at)
	set := newLossSet(len(cut.Pending))
	for i, e := range cut.Pending {
		if slices.ContainsFunc(lost, func(l *faultfs.Effect) bool {
			return l.At == e.At && l.Kind == e.Kind && l.Off == e.Off && l.Len == e.Len && l.Part == e.Part
		}) {
			set.add(i)
		}
	}
	set = set.close(cut.Needs)
	for i, e := range cut.Pending {
		if set.has(i) {
			list = append(list, lostEffect(e))
		}
	}
	return list
}
