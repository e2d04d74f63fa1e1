package workerruntime

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"crashsim/crashtest"
	"crashsim/faultfs"
)

// mutant is a disk on which the store makes a mistake: some of what it asks for is
// done in another way, or said to be done and left out. One is made for each life
// of the store.
type mutant struct {
	faultfs.FS
	sync    func(name string) bool // false: leave it out
	syncDir func(name string) bool
	rename  func(disk faultfs.FS, from, to string) error
	cut     func(name string) bool
}

// mutantFile is one of its files, by the name that it was opened by.
type mutantFile struct {
	faultfs.File
	disk *mutant
	name string
}

func (m *mutant) OpenFile(name string, flag int, perm fs.FileMode) (faultfs.File, error) {
	f, err := m.FS.OpenFile(name, flag, perm)
	if err != nil {
		return nil, err
	}
	return &mutantFile{f, m, name}, nil
}

func (m *mutant) SyncDir(name string) error {
	if m.syncDir != nil && !m.syncDir(name) {
		return nil
	}
	return m.FS.SyncDir(name)
}

func (m *mutant) Rename(from, to string) error {
	if m.rename != nil {
		return m.rename(m.FS, from, to)
	}
	return m.FS.Rename(from, to)
}

// Lock makes it a faultfs.Locker, as the disk below is.
func (m *mutant) Lock(name string) (io.Closer, error) { return m.FS.(faultfs.Locker).Lock(name) }

// Link makes it a faultfs.Linker too.
func (m *mutant) Link(name, other string) error { return m.FS.(faultfs.Linker).Link(name, other) }

func (f *mutantFile) Sync() error {
	if f.disk.sync != nil && !f.disk.sync(f.name) {
		return nil
	}
	return f.File.Sync()
}

func (f *mutantFile) Truncate(size int64) error {
	if f.disk.cut != nil && !f.disk.cut(f.name) {
		return nil
	}
	return f.File.Truncate(size)
}

// on puts a store on mutants.
func (m mutant) on(target *crashtest.Target) *crashtest.Target {
	own := *target
	own.Open = func(fsys faultfs.FS) (crashtest.Store, error) {
		disk := m
		disk.FS = fsys
		return target.Open(&disk)
	}
	return &own
}

// role names a path by what it is in a store, and not by whose.
func role(name string) string {
	parts := strings.Split(name, "/")
	base := parts[len(parts)-1]
	switch {
	case strings.HasPrefix(base, ".") && strings.Contains(base, ".tmp-"):
		of, _, _ := strings.Cut(base[1:], ".tmp-")
		return "temporary " + of
	case strings.HasPrefix(base, "id-"):
		return "a folder in " + path.Base(path.Dir(name))
	}
	return base
}

// mutantOps use each file, make a worker after the store was opened again, and
// are few.
var mutantOps = []string{
	"worker r1 w1 running 300", "event r1 worker_created w1 100", "transcript r1 w1 user 100",
	"runtime r1 stopped", crashtest.Reopen, "worker r1 w2 running 300", "event r1 worker_created w2 600",
}

// caught expects that a run does not pass.
func caught(t *testing.T, name string, m mutant) {
	t.Helper()
	if !fails(t, m.on(targetNamed(t, "store")), mutantOps) {
		t.Errorf("%s: it was not caught", name)
	}
}

// fails tells whether a run fails: under the default model, or under the weakest,
// where a rename may leave neither name.
func fails(t *testing.T, target *crashtest.Target, ops []string) bool {
	t.Helper()
	weakest, ok := faultfs.ModelNamed("posix-weakest")
	if !ok {
		t.Fatal("no weakest model")
	}
	for _, model := range []faultfs.Model{faultfs.POSIX, weakest} {
		cfg := mutantConfig()
		cfg.Model = model
		tried := target
		if model.Name == faultfs.POSIX.Name {
			tried = withoutTails(target)
		}
		if r := explore(t, tried, cfg, ops...); r.Verdict == crashtest.Failed && r.Err() != nil && len(r.Findings) > 0 {
			return true
		}
	}
	return false
}

// mutantConfig tries few disks at each cut: a store that syncs nothing leaves very
// many, and does not need them to be caught.
func mutantConfig() crashtest.Config {
	cfg := crashtest.Defaults()
	cfg.MaxStates, cfg.Depth = 32, 0
	return cfg
}

// Without a mistake the same disk, workload and judge pass: what fails below does
// so by the mistake alone.
func TestNoMutantPasses(t *testing.T) {
	r := explore(t, withoutTails(mutant{}.on(targetNamed(t, "store"))), crashtest.Defaults(), mutantOps...)
	if err := r.Err(); err != nil {
		t.Fatal(err)
	}
	t.Logf("%d disks", r.Unique)
}

func never(string) bool { return false }

