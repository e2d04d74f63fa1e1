package crashtest

import (
	"iter"
	"slices"

	"crashsim/faultfs"
)

// cutPoint is a cut of an applied workload, and the states that are right there.
type cutPoint struct {
	*faultfs.Cut
	allowed []stateID
	op      int // in flight, or acknowledged last; -1 before the first
}

// cuts yields those cuts of a session that matter: before a sync that makes
// something durable, when the most is pending; after an acknowledgement, when
// less is right; and at the end. Every other cut leaves a part of the disks of
// the next one of these, and allows no less for them.
func (s *session) cuts(m faultfs.Model) iter.Seq[cutPoint] {
	return func(yield func(cutPoint) bool) { s.yieldCuts(m, yield) }
}

func (s *session) yieldCuts(m faultfs.Model, yield func(cutPoint) bool) {
	p := s.begin(m)
	fresh := true // something happened since the last cut
	for next := p.walk.Peek(); next != nil; next = p.walk.Peek() {
		if p.walk.Settles(next) && !yield(p.cut()) {
			return
		}
		before := p.right
		p.next()
		fresh = fresh || !next.Kind.IsMark() || next.Kind == faultfs.MarkAck && !slices.Equal(before, p.right)
		if next.Kind == faultfs.MarkAck && fresh {
			if fresh = false; !yield(p.cut()) {
				return
			}
		}
	}
	yield(p.cut())
}

// recoveryCuts yields the cuts of a recovery that matter: before each sync that
// makes something durable, and the end, where that is not the disk that it leaves.
func (s *session) recoveryCuts(m faultfs.Model) iter.Seq[*faultfs.Cut] {
	return func(yield func(*faultfs.Cut) bool) {
		w := s.trace.Walk(m)
		lost := false // by a sync that failed: what can be read may be on no disk
		for op := w.Peek(); op != nil; op = w.Peek() {
			if w.Settles(op) && !yield(w.Cut()) {
				return
			}
			lost = lost || op.Kind == faultfs.OpSyncFail
			w.Next()
		}
		if cut := w.Cut(); len(cut.Pending) > 0 || lost {
			yield(cut)
		}
	}
}

// recoveryKills yields the moments after each operation of a recovery that leaves
// something pending: with nothing pending a killed process leaves what a power cut
// does.
func (s *session) recoveryKills(m faultfs.Model) iter.Seq[*faultfs.Cut] {
	return func(yield func(*faultfs.Cut) bool) {
		w := s.trace.Walk(m)
		for op := w.Peek(); op != nil; op = w.Peek() {
			w.Next()
			if op.Kind.IsMark() || op.Kind.IsSync() {
				continue
			}
			if cut := w.Cut(); len(cut.Pending) > 0 && !yield(cut) {
				return
			}
		}
	}
}

// firstAnswer is the place in a trace before which nothing was answered.
func (s *session) firstAnswer() int {
	for i := range s.trace.Len() {
		if k := s.trace.Op(i).Kind; k == faultfs.MarkAck || k == faultfs.MarkFail {
			return i + 1
		}
	}
	return s.trace.Len() + 1
}

// progress is how far a walk through a session has come, and what is right there.
type progress struct {
	session *session
	walk    *faultfs.Walk
	acked   int
	op      int
	right   []stateID
}

func (s *session) begin(m faultfs.Model) *progress {
	p := &progress{session: s, walk: s.trace.Walk(m), op: -1}
	if s.states != nil {
		p.right = s.states[:1]
	}
	if s.right != nil {
		p.right = s.right[-1]
	}
	return p
}

func (p *progress) cut() cutPoint { return cutPoint{p.walk.Cut(), p.right, p.op} }

// next goes over one operation. What has begun may be there or not; what is
// acknowledged has to be; what has failed may be there for good.
func (p *progress) next() {
	op, at := p.walk.Peek(), p.walk.Pos()
	p.walk.Next()
	if p.session.right != nil {
		if right, ok := p.session.right[at]; ok {
			p.right, p.op = right, op.Index
		}
		return
	}
	switch op.Kind {
	case faultfs.MarkBegin:
		p.op = op.Index
		p.right = distinct(p.session.states[p.acked], p.session.states[p.op+1])
	case faultfs.MarkAck:
		p.acked = op.Index + 1
		p.right = distinct(p.session.states[p.acked])
	}
}

// cutAt gives one cut of a session, and the states that are right there, if it
// has a reference.
func (s *session) cutAt(m faultfs.Model, at int) cutPoint {
	p := s.begin(m)
	for p.walk.Pos() < at {
		p.next()
	}
	return p.cut()
}

func distinct(ids ...stateID) []stateID {
	slices.Sort(ids)
	return slices.Compact(ids)
}

// LostEffect names an effect that a crash takes back: by the place of its
// operation in the trace (negative where that was in the life before, counted
// back from its end) and its own among the operation's.
type LostEffect struct {
	At, Part int

	site site
}

func lostEffect(e *faultfs.Effect) LostEffect { return LostEffect{e.At, e.Part, siteOf(e)} }

// A site is what was asked of the disk, and by whom.
type site struct {
	op     faultfs.Kind
	effect faultfs.EffectKind
	stack  faultfs.Stack
}

func siteOf(e *faultfs.Effect) site { return site{e.Op.Kind, e.Kind, e.Op.Stack} }

// lastSite is the site of the last operation on the disk before a cut.
func (s *session) lastSite(at int) site {
	if op := s.trace.Last(at); op != nil {
		return site{op: op.Kind, stack: op.Stack}
	}
	return site{}
}

// String names the lines within the package that asked: what its callers were is
// not a cause.
func (s site) String() string {
	text := s.op.String()
	switch s.effect {
	case faultfs.EffectSize:
		text += " size"
	case faultfs.EffectData:
		text += " data"
	}
	pkg := ""
	for _, f := range s.stack.Frames() {
		if pkg != "" && f.Package() != pkg {
			break
		}
		pkg = f.Package()
		text += " " + f.Line
	}
	return text
}
