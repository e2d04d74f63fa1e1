package crashtest

import (
	"errors"
	"fmt"
	"runtime/debug"
	"strings"

	"crashsim/faultfs"
)

// stepBudget is how many things a store may ask of its disk in one life. What
// needs more than that has lost its way.
const stepBudget = 1 << 17

// A session is one life of a store on a disk: opened, given operations, closed,
// with everything recorded.
type session struct {
	ops   []string
	trace *faultfs.Trace
	final *faultfs.Sim // the running disk at the end

	// The reference after k operations, of a session that has one.
	models []Model
	states []stateID

	// What is right after each mark, by its place in the trace, where that is not
	// told by states: in a life with faults.
	right map[int][]stateID
	tales []tale

	shown    stateID // by State, in a recovery
	shownPos int     // how much of the trace was before that

	noticed string // damage that the store has told of then

	failed *Failure // what went wrong, nil if nothing
	failOp int      // at which operation, -1 at opening
}

func (t *Target) open(sim *faultfs.Sim) (Store, error) {
	store, err := t.Open(sim)
	if store == nil && err == nil {
		err = errors.New("the target's Open gives neither a store nor an error")
	}
	return store, err
}

// recover opens the store on a disk, asks for its state and closes it.
func (t *Target) recover(sim *faultfs.Sim, in *interner) *session {
	s := &session{final: sim, failOp: -1, shown: noState}
	s.failed = guard(sim, func() *Failure {
		store, err := t.open(sim)
		if err != nil {
			return &Failure{Kind: Refused, Detail: err.Error()}
		}
		text, err := store.State()
		if err != nil {
			return &Failure{Kind: Unreadable, Detail: err.Error()}
		}
		s.shown, s.shownPos, s.noticed = in.id(text), sim.Trace().Len(), noticed(store)
		return closed(store)
	})
	s.trace = sim.Trace()
	return s
}

func noticed(store Store) string {
	if n, ok := store.(Noticer); ok {
		return strings.Join(n.Noticed(), "\n")
	}
	return ""
}

func closed(store Store) *Failure {
	if err := store.Close(); err != nil {
		return &Failure{Kind: OpFailed, Detail: "close: " + err.Error()}
	}
	return nil
}

// apply opens the store on a disk and gives it operations in lock step with the
// reference, which has to be in the store's state. The states are compared at the
// end, and with compare after each operation. It ends at the first difference.
func (t *Target) apply(sim *faultfs.Sim, model Model, ops []string, compare bool, in *interner) *session {
	s := &session{ops: ops, final: sim, failOp: -1, models: []Model{model}, states: []stateID{in.id(model.State())}}
	s.failed = guard(sim, func() *Failure {
		store, err := t.open(sim)
		if err != nil {
			return &Failure{Kind: Refused, Detail: err.Error()}
		}
		for i, op := range ops {
			s.failOp = i
			if store, err = s.step(t, sim, store, i, op, in); err != nil {
				return asFailure(err)
			}
			if compare || i == len(ops)-1 {
				if f := sameState(store, in, s.states[i+1]); f != nil {
					return f
				}
			}
		}
		return closed(store)
	})
	s.trace = sim.Trace()
	return s
}

func (s *session) step(t *Target, sim *faultfs.Sim, store Store, i int, op string, in *interner) (Store, error) {
	sim.Begin(0, i, op)
	next, state, want := s.models[i], s.states[i], ""
	if op != Reopen {
		next = next.Clone()
		want = next.Apply(op)
		state = in.id(next.State())
	}
	s.models, s.states = append(s.models, next), append(s.states, state)
	var got string
	var err error
	if op == Reopen {
		if err = store.Close(); err == nil {
			store, err = t.open(sim)
		}
	} else {
		got, err = store.Apply(op)
	}
	switch {
	case err != nil:
		sim.Fail(0, i, err)
		return store, &Failure{Kind: OpFailed, Detail: err.Error()}
	case got != want:
		sim.Ack(0, i)
		return store, &Failure{Kind: WrongAnswer, Want: want, Got: got}
	}
	sim.Ack(0, i)
	return store, nil
}

func sameState(store Store, in *interner, want stateID) *Failure {
	got, err := store.State()
	if err != nil {
		return &Failure{Kind: Unreadable, Detail: err.Error()}
	}
	if in.id(got) != want {
		return &Failure{Kind: WrongState, Want: in.text(want), Got: got}
	}
	return nil
}

func asFailure(err error) *Failure {
	var f *Failure
	errors.As(err, &f)
	return f
}

// guard runs a part of a store's life and turns panics into failures.
func guard(sim *faultfs.Sim, life func() *Failure) (f *Failure) {
	sim.LimitSteps(stepBudget)
	defer sim.LimitSteps(0)
	defer func() {
		switch p := recover().(type) {
		case nil:
		case faultfs.OutOfSteps:
			f = &Failure{Kind: Endless, Detail: fmt.Sprintf("asked the disk for %d things without coming to an end", p.Limit)}
		default:
			f = &Failure{Kind: Panicked, Detail: fmt.Sprintf("%v%s", p, panicSite(debug.Stack()))}
		}
	}()
	return life()
}

// panicSite finds the function that panicked, below the runtime's own.
func panicSite(stack []byte) string {
	_, after, ok := strings.Cut(string(stack), "\npanic(")
	if !ok {
		return ""
	}
	for line := range strings.Lines(after) {
		if end := strings.LastIndexByte(line, '('); end > 0 && line[0] != '\t' && !strings.HasPrefix(line, "runtime.") {
			return ", in " + line[:end]
		}
	}
	return ""
}