// copyOver is what a careless rename does: the new name has to be written again.
func copyOver(disk faultfs.FS, from, to string) error {
	data, err := faultfs.ReadFile(disk, from)
	if err != nil {
		return err
	}
	f, err := disk.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o666)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	return errors.Join(err, f.Sync(), f.Close(), disk.Remove(from))
}

// removeFirst is what those do who believe that a rename replaces nothing.
func removeFirst(disk faultfs.FS, from, to string) error {
	if err := disk.Remove(to); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := disk.SyncDir(path.Dir(to)); err != nil {
		return err
	}
	return disk.Rename(from, to)
}

// withoutTails does not open where the end of a log was set aside: a crash leaves
// none of these where data that is not there reads as zeros.
func withoutTails(target *crashtest.Target) *crashtest.Target {
	own := *target
	own.Open = func(disk faultfs.FS) (crashtest.Store, error) {
		s, err := target.Open(disk)
		for rt := 0; rt < runtimes && err == nil; rt++ {
			aside := path.Join(runtimeFolder(rt), "set-aside")
			kept, _ := names(disk, aside)
			for _, n := range kept {
				if what, _ := names(disk, path.Join(aside, n)); len(what) == 1 && strings.HasSuffix(what[0], ".jsonl") {
					err = errors.Join(errors.New(what[0]+" had an end that no crash leaves"), s.Close())
				}
			}
		}
		return s, err
	}
	return &own
}

func TestMutantsAreCaught(t *testing.T) {
	notInRace(t)
	for name, m := range map[string]mutant{
		"no file is synced":            {sync: never},
		"no folder is synced":          {syncDir: never},
		"nothing is synced":            {sync: never, syncDir: never},
		"rename copies":                {rename: copyOver},
		"rename removes first":         {rename: removeFirst},
		"nothing is cut":               {cut: never},
		"temporary files not synced":   {sync: func(name string) bool { return !strings.HasPrefix(path.Base(name), ".") }},
		"logs are not synced":          {sync: func(name string) bool { return !strings.HasSuffix(name, ".jsonl") }},
		"nothing of r2 is synced":      {sync: func(name string) bool { return strings.Contains(name, "id-2e2e") }},
		"no sync of a worker's folder": {syncDir: func(name string) bool { return !strings.Contains(name, "/workers/") }},
	} {
		t.Run(name, func(t *testing.T) { caught(t, name, m) })
	}
}

// Each kind of file and folder that the store syncs at all is left out in turn.
func TestEachSyncMatters(t *testing.T) {
	notInRace(t)
	files, folders := map[string]bool{}, map[string]bool{}
	_, traces := plainly(t, opsOf(targetNamed(t, "store"), mutantOps), crashtest.Defaults())
	for _, trace := range traces {
		for i := range trace.Len() {
			switch op := trace.Op(i); op.Kind {
			case faultfs.OpSync:
				files[role(op.Path)] = true
			case faultfs.OpSyncDir:
				folders[role(op.Path)] = true
			}
		}
	}
	if len(files) < 4 || len(folders) < 4 {
		t.Errorf("few syncs: %v, %v", files, folders)
	}
	for _, what := range slices.Sorted(maps.Keys(files)) {
		caught(t, "no sync of "+what, mutant{sync: func(name string) bool { return role(name) != what }})
	}
	for _, what := range slices.Sorted(maps.Keys(folders)) {
		caught(t, "no sync of the folder "+what, mutant{syncDir: func(name string) bool { return role(name) != what }})
	}
}

// opsOf gives a target a workload of one's own.
func opsOf(target *crashtest.Target, ops []string) *crashtest.Target {
	own := *target
	own.Generate = func(crashtest.Chooser, int) []string { return ops }
	return &own
}

// One sync that operations ask for is left out, each in turn, in the workload and
// in the use of a recovered store: none of them is there for nothing.
func TestEachSingleSyncMatters(t *testing.T) {
	notInRace(t)
	target := *targetNamed(t, "store")
	open := target.Open
	tried := 0
	for missed := true; missed; tried++ {
		var was atomic.Bool
		var what atomic.Value
		target.Open = func(fsys faultfs.FS) (crashtest.Store, error) {
			disk := &mutant{FS: fsys}
			s, err := open(disk)
			times := map[string]int{}
			n := 0 // those of opening, which come twice where there are two runtimes, do not count
			next := func(name string) bool {
				times[name]++
				if n++; n != tried+1 {
					return true
				}
				was.Store(true)
				what.Store(fmt.Sprintf("%s, time %d", role(name), times[name]))
				return false
			}
			disk.sync, disk.syncDir = next, next
			return s, err
		}
		failed := fails(t, &target, mutantOps[:4])
		if missed = was.Load(); missed && !failed {
			t.Errorf("sync %d of a life was left out, of %v: it was not caught", tried+1, what.Load())
		}
	}
	if tried < 12 {
		t.Errorf("%d syncs were left out: there should be more", tried)
	}
	t.Logf("%d syncs", tried)
}
