package soak_test

import (
	"context"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"slices"
	"strings"
	"syscall"
	"testing"

	"crashsim/crashtest"
	"crashsim/crashtest/soak"
	"crashsim/faultfs"
)

func TestSoundStorePasses(t *testing.T) {
	st := do(t, folder(t), target(false), config(30))
	if st.Totals.Rounds != 30 || st.Why != soak.EndRounds || st.Verdict() != crashtest.Passed || st.Recoveries < 100 || st.Sites < 4 || st.Branches < 4 {
		t.Errorf("%+v", st)
	}
}

// Rounds one after the other and side by side come to the same, and so do those of
// a soak that is broken off time and again.
func TestSameForAnyWorkersAndLives(t *testing.T) {
	want := ""
	for _, workers := range []int{1, 2, 5} {
		cfg := config(40)
		cfg.Workers, cfg.Faults = workers, 4
		st := do(t, folder(t), target(true), cfg)
		if len(st.Findings) < 2 {
			t.Fatalf("%d findings", len(st.Findings))
		}
		if want == "" {
			want = told(&st.Totals)
		}
		if got := told(&st.Totals); got != want {
			t.Fatalf("%d workers: %s\nwant %s", workers, got, want)
		}
	}
	const seed = 3
	r := rand.New(rand.NewPCG(seed, 0))
	disk, lives := folder(t), 0
	cfg := config(40)
	cfg.Faults = 4
	cfg.Workers = 1 // else what others had begun is done as well, and a life may be long
	for done := false; !done; lives++ {
		s, err := soak.Open(disk, target(true), cfg)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		left := r.IntN(9)
		s.Tell = func(*soak.Outcome, []*soak.Finding) {
			if left--; left < 0 {
				cancel()
			}
		}
		if err := s.Run(ctx); err != nil {
			t.Fatal(err)
		}
		cancel()
		st := s.Status()
		if done = st.Why == soak.EndRounds; done && told(&st.Totals) != want {
			t.Errorf("seed %d, %d lives: %s\nwant %s", seed, lives, told(&st.Totals), want)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if lives < 4 {
		t.Errorf("%d lives: it was hardly broken off", lives)
	}
}

// Shards do every round once, and merged they are one soak.
func TestShardsAreOneSoak(t *testing.T) {
	const rounds, shards = 50, 4
	var whole []int
	s, err := soak.Open(folder(t), target(true), config(rounds))
	if err != nil {
		t.Fatal(err)
	}
	seeds := map[int]uint64{}
	s.Tell = func(o *soak.Outcome, _ []*soak.Finding) { whole, seeds[o.Round] = append(whole, o.Round), o.Seed }
	if err := s.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	want := s.Status()
	_ = s.Close()
	var parts []soak.Part
	var all []int
	for i := range shards {
		cfg := config(rounds)
		cfg.Shard, cfg.Shards = i, shards
		disk := folder(t)
		do(t, disk, target(true), cfg)
		parts = append(parts, soak.Part{Name: fmt.Sprint("shard ", i), Disk: disk})
		if _, err := soak.ReadJournal(disk, func(o *soak.Outcome) error {
			if all = append(all, o.Round); o.Seed != seeds[o.Round] {
				t.Errorf("round %d has another seed in its shard", o.Round)
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	slices.Sort(all)
	if !slices.Equal(all, whole) {
		t.Errorf("the shards did rounds %v, one soak did %v", all, whole)
	}
	slices.Reverse(parts)
	// A whole soak, and its shards, are both merged to what the soak was.
	m, err := soak.Merge(parts)
	if err != nil {
		t.Fatal(err)
	}
	if got := told(m.Totals); got != told(&want.Totals) || m.Whole != rounds || len(m.Missing) > 0 ||
		m.Totals.Sites() != want.Sites || m.Totals.Branches() != want.Branches || m.Totals.Probes() != want.Probes || want.Probes == 0 {
		t.Errorf("merged: %s%d whole, missing %q, %d sites, %d branches\none soak: %s%d sites, %d branches",
			got, m.Whole, m.Missing, m.Totals.Sites(), m.Totals.Branches(), told(&want.Totals), want.Sites, want.Branches)
	}
	m, err = soak.Merge(parts[1:])
	if err != nil || len(m.Missing) != 1 || m.Record(target(true), "test").Verdict == crashtest.Passed || m.Whole >= rounds {
		t.Errorf("without a shard: %v, %+v", err, m)
	}
	if _, err := soak.Merge(append(parts, parts[0])); err == nil {
		t.Error("a shard counts twice")
	}
	other := config(rounds)
	other.Seed, other.Shard, other.Shards = 8, 0, shards
	disk := folder(t)
	do(t, disk, target(true), other)
	if _, err := soak.Merge([]soak.Part{parts[0], {Name: "other", Disk: disk}}); err == nil {
		t.Error("shards of two soaks are merged")
	}
}

// A soak that is not the one that was begun is refused.
func TestAnotherSoakIsRefused(t *testing.T) {
	disk := folder(t)
	do(t, disk, target(false), config(3))
	for name, change := range map[string]func(*soak.Config){
		"seed":    func(c *soak.Config) { c.Seed++ },
		"build":   func(c *soak.Config) { c.Build = "another" },
		"profile": func(c *soak.Config) { c.Profile, _ = soak.ProfileNamed("swarm") },
		"faults":  func(c *soak.Config) { c.Faults = 3 },
		"shard":   func(c *soak.Config) { c.Shard, c.Shards = 1, 2 },
		"corpus":  func(c *soak.Config) { c.Corpus = []soak.Workload{{Target: "toy", Ops: []string{"get a"}}} },
		"cases":   func(c *soak.Config) { c.Cases = []soak.NamedCase{{Name: "x", Case: &crashtest.Case{}}} },
	} {
		cfg := config(3)
		change(&cfg)
		if s, err := soak.Open(disk, target(false), cfg); err == nil {
			_ = s.Close()
			t.Errorf("another %s goes on", name)
		}
	}
	cfg := config(9) // more of the same is the same
	if st := do(t, disk, target(false), cfg); st.Totals.Rounds != 9 || st.Resumed != 3 {
		t.Errorf("%+v", st)
	}
}

func TestFailFastEndsAtTheFirst(t *testing.T) {
	want := 0
	for _, workers := range []int{1, 4} {
		cfg := config(200)
		cfg.FailFast, cfg.Workers = true, workers
		st := do(t, folder(t), target(true), cfg)
		if st.Why != soak.EndFinding || len(st.Findings) == 0 || st.Totals.Rounds >= 200 {
			t.Errorf("%+v", st)
		}
		if want == 0 {
			want = st.Totals.Rounds
		}
		if st.Totals.Rounds != want {
			t.Errorf("%d rounds with %d workers, %d with one", st.Totals.Rounds, workers, want)
		}
	}
}

// Cases and the corpus come first, and what a soak came by is a corpus.
func TestCasesAndCorpusComeFirst(t *testing.T) {
	cfg := config(20)
	cfg.Keep = folder(t)
	st := do(t, folder(t), target(true), cfg)
	corpus, err := soak.ReadCorpus(cfg.Keep, target(true))
	if err != nil || len(corpus) == 0 || len(corpus) > 20 {
		t.Fatalf("%d entries, %v", len(corpus), err)
	}
	cfg.Corpus = corpus
	for _, f := range st.Findings {
		cfg.Cases = append(cfg.Cases, soak.NamedCase{Name: f.Cause, Case: f.Case})
	}
	cfg.Rounds = len(cfg.Cases) + len(corpus) + 20
	fresh := folder(t)
	s, err := soak.Open(fresh, target(false), cfg)
	if err != nil {
		t.Fatal(err)
	}
	var from []string
	s.Tell = func(o *soak.Outcome, _ []*soak.Finding) { from = append(from, o.From) }
	if err := s.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	_ = s.Close()
	if after := s.Status(); after.Verdict() != crashtest.Passed {
		t.Errorf("the store that was mended: %s", told(&after.Totals))
	}
	for i, c := range cfg.Cases {
		if from[i] != "case "+c.Name {
			t.Errorf("round %d is %s", i, from[i])
		}
	}
	for i, w := range corpus {
		if from[len(cfg.Cases)+i] != "corpus "+w.Name() {
			t.Errorf("round %d is %s", len(cfg.Cases)+i, from[len(cfg.Cases)+i])
		}
	}
	// A case finds its failure again where it is still there.
	again := config(len(cfg.Cases))
	again.Cases = cfg.Cases
	if st := do(t, folder(t), target(true), again); len(st.Findings) < len(cfg.Cases) {
		t.Errorf("%d cases are %d findings", len(cfg.Cases), len(st.Findings))
	}
}

// Rounds differ in their mixes, and each is the same each time.
func TestMixes(t *testing.T) {
	mixes := map[string]bool{}
	first := map[int]string{}
	for range 2 {
		s, err := soak.Open(folder(t), target(false), config(40))
		if err != nil {
			t.Fatal(err)
		}
		s.Tell = func(o *soak.Outcome, _ []*soak.Finding) {
			mixes[o.Mix] = true
			if first[o.Round] == "" {
				first[o.Round] = o.Mix
			}
			if o.Mix != first[o.Round] {
				t.Errorf("round %d: %q, and %q", o.Round, o.Mix, first[o.Round])
			}
		}
		if err := s.Run(t.Context()); err != nil {
			t.Fatal(err)
		}
		_ = s.Close()
	}
	if len(mixes) < 35 {
		t.Errorf("%d mixes in 40 rounds", len(mixes))
	}
}

// A round of faults finds what crashes alone do not, and says that it is one.
func TestRoundsOfFaults(t *testing.T) {
	cfg := config(6)
	cfg.Faults = 1
	s, err := soak.Open(folder(t), target(false), cfg)
	if err != nil {
		t.Fatal(err)
	}
	s.Tell = func(o *soak.Outcome, _ []*soak.Finding) {
		if !strings.Contains(o.Mix, "faults") || o.Faults == 0 || o.Ops > 4 {
			t.Errorf("round %d, of %d operations and %d faults: %s", o.Round, o.Ops, o.Faults, o.Mix)
		}
	}
	if err := s.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	_ = s.Close()
	st := s.Status()
	if !slices.ContainsFunc(st.Findings, func(f *soak.Finding) bool { return f.Case.Kind == crashtest.LeftOpen }) {
		t.Errorf("a file that is left open where a write fails is not found: %s", told(&st.Totals))
	}
	for _, f := range st.Findings {
		if f.Case.Scenario.Plan == "" {
			t.Errorf("found without a fault: %s", f.Cause)
		}
	}
}

// With a disk that fails the soak ends with an error, and no round is told that is
// not on the disk.
func TestJournalThatCannotBeWritten(t *testing.T) {
	disk := &failing{FS: folder(t), after: 12}
	cfg := config(40)
	cfg.Workers = 1 // a sync for each round: side by side, many are handed in with one
	s, err := soak.Open(disk, target(true), cfg)
	if err != nil {
		t.Fatal(err)
	}
	told := 0
	s.Tell = func(*soak.Outcome, []*soak.Finding) { told++ }
	if err := s.Run(t.Context()); err == nil {
		t.Fatal("it passes")
	}
	_ = s.Close()
	kept := 0
	if _, err := soak.ReadJournal(disk.FS, func(*soak.Outcome) error { kept++; return nil }); err != nil || told > kept {
		t.Errorf("%d told, %d kept, %v", told, kept, err)
	}
}

// failing is a disk on which no file can be synced after some have been.
type failing struct {
	faultfs.FS
	after int
}

func (f *failing) OpenFile(name string, flag int, perm fs.FileMode) (faultfs.File, error) {
	file, err := f.FS.OpenFile(name, flag, perm)
	return &failingFile{file, f}, err
}

type failingFile struct {
	faultfs.File
	disk *failing
}

func (f *failingFile) Sync() error {
	if f.disk.after--; f.disk.after < 0 {
		return syscall.EIO
	}
	return f.File.Sync()
}
