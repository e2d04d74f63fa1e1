package faultfs

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
	"syscall"
)

// OS is the real disk below one folder. It stands on [os.Root], so that no name
// and no symbolic link leads out of that folder. It adds nothing to what the
// operating system does: files are an *os.File each, and what is durable is for the
// kernel to say.
type OS struct {
	root *os.Root
}

var (
	_ FS         = (*OS)(nil)
	_ Linker     = (*OS)(nil)
	_ Locker     = (*OS)(nil)
	_ DiskSyncer = (*OS)(nil)
)

// OpenOS gives the disk below dir, which has to exist. The caller closes it.
func OpenOS(dir string) (*OS, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	return &OS{root: root}, nil
}

// Close lets go of the folder. Files that are open stay open.
func (o *OS) Close() error { return o.root.Close() }

// OpenFile implements [FS].
func (o *OS) OpenFile(name string, flag int, perm fs.FileMode) (File, error) {
	f, err := o.open(name, flag, perm)
	if err != nil {
		return nil, err // not f: a nil *os.File in a File is not nil
	}
	return osFile{f}, nil
}

func (o *OS) open(name string, flag int, perm fs.FileMode) (*os.File, error) {
	if !validName(name) {
		return nil, pathError("open", name, syscall.EINVAL)
	}
	f, err := o.root.OpenFile(name, flag, perm)
	return f, plain("open", name, err)
}

// Mkdir implements [FS].
func (o *OS) Mkdir(name string, perm fs.FileMode) error {
	if !validName(name) {
		return pathError("mkdir", name, syscall.EINVAL)
	}
	return plain("mkdir", name, o.root.Mkdir(name, perm))
}

// Remove implements [FS].
func (o *OS) Remove(name string) error {
	if !validName(name) {
		return pathError("remove", name, syscall.EINVAL)
	}
	return plain("remove", name, o.root.Remove(name))
}

// Rename implements [FS].
func (o *OS) Rename(oldname, newname string) error {
	return o.twoNames("rename", oldname, newname, o.root.Rename)
}

// Link implements [Linker].
func (o *OS) Link(oldname, newname string) error {
	return o.twoNames("link", oldname, newname, o.root.Link)
}

func (o *OS) twoNames(op, oldname, newname string, do func(string, string) error) error {
	if !validName(oldname) || !validName(newname) {
		return &os.LinkError{Op: op, Old: oldname, New: newname, Err: syscall.EINVAL}
	}
	if err := do(oldname, newname); err != nil {
		return &os.LinkError{Op: op, Old: oldname, New: newname, Err: errnoOf(err)}
	}
	return nil
}

// ReadDir implements [FS].
func (o *OS) ReadDir(name string) ([]fs.DirEntry, error) {
	d, err := o.open(name, os.O_RDONLY, 0)
	if err != nil {
		return nil, err
	}
	defer func() { _ = d.Close() }() // read only: nothing to lose
	list, err := d.ReadDir(-1)
	slices.SortFunc(list, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	return list, plain("readdir", name, err)
}

// Stat implements [FS].
func (o *OS) Stat(name string) (fs.FileInfo, error) {
	if !validName(name) {
		return nil, pathError("stat", name, syscall.EINVAL)
	}
	info, err := o.root.Stat(name)
	return info, plain("stat", name, err)
}

// SyncDir implements [FS].
func (o *OS) SyncDir(name string) error {
	d, err := o.open(name, os.O_RDONLY|syscall.O_DIRECTORY, 0)
	if err != nil {
		return err
	}
	return errors.Join(plain("syncdir", name, d.Sync()), d.Close())
}

// Lock implements [Locker] with flock(2), which belongs to the open file: it ends
// with the process, however that ends.
func (o *OS) Lock(name string) (io.Closer, error) {
	f, err := o.open(name, os.O_RDONLY, 0)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		_ = f.Close()
		return nil, pathError("lock", name, errnoOf(err))
	}
	return f, nil
}

// SyncDisk implements [DiskSyncer] with sync(2), for all disks that there are.
func (o *OS) SyncDisk() error {
	syscall.Sync()
	return nil
}

// osFile adds to an *os.File what only some stores need: see os_linux.go.
type osFile struct{ *os.File }

// control makes a system call on an open file, again where a signal ends it.
func (f osFile) control(op string, call func(fd int) error) error {
	raw, err := f.SyscallConn()
	if err != nil {
		return err
	}
	result := syscall.EINTR
	if raw.Control(func(fd uintptr) {
		for result == syscall.EINTR {
			result = errnoOfCall(call(int(fd)))
		}
	}) != nil {
		return &fs.PathError{Op: op, Path: f.Name(), Err: os.ErrClosed}
	}
	if result != 0 {
		return pathError(op, f.Name(), result)
	}
	return nil
}

func errnoOfCall(err error) syscall.Errno {
	if err == nil {
		return 0
	}
	return errnoOf(err)
}

// plain gives an error of os.Root the operation's own name and an errno below it.
func plain(op, name string, err error) error {
	if err == nil {
		return nil
	}
	return pathError(op, name, errnoOf(err))
}

// errnoOf finds the errno of an error. What os.Root refuses of itself, a path
// that leads out, has none: EXDEV is what openat2(2) gives for it.
func errnoOf(err error) syscall.Errno {
	var errno syscall.Errno
	if errors.As(err, &errno) {
		return errno
	}
	return syscall.EXDEV
}
