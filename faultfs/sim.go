package faultfs

import (
	"io/fs"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
)

// Sim is a simulated disk that runs: what is done on it can be read back at
// once, as on a real one, errno for errno, and is recorded in a [Trace]. What of
// it a power cut would leave is not its business but a [Model]'s.
//
// It knows no permissions (a file's mode is 0644, a folder's 0755) and no symbolic
// links, a file holds at most 16 GiB (EFBIG), and times do not pass. A Sim is
// safe for concurrent use.
type Sim struct {
	*running
	by Stack // for whom, where it is not whoever calls: see Intercept
}

// running is the disk that all handles of one Sim share.
type running struct {
	mu    sync.Mutex
	disk  *disk
	trace Trace
	locks map[Ino]bool
	steps atomic.Int64 // that are left, where limit is set
	limit int64
	self  *Sim     // for whoever calls
	rules *Model   // of what is stored when a sync fails; nil: POSIX
	reads *readLog // nil: nobody asks
}

var (
	_ FS         = (*Sim)(nil)
	_ Linker     = (*Sim)(nil)
	_ Locker     = (*Sim)(nil)
	_ DiskSyncer = (*Sim)(nil)
)

const (
	maxFileSize = 16 << 30
	maxName     = 255 // NAME_MAX of Linux
)

// NewSim gives an empty disk.
func NewSim() *Sim { return simOn(newDisk()) }

func simOn(d *disk) *Sim { return newSim(d, Trace{base: d.freeze()}) }

func newSim(d *disk, t Trace) *Sim {
	s := &struct {
		Sim
		running
	}{running: running{disk: d, trace: t}}
	s.Sim.running, s.self = &s.running, &s.Sim
	return &s.Sim
}

func (s *Sim) onBehalf(by Stack) FS { return &Sim{running: s.running, by: by} }

// Trace gives what was recorded up to now. It does not change any more.
func (s *Sim) Trace() *Trace {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.trace
	t.chunks = slices.Clip(t.chunks)
	return &t
}

// Fork gives a disk of its own that begins as what can be read of s now, all of
// it durable.
func (s *Sim) Fork() *Sim {
	s.mu.Lock()
	defer s.mu.Unlock()
	return simOn(s.disk.freeze().fork())
}

// Assume says by which rules it is decided what is stored already when a fault plan
// makes a sync fail or damages what is stored. Without it that is by [POSIX]; the
// disks that a [Cut] gives go by the model of its walk.
func (s *Sim) Assume(m Model) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rules = &m
}

// Key gives the running disk's key.
func (s *Sim) Key() Key {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.disk.key()
}

// OutOfSteps is what an operation panics with after [Sim.LimitSteps]: nothing
// else stops a store that has lost its way from going on for ever.
type OutOfSteps struct{ Limit int64 }

// LimitSteps lets the disk be asked n more things, reads included.
// It is set while nothing else uses the disk; 0 takes the limit away.
func (s *Sim) LimitSteps(n int64) {
	s.limit = n
	s.steps.Store(n)
}

// step comes before the lock is taken, since it may panic.
func (s *Sim) step() {
	if s.limit > 0 && s.steps.Add(-1) < 0 {
		panic(OutOfSteps{s.limit})
	}
}

// Begin records that the store is asked for its index-th operation, counted from
// 0, on behalf of a client.
func (s *Sim) Begin(client, index int, text string) { s.mark(MarkBegin, client, index, text) }

// Ack records that it has answered, Fail that it has answered with an error.
func (s *Sim) Ack(client, index int) { s.mark(MarkAck, client, index, "") }

// Fail is described at [Sim.Ack].
func (s *Sim) Fail(client, index int, err error) { s.mark(MarkFail, client, index, err.Error()) }

func (s *Sim) mark(kind Kind, client, index int, text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	*s.trace.add() = Op{Kind: kind, Client: client, Index: index, Text: text}
}

// record adds an operation and its callers, for whom the caller has to be the
// exported method of Sim or simFile itself.
func (s *Sim) record(op *Op) {
	if op.Stack = s.by; op.Stack.calls == nil {
		op.Stack = callers()
	}
	*s.trace.add() = *op
}

// walk finds the folder that a name is in, and its last part there. The root is
// "." in itself.
func (s *Sim) walk(name string) (dir Ino, last string, errno syscall.Errno) {
	dir = rootIno
	for {
		part, rest, more := strings.Cut(name, "/")
		if len(part) > maxName {
			return 0, "", syscall.ENAMETOOLONG
		}
		if !more {
			return dir, part, 0
		}
		s.sawName(dir, part)
		ino, ok := s.disk.node(dir).names.get(part)
		if !ok {
			return 0, "", syscall.ENOENT
		}
		if !s.disk.node(ino).isDir() {
			return 0, "", syscall.ENOTDIR
		}
		dir, name = ino, rest
	}
}

