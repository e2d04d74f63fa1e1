package store

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"sort"

	"crashsim/faultfs"
)

// log is one file of lines that is only added to. It knows where each line
// begins, so that reading costs what is read and not what is there.
type log struct {
	path   string
	key    string // what each line begins with
	size   int64  // the end of the last whole line
	noted  int64  // the size in the snapshot beside it
	grown  bool   // since it was opened
	open   bool   // that lacks its newline, until it is mended
	doubt  error  // what is wrong with its end, which may be a crash's or damage
	index  index
	lines  int    // that are good
	sorted bool   // by id, as all but very old logs are
	last   uint64 // the highest id
}

const (
	eventKey = `{"id":`
	entryKey = `{"sequence":`
)

func newLog(path, key string) *log { return &log{path: path, key: key, sorted: true} }

func (l *log) add(id uint64, off int64) {
	l.sorted = l.sorted && l.above(id)
	l.index.add(id, off)
	l.lines++
	l.last = max(l.last, id)
}

// above tells whether an id is above all that are there.
func (l *log) above(id uint64) bool { return l.lines == 0 || id > l.last }

// openLog reads a log and leaves it whole and durable: a torn tail is cut off,
// and a file that is not there is made. Its name is for the caller to sync.
// noted is how many bytes of it the snapshot beside it tells of: what it or Close
// has noted has to be there, and good. An end that need not be a crash's goes to
// keep first; without keep it is an error.
func openLog(fsys faultfs.FS, op, path, key string, noted int64, keep func(l *log, end int64) error) (*log, error) {
	l := newLog(path, key)
	closed, err := l.readNote(fsys, op)
	if err != nil {
		return nil, err
	}
	l.noted = max(noted, closed)
	flag := os.O_RDWR
	if l.noted == 0 {
		flag |= os.O_CREATE
	}
	f, err := fsys.OpenFile(path, flag, 0o666)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, &Error{Op: op, Path: path, Kind: ErrMissing, Detail: l.short(), Err: err}
	case err != nil:
		return nil, ioError(op, path, err)
	}
	defer func() { _ = f.Close() }() // what is written is synced before
	lines, err := readLog(f)
	if err != nil {
		return nil, ioError(op, path, err)
	}
	err = l.scan(op, lines)
	lines.free()
	if err != nil {
		return nil, err
	}
	if l.size < l.noted && (!l.open || l.size+1 < l.noted) {
		return nil, corrupt(op, path, fmt.Sprintf("its good lines end at byte %d: %s", l.size, l.short()))
	}
	if l.doubt != nil {
		if keep == nil {
			return nil, l.doubt
		}
		if err := keep(l, lines.size); err != nil {
			return nil, err
		}
	}
	if err := l.mend(f, lines.size); err != nil {
		return nil, ioError(op, path, err)
	}
	if err := l.rewriteLast(f); err != nil {
		return nil, ioError(op, path, err)
	}
	if lines.size == 0 {
		return l, nil // there is nothing to sync but the name
	}
	// What was read is about to be shown: a process before us may have been
	// killed before it synced it.
	if err := f.Sync(); err != nil {
		return nil, ioError(op, path, err)
	}
	return l, nil
}

func (l *log) short() string {
	return fmt.Sprintf("%d bytes were acknowledged", l.noted)
}

// scan indexes the lines of a log. Its end may be what a crash left of an append
// that was not acknowledged; everything before it has to be good. A crash may
// leave anything at all there, and so may damage: what no good line follows, and
// nobody has noted, is in doubt.
func (l *log) scan(op string, lines *lines) error {
	for lines.next() {
		r := readLine(lines.text, l.key)
		wrong := func(what string) error {
			return corrupt(op, l.path, fmt.Sprintf("line %d, at byte %d, %s", lines.number, lines.off, what))
		}
		switch stale := r.summed && !l.above(r.id); {
		case l.doubt != nil:
			if r.ok && !stale {
				return l.doubt
			}
			continue
		case stale:
			return wrong("has an id or sequence that is not above those before it")
		case r.ok:
			l.add(r.id, lines.off)
		case lines.blank():
		case lines.torn(l.key):
			return nil
		case lines.off < l.noted:
			return wrong("is damaged")
		default:
			l.doubt = wrong("is damaged")
			continue
		}
		if l.size = lines.end; !lines.ended {
			l.size, l.open = lines.off+int64(len(lines.text)), true
		}
	}
	if lines.err != nil {
		return ioError(op, l.path, lines.err)
	}
	return nil
}

