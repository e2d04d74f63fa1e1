package fuzz

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"crashsim/crashtest"
	"crashsim/faultfs"
)

// machine is a store in use, and held against the reference, while its disk loses
// power, fails, and is opened again, one thing after another. An error of any of
// its methods says what was wrong with the store.
type machine struct {
	target *crashtest.Target
	model  faultfs.Model
	sim    *faultfs.Sim
	store  crashtest.Store // nil: it is closed
	right  []rights        // of this disk, in order
	doubt  bool            // an operation failed: the store has to be opened again
	faults *faultfs.Armed  // of the disk that the store is on; nil: there are none
	struck int             // how many of their strikes were told
	faulty bool            // some struck
	ops    []string        // all that it was asked for
	told   []string        // and all that happened, for people
	seen   map[string]int
}

// rights are what a store may hold, if the crash comes at a place in the trace or
// after it.
type rights struct {
	at     int
	models []crashtest.Model
}

func newMachine(target *crashtest.Target, model faultfs.Model, seen map[string]int) *machine {
	m := &machine{target: target, model: model, sim: faultfs.NewSim(), seen: seen}
	m.may(target.Model())
	return m
}

func (m *machine) tell(format string, args ...any) {
	m.told = append(m.told, fmt.Sprintf(format, args...))
}

func (m *machine) saw(what string) { m.seen[what]++ }

// wrong is a failure, with all that led to it.
func (m *machine) wrong(format string, args ...any) error {
	return fmt.Errorf("%s\nafter:\n  %s", fmt.Sprintf(format, args...), strings.Join(m.told, "\n  "))
}

func (m *machine) now() []crashtest.Model { return m.right[len(m.right)-1].models }

func (m *machine) may(models ...crashtest.Model) {
	m.right = append(m.right, rights{m.sim.Trace().Len(), models})
}

// open opens the store, and holds what it shows against what it may hold.
func (m *machine) open() error {
	disk := faultfs.FS(m.sim)
	if m.faults != nil {
		var err error
		if disk, err = m.faults.Over(m.sim); err != nil {
			return err
		}
	}
	store, err := m.target.Open(disk)
	if err != nil {
		if !m.strikes() {
			return m.wrong("the store refuses to open: %v", err)
		}
		m.tell("opening fails: %v", err)
		m.saw("failed opening")
		return nil
	}
	m.strikes()
	m.store, m.doubt = store, false
	return m.check()
}

// strikes tells of faults that struck since it was asked last, and whether any did.
func (m *machine) strikes() bool {
	if m.faults == nil {
		return false
	}
	list := m.faults.Struck()
	for _, s := range list[m.struck:] {
		m.tell("  struck by %s: %s", m.faults.Plan()[s.Fault], s)
		m.saw("failed " + s.Call.Kind.String())
		m.faulty = true
	}
	any := len(list) > m.struck
	m.struck = len(list)
	return any
}

// arm has calls that are still to come fail, from the next opening on.
func (m *machine) arm(c crashtest.Chooser) error {
	f := plannedFaults[c.Choose(len(plannedFaults))]
	text := fmt.Sprintf("%s nth=%d: %s", f.kind, 1+c.Choose(f.calls), f.what[c.Choose(len(f.what))])
	plan, err := faultfs.ParsePlan(text)
	if err != nil {
		return err
	}
	m.tell("faults: %s", plan)
	m.faults, m.struck = plan.Arm(nil), 0
	return m.again()
}

// plannedFaults are the faults of a disk that does not lie, by the calls that they
// strike: one of the first so many.
var plannedFaults = []struct {
	kind  string
	calls int
	what  []string
}{
	{"fsync", 8, []string{"EIO", "done EIO"}},
	{"fsync-dir", 12, []string{"EIO", "done EIO"}},
	{"rename", 4, []string{"EIO", "done EIO", "both EIO", "ENOSPC"}},
	{"write", 6, []string{"ENOSPC", "short=1 ENOSPC", "short=sector EIO", "short=allbut1", "torn-head EIO", "torn-tail EIO"}},
	{"create", 6, []string{"EMFILE", "ENOSPC", "done EIO"}},
	{"mkdir", 4, []string{"ENOSPC", "done EIO"}},
	{"truncate", 2, []string{"EIO", "done EIO"}},
	{"remove", 2, []string{"EIO", "done EIO"}},
	{"open", 20, []string{"EMFILE", "EACCES", "EIO"}},
	{"read", 20, []string{"EIO"}},
	{"stat", 20, []string{"EIO"}},
	{"readdir", 4, []string{"EIO", "EMFILE"}},
	{"any", 60, []string{"EIO", "EINTR", "EROFS", "room=100", "readonly EROFS"}},
}

// check holds what the store shows against what it may hold. What it has shown
// stays.
func (m *machine) check() error {
	if m.store == nil || m.doubt {
		return nil
	}
	got, err := m.store.State()
	if err != nil {
		if !m.strikes() {
			return m.wrong("the store opens and cannot be read: %v", err)
		}
		m.doubt = true
		return nil
	}
	models := m.now()
	i := slices.IndexFunc(models, func(r crashtest.Model) bool { return r.State() == got })
	if i < 0 {
		return m.wrong("the store holds\n%s\nand may hold\n%s", got, models[0].State())
	}
	if len(models) > 1 {
		m.may(models[i])
	}
	return nil
}

