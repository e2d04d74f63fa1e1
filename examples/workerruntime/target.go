package workerruntime

import (
	"errors"

	"crashsim/crashtest"
	"crashsim/examples/seedstore"
	"crashsim/faultfs"
	"crashsim/model"
	"crashsim/store"
)

// Targets gives the production store, the seed's design, and a lighter form of the
// first.
func Targets() []crashtest.Target {
	return []crashtest.Target{
		target("store", "the production store of a worker runtime", runtimes, openStore, openBare, Generate),
		target("seedstore", "its design as first written, faults and all", runtimes, openSeed, openSeed, Generate),
		target("single", "the production store with one runtime and any order of operations: for fuzzing", 1, openStore, openBare, generateEach),
	}
}

func target(name, doc string, n int, open, bare func(faultfs.FS, int) (crashtest.Store, error), generate func(crashtest.Chooser, int) []string) crashtest.Target {
	return crashtest.Target{
		Name: name, Doc: doc, Generate: generate, Probes: probes, Idempotent: true, Reports: reports,
		Open: func(fsys faultfs.FS) (crashtest.Store, error) { return open(fsys, n) },

		OpenUnderFaults: func(fsys faultfs.FS) (crashtest.Store, error) { return bare(fsys, n) },

		Model: func() crashtest.Model { return newModel(n) },
		Check: func(op string) error { return check(op, n) },
	}
}

// options are those of a process that is the same in each of its lives: its id
// goes into file names, and a trace has to be the same each time.
func options(rt int) store.Options {
	return store.Options{RuntimeID: runtimeAliases[rt].ID, ProcessID: 1}
}

// closer is a store with its callers' interface.
type closer interface {
	runtimeStore
	Close() error
}

// process is one process that owns the runtimes.
type process[S closer] struct {
	callers []*caller[S]
}

func openStore(fsys faultfs.FS, n int) (crashtest.Store, error) {
	return openProcess(n, func(rt int) (*store.Store, store.State, error) {
		before, err := wrecks(fsys, rt)
		if err != nil {
			return nil, store.State{}, err
		}
		s, err := store.Open(fsys, options(rt))
		if err != nil {
			return nil, store.State{}, err
		}
		state, err := s.Load()
		if err == nil {
			err = checkAside(fsys, rt, before, state.Snapshot.Diagnostics)
		}
		if err != nil {
			return nil, state, errors.Join(err, s.Close())
		}
		return s, state, nil
	}, true)
}

// openBare opens the stores and looks at nothing beside them.
func openBare(fsys faultfs.FS, n int) (crashtest.Store, error) {
	return openProcess(n, func(rt int) (*store.Store, store.State, error) {
		s, err := store.Open(fsys, options(rt))
		if err != nil {
			return nil, store.State{}, err
		}
		state, err := s.Load()
		if err != nil {
			return nil, state, errors.Join(err, s.Close())
		}
		return s, state, nil
	}, true)
}

// openSeed takes the state that opening gives: the seed's own Load fails on a
// store that has no event yet.
func openSeed(fsys faultfs.FS, n int) (crashtest.Store, error) {
	return openProcess(n, func(rt int) (*seedstore.Store, store.State, error) {
		s, err := seedstore.Open(fsys, options(rt))
		if err != nil {
			return nil, store.State{}, err
		}
		return s, s.Opened(), nil
	}, false)
}

// openProcess opens the stores of n runtimes. Loaded says that the state is what Load gives.
func openProcess[S closer](n int, open func(rt int) (S, store.State, error), loaded bool) (crashtest.Store, error) {
	p := &process[S]{}
	for rt := range n {
		s, state, err := open(rt)
		if err != nil {
			return nil, errors.Join(err, p.Close())
		}
		c := &caller[S]{rt: rt, store: s}
		p.callers = append(p.callers, c)
		if err := c.start(state); err != nil {
			return nil, errors.Join(err, p.Close())
		}
		if loaded && len(state.Events) > 0 {
			c.loaded = &state // start had nothing to write
		}
	}
	return p, nil
}

func (p *process[S]) Apply(op string) (string, error) { return apply(p.callers, op) }

func (p *process[S]) State() (string, error) {
	return states(p.callers, func(c *caller[S], state *store.State) { c.seen = state })
}

// Noticed implements [crashtest.Noticer].
func (p *process[S]) Noticed() (list []string) {
	for _, c := range p.callers {
		if c.seen == nil {
			continue
		}
		for _, d := range c.seen.Snapshot.Diagnostics {
			if ofRecovery(d) {
				list = append(list, d.Message)
			}
		}
	}
	return list
}

// reports tells whether an error that comes of a fault is of the kind that says so.
func reports(err, _ error) string {
	if errors.Is(err, store.ErrIO) || errors.Is(err, store.ErrFailed) {
		return ""
	}
	return "neither an I/O error nor a refusal after one"
}

func (p *process[S]) Close() error {
	var errs []error
	for _, c := range p.callers {
		errs = append(errs, c.store.Close())
	}
	p.callers = nil
	return errors.Join(errs...)
}

func apply[S runtimeStore](callers []*caller[S], op string) (string, error) {
	o, err := parse(op)
	if err != nil {
		return "", err
	}
	return callers[o.rt].apply(o)
}

// reference is the runtimes in memory.
type reference struct {
	callers []*caller[*model.Runtime]
}

func newModel(n int) crashtest.Model {
	r := &reference{}
	for rt := range n {
		m, err := model.New(runtimeAliases[rt].ID, nil, store.Limits{})
		c := &caller[*model.Runtime]{rt: rt, store: m}
		if err == nil {
			var state store.State
			if state, err = m.Load(); err == nil {
				err = c.start(state)
			}
		}
		if err != nil {
			panic(err) // the reference has nothing that can fail
		}
		r.callers = append(r.callers, c)
	}
	return r
}

// Apply answers an error as such: the store is held against it all the same.
func (r *reference) Apply(op string) string {
	answer, err := apply(r.callers, op)
	if err != nil {
		return "the reference fails: " + err.Error()
	}
	return answer
}

func (r *reference) State() string {
	// Nothing is kept of it: others may be printing the same reference.
	text, err := states(r.callers, func(*caller[*model.Runtime], *store.State) {})
	if err != nil {
		panic(err) // as above
	}
	return text
}

func (r *reference) Clone() crashtest.Model {
	c := &reference{}
	for _, own := range r.callers {
		next := *own
		next.store = own.store.Clone()
		c.callers = append(c.callers, &next)
	}
	return c
}
