package crashtest

import "math/rand/v2"

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
