package crashtest

import (
	"iter"
	"math/rand/v2"
)

// Seeded gives a chooser that makes the same choices for the same seed, on every
// machine and in every version of Go (PCG-DXSM, math/rand/v2).
func Seeded(seed uint64) Chooser { return &seeded{pcg: rand.NewPCG(seed, seed^0x9e3779b97f4a7c15)} }

type seeded struct{ pcg *rand.PCG }

func (s *seeded) Choose(n int) int { return int(s.pcg.Uint64() % uint64(n)) }

// derive gives a seed of its own to each part of a run, so that what one part
// draws moves nothing in another.
func derive(seed uint64, part uint64) uint64 {
	return rand.NewPCG(seed, part).Uint64()
}

// FromBytes gives a chooser that takes its choices from bytes, as fuzzers make
// them: any bytes will do, and when they are used up each choice is the simplest.
// A choice takes one byte, '0' the first and '1' the second, or the two, three or
// more that it needs where there are over 256; where there is nothing to choose it
// takes none.
func FromBytes(data []byte) Chooser { return &fromBytes{data} }

type fromBytes struct{ data []byte }

func (f *fromBytes) Choose(n int) int {
	var v uint64
	for span := uint64(1); span < uint64(n) && len(f.data) > 0; span <<= 8 {
		v = v<<8 | uint64(f.data[0]-'0')
		f.data = f.data[1:]
	}
	return int(v % uint64(n))
}

// Recorded gives a chooser that makes the choices of a list, and the simplest one
// when they are used up. What is out of range counts round.
func Recorded(choices []int) Chooser { return &recorded{choices} }

type recorded struct{ left []int }

func (r *recorded) Choose(n int) int {
	if len(r.left) == 0 {
		return 0
	}
	v := r.left[0]
	r.left = r.left[1:]
	return (v%n + n) % n
}

// Recording is a chooser that makes another's choices and keeps them.
type Recording struct {
	Chooser
	Choices []int
}

// Choose makes the other's choice.
func (r *Recording) Choose(n int) int {
	v := r.Chooser.Choose(n)
	r.Choices = append(r.Choices, v)
	return v
}

// Exhaustive yields one chooser after another, until every sequence of choices was
// made, the simplest first. Each is used to its end before the next; what is
// chosen may depend on what was chosen before, and on nothing else.
func Exhaustive() iter.Seq[Chooser] {
	return func(yield func(Chooser) bool) {
		var c counter
		for more := true; more; {
			more = yield(&c) && c.next()
		}
	}
}

// counter counts in digits of which each has the base that was asked for.
type counter struct {
	digits []struct{ value, base int }
	at     int
}

func (c *counter) Choose(n int) int {
	if c.at == len(c.digits) {
		c.digits = append(c.digits, struct{ value, base int }{0, n})
	}
	c.at++
	return c.digits[c.at-1].value
}

// next counts one on, from the last digit that was used.
func (c *counter) next() bool {
	for c.digits, c.at = c.digits[:c.at], 0; len(c.digits) > 0; c.digits = c.digits[:len(c.digits)-1] {
		if last := &c.digits[len(c.digits)-1]; last.value+1 < last.base {
			last.value++
			return true
		}
	}
	return false
}
