package crashtest

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"crashsim/faultfs"
)

// Story is a case carried out, as values to show: what [Case.Report] says, and
// everything around it.
type Story struct {
	Case     *Case
	Report   string   // as Replay gives it; not that of the case if the store has changed
	Sentence string   // for a person
	Failure  *Failure // nil: the store comes through by now
	Right    string   // after how many operations of the workload the right states are
	DiffHead string   // what is compared, empty where nothing is
	Diff     []string // lines that begin with "-", "+", " ", or "@@"
	Chapters []Chapter
}

// Chapter is one life of the store, and the crash that ends it.
type Chapter struct {
	Life  Life
	Ops   []StoreOp
	Lanes []Lane
	Steps []Step
	Tales []Tale     // of a life with faults, in order
	Crash *CrashTold // nil in the last, in which the failure shows
}

// Tale is what happened in a life with faults: a fault that struck, or an answer.
type Tale struct {
	At   int // how many operations of the trace had come before it
	Text string
}

// StoreOp is an operation of the store.
type StoreOp struct {
	Text string
	Fate OpFate
}

// OpFate is what had become of an operation when its life ended.
type OpFate string

// The fates of operations.
const (
	Acknowledged OpFate = "acknowledged"
	InFlight     OpFate = "in flight"
	FailsHere    OpFate = "here it fails"
)

// Lane is a file or folder that a life had to do with.
type Lane struct {
	Ino    faultfs.Ino
	Name   string // its last path
	Was    string // its first, where that was another
	Folder bool
}

// Step is an operation on the disk, or a mark.
type Step struct {
	At     int // place in the trace; negative: pending from the life before
	Op     *faultfs.Op
	Text   string // in one line, long names shortened
	Frames []faultfs.Frame
	Lane   int // of the file or folder itself, -1 for a mark
	Parts  []Part
	Covers []PartOf // what a sync made durable
}

// PartOf names a part of a step by their indexes.
type PartOf struct{ Step, Part int }

// Part is what of an operation reaches the disk as one, or does not.
type Part struct {
	Effect *faultfs.Effect
	Text   string
	Lane   int // whose sync would make it durable
	Fate   Fate
}

// Fate is what became of a part of an operation at the crash, or at the end.
type Fate string

// The fates of parts.
const (
	Durable Fate = "durable" // a sync had covered it
	Pending Fate = "pending" // none had; here it is on the disk all the same
	Gone    Fate = "lost"    // none had, and here it is lost
	Dropped Fate = "dropped" // a sync of it failed, and the system gave it up
	Moot    Fate = "moot"    // its file went for good, so nobody can see
	Torn    Fate = "torn"    // of a step: some parts are lost and some are not
)

// Fate sums up the parts, "" where there are none.
func (s *Step) Fate() (f Fate) {
	for _, p := range s.Parts {
		switch {
		case f == "" || f == Moot || f == p.Fate:
			f = p.Fate
		case p.Fate == Moot:
		case f == Gone || p.Fate == Gone || f == Torn:
			f = Torn
		case p.Fate == Pending:
			f = Pending
		}
	}
	return f
}

// Tell carries a case out and tells what happens now. [ErrDiverged] says that it
// cannot be carried out any more.
func (c *Case) Tell(t *Target) (*Story, error) {
	m, err := c.Rule()
	if err != nil {
		return nil, err
	}
	p, err := c.Scenario.play(t, m)
	if err != nil {
		return nil, err
	}
	s := &Story{Case: c, Report: p.report(&c.Scenario), Failure: p.failure, Sentence: "Nothing fails: the store comes through."}
	if p.failure != nil {
		s.Sentence = p.sentence(&c.Scenario)
		s.DiffHead, s.Diff = p.diff()
	}
	if len(p.allowed) > 0 {
		s.Right = "the state after " + p.placesOf(p.allowed)
	}
	for i := range p.lives {
		s.Chapters = append(s.Chapters, p.chapter(&c.Scenario, i, m))
	}
	return s, nil
}

