package crashtest

import "sync"

// A pool holds what workers have still to do, the latest on top, so that what is
// begun comes to its end before more is begun, and the pool stays small.
type pool struct {
	mu    sync.Mutex
	idle  sync.Cond // with mu: something was added, or a task is done
	tasks []func()
	busy  int // tasks that are running, and may add others
}

func (p *pool) add(task func()) {
	p.mu.Lock()
	p.tasks = append(p.tasks, task)
	p.mu.Unlock()
	p.idle.Signal()
}

// work has n workers do all tasks, and those that these add, and when nothing
// else is left to begin, what next gives a worker, from 0 to n-1, until that is nil.
// Next is called by one worker at a time.
func (p *pool) work(n int, next func(worker int) func()) {
	p.idle.L = &p.mu
	var wg sync.WaitGroup
	for worker := range n {
		wg.Go(func() {
			p.mu.Lock()
			defer p.mu.Unlock()
			for task := p.take(worker, next); task != nil; task = p.take(worker, next) {
				p.busy++
				p.mu.Unlock()
				task()
				p.mu.Lock()
				p.busy--
				p.idle.Broadcast()
			}
		})
	}
	wg.Wait()
}

// take gives a task, nil when all is done. It waits for those that are running.
func (p *pool) take(worker int, next func(worker int) func()) func() {
	for {
		if n := len(p.tasks); n > 0 {
			task := p.tasks[n-1]
			p.tasks = p.tasks[:n-1]
			return task
		}
		if task := next(worker); task != nil || p.busy == 0 {
			return task
		}
		p.idle.Wait()
	}
}

// nothing is for work on what the pool holds already.
func nothing(int) func() { return nil }

// A deal says which of some things in a row each worker does: a part of its own, from
// its beginning on, and then the last of whatever part has most left. So workers stay
// far from one another. Things side by side have much in common, for which one worker
// would wait for the other.
type deal []part

type part struct{ from, to int }

func newDeal(things, workers int) deal {
	d := make(deal, workers)
	for w := range d {
		d[w] = part{things * w / workers, things * (w + 1) / workers}
	}
	return d
}

// of gives the tasks of a list as the deal has it, each once.
func (d deal) of(tasks []func()) (next func(worker int) func()) {
	begun := 0
	return func(worker int) func() {
		if begun == len(tasks) {
			return nil
		}
		begun++
		return tasks[d.next(worker)]
	}
}

// next gives the place of what the worker does next. There has to be something left.
func (d deal) next(worker int) int {
	if own := &d[worker]; own.from < own.to {
		own.from++
		return own.from - 1
	}
	most := &d[0]
	for w := range d {
		if d[w].to-d[w].from > most.to-most.from {
			most = &d[w]
		}
	}
	most.to--
	return most.to
}
