package faultfs

import (
	"bytes"
	"os"
	"path"
	"syscall"
)

// A disk of given size counts the bytes of files, up to their sizes, holes
// included; not blocks, so that it can be full in the midst of a line, and not
// names. What has no name any more counts until it is closed.

// fill has a call done on a disk of the size that it has now: a write that does
// not fit does what fits, as write(2) does.
func (d *faultyDisk) fill(c *Call) Answer {
	size, fault := d.armed.room()
	if size == Unlimited || c.Kind != OpWrite && c.Kind != OpTruncate && c.Kind != OpAllocate || c.Mode&KeepSize != 0 {
		return c.Do()
	}
	d.filled.Lock()
	defer d.filled.Unlock()
	var from, to int64
	ok := true
	switch c.Kind {
	case OpWrite:
		from, to, ok = d.span(c)
	case OpTruncate:
		to = c.Size
	case OpAllocate:
		to = c.Off + c.Size
	}
	old, err := fileSize(c.Opened())
	if !ok || err != nil || to <= old {
		return c.Do()
	}
	fits := old + max(size-d.used(c), 0)
	switch {
	case to <= fits:
		return c.Do()
	case c.Kind != OpWrite || from >= fits:
		d.armed.note(fault, c)
		return c.Fail(syscall.ENOSPC)
	}
	d.armed.note(fault, c)
	part := *c
	part.Data = c.Data[:fits-from]
	answer := part.Do()
	if answer.Err == nil {
		answer.Err = c.Fail(syscall.ENOSPC).Err
	}
	return answer
}

// used counts the bytes of all files that have a name or are open.
func (d *faultyDisk) used(c *Call) int64 {
	var sum int64
	seen := map[any]bool{}
	add := func(info os.FileInfo, name string) {
		if id := identity(info, name); !info.IsDir() && !seen[id] {
			seen[id] = true
			sum += info.Size()
		}
	}
	disk := c.Disk()
	var below func(dir string)
	below = func(dir string) {
		list, err := disk.ReadDir(dir)
		if err != nil {
			return
		}
		for _, e := range list {
			name := path.Join(dir, e.Name())
			if e.IsDir() {
				below(name)
			} else if info, err := e.Info(); err == nil {
				add(info, name)
			}
		}
	}
	below(".")
	d.mu.Lock()
	defer d.mu.Unlock()
	for f := range d.open { // in no order: it is a sum
		if info, err := f.Stat(); err == nil {
			add(info, "")
		}
	}
	return sum
}

// identity tells files apart, whatever names they have.
func identity(info os.FileInfo, name string) any {
	if i, ok := info.(*simInfo); ok {
		return i.ino
	}
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		return stat.Ino
	}
	return name
}

// Damage does a Flip or Zero to a file that is at rest, on a simulated disk or a
// real one. It tells whether there were any bytes to change, and other ones.
func Damage(disk FS, name string, what Action) bool {
	info, err := disk.Stat(name)
	if err != nil || info.IsDir() || info.Size() == 0 || what.Deed != Flip && what.Deed != Zero {
		return false
	}
	size := info.Size()
	off, data, how := what.N/8%size, []byte{1 << (what.N % 8)}, damageFlip
	if what.Deed == Zero {
		off = what.N % ((size + sectorSize - 1) / sectorSize) * sectorSize
		data, how = make([]byte, min(sectorSize, size-off)), damageZero
	}
	if sim := simBelow(disk, Stack{}); sim != nil {
		return sim.damage(name, off, data, how)
	}
	f, err := disk.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		return false
	}
	defer func() { _ = f.Close() }() // the damage is done or not
	old := make([]byte, len(data))
	if _, err := f.ReadAt(old, off); err != nil {
		return false
	}
	if how == damageFlip {
		data[0] ^= old[0]
	}
	_, err = f.WriteAt(data, off)
	return err == nil && !bytes.Equal(old, data)
}
