package soak

import (
	"context"
	"errors"
	"fmt"
	"path"
	"sync"
	"time"

	"crashsim/crashtest"
	"crashsim/faultfs"
)

// A Soak is under way, or was and can go on. [Soak.Run] is called once; the other
// methods at any time, from any goroutine.
type Soak struct {
	target  *crashtest.Target
	cfg     Config
	plan    *plan
	disk    faultfs.FS
	journal *Journal
	header  *Header
	resumed int // rounds that were there already

	mu      sync.Mutex // of what follows
	totals  *Totals
	running map[int]*Running
	before  time.Duration // in earlier lives
	began   time.Time     // this one; zero: it has not
	done    bool
	end     End // when it is done
	width   int // rounds at once
	waiting int // rounds that are done and not handed in

	// Tell, if not nil, is called with each outcome when it is durable, in the order
	// of rounds, and with the findings that are new in it. Set it before Run.
	Tell func(*Outcome, []*Finding)

	usage func() int64 // of memory
}

// Running is a round under way.
type Running struct {
	Round    int
	From     string
	Mix      string
	Progress crashtest.Progress
	began    time.Time
	cancel   context.CancelCauseFunc
}

// Open begins a soak in a folder, or goes on with the one that is there, which has
// to be the same in all that outcomes depend on. The caller closes it. One process
// at a time has it open.
func Open(disk faultfs.FS, t *crashtest.Target, cfg Config) (*Soak, error) {
	if cfg.Shards < 1 || cfg.Shard < 0 || cfg.Shard >= cfg.Shards || cfg.Workers < 1 || len(cfg.Models) == 0 {
		return nil, fmt.Errorf("shard %d of %d, %d workers, %d models: there has to be one of each", cfg.Shard, cfg.Shards, cfg.Workers, len(cfg.Models))
	}
	s := &Soak{
		target: t, cfg: cfg, plan: cfg.plan(t), disk: disk, totals: newTotals(t), running: map[int]*Running{},
		width: cfg.Workers, usage: memoryInUse,
	}
	want := cfg.header(t)
	var err error
	var log *Log
	s.journal, log, err = OpenJournal(disk, want, s.restore)
	if err != nil {
		return nil, err
	}
	s.header = log.Header
	if log.End != nil {
		s.before = seconds(log.End.At)
		s.totals.Elapsed = s.before
	}
	why := s.header.differs(want)
	if why == "" && s.header.Shard != want.Shard {
		why = fmt.Sprintf("the shard was %d, and is %d", s.header.Shard+1, want.Shard+1)
	}
	if why != "" {
		return nil, errors.Join(fmt.Errorf("this is another soak than was begun here: %s", why), s.journal.Close())
	}
	s.resumed = s.totals.Rounds
	return s, nil
}

// restore adds an outcome that the journal has.
func (s *Soak) restore(o *Outcome) error {
	if want := s.number(s.totals.Rounds); o.Round != want {
		return fmt.Errorf("round %d comes where round %d should", o.Round, want)
	}
	_, err := s.totals.add(o)
	s.totals.sample(o)
	s.before = seconds(o.At)
	s.totals.Elapsed = s.before
	return err
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

// number gives the n-th round of this shard.
func (s *Soak) number(n int) int { return s.cfg.Shard + n*s.cfg.Shards }

// Close lets go of the folder.
func (s *Soak) Close() error { return s.journal.Close() }

// Header is what the soak was begun with.
func (s *Soak) Header() *Header { return s.header }

// Resumed is the number of rounds that earlier lives of the soak had done.
func (s *Soak) Resumed() int { return s.resumed }

// Run goes on until the soak has come to its end or ctx is done. Rounds that are
// under way then are left out, and are done when it goes on. An error is the
// harness's, or the disk's on which the journal is.
func (s *Soak) Run(ctx context.Context) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	s.mu.Lock()
	s.began = time.Now()
	if s.cfg.Duration > 0 {
		var end context.CancelFunc
		ctx, end = context.WithTimeout(ctx, s.cfg.Duration-s.before)
		defer end()
	}
	c := &crew{Soak: s, ctx: ctx, done: make(chan *finished), ready: map[int]*finished{}, begun: s.totals.Rounds}
	c.over = s.cfg.FailFast && len(s.totals.Findings) > 0
	s.mu.Unlock()
	watch := time.NewTicker(250 * time.Millisecond)
	defer watch.Stop()
	for {
		for c.mayBegin() {
			c.begin()
		}
		if c.busy == 0 {
			break
		}
		select {
		case f := <-c.done:
			if err := c.finish(f); err != nil && c.err == nil {
				c.err = err
				stop()
			}
		case <-watch.C:
			c.watchMemory()
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.totals.Elapsed, s.done = s.elapsed(), true
	s.end = End{s.totals.Elapsed.Seconds(), s.totals.Rounds, c.why()}
	if c.err != nil {
		return c.err
	}
	return s.journal.Finish(s.end)
}

func (s *Soak) elapsed() time.Duration {
	if s.began.IsZero() || s.done {
		return s.totals.Elapsed
	}
	return s.before + time.Since(s.began)
}

// keep puts outcomes on the disk, and sums them up when they are there: first the
// files that they speak of, which the same rounds would write over again.
func (s *Soak) keep(list []*Outcome, ops map[*Outcome][]string) error {
	s.mu.Lock()
	fresh, err := s.commit(list, ops)
	s.mu.Unlock()
	if err != nil {
		return err
	}
	for i, o := range list {
		if s.Tell != nil {
			s.Tell(o, fresh[i])
		}
	}
	return nil
}

func (s *Soak) commit(list []*Outcome, ops map[*Outcome][]string) (fresh [][]*Finding, err error) {
	for _, o := range list {
		s.totals.trim(o)
		o.At, o.Heap = s.elapsed().Seconds(), s.usage()
		found, err := s.totals.add(o)
		s.totals.sample(o)
		fresh = append(fresh, found)
		for _, f := range found {
			var text []byte
			if text, err = f.Case.MarshalText(); err == nil {
				err = replaceFile(s.disk, s.CaseFile(f), ".new", text)
			}
			if err != nil {
				return nil, err
			}
		}
		if w := (&Workload{s.target.Name, ops[o]}); err == nil && s.cfg.Keep != nil && len(o.Branches) > 0 && len(w.Ops) > 0 {
			err = w.keep(s.cfg.Keep, fmt.Sprintf(".new-%d", s.cfg.Shard))
		}
		if err != nil {
			return nil, err
		}
	}
	return fresh, s.journal.Commit(list)
}

// CaseFile is the file of a finding's case in the soak's folder.
func (s *Soak) CaseFile(f *Finding) string { return CaseFile(s.header, f) }

// CaseFile is the file of a finding's case in the folder of a soak or of a merger.
func CaseFile(h *Header, f *Finding) string {
	return path.Clean(fmt.Sprintf("%s-%d-%02d.case", h.Target, h.Seed, f.Number))
}
