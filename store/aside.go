package store

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strconv"

	"crashsim/faultfs"
)

// The codes of the diagnostics that tell what opening has set aside: a worker's
// folder without a snapshot, and the end of a log that a crash may have left, or
// damage.
const (
	CodeWorkerIgnored = "worker_snapshot_ignored"
	CodeTailIgnored   = "log_tail_ignored"
)

// setAside takes a folder without a readable snapshot out of the way: a copy of
// it is made durable, then the diagnostic that tells of it, then the folder goes.
// A crash in between leaves what is done over again, with the same result.
func (s *Store) setAside(dir, why string) error {
	var snapshot RuntimeSnapshot
	if _, err := readJSON(s.fsys, opOpen, s.runtimePath(), &snapshot); err != nil {
		return err
	}
	if !s.isAside(&snapshot, dir) {
		// The folder: else a crash could leave a copy, and neither it nor what tells
		// of the copy.
		if err := s.syncDir(path.Dir(dir)); err != nil {
			return err
		}
		d := Diagnostic{Code: CodeWorkerIgnored, Message: why + "; the folder is kept"}
		if worker, ok := idOf(path.Base(dir)); ok {
			d.WorkerRef = &WorkerRef{RuntimeID: s.opts.RuntimeID, WorkerID: worker}
		}
		if err := s.tellAside(&snapshot, d, path.Base(dir), func(to string) error { return s.copyAll(dir, to) }); err != nil {
			return err
		}
	}
	if err := s.removeAll(dir); err != nil {
		return err
	}
	return s.syncDir(path.Dir(dir))
}

// setTailAside does the same with what is behind the good lines of a log, but for
// cutting it off, which is for the caller to do.
func (s *Store) setTailAside(l *log, ref *WorkerRef, end int64) error {
	var snapshot RuntimeSnapshot
	if _, err := readJSON(s.fsys, opOpen, s.runtimePath(), &snapshot); err != nil {
		return err
	}
	tail, name := s.partOf(l.path, l.size, end), path.Base(l.path)
	if slices.ContainsFunc(snapshot.Diagnostics, func(d Diagnostic) bool {
		return d.Code == CodeTailIgnored && s.begins(s.asidePath(d.ID, name), tail)
	}) {
		// All is done but the cut, of which a crash may have kept a part. The diagnostic
		// has to be durable before it: a killed process may not have come to that.
		return s.syncDir(s.dir)
	}
	d := Diagnostic{
		Code: CodeTailIgnored, WorkerRef: ref,
		Message: fmt.Sprintf("%s, from byte %d on: what a crash left of a line, or damage; these %d bytes are kept", name, l.size, end-l.size),
	}
	return s.tellAside(&snapshot, d, name, func(to string) error { return s.writeAside(to, tail) })
}

// tellAside makes a copy under a number of its own, and then the diagnostic with
// that number that tells of it, durable. The runtime's folder, which has the name of
// all copies, is synced before the snapshot that tells of them has its own.
func (s *Store) tellAside(snapshot *RuntimeSnapshot, d Diagnostic, name string, makeCopy func(to string) error) error {
	d.ID, d.Severity = snapshot.NextDiagnosticID, "warning"
	for _, old := range snapshot.Diagnostics {
		d.ID = max(d.ID, old.ID+1) // what an older one keeps under its id stays
	}
	d.Message += fmt.Sprintf(" in %s/%d", setAsideDir, d.ID)
	if err := s.copyAside(s.asidePath(d.ID, name), makeCopy); err != nil {
		return err
	}
	snapshot.NextDiagnosticID = d.ID + 1
	snapshot.Diagnostics = append(snapshot.Diagnostics, d)
	data, err := marshalRuntime(opOpen, *snapshot)
	if err != nil {
		return err
	}
	return s.writeSnapshot(opOpen, s.runtimePath(), data, s.events)
}

// asidePath has the number as a folder of its own: with it before the name, that
// of the longest id would not fit.
func (s *Store) asidePath(id uint64, name string) string {
	return path.Join(s.dir, setAsideDir, strconv.FormatUint(id, 10), name)
}

// isAside tells whether all is done but the removal. Of that a crash may have
// kept any part, so that what is left need not say why it came here.
func (s *Store) isAside(snapshot *RuntimeSnapshot, dir string) bool {
	return slices.ContainsFunc(snapshot.Diagnostics, func(d Diagnostic) bool {
		return d.Code == CodeWorkerIgnored && s.holds(s.asidePath(d.ID, path.Base(dir)), dir)
	})
}

// copyAside makes a copy, and the folders that it is in. What an earlier try has
// left is removed.
func (s *Store) copyAside(to string, makeCopy func(to string) error) error {
	number := path.Dir(to)
	all := path.Dir(number)
	if err := s.makeFolder(all); err != nil {
		return err
	}
	if err := s.removeAll(number); err != nil {
		return err
	}
	if err := s.makeFolder(number); err != nil {
		return err
	}
	if err := makeCopy(to); err != nil {
		return err
	}
	for _, dir := range []string{number, all} { // the names that lead to the copy
		if err := s.syncDir(dir); err != nil {
			return err
		}
	}
	return nil
}

