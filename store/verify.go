package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"
	"syscall"

	"crashsim/faultfs"
)

const opVerify = "verify"

// Progress is told how many bytes of all logs have been read, or are to be.
type Progress func(path string, done, total int64)

// Verify reads the stores of all runtimes and tells their health. It writes
// nothing and holds no lock: what an owner writes meanwhile may be told as the
// end of a log that is torn. It asks for the lock, to tell whether there is an
// owner, and lets go of it at once.
//
// What cannot be read is a problem of the store's; an error (ErrIO, ErrMissing,
// or ctx's own) says that there is no health to tell. Memory does not grow with
// the logs. progress may be nil.
func Verify(ctx context.Context, fsys faultfs.FS, progress Progress) (*Health, error) {
	h := &Health{Runtimes: []RuntimeHealth{}, Ignored: []string{}}
	m := &meter{ctx: ctx, tell: progress, fsys: fsys}
	err := eachRuntime(fsys, opVerify, func(name, id string, isDir bool) error {
		if id == "" {
			h.Ignored = append(h.Ignored, name)
			return nil
		}
		v := newVerifier(fsys, id, m)
		v.health.Open = owned(fsys, v.s.dir)
		if err := v.runtime(isDir); err != nil {
			return err
		}
		h.Runtimes = append(h.Runtimes, v.health)
		return nil
	}, m)
	if err != nil {
		return nil, err
	}
	return h, nil
}

// eachRuntime gives what is below runtimes/, with the id if it has the name of a
// runtime's folder.
func eachRuntime(fsys faultfs.FS, op string, do func(name, id string, isDir bool) error, m *meter) error {
	list, err := fsys.ReadDir(runtimesDir)
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ENOTDIR):
		return &Error{Op: op, Path: runtimesDir, Kind: ErrMissing, Detail: "no store has been here", Err: err}
	case err != nil:
		return ioError(op, runtimesDir, err)
	}
	m.measure(runtimesDir)
	for _, e := range list {
		id, ok := idOf(e.Name())
		if !ok || checkID(op, "runtime id", id) != nil {
			id = ""
		}
		if err := do(path.Join(runtimesDir, e.Name()), id, e.IsDir()); err != nil {
			return err
		}
	}
	return nil
}

func owned(fsys faultfs.FS, dir string) bool {
	locker, ok := fsys.(faultfs.Locker)
	if !ok {
		return false
	}
	lock, err := locker.Lock(dir)
	if err == nil {
		_ = lock.Close() // it was not used
	}
	return errors.Is(err, syscall.EWOULDBLOCK)
}

// verifier looks at one runtime. Its Store is one that was never opened: it has
// what belongs to the runtime's names.
type verifier struct {
	s      *Store
	health RuntimeHealth
	meter  *meter
	logs   []*seenLog // in which there is a problem

	state      snapshotState // of the runtime's snapshot
	unfinished bool
	kept       string // the original of the runtime's snapshot, once it is kept
}

func newVerifier(fsys faultfs.FS, id string, m *meter) *verifier {
	dir := path.Join(runtimesDir, folderOf(id))
	s := &Store{fsys: fsys, opts: Options{RuntimeID: id}, dir: dir, workers: map[string]*worker{}}
	return &verifier{s: s, meter: m, health: RuntimeHealth{Path: dir, RuntimeID: id, Files: []FileHealth{}, Problems: []Problem{}}}
}

func (v *verifier) problem(p Problem) { v.health.Problems = append(v.health.Problems, p) }

// failed tells of a file or folder that could not be read, but of a ctx that is
// done: that is its caller's error.
func (v *verifier) failed(name string, err error) error {
	if ctx := v.meter.ctx.Err(); ctx != nil {
		return ctx
	}
	v.problem(Problem{Kind: IOError, Path: name, Detail: err.Error()})
	return nil
}

func (v *verifier) runtime(isDir bool) error {
	if !isDir {
		v.problem(Problem{Kind: NoFolder, Path: v.s.dir, Detail: "a runtime's folder is a file"})
		return nil
	}
	if err := v.temps(v.s.dir); err != nil {
		return err
	}
	var snapshot RuntimeSnapshot
	u, state, err := v.snapshot(v.s.runtimePath(), &snapshot, func() error { return v.s.checkStoredRuntime(&snapshot) })
	if err != nil {
		return err
	}
	events, err := v.log(newLog(v.s.eventsPath(), eventKey), u.logBytes, readEvent)
	if err != nil {
		return err
	}
	workers, err := v.workers(state == isGood && (events.Records > 0 || snapshot.NextWorkerSequence > 1))
	if err != nil {
		return err
	}
	v.state = state
	if v.unfinished = state == isMissing && events.Records+events.Problems+workers == 0; state == isMissing && !v.unfinished {
		v.problem(Problem{Kind: MissingSnapshot, Path: v.s.runtimePath(), Detail: "there are events or workers, and no snapshot of the runtime"})
	}
	v.health.Unfinished = v.unfinished
	return nil
}

