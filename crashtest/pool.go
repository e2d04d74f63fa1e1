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
// else is left to begin, what next gives, until that is nil. Next is called by
// one worker at a time.
func (p *pool) work(n int, next func() func()) {
	p.idle.L = &p.mu
	var wg sync.WaitGroup
	for range n {
		wg.Go(func() {
			p.mu.Lock()
			defer p.mu.Unlock()
			for task := p.take(next); task != nil; task = p.take(next) {
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
func (p *pool) take(next func() func()) func() {
	for {
		if n := len(p.tasks); n > 0 {
			task := p.tasks[n-1]
			p.tasks = p.tasks[:n-1]
			return task
		}
		if task := next(); task != nil || p.busy == 0 {
			return task
		}
		p.idle.Wait()
	}
}

// nothing is for work on what the pool holds already.
func nothing() func() { return nil }
