package faultfs

import (
	"fmt"
	"slices"
	"sync"
	"syscall"
	"time"
)

// Armed is a plan at work, on one disk or on several one after the other: what it
// counts goes on. It is safe for concurrent use; which call is the nth is then for
// the scheduler to say.
type Armed struct {
	plan Plan

	mu      sync.Mutex
	memory  Memory
	calls   int
	struck  []Strike
	off     bool
	size    int64
	trouble [3]trouble
	sleep   func(time.Duration)
}

// trouble is a state that a fault has put the disk into: it strikes whenever that
// is in a call's way.
type trouble struct {
	there bool
	fault int
}

// The kinds of trouble.
const (
	full = iota
	readOnly
	shutDown
)

// Strike is one time that a fault struck.
type Strike struct {
	Fault int // its place in the plan
	Place int // the place of the call among all, from 1 on
	Call  Call
}

func (s Strike) String() string {
	text := s.Call.Kind.String() + " " + s.Call.Path
	if site := s.Call.Site(); site != "" {
		text += " at " + site
	}
	return text
}

// Arm makes a plan ready to strike. The chooser decides what p= leaves to chance,
// and may be nil where the plan leaves nothing.
func (p Plan) Arm(c Chooser) *Armed {
	return &Armed{plan: p, memory: Memory{counts: map[Injector]int{}, chooser: c}, size: Unlimited, sleep: time.Sleep}
}

// SleepBy has a Delay wait in another way than by time.Sleep: where no store has a
// timeout, there is no use in waiting at all. It is set before the disk is used.
func (a *Armed) SleepBy(sleep func(time.Duration)) { a.sleep = sleep }

// Plan is what is at work.
func (a *Armed) Plan() Plan { return a.plan }

// Struck lists what struck up to now, in order.
func (a *Armed) Struck() []Strike {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.struck)
}

// Strikes counts what struck up to now.
func (a *Armed) Strikes() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.struck)
}

// Missed lists the faults that never struck. A run is not evidence of anything as
// long as there are any.
func (a *Armed) Missed() []Fault {
	a.mu.Lock()
	defer a.mu.Unlock()
	var list []Fault
	for i, f := range a.plan {
		if !slices.ContainsFunc(a.struck, func(s Strike) bool { return s.Fault == i }) {
			list = append(list, f)
		}
	}
	return list
}

// Disarm ends the trouble: no fault strikes any more, and the disk has room and
// can be written to. What was lost stays lost, and errors that are owed are told.
func (a *Armed) Disarm() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.off, a.size, a.trouble = true, Unlimited, [3]trouble{}
}

// Over gives the disk below with the plan's faults. It is refused where a fault
// cannot be made to happen there: what only a simulated disk can lose, a real one
// keeps.
func (a *Armed) Over(below FS) (FS, error) {
	sim := simBelow(below, Stack{})
	_, links := below.(Linker)
	for _, f := range a.plan {
		mode, _ := SyncFailureNamed(f.What.Mode)
		switch {
		case sim != nil:
		case f.What.Deed == FailSync && !mode.Retries, f.What.Deed == Evict:
			return nil, fmt.Errorf("fault %q needs the simulated disk: a %T stores what it is given", f, below)
		case f.What.Deed == BothNames && !links:
			return nil, fmt.Errorf("fault %q needs a disk with hard links, which a %T has not", f, below)
		}
	}
	d := &faultyDisk{armed: a, open: map[File]*handle{}, before: map[string][]byte{}}
	return Intercept(below, d.answer), nil
}

// hits asks all faults about a call, so that each counts what it has to whatever
// the others do, and gives those that strike it.
func (a *Armed) hits(c *Call) (list []int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.calls++
	c.place = a.calls
	if a.off {
		return nil
	}
	for i, f := range a.plan {
		if f.When.Strikes(c, &a.memory) && f.What.Fits(c) {
			list = append(list, i)
		}
	}
	return list
}

func (a *Armed) note(fault int, c *Call) {
	call := *c // but not what is the caller's and the disk's
	call.Data, call.disk, call.file, call.lock = nil, nil, nil, nil
	a.mu.Lock()
	defer a.mu.Unlock()
	a.struck = append(a.struck, Strike{Fault: fault, Place: c.place, Call: call})
}

// refusal gives what stands in the way of a call as such, and notes that it did.
func (a *Armed) refusal(c *Call) syscall.Errno {
	a.mu.Lock()
	shut, only := a.trouble[shutDown], a.trouble[readOnly]
	a.mu.Unlock()
	switch {
	case c.Kind == OpClose || c.Kind == OpUnlock || c.Kind == OpSeek:
	case shut.there:
		a.note(shut.fault, c)
		return syscall.EIO
	case only.there && changes(c):
		a.note(only.fault, c)
		return syscall.EROFS
	}
	return 0
}

// room gives the size that the disk has, and the fault that gave it.
func (a *Armed) room() (size int64, fault int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.size, a.trouble[full].fault
}

// changes tells whether a call could not be done on a disk that is read-only.
func changes(c *Call) bool {
	switch c.Kind {
	case OpCreate, OpMkdir, OpWrite, OpTruncate, OpAllocate, OpRename, OpLink, OpRemove:
		return true
	case OpSync, OpSyncData, OpSyncDir, OpSyncDisk:
		return true
	case OpOpen:
		return c.Flag&(syscall.O_WRONLY|syscall.O_RDWR|syscall.O_TRUNC) != 0
	}
	return false
}

// answer is the handler of a disk with faults. All that strike the call and only
// change the disk do so; the first that answers it, answers.
func (d *faultyDisk) answer(c *Call) Answer {
	hits := d.armed.hits(c)
	for _, i := range hits {
		f := d.armed.plan[i]
		if f.What.Answers() {
			continue
		}
		if d.prepare(f.What, i, c) {
			d.armed.note(i, c)
		}
		if f.What.Errno != 0 {
			d.armed.note(i, c)
			return c.Fail(f.What.Errno)
		}
	}
	if errno := d.armed.refusal(c); errno != 0 {
		return c.Fail(errno)
	}
	for _, i := range hits {
		f := d.armed.plan[i]
		if !f.What.Answers() {
			continue
		}
		if answer, ok := d.strike(f.What, c); ok {
			d.armed.note(i, c)
			return answer
		}
	}
	return d.do(c)
}

// prepare changes the disk, or what is to come, before a call. It tells whether
// something has happened by that alone.
func (d *faultyDisk) prepare(what Action, fault int, c *Call) bool {
	a := d.armed
	switch what.Deed {
	case Delay:
		a.sleep(what.Delay)
		return true
	case ReadOnly:
		a.set(readOnly, fault)
	case Shutdown:
		a.set(shutDown, fault)
	case Size:
		a.resize(what.N, fault)
		return what.N == Unlimited
	case Room:
		a.resize(d.used(c)+what.N, fault)
	case Evict:
		return simBelow(c.disk, c.Stack).evict()
	case Flip, Zero:
		return Damage(c.Disk(), c.Path, what)
	}
	return false
}

func (a *Armed) set(kind, fault int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.trouble[kind] = trouble{true, fault}
}

func (a *Armed) resize(size int64, fault int) {
	a.set(full, fault)
	a.mu.Lock()
	defer a.mu.Unlock()
	a.size = size
}
