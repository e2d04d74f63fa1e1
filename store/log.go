package store

import (
	"bytes"
	"errors"
	"fmt"
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
	index  []place
	sorted bool   // by id, as all but very old logs are
	last   uint64 // the highest id
}

type place struct {
	id  uint64
	off int64
}

const (
	eventKey = `{"id":`
	entryKey = `{"sequence":`
)

func (l *log) add(id uint64, off int64) {
	l.sorted = l.sorted && (len(l.index) == 0 || id > l.last)
	l.index = append(l.index, place{id, off})
	l.last = max(l.last, id)
}

// openLog reads a log and leaves it whole and durable: a torn tail is cut off,
// and a file that is not there is made. Its name is for the caller to sync.
func openLog(fsys faultfs.FS, op, path, key string) (*log, error) {
	l := &log{path: path, key: key, sorted: true}
	f, err := fsys.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o666)
	if err != nil {
		return nil, ioError(op, path, err)
	}
	defer func() { _ = f.Close() }() // what is written is synced before
	data, err := readAll(f)
	if err != nil {
		return nil, ioError(op, path, err)
	}
	if err := l.scan(op, data); err != nil {
		return nil, err
	}
	if err := l.mend(f, data); err != nil {
		return nil, ioError(op, path, err)
	}
	// What was read is about to be shown: a process before us may have been
	// killed before it synced it.
	if err := f.Sync(); err != nil {
		return nil, ioError(op, path, err)
	}
	return l, nil
}

func readAll(f faultfs.File) ([]byte, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	data := make([]byte, info.Size())
	n, err := f.ReadAt(data, 0)
	if n == len(data) {
		err = nil
	}
	return data[:n], err
}

// scan indexes the lines of a log. Its end may be what a crash left of an append
// that was not acknowledged; everything before it has to be good.
func (l *log) scan(op string, data []byte) error {
	number := 0
	for off := 0; off < len(data); {
		number++
		end := off + bytes.IndexByte(data[off:], '\n')
		next := end + 1
		if end < off {
			end, next = len(data), len(data)
		}
		line := data[off:end]
		if id, ok := lineID(line, l.key); ok {
			l.add(id, int64(off))
		} else if len(bytes.TrimSpace(line)) > 0 {
			if !torn(data, off, l.key) {
				return corrupt(op, l.path, fmt.Sprintf("line %d, at byte %d, is damaged", number, off))
			}
			return nil
		}
		off = next
		l.size = int64(off)
	}
	return nil
}

// torn tells whether what is at the end of a log can be what a crash leaves of
// the append of one line: part of it, with no newline but as the last byte, cut
// short, or with sectors that were not written and read as zeros. JSON holds no
// zero byte, so that a line which is whole by that measure, and yet not good, is
// damage of another kind; so is one that goes on where its newline was.
func torn(data []byte, from int, key string) bool {
	tail := data[from:]
	last := len(tail) - 1
	if i := bytes.IndexByte(tail, '\n'); i >= 0 && i != last {
		return false
	}
	if tail[last] != '\n' && bytes.IndexByte(tail, 0) < 0 {
		_, whole := lineID(tail[:last], key)
		return !whole
	}
	zeros := false
	for at := from; at < len(data); {
		next := min(len(data), at-at%sector+sector)
		switch n := bytes.Count(data[at:next], []byte{0}); n {
		case 0:
		case next - at:
			zeros = true
		default:
			return false
		}
		at = next
	}
	return zeros
}

// sector is the least that a disk writes as a whole, in bytes.
const sector = 512

// mend cuts a torn tail off, and ends a last line that is whole but for its
// newline. It leaves the sync to its caller.
func (l *log) mend(f faultfs.File, data []byte) error {
	switch {
	case l.size < int64(len(data)):
		return f.Truncate(l.size)
	case l.size > 0 && data[l.size-1] != '\n':
		if _, err := f.WriteAt([]byte{'\n'}, l.size); err != nil {
			return err
		}
		l.size++
	}
	return nil
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
	if _, err := f.WriteAt(line, l.size); err != nil {
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
	return nil
}

// from gives the lines with at least the given id, most many of them, as indexes,
// and whether any id is at least what follows the last of them.
func (l *log) from(id uint64, most int) (lines []int, next uint64, more bool) {
	first := 0
	if l.sorted {
		first = sort.Search(len(l.index), func(i int) bool { return l.index[i].id >= id })
	}
	next = id
	for i := first; i < len(l.index) && len(lines) < most; i++ {
		if l.index[i].id >= id {
			lines = append(lines, i)
			next = l.index[i].id + 1
		}
	}
	return lines, next, len(l.index) > 0 && l.last >= next
}

// read gives the lines with the given indexes, which go up. Lines that stand
// together are read at once.
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
		for n < len(lines) && lines[n] == lines[n-1]+1 {
			n++
		}
		if err := l.readRun(f, lines[0], n, each); err != nil {
			return err
		}
		lines = lines[n:]
	}
	return nil
}

func (l *log) readRun(f faultfs.File, first, n int, each func(line []byte, index int) error) error {
	end := l.size
	if first+n < len(l.index) {
		end = l.index[first+n].off
	}
	start := l.index[first].off
	data := make([]byte, end-start)
	if _, err := f.ReadAt(data, start); err != nil {
		return err
	}
	for i := range n {
		line := data[l.index[first+i].off-start:]
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
	list := make([]int, len(l.index))
	for i := range list {
		list[i] = i
	}
	return slices.Clip(list)
}