// copyAll copies a file, or a folder and all that is in it.
func (s *Store) copyAll(from, to string) error {
	info, err := s.fsys.Stat(from)
	switch {
	case err != nil:
		return ioError(opOpen, from, err)
	case info.IsDir():
		return s.copyFolder(from, to)
	case info.Size() == 0:
		return s.createEmpty(to)
	}
	return s.copyFile(from, to)
}

// createEmpty makes a file in which there is nothing to sync: its name is the
// folder's.
func (s *Store) createEmpty(name string) error {
	f, err := s.fsys.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err == nil {
		err = f.Close()
	}
	if err != nil {
		return ioError(opOpen, name, err)
	}
	return nil
}

func (s *Store) copyFolder(from, to string) error {
	if err := s.makeFolder(to); err != nil {
		return err
	}
	list, err := s.fsys.ReadDir(from)
	if err != nil {
		return ioError(opOpen, from, err)
	}
	for _, e := range list {
		if err := s.copyAll(path.Join(from, e.Name()), path.Join(to, e.Name())); err != nil {
			return err
		}
	}
	return s.syncDir(to) // the names in the copy
}

func (s *Store) copyFile(from, to string) error { return s.writeAside(to, s.contentOf(from)) }

func (s *Store) writeAside(to string, content func(io.Writer) error) error {
	f, err := s.fsys.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return ioError(opOpen, to, err)
	}
	if err := writeAndSync(f, content); err != nil {
		return ioError(opOpen, to, err)
	}
	return nil
}

// contentOf writes what is in a file, without ever having all of it in memory.
func (s *Store) contentOf(name string) func(io.Writer) error { return s.partOf(name, 0, -1) }

// partOf writes a part of a file, up to its end where end is less than 0.
func (s *Store) partOf(name string, from, end int64) func(io.Writer) error {
	return func(w io.Writer) error {
		f, err := s.fsys.OpenFile(name, os.O_RDONLY, 0)
		if err != nil {
			return err
		}
		defer func() { _ = f.Close() }() // read only: nothing to lose
		info, err := f.Stat()
		if err != nil {
			return err
		}
		size := info.Size() - from
		if end >= 0 {
			size = end - from
		}
		buf, _ := buffers.Get().(*[]byte)
		defer buffers.Put(buf)
		n := int(max(1, min(size, readBytes)))
		*buf = slices.Grow((*buf)[:0], n)
		_, err = io.CopyBuffer(struct{ io.Writer }{w}, io.NewSectionReader(f, from, size), (*buf)[:n])
		return err
	}
}

func (s *Store) removeAll(name string) error {
	info, err := s.fsys.Stat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil && info.IsDir() {
		var list []fs.DirEntry
		list, err = s.fsys.ReadDir(name)
		for _, e := range list {
			if err := s.removeAll(path.Join(name, e.Name())); err != nil {
				return err
			}
		}
	}
	if err == nil {
		err = s.fsys.Remove(name)
	}
	if err != nil {
		return ioError(opOpen, name, err)
	}
	return nil
}

// holds tells whether all that is in a file or folder is in a copy of it; what
// cannot be read is in none.
func (s *Store) holds(kept, name string) bool {
	a, errA := s.fsys.Stat(kept)
	b, errB := s.fsys.Stat(name)
	if errA != nil || errB != nil || a.IsDir() != b.IsDir() {
		return false
	}
	if !b.IsDir() {
		return s.equal(kept, name)
	}
	list, err := s.fsys.ReadDir(name)
	return err == nil && !slices.ContainsFunc(list, func(e fs.DirEntry) bool {
		return !s.holds(path.Join(kept, e.Name()), path.Join(name, e.Name()))
	})
}

// equal compares two files.
func (s *Store) equal(a, b string) bool {
	infoA, errA := s.fsys.Stat(a)
	infoB, errB := s.fsys.Stat(b)
	return errA == nil && errB == nil && infoA.Size() == infoB.Size() && s.begins(a, s.contentOf(b))
}

// begins tells whether a file begins with some content, a piece at a time.
func (s *Store) begins(name string, content func(io.Writer) error) bool {
	f, err := s.fsys.OpenFile(name, os.O_RDONLY, 0)
	if err != nil {
		return false
	}
	defer func() { _ = f.Close() }() // read only: nothing to lose
	buf, _ := buffers.Get().(*[]byte)
	defer buffers.Put(buf)
	return content(&comparer{f, buf}) == nil
}

// comparer is a writer that fails at the first byte that is not in its file.
type comparer struct {
	f   faultfs.File
	buf *[]byte
}

var errDiffers = errors.New("the files differ")

func (c *comparer) Write(p []byte) (int, error) {
	*c.buf = slices.Grow((*c.buf)[:0], len(p))[:len(p)]
	if _, err := io.ReadFull(c.f, *c.buf); err != nil {
		return 0, err
	}
	if !bytes.Equal(*c.buf, p) {
		return 0, errDiffers
	}
	return len(p), nil
}
