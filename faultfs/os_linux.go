package faultfs

import "syscall"

var (
	_ DataSyncer = osFile{}
	_ Allocator  = osFile{}
)

// SyncData implements [DataSyncer].
func (f osFile) SyncData() error { return f.control("fdatasync", syscall.Fdatasync) }

// Allocate implements [Allocator].
func (f osFile) Allocate(mode AllocMode, off, size int64) error {
	return f.control("fallocate", func(fd int) error { return syscall.Fallocate(fd, uint32(mode), off, size) })
}
