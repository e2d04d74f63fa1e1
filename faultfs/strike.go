package faultfs

import (
	"errors"
	"io"
	"os"
	"slices"
	"sync"
	"syscall"
)

// faultyDisk is one disk under an armed plan, and what is known of its open files.
type faultyDisk struct {
	armed *Armed

	mu     sync.Mutex
	open   map[File]*handle
	before map[string][]byte // files as they were before their last change, for Stale
	errors []*writeError
	filled sync.Mutex // held while a disk of given size takes something in
}

// handle is an open file below.
type handle struct {
	flag int
	ino  Ino         // on a simulated disk
	owed *writeError // not told yet to this one
}

// writeError is the error of a sync that failed, as Linux keeps it for an inode
// (errseq_t): it is told once to each descriptor that was open, and if it was told
// to none, to the next that syncs.
type writeError struct {
	ino   Ino
	errno syscall.Errno
	told  bool
	late  bool // the sync that tells it writes nothing
}

// do has a call done, as far as the disk has room, and keeps up with what is open.
func (d *faultyDisk) do(c *Call) Answer {
	if c.Kind == OpSync || c.Kind == OpSyncData {
		if e := d.owed(c); e != nil {
			if !e.late {
				c.Do()
			}
			return c.Fail(e.errno)
		}
	}
	d.keepBefore(c)
	answer := d.fill(c)
	d.follow(c, answer)
	return answer
}

// follow keeps up with what is open.
func (d *faultyDisk) follow(c *Call, answer Answer) {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case (c.Kind == OpOpen || c.Kind == OpCreate) && answer.Err == nil:
		h := &handle{flag: c.Flag}
		if f := simFileBelow(answer.File, Stack{}); f != nil {
			h.ino = f.ino
			h.owed = d.untold(f.ino)
		}
		d.open[answer.File] = h
	case c.Kind == OpClose:
		delete(d.open, c.file)
	}
}

func (d *faultyDisk) untold(ino Ino) *writeError {
	for _, e := range d.errors {
		if e.ino == ino && !e.told {
			return e
		}
	}
	return nil
}

// owed gives the error that a sync has to tell, once.
func (d *faultyDisk) owed(c *Call) *writeError {
	d.mu.Lock()
	defer d.mu.Unlock()
	h := d.open[c.file]
	if h == nil || h.owed == nil {
		return nil
	}
	e := h.owed
	h.owed, e.told = nil, true
	return e
}

// strike answers a call in place of the disk. It tells whether there was anything
// for the fault to do.
func (d *faultyDisk) strike(what Action, c *Call) (Answer, bool) {
	switch what.Deed {
	case Nothing:
		if c.Kind == OpClose || c.Kind == OpUnlock {
			d.do(c) // which lets go, whatever it answers
		}
		return c.Fail(what.Errno), true
	case Done:
		return d.doneButFailed(what, c)
	case Short, TornHead, TornTail:
		return d.part(what, c)
	case BothNames:
		return d.bothNames(what, c)
	case FailSync:
		mode, _ := SyncFailureNamed(what.Mode)
		return d.failSync(c, &mode, what.Errno)
	case Lost:
		return d.lose(c)
	case Misdirect:
		return d.misdirect(what, c)
	case Stale:
		return d.stale(c)
	}
	return Answer{}, false
}

func (d *faultyDisk) doneButFailed(what Action, c *Call) (Answer, bool) {
	answer := d.do(c)
	if answer.Err != nil {
		return answer, false
	}
	if answer.File != nil {
		_ = answer.File.Close() // no one will
		d.mu.Lock()
		delete(d.open, answer.File)
		d.mu.Unlock()
	}
	return c.Fail(what.Errno), true
}

// span is where a write or read of all bytes begins and ends in the file.
func (d *faultyDisk) span(c *Call) (from, to int64, ok bool) {
	from = c.Off
	if from == AtHandle {
		var err error
		d.mu.Lock()
		h := d.open[c.file]
		d.mu.Unlock()
		if h != nil && h.flag&os.O_APPEND != 0 {
			from, err = fileSize(c.Opened())
		} else {
			from, err = c.Opened().Seek(0, io.SeekCurrent)
		}
		if err != nil {
			return 0, 0, false
		}
	}
	return from, from + int64(len(c.Data)), true
}

