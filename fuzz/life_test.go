package fuzz

import (
	"testing"

	"crashsim/crashtest"
	"crashsim/faultfs"
)

// FuzzLife has bytes choose what happens to a store, one thing after another:
// operations, reopenings, power cuts, kills, and calls on the disk that fail.
func FuzzLife(f *testing.F) {
	single := target(f, "single")
	f.Add([]byte("0"))
	f.Fuzz(func(t *testing.T, data []byte) {
		m, c := newMachine(single, faultfs.POSIX, map[string]int{}), crashtest.FromBytes(data)
		for range c.Choose(32) {
			if err := m.step(c); err != nil {
				t.Fatal(m.foundAnew(err))
			}
		}
		if err := m.shutDown(); err != nil {
			t.Fatal(m.foundAnew(err))
		}
	})
}

// step does what the next choice says, and looks at the store.
func (m *machine) step(c crashtest.Chooser) (err error) {
	switch c.Choose(8) {
	default:
		err = m.operate(m.target.Generate(c, 1)[0])
	case 4:
		err = m.arm(c)
	case 5:
		err = m.reopen()
	case 6:
		err = m.crash(c, false)
	case 7:
		err = m.crash(c, true)
	}
	if err == nil {
		err = m.check()
	}
	return err
}
