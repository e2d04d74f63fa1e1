package soak

import (
	"errors"
	"strings"
	"testing"

	"crashsim/crashtest"
	"crashsim/faultfs"
)

// A round that takes more memory than there is ends by itself, and the soak is no
// pass; one that is too much beside others is done later.
func TestMemoryIsBounded(t *testing.T) {
	disk, err := faultfs.OpenOS(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = disk.Close() }()
	cfg := Defaults()
	cfg.Rounds, cfg.Workers, cfg.Memory = 1, 2, 1000
	target := &crashtest.Target{
		Name: "endless", Model: func() crashtest.Model { return model("") },
		Open:     func(faultfs.FS) (crashtest.Store, error) { return nothing{}, nil },
		Generate: func(_ crashtest.Chooser, n int) []string { return strings.Fields(strings.Repeat("op ", n)) },
		Probes:   func(crashtest.Model) []string { return nil },
	}
	s, err := Open(disk, target, cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	c := &crew{Soak: s, ctx: t.Context(), done: make(chan *finished, 2), ready: map[int]*finished{}}
	used := int64(900)
	s.usage = func() int64 { return used }
	var why [2]error
	for i := range why {
		s.running[i] = &Running{Round: i, cancel: func(err error) { why[i] = err; delete(s.running, i) }}
	}
	c.watchMemory()
	if why[0] != nil || why[1] != nil {
		t.Fatalf("broken off with memory left: %v", why)
	}
	used = 1001
	c.watchMemory()
	if why[0] != nil || !errors.Is(why[1], errCrowded) || s.width != 1 {
		t.Fatalf("%v, width %d; want the latest to be done later", why, s.width)
	}
	c.memory = c.memory.Add(-1e10) // that is long ago
	c.watchMemory()
	if !errors.Is(why[0], errTooLarge) {
		t.Fatalf("%v; want the only one to end", why)
	}
	// What was crowded out is begun anew; what is too large is handed in, and no pass.
	c.busy = 2
	r := s.plan.round(0)
	if err := c.finish(&finished{place: 1, round: r, why: errCrowded, explored: &explored{Result: &crashtest.Result{}}}); err != nil || len(c.again) != 1 || len(c.ready) > 0 {
		t.Fatalf("%v, again %v", err, c.again)
	}
	if err := c.finish(&finished{place: 0, round: r, why: errTooLarge, explored: &explored{Result: &crashtest.Result{Recoveries: 9}}}); err != nil {
		t.Fatal(err)
	}
	if st := s.Status(); st.OutOfMemory != 1 || st.Verdict() != crashtest.Inconclusive {
		t.Errorf("%+v", st)
	}
}

type model string

func (m model) Apply(string) string    { return "" }
func (m model) State() string          { return "" }
func (m model) Clone() crashtest.Model { return m }

type nothing struct{}

func (nothing) Apply(string) (string, error) { return "", nil }
func (nothing) State() (string, error)       { return "", nil }
func (nothing) Close() error                 { return nil }
