package faultfs

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"syscall"
	"time"
)

// simFile is an open file of a Sim, and answers as an *os.File does.
type simFile struct {
	sim *Sim
	*open
}

// open is what all handles of one open file share.
type open struct {
	ino    Ino
	name   string
	flag   int
	off    int64
	closed bool
}

func (f *simFile) onBehalf(by Stack) File {
	return &simFile{sim: &Sim{running: f.sim.running, by: by}, open: f.open}
}

var (
	errNegativeOffset = errors.New("negative offset")
	errWriteAtAppend  = errors.New("os: invalid use of WriteAt on file opened with O_APPEND")
)

// enter begins an operation. The caller unlocks the Sim, error or none.
func (f *simFile) enter(op string) (*node, error) {
	f.sim.step()
	f.sim.mu.Lock()
	if f.closed {
		return nil, f.fail(op, os.ErrClosed)
	}
	return f.sim.disk.node(f.ino), nil
}

func (f *simFile) fail(op string, err error) error {
	return &fs.PathError{Op: op, Path: f.name, Err: err}
}

func (f *simFile) writes() bool { return f.flag&(os.O_WRONLY|os.O_RDWR) != 0 }

func (f *simFile) mayRead(n *node) error {
	switch {
	case f.flag&os.O_WRONLY != 0:
		return f.fail("read", syscall.EBADF)
	case n.isDir():
		return f.fail("read", syscall.EISDIR)
	}
	return nil
}

func (f *simFile) Read(p []byte) (int, error) {
	n, err := f.enter("read")
	defer f.sim.mu.Unlock()
	if err != nil || len(p) == 0 {
		return 0, err
	}
	if err := f.mayRead(n); err != nil {
		return 0, err
	}
	f.sim.sawData(f.ino, f.off, int64(len(p)))
	done := n.data.readAt(p, f.off)
	f.off += int64(done)
	if done == 0 {
		return 0, io.EOF
	}
	return done, nil
}

func (f *simFile) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 {
		return 0, f.fail("readat", errNegativeOffset)
	}
	if len(p) == 0 {
		return 0, nil
	}
	n, err := f.enter("read")
	defer f.sim.mu.Unlock()
	if err != nil {
		return 0, err
	}
	if err := f.mayRead(n); err != nil {
		return 0, err
	}
	f.sim.sawData(f.ino, off, int64(len(p)))
	done := n.data.readAt(p, off)
	if done < len(p) {
		return done, io.EOF
	}
	return done, nil
}

func (f *simFile) Write(p []byte) (int, error) {
	n, err := f.enter("write")
	defer f.sim.mu.Unlock()
	if err != nil {
		return 0, err
	}
	if !f.writes() {
		return 0, f.fail("write", syscall.EBADF)
	}
	off := f.off
	if f.flag&os.O_APPEND != 0 {
		f.sim.saw(Read{Kind: ReadSize, Ino: f.ino})
		off = n.data.size
	}
	if len(p) == 0 {
		return 0, nil
	}
	if off > maxFileSize-int64(len(p)) {
		return 0, f.fail("write", syscall.EFBIG)
	}
	op := f.write(p, off)
	f.sim.record(&op)
	if f.syncs() {
		f.sim.record(op.synced())
	}
	f.off = off + int64(len(p))
	return len(p), nil
}

func (f *simFile) WriteAt(p []byte, off int64) (int, error) {
	if f.flag&os.O_APPEND != 0 {
		return 0, errWriteAtAppend
	}
	if off < 0 {
		return 0, f.fail("writeat", errNegativeOffset)
	}
	if len(p) == 0 {
		return 0, nil
	}
	_, err := f.enter("write")
	defer f.sim.mu.Unlock()
	if err != nil {
		return 0, err
	}
	if !f.writes() {
		return 0, f.fail("write", syscall.EBADF)
	}
	if off > maxFileSize-int64(len(p)) {
		return 0, f.fail("write", syscall.EFBIG)
	}
	op := f.write(p, off)
	f.sim.record(&op)
	if f.syncs() {
		f.sim.record(op.synced())
	}
	return len(p), nil
}

func (f *simFile) write(p []byte, off int64) Op {
	s := f.sim
	n := s.disk.edit(f.ino)
	s.sawData(f.ino, off, min(int64(len(p)), n.data.size-off)) // what it writes over
	op := Op{Kind: OpWrite, Ino: f.ino, Path: f.name, Mode: n.mode, Off: off, Data: s.trace.keep(p), OldSize: n.data.size}
	n.data.writeAt(s.disk.own, p, off)
	op.Size = n.data.size
	return op
}

// syncs tells whether each write is its own sync.
func (f *simFile) syncs() bool { return f.flag&syscall.O_DSYNC != 0 } // O_SYNC has the bit of O_DSYNC, too

// synced is what follows on a write that is its own sync, when it returns.
func (o *Op) synced() *Op {
	return &Op{Kind: OpSyncWrite, Ino: o.Ino, Path: o.Path, Off: o.Off, Data: o.Data, Size: o.Size}
}

func (f *simFile) Seek(offset int64, whence int) (int64, error) {
	n, err := f.enter("seek")
	defer f.sim.mu.Unlock()
	if err != nil {
		return 0, err
	}
	switch whence {
	case io.SeekStart:
	case io.SeekCurrent:
		offset += f.off
	case io.SeekEnd:
		f.sim.saw(Read{Kind: ReadSize, Ino: f.ino})
		offset += n.data.size
	default:
		return 0, f.fail("seek", syscall.EINVAL)
	}
	if offset < 0 {
		return 0, f.fail("seek", syscall.EINVAL)
	}
	f.off = offset
	return offset, nil
}

