package faultfs

import (
	"io"
	"io/fs"
	"os"
)

// intercepted is a disk whose calls go to a handler. Each exported method here
// calls ask itself: that is what counts the frames up to the caller.
type intercepted struct {
	below   FS
	handler Handler
	by      Stack // for whom, where it is not whoever calls
}

func (d *intercepted) ask(c *Call) Answer {
	if c.Stack = d.by; c.Stack.calls == nil {
		c.Stack = callers()
	}
	c.disk = d.below
	return d.handler(c)
}

func (d *intercepted) onBehalf(by Stack) FS {
	return (&intercepted{below: d.below, handler: d.handler, by: by}).face()
}

func (d *intercepted) beneath() FS { return d.below }

// face is the disk with those optional interfaces that the one below has.
func (d *intercepted) face() FS {
	_, links := d.below.(Linker)
	_, locks := d.below.(Locker)
	switch {
	case links && locks:
		return struct {
			*intercepted
			linkPart
			lockPart
		}{d, linkPart{d}, lockPart{d}}
	case links:
		return struct {
			*intercepted
			linkPart
		}{d, linkPart{d}}
	case locks:
		return struct {
			*intercepted
			lockPart
		}{d, lockPart{d}}
	}
	return d
}

func (d *intercepted) OpenFile(name string, flag int, perm fs.FileMode) (File, error) {
	kind := OpOpen
	if flag&os.O_CREATE != 0 {
		kind = OpCreate
	}
	a := d.ask(&Call{Kind: kind, Path: name, Flag: flag, Perm: perm})
	if a.Err != nil || a.File == nil {
		return nil, a.Err
	}
	return &interceptedFile{disk: d, below: a.File, name: name}, nil
}

func (d *intercepted) Mkdir(name string, perm fs.FileMode) error {
	return d.ask(&Call{Kind: OpMkdir, Path: name, Perm: perm}).Err
}

func (d *intercepted) Remove(name string) error {
	return d.ask(&Call{Kind: OpRemove, Path: name}).Err
}

func (d *intercepted) Rename(oldname, newname string) error {
	return d.ask(&Call{Kind: OpRename, Path: oldname, Path2: newname}).Err
}

func (d *intercepted) ReadDir(name string) ([]fs.DirEntry, error) {
	a := d.ask(&Call{Kind: OpReadDir, Path: name})
	return a.List, a.Err
}

func (d *intercepted) Stat(name string) (fs.FileInfo, error) {
	a := d.ask(&Call{Kind: OpStat, Path: name})
	return a.Info, a.Err
}

func (d *intercepted) SyncDir(name string) error {
	return d.ask(&Call{Kind: OpSyncDir, Path: name}).Err
}

func (d *intercepted) SyncDisk() error { return d.ask(&Call{Kind: OpSyncDisk, Path: "."}).Err }

type linkPart struct{ disk *intercepted }

func (l linkPart) Link(oldname, newname string) error {
	return l.disk.ask(&Call{Kind: OpLink, Path: oldname, Path2: newname}).Err
}

type lockPart struct{ disk *intercepted }

func (l lockPart) Lock(name string) (io.Closer, error) {
	a := l.disk.ask(&Call{Kind: OpLock, Path: name})
	if a.Err != nil || a.Lock == nil {
		return nil, a.Err
	}
	return &interceptedLock{disk: l.disk, below: a.Lock, name: name}, nil
}

type interceptedLock struct {
	disk  *intercepted
	below io.Closer
	name  string
}

func (l *interceptedLock) Close() error {
	return l.disk.ask(&Call{Kind: OpUnlock, Path: l.name, lock: l.below}).Err
}

// interceptedFile is an open file whose calls go to its disk's handler.
type interceptedFile struct {
	disk  *intercepted
	below File
	name  string
}

func (f *interceptedFile) onBehalf(by Stack) File {
	d := &intercepted{below: f.disk.below, handler: f.disk.handler, by: by}
	return &interceptedFile{disk: d, below: f.below, name: f.name}
}

func (f *interceptedFile) Read(p []byte) (int, error) {
	a := f.disk.ask(&Call{Kind: OpRead, Path: f.name, Off: AtHandle, Data: p, file: f.below})
	return a.N, a.Err
}

func (f *interceptedFile) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 {
		return f.below.ReadAt(p, off) // refused, and not to be taken for AtHandle
	}
	a := f.disk.ask(&Call{Kind: OpRead, Path: f.name, Off: off, Data: p, file: f.below})
	return a.N, a.Err
}

func (f *interceptedFile) Write(p []byte) (int, error) {
	a := f.disk.ask(&Call{Kind: OpWrite, Path: f.name, Off: AtHandle, Data: p, file: f.below})
	return a.N, a.Err
}

func (f *interceptedFile) WriteAt(p []byte, off int64) (int, error) {
	if off < 0 {
		return f.below.WriteAt(p, off) // refused, and not to be taken for AtHandle
	}
	a := f.disk.ask(&Call{Kind: OpWrite, Path: f.name, Off: off, Data: p, file: f.below})
	return a.N, a.Err
}

func (f *interceptedFile) Seek(offset int64, whence int) (int64, error) {
	a := f.disk.ask(&Call{Kind: OpSeek, Path: f.name, Off: offset, Whence: whence, file: f.below})
	return a.Off, a.Err
}

func (f *interceptedFile) Stat() (fs.FileInfo, error) {
	a := f.disk.ask(&Call{Kind: OpStat, Path: f.name, file: f.below})
	return a.Info, a.Err
}

func (f *interceptedFile) Truncate(size int64) error {
	return f.disk.ask(&Call{Kind: OpTruncate, Path: f.name, Size: size, file: f.below}).Err
}

func (f *interceptedFile) Sync() error {
	return f.disk.ask(&Call{Kind: OpSync, Path: f.name, file: f.below}).Err
}

func (f *interceptedFile) SyncData() error {
	return f.disk.ask(&Call{Kind: OpSyncData, Path: f.name, file: f.below}).Err
}

func (f *interceptedFile) Allocate(mode AllocMode, off, size int64) error {
	return f.disk.ask(&Call{Kind: OpAllocate, Path: f.name, Mode: mode, Off: off, Size: size, file: f.below}).Err
}

func (f *interceptedFile) Close() error {
	return f.disk.ask(&Call{Kind: OpClose, Path: f.name, file: f.below}).Err
}
