package crashtest

import (
	"slices"
	"sync"
)

// An operation that has failed may have taken effect or not, and nothing else is
// in doubt. So under faults the reference is a set of states: each that any of the
// operations that failed leads to, less what an answer or a reopened store has
// ruled out.

// A refGraph holds the states of the reference that any life has come to, each
// once, so that what many lives do alike the reference does once. It is safe for
// concurrent use.
type refGraph struct {
	in    *interner
	mu    sync.Mutex
	nodes map[stateID]*refState
}

// refState is one state of the reference.
type refState struct {
	id    stateID
	model Model

	mu   sync.Mutex
	next map[string]refStep // by operation
}

type refStep struct {
	answer string
	to     *refState
}

func newRefGraph(in *interner) *refGraph { return &refGraph{in: in, nodes: map[stateID]*refState{}} }

func (g *refGraph) state(m Model) *refState {
	id := g.in.id(m.State())
	g.mu.Lock()
	defer g.mu.Unlock()
	s := g.nodes[id]
	if s == nil {
		s = &refState{id: id, model: m, next: map[string]refStep{}}
		g.nodes[id] = s
	}
	return s
}

// step carries an operation out.
func (g *refGraph) step(s *refState, op string) refStep {
	if op == Reopen {
		return refStep{to: s}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	step, ok := s.next[op]
	if !ok {
		m := s.model.Clone()
		step.answer = m.Apply(op)
		step.to = g.state(m)
		s.next[op] = step
	}
	return step
}

// refSet is a set of states, each of which may be the one.
type refSet []*refState

// with gives the set for an operation that may have taken effect or not.
func (s refSet) with(g *refGraph, op string) refSet {
	out := slices.Clone(s)
	for _, r := range s {
		if to := g.step(r, op).to; !slices.Contains(out, to) {
			out = append(out, to)
		}
	}
	return out
}

// after gives what is left of the set once an operation was answered, nothing
// where no state of it gives that answer. What only reads, or was refused, rules
// nothing out: what is still in doubt may come to be later.
func (s refSet) after(g *refGraph, op, answer string) (out refSet) {
	reads := true
	for _, r := range s {
		step := g.step(r, op)
		if step.answer != answer {
			continue
		}
		if reads = reads && step.to == r; !slices.Contains(out, step.to) {
			out = append(out, step.to)
		}
	}
	if reads && out != nil {
		return s
	}
	return out
}

func (s refSet) ids() []stateID {
	ids := make([]stateID, len(s))
	for i, r := range s {
		ids[i] = r.id
	}
	return distinct(ids...)
}

func (s refSet) find(id stateID) *refState {
	if i := slices.IndexFunc(s, func(r *refState) bool { return r.id == id }); i >= 0 {
		return s[i]
	}
	return nil
}
