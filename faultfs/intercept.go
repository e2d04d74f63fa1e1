package faultfs

import (
	"io"
	"io/fs"
	"os"
	"strings"
	"syscall"
)

// Handler answers a call in place of the disk. It may have the disk do it
// ([Call.Do]), before or after other things that it asks of [Call.Disk] and
// [Call.Opened]; do a part of it, by Do of a copy that was changed; answer
// otherwise than the disk did; or do nothing at all. It is called by whatever
// goroutines use the disk, and with no lock held.
type Handler func(c *Call) Answer

// Intercept gives the disk below as one of which every call goes to h first. It
// is a [Linker] and a [Locker] where the disk below is one; what else stands beside
// FS and File is EOPNOTSUPP where what is below has it not. Handlers nest: what h
// asks of the disk below is, in the trace of a [Sim], asked by the caller that h
// was called for, with the source lines of that caller and none of this package
// or of h. A caller's bytes are not copied.
func Intercept(below FS, h Handler) FS { return (&intercepted{below: below, handler: h}).face() }

// Call is one thing that is asked of a disk, done or not. It belongs to the
// handler until that returns.
type Call struct {
	Kind Kind
	// Path is the name as it was given; of a call on an open file, the name that
	// it was opened by. Path2 is the second name of a rename or link.
	Path, Path2 string
	Flag        int         // of an open or create, os.O_*
	Perm        fs.FileMode // of a create or mkdir
	// Off is where a read or write begins, in bytes: the handle's own offset where
	// it is AtHandle (for an O_APPEND file the end). Of a seek it is the offset
	// asked for, after Whence.
	Off    int64
	Whence int
	Data   []byte // what is written, not to be changed; or where a read goes
	Size   int64  // of a truncate or allocation, in bytes
	Mode   AllocMode
	Stack  Stack // who asks

	disk  FS
	file  File
	lock  io.Closer // of an unlock
	place int       // among the calls of an armed plan
}

// AtHandle is the Off of a Read or Write, as against a ReadAt or WriteAt.
const AtHandle int64 = -1

// Answer is what a call returns: N bytes read or written, Off after a seek, what
// was opened, locked or described; of these what the kind of call has.
type Answer struct {
	N    int
	Off  int64
	File File
	Lock io.Closer
	Info fs.FileInfo
	List []fs.DirEntry
	Err  error
}

// Site gives the caller's source line ("crashsim/store/log.go:88"), "" where it
// is not known. Where the standard library reads or writes for someone, that is who
// asks.
func (c *Call) Site() string {
	frames := c.Stack.Frames()
	for _, f := range frames {
		if first, _, _ := strings.Cut(f.Package(), "/"); !carriers[first] {
			return f.Line
		}
	}
	if len(frames) > 0 {
		return frames[0].Line
	}
	return ""
}

// carriers are the packages of the standard library that read and write by
// interface.
var carriers = map[string]bool{"archive": true, "bufio": true, "bytes": true, "compress": true, "encoding": true,
	"fmt": true, "hash": true, "io": true, "log": true, "strings": true, "text": true}

// Fail is the answer of a call that fails, with an error as the disk below would
// give it.
func (c *Call) Fail(errno syscall.Errno) Answer {
	switch c.Kind {
	case OpRename, OpLink:
		return Answer{Err: &os.LinkError{Op: c.Kind.String(), Old: c.Path, New: c.Path2, Err: errno}}
	case OpCreate:
		return Answer{Err: pathError("open", c.Path, errno)}
	case OpSync:
		return Answer{Err: pathError("sync", c.Path, errno)}
	case OpSyncDir:
		return Answer{Err: pathError("syncdir", c.Path, errno)}
	}
	return Answer{Err: pathError(c.Kind.String(), c.Path, errno)}
}

// Disk is the disk below, to ask more of it on behalf of the caller.
func (c *Call) Disk() FS {
	if d, ok := c.disk.(interface{ onBehalf(by Stack) FS }); ok {
		return d.onBehalf(c.Stack)
	}
	return c.disk
}

// Opened is the file below of a call on an open file, nil for others.
func (c *Call) Opened() File {
	if f, ok := c.file.(interface{ onBehalf(by Stack) File }); ok {
		return f.onBehalf(c.Stack)
	}
	return c.file
}

// Do has the disk below do what c says, as it stands.
func (c *Call) Do() Answer {
	if c.file != nil {
		return c.doFile(c.Opened())
	}
	return c.doDisk(c.Disk())
}

func (c *Call) doFile(f File) (a Answer) {
	switch c.Kind {
	case OpRead:
		if c.Off == AtHandle {
			a.N, a.Err = f.Read(c.Data)
		} else {
			a.N, a.Err = f.ReadAt(c.Data, c.Off)
		}
	case OpWrite:
		if c.Off == AtHandle {
			a.N, a.Err = f.Write(c.Data)
		} else {
			a.N, a.Err = f.WriteAt(c.Data, c.Off)
		}
	case OpSeek:
		a.Off, a.Err = f.Seek(c.Off, c.Whence)
	case OpStat:
		a.Info, a.Err = f.Stat()
	case OpTruncate:
		a.Err = f.Truncate(c.Size)
	case OpSync:
		a.Err = f.Sync()
	case OpSyncData:
		a.Err = syscall.EOPNOTSUPP
		if d, ok := f.(DataSyncer); ok {
			a.Err = d.SyncData()
		}
	case OpAllocate:
		a.Err = syscall.EOPNOTSUPP
		if d, ok := f.(Allocator); ok {
			a.Err = d.Allocate(c.Mode, c.Off, c.Size)
		}
	case OpClose:
		a.Err = f.Close()
	}
	return a
}

func (c *Call) doDisk(d FS) (a Answer) {
	switch c.Kind {
	case OpOpen, OpCreate:
		a.File, a.Err = d.OpenFile(c.Path, c.Flag, c.Perm)
	case OpMkdir:
		a.Err = d.Mkdir(c.Path, c.Perm)
	case OpRemove:
		a.Err = d.Remove(c.Path)
	case OpRename:
		a.Err = d.Rename(c.Path, c.Path2)
	case OpLink:
		a.Err = d.(Linker).Link(c.Path, c.Path2)
	case OpReadDir:
		a.List, a.Err = d.ReadDir(c.Path)
	case OpStat:
		a.Info, a.Err = d.Stat(c.Path)
	case OpSyncDir:
		a.Err = d.SyncDir(c.Path)
	case OpSyncDisk:
		a.Err = syscall.EOPNOTSUPP
		if d, ok := d.(DiskSyncer); ok {
			a.Err = d.SyncDisk()
		}
	case OpLock:
		a.Lock, a.Err = d.(Locker).Lock(c.Path)
	case OpUnlock:
		a.Err = c.lock.Close()
	}
	return a
}
