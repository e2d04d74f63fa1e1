package crashtest

import (
	"fmt"
	"strings"
	"time"

	"crashsim/faultfs"
)

// A faultLife is the life of a store on a disk on which faults strike, and of the
// caller who bears with it: what has failed is asked for once more; when it fails
// again the disk is mended; and a store that still refuses is opened again, and
// then has to work. At the end it is closed, and opened again on the mended disk.
type faultLife struct {
	*session
	target *Target
	ref    *refGraph
	sim    *faultfs.Sim
	armed  *faultfs.Armed
	watch  *watch
	disk   faultfs.FS
	trust  trust
	goesOn bool        // what has failed is not asked for again
	closed bool        // as of a faultStart
	plain  []stateID   // of the workload without faults
	truth  *truthLines // that it may show

	store    Store
	set      refSet // what may be right
	told     int    // faults that have struck
	failures int    // operations that the disk has made fail
	doubt    bool   // something has failed since the store was opened
	certain  bool   // what the running store shows is what it has to keep
	failedOp int    // that made it uncertain
	over     bool   // damage was named, or a lie has cost data: nothing more is right or wrong
	lied     bool   // what is left is less than was acknowledged, as it has to be
}

// tale is one thing that happened in a life with faults.
type tale struct {
	at   int // operations of the trace before it
	text string
}

// retries is how often one operation is asked for before the store is given up.
const retries = 6

// faultStart is what a life with faults begins with.
type faultStart struct {
	target *Target
	ref    *refGraph
	model  faultfs.Model
	plan   faultfs.Plan
	goesOn bool
	plain  []stateID
	truth  *truthLines
	list   bool // the calls
	closed bool // the store was closed, before a recovery, and nothing was lost since
}

// live carries out operations, none in a recovery, on a disk that is in one of the
// states of a set.
func (b *faultStart) live(sim *faultfs.Sim, set refSet, ops []string) *faultLife {
	sim.Assume(b.model)
	l := &faultLife{
		session: &session{ops: ops, final: sim, failOp: -1, states: b.plain, right: map[int][]stateID{-1: set.ids()}},
		target:  b.target, ref: b.ref, sim: sim, trust: b.trust(ops != nil), goesOn: b.goesOn, closed: b.closed, plain: b.plain, truth: b.truth,
		set: set, armed: b.plan.Arm(nil),
	}
	l.armed.SleepBy(func(time.Duration) {}) // nothing that is tested here has a clock
	l.watch = newWatch(sim, l.armed)
	l.watch.listing = b.list
	faulty, err := l.armed.Over(sim)
	if err != nil {
		panic(err) // a simulated disk takes every plan
	}
	l.disk = faultfs.Intercept(faulty, l.watch.answer)
	l.failed = guard(sim, func() *Failure { return l.run(ops) })
	l.trace = sim.Trace()
	return l
}

func (l *faultLife) run(ops []string) *Failure {
	if f := l.open(); f != nil || l.over {
		return f
	}
	for i, op := range ops {
		l.failOp = i
		if f := l.operation(i, op); f != nil || l.over {
			return f
		}
	}
	return l.finish()
}

func (l *faultLife) tell(format string, args ...any) {
	text := strings.ReplaceAll(fmt.Sprintf(format, args...), "\n", ": ")
	l.tales = append(l.tales, tale{l.sim.Trace().Len(), text})
}

// mark sets down what is right from here on.
func (l *faultLife) mark(add func(), right refSet) {
	l.right[l.sim.Trace().Len()] = right.ids()
	add()
}

