package faultfs

import (
	"fmt"
	"io/fs"
	"runtime"
	"strings"
	"sync"
)

// Kind says what an [Op] is.
type Kind uint8

// The kinds of operation that change a disk or what of it is durable, and the
// marks that a harness sets between them.
const (
	OpCreate   Kind = iota + 1 // a file, by its first name
	OpMkdir                    // a folder
	OpWrite                    // bytes at an offset; past the end it extends
	OpTruncate                 // a size
	OpRename                   // one name becomes another
	OpLink                     // a second name
	OpRemove                   // a name goes
	OpSync                     // fsync of a file
	OpSyncDir                  // fsync of a folder
	MarkBegin                  // the store was asked for an operation
	MarkAck                    // and has acknowledged it
	MarkFail                   // or has returned an error
)

var kindNames = [...]string{
	OpCreate: "create", OpMkdir: "mkdir", OpWrite: "write", OpTruncate: "truncate", OpRename: "rename",
	OpLink: "link", OpRemove: "remove", OpSync: "fsync", OpSyncDir: "fsync-dir",
	MarkBegin: "begin", MarkAck: "ack", MarkFail: "fail",
}

func (k Kind) String() string { return kindNames[k] }

// IsSync tells whether an operation makes earlier ones durable.
func (k Kind) IsSync() bool { return k == OpSync || k == OpSyncDir }

// IsMark tells whether the op is a harness's mark and no operation of the disk.
func (k Kind) IsMark() bool { return k >= MarkBegin }

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

	Off     int64  // of a write, in bytes
	Data    []byte // of a write; not to be changed
	OldSize int64  // of the file, before
	Size    int64  // and after

	Stack Stack // who asked

	// Client and Index say of a mark whose operation it is and which, counted
	// from 0; Text is that operation, or the error of a MarkFail.
	Client, Index int
	Text          string
}

// String tells the operation in one line, without who asked.
func (o *Op) String() string {
	switch o.Kind {
	case OpWrite:
		return fmt.Sprintf("write %s [%d:%d)", o.Path, o.Off, o.Off+int64(len(o.Data)))
	case OpTruncate:
		return fmt.Sprintf("truncate %s to %d", o.Path, o.Size)
	case OpRename, OpLink:
		return fmt.Sprintf("%s %s -> %s", o.Kind, o.Path, o.Path2)
	case MarkBegin, MarkAck, MarkFail:
		return fmt.Sprintf("%s %d %s", o.Kind, o.Index, o.Text)
	}
	return o.Kind.String() + " " + o.Path
}

// Trace is what was asked of one disk, in order, from a first state on. Traces
// are only added to: what was recorded never changes.
type Trace struct {
	Ops []Op

	base    *disk     // the durable disk at the beginning, frozen
	carried []*Effect // what was pending at the beginning: see Cut.Kill
	slab    []byte    // where the next bytes are kept
}

// keep copies bytes into the trace, many writes to one allocation.
func (t *Trace) keep(p []byte) []byte {
	const slabSize = 64 << 10
	if len(p) > slabSize/4 {
		return append([]byte(nil), p...)
	}
	if len(p) > cap(t.slab)-len(t.slab) {
		t.slab = make([]byte, 0, slabSize>>3)
		if len(t.Ops) > 16 {
			t.slab = make([]byte, 0, slabSize)
		}
		if len(p) > cap(t.slab) {
			t.slab = make([]byte, 0, slabSize)
		}
	}
	start := len(t.slab)
	t.slab = append(t.slab, p...)
	return t.slab[start:len(t.slab):len(t.slab)]
}

// Stack is the innermost callers of an operation, from the first outside this
// package on. It is a comparable value; resolving it is left to [Stack.Frames].
type Stack [4]uintptr

// Frame is one caller: its function, and the source line as package path, file
// and line ("crashsim/store/log.go:88"), the same on every machine.
type Frame struct {
	Func string // without the package path
	Line string
}

// callers is called by record, which a method of Sim or simFile calls.
func callers() (s Stack) {
	runtime.Callers(4, s[:])
	return s
}

// Package gives the path of the package that the frame is in.
func (f Frame) Package() string { return f.Line[:strings.LastIndexByte(f.Line, '/')] }

var frameCache sync.Map // Stack -> []Frame

// Frames resolves a stack, leaving out what belongs to this package and to the
// Go runtime.
func (s Stack) Frames() []Frame {
	if f, ok := frameCache.Load(s); ok {
		return f.([]Frame)
	}
	n := 0
	for n < len(s) && s[n] != 0 {
		n++
	}
	var out []Frame
	if n > 0 {
		for iter := runtime.CallersFrames(s[:n]); ; {
			f, more := iter.Next()
			pkg, fn := splitFunc(f.Function)
			if pkg != thisPackage && pkg != "runtime" && pkg != "" {
				file := f.File[strings.LastIndexByte(f.File, '/')+1:]
				out = append(out, Frame{Func: fn, Line: fmt.Sprintf("%s/%s:%d", pkg, file, f.Line)})
			}
			if !more {
				break
			}
		}
	}
	frameCache.Store(s, out)
	return out
}

var thisPackage = func() string {
	pc, _, _, _ := runtime.Caller(0)
	pkg, _ := splitFunc(runtime.FuncForPC(pc).Name())
	return pkg
}()

// splitFunc parts "a/b/pkg.(*T).Name" at the dot after the package path.
func splitFunc(name string) (pkg, fn string) {
	slash := strings.LastIndexByte(name, '/') + 1
	dot := strings.IndexByte(name[slash:], '.')
	if dot < 0 {
		return "", name
	}
	return name[:slash+dot], name[slash+dot+1:]
}