// mend cuts a torn tail off, and ends a last line that is whole but for its
// newline: that may be gone, or read as zero, which a crash leaves of this very
// mending. It leaves the sync to its caller.
func (l *log) mend(f faultfs.File, size int64) error {
	if l.size < size {
		if err := f.Truncate(l.size); err != nil {
			return err
		}
	}
	if l.open {
		n, err := f.WriteAt([]byte{'\n'}, l.size)
		if err := written(n, 1, err); err != nil {
			return err
		}
		l.size++
	}
	return nil
}

// rewriteLast writes the last line over again, where nothing says that it was
// acknowledged. Its sync may have failed: then the system has it in memory and may
// take it for stored, and no later sync stores it (Rebello et al., USENIX ATC '20).
func (l *log) rewriteLast(f faultfs.File) error {
	if l.lines == 0 || l.size <= l.noted {
		return nil
	}
	off := l.index.at(l.lines - 1).off
	data := make([]byte, l.size-off)
	if _, err := f.ReadAt(data, off); err != nil {
		return err
	}
	n, err := f.WriteAt(data, off)
	return written(n, len(data), err)
}

// errLeft says that a failed append may have left something in the file.
var errLeft = errors.New("what was written could not be taken back")

// append adds a line and makes it durable. An error that is errSync or errLeft
// is one after which nothing is known of the file.
func (l *log) append(fsys faultfs.FS, id uint64, line []byte) error {
	f, err := fsys.OpenFile(l.path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }() // all is synced before
	n, err := f.WriteAt(line, l.size)
	if err := written(n, len(line), err); err != nil {
		cut := f.Truncate(l.size)
		if cut == nil {
			// That the half line is gone: with parts of it under the next one
			// a crash could leave what is no torn tail.
			cut = f.Sync()
		}
		if cut != nil {
			return errors.Join(errLeft, err, cut)
		}
		return err
	}
	// The line's bytes and the file's size. Its name is durable since openLog.
	if err := f.Sync(); err != nil {
		return errors.Join(errSync, err)
	}
	l.add(id, l.size)
	l.size += int64(len(line))
	l.grown = true
	return nil
}

// from gives the lines with at least the given id, most many of them, as indexes,
// and whether any id is at least what follows the last of them.
func (l *log) from(id uint64, most int) (lines []int, next uint64, more bool) {
	first := 0
	if l.sorted {
		first = sort.Search(l.lines, func(i int) bool { return l.index.at(i).id >= id })
	}
	next = id
	for i := first; i < l.lines && len(lines) < most; i++ {
		if at := l.index.at(i); at.id >= id {
			lines = append(lines, i)
			next = at.id + 1
		}
	}
	return lines, next, l.lines > 0 && l.last >= next
}

// read gives the lines with the given indexes, which go up. Lines that stand
// together are read at once, as far as readBytes holds them. What each is given is good
// until the next.
func (l *log) read(fsys faultfs.FS, lines []int, each func(line []byte, index int) error) error {
	if len(lines) == 0 {
		return nil
	}
	f, err := fsys.OpenFile(l.path, os.O_RDONLY, 0)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }() // read only: nothing to lose
	for len(lines) > 0 {
		n := 1
		start := l.index.at(lines[0]).off
		for n < len(lines) && lines[n] == lines[n-1]+1 && l.endOf(lines[n])-start <= readBytes {
			n++
		}
		if err := l.readRun(f, lines[0], n, each); err != nil {
			return err
		}
		lines = lines[n:]
	}
	return nil
}

const readBytes = 1 << 20

// endOf gives where a line and what follows it up to the next line end.
func (l *log) endOf(i int) int64 {
	if i+1 < l.lines {
		return l.index.at(i + 1).off
	}
	return l.size
}

func (l *log) readRun(f faultfs.File, first, n int, each func(line []byte, index int) error) error {
	start := l.index.at(first).off
	buf, _ := buffers.Get().(*[]byte)
	defer buffers.Put(buf)
	size := int(l.endOf(first+n-1) - start)
	*buf = slices.Grow((*buf)[:0], size)
	data := (*buf)[:size]
	if _, err := f.ReadAt(data, start); err != nil {
		return err
	}
	for i := range n {
		line := data[l.index.at(first+i).off-start:]
		if end := bytes.IndexByte(line, '\n'); end >= 0 {
			line = line[:end]
		}
		if err := each(line, first+i); err != nil {
			return err
		}
	}
	return nil
}

// all gives every index.
func (l *log) all() []int {
	list := make([]int, l.lines)
	for i := range list {
		list[i] = i
	}
	return slices.Clip(list)
}
