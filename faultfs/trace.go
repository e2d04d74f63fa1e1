package faultfs

import (
	"fmt"
	"io/fs"
)

// Kind says what an [Op] is.
type Kind uint8

// The kinds of operation that change a disk or what of it is durable, and the
// marks that a harness sets between them.
const (
	OpCreate    Kind = iota + 1 // a file, by its first name
	OpMkdir                     // a folder
	OpWrite                     // bytes at an offset; past the end it extends
	OpTruncate                  // a size
	OpRename                    // one name becomes another
	OpLink                      // a second name
	OpRemove                    // a name goes
	OpAllocate                  // fallocate: a size, or bytes that become zeros, or nothing that can be read
	OpSync                      // fsync of a file
	OpSyncData                  // fdatasync of a file
	OpSyncWrite                 // the end of a write by O_SYNC or O_DSYNC: it is durable
	OpSyncDir                   // fsync of a folder
	OpSyncDisk                  // sync of all there is
	MarkBegin                   // the store was asked for an operation
	MarkAck                     // and has acknowledged it
	MarkFail                    // or has returned an error
)

// The kinds of [Call] that leave nothing in a trace.
const (
	OpOpen    Kind = iota + MarkFail + 1 // of what is there; OpCreate where it may make a file
	OpRead                               // from the handle's offset or from another
	OpSeek                               // of the handle's offset
	OpStat                               // of a name or an open file
	OpReadDir                            // a folder's list
	OpClose                              // of an open file
	OpLock                               // of a name
	OpUnlock                             // of what was locked
)

var kindNames = [...]string{
	OpCreate: "create", OpMkdir: "mkdir", OpWrite: "write", OpTruncate: "truncate", OpRename: "rename",
	OpLink: "link", OpRemove: "remove", OpAllocate: "fallocate", OpSync: "fsync", OpSyncData: "fdatasync",
	OpSyncWrite: "fsync-write", OpSyncDir: "fsync-dir", OpSyncDisk: "sync",
	MarkBegin: "begin", MarkAck: "ack", MarkFail: "fail",
	OpOpen: "open", OpRead: "read", OpSeek: "seek", OpStat: "stat", OpReadDir: "readdir", OpClose: "close",
	OpLock: "lock", OpUnlock: "unlock",
	OpSyncFail: "fsync-failed", OpEvict: "evict", OpDamage: "damage",
}

func (k Kind) String() string { return kindNames[k] }

// IsSync tells whether an operation makes earlier ones durable.
func (k Kind) IsSync() bool { return k >= OpSync && k <= OpSyncDisk }

// IsMark tells whether the op is a harness's mark and no operation of the disk.
func (k Kind) IsMark() bool { return k >= MarkBegin && k <= MarkFail }

// Op is one thing that was asked of a disk and done, or a mark. It speaks of
// inodes, so that it holds whatever names change later; the paths are for people.
type Op struct {
	Kind Kind
	// Ino is the inode acted upon: the file written, the folder synced, the
	// file or folder that a name leads to.
	Ino Ino
	// Dir and Name are the entry made or taken away; Dir2 and Name2 the one
	// that a rename or link makes.
	Dir, Dir2   Ino
	Name, Name2 string
	Path, Path2 string
	Mode        fs.FileMode // of what is created
	LastName    bool        // of a remove: the file has no other
	Replaces    bool        // of a rename: a file was there

	Off     int64  // of a write or allocation, in bytes
	Data    []byte // of a write, or the zeros of an allocation; not to be changed
	OldSize int64  // of the file, before; of a removed one, what it was
	Size    int64  // and after

	Stack Stack // who asked

	// Client and Index say of a mark whose operation it is and which, counted
	// from 0; Text is that operation, or the error of a MarkFail;
	// for OpSyncFail and OpDamage see there.
	Client, Index int
	Text          string
}

// String tells the operation in one line, without who asked.
func (o *Op) String() string {
	switch o.Kind {
	case OpWrite, OpSyncWrite:
		return fmt.Sprintf("%s %s [%d:%d)", o.Kind, o.Path, o.Off, o.Off+int64(len(o.Data)))
	case OpAllocate:
		return fmt.Sprintf("fallocate %s, zeros [%d:%d), size %d", o.Path, o.Off, o.Off+int64(len(o.Data)), o.Size)
	case OpTruncate:
		return fmt.Sprintf("truncate %s to %d", o.Path, o.Size)
	case OpRename, OpLink:
		return fmt.Sprintf("%s %s -> %s", o.Kind, o.Path, o.Path2)
	case OpSyncFail:
		return fmt.Sprintf("%s %s (%s)", o.Kind, o.Path, o.Text)
	case OpDamage:
		return fmt.Sprintf("%s of %s [%d:%d) (%s)", o.Kind, o.Path, o.Off, o.Off+int64(len(o.Data)), o.Text)
	case MarkBegin, MarkAck, MarkFail:
		return fmt.Sprintf("%s %d %s", o.Kind, o.Index, o.Text)
	}
	return o.Kind.String() + " " + o.Path
}

// Trace is what was asked of one disk, in order, from a first state on. Traces
// are only added to: what was recorded never changes.
type Trace struct {
	chunks []*[chunkOps]Op
	n      int

	base    *disk     // the durable disk at the beginning, frozen
	carried []*Effect // what was pending at the beginning: see Cut.Kill
	slab    []byte    // where the next bytes are kept

	carriedLost []*Effect // what was lost then
}

const chunkOps = 8

// Len is the number of operations, marks included.
func (t *Trace) Len() int { return t.n }

// Op gives one of them, counted from 0. It is not to be changed.
func (t *Trace) Op(i int) *Op { return &t.chunks[i/chunkOps][i%chunkOps] }

// Last gives the last operation before the i-th that is not a mark, nil if there
// is none.
func (t *Trace) Last(i int) *Op {
	for i--; i >= 0; i-- {
		if op := t.Op(i); !op.Kind.IsMark() {
			return op
		}
	}
	return nil
}

// add gives the place of the next operation.
func (t *Trace) add() *Op {
	if t.n == len(t.chunks)*chunkOps {
		t.chunks = append(t.chunks, new([chunkOps]Op))
	}
	t.n++
	return t.Op(t.n - 1)
}

// keep copies bytes into the trace, many writes to one allocation.
func (t *Trace) keep(p []byte) []byte {
	const first, most = 1 << 10, 64 << 10 // of a slab: most traces are short
	if len(p) > most/4 {
		return append([]byte(nil), p...)
	}
	if len(p) > cap(t.slab)-len(t.slab) {
		t.slab = make([]byte, 0, min(max(first, 2*cap(t.slab), 2*len(p)), most))
	}
	start := len(t.slab)
	t.slab = append(t.slab, p...)
	return t.slab[start:len(t.slab):len(t.slab)]
}
