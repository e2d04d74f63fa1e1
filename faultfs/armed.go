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
	readErr syscall.Errno // of whatever is asked: the disk has shut down
	wrErr   syscall.Errno // of what would change something
	size    int64
}

// Strike is one time that a fault struck.
type Strike struct {
	Fault int // its place in the plan
	Call  int // the place of the call among all, from 1 on
	Kind  Kind
	Path  string
	Stack Stack // who asked
}

func (s Strike) String() string {
	text := fmt.Sprintf("%s %s", s.Kind, s.Path)
	if frames := s.Stack.Frames(); len(frames) > 0 {
		text += " at " + frames[0].Line
	}
	return text
}

// Arm makes a plan ready to strike. The chooser decides what p= leaves to chance,
// and may be nil where the plan leaves nothing.
func (p Plan) Arm(c Chooser) *Armed {
	return &Armed{plan: p, memory: Memory{counts: map[Injector]int{}, chooser: c}, size: Unlimited}
}

// Plan is what is at work.
func (a *Armed) Plan() Plan { return a.plan }

// Struck lists what struck up to now, in order.
func (a *Armed) Struck() []Strike {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.struck)
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
	a.off, a.readErr, a.wrErr, a.size = true, 0, 0, Unlimited
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
func (a *Armed) hits(c *Call) (call int, list []int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.calls++
	if a.off {
		return a.calls, nil
	}
	for i, f := range a.plan {
		if f.When.Strikes(c, &a.memory) && f.What.Fits(c) {
			list = append(list, i)
		}
	}
	return a.calls, list
}

func (a *Armed) note(fault, call int, c *Call) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.struck = append(a.struck, Strike{Fault: fault, Call: call, Kind: c.Kind, Path: c.Path, Stack: c.Stack})
}

// refusal gives what stands in the way of a call as such.
func (a *Armed) refusal(c *Call) syscall.Errno {
	a.mu.Lock()
	defer a.mu.Unlock()
	switch {
	case c.Kind == OpClose || c.Kind == OpUnlock || c.Kind == OpSeek:
		return 0
	case a.readErr == 0 && changes(c):
		return a.wrErr
	}
	return a.readErr
}

func (a *Armed) room() int64 {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.size
}

// changes tells whether a call could not be done on a disk that is read-only.
func changes(c *Call) bool {
	switch c.Kind {
	case OpCreate, OpMkdir, OpWrite, OpTruncate, OpRename, OpLink, OpRemove, OpSync, OpSyncDir:
		return true
	case OpOpen:
		return c.Flag&(syscall.O_WRONLY|syscall.O_RDWR|syscall.O_TRUNC) != 0
	}
	return false
}

// answer is the handler of a disk with faults. All that strike the call and only
// change the disk do so; the first that answers it, answers.
func (d *faultyDisk) answer(c *Call) Answer {
	call, hits := d.armed.hits(c)
	for _, i := range hits {
		f := d.armed.plan[i]
		if f.What.Answers() || !d.prepare(f.What, c) {
			continue
		}
		if d.armed.note(i, call, c); f.What.Errno != 0 {
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
			d.armed.note(i, call, c)
			return answer
		}
	}
	return d.do(c)
}

// prepare changes the disk, or what is to come, before a call. It tells whether
// there was anything to change.
func (d *faultyDisk) prepare(what Action, c *Call) bool {
	a := d.armed
	set := func(change func()) bool {
		a.mu.Lock()
		defer a.mu.Unlock()
		change()
		return true
	}
	switch what.Deed {
	case Delay:
		time.Sleep(what.Delay)
		return true
	case ReadOnly:
		return set(func() { a.wrErr = syscall.EROFS })
	case Shutdown:
		return set(func() { a.readErr = syscall.EIO })
	case Size:
		return set(func() { a.size = what.N })
	case Room:
		used := d.used(c)
		return set(func() { a.size = used + what.N })
	case Evict:
		return simBelow(c.disk, c.Stack).evict()
	case Flip, Zero:
		return damageStored(what, c)
	}
	return false
}
