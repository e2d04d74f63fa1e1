package workerruntime

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"strings"
	"testing"

	"crashsim/crashtest"
	"crashsim/faultfs"
)

var planted = wreck{"worker.json": []byte("{\n"), "transcript.jsonl": []byte(strings.Repeat("not a line\n", 60))}

var (
	plantedIn = path.Join(runtimeFolder(0), "workers", folder("."))
	marker    = "all is planted"
)

// plant puts a folder without a good snapshot among the workers of a new disk, and
// then makes that durable.
func plant(disk faultfs.FS, open func(faultfs.FS) (crashtest.Store, error)) error {
	s, err := open(disk)
	if err != nil {
		return err
	}
	write := func(name string, data []byte) {
		f, openErr := disk.OpenFile(name, os.O_WRONLY|os.O_CREATE, 0o666)
		if err = errors.Join(err, openErr); err == nil {
			_, err = f.Write(data)
			err = errors.Join(err, f.Sync(), f.Close())
		}
	}
	err = errors.Join(s.Close(), disk.Mkdir(plantedIn, 0o777))
	for _, name := range []string{"transcript.jsonl", "worker.json"} {
		write(path.Join(plantedIn, name), planted[name])
	}
	err = errors.Join(err, disk.SyncDir(plantedIn), disk.SyncDir(path.Dir(plantedIn)))
	write(marker, nil)
	return errors.Join(err, disk.SyncDir("."))
}

// onWreck is the store on a disk where it finds a wreck at first, with a mistake.
// What was planted has to be among the workers or kept whenever it is opened.
func onWreck(t *testing.T, mistake func(faultfs.FS) faultfs.FS) *crashtest.Target {
	own := *targetNamed(t, "store")
	open := own.Open
	own.Open = func(disk faultfs.FS) (crashtest.Store, error) {
		if _, err := disk.Stat("runtimes"); errors.Is(err, fs.ErrNotExist) {
			if err := plant(disk, open); err != nil {
				return nil, err
			}
		}
		s, err := open(mistake(disk))
		if err != nil {
			return nil, err
		}
		if _, missing := disk.Stat(marker); missing == nil {
			aside := path.Join(runtimeFolder(0), "set-aside")
			kept, _ := names(disk, aside)
			if err := isKept(disk, aside, kept, folder("."), planted); err != nil {
				return nil, errors.Join(err, s.Close())
			}
		}
		return s, nil
	}
	return &own
}

// asideMutant is a disk on which the store sets folders aside in a wrong way.
type asideMutant struct {
	mutant
	noCopy, early bool
}

func isAside(name string) bool { return strings.Contains(name, "/set-aside") }

func (m *asideMutant) Mkdir(name string, perm fs.FileMode) error {
	if m.noCopy && isAside(name) {
		return nil
	}
	return m.mutant.Mkdir(name, perm)
}

func (m *asideMutant) OpenFile(name string, flag int, perm fs.FileMode) (faultfs.File, error) {
	if m.noCopy && isAside(name) && flag&os.O_CREATE != 0 {
		return &nothing{}, nil
	}
	return m.mutant.OpenFile(name, flag, perm)
}

func (m *asideMutant) SyncDir(name string) error {
	if m.noCopy && isAside(name) {
		return nil
	}
	if m.early && path.Base(name) == "set-aside" { // the copy is durable, and not told of
		if err := m.removeFirst(); err != nil {
			return err
		}
	}
	return m.mutant.SyncDir(name)
}

func (m *asideMutant) removeFirst() error {
	list, err := names(m.FS, plantedIn)
	for _, name := range list {
		err = errors.Join(err, m.Remove(path.Join(plantedIn, name)))
	}
	return errors.Join(err, m.Remove(plantedIn), m.FS.SyncDir(path.Dir(plantedIn)))
}

type nothing struct{ faultfs.File }

func (nothing) Write(p []byte) (int, error) { return len(p), nil }
func (nothing) Sync() error                 { return nil }
func (nothing) Close() error                { return nil }

// Setting aside is as careful as the store says, and each carelessness is seen.
func TestSettingAsideIsChecked(t *testing.T) {
	notInRace(t)
	inCopy := func(name string) bool { return strings.HasPrefix(path.Base(name), "id-") && isAside(name) }
	for name, c := range map[string]struct {
		m    asideMutant
		good bool
	}{
		"no mistake":                   {asideMutant{}, true},
		"no copy":                      {asideMutant{noCopy: true}, false},
		"no sync of the copy's names":  {asideMutant{mutant: mutant{syncDir: func(name string) bool { return !isAside(name) || inCopy(name) }}}, false},
		"no sync inside the copy":      {asideMutant{mutant: mutant{syncDir: func(name string) bool { return !inCopy(name) }}}, false},
		"no sync of files in the copy": {asideMutant{mutant: mutant{sync: func(name string) bool { return !isAside(name) }}}, false},
		"removed before it is told of": {asideMutant{early: true}, false},
	} {
		t.Run(name, func(t *testing.T) {
			target := onWreck(t, func(disk faultfs.FS) faultfs.FS {
				m := c.m
				m.FS = disk
				return &m
			})
			r := explore(t, target, mutantConfig(), "event r1 runtime_stopped - 100")
			if failed := r.Verdict == crashtest.Failed; failed == c.good {
				t.Errorf("%s, %d disks", r.Verdict, r.Unique)
			}
			if len(r.Findings) > 0 {
				t.Log(r.Findings[0].Report)
			}
		})
	}
}

// A run of its own sees it, too, where a crash has left a folder without a snapshot.
func TestARunSeesWhatIsNotKept(t *testing.T) {
	own := *targetNamed(t, "store")
	open := own.Open
	own.Open = func(disk faultfs.FS) (crashtest.Store, error) {
		return open(&asideMutant{mutant: mutant{FS: disk}, noCopy: true})
	}
	if r := explore(t, &own, mutantConfig(), mutantOps[0]); r.Verdict != crashtest.Failed {
		t.Errorf("%s, %d disks", r.Verdict, r.Unique)
	}
}
