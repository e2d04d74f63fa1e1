package crashtest

import (
	"slices"
	"sync"

	"crashsim/faultfs"
)

// reads are what a life, and all that was made of it, has looked at, each once, by
// when it was first.
type reads struct {
	list []faultfs.Read
	seen map[faultfs.Read]bool
}

func (r *reads) add(list []faultfs.Read) {
	if r.seen == nil {
		r.seen = map[faultfs.Read]bool{}
	}
	for _, x := range list {
		if !r.seen[x] {
			r.seen[x] = true
			r.list = append(r.list, x)
		}
	}
}

// looked is what exploring a disk, or a cut, to some level has looked at. Reads are
// portable: they hold for every equal disk. One worker finds it out, and others that
// want it wait: what it waits for in turn is of a lower level, and so it has an end.
type looked struct {
	level int
	probe bool
	mu    sync.Mutex
	known bool
	reads []uint32 // as lists numbers them
	moved []uint32 // likewise: see [faultfs.Sim.Moved]
}

// looks are those of one disk or cut.
type looks []*looked

// at gives what belongs to a level. The caller locks the list.
func (l *looks) at(level int, probe bool) *looked {
	for _, k := range *l {
		if k.level == level && k.probe == probe {
			return k
		}
	}
	k := &looked{level: level, probe: probe}
	*l = append(*l, k)
	return k
}

// lists keeps equal lists of reads once: most disks are looked at in the same way.
// The lists that differ have most of their reads in common, and hold their numbers.
type lists struct {
	mu     sync.Mutex
	number map[faultfs.Read]uint32
	reads  []faultfs.Read // by number
	by     map[uint64][][]uint32
}

func (l *lists) one(list []faultfs.Read) []uint32 {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.by == nil {
		l.number, l.by = map[faultfs.Read]uint32{}, map[uint64][][]uint32{}
	}
	numbers := make([]uint32, len(list))
	h := uint64(len(list))
	for i, r := range list {
		n, ok := l.number[r]
		if !ok {
			n = uint32(len(l.reads))
			l.number[r] = n
			l.reads = append(l.reads, r)
		}
		numbers[i] = n
		h = h*0x9e3779b97f4a7c15 ^ uint64(n)
	}
	for _, known := range l.by[h] {
		if slices.Equal(known, numbers) {
			return known
		}
	}
	l.by[h] = append(l.by[h], numbers)
	return numbers
}

// of gives the reads of a list.
func (l *lists) of(numbers []uint32) []faultfs.Read {
	l.mu.Lock()
	reads := l.reads // what is there is never changed
	l.mu.Unlock()
	list := make([]faultfs.Read, len(numbers))
	for i, n := range numbers {
		list[i] = reads[n]
	}
	return list
}

// lazily is explore by one worker, which gives what was looked at of the disk: by
// the recovery, by those inside it, and by all that came after; and what the recovery
// moved of it.
func (e *explorer) lazily(v *visit, sim *faultfs.Sim, level int, probe bool) (seen, moved []faultfs.Read) {
	places := sim.Trace().Places()
	v.mu.Lock()
	l := v.looked.at(level, probe)
	v.mu.Unlock()
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.known {
		return places.Local(e.known.of(l.reads)), places.Local(e.known.of(l.moved))
	}
	sim.Watch()
	s := e.recover(sim)
	var all reads
	all.add(sim.Reads())
	var crashes []branch
	if level > twice && s.failed == nil {
		for cut := range s.recoveryCuts(e.model) {
			b := s.recoveryBranch(cut)
			var seen []faultfs.Read
			b.aftermath, seen = e.lazilyAfter(cut, level-1, probe)
			all.add(seen)
			crashes = append(crashes, b)
		}
	}
	var final *visit
	if s.failed == nil {
		final = e.disk(sim.Key())
		if level >= twice {
			seen, moved := e.lazily(final, sim.Fork(), recovered, false)
			if all.add(seen); e.target.Idempotent { // it is compared with what was there before
				all.add(moved)
			}
			if probe {
				all.add(e.lazilyProbe(final, sim.Fork()))
			}
		}
	}
	l.known, l.reads, l.moved = true, e.known.one(places.Portable(all.list)), e.known.one(places.Portable(sim.Moved()))
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.level == unseen {
		v.keep(s, final)
	}
	if level > v.level && level > twice {
		v.crashes = crashes
	}
	v.level, v.tried = max(v.level, level), v.tried || probe
	// Without what came into being later: it may be numbered as what was lost.
	return places.Local(e.known.of(l.reads)), places.Local(e.known.of(l.moved))
}