func readEvent(line []byte) string {
	var e Event
	if err := json.Unmarshal(line, &e); err != nil {
		return err.Error()
	}
	return ""
}

// workers looks at the folder of workers, and gives how many things are in it.
// needed says that there has to be one.
func (v *verifier) workers(needed bool) (int, error) {
	dir := v.s.workersPath()
	list, err := v.s.fsys.ReadDir(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if needed {
			v.problem(Problem{Kind: MissingWorkers, Path: dir, Detail: "the runtime has been in use"})
		}
		return 0, nil
	case errors.Is(err, syscall.ENOTDIR):
		v.problem(Problem{Kind: NoFolder, Path: dir, Detail: "the folder of workers is a file"})
		return 1, nil
	case err != nil:
		return 0, v.failed(dir, err)
	}
	for _, e := range list {
		name := path.Join(dir, e.Name())
		if !e.IsDir() {
			v.problem(Problem{Kind: NoFolder, Path: name, Detail: "a file among the workers' folders"})
		} else if err := v.worker(name); err != nil {
			return 0, err
		}
	}
	return len(list), nil
}

func (v *verifier) worker(dir string) error {
	if err := v.temps(dir); err != nil {
		return err
	}
	name := path.Join(dir, workerFile)
	var snapshot WorkerSnapshot
	u, state, err := v.snapshot(name, &snapshot, func() error { return v.s.checkStoredWorker(&snapshot, name, dir) })
	if err != nil {
		return err
	}
	if state == isMissing {
		v.problem(Problem{Kind: NoWorker, Path: dir, Detail: "no " + workerFile})
		return nil
	}
	if state != isGood {
		return nil // opening sets it aside, and does not read what is with it
	}
	_, err = v.log(newLog(path.Join(dir, transcriptFile), entryKey), u.logBytes, func(line []byte) string {
		var e TranscriptEntry
		if err := json.Unmarshal(line, &e); err != nil {
			return err.Error()
		}
		if e.WorkerRef != snapshot.WorkerRef {
			return fmt.Sprintf("of worker %q of %q", e.WorkerRef.WorkerID, e.WorkerRef.RuntimeID)
		}
		return ""
	})
	return err
}

// temps tells of temporary files in a folder.
func (v *verifier) temps(dir string) error {
	list, err := v.s.fsys.ReadDir(dir)
	if err != nil {
		return v.failed(dir, err)
	}
	for _, e := range list {
		if isTemp(e.Name()) && !e.IsDir() {
			v.problem(Problem{Kind: LeftTemp, Path: path.Join(dir, e.Name()), Detail: "left by a write that was interrupted"})
		}
	}
	return nil
}

type snapshotState int

const (
	isGood snapshotState = iota
	isMissing
	isBad
)

// snapshot looks at a snapshot. A missing one is for the caller to tell.
func (v *verifier) snapshot(name string, value any, check func() error) (unsealed, snapshotState, error) {
	u, err := readJSON(v.s.fsys, opVerify, name, value)
	if errors.Is(err, ErrMissing) || errors.Is(err, ErrCorrupt) {
		u, err = v.spare(name, value, u, err)
	}
	if errors.Is(err, ErrMissing) {
		return u, isMissing, nil
	}
	if errors.Is(err, ErrIO) {
		return u, isBad, v.failed(name, err)
	}
	file := FileHealth{Path: name, Bytes: u.size}
	kind := BadSnapshot
	if err == nil {
		if err = check(); err != nil {
			kind = Foreign
			if strings.Contains(err.Error(), otherVersion) {
				kind = OtherVersion
			}
		}
	}
	state := isGood
	if err == nil {
		file.Records = 1
		if !u.summed {
			file.Unsummed = 1
		}
	} else {
		state = isBad
		file.Problems++
		v.problem(Problem{Kind: kind, Path: name, Bytes: u.size, Detail: detailOf(err)})
	}
	v.health.Files = append(v.health.Files, file)
	return u, state, nil
}

// spare reads a snapshot by its second name, where that is whole and the first is
// not.
func (v *verifier) spare(name string, value any, first unsealed, missing error) (unsealed, error) {
	data, err := readSpare(v.s.fsys, opVerify, name)
	switch {
	case err != nil:
		return first, err
	case data == nil:
		return first, missing
	}
	p := Problem{Kind: LostName, Path: name, Bytes: first.size, Detail: "the same is in " + path.Base(spareOf(name))}
	if errors.Is(missing, ErrCorrupt) {
		p.Kind = BadFirstName
	}
	v.problem(p)
	return parseJSON(opVerify, name, data, value)
}

// detailOf gives what is wrong without where: a problem says that itself.
func detailOf(err error) string {
	var e *Error
	switch {
	case !errors.As(err, &e):
		return err.Error()
	case e.Err != nil:
		return e.Err.Error()
	}
	return e.Detail
}
