package crashtest_test

import (
	"errors"
	"io/fs"
	"os"
	"strings"
	"testing"

	"crashsim/crashtest"
	"crashsim/faultfs"
)

// A store that syncs the name of its log where it makes it, and takes for granted
// that it is durable where it finds it. A process that is killed between the two
// leaves it found, and not durable: the next one acknowledges what a cut of the
// power then takes away.
func openTrusting(fsys faultfs.FS) (crashtest.Store, error) {
	t := &toy{fsys: fsys}
	data, err := faultfs.ReadFile(fsys, toyLog)
	made := errors.Is(err, fs.ErrNotExist)
	if err != nil && !made {
		return nil, err
	}
	if t.file, err = fsys.OpenFile(toyLog, os.O_RDWR|os.O_CREATE, 0o666); err != nil {
		return nil, err
	}
	if made {
		if err := fsys.SyncDir("."); err != nil {
			return nil, err
		}
	}
	if err := t.recover(data); err != nil {
		return nil, err
	}
	return t, nested(5, t.file.Sync)
}

// nested calls f from some frames further down, as a larger store would.
func nested(n int, f func() error) error {
	if n == 0 {
		return f()
	}
	return nested(n-1, f)
}

func TestKilledBetweenMakingAndSyncing(t *testing.T) {
	target := toyTarget(flaws{})
	target.Open = openTrusting
	cfg := crashtest.Defaults()
	cfg.Ops = 4
	r, err := crashtest.Run(t.Context(), target, cfg)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range r.Findings {
		t.Log(f.Report)
	}
	if r.Verdict != crashtest.Failed {
		t.Errorf("%s: a store that a kill and a cut make lose what it acknowledged", r.Verdict)
	}
}

// A store without a mistake, opened from fewer frames down than a trace keeps. What
// a killed process had in flight need not stay until a life has shown it.
func TestKilledInFlightIsNotShown(t *testing.T) {
	target := toyTarget(flaws{})
	target.Open = func(fsys faultfs.FS) (crashtest.Store, error) {
		t := &toy{fsys: fsys}
		data, err := faultfs.ReadFile(fsys, toyLog)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		if t.file, err = fsys.OpenFile(toyLog, os.O_RDWR|os.O_CREATE, 0o666); err != nil {
			return nil, err
		}
		return t, errors.Join(t.recover(data), t.file.Sync(), fsys.SyncDir("."))
	}
	cfg := crashtest.Defaults()
	cfg.Ops = 4
	if err := crashtest.Check(t.Context(), target, cfg); err != nil {
		t.Error(err)
	}
}

// A store that writes a torn log anew, as "new", and trusts that name where it finds
// it. Only a process that is killed in its recovery leaves it found and not durable.
func openAnew(fsys faultfs.FS, honest bool) (crashtest.Store, error) {
	const anew, tmp = "new", "tmp"
	t := &toy{fsys: fsys}
	name := anew
	data, err := faultfs.ReadFile(fsys, anew)
	found := err == nil
	if errors.Is(err, fs.ErrNotExist) {
		name = toyLog
		data, err = faultfs.ReadFile(fsys, toyLog)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	good := 0 // bytes of whole lines
	for _, line := range strings.SplitAfter(string(data), "\n") {
		text, sum, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "|")
		if !strings.HasSuffix(line, "\n") || sum != checksum(text) {
			break
		}
		good += len(line)
	}
	if name == toyLog && good < len(data) {
		f, err := fsys.OpenFile(tmp, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o666)
		if err != nil {
			return nil, err
		}
		_, err = f.Write(data[:good])
		if err := errors.Join(err, f.Sync(), f.Close(), fsys.Rename(tmp, anew), fsys.SyncDir(".")); err != nil {
			return nil, err
		}
		name, data = anew, data[:good]
	}
	if t.file, err = fsys.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o666); err != nil {
		return nil, err
	}
	if !found || honest {
		if err := fsys.SyncDir("."); err != nil {
			return nil, err
		}
	}
	return t, errors.Join(t.recover(data), t.file.Sync())
}

func TestKilledInRecovery(t *testing.T) {
	for _, honest := range []bool{true, false} {
		target := toyTarget(flaws{})
		target.Open = func(fsys faultfs.FS) (s crashtest.Store, err error) {
			err = nested(6, func() error { s, err = openAnew(fsys, honest); return err })
			return s, err
		}
		cfg := crashtest.Defaults()
		cfg.Ops = 4
		r, err := crashtest.Run(t.Context(), target, cfg)
		if err != nil {
			t.Fatal(err)
		}
		want := crashtest.Failed
		if honest {
			want = crashtest.Passed
		}
		if r.Verdict != want {
			t.Errorf("honest %t: %s, want %s: %v", honest, r.Verdict, want, r.Err())
		}
	}
}

// The same by hand: what the store then loses, it had acknowledged.
func TestKilledInRecoveryByHand(t *testing.T) {
	sim := faultfs.NewSim()
	s, err := openAnew(sim, false)
	if err == nil {
		_, err = s.Apply("one")
	}
	if err != nil {
		t.Fatal(err)
	}
	// The power goes while "two" is written, and leaves its size.
	if _, err := s.Apply("two"); err != nil {
		t.Fatal(err)
	}
	w := sim.Trace().Walk(faultfs.POSIX)
	for {
		c := w.Cut()
		n := len(c.Pending)
		if n > 0 && c.Pending[n-1].Kind == faultfs.EffectData && strings.HasPrefix(string(c.Pending[n-1].Op.Data), "two") {
			sim = c.Image(func(i int) bool { return i < n-1 })
			break
		}
		w.Next()
	}
	if _, err := openAnew(sim, false); err != nil { // killed before its last sync of the folder
		t.Fatal(err)
	}
	w = sim.Trace().Walk(faultfs.POSIX)
	for {
		c := w.Cut()
		if n := len(c.Pending); n > 0 && c.Pending[n-1].Op.Kind == faultfs.OpRename {
			sim = c.Kill()
			break
		}
		w.Next()
	}
	s, err = openAnew(sim, false)
	if err == nil {
		_, err = s.Apply("three")
	}
	if err != nil {
		t.Fatal(err)
	}
	w = sim.Trace().Walk(faultfs.POSIX)
	for w.Peek() != nil {
		w.Next()
	}
	s, err = openAnew(w.Cut().Image(func(int) bool { return false }), false)
	if err != nil {
		t.Fatal(err)
	}
	got, _ := s.State()
	if got != "one" {
		t.Fatalf("state %q: this test would have nothing to say", got)
	}
	t.Log("acknowledged: one, three; recovered: one")
}
