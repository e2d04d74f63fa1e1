package crashtest

import (
	"errors"
	"maps"
	"os"
	"path"
	"slices"
	"strings"
	"sync"

	"crashsim/faultfs"
)

// watch stands between a store and its faulty disk: it counts what is asked and
// what is open, and sets down the calls where someone wants them.
type watch struct {
	sim   *faultfs.Sim
	armed *faultfs.Armed

	mu      sync.Mutex
	steps   int
	open    map[string]int // handles, by the names that they were opened by
	held    map[string]int // locks
	listing bool           // of calls
	calls   []diskCall
	nth     map[callName]int
	struck  int // faults that have struck
	// Where in the trace each of them struck: how much of it was before.
	struckAt []int
}

// callName tells calls of a life apart by what they are, as a plan does.
type callName struct {
	kind faultfs.Kind
	name string // the last part of the path
}

// diskCall is one thing that was asked of a disk, and the faults that apply to it.
type diskCall struct {
	callName
	path    string
	nth     int    // among those of one name, from 1 on
	place   int    // among all, from 1 on
	at      string // who asks
	actions []faultfs.Action
}

func newWatch(sim *faultfs.Sim, armed *faultfs.Armed) *watch {
	return &watch{sim: sim, armed: armed, open: map[string]int{}, held: map[string]int{}, nth: map[callName]int{}}
}

func (w *watch) answer(c *faultfs.Call) faultfs.Answer {
	w.before(c)
	at := w.sim.Trace().Len()
	a := c.Do()
	w.mu.Lock()
	defer w.mu.Unlock()
	for n := w.armed.Strikes(); w.struck < n; w.struck++ {
		w.struckAt = append(w.struckAt, at)
	}
	switch c.Kind {
	case faultfs.OpOpen, faultfs.OpCreate:
		if a.Err == nil {
			w.open[c.Path]++
		}
	case faultfs.OpClose:
		if !errors.Is(a.Err, os.ErrClosed) { // whatever else it answers, it lets go
			w.open[c.Path]--
		}
	case faultfs.OpLock:
		if a.Err == nil {
			w.held[c.Path]++
		}
	case faultfs.OpUnlock:
		if !errors.Is(a.Err, os.ErrClosed) {
			w.held[c.Path]--
		}
	}
	return a
}

// before counts a call. Those that a fault answers never come to the disk, so that
// its own limit of steps would not end a store that asks for ever.
func (w *watch) before(c *faultfs.Call) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.steps++; w.steps > stepBudget {
		panic(faultfs.OutOfSteps{Limit: stepBudget})
	}
	if !w.listing {
		return
	}
	name := callName{c.Kind, path.Base(c.Path)}
	w.nth[name]++
	w.calls = append(w.calls, diskCall{callName: name, path: c.Path, nth: w.nth[name], place: w.steps, at: site{op: c.Kind, stack: c.Stack}.String(), actions: faultfs.Applicable(c)})
}

// leftOpen names what is open or locked, "" if nothing is.
func (w *watch) leftOpen() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var names []string
	for _, m := range []map[string]int{w.open, w.held} {
		for _, name := range slices.Sorted(maps.Keys(m)) {
			if m[name] > 0 {
				names = append(names, name)
			}
		}
	}
	return strings.Join(names, ", ")
}

// when names a call for a plan: by its kind, the last part of its path, and which
// of these it is.
func (c *diskCall) when() faultfs.Injector {
	list := []faultfs.Injector{faultfs.OnKind(c.kind)}
	if c.name != "." && c.kind != faultfs.OpSyncDisk {
		list = append(list, faultfs.OnPath(literal(c.name)))
		return faultfs.And(append(list, faultfs.Nth(c.nth))...)
	}
	return faultfs.Nth(c.place)
}

// literal is the pattern that matches a name and no other.
func literal(name string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(name)
}
