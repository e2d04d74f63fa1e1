package crashtest

import (
	"errors"
	"fmt"
	"hash/fnv"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"crashsim/faultfs"
)

// A wanderer is a store whose recovery looks at this and that, by what it has seen
// so far, and now and then changes something. Its state is all that it has seen.
type wanderer struct {
	fsys faultfs.FS
	seed uint64
	seen uint64
}

var wanderNames = []string{"a", "b", "d", "d/a", "d/b"}

func (w *wanderer) note(what ...any) {
	h := fnv.New64a()
	_, _ = fmt.Fprint(h, w.seen, what)
	w.seen = h.Sum64()
}

func openWanderer(fsys faultfs.FS, seed uint64, steps int) (Store, error) {
	w := &wanderer{fsys: fsys, seed: seed}
	for range steps {
		r := rand.New(rand.NewPCG(w.seed, w.seen))
		name := wanderNames[r.IntN(len(wanderNames))]
		switch r.IntN(10) {
		case 0, 1:
			info, err := fsys.Stat(name)
			if err == nil && !info.IsDir() {
				w.note(info.Size())
			}
			w.note(err == nil)
		case 2:
			list, err := fsys.ReadDir([]string{".", "d"}[r.IntN(2)])
			for _, e := range list {
				w.note(e.Name(), e.IsDir())
			}
			w.note(err == nil)
		case 3, 4, 5:
			w.look(name, int64(r.IntN(12)), 1+r.IntN(6))
		case 6:
			w.note(fsys.Rename(name, wanderNames[r.IntN(len(wanderNames))]) == nil)
		case 7:
			w.note(w.write(name, int64(r.IntN(9))) == nil)
		case 8:
			w.note(fsys.SyncDir(".") == nil)
		case 9: // it may be numbered as one that the crash took
			_, err := w.Apply("append " + name + " e")
			w.note(err == nil)
		}
	}
	if w.seen%7 == 0 {
		return nil, errors.New("enough")
	}
	return w, nil
}

func (w *wanderer) look(name string, off int64, n int) {
	f, err := w.fsys.OpenFile(name, os.O_RDONLY, 0)
	if err != nil {
		w.note(errors.Is(err, fs.ErrNotExist))
		return
	}
	defer func() { _ = f.Close() }()
	p := make([]byte, n)
	n, _ = f.ReadAt(p, off)
	w.note(n, p)
}

