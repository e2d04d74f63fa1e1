package workerruntime

import (
	"fmt"

	"crashsim/crashtest"
	"crashsim/store"
)

// Generate gives a workload of about n operations, as a program would make them
// that runs both runtimes: the operations of one act stand together in the order
// that the format's callers keep. From some 80 operations on, each verb, each
// refusal and each worker is in it.
func Generate(choose crashtest.Chooser, n int) []string {
	g := &generator{choose: choose, alive: map[[2]int]bool{}}
	for len(g.ops) < n {
		if len(g.turn) == 0 {
			g.turn = g.acts()
		}
		i := choose.Choose(len(g.turn))
		act := g.turn[i]
		g.turn = append(g.turn[:i:i], g.turn[i+1:]...)
		act(g)
	}
	return g.ops
}

// generator writes a workload. It goes through its acts in turns, each act once
// in a turn.
type generator struct {
	choose crashtest.Chooser
	ops    []string
	turn   []func(*generator)
	next   [runtimes]int   // the worker to be made next
	alive  map[[2]int]bool // that was made
}

func (g *generator) add(format string, args ...any) {
	g.ops = append(g.ops, fmt.Sprintf(format, args...))
}

// size chooses one of the sizes from lo to hi.
func (g *generator) size(lo, hi int) int { return lo + sizeStep*g.choose.Choose((hi-lo)/sizeStep+1) }

func (g *generator) runtime() int { return g.choose.Choose(runtimes) }

func (g *generator) pick(words ...string) string { return words[g.choose.Choose(len(words))] }

func (g *generator) acts() []func(*generator) {
	create := func(rt int) func(*generator) { return func(g *generator) { g.create(rt) } }
	return []func(*generator){
		create(0), create(1), create(0), create(1),
		(*generator).input, (*generator).input, (*generator).input, (*generator).stop,
		func(g *generator) { g.add("bundle r%d b1 %d", g.runtime()+1, g.size(bundle1Min, bundle1Max)) },
		func(g *generator) { g.add("bundle r%d b2 %d", g.runtime()+1, g.size(bundle2Min, bundle2Max)) },
		func(g *generator) {
			g.add("diagnose r%d - %q", g.runtime()+1, g.pick("disk is slow", "clock \\ went <back>"))
		},
		(*generator).reads, (*generator).refused, (*generator).refusedIDs,
		func(g *generator) { g.ops = append(g.ops, crashtest.Reopen) },
	}
}

// worker chooses one that was made, and makes one where there is none.
func (g *generator) worker(rt int) int {
	var made []int
	for w := range realWorks {
		if g.alive[[2]int{rt, w}] {
			made = append(made, w)
		}
	}
	if len(made) == 0 {
		return g.create(rt)
	}
	return made[g.choose.Choose(len(made))]
}

// create makes a worker; where all are there it stops or starts the runtime.
func (g *generator) create(rt int) int {
	w := g.next[rt] % realWorks
	g.next[rt]++
	if g.alive[[2]int{rt, w}] {
		g.add("runtime r%d %s", rt+1, g.pick(store.Stopped, store.Running))
		return w
	}
	g.alive[[2]int{rt, w}] = true
	g.add("runtime r%d running", rt+1)
	g.add("worker r%d w%d running %d", rt+1, w+1, g.size(workerMin, workerMax))
	g.add("event r%d worker_created w%d %d", rt+1, w+1, g.size(eventMin, eventMax))
	return w
}

func (g *generator) input() {
	rt := g.runtime()
	w := g.worker(rt)
	g.add("runtime r%d running", rt+1)
	g.add("worker r%d w%d running %d", rt+1, w+1, g.size(workerMin, workerMax))
	g.add("event r%d worker_input_accepted w%d %d", rt+1, w+1, g.size(eventMin, eventMax))
	g.add("transcript r%d w%d %s %d", rt+1, w+1, g.pick("user", "system"), g.size(entryMin, entryMax))
}

func (g *generator) stop() {
	rt := g.runtime()
	w := g.worker(rt)
	status := g.pick(store.Stopped, store.Cancelled)
	g.add("runtime r%d running", rt+1)
	g.add("worker r%d w%d %s %d", rt+1, w+1, status, g.size(workerMin, workerMax))
	g.add("event r%d worker_%s w%d %d", rt+1, status, w+1, g.size(eventMin, eventMax))
}

