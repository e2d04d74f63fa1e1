package crashtest

import (
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"
	"syscall"

	"crashsim/faultfs"
)

// trust is what may be asked of a store by what its disk does.
type trust int

const (
	exact   trust = iota // the disk tells of its errors: nothing is lost but what has failed
	damaged              // stored bytes were changed: the store names it, or it makes no difference
	lying                // the disk says what is not so: the store may lose data, and makes nothing up
)

func trustIn(plan faultfs.Plan) (t trust) {
	for _, f := range plan {
		switch {
		case f.What.Lies():
			return lying
		case f.What.Deed == faultfs.Flip || f.What.Deed == faultfs.Zero:
			t = damaged
		}
	}
	return t
}

// zeroes tells whether a fault puts zeros in a sector's place.
func zeroes(plan faultfs.Plan) bool {
	return slices.ContainsFunc(plan, func(f faultfs.Fault) bool { return f.What.Deed == faultfs.Zero })
}

// trust is what may be asked in a life that begins so. Zeros are what a crash leaves
// of an append as well: where the store was not closed before, they may take what
// was written last, and no reader can tell.
func (b *faultStart) trust(workload bool) trust {
	if t := trustIn(b.plan); t != damaged || workload || b.closed || !zeroes(b.plan) {
		return t
	}
	return lying
}

// left is what may be asked after a crash.
func (l *faultLife) left() trust {
	if l.trust == damaged && !l.closed && zeroes(l.armed.Plan()) {
		return lying
	}
	return l.trust
}

// truthLines are the lines of states that were right at some time.
type truthLines struct {
	in    *interner
	lines map[string]bool
}

func newTruthLines(in *interner, states []stateID) *truthLines {
	t := &truthLines{in: in, lines: map[string]bool{}}
	for _, id := range states {
		for line := range strings.Lines(in.text(id)) {
			t.lines[line] = true
		}
	}
	return t
}

// has tells whether every line of a text was right at some time, or is in one of
// some states more.
func (t *truthLines) has(text string, more []stateID) bool {
	var own map[string]bool
	for line := range strings.Lines(text) {
		if t != nil && t.lines[line] {
			continue
		}
		if own == nil {
			own = newTruthLines(t.in, more).lines
		}
		if !own[line] {
			return false
		}
	}
	return true
}

// causes gives the errors that a fault can have a call answer, and whether it may be
// any error at all.
func causes(a faultfs.Action) (list []syscall.Errno, anyAtAll bool) {
	if a.Errno != 0 {
		list = append(list, a.Errno)
	}
	switch a.Deed {
	case faultfs.ReadOnly:
		list = append(list, syscall.EROFS)
	case faultfs.Shutdown:
		list = append(list, syscall.EIO)
	case faultfs.Size, faultfs.Room:
		list = append(list, syscall.ENOSPC)
	case faultfs.Short:
		return list, a.Errno == 0
	}
	return list, false
}

// judgeError looks at an error that the store has answered, before which n faults
// had struck: it has to lead to its cause; where stored data is not what it was, it
// has to name a file. Then nothing more is asked of the store.
func (l *faultLife) judgeError(err error, n int) *Failure {
	strikes := l.armed.Struck()
	if len(strikes) == 0 {
		return &Failure{Kind: OpFailed, Detail: err.Error()}
	}
	var want []string
	anyCause := false
	for _, s := range strikes {
		list, anyAtAll := causes(l.armed.Plan()[s.Fault].What)
		anyCause = anyCause || anyAtAll
		if slices.ContainsFunc(list, func(e syscall.Errno) bool { return errors.Is(err, e) }) {
			return l.judgeKind(err, list)
		}
		for _, e := range list {
			if !slices.Contains(want, e.Error()) {
				want = append(want, e.Error())
			}
		}
	}
	if l.trust != exact {
		if l.names(err.Error()) {
			l.tell("it has named what is damaged: no more is asked of it")
			l.over = true
			return nil
		}
		if !anyCause {
			return &Failure{Kind: Unnamed, Detail: err.Error()}
		}
	}
	switch {
	case anyCause:
		return l.judgeKind(err, nil)
	case len(strikes) == n:
		return &Failure{Kind: Stuck, Detail: err.Error()}
	case want == nil:
		return &Failure{Kind: OpFailed, Detail: err.Error()}
	}
	return &Failure{Kind: Misreported, Detail: err.Error() + notCause + strings.Join(want, ", ")}
}

const notCause = ", which does not lead to: "

func (l *faultLife) judgeKind(err error, list []syscall.Errno) *Failure {
	if l.target.Reports == nil {
		return nil
	}
	cause := io.ErrShortWrite
	if len(list) > 0 {
		cause = list[0]
	}
	if wrong := l.target.Reports(err, cause); wrong != "" {
		return &Failure{Kind: Misreported, Detail: fmt.Sprintf("%s: %s", wrong, err)}
	}
	return nil
}

// names tells whether a text names a file that is not what it was: one that a fault
// has struck, under whatever name it has by now. What a lie about one file has cost
// may show in another.
func (l *faultLife) names(text string) bool {
	return l.session.names(text, l.sim.Trace(), l.armed.Struck(), l.trust)
}

func (s *session) names(text string, trace *faultfs.Trace, strikes []faultfs.Strike, t trust) bool {
	is := map[string]bool{}
	for _, st := range strikes {
		is[st.Call.Path], is[st.Call.Path2] = true, true
		dir, base := path.Split(st.Call.Path)
		for name, hidden := strings.CutPrefix(base, "."); hidden && name != ""; name = name[:max(0, strings.LastIndexByte(name, '.'))] {
			is[dir+name] = true // what ".name.more" stands in for
		}
	}
	delete(is, "")
	for i := range trace.Len() {
		op := trace.Op(i)
		if op.Kind.IsMark() {
			continue
		}
		if t == lying {
			is[op.Path] = true
		}
		if op.Kind == faultfs.OpRename && is[op.Path] {
			is[op.Path2] = true
		}
	}
	for name := range is {
		if name != "" && strings.Contains(text, name) {
			return true
		}
	}
	return false
}

// wrongState judges a state that is none of the set.
func (l *faultLife) wrongState(text string) *Failure {
	f, lost := judgeState(l.trust, l.truth, l.ref.in, text, noticed(l.store), l.set.ids(), places(l.plain))
	l.over, l.lied = f == nil, lost
	if f == nil {
		l.tell("it shows less than was acknowledged, and nothing else: no more is asked of it")
	}
	return f
}

// judgeState judges a state that is none of those that are right: lost says that a
// lie has cost data.
func judgeState(t trust, truth *truthLines, in *interner, text, noticed string, right []stateID, order map[stateID]int) (f *Failure, lost bool) {
	switch {
	case t == lying && truth.has(text, right):
		return nil, true
	case t == damaged && noticed != "" && (&truthLines{in: in}).has(text, right):
		return nil, false
	}
	f = &Failure{Kind: HandedOut}
	if t == exact {
		f = wrongState(in.id(text), right, order)
	}
	f.compare(in, in.id(text), right)
	return f, false
}

func (l *faultLife) wrongAnswer(want, got string) *Failure {
	switch l.trust {
	case damaged:
		return &Failure{Kind: HandedOut, Want: want, Got: got}
	case lying: // an answer may be of what the lie has left: that has to be true
		text, err := l.store.State()
		if err != nil {
			return l.judgeError(err, l.watch.struck)
		}
		if !l.truth.has(text, l.set.ids()) {
			return l.wrongState(text)
		}
		l.over, l.lied = true, true
		return nil
	}
	return &Failure{Kind: WrongAnswer, Want: want, Got: got}
}
