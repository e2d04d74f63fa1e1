package faultfs

import (
	"errors"
	"io"
	"io/fs"
	"slices"
	"strings"
	"syscall"
	"unicode/utf8"
)

// FS is what a store needs of a disk. Names are slash paths under a root, as
// io/fs defines them ([fs.ValidPath]) and without a NUL; anything else is EINVAL.
// Errors are *[fs.PathError], or *[os.LinkError] from operations on two names,
// round a [syscall.Errno]. An FS is safe for concurrent use.
//
// What only some stores need stands beside it: [Linker], [Locker], [DiskSyncer]; and
// beside File: [DataSyncer], [Allocator].
type FS interface {
	// OpenFile opens a file as os.OpenFile does, with the os.O_* flags. A
	// folder can be opened for reading only, and only to be closed or asked
	// for its Stat: list it with ReadDir, sync it with SyncDir.
	OpenFile(name string, flag int, perm fs.FileMode) (File, error)
	// Mkdir makes one folder.
	Mkdir(name string, perm fs.FileMode) error
	// Remove takes away a file's name or an empty folder.
	Remove(name string) error
	// Rename gives what is at oldname the name newname, replacing a file that
	// has it. It replaces no folder (EEXIST), as [os.Rename] does not.
	Rename(oldname, newname string) error
	// ReadDir lists a folder, sorted by name.
	ReadDir(name string) ([]fs.DirEntry, error)
	// Stat describes what is at name.
	Stat(name string) (fs.FileInfo, error)
	// SyncDir makes a folder's entries durable: the names made, renamed and
	// removed in it so far. It says nothing of the files behind them (fsync(2)).
	SyncDir(name string) error
}

// File is an open file. *os.File is one. What is written to a file that was opened
// with O_SYNC or O_DSYNC is durable, with the size that it needs, when the write
// returns; neither says anything of its name, or of what was written to it before
// in another way (POSIX.1, synchronized I/O data integrity completion).
type File interface {
	io.Reader
	io.Writer
	io.ReaderAt
	io.WriterAt
	io.Seeker
	io.Closer
	Stat() (fs.FileInfo, error)
	// Truncate sets the size in bytes; what is added reads as zeros.
	Truncate(size int64) error
	// Sync makes the file's data and size durable, and nothing else: not its
	// name (fsync(2)). After an error nothing is known of what was written
	// since the last success, and a second success does not mend that.
	Sync() error
}

// Linker is an FS that can give a file a second name.
type Linker interface {
	Link(oldname, newname string) error
}

// Locker is an FS that can lock a file or folder against other owners, in this
// process or another. A lock is held until it is closed or its process ends; it
// leaves nothing on the disk.
type Locker interface {
	// Lock answers at once. Where another holds the lock the error is
	// EWOULDBLOCK.
	Lock(name string) (io.Closer, error)
}

// DiskSyncer is an FS that can make all that was done on its disk durable: data,
// sizes and names, as sync(2) on Linux does, which waits for it. Where it is sync(2)
// it tells of no error: no loss of writes can be learned of in this way.
type DiskSyncer interface {
	SyncDisk() error
}

// DataSyncer is a File with fdatasync(2): its data and the size that a later read
// of them needs become durable. Errors are those of [File].Sync.
type DataSyncer interface {
	SyncData() error
}

// Allocator is a File with fallocate(2).
type Allocator interface {
	// Allocate makes room for size bytes from off on, in the way that mode says.
	// Nothing of it is durable before a sync.
	Allocate(mode AllocMode, off, size int64) error
}

// AllocMode is what [Allocator] does beside making room. Without any of these the
// size grows to off+size where it was less, by zeros. The values are Linux's.
type AllocMode uint32

// KeepSize leaves the size as it is. PunchHole, with KeepSize only, and ZeroRange,
// with or without it, make the bytes zeros. What a disk cannot do is EOPNOTSUPP.
const (
	KeepSize  AllocMode = 0x1
	PunchHole AllocMode = 0x2
	ZeroRange AllocMode = 0x10
)

// ReadFile reads the whole of a file. What an empty one has is not nil.
func ReadFile(fsys FS, name string) ([]byte, error) { return AppendFile([]byte{}, fsys, name) }

// AppendFile reads the whole of a file behind what is in a buffer, which grows where it
// has to.
func AppendFile(buf []byte, fsys FS, name string) ([]byte, error) {
	f, err := fsys.OpenFile(name, syscall.O_RDONLY, 0)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // read only: nothing to lose
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	had, size := len(buf), int(info.Size())
	buf = slices.Grow(buf, size)
	n, err := io.ReadFull(f, buf[had:had+size])
	if err == nil || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return buf[:had+n], nil
	}
	return nil, err
}

// validName is [fs.ValidPath], and no zero byte, by whole parts: it is asked for each
// call of a disk.
func validName(name string) bool {
	if name == "." {
		return true
	}
	if !utf8.ValidString(name) || strings.IndexByte(name, 0) >= 0 {
		return false
	}
	for {
		part, rest, more := strings.Cut(name, "/")
		if part == "" || part == "." || part == ".." {
			return false
		}
		if !more {
			return true
		}
		name = rest
	}
}

func pathError(op, name string, errno syscall.Errno) error {
	return &fs.PathError{Op: op, Path: name, Err: errno}
}
