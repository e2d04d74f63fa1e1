package crashtest

import (
	"iter"

	"crashsim/faultfs"
)

// use is a disk on which the life that has recovered was put to use, or, after a kill,
// all that the kill left; and what was right then.
type use struct {
	disk  faultfs.Key
	right question
}

// firstUse tells whether a life that has recovered is to be put to use: once for each
// disk. Other probes begin with an opening that has nothing to mend; what this one
// holds in memory may come of the disk in ways that neither its answers nor the lines
// that it went through show.
func (r *runner) firstUse(j *job, l left) bool {
	u := use{l.visit.disk, r.oracle.question(j.allowed, 0)}
	if j.kill {
		u.disk = j.Key()
	}
	seen := r.used[u]
	r.used[u] = true
	return !seen
}

// killWay is the way that a recovery went up to a kill, what it would have shown, and
// what was right.
type killWay struct {
	way   uint64
	shown stateID
	right question
}

// killsOf gives the kills of a recovery: one for each way that a recovery has gone
// up to there, to each state, from disks of which the same is right. A loss that is
// right after one crash is none after another.
func (r *runner) killsOf(j *job, l left) iter.Seq[*recoveryKill] {
	wanted := func(way uint64) bool {
		w := killWay{way, l.visit.state, r.oracle.question(j.allowed, 0)}
		seen := r.ways[w]
		r.ways[w] = true
		return !seen
	}
	if !wanted(l.visit.way) {
		return func(func(*recoveryKill) bool) {}
	}
	return r.explorer.recoveryKills(j, l, wanted)
}

// toUse gives the task of putting the store to use in the life that has recovered,
// with crashes, and the visit that has what comes of it.
func (e *explorer) toUse(j *job, l left) (v *visit, task func()) {
	v = &visit{state: l.visit.state}
	return v, func() { e.probe(v, j.image(l.lost)) }
}

func (e *explorer) use(o *oracle, j *job, l left) *verdict {
	v, task := e.toUse(j, l)
	e.tasks.add(task)
	e.tasks.work(1, nothing)
	return o.inUse(v, j.allowed)
}

// A recoveryKill is the end of a process in the midst of its recovery. Another goes
// on, and is put to use: what the first had not made durable it may take for
// granted.
type recoveryKill struct {
	explorer *explorer
	cut      *faultfs.Cut
	crash    Crash
	allowed  []stateID
	visit    *visit // equal cuts share it
}

// recoveryKills gives the kills of the recovery from a disk whose way wanted says
// that it wants.
func (e *explorer) recoveryKills(j *job, l left, wanted func(way uint64) bool) iter.Seq[*recoveryKill] {
	return func(yield func(*recoveryKill) bool) {
		s := e.recover(j.image(l.lost))
		for cut := range s.recoveryKills(e.model) {
			if !wanted(wayTill(s.trace, cut.At)) {
				continue
			}
			k := &recoveryKill{explorer: e, cut: cut, allowed: j.allowed, visit: e.kill(cut), crash: Crash{In: InRecovery, Kill: true, At: cut.At, last: s.lastSite(cut.At)}}
			if cut.At >= s.shownPos {
				k.allowed = []stateID{s.shown}
			}
			if !yield(k) {
				return
			}
		}
	}
}

// kill gives the visit of what a kill leaves.
func (e *explorer) kill(cut *faultfs.Cut) *visit {
	v, _ := e.kills.get(cut.KillKey())
	return v
}

func (k *recoveryKill) explore() {
	k.explorer.explore(k.visit, k.cut.Kill, recovered, false)
	k.explorer.probe(k.visit, k.cut.Kill())
}

func (k *recoveryKill) judge(o *oracle) *verdict {
	found := o.judge(k.visit, k.allowed, recovered)
	if found == nil {
		found = o.inUse(k.visit, k.allowed)
	}
	return found.behind(k.crash)
}

// killRecovery tries all kills of the recovery from a disk, up to the first that
// fails.
func (e *explorer) killRecovery(o *oracle, j *job, l left) *verdict {
	for kill := range e.recoveryKills(j, l, func(uint64) bool { return true }) {
		e.tasks.add(kill.explore)
		e.tasks.work(1, nothing)
		if found := kill.judge(o); found != nil {
			return found
		}
	}
	return nil
}