// lazilyProbe is probe by one worker.
func (e *explorer) lazilyProbe(v *visit, sim *faultfs.Sim) []faultfs.Read {
	places := sim.Trace().Places()
	const once = -1 // in place of a level
	v.mu.Lock()
	l := v.looked.at(once, true)
	model := e.reference[v.state]
	failed := v.failed
	v.mu.Unlock()
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.known || model == nil || failed != nil {
		return places.Local(e.known.of(l.reads))
	}
	sim.Watch()
	s := e.target.apply(sim, model, e.target.probes(model), false, e.in)
	var all reads
	all.add(sim.Reads())
	var probes []branch
	if !e.calm {
		for cut := range s.cuts(e.model) {
			b := newBranch(s, cut.Cut)
			b.states = cut.allowed
			var seen []faultfs.Read
			b.aftermath, seen = e.lazilyAfter(cut.Cut, recovered, false)
			all.add(seen)
			probes = append(probes, b)
		}
	}
	l.known, l.reads = true, e.known.one(places.Portable(all.list))
	v.mu.Lock()
	defer v.mu.Unlock()
	if !v.probed {
		v.probed, v.probeFail, v.probeStates, v.answered, v.probes = true, s.failed, s.states, s.firstAnswer(), probes
	}
	return places.Local(e.known.of(l.reads))
}

// lazilyAfter goes through what a cut may leave as far as it makes a difference,
// and gives what was looked at of what the cut has: durable, or pending.
func (e *explorer) lazilyAfter(cut *faultfs.Cut, level int, probe bool) (*aftermath, []faultfs.Read) {
	a, _ := e.cuts.get(cut.Key())
	places := cut.Places()
	a.mu.Lock()
	l := a.looked.at(level, probe)
	a.mu.Unlock()
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.known {
		return a, places.Local(e.known.of(l.reads))
	}
	w := &lazyWalk{explorer: e, cut: cut, level: level, probe: probe, tried: map[string]bool{}}
	capped := !w.all()
	l.known, l.reads = true, e.known.one(places.Portable(w.reads.list))
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.made == 0 || level > a.level {
		a.disks, a.made, a.capped = w.disks, w.made, capped
	}
	a.level, a.probed = max(a.level, level), a.probed || probe
	return a, places.Local(e.known.of(l.reads))
}

// lazyWalk goes through one cut.
type lazyWalk struct {
	*explorer
	cut   *faultfs.Cut
	level int
	probe bool

	reads reads
	disks []left
	made  int
	tried map[string]bool
	seen  map[*visit]bool

	classes bool // are tried first, and the lazy search has half of what may be tried
}

// all tells whether it came to the end of all there is.
func (w *lazyWalk) all() bool {
	needs := w.cut.Needs
	w.seen = map[*visit]bool{}
	if w.classes = w.explorer.classes && more(needs, w.maxStates); w.classes {
		for _, set := range classSets(needs, w.maxStates) {
			w.try(set)
		}
	}
	search := newLazySearch(needs)
	for set := search.next(); set != nil; set = search.next() {
		if w.made >= w.budget() {
			break
		}
		if !search.saw(set, w.try(set)) {
			w.diverged.Store(true)
			return false
		}
	}
	if !search.ended && w.classes {
		for _, set := range sampleSets(needs, w.maxStates/2, Seeded(derive(w.seed, uint64(len(needs))))) {
			w.try(set)
		}
	}
	slices.SortStableFunc(w.disks, func(a, b left) int { return a.lost.len() - b.lost.len() })
	return search.ended
}

// budget is how many disks are tried lazily: where the rest is to be drawn at
// random, half of them.
func (w *lazyWalk) budget() int {
	if w.classes {
		return max(1, w.maxStates/2)
	}
	return w.maxStates
}

// try explores one set, and gives the units that were looked at.
func (w *lazyWalk) try(lost lossSet) []int {
	sim := w.cut.Image(lost.kept)
	if sim == nil { // no disk: what makes it one, or not, is which folders moved
		var names []int
		for i, e := range w.cut.Pending {
			if e.Kind == faultfs.EffectEntry {
				names = append(names, i)
			}
		}
		return names
	}
	if !w.tried[lost.id()] {
		w.tried[lost.id()] = true
		w.made++
	}
	v := w.disk(sim.Key())
	if !w.seen[v] {
		w.seen[v] = true
		w.disks = append(w.disks, left{v, lost})
	}
	seen, _ := w.lazily(v, sim, w.level, w.probe)
	w.reads.add(seen)
	return w.cut.Touched(seen)
}

// hasDiverged tells whether a recovery has looked at other things than one before
// it, of a disk that was the same up to there.
func (e *explorer) hasDiverged() bool {
	return e.diverged.Load() || e.large != nil && e.large.hasDiverged()
}