// ready opens the store where it is closed or in doubt.
func (m *machine) ready() (bool, error) {
	if m.doubt {
		m.close()
	}
	if m.store == nil {
		if err := m.open(); err != nil {
			return false, err
		}
	}
	return m.store != nil, nil
}

func (m *machine) close() {
	if m.store != nil {
		_ = m.store.Close() // what a fault makes of that is seen when it is opened again
		m.store = nil
	}
}

// reopen closes the store and opens it on a disk that is sound.
func (m *machine) reopen() error {
	m.faults = nil
	return m.again()
}

func (m *machine) again() error {
	m.tell("reopen")
	m.close()
	m.ops = append(m.ops, crashtest.Reopen)
	return m.open()
}

// operate asks the store for an operation, and the reference too.
func (m *machine) operate(op string) error {
	if op == crashtest.Reopen {
		return m.reopen()
	}
	if ok, err := m.ready(); !ok || err != nil {
		return err
	}
	before := m.now()[0]
	next := before.Clone()
	want := next.Apply(op)
	m.sim.Begin(0, len(m.ops), op)
	m.ops = append(m.ops, op)
	m.may(before, next)
	got, err := m.store.Apply(op)
	struck := m.strikes()
	switch {
	case err != nil && !struck:
		return m.wrong("%s fails: %v", op, err)
	case err != nil:
		m.tell("%s: %v", op, err)
		m.doubt = true // it may be there or not
		return nil
	case got != want:
		return m.wrong("%s answers\n%s\nright is\n%s", op, got, want)
	}
	m.tell("%s: %.20s", op, got)
	m.sim.Ack(0, len(m.ops)-1)
	m.may(next)
	return nil
}

// crash cuts the power at some moment of this disk's life, or kills the process
// now, and opens the store on what is left.
func (m *machine) crash(c crashtest.Chooser, kill bool) error {
	trace := m.sim.Trace()
	at := trace.Len()
	if points := crashPoints(trace); !kill {
		at = points[len(points)-1-c.Choose(min(len(points), 20))]
	}
	w := trace.Walk(m.model)
	for w.Pos() < at {
		w.Next()
	}
	cut := w.Cut()
	i := len(m.right) - 1
	for m.right[i].at > at {
		i--
	}
	models := m.right[i].models
	m.close()
	m.faults = nil
	if kill {
		m.tell("the process is killed")
		m.saw("kill")
		m.sim = cut.Kill()
	} else {
		kept := crashtest.ChooseKept(cut, c)
		if m.sim = cut.Image(kept); m.sim == nil { // no disk is like that
			kept = func(int) bool { return true }
			m.sim = cut.Image(kept)
		}
		m.note(cut, kept, i == 0 && at > 0)
	}
	m.right, m.doubt = nil, false
	m.may(models...)
	return m.open()
}

// crashPoints are the places in a trace at which a crash tells most: before each
// sync, after each acknowledgement, and the end.
func crashPoints(t *faultfs.Trace) (points []int) {
	for i := range t.Len() {
		if k := t.Op(i).Kind; k.IsSync() || i > 0 && t.Op(i-1).Kind == faultfs.MarkAck {
			points = append(points, i)
		}
	}
	return append(points, t.Len())
}

// note tells of a crash, and counts what it is of interest for.
func (m *machine) note(cut *faultfs.Cut, kept func(i int) bool, opening bool) {
	n := 0
	for i := range cut.Pending {
		if !kept(i) {
			n++
		}
	}
	m.tell("the power fails after %d operations on the disk; %d of %d effects are lost", cut.At, n, len(cut.Pending))
	m.saw("power cut")
	if opening {
		m.saw("crash in recovery")
	}
	parts := map[*faultfs.Op]int{} // that are kept of a write
	for i, e := range cut.Pending {
		if e.Kind == faultfs.EffectData && kept(i) {
			parts[e.Op]++
		}
	}
	for i, e := range cut.Pending {
		switch {
		case kept(i):
		case e.Kind == faultfs.EffectEntry:
			m.saw("lost directory entry")
		case e.Kind == faultfs.EffectData && parts[e.Op] > 0:
			m.saw("torn tail")
		case e.Kind == faultfs.EffectData:
			m.saw("lost data")
		}
	}
}

// shutDown ends a machine's life in an orderly way.
func (m *machine) shutDown() error {
	m.faults = nil
	m.doubt = true // so that it is opened again
	if _, err := m.ready(); err != nil {
		return err
	}
	if m.store == nil {
		return m.wrong("the store does not open on a disk that is sound again")
	}
	err := m.store.Close()
	m.store = nil
	if err != nil {
		return m.wrong("close: %v", err)
	}
	return nil
}

// foundAnew looks for a failure of the machine's operations with what crashtest
// searches, for a case that is smaller and says more. A case has no faults.
func (m *machine) foundAnew(err error) error {
	if m.faulty {
		return err
	}
	own, cfg := *m.target, crashConfig()
	own.Generate = func(crashtest.Chooser, int) []string { return m.ops }
	r, runErr := crashtest.Run(context.Background(), &own, cfg)
	if runErr != nil {
		return errors.Join(err, runErr)
	}
	for _, f := range r.Findings {
		path, keepErr := f.Keep("testdata/cases")
		return errors.Join(fmt.Errorf("%s\nREPRODUCE: crashsim replay %s", f.Report, path), keepErr, err)
	}
	return err
}
