package fuzz

import (
	"bytes"
	"errors"
	"os"
	"slices"
	"testing"

	"crashsim/crashtest"
	"crashsim/faultfs"
)

// FuzzDisk has bytes choose what is asked of a simulated disk, and holds its trace
// and images against each other: with nothing lost an image is the running disk, as
// is what a killed process leaves; what was synced, name and all, is in every image;
// equal cuts leave equal images; and an image is all durable.
func FuzzDisk(f *testing.F) {
	f.Add([]byte("0"))
	f.Fuzz(func(t *testing.T, data []byte) {
		c := crashtest.FromBytes(data)
		sim := faultfs.NewSim()
		var synced map[string][]byte // files that have to be there
		for range c.Choose(40) {
			synced = ask(sim, c, synced)
		}
		for _, m := range faultfs.Models() {
			trace := sim.Trace()
			cut, again := cutAtEnd(trace, m), cutAtEnd(trace, m)
			whole := cut.Image(func(int) bool { return true })
			if whole == nil || whole.Key() != sim.Key() || cut.Kill().Key() != sim.Key() {
				t.Fatalf("%s: with nothing lost it is another disk", m.Name)
			}
			if cut.Key() != again.Key() {
				t.Fatalf("%s: a cut has two keys", m.Name)
			}
			kept := crashtest.ChooseKept(cut, c)
			image := cut.Image(kept)
			if image == nil {
				continue // a folder would lie within itself
			}
			if other := again.Image(kept); other.Key() != image.Key() {
				t.Fatalf("%s: the same is kept, and it is another disk", m.Name)
			}
			if after := cutAtEnd(image.Trace(), m); len(after.Pending) > 0 {
				t.Fatalf("%s: something is pending on an image", m.Name)
			}
			for name, want := range synced {
				if got, err := faultfs.ReadFile(image, name); err != nil || !bytes.Equal(got, want) {
					t.Fatalf("%s: %s was synced, name and all: %v, %q, want %q", m.Name, name, err, got, want)
				}
			}
		}
	})
}

func cutAtEnd(t *faultfs.Trace, m faultfs.Model) *faultfs.Cut {
	w := t.Walk(m)
	for w.Peek() != nil {
		w.Next()
	}
	return w.Cut()
}

// diskNames are few, so that operations meet.
var diskNames = []string{"a", "b", "d", "d/a", "d/b", "d/e", "d/e/a"}

// ask asks the disk for one thing, which it may refuse, and gives the files that
// are durable with their names afterwards.
func ask(sim *faultfs.Sim, c crashtest.Chooser, synced map[string][]byte) map[string][]byte {
	name := func() string { return diskNames[c.Choose(len(diskNames))] }
	with := func(flag int, use func(faultfs.File) error) {
		if f, err := sim.OpenFile(name(), flag, 0o666); err == nil {
			_ = errors.Join(use(f), f.Close()) // what is refused is not done
		}
	}
	switch c.Choose(12) {
	case 0, 1, 2:
		with(os.O_RDWR|os.O_CREATE, func(f faultfs.File) error {
			_, err := f.WriteAt(bytes.Repeat([]byte{byte('a' + c.Choose(26))}, c.Choose(1200)), int64(c.Choose(1200)))
			return err
		})
	case 3:
		with(os.O_RDWR, func(f faultfs.File) error { return f.Truncate(int64(c.Choose(1200))) })
	case 4:
		with(os.O_RDWR, faultfs.File.Sync)
	case 5:
		_ = sim.Mkdir(name(), 0o777)
	case 6:
		_ = sim.Rename(name(), name())
	case 7:
		_ = sim.Link(name(), name())
	case 8:
		_ = sim.Remove(name())
	case 9:
		_ = sim.SyncDir([]string{".", "d", "d/e"}[c.Choose(3)])
	case 10:
		return syncAll(sim)
	case 11:
		with(os.O_RDWR|os.O_TRUNC|os.O_CREATE, func(faultfs.File) error { return nil })
	}
	// What is synced stays so while nothing is asked of it.
	kept := map[string][]byte{}
	for name, want := range synced {
		if got, err := faultfs.ReadFile(sim, name); err == nil && bytes.Equal(got, want) && !touched(sim, name) {
			kept[name] = want
		}
	}
	return kept
}

// touched tells whether the disk's last operation concerns a file of that name, or
// any name at all: then what the name leads to is open.
func touched(sim *faultfs.Sim, name string) bool {
	t := sim.Trace()
	op := t.Last(t.Len())
	return op != nil && !op.Kind.IsSync() && (op.Path == name || op.Path2 == name || op.Kind == faultfs.OpRename ||
		op.Kind == faultfs.OpLink || op.Kind == faultfs.OpRemove || linked(t))
}

func linked(t *faultfs.Trace) bool {
	for i := range t.Len() {
		if t.Op(i).Kind == faultfs.OpLink {
			return true
		}
	}
	return false
}

// syncAll makes everything durable, the folders last.
func syncAll(sim *faultfs.Sim) map[string][]byte {
	synced := map[string][]byte{}
	for _, name := range diskNames {
		if info, err := sim.Stat(name); err != nil || info.IsDir() {
			continue
		}
		f, err := sim.OpenFile(name, os.O_RDWR, 0)
		if err != nil || errors.Join(f.Sync(), f.Close()) != nil {
			continue
		}
		if data, err := faultfs.ReadFile(sim, name); err == nil {
			synced[name] = data
		}
	}
	for _, dir := range slices.Backward([]string{".", "d", "d/e"}) {
		_ = sim.SyncDir(dir) // where there is one
	}
	return synced
}