// open opens the store, and where something is in doubt asks what came of it. It
// tries as often as the disk fails, and mends it after the second time.
func (l *faultLife) open() *Failure {
	for try := 0; ; try++ {
		n := l.watch.struck
		store, err := l.target.Open(l.disk)
		l.tellStrikes()
		if err == nil {
			l.store, l.certain = store, true
			if l.doubt || l.watch.struck > n || l.trust != exact && l.watch.struck > 0 {
				return l.observe()
			}
			return nil
		}
		l.doubt = true
		l.tell("it is opened, and answers: %s", brief(err.Error()))
		if f := l.judgeError(err, n); f != nil || l.over {
			if f != nil && f.Kind == Stuck {
				f.Kind = Refused
			}
			return f
		}
		if names := l.watch.leftOpen(); names != "" {
			return &Failure{Kind: LeftOpen, Detail: "after an opening that failed: " + names}
		}
		switch struck := l.watch.struck > n; {
		case try == retries || !struck && try > 1:
			return &Failure{Kind: Stuck, Detail: err.Error()}
		case !struck && try == 0 && l.trust != lying: // which may tell of an error late
			return &Failure{Kind: Refused, Detail: err.Error()}
		case try > 0:
			l.mend()
		}
	}
}

func (l *faultLife) mend() {
	l.tell("the disk works again")
	l.armed.Disarm()
}

// observe asks a store that was just opened for its state: what it shows has to
// stay.
func (l *faultLife) observe() *Failure {
	id, f := l.look()
	if f != nil || l.over || id == noState {
		return f
	}
	if r := l.set.find(id); len(l.set) > 1 {
		l.set = refSet{r}
		l.sim.Begin(0, max(l.failOp, 0), Reopen)
		l.mark(func() { l.sim.Ack(0, max(l.failOp, 0)) }, l.set)
	}
	l.doubt = false
	return nil
}

// look asks for the state, which has to be one of the set, and gives noState where
// the disk keeps the store from saying.
func (l *faultLife) look() (stateID, *Failure) {
	for range 2 {
		n := l.watch.struck
		text, err := l.store.State()
		l.tellStrikes()
		if err == nil {
			id := l.ref.in.id(text)
			if l.set.find(id) == nil {
				return noState, l.wrongState(text)
			}
			return id, nil
		}
		l.tell("it is asked for its state, and answers: %s", brief(err.Error()))
		if f := l.judgeError(err, n); f != nil || l.over {
			return noState, f
		}
		if l.watch.struck == n {
			if l.certain {
				return noState, &Failure{Kind: Unreadable, Detail: err.Error()}
			}
			break
		}
	}
	return noState, nil
}

// operation has one operation carried out, whatever it takes.
func (l *faultLife) operation(i int, op string) *Failure {
	reopened := -1 // how many faults had struck when it was opened again
	for range retries {
		l.mark(func() { l.sim.Begin(0, i, op) }, l.set.with(l.ref, op))
		n, at := l.watch.struck, l.sim.Trace().Len()
		got, err := l.apply(op)
		l.tellStrikes()
		if err == nil || l.over {
			return l.acknowledge(i, op, got)
		}
		if f := asFailure(err); f != nil {
			return f
		}
		l.tell("%d  %s  (it answers: %s)", i+1, shorten(op), brief(err.Error()))
		if f := l.judgeError(err, n); f != nil || l.over {
			return f
		}
		struck := l.watch.struck > n
		if l.sim.Trace().Len() > at || struck { // else nothing was done that could come to be
			l.set = l.set.with(l.ref, op)
		}
		l.mark(func() { l.sim.Fail(0, i, err) }, l.set)
		if l.doubt = true; l.certain {
			l.certain, l.failedOp = false, i
		}
		if _, f := l.look(); f != nil || l.over {
			return f
		}
		switch {
		case struck:
			if l.failures++; l.failures > 1 {
				l.mend()
			}
			if l.goesOn {
				return nil
			}
		case reopened == n:
			return &Failure{Kind: Stuck, Detail: err.Error()}
		default:
			f := l.reopen()
			if f != nil || l.over || l.isDone(i) {
				return f
			}
			reopened = l.watch.struck
		}
	}
	return &Failure{Kind: Stuck, Detail: "it was asked " + plural(retries, "time")}
}

