package crashtest

import "crashsim/faultfs"

// tooMany disks are not kept in memory for those to come that may be equal: some
// 85 MiB.
const tooMany = 7 << 14

// A tally is what explorers have gone through: equal disks, equal cuts, and equal
// kills in a recovery, once. It is all that grows with the disks of a run, so it has
// half of each key.
type tally struct {
	disks map[uint64]struct{}
	kills map[uint64]struct{}
	cuts  map[uint64]tallied
}

// tallied is a cut.
type tallied struct {
	made   int32 // disks, equal ones counted each time
	capped bool
}

// add counts what an explorer has seen. None of its workers is at work.
func (t *tally) add(e *explorer) {
	if t.disks == nil {
		t.disks, t.kills, t.cuts = map[uint64]struct{}{}, map[uint64]struct{}{}, map[uint64]tallied{}
	}
	for ; e != nil; e = e.large {
		for k, v := range e.visits.all {
			if v.level > unseen {
				t.disks[k.Half()] = struct{}{}
			}
		}
		for k := range e.kills.all {
			t.kills[k.Half()] = struct{}{}
		}
		for k, a := range e.cuts.all {
			c := t.cuts[k.Half()]
			t.cuts[k.Half()] = tallied{max(c.made, int32(a.made)), c.capped || a.capped}
		}
	}
}

func (t *tally) has(k faultfs.Key) bool {
	if t == nil {
		return false
	}
	_, has := t.disks[k.Half()]
	return has
}
