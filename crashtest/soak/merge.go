package soak

import (
	"errors"
	"fmt"
	"iter"
	"math"
	"slices"
	"strings"

	"crashsim/faultfs"
)

// A Part is the folder of a soak, or of a shard of one.
type Part struct {
	Name string // for messages
	Disk faultfs.FS
}

// Merged is what shards came to together.
type Merged struct {
	*Header
	Totals *Totals
	// Missing says, a sentence each, what of the whole soak was not done.
	Missing []string
	// Whole is the number of rounds from the first on of which none is missing.
	Whole int
}

// Merge puts shards of one soak together, round by round, as if one process had
// done them all. It changes nothing. Shards of different soaks, the same one twice,
// and one whose rounds have a gap are errors.
func Merge(parts []Part) (*Merged, error) {
	m := &Merged{Totals: newTotals(nil)}
	logs, err := m.headers(parts)
	if err != nil {
		return nil, err
	}
	var streams []*stream
	for i, p := range parts {
		s := open(p, logs[i])
		defer s.stop()
		streams = append(streams, s)
	}
	for {
		first := slices.MinFunc(streams, func(a, b *stream) int { return a.round() - b.round() })
		if first.next == nil {
			break
		}
		o := first.next
		m.Totals.trim(o)
		if _, err := m.Totals.add(o); err != nil {
			return nil, fmt.Errorf("%s: %w", first.part.Name, err)
		}
		first.advance()
	}
	for _, s := range streams {
		if s.err != nil {
			return nil, fmt.Errorf("%s: %w", s.part.Name, s.err)
		}
	}
	m.count(streams)
	return m, nil
}

// headers checks that the parts are different shards of one soak.
func (m *Merged) headers(parts []Part) (logs []*Log, err error) {
	names := map[int]string{}
	for _, p := range parts {
		log, err := ReadJournal(p.Disk, func(*Outcome) error { return nil })
		if err == nil && log.Header == nil {
			err = ErrNoJournal
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", p.Name, err)
		}
		h := log.Header
		logs = append(logs, log)
		if m.Header == nil {
			first := *h
			m.Header = &first
		}
		if why := m.differs(h); why != "" {
			return nil, fmt.Errorf("%s and %s are not of one soak: %s", parts[0].Name, p.Name, why)
		}
		if other, twice := names[h.Shard]; twice {
			return nil, fmt.Errorf("%s and %s are both shard %d of %d: give each shard once", other, p.Name, h.Shard+1, h.Shards)
		}
		names[h.Shard] = p.Name
	}
	if m.Header == nil {
		return nil, errors.New("no folder was given")
	}
	return logs, nil
}

// count says what is missing.
func (m *Merged) count(streams []*stream) {
	by := map[int]*stream{}
	for _, s := range streams {
		by[s.log.Shard] = s
		m.Totals.Elapsed += seconds(s.at)
		m.Rounds, m.Seconds = max(m.Rounds, s.log.Rounds), max(m.Seconds, s.log.Seconds)
	}
	var missing []string
	m.Whole = -1
	for i := range m.Shards {
		s := by[i]
		if s == nil {
			missing = append(missing, fmt.Sprintf("%d", i+1))
			s = &stream{}
		}
		if to := i + s.done*m.Shards; m.Whole < 0 || to < m.Whole {
			m.Whole = to
		}
		if why := s.unfinished(); why != "" {
			m.Missing = append(m.Missing, fmt.Sprintf("What shard %d of %d had to do after %s: it %s.", i+1, m.Shards, plural(s.done, "round"), why))
		}
	}
	if len(missing) > 0 {
		m.Missing = append(m.Missing, fmt.Sprintf("All rounds of shard %s of %d.", strings.Join(missing, ", "), m.Shards))
	}
}

// unfinished says what kept a shard from its end, "" if nothing did.
func (s *stream) unfinished() string {
	switch {
	case s.log == nil:
		return ""
	case s.log.End == nil:
		return "was killed, or goes on still"
	case s.log.End.Why == EndInterrupted:
		return "was interrupted"
	case s.log.End.Why == EndFinding:
		return "was to end at its first finding"
	}
	return ""
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// stream reads a journal one outcome at a time.
type stream struct {
	part Part
	next *Outcome // nil: there is none
	done int      // rounds
	at   float64  // seconds of the soak, at its end
	log  *Log
	err  error
	pull func() (*Outcome, bool)
	stop func()
}

var errStop = errors.New("that is enough")

func open(p Part, log *Log) *stream {
	s := &stream{part: p, log: log}
	s.pull, s.stop = iter.Pull(func(yield func(*Outcome) bool) {
		_, err := ReadJournal(p.Disk, func(o *Outcome) error {
			if !yield(o) {
				return errStop
			}
			return nil
		})
		if err != nil && !errors.Is(err, errStop) {
			s.err = err
		}
	})
	s.advance()
	return s
}

// round is the number of the next one, beyond all numbers where there is none.
func (s *stream) round() int {
	if s.next == nil {
		return math.MaxInt
	}
	return s.next.Round
}

func (s *stream) advance() {
	if s.next != nil {
		s.done++
		s.at = s.next.At
	}
	s.next, _ = s.pull()
	switch want := s.log.Shard + s.done*s.log.Shards; {
	case s.next == nil && s.log.End != nil:
		s.at = s.log.End.At
	case s.next != nil && s.next.Round != want:
		s.err = fmt.Errorf("round %d comes where round %d should: the journal has a gap", s.next.Round, want)
		s.next = nil
	}
}
