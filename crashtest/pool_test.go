package crashtest

import (
	"slices"
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
		p.work(workers, func(int) func() {
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

// Whoever asks, and in whatever order, each thing is dealt out once; and a worker that
// asks first has nobody beside it.
func TestDealGivesEachOnce(t *testing.T) {
	c := Seeded(1)
	for range 200 {
		things, workers := c.Choose(20), 1+c.Choose(5)
		d := newDeal(things, workers)
		got := make([]int, things)
		for range things {
			got[d.next(c.Choose(workers))]++
		}
		for i, n := range got {
			if n != 1 {
				t.Fatalf("of %d things for %d workers, number %d is dealt %d times", things, workers, i, n)
			}
		}
	}
	d := newDeal(10, 2)
	var got []int
	for _, worker := range []int{0, 1, 0, 0, 0, 0, 0, 0, 1, 1} {
		got = append(got, d.next(worker))
	}
	if want := []int{0, 5, 1, 2, 3, 4, 9, 8, 6, 7}; !slices.Equal(got, want) {
		t.Errorf("dealt %v, want %v", got, want)
	}
}