func fileSize(f File) (int64, error) {
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

// part does a part of a write or read.
func (d *faultyDisk) part(what Action, c *Call) (Answer, bool) {
	from, to, ok := d.span(c)
	if !ok || len(c.Data) == 0 {
		return Answer{}, false
	}
	if what.Deed != Short {
		return d.torn(what, c, from, to)
	}
	n := what.N
	switch n {
	case ShortSector:
		n = (to-1)/sectorSize*sectorSize - from
	case ShortAllBut1:
		n = int64(len(c.Data)) - 1
	}
	if n < 0 || n >= int64(len(c.Data)) {
		return Answer{}, false
	}
	var answer Answer
	if part := *c; n > 0 {
		part.Data = c.Data[:n]
		answer = d.do(&part)
	}
	if what.Errno != 0 && answer.Err == nil {
		answer.Err = c.Fail(what.Errno).Err
	}
	return answer, true
}

// torn writes one half, parted at a sector's boundary if the write has one within.
func (d *faultyDisk) torn(what Action, c *Call, from, to int64) (Answer, bool) {
	middle := (from + to) / 2
	if b := middle / sectorSize * sectorSize; b > from {
		middle = b
	} else if b += sectorSize; b < to {
		middle = b
	}
	if middle == from {
		return Answer{}, false
	}
	part := c.Data[:middle-from]
	if what.Deed == TornHead {
		part, from = c.Data[middle-from:], middle
	}
	d.keepBefore(c)
	if err := d.writeAt(c, part, from); err != nil {
		return Answer{}, false
	}
	if what.Errno != 0 {
		return c.Fail(what.Errno), true
	}
	return d.asIfWritten(c)
}

// writeAt writes elsewhere than at the handle's offset, which stays.
func (d *faultyDisk) writeAt(c *Call, p []byte, off int64) error {
	f := c.Opened()
	if _, err := f.WriteAt(p, off); err == nil {
		return nil
	}
	again, err := c.Disk().OpenFile(c.Path, os.O_WRONLY, 0) // since with O_APPEND there is no WriteAt
	if err != nil {
		return err
	}
	_, err = again.WriteAt(p, off)
	_ = again.Close() // as for any write: the sync tells
	return err
}

// asIfWritten answers a write that was not done as if it had been.
func (d *faultyDisk) asIfWritten(c *Call) (Answer, bool) {
	if c.Off == AtHandle {
		if _, err := c.Opened().Seek(int64(len(c.Data)), io.SeekCurrent); err != nil {
			return Answer{}, false
		}
	}
	return Answer{N: len(c.Data)}, true
}

func (d *faultyDisk) bothNames(what Action, c *Call) (Answer, bool) {
	if sim := simBelow(c.disk, c.Stack); sim != nil {
		return c.Fail(what.Errno), sim.linkOver(c.Path, c.Path2)
	}
	disk := c.Disk()
	between := c.Path2 + ".both"
	if err := disk.(Linker).Link(c.Path, between); err != nil {
		return Answer{}, false
	}
	if err := disk.Rename(between, c.Path2); err != nil {
		_ = disk.Remove(between) // the call is done as if nothing had been
		return Answer{}, false
	}
	return c.Fail(what.Errno), true
}

// failSync makes a sync fail, and sets down who has to be told.
func (d *faultyDisk) failSync(c *Call, mode *SyncFailure, errno syscall.Errno) (Answer, bool) {
	f := simFileBelow(c.file, c.Stack)
	if f == nil { // and so a mode in which nothing is lost
		return c.Fail(errno), true
	}
	f.failSync(mode)
	if mode.Silent {
		return Answer{}, true
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	e := &writeError{ino: f.ino, errno: errno, late: mode.Late, told: !mode.Late}
	d.errors = append(d.errors, e)
	for file, h := range d.open {
		if h.ino == f.ino && (mode.Late || file != c.file) {
			h.owed = e
		}
	}
	if mode.Late {
		return Answer{}, true
	}
	return c.Fail(errno), true
}

func (d *faultyDisk) lose(c *Call) (Answer, bool) {
	switch c.Kind {
	case OpWrite:
		return d.asIfWritten(c)
	case OpSync, OpSyncData:
		if f := simFileBelow(c.file, c.Stack); f != nil {
			mode, _ := SyncFailureNamed("lost")
			return d.failSync(c, &mode, 0)
		}
	}
	return Answer{}, true
}

func (d *faultyDisk) misdirect(what Action, c *Call) (Answer, bool) {
	from, _, ok := d.span(c)
	if !ok || from+what.N < 0 || len(c.Data) == 0 {
		return Answer{}, false
	}
	d.keepBefore(c)
	if err := d.writeAt(c, c.Data, from+what.N); err != nil {
		return Answer{}, false
	}
	return d.asIfWritten(c)
}

// keepBefore keeps a file as it is, where a read of the plan may want it.
func (d *faultyDisk) keepBefore(c *Call) {
	if !slices.ContainsFunc(d.armed.plan, func(f Fault) bool { return f.What.Deed == Stale }) {
		return
	}
	name := c.Path
	switch c.Kind {
	case OpWrite, OpTruncate, OpAllocate:
	case OpRename:
		name = c.Path2
	case OpOpen, OpCreate:
		if c.Flag&os.O_TRUNC == 0 {
			return
		}
	default:
		return
	}
	data, err := ReadFile(c.Disk(), name)
	if err != nil {
		return // there is nothing
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.before[name] = data
}

// stale reads, and gives of what was read the bytes that were there before; what
// the file had not then is zeros.
func (d *faultyDisk) stale(c *Call) (Answer, bool) {
	from, _, ok := d.span(c)
	d.mu.Lock()
	before, known := d.before[c.Path]
	d.mu.Unlock()
	if !ok || !known {
		return Answer{}, false
	}
	then := make([]byte, len(c.Data))
	n, err := c.Opened().ReadAt(then, from)
	if n == 0 || err != nil && !errors.Is(err, io.EOF) {
		return Answer{}, false
	}
	then = then[:n]
	now := slices.Clone(then)
	clear(then)
	if from < int64(len(before)) {
		copy(then, before[from:])
	}
	if slices.Equal(now, then) {
		return Answer{}, false
	}
	answer := c.Do()
	copy(c.Data[:answer.N], then)
	return answer, true
}
