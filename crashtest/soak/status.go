package soak

import (
	"slices"
	"time"
)

// Status is how a soak stands at a moment. It shares nothing with the soak.
type Status struct {
	Target  string
	Resumed int // rounds of earlier lives
	Totals
	Sites    int // places in the store that asked something of the disk
	Branches int // ways that recoveries went behind them
	Probes   int // what crashes took back, with what recovery did about it
	Running  []Running
	Waiting  int           // rounds that are done, for one before them that is not
	Width    int           // rounds at once
	Life     time.Duration // of Elapsed, since this process began
	Left     time.Duration // by the clock, -1 where there is no end
	Rounds   int
	OfRounds int   // of this shard, 0 where there is no end
	Memory   int64 // bytes in use
	Limit    int64 // of them
	Done     bool
	Why      string // it ended, see [End]
}

// Status gives how the soak stands.
func (s *Soak) Status() Status {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := Status{
		Target: s.target.Name, Resumed: s.resumed, Totals: s.totals.copy(), Rounds: s.totals.Rounds,
		Sites: s.totals.Sites(), Branches: s.totals.Branches(), Probes: s.totals.Probes(),
		Width: s.width, Left: -1, Memory: s.usage(), Limit: s.cfg.Memory, Done: s.done, Why: s.end.Why,
	}
	st.Elapsed = s.elapsed()
	st.Life = st.Elapsed - s.before
	if s.cfg.Duration > 0 {
		st.Left = max(0, s.cfg.Duration-st.Elapsed)
	}
	if s.cfg.Rounds > s.cfg.Shard {
		st.OfRounds = (s.cfg.Rounds-s.cfg.Shard-1)/s.cfg.Shards + 1
	}
	st.Waiting = s.waiting
	for _, r := range s.running {
		st.Running = append(st.Running, *r)
	}
	slices.SortFunc(st.Running, func(a, b Running) int { return a.Round - b.Round })
	return st
}

// copy gives what of the totals can be read while they change.
func (t *Totals) copy() Totals {
	c := *t
	c.sites, c.branches, c.probes, c.causes, c.Models = nil, nil, nil, nil, nil
	c.Samples = slices.Clone(t.Samples)
	c.Findings = make([]*Finding, len(t.Findings))
	for i, f := range t.Findings {
		own := *f
		c.Findings[i] = &own
	}
	return c
}

// PerSecond is how many disks a second were made of late: over the last minute, or
// what there is of it in this life.
func (st *Status) PerSecond() float64 {
	if n := len(st.Samples); n > 1 {
		last := st.Samples[n-1]
		for i := n - 2; i >= 0; i-- {
			first := st.Samples[i]
			if took := last.Seconds - first.Seconds; took >= 60 || i == 0 && took > 0 {
				return float64(last.States-first.States) / took
			}
		}
	}
	return 0
}