// isDone tells whether the reopened store shows what it would after the operation:
// its caller does not repeat it.
func (l *faultLife) isDone(i int) bool {
	if len(l.set) == 1 && i+1 < len(l.plain) && l.set[0].id == l.plain[i+1] && l.plain[i] != l.plain[i+1] {
		l.tell("%d  turns out to be done", i+1)
		return true
	}
	return false
}

func (l *faultLife) apply(op string) (string, error) {
	if op != Reopen {
		return l.store.Apply(op)
	}
	if f := l.reopen(); f != nil {
		return "", f
	}
	return "", nil
}

// acknowledge holds an answer against the set.
func (l *faultLife) acknowledge(i int, op, got string) *Failure {
	if l.over {
		return nil
	}
	next := l.set.after(l.ref, op, got)
	l.tell("%d  %s  (acknowledged)", i+1, shorten(op))
	if next == nil {
		return l.wrongAnswer(l.ref.step(l.set[0], op).answer, got)
	}
	l.set = next
	l.mark(func() { l.sim.Ack(0, i) }, l.set)
	if l.certain = l.certain || i == l.failedOp; l.doubt && op != Reopen {
		_, f := l.look()
		return f
	}
	return nil
}

// reopen closes the store and opens it again.
func (l *faultLife) reopen() *Failure {
	if f := l.close(); f != nil || l.over {
		return f
	}
	l.tell("the store is closed, and opened again")
	return l.open()
}

func (l *faultLife) close() *Failure {
	n := l.watch.struck
	err := l.store.Close()
	l.store = nil
	l.tellStrikes()
	if err != nil {
		l.tell("it is closed, and answers: %s", brief(err.Error()))
		l.doubt = true
		if f := l.judgeError(err, n); f != nil || l.over {
			return f
		}
		l.trust = l.left() // it was not closed, and has said so
	}
	if names := l.watch.leftOpen(); names != "" {
		return &Failure{Kind: LeftOpen, Detail: "after the store was closed: " + names}
	}
	return nil
}

// finish holds the running store against the reopened one, and has the system drop
// what it has in memory.
func (l *faultLife) finish() *Failure {
	running, certain := noState, l.certain
	if len(l.ops) > 0 && l.watch.struck > 0 {
		var f *Failure
		if running, f = l.look(); f != nil || l.over {
			return f
		}
	}
	if f := l.close(); f != nil || l.over {
		return f
	}
	l.armed.Disarm()
	l.watch.listing = false
	l.doubt = l.watch.struck > 0
	l.tell("the disk is good again, and the store is opened on it")
	if f := l.open(); f != nil || l.over {
		return f
	}
	if shown := l.set[0].id; running != noState && certain && len(l.set) == 1 && shown != running {
		return &Failure{Kind: Disagrees, Want: l.ref.in.text(running), Got: l.ref.in.text(shown)}
	}
	if l.watch.struck > 0 && l.drops() {
		if f := l.close(); f != nil || l.over {
			return f
		}
		l.tell("the system drops what it has in memory")
		l.sim.Evict()
		l.doubt = true
		if f := l.open(); f != nil || l.over {
			return f
		}
	}
	return l.close()
}

// drops tells whether memory may hold what no disk has.
func (l *faultLife) drops() bool {
	for _, f := range l.armed.Plan() {
		if f.What.Deed == faultfs.FailSync || f.What.Deed == faultfs.Lost {
			return true
		}
	}
	return false
}

func (l *faultLife) tellStrikes() {
	for i, s := range l.armed.Struck() {
		if i >= l.told {
			f := l.armed.Plan()[s.Fault]
			l.tell("fault: %s (%s)", brief(s.String()), f.What)
			l.tales[len(l.tales)-1].at = l.watch.struckAt[i]
			l.told++
		}
	}
}
