package faultfs

import (
	"fmt"
	"maps"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"unsafe"
)

// Stack is the innermost callers of an operation, from the first outside this
// package on. Equal stacks compare as equal.
type Stack struct{ calls *calls }

// Frame is one caller: its function, and the source line as package path, file
// and line ("crashsim/store/log.go:88"), the same on every machine.
type Frame struct {
	Func string // without the package path
	Line string
}

// Package gives the path of the package that the frame is in.
func (f Frame) Package() string { return f.Line[:strings.LastIndexByte(f.Line, '/')] }

// Frames gives the callers, without those in this package and in the runtime.
func (s Stack) Frames() []Frame {
	if s.calls == nil {
		return nil
	}
	return s.calls.frames()
}

const maxCalls = 6

// calls is a stack as runtime.Callers gives it, which is right in everything and
// takes longer than the operation that is recorded. So each stack is asked for
// once: after that it is known by its return addresses, which are read from the
// chain of frame pointers in no time. There is one calls for one stack.
type calls struct {
	pcs    [maxCalls]uintptr
	frames func() []Frame
}

// addresses are the return addresses of more frames than a calls can be made of,
// this package's own included.
type addresses [maxCalls + 4]uintptr

var known struct {
	mu        sync.Mutex
	byAddress atomic.Pointer[map[addresses]*calls] // never changed, only replaced
	byCalls   map[[maxCalls]uintptr]*calls
}

// callers is called by record, which an exported method of Sim or simFile calls.
//
//go:noinline
func callers() Stack {
	var at addresses
	if !at.read() {
		var pcs [maxCalls]uintptr
		runtime.Callers(4, pcs[:])
		return Stack{learn(nil, pcs)}
	}
	if m := known.byAddress.Load(); m != nil {
		if c := (*m)[at]; c != nil {
			return Stack{c}
		}
	}
	var pcs [maxCalls]uintptr
	runtime.Callers(4, pcs[:])
	return Stack{learn(&at, pcs)}
}

func learn(at *addresses, pcs [maxCalls]uintptr) *calls {
	known.mu.Lock()
	defer known.mu.Unlock()
	c := known.byCalls[pcs]
	if c == nil {
		c = &calls{pcs: pcs, frames: sync.OnceValue(func() []Frame { return resolve(pcs) })}
		if known.byCalls == nil {
			known.byCalls = map[[maxCalls]uintptr]*calls{}
		}
		known.byCalls[pcs] = c
	}
	if at != nil {
		m := map[addresses]*calls{}
		if old := known.byAddress.Load(); old != nil {
			m = maps.Clone(*old)
		}
		m[*at] = c
		known.byAddress.Store(&m)
	}
	return c
}

// read follows the frame pointers, and tells whether this machine has them. The
// stack does not move meanwhile: nothing in here calls or grows.
//
//go:nosplit
//go:nocheckptr
func (a *addresses) read() bool {
	fp := framePointer()
	if fp == nil {
		return false
	}
	for i := range a {
		if fp == nil {
			break
		}
		a[i] = *(*uintptr)(unsafe.Add(fp, unsafe.Sizeof(fp))) // the return address is above the caller's frame pointer
		fp = *(*unsafe.Pointer)(fp)
	}
	return true
}

func resolve(pcs [maxCalls]uintptr) []Frame {
	n := 0
	for n < len(pcs) && pcs[n] != 0 {
		n++
	}
	if n == 0 {
		return nil
	}
	var out []Frame
	for iter := runtime.CallersFrames(pcs[:n]); ; {
		f, more := iter.Next()
		pkg, fn := splitFunc(f.Function)
		if pkg != thisPackage && pkg != "runtime" && pkg != "" {
			file := f.File[strings.LastIndexByte(f.File, '/')+1:]
			out = append(out, Frame{Func: fn, Line: fmt.Sprintf("%s/%s:%d", pkg, file, f.Line)})
		}
		if !more {
			return out
		}
	}
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