func (w *wanderer) write(name string, off int64) error {
	f, err := w.fsys.OpenFile(name, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteAt([]byte("xyz"), off)
	return errors.Join(err, f.Sync(), f.Close())
}

// Apply does what an op says on the disk: "KIND NAME [NAME]".
func (w *wanderer) Apply(op string) (string, error) {
	f := strings.Fields(op)
	switch f[0] {
	case "rename":
		_ = w.fsys.Rename(f[1], f[2])
	case "remove":
		_ = w.fsys.Remove(f[1])
	case "mkdir":
		_ = w.fsys.Mkdir(f[1], 0o777)
	case "syncdir":
		_ = w.fsys.SyncDir(f[1])
	case "append", "sync", "cut":
		file, err := w.fsys.OpenFile(f[1], os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o666)
		if err != nil {
			return "", nil
		}
		switch f[0] {
		case "append":
			_, _ = file.Write([]byte(strings.Repeat(f[2], 1+len(op)%9)))
		case "cut":
			_ = file.Truncate(3)
		case "sync":
			_ = file.Sync()
		}
		return "", file.Close()
	}
	return "", nil
}

func (w *wanderer) State() (string, error) { return fmt.Sprintf("%x", w.seen), nil }
func (w *wanderer) Close() error           { return nil }

// A blank is a reference that says nothing.
type blank struct{}

func (blank) Apply(string) string { return "" }
func (blank) State() string       { return "" }
func (blank) Clone() Model        { return blank{} }

func wanderTarget(seed uint64) *Target {
	return &Target{
		Name:       "wanderer",
		Idempotent: true, // so that all that is needed to tell is looked at
		Open:       func(fsys faultfs.FS) (Store, error) { return openWanderer(fsys, seed, 5) },
		Model:      func() Model { return blank{} },
		Generate:   wanderOps,
		Probes:     func(Model) []string { return []string{"append a p", "rename a d/b", "sync b"} },
	}
}

func wanderOps(c Chooser, n int) (ops []string) {
	name := func() string { return wanderNames[c.Choose(len(wanderNames))] }
	ops = append(ops, "mkdir d")
	for range n {
		ops = append(ops, []string{
			"append " + name() + " k", "append " + name() + " vw", "rename " + name() + " " + name(), "remove " + name(),
			"sync " + name(), "syncdir .", "syncdir d", "cut " + name(),
		}[c.Choose(8)])
	}
	return ops
}

// outcomes tells all that comes of the disks of a crash: what recovery shows, what
// those inside it show, and what is there when the store is used again.
func outcomes(in *interner, a *aftermath, level int, probe bool) string {
	set := map[string]bool{}
	for _, d := range a.disks {
		set[outcome(in, d.visit, level, probe)] = true
	}
	return fmt.Sprint(slices.Sorted(maps.Keys(set)))
}

func outcome(in *interner, v *visit, level int, probe bool) string {
	if v.failed != nil {
		return string(v.failed.Kind)
	}
	text := in.text(v.state)
	if level >= twice {
		text += ">" + outcome(in, v.final, recovered, false)
		if v.final.final == v.final {
			text += "!"
		}
		if probe {
			for _, b := range v.final.probes {
				text += fmt.Sprint(" p", b.at, outcomes(in, b.aftermath, recovered, false))
			}
		}
	}
	if level > twice {
		for _, b := range v.crashes {
			text += fmt.Sprint(" c", b.at, b.after, outcomes(in, b.aftermath, level-1, probe))
		}
	}
	return text
}

// A lazy search comes to the same as one of everything, in all that can be told
// apart: at every cut, of recoveries, of crashes in recoveries, and of what follows.
func TestLazyIsExact(t *testing.T) {
	t.Parallel()
	seeds := uint64(1000)
	if testing.Short() {
		seeds = 80
	}
	total := map[Search]int{}
	cuts := 0
	models := faultfs.Models()
	for seed := range seeds {
		m := models[seed%uint64(len(models))]
		m.Sector, m.Block = 4, 8
		target := wanderTarget(seed)
		level, probe := twice+int(seed%2), seed%3 == 0
		results := map[Search][]string{}
		for _, search := range []Search{SearchExhaustive, SearchLazy} {
			cfg := Config{Model: m, Seed: seed, MaxStates: 1 << 10, Search: search}
			in := newInterner()
			life := target.apply(faultfs.NewSim(), target.Model(), wanderOps(Seeded(seed), 9), false, in)
			life.states = slices.Repeat([]stateID{in.id("")}, len(life.ops)+1)
			e := newExplorer(target, &cfg, in)
			reference := map[stateID]Model{}
			for _, id := range life.states {
				reference[id] = blank{}
			}
			e.refer(reference, false)
			for j := range powerCuts(life, m) {
				if len(j.Pending) > 9 {
					continue
				}
				a := e.after(j.Cut, level, probe)
				e.tasks.work(1, nothing)
				if a.capped || e.hasDiverged() {
					t.Fatalf("seed %d %s: capped %t", seed, search, a.capped)
				}
				results[search] = append(results[search], outcomes(in, a, level, probe))
			}
			for _, v := range e.visits.all {
				if v.level > unseen {
					total[search]++
				}
			}
		}
		all, lazy := results[SearchExhaustive], results[SearchLazy]
		cuts += len(all)
		for i := range all {
			if all[i] != lazy[i] {
				t.Fatalf("seed %d, model %s, level %d, cut %d of %d:\nall  %.2000s\nlazy %.2000s", seed, m.Name, level, i, len(all), all[i], lazy[i])
			}
		}
	}
	t.Logf("%d cuts, recoveries: %v", cuts, total)
	if total[SearchLazy]*10 > total[SearchExhaustive]*9 || cuts < int(seeds) {
		t.Errorf("%d cuts, recoveries %v: these stores look at everything", cuts, total)
	}
}

// What a recovery looked at is the same whether it was just found out or is known of
// an equal disk: no file that it has made itself is in it, which may be numbered as
// one that the crash took.
func TestLazilyIsTheSameTwice(t *testing.T) {
	target := wanderTarget(0)
	target.Open = func(fsys faultfs.FS) (Store, error) {
		w := &wanderer{fsys: fsys}
		if _, err := w.Apply("append b k"); err != nil {
			return nil, err
		}
		w.look("b", 0, 4)
		return w, nil
	}
	sim := faultfs.NewSim()
	if _, err := (&wanderer{fsys: sim}).Apply("append b k"); err != nil {
		t.Fatal(err)
	}
	walk := sim.Trace().Walk(faultfs.POSIX)
	for walk.Peek() != nil {
		walk.Next()
	}
	cfg := Defaults()
	cfg.Search = SearchLazy
	e := newExplorer(target, &cfg, newInterner())
	nothing := func(int) bool { return false } // is kept
	var looked [2][]faultfs.Read
	for i := range looked {
		image := walk.Cut().Image(nothing)
		looked[i], _ = e.lazily(e.disk(image.Key()), image, twice, false)
	}
	if len(looked[0]) == 0 || !slices.Equal(looked[0], looked[1]) {
		t.Errorf("at first %v, then %v", looked[0], looked[1])
	}
}

// A store that does not do the same on the same is told so.
func TestLazyNoticesChance(t *testing.T) {
	var n uint64
	target := wanderTarget(1)
	target.Open = func(fsys faultfs.FS) (Store, error) {
		n++
		return openWanderer(fsys, n%5, 5)
	}
	cfg := Defaults()
	cfg.Search, cfg.Ops, cfg.Workers = SearchLazy, 12, 1
	if _, err := Run(t.Context(), target, cfg); !errors.Is(err, ErrDiverged) {
		t.Errorf("%v, want %v", err, ErrDiverged)
	}
}

// Forty effects are pending, and the recovery looks at ten of them: the search
// comes to its end with one recovery for each way that these ten can be.
func TestLazyTakesNoMoreThanIsLookedAt(t *testing.T) {
	target := &Target{
		Name: "forty", Model: func() Model { return blank{} },
		Open: func(fsys faultfs.FS) (Store, error) {
			w := &wanderer{fsys: fsys}
			for i := range 10 {
				_, err := fsys.Stat(fmt.Sprint("f", i))
				w.note(err == nil)
			}
			return w, nil
		},
	}
	sim := faultfs.NewSim()
	for i := range 40 {
		if err := sim.Mkdir(fmt.Sprint("f", i), 0o777); err != nil {
			t.Fatal(err)
		}
	}
	cfg := Config{Model: faultfs.POSIX, MaxStates: 1 << 15, Search: SearchLazy}
	e := newExplorer(target, &cfg, newInterner())
	w := sim.Trace().Walk(cfg.Model)
	for w.Peek() != nil {
		w.Next()
	}
	cut := w.Cut()
	a := e.after(cut, recovered, false)
	if len(cut.Pending) != 40 || len(a.disks) != 1<<10 || a.capped {
		t.Errorf("%d pending, %d disks, capped %t", len(cut.Pending), len(a.disks), a.capped)
	}
}

// folders makes twelve folders in one operation and syncs none. Opening looks for
// four of them, and leaves the disk as it was.
type folders struct{ disk faultfs.FS }

func (f folders) Apply(string) (string, error) {
	for i := range 12 {
		if err := f.disk.Mkdir(fmt.Sprint("folder", i), 0o777); err != nil && !errors.Is(err, fs.ErrExist) {
			return "", err
		}
	}
	return "", nil
}

func (folders) State() (string, error) { return "", nil }
func (folders) Close() error           { return nil }

// nothingHeld is the reference of a store that holds nothing.
type nothingHeld struct{}

func (nothingHeld) Apply(string) string { return "" }
func (nothingHeld) State() string       { return "" }
func (nothingHeld) Clone() Model        { return nothingHeld{} }

// A lazy run comes to its end where a recovery changes nothing on the disk, and a
// crash after it leaves the same one.
func TestLazyRunComesBackToTheSameDisk(t *testing.T) {
	target := &Target{
		Name: "folders",
		Open: func(disk faultfs.FS) (Store, error) {
			for i := range 4 {
				_, _ = disk.Stat(fmt.Sprint("folder", i)) // there or not, both are right
			}
			return folders{disk}, nil
		},
		Model:    func() Model { return nothingHeld{} },
		Generate: func(Chooser, int) []string { return []string{"make"} },
		Probes:   func(Model) []string { return nil }, // it is opened, and closed
	}
	cfg := Defaults()
	cfg.Search = SearchLazy
	cfg.Depth = 0
	r, err := Run(t.Context(), target, cfg)
	if err != nil {
		t.Fatal(err)
	}
	if r.Verdict != Passed || r.States < 1<<4 || r.Recoveries >= 1<<11 {
		t.Errorf("%s, %d states, %d recoveries: of 4,096 disks, 16 make a difference", r.Verdict, r.States, r.Recoveries)
	}
}

// Cuts that leave more disks than are to be tried one by one are gone through lazily,
// which finds the same.
func TestWhole(t *testing.T) {
	var all, some *Result
	for whole, r := range map[int]**Result{0: &all, 1: &some} {
		cfg := Defaults()
		cfg.Ops, cfg.Whole, cfg.Depth, cfg.KeepGoing = 8, whole, 1, true
		var err error
		if *r, err = Run(t.Context(), wanderTarget(3), cfg); err != nil {
			t.Fatal(err)
		}
	}
	if some.Unique >= all.Unique || some.Capped != all.Capped || some.Verdict != all.Verdict {
		t.Errorf("%s, %d disks, %d capped; of all %s, %d, %d", some.Verdict, some.Unique, some.Capped, all.Verdict, all.Unique, all.Capped)
	}
}