// lookup finds what is at a name, 0 where there is nothing but could be.
func (s *Sim) lookup(name string) (dir Ino, last string, ino Ino, errno syscall.Errno) {
	if !validName(name) {
		return 0, "", 0, syscall.EINVAL
	}
	if name == "." {
		return rootIno, ".", rootIno, 0
	}
	if dir, last, errno = s.walk(name); errno == 0 {
		s.sawName(dir, last)
		ino, _ = s.disk.node(dir).names.get(last)
	}
	return dir, last, ino, errno
}

// existing is lookup where there has to be something.
func (s *Sim) existing(name string) (dir Ino, last string, ino Ino, errno syscall.Errno) {
	dir, last, ino, errno = s.lookup(name)
	if errno == 0 && ino == 0 {
		errno = syscall.ENOENT
	}
	return dir, last, ino, errno
}

// OpenFile implements [FS].
func (s *Sim) OpenFile(name string, flag int, _ fs.FileMode) (File, error) {
	s.step()
	s.mu.Lock()
	defer s.mu.Unlock()
	dir, last, ino, errno := s.lookup(name)
	if errno == 0 {
		errno = s.mayOpen(ino, flag)
	}
	if errno != 0 {
		return nil, pathError("open", name, errno)
	}
	if ino == 0 {
		ino = s.disk.add(fileMode)
		s.disk.setName(dir, last, ino)
		s.record(&Op{Kind: OpCreate, Ino: ino, Dir: dir, Name: last, Path: name, Mode: fileMode})
	}
	if flag&os.O_TRUNC != 0 {
		s.saw(Read{Kind: ReadSize, Ino: ino})
	}
	if n := s.disk.node(ino); flag&os.O_TRUNC != 0 && n.data.size > 0 {
		s.moves(ino)
		old := n.data.size
		s.disk.edit(ino).data.resize(s.disk.own, 0)
		s.record(&Op{Kind: OpTruncate, Ino: ino, Path: name, Mode: n.mode, OldSize: old})
	}
	f := &struct {
		simFile
		open
	}{open: open{ino: ino, name: name, flag: flag}}
	f.sim, f.simFile.open = s.self, &f.open
	return &f.simFile, nil
}

func (s *Sim) mayOpen(ino Ino, flag int) syscall.Errno {
	writes := flag&(os.O_WRONLY|os.O_RDWR|os.O_TRUNC) != 0
	switch {
	case flag&os.O_CREATE != 0 && flag&syscall.O_DIRECTORY != 0:
		return syscall.EINVAL
	case ino == 0 && flag&os.O_CREATE == 0:
		return syscall.ENOENT
	case ino == 0:
		return 0
	case flag&os.O_CREATE != 0 && flag&os.O_EXCL != 0:
		return syscall.EEXIST
	case s.disk.node(ino).isDir() && (writes || flag&os.O_CREATE != 0):
		return syscall.EISDIR
	case !s.disk.node(ino).isDir() && flag&syscall.O_DIRECTORY != 0:
		return syscall.ENOTDIR
	}
	return 0
}

// Mkdir implements [FS].
func (s *Sim) Mkdir(name string, _ fs.FileMode) error {
	s.step()
	s.mu.Lock()
	defer s.mu.Unlock()
	dir, last, ino, errno := s.lookup(name)
	if errno == 0 && ino != 0 {
		errno = syscall.EEXIST
	}
	if errno != 0 {
		return pathError("mkdir", name, errno)
	}
	ino = s.disk.add(folderMode)
	s.disk.setName(dir, last, ino)
	s.record(&Op{Kind: OpMkdir, Ino: ino, Dir: dir, Name: last, Path: name, Mode: folderMode})
	return nil
}

func (s *Sim) holdsNames(ino Ino) bool {
	n := s.disk.node(ino)
	if n.isDir() {
		s.saw(Read{Kind: ReadList, Ino: ino})
	}
	return n.names.n > 0
}

// Remove implements [FS].
func (s *Sim) Remove(name string) error {
	s.step()
	s.mu.Lock()
	defer s.mu.Unlock()
	dir, last, ino, errno := s.existing(name)
	switch {
	case errno != 0:
	case ino == rootIno:
		errno = syscall.EINVAL
	case s.holdsNames(ino):
		errno = syscall.ENOTEMPTY
	}
	if errno != 0 {
		return pathError("remove", name, errno)
	}
	n := s.disk.node(ino)
	s.saw(Read{Kind: ReadLinks, Ino: ino}) // also of a file that has one: equal disks are looked at in the same way
	op := &Op{Kind: OpRemove, Ino: ino, Dir: dir, Name: last, Path: name, Mode: n.mode, OldSize: n.data.size,
		LastName: !s.disk.linked || s.disk.nameCount(ino) == 1}
	s.moves(ino)
	s.disk.setName(dir, last, 0)
	s.record(op)
	return nil
}

