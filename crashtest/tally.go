package crashtest

import "crashsim/faultfs"

// tooMany disks are not kept in memory for those to come that may be equal: some
// 100 MiB.
const tooMany = 1 << 17

// A tally is what explorers have gone through: equal disks, equal cuts, and equal
// kills in a recovery, once.
type tally struct {
	disks map[faultfs.Key]struct{}
	kills map[faultfs.Key]struct{}
	cuts  map[faultfs.Key]tallied
}

// tallied is a cut.
type tallied struct {
	made   int // disks, equal ones counted each time
	capped bool
}

// add counts what an explorer has seen. None of its workers is at work.
func (t *tally) add(e *explorer) {
	if t.disks == nil {
		t.disks, t.kills, t.cuts = map[faultfs.Key]struct{}{}, map[faultfs.Key]struct{}{}, map[faultfs.Key]tallied{}
	}
	for ; e != nil; e = e.large {
		for k, v := range e.visits.all {
			if v.level > unseen {
				t.disks[k] = struct{}{}
			}
		}
		for k := range e.kills.all {
			t.kills[k] = struct{}{}
		}
		for k, a := range e.cuts.all {
			c := t.cuts[k]
			t.cuts[k] = tallied{max(c.made, a.made), c.capped || a.capped}
		}
	}
}

func (t *tally) has(k faultfs.Key) bool {
	if t == nil {
		return false
	}
	_, has := t.disks[k]
	return has
}
