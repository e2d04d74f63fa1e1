package crashtest

import (
	"iter"
	"slices"

	"crashsim/faultfs"
)

// Workload is operations that were carried out on a new store, for crashes in them to
// be tried one after another, each with a life of its own after it. It is what fuzzers
// and property tests try, thousands of times a second, where [Run] goes through
// everything once. It is for one goroutine at a time.
type Workload struct {
	target *Target
	cfg    *Config
	play   *play            // of the operations
	failed *Trial           // where they fail with no crash
	cuts   map[int]cutPoint // that were tried, by place
}

// CarryOut carries out operations. Of cfg it takes Model and Depth. It panics where the
// target is not [Target.Valid].
func CarryOut(t *Target, cfg *Config, ops []string) *Workload {
	if err := t.Valid(); err != nil {
		panic(err)
	}
	w := &Workload{target: t, cfg: cfg, play: t.begin(cfg.Model, ops, false), cuts: map[int]cutPoint{}}
	if life := w.play.life(); life.failed != nil {
		if again := t.begin(cfg.Model, ops, true).life(); again.failed != nil {
			life = again // a replay compares after each operation, and may see it sooner
		}
		w.failed = w.trial(ops[:life.failOp+1])
		w.failed.Failure = life.failed
	}
	return w
}

// Crash makes up one scenario of the workload and carries it out: a crash, most
// often in its last operation or after it, what that loses, and what becomes of the
// store, with as many crashes in that as the config's Depth says. Whatever varies comes
// from the chooser; the simplest choices are a cut at the end, and nothing lost.
func (w *Workload) Crash(c Chooser) *Trial {
	if w.failed != nil {
		return w.failed
	}
	tr, p := w.trial(w.play.life().ops), w.play.fork()
	for depth := 0; depth <= w.cfg.Depth && (depth == 0 || c.Choose(4) == 3); depth++ {
		w.crash(tr, p, c)
		p.judge(tr.Scenario.Last)
		if tr.Failure = p.failure; tr.Failure != nil {
			break
		}
	}
	return tr
}

// mostCrashes of a workload are tried at once: a fuzzer's bytes may be very many.
const mostCrashes = 64

// Crashes yields trials of the workload, one of [Workload.Crash] after another: as many
// as the chooser says, up to 64, but none after a failure. The simplest choice is one.
func (w *Workload) Crashes(c Chooser) iter.Seq[*Trial] {
	return func(yield func(*Trial) bool) {
		tr := w.Crash(c)
		for n := 1; yield(tr) && tr.Failure == nil && n < mostCrashes && c.Choose(8) > 0; n++ {
			tr = w.Crash(c)
		}
	}
}

// cutAt gives a cut of the last life of a play, and what is right there.
func (w *Workload) cutAt(p *play, at int) cutPoint {
	if len(p.lives) > 1 {
		return p.life().cutAt(p.model, at)
	}
	cut, ok := w.cuts[at]
	if !ok {
		cut = p.life().cutAt(p.model, at)
		w.cuts[at] = cut
	}
	return cut
}

func (w *Workload) trial(ops []string) *Trial {
	return &Trial{target: w.target, cfg: w.cfg, Scenario: Scenario{Ops: ops, Last: InWorkload}}
}

// Once carries out a workload and tries one crash in it: see [Workload.Crash].
func Once(t *Target, cfg *Config, ops []string, c Chooser) *Trial {
	return CarryOut(t, cfg, ops).Crash(c)
}

// Trial is one scenario that a chooser made up, and what came of it.
type Trial struct {
	Scenario Scenario
	Failure  *Failure // nil: the store comes through

	target *Target
	cfg    *Config
}

// Case gives a failure's case, as it is: see [Case.Shrink] for a smaller one. An
// error says that it does not come again.
func (tr *Trial) Case() (*Case, error) {
	return newCase(tr.target, tr.cfg, &suspect{scenario: tr.Scenario, failure: tr.Failure, seen: 1})
}

// crash ends the life that a play has come to, and begins another on what is left.
func (w *Workload) crash(tr *Trial, p *play, choose Chooser) {
	sc, life := &tr.Scenario, p.life()
	c := Crash{In: sc.Last}
	c.At = chooseCrashPoint(life.trace, choose)
	cut := w.cutAt(p, c.At)
	lost := newLossSet(len(cut.Pending))
	if c.In == InWorkload {
		begun, _ := life.answers(c.At)
		sc.Ops = life.ops[:begun:begun] // the others are not asked for
	}
	// With nothing pending a kill leaves what a power cut does.
	if c.Kill = c.In != InProbes && len(cut.Pending) > 0 && choose.Choose(4) == 3; !c.Kill {
		lost = chooseLost(cut.Cut, choose)
	}
	sim := c.leaves(cut.Cut, lost)
	if sim == nil {
		lost = newLossSet(len(cut.Pending))
		sim = c.leaves(cut.Cut, lost)
	}
	b := newBranch(life, cut.Cut)
	c.Lost, c.last = b.lost(lost), b.last
	if c.In == InRecovery && c.At == life.trace.Len() && len(c.Lost) == 0 {
		c.At = AtEnd
	}
	p.ended(c, cut, lost)
	sc.Crashes, sc.Last = append(sc.Crashes, c), InRecovery
	if c.In != InProbes && choose.Choose(8) == 7 && p.live(InProbes, sim) == nil {
		sc.Last = InProbes
		return
	}
	_ = p.live(InRecovery, sim) // which fails in no way but the store's own
}

// chooseCrashPoint chooses a place in a trace at which a crash tells much: before a
// sync, after an acknowledgement, after a name made, or the end. Most often it is in
// the last operation: with others it would be another workload's last.
func chooseCrashPoint(t *faultfs.Trace, c Chooser) int {
	var points []int
	last := 0 // the first that is in the last operation
	for i := range t.Len() {
		switch t.Op(i).Kind {
		case faultfs.OpSync, faultfs.OpSyncDir:
			points = append(points, i)
		case faultfs.OpRename, faultfs.OpCreate, faultfs.OpMkdir, faultfs.MarkAck:
			points = append(points, i+1)
		case faultfs.MarkBegin:
			last = len(points)
		}
	}
	points = slices.Compact(append(points, t.Len()))
	n := max(1, len(points)-last)
	back := c.Choose(n + 1)
	if back == n {
		back = c.Choose(len(points))
	}
	return points[len(points)-1-back]
}

// ChooseKept chooses what a power cut leaves of a cut's pending effects, for
// [faultfs.Cut.Image]: all, none, all up to one, all but one and what needs it, or
// each by itself.
func ChooseKept(cut *faultfs.Cut, c Chooser) (kept func(i int) bool) { return chooseLost(cut, c).kept }

// chooseLost chooses a closed set of lost effects: none, all, all from one on, one
// and what needs it, or each by itself.
func chooseLost(cut *faultfs.Cut, c Chooser) lossSet {
	n := len(cut.Pending)
	lost := newLossSet(n)
	if n == 0 {
		return lost
	}
	is := func(int) bool { return false }
	switch c.Choose(5) {
	case 1:
		is = func(int) bool { return true }
	case 2:
		k := c.Choose(n)
		is = func(i int) bool { return i >= k }
	case 3:
		k := c.Choose(n)
		is = func(i int) bool { return i == k }
	case 4:
		is = func(int) bool { return c.Choose(2) == 1 }
	}
	for i := range n {
		if is(i) {
			lost.add(i)
		}
	}
	return lost.close(cut.Needs)
}