func (p *play) chapter(sc *Scenario, i int, m faultfs.Model) Chapter {
	life := p.lives[i]
	ch := Chapter{Life: sc.Last}
	end := life.trace.Len()
	if i < len(p.cuts) {
		ch.Life, end = sc.Crashes[i].In, p.cuts[i].At
	}
	ch.Ops = p.storeOps(i, end)
	b := chapterBuilder{Chapter: &ch, lanes: map[faultfs.Ino]int{}, parts: map[place]PartOf{}}
	b.walk(life.trace, m, end)
	for _, t := range life.tales {
		if t.at <= end {
			ch.Tales = append(ch.Tales, Tale{t.at, t.text})
		}
	}
	if i < len(p.cuts) {
		b.lose(p.lost[i])
		ch.Crash = p.crashTold(sc.Crashes[i], i, &ch)
	}
	return ch
}

func (p *play) storeOps(i, end int) (list []StoreOp) {
	life := p.lives[i]
	begun, answered := life.answers(end)
	for k, op := range life.ops[:min(begun, len(life.ops))] {
		fate := Acknowledged
		switch {
		case life.failed != nil && k == life.failOp && i == len(p.cuts):
			fate = FailsHere
		case k >= answered:
			fate = InFlight
		}
		list = append(list, StoreOp{Text: op, Fate: fate})
	}
	return list
}

// chapterBuilder goes through the trace of a life.
type chapterBuilder struct {
	*Chapter
	lanes map[faultfs.Ino]int
	parts map[place]PartOf
}

// place names an effect for good: a walk may put another in its stead.
type place struct{ at, part int }

func placeOf(e *faultfs.Effect) place { return place{e.At, e.Part} }

func (b *chapterBuilder) walk(t *faultfs.Trace, m faultfs.Model, end int) {
	w := t.Walk(m)
	for _, e := range w.Pending() {
		if n := len(b.Steps); n == 0 || b.Steps[n-1].At != e.At {
			b.step(e.Op, e.At)
		}
		b.part(e)
	}
	for w.Pos() < end {
		op := w.Peek()
		var before []*faultfs.Effect
		if w.Settles(op) {
			before = slices.Clone(w.Pending())
		}
		b.step(op, w.Pos())
		w.Next()
		if before != nil {
			b.settled(op, before, w.Pending())
		}
		b.fresh(w.Pending())
	}
}

// fresh adds the effects at the end of what is pending that are new.
func (b *chapterBuilder) fresh(pending []*faultfs.Effect) {
	first := len(pending)
	for first > 0 {
		if _, known := b.parts[placeOf(pending[first-1])]; known {
			break
		}
		first--
	}
	for _, e := range pending[first:] {
		b.part(e)
	}
}

func (b *chapterBuilder) step(op *faultfs.Op, at int) {
	s := Step{At: at, Op: op, Text: brief(op.String()), Frames: framesOf(op.Stack), Lane: -1}
	if !op.Kind.IsMark() {
		folder := op.Mode.IsDir() || op.Kind == faultfs.OpSyncDir
		s.Lane = b.lane(op.Ino, op.Path, folder)
		if op.Path2 != "" {
			b.lane(op.Ino, op.Path2, folder)
			b.lane(op.Dir2, path.Dir(op.Path2), true)
		}
		if op.Dir != 0 {
			b.lane(op.Dir, path.Dir(op.Path), true)
		}
	}
	b.Steps = append(b.Steps, s)
}

// framesOf are the callers up to the harness.
func framesOf(s faultfs.Stack) (list []faultfs.Frame) {
	for _, f := range s.Frames() {
		if f.Package() == thisPackage {
			break
		}
		list = append(list, f)
	}
	return list
}