func (f *simFile) Truncate(size int64) error {
	n, err := f.enter("truncate")
	defer f.sim.mu.Unlock()
	switch {
	case err != nil:
		return err
	case size < 0 || !f.writes():
		return f.fail("truncate", syscall.EINVAL)
	case size > maxFileSize:
		return f.fail("truncate", syscall.EFBIG)
	}
	f.sim.saw(Read{Kind: ReadSize, Ino: f.ino})
	if old := n.data.size; old != size {
		f.sim.moves(f.ino)
		f.sim.disk.edit(f.ino).data.resize(f.sim.disk.own, size)
		f.sim.record(&Op{Kind: OpTruncate, Ino: f.ino, Path: f.name, Mode: n.mode, OldSize: old, Size: size})
	}
	return nil
}

func (f *simFile) Sync() error {
	n, err := f.enter("sync")
	defer f.sim.mu.Unlock()
	if err != nil {
		return err
	}
	kind := OpSync
	if n.isDir() {
		kind = OpSyncDir
	}
	f.sim.record(&Op{Kind: kind, Ino: f.ino, Path: f.name})
	return nil
}

// SyncData implements [DataSyncer].
func (f *simFile) SyncData() error {
	_, err := f.enter("fdatasync")
	defer f.sim.mu.Unlock()
	if err != nil {
		return err
	}
	f.sim.record(&Op{Kind: OpSyncData, Ino: f.ino, Path: f.name})
	return nil
}

// Allocate implements [Allocator].
func (f *simFile) Allocate(mode AllocMode, off, size int64) error {
	n, err := f.enter("fallocate")
	defer f.sim.mu.Unlock()
	if err == nil {
		err = f.mayAllocate(mode, off, size)
	}
	if err != nil {
		return err
	}
	data := &f.sim.disk.edit(f.ino).data
	f.sim.sawData(f.ino, off, min(size, data.size-off))
	op := Op{Kind: OpAllocate, Ino: f.ino, Path: f.name, Mode: n.mode, Off: off, OldSize: data.size, Size: data.size}
	if end := min(off+size, data.size); mode&(PunchHole|ZeroRange) != 0 && off < end {
		op.Data = make([]byte, end-off)
		data.writeAt(f.sim.disk.own, op.Data, off)
	}
	if mode&KeepSize == 0 && off+size > data.size {
		op.Size = off + size
		data.resize(f.sim.disk.own, op.Size)
	}
	f.sim.record(&op)
	return nil
}

// mayAllocate refuses what fallocate(2) does, in its order.
func (f *simFile) mayAllocate(mode AllocMode, off, size int64) error {
	kind := mode &^ KeepSize
	switch {
	case off < 0 || size <= 0:
		return f.fail("fallocate", syscall.EINVAL)
	case kind != 0 && kind != ZeroRange && mode != PunchHole|KeepSize:
		return f.fail("fallocate", syscall.EOPNOTSUPP)
	case !f.writes(): // nor is a folder open for writing
		return f.fail("fallocate", syscall.EBADF)
	case size > maxFileSize || off > maxFileSize-size:
		return f.fail("fallocate", syscall.EFBIG)
	}
	return nil
}

func (f *simFile) Stat() (fs.FileInfo, error) {
	_, err := f.enter("stat")
	defer f.sim.mu.Unlock()
	if err != nil {
		return nil, err
	}
	return f.sim.info(path.Base(f.name), f.ino), nil
}

func (f *simFile) Close() error {
	_, err := f.enter("close")
	defer f.sim.mu.Unlock()
	f.closed = true
	return err
}

// simInfo is what Stat and ReadDir give.
type simInfo struct {
	ino  Ino
	name string
	size int64
	mode fs.FileMode
}

// simEntry is what ReadDir gives. The size is not looked at until it is asked for.
type simEntry struct {
	sim  *running
	ino  Ino
	name string
	mode fs.FileMode
}

func (e *simEntry) Name() string      { return e.name }
func (e *simEntry) IsDir() bool       { return e.mode.IsDir() }
func (e *simEntry) Type() fs.FileMode { return e.mode.Type() }

func (e *simEntry) Info() (fs.FileInfo, error) {
	e.sim.mu.Lock()
	defer e.sim.mu.Unlock()
	return e.sim.info(e.name, e.ino), nil
}

func (e *simEntry) String() string { return fs.FormatDirEntry(e) }

func (s *running) info(name string, ino Ino) *simInfo {
	n := s.disk.node(ino)
	if !n.isDir() {
		s.saw(Read{Kind: ReadSize, Ino: ino})
	}
	return &simInfo{ino: ino, name: name, size: n.data.size, mode: n.mode}
}

func (i *simInfo) Name() string               { return i.name }
func (i *simInfo) Size() int64                { return i.size }
func (i *simInfo) Mode() fs.FileMode          { return i.mode }
func (i *simInfo) Type() fs.FileMode          { return i.mode.Type() }
func (i *simInfo) ModTime() time.Time         { return time.Time{} }
func (i *simInfo) IsDir() bool                { return i.mode.IsDir() }
func (i *simInfo) Sys() any                   { return nil }
func (i *simInfo) Info() (fs.FileInfo, error) { return i, nil }
