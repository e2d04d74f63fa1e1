package store

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"io/fs"
	"sync"
	"syscall"

	"crashsim/faultfs"
)

// lines reads a log from its beginning, a line at a time. It holds one line, and
// of a line with zeros, which is no JSON, no more than what is before them: neither
// a long log nor a disk that reads as zeros takes more memory than its longest
// good line.
type lines struct {
	r    *bufio.Reader
	size int64 // of the file when reading began; what is added later is not read
	held []byte
	line
	err error
}

// line is one line of a log.
type line struct {
	number   int    // from 1
	off, end int64  // end is past its newline
	text     []byte // without its newline, or the zeros in its place; nil if there are others; good until the next is read
	ended    bool   // by a newline
	last     bool   // of the file
	zeros    zeros
}

// readLog begins to read a log.
func readLog(f faultfs.File) (*lines, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if info.IsDir() { // opened for reading only
		return nil, &fs.PathError{Op: "read", Path: info.Name(), Err: syscall.EISDIR}
	}
	size := info.Size()
	r, _ := readers.Get().(*bufio.Reader)
	r.Reset(io.NewSectionReader(f, 0, size))
	return &lines{r: r, size: size}, nil
}

var readers = sync.Pool{New: func() any { return bufio.NewReaderSize(nil, 64<<10) }}

// free ends reading. What lines has of the file but its size is gone then.
func (l *lines) free() {
	l.r.Reset(nil) // nor is the file to be held
	readers.Put(l.r)
	l.r, l.text = nil, nil
}

// next reads the next line. After the last one, and after an error, it gives
// false.
func (l *lines) next() bool {
	l.line = line{number: l.number + 1, off: l.end, end: l.end, zeros: zeros{at: l.end}}
	l.held = l.held[:0]
	zeros := 0
	for !l.ended {
		part, err := l.r.ReadSlice('\n')
		l.end += int64(len(part))
		l.zeros.count(part)
		l.ended = err == nil
		if l.ended && len(l.held) == 0 && l.zeros.none() {
			l.text = part // as most lines: not copied
			break
		}
		n := bytes.Count(part, []byte{0})
		if text := part[:len(part)-n]; zeros == 0 && bytes.IndexByte(text, 0) < 0 {
			l.held = append(l.held, text...) // what is after zeros is not held
		}
		zeros += n
		l.text = l.held
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			l.err = err
			return false
		}
	}
	l.zeros.end()
	l.last = !l.ended || l.end >= l.size
	if zeros > 0 && int64(len(l.text)+zeros) != l.end-l.off {
		l.text = nil // they are not at its end
	}
	if l.ended && l.text != nil {
		l.text = l.text[:len(l.text)-1]
	}
	return l.end > l.off
}

// blank lines mean nothing.
func (l *line) blank() bool { return l.zeros.none() && len(bytes.TrimSpace(l.text)) == 0 }

// torn tells whether a line that is not good can be what a crash leaves of the
// append of one: the last one, cut short, or with sectors that were not written
// and read as zeros. JSON holds no zero byte, so that a line which is whole by
// that measure, and yet not good, is damage of another kind; so is one that goes
// on where its newline was.
func (l *line) torn(key string) bool {
	switch {
	case !l.last:
		return false
	case !l.zeros.none():
		return l.zeros.sectors && !l.zeros.bytes
	case l.ended:
		return false
	}
	return !readLine(l.text[:len(l.text)-1], key).ok
}

// sector is the least that a disk writes as a whole, in bytes.
const sector = 512

// zeros tells whether there are zero bytes in a part of a file, and whether they
// come by whole sectors.
type zeros struct {
	at      int64 // where counting has come to
	seen, n int   // bytes of the sector there, and zeros among them
	sectors bool  // some sector, or the part of it that is counted, is all zeros
	bytes   bool  // some is so in part
}

func (z *zeros) none() bool { return !z.sectors && !z.bytes && z.n == 0 }

func (z *zeros) count(data []byte) {
	for len(data) > 0 {
		part := min(len(data), int(sector-z.at%sector))
		z.n += bytes.Count(data[:part], []byte{0})
		z.seen += part
		z.at += int64(part)
		data = data[part:]
		if z.at%sector == 0 {
			z.end()
		}
	}
}

// end ends a sector.
func (z *zeros) end() {
	switch z.n {
	case 0:
	case z.seen:
		z.sectors = true
	default:
		z.bytes = true
	}
	z.seen, z.n = 0, 0
}