func (b *chapterBuilder) lane(ino faultfs.Ino, name string, folder bool) int {
	name = brief(name)
	i, ok := b.lanes[ino]
	if !ok {
		i = len(b.Lanes)
		b.lanes[ino] = i
		b.Lanes = append(b.Lanes, Lane{Ino: ino, Name: name, Folder: folder})
		return i
	}
	l := &b.Lanes[i]
	if l.Name != name {
		if l.Was == "" {
			l.Was = l.Name
		}
		l.Name = name
	}
	return i
}

func (b *chapterBuilder) part(e *faultfs.Effect) {
	i := len(b.Steps) - 1
	s := &b.Steps[i]
	lane, ok := b.lanes[e.Ino]
	if !ok {
		lane = b.lane(e.Ino, path.Dir(e.Op.Path), true)
	}
	b.parts[placeOf(e)] = PartOf{i, len(s.Parts)}
	s.Parts = append(s.Parts, Part{Effect: e, Text: brief(e.String()), Lane: lane, Fate: Pending})
}

// settled finds out what an operation has taken off the list of what is pending.
func (b *chapterBuilder) settled(op *faultfs.Op, before, after []*faultfs.Effect) {
	still := make(map[place]bool, len(after))
	for _, e := range after {
		still[placeOf(e)] = true
	}
	sync := &b.Steps[len(b.Steps)-1]
	for _, e := range before {
		if still[placeOf(e)] {
			continue
		}
		at := b.parts[placeOf(e)]
		p := &b.Steps[at.Step].Parts[at.Part]
		switch {
		case !op.Kind.IsSync():
			p.Fate = Dropped
		case e.Ino != op.Ino && b.removed(e.Ino):
			p.Fate = Moot
		default:
			p.Fate = Durable
			sync.Covers = append(sync.Covers, at)
		}
	}
}

// removed tells whether the last thing done to an inode's names took one away.
func (b *chapterBuilder) removed(ino faultfs.Ino) bool {
	for _, s := range slices.Backward(b.Steps) {
		switch op := s.Op; {
		case op.Kind == faultfs.OpRemove && op.Ino == ino:
			return true
		case op.Ino == ino && (op.Kind == faultfs.OpCreate || op.Kind == faultfs.OpMkdir || op.Kind == faultfs.OpLink):
			return false
		case op.Kind == faultfs.OpRename && op.Ino != ino && b.nameOf(ino) == brief(op.Path2):
			return true // replaced
		}
	}
	return false
}

func (b *chapterBuilder) nameOf(ino faultfs.Ino) string {
	if i, ok := b.lanes[ino]; ok {
		return b.Lanes[i].Name
	}
	return ""
}

// lose marks what the crash has taken. Its effects are of another walk.
func (b *chapterBuilder) lose(lost []*faultfs.Effect) {
	gone := make(map[place]bool, len(lost))
	for _, e := range lost {
		gone[placeOf(e)] = true
	}
	for i := range b.Steps {
		for k := range b.Steps[i].Parts {
			p := &b.Steps[i].Parts[k]
			if p.Fate == Pending && gone[placeOf(p.Effect)] {
				p.Fate = Gone
			}
		}
	}
}

// diff gives what is compared and in what lines that differs.
func (p *play) diff() (head string, lines []string) {
	f := p.failure
	if f.Want == f.Got {
		return "", nil
	}
	switch f.Kind {
	case WrongAnswer:
		head = "right (-) and given (+)"
	case Forgotten:
		head = "shown before (-) and recovered (+)"
	default:
		head = fmt.Sprintf("right is the state after %s (-), and there is (+)", p.placesOf(p.allowed))
	}
	for l := range strings.Lines(unified(f.Want, f.Got)) {
		if !strings.HasPrefix(l, "---") && !strings.HasPrefix(l, "+++") && !strings.HasPrefix(l, "\\") {
			lines = append(lines, visible(strings.TrimSuffix(l, "\n")))
		}
	}
	return head, lines
}