func (g *generator) reads() {
	rt := g.runtime()
	w := g.worker(rt)
	g.add("events r%d %d %d", rt+1, g.choose.Choose(6), g.choose.Choose(5))
	g.add("read r%d w%d %d %d", rt+1, w+1, g.choose.Choose(3), g.choose.Choose(4))
	g.add("load r%d", rt+1)
}

// refused asks for what any store of a worker runtime has to refuse.
func (g *generator) refused() {
	rt := g.runtime()
	w, other := g.worker(rt), 2-rt
	g.add("events r%d 1 257", rt+1)
	g.add("events r%d 1 2 as r%d", rt+1, other)
	g.add("worker r%d w%d running 300 as r%d", rt+1, w+1, other)
	g.add("event r%d worker_stopped w%d 100 as r%d", rt+1, w+1, other)
	g.add("read r%d w%d 0 -1", rt+1, w+1)
}

// refusedIDs names workers that cannot be, or are not.
func (g *generator) refusedIDs() {
	rt := g.runtime()
	g.add("worker r%d w-long running 300", rt+1)
	g.add("worker r%d w-blank running 300", rt+1)
	g.add("event r%d worker_created - 100 again", rt+1)
	for w := range realWorks {
		if !g.alive[[2]int{rt, w}] {
			g.add("transcript r%d w%d user 100", rt+1, w+1)
			return
		}
	}
}

// generateEach gives n operations of the first runtime, each chosen by itself, the
// simplest first. It asks for few choices, so that a fuzzer's bytes can be read: one
// for the operation, and one for each of its arguments.
func generateEach(choose crashtest.Chooser, n int) []string {
	g := &generator{choose: choose}
	for len(g.ops) < n {
		switch choose.Choose(10) {
		case 0:
			g.add("event r1 runtime_started - %d", g.size(eventMin, longLine))
		case 1:
			g.add("worker r1 w%d running %d", 1+choose.Choose(realWorks), g.size(workerMin, workerMax))
		case 2:
			g.add("transcript r1 w%d user %d", 1+choose.Choose(realWorks), g.size(entryMin, longLine))
		case 3:
			g.add("runtime r1 %s", g.pick(store.Stopped, store.Running))
		case 4:
			g.add("bundle r1 b2 %d", g.size(bundle2Min, bundle2Max))
		case 5:
			g.ops = append(g.ops, crashtest.Reopen)
		case 6:
			g.add("event r1 worker_created w%d %d", 1+choose.Choose(realWorks), g.size(eventMin, longLine))
		case 7:
			g.add("diagnose r1 - %q", g.pick("disk is slow", "clock \\ went <back>"))
		case 8:
			g.readOne()
		case 9:
			g.add("%s", g.pick("worker r1 w1 running 300 as r2", "worker r1 w-long running 300", "worker r1 w-blank running 300",
				"event r1 worker_stopped w1 100 as r2", "event r1 worker_created - 100 again", "events r1 1 257", "events r1 1 2 as r2"))
		}
	}
	return g.ops
}

func (g *generator) readOne() {
	switch c := g.choose; c.Choose(3) {
	case 0:
		g.add("load r1")
	case 1:
		g.add("events r1 %d %d", c.Choose(6), c.Choose(5))
	case 2:
		g.add("read r1 w%d %d %d", 1+c.Choose(realWorks), c.Choose(3), c.Choose(4))
	}
}

// probes puts a store to use in every way that writes, and reads what should
// not have changed by it.
func probes(m crashtest.Model) []string {
	var ops []string
	for rt, c := range m.(*reference).callers {
		name := runtimeAliases[rt].Name
		old, free := -1, -1
		for w := range realWorks {
			switch {
			case c.workers[w] != nil && old < 0:
				old = w
			case c.workers[w] == nil && free < 0:
				free = w
			}
		}
		ops = append(ops, "runtime "+name+" stopped", "event "+name+" runtime_stopped - 100")
		if old >= 0 {
			ops = append(ops, "transcript "+name+" "+workName(old)+" user 100", "worker "+name+" "+workName(old)+" stopped 300")
		}
		if free >= 0 {
			ops = append(ops, "worker "+name+" "+workName(free)+" running 300")
		}
		ops = append(ops, "load "+name)
	}
	return append(ops, crashtest.Reopen)
}
