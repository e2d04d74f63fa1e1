package litmus

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"syscall"

	"crashsim/faultfs"
)

// verb is a kind of operation: the arguments that follow it, and what it does.
type verb struct {
	name string
	args string // of NAME NAME2 OFFSET SIZE CONTENT MODE, in order
	do   func(disk *faultfs.Sim, op *Op) error
}

// verbs are all operations that there are.
var verbs = []verb{
	{"create", "NAME", func(d *faultfs.Sim, op *Op) error {
		return withFile(d, op.Name, os.O_RDWR|os.O_CREATE|os.O_EXCL, func(faultfs.File) error { return nil })
	}},
	{"mkdir", "NAME", func(d *faultfs.Sim, op *Op) error { return d.Mkdir(op.Name, 0o755) }},
	{"write", "NAME OFFSET CONTENT", func(d *faultfs.Sim, op *Op) error { return writeAt(d, op, os.O_WRONLY) }},
	{"syncwrite", "NAME OFFSET CONTENT", func(d *faultfs.Sim, op *Op) error { return writeAt(d, op, os.O_WRONLY|os.O_SYNC) }},
	{"append", "NAME CONTENT", func(d *faultfs.Sim, op *Op) error {
		return withFile(d, op.Name, os.O_WRONLY|os.O_APPEND, func(f faultfs.File) error {
			_, err := f.Write(op.Content.bytes())
			return err
		})
	}},
	{"truncate", "NAME SIZE", func(d *faultfs.Sim, op *Op) error {
		return withFile(d, op.Name, os.O_WRONLY, func(f faultfs.File) error { return f.Truncate(op.Size) })
	}},
	{"open-trunc", "NAME", func(d *faultfs.Sim, op *Op) error {
		return withFile(d, op.Name, os.O_WRONLY|os.O_TRUNC, func(faultfs.File) error { return nil })
	}},
	{"fallocate", "NAME OFFSET SIZE MODE", func(d *faultfs.Sim, op *Op) error {
		return withFile(d, op.Name, os.O_WRONLY, func(f faultfs.File) error {
			return f.(faultfs.Allocator).Allocate(op.Mode, op.Off, op.Size)
		})
	}},
	{"fsync", "NAME", func(d *faultfs.Sim, op *Op) error { return withFile(d, op.Name, os.O_RDWR, faultfs.File.Sync) }},
	{"fdatasync", "NAME", func(d *faultfs.Sim, op *Op) error {
		return withFile(d, op.Name, os.O_RDWR, func(f faultfs.File) error { return f.(faultfs.DataSyncer).SyncData() })
	}},
	{"fsyncdir", "NAME", func(d *faultfs.Sim, op *Op) error { return d.SyncDir(op.Name) }},
	{"sync", "", func(d *faultfs.Sim, _ *Op) error { return d.SyncDisk() }},
	{"rename", "NAME NAME2", func(d *faultfs.Sim, op *Op) error { return d.Rename(op.Name, op.Name2) }},
	{"link", "NAME NAME2", func(d *faultfs.Sim, op *Op) error { return d.Link(op.Name, op.Name2) }},
	{"unlink", "NAME", func(d *faultfs.Sim, op *Op) error { return remove(d, op.Name, false) }},
	{"rmdir", "NAME", func(d *faultfs.Sim, op *Op) error { return remove(d, op.Name, true) }},
	{"setxattr", "NAME", touch},
	{"removexattr", "NAME", touch},
}

// modes are the words that may follow on fallocate.
var modes = []struct {
	name string
	mode faultfs.AllocMode
}{{"keep-size", faultfs.KeepSize}, {"punch-hole", faultfs.PunchHole}, {"zero-range", faultfs.ZeroRange}}

func verbNamed(name string) (verb, bool) {
	i := slices.IndexFunc(verbs, func(v verb) bool { return v.name == name })
	if i < 0 {
		return verb{}, false
	}
	return verbs[i], true
}

func verbNames() string {
	var names []string
	for _, v := range verbs {
		names = append(names, v.name)
	}
	return strings.Join(names, ", ")
}

func (op *Op) text(sector int64) string {
	v, _ := verbNamed(op.Verb)
	out := op.Verb
	for arg := range strings.FieldsSeq(v.args) {
		switch arg {
		case "NAME":
			out += " " + op.Name
		case "NAME2":
			out += " " + op.Name2
		case "OFFSET":
			out += fmt.Sprint(" ", op.Off)
		case "SIZE":
			out += fmt.Sprint(" ", op.Size)
		case "CONTENT":
			out += " " + op.Content.shown(sector)
		case "MODE":
			for _, m := range modes {
				if op.Mode&m.mode != 0 {
					out += " " + m.name
				}
			}
		}
	}
	if op.Returned {
		out += " returned"
	}
	return out
}

// apply does an operation on a disk.
func (op *Op) apply(disk *faultfs.Sim) error {
	v, _ := verbNamed(op.Verb)
	return v.do(disk, op)
}

func withFile(disk *faultfs.Sim, name string, flag int, use func(faultfs.File) error) error {
	f, err := disk.OpenFile(name, flag, 0o644)
	if err != nil {
		return err
	}
	if err := use(f); err != nil {
		return err
	}
	return f.Close()
}

func writeAt(disk *faultfs.Sim, op *Op, flag int) error {
	return withFile(disk, op.Name, flag, func(f faultfs.File) error {
		_, err := f.WriteAt(op.Content.bytes(), op.Off)
		return err
	})
}

func remove(disk *faultfs.Sim, name string, folder bool) error {
	info, err := disk.Stat(name)
	switch {
	case err != nil:
		return err
	case folder && !info.IsDir():
		return syscall.ENOTDIR
	case !folder && info.IsDir():
		return syscall.EISDIR
	}
	return disk.Remove(name)
}

// touch is for attributes, which no disk here shows: only the file has to be there.
func touch(disk *faultfs.Sim, op *Op) error {
	_, err := disk.Stat(op.Name)
	return err
}