// Rename implements [FS].
func (s *Sim) Rename(oldname, newname string) error {
	s.step()
	s.mu.Lock()
	defer s.mu.Unlock()
	op, errno := s.renameOp(oldname, newname)
	if errno != 0 {
		return &os.LinkError{Op: "rename", Old: oldname, New: newname, Err: errno}
	}
	if op.Kind == OpRename { // and not two names of one file, of which both stay
		s.moves(op.Ino)
		over, _ := s.disk.node(op.Dir2).names.get(op.Name2)
		s.moves(over)
		s.disk.setName(op.Dir, op.Name, 0)
		s.disk.setName(op.Dir2, op.Name2, op.Ino)
		s.record(&op)
	}
	return nil
}

func (s *Sim) renameOp(oldname, newname string) (Op, syscall.Errno) {
	if !validName(oldname) || !validName(newname) {
		return Op{}, syscall.EINVAL
	}
	dir, last, ino, errno := s.lookup(oldname)
	dir2, last2, ino2, errno2 := s.lookup(newname)
	switch {
	case errno != 0:
		return Op{}, errno
	case errno2 != 0:
		return Op{}, errno2
	case ino == 0:
		return Op{}, syscall.ENOENT
	case ino2 != 0 && s.disk.node(ino2).isDir():
		return Op{}, syscall.EEXIST // even an empty one, even itself: so says os.Root
	case ino == rootIno:
		return Op{}, syscall.EBUSY
	}
	isDir := s.disk.node(ino).isDir()
	if isDir && dir != dir2 {
		s.sawTree(ino)
	}
	switch {
	case isDir && dir != dir2 && s.disk.within(dir2, ino):
		return Op{}, syscall.EINVAL
	case ino == ino2:
		return Op{}, 0
	case isDir && ino2 != 0:
		return Op{}, syscall.ENOTDIR
	}
	return Op{Kind: OpRename, Ino: ino, Dir: dir, Name: last, Dir2: dir2, Name2: last2,
		Path: oldname, Path2: newname, Mode: s.disk.node(ino).mode, Replaces: ino2 != 0}, 0
}

// Link implements [Linker].
func (s *Sim) Link(oldname, newname string) error {
	s.step()
	s.mu.Lock()
	defer s.mu.Unlock()
	dir, last, ino, errno := s.lookup(oldname)
	dir2, last2, ino2, errno2 := s.lookup(newname)
	switch {
	case !validName(oldname) || !validName(newname):
		errno = syscall.EINVAL
	case errno != 0:
	case errno2 != 0:
		errno = errno2
	case ino == 0:
		errno = syscall.ENOENT
	case ino2 != 0:
		errno = syscall.EEXIST
	case s.disk.node(ino).isDir():
		errno = syscall.EPERM
	}
	if errno != 0 {
		return &os.LinkError{Op: "link", Old: oldname, New: newname, Err: errno}
	}
	s.moves(ino)
	s.disk.setName(dir2, last2, ino)
	s.disk.linked = true
	s.record(&Op{Kind: OpLink, Ino: ino, Dir: dir, Name: last, Dir2: dir2, Name2: last2,
		Path: oldname, Path2: newname, Mode: s.disk.node(ino).mode})
	return nil
}

// ReadDir implements [FS].
func (s *Sim) ReadDir(name string) ([]fs.DirEntry, error) {
	s.step()
	s.mu.Lock()
	defer s.mu.Unlock()
	_, _, ino, errno := s.existing(name)
	if errno != 0 {
		return nil, pathError("open", name, errno) // which is where the real one notices
	}
	if !s.disk.node(ino).isDir() {
		return nil, pathError("readdir", name, syscall.ENOTDIR)
	}
	s.saw(Read{Kind: ReadList, Ino: ino})
	n := s.disk.node(ino)
	list := make([]fs.DirEntry, 0, n.names.n)
	for e := range n.names.all {
		list = append(list, &simEntry{sim: s.running, ino: e.ino, name: e.name, mode: s.disk.node(e.ino).mode})
	}
	return list, nil
}

// Stat implements [FS].
func (s *Sim) Stat(name string) (fs.FileInfo, error) {
	s.step()
	s.mu.Lock()
	defer s.mu.Unlock()
	_, last, ino, errno := s.existing(name)
	if errno != 0 {
		return nil, pathError("stat", name, errno)
	}
	return s.info(last, ino), nil
}

// SyncDir implements [FS].
func (s *Sim) SyncDir(name string) error {
	s.step()
	s.mu.Lock()
	defer s.mu.Unlock()
	_, _, ino, errno := s.existing(name)
	if errno == 0 && !s.disk.node(ino).isDir() {
		errno = syscall.ENOTDIR
	}
	if errno != 0 {
		return pathError("open", name, errno) // which is where the real one notices
	}
	s.record(&Op{Kind: OpSyncDir, Ino: ino, Path: name})
	return nil
}

// SyncDisk implements [DiskSyncer].
func (s *Sim) SyncDisk() error {
	s.step()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.record(&Op{Kind: OpSyncDisk, Ino: rootIno, Path: "."})
	return nil
}
