package crashtest

import (
	"sync/atomic"
	"testing"
)

// Everything that is added while others work is done before work ends.
func TestPoolDoesAllThatTasksAdd(t *testing.T) {
	for _, workers := range []int{1, 2, 8} {
		var p pool
		var done atomic.Int64
		var task func(depth int) func()
		task = func(depth int) func() {
			return func() {
				done.Add(1)
				for range depth {
					p.add(task(depth - 1))
				}
			}
		}
		left := 20
		p.work(workers, func() func() {
			if left--; left < 0 {
				return nil
			}
			return task(4)
		})
		const each = 1 + 4*(1+3*(1+2*(1+1)))
		if n := done.Load(); n != 20*each {
			t.Errorf("%d workers did %d tasks, want %d", workers, n, 20*each)
		}
	}
}
