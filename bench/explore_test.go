package bench

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"crashsim/crashtest"
	"crashsim/examples/workerruntime"
	"crashsim/faultfs"
)

// explore runs a target on one worker and gives the time it took.
func explore(b *testing.B, t *crashtest.Target, ops int) (time.Duration, *crashtest.Result) {
	b.Helper()
	cfg := crashtest.Defaults()
	cfg.Ops, cfg.Workers = ops, 1
	begin := time.Now()
	r, err := crashtest.Run(context.Background(), t, cfg)
	took := time.Since(begin)
	if err != nil {
		b.Fatal(err)
	}
	if err := r.Err(); err != nil {
		b.Fatal(err)
	}
	return took, r
}

// BenchmarkExplore gives what an exploration of the store costs, as a multiple of
// what it spends in the store itself: opening, applying, reading, closing.
func BenchmarkExplore(b *testing.B) {
	var total, bare time.Duration
	for b.Loop() {
		var spent atomic.Int64
		target := timed(workerruntime.Targets()[0], &spent)
		took, r := explore(b, target, 60)
		total, bare = total+took, bare+time.Duration(spent.Load())
		b.ReportMetric(float64(r.Recoveries)/took.Seconds(), "recoveries/s")
	}
	b.ReportMetric(float64(total)/float64(bare), "x-bare")
}

// timed adds up the time that is spent in a target's own code.
func timed(t crashtest.Target, spent *atomic.Int64) *crashtest.Target {
	open := t.Open
	t.Open = func(fsys faultfs.FS) (crashtest.Store, error) {
		defer count(spent)()
		s, err := open(fsys)
		if err != nil {
			return nil, err
		}
		return &timedStore{s, spent}, nil
	}
	return &t
}

func count(spent *atomic.Int64) func() {
	begin := time.Now()
	return func() { spent.Add(int64(time.Since(begin))) }
}

type timedStore struct {
	store crashtest.Store
	spent *atomic.Int64
}

func (s *timedStore) Apply(op string) (string, error) {
	defer count(s.spent)()
	return s.store.Apply(op)
}

func (s *timedStore) State() (string, error) {
	defer count(s.spent)()
	return s.store.State()
}

func (s *timedStore) Close() error {
	defer count(s.spent)()
	return s.store.Close()
}

// BenchmarkExploreGrowth gives how much longer ten times the operations take, on
// a store that does not grow with them, so that the windows stay as they are.
func BenchmarkExploreGrowth(b *testing.B) {
	var short, long time.Duration
	for b.Loop() {
		took, _ := explore(b, slotsTarget(), 100)
		short += took
		took, _ = explore(b, slotsTarget(), 1000)
		long += took
	}
	b.ReportMetric(float64(long)/float64(short), "x-10-times-ops")
}

// slots is a store of four files, each replaced as a whole.
type slots struct{ fsys faultfs.FS }

const slotCount = 4

func slotsTarget() *crashtest.Target {
	return &crashtest.Target{
		Name:  "slots",
		Open:  openSlots,
		Model: func() crashtest.Model { return &slotsModel{} },
		Generate: func(c crashtest.Chooser, n int) []string {
			ops := make([]string, n)
			for i := range ops {
				ops[i] = fmt.Sprintf("%d %d %s", c.Choose(slotCount), i, strings.Repeat("x", 2000))
			}
			return ops
		},
		Probes: func(crashtest.Model) []string { return []string{"0 probe"} },
		Check:  func(string) error { return nil },
	}
}

func openSlots(fsys faultfs.FS) (crashtest.Store, error) {
	list, err := fsys.ReadDir(".")
	if err != nil {
		return nil, err
	}
	for _, e := range list {
		if e.Name() == "tmp" {
			if err := fsys.Remove("tmp"); err != nil {
				return nil, err
			}
		}
	}
	return &slots{fsys}, fsys.SyncDir(".")
}

func (s *slots) Apply(op string) (string, error) {
	slot, text, _ := strings.Cut(op, " ")
	f, err := s.fsys.OpenFile("tmp", os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return "", err
	}
	for _, err := range []error{write(f, text), f.Sync(), f.Close(), s.fsys.Rename("tmp", slot), s.fsys.SyncDir(".")} {
		if err != nil {
			return "", err
		}
	}
	return "ok", nil
}

func write(f faultfs.File, text string) error {
	_, err := f.Write([]byte(text))
	return err
}

func (s *slots) State() (string, error) {
	var m slotsModel
	for i := range m {
		data, err := faultfs.ReadFile(s.fsys, fmt.Sprint(i))
		if err != nil && !os.IsNotExist(err) {
			return "", err
		}
		m[i] = string(data)
	}
	return m.State(), nil
}

func (s *slots) Close() error { return nil }

type slotsModel [slotCount]string

func (m *slotsModel) Apply(op string) string {
	slot, text, _ := strings.Cut(op, " ")
	m[slot[0]-'0'] = text
	return "ok"
}

func (m *slotsModel) State() string { return strings.Join(m[:], "\n") }

func (m *slotsModel) Clone() crashtest.Model { c := *m; return &c }
