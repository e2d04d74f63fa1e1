package faultfs

import (
	"fmt"
	"slices"
	"strings"
	"syscall"
	"time"
)

// Deed is what a fault does in place of a call, or before it.
type Deed uint8

// The deeds. Those up to Stale answer the call; the others change the disk or the
// time before the call, which then goes on. N, Mode, Delay and Errno are the
// Action's.
const (
	Nothing   Deed = iota // the call is not done, and Errno reported
	Done                  // it is done, and Errno reported all the same
	Short                 // a write or read of a part: N bytes, or ShortSector, ShortAllBut1
	TornHead              // a write without its first half, or first sectors
	TornTail              // a write without its second half
	BothNames             // a rename that leaves the file with both names
	FailSync              // an fsync that fails in the way of a SyncFailure, by Mode
	Lost                  // a write or sync that is reported as done, and nothing was
	Misdirect             // a write that goes N bytes from where it should
	Stale                 // a read that gives what was there before the last change
	ReadOnly              // from now on nothing can be changed: EROFS
	Shutdown              // from now on nothing can be done at all: EIO
	Flip                  // a stored bit of the file at the path, N modulo their number
	Zero                  // a stored sector of it, N modulo their number, becomes zeros
	Size                  // from now on the disk has room for N bytes of files, or Unlimited
	Room                  // the same, for N bytes more than there are
	Evict                 // memory drops what is not dirty: Sim.Evict
	Delay                 // the call takes Delay longer, by time.Sleep
)

// Lengths of a Short beside numbers of bytes.
const (
	ShortSector  = -1 // up to the last sector boundary before the end
	ShortAllBut1 = -2 // all but the last byte
)

// Unlimited is the N of a Size without end.
const Unlimited = -1

const sectorSize = 512

// Action is what a fault does.
type Action struct {
	Deed  Deed
	N     int64
	Mode  string        // of a FailSync: the name of a SyncFailure
	Delay time.Duration // of a Delay
	Errno syscall.Errno // what is reported; 0: success, where the deed allows it
}

// Errnos are those that a plan can name, by the order of their names.
func Errnos() []syscall.Errno {
	return []syscall.Errno{syscall.EACCES, syscall.EDQUOT, syscall.EINTR, syscall.EIO, syscall.EMFILE,
		syscall.ENAMETOOLONG, syscall.ENOSPC, syscall.EROFS}
}

var errnoNames = map[syscall.Errno]string{
	syscall.EACCES: "EACCES", syscall.EDQUOT: "EDQUOT", syscall.EINTR: "EINTR", syscall.EIO: "EIO", syscall.EMFILE: "EMFILE",
	syscall.ENAMETOOLONG: "ENAMETOOLONG", syscall.ENOSPC: "ENOSPC", syscall.EROFS: "EROFS",
}

// deedForm is how a deed is written, and what it needs.
type deedForm struct {
	word  string
	value string // what follows "=", "" where nothing does
	errno need
	about string // for tables: its class
	kinds []Kind // that it can strike; nil: all
}

type need uint8

const (
	without need = iota
	mayHave
	needs
)

var deedForms = map[Deed]deedForm{
	Nothing:   {"", "", needs, "error, nothing done", nil},
	Done:      {"done", "", needs, "error, done", doneKinds},
	Short:     {"short", "0, 1, sector, allbut1 or a number of bytes", mayHave, "short write", []Kind{OpWrite, OpRead}},
	TornHead:  {"torn-head", "", mayHave, "torn write", []Kind{OpWrite}},
	TornTail:  {"torn-tail", "", mayHave, "torn write", []Kind{OpWrite}},
	BothNames: {"both", "", needs, "rename left both names", []Kind{OpRename}},
	FailSync:  {"mode", "the name of a way to fail", needs, "failed fsync", []Kind{OpSync, OpSyncData}},
	Lost:      {"lost", "", without, "lost write", []Kind{OpWrite, OpSync, OpSyncData, OpSyncDir, OpSyncDisk}},
	Misdirect: {"misdirect", "a distance in bytes", without, "misdirected write", []Kind{OpWrite}},
	Stale:     {"stale", "", without, "stale read", []Kind{OpRead}},
	ReadOnly:  {"readonly", "", mayHave, "disk turns read-only", nil},
	Shutdown:  {"shutdown", "", without, "disk shuts down", nil},
	Flip:      {"flip", "the number of a bit", without, "bit flip at rest", nil},
	Zero:      {"zero", "the number of a sector", without, "zeroed sector at rest", nil},
	Size:      {"size", "bytes, or unlimited", without, "full disk", nil},
	Room:      {"room", "bytes", without, "full disk", nil},
	Evict:     {"evict", "", without, "cache eviction", nil},
	Delay:     {"delay", "a duration", without, "latency", nil},
}

// doneKinds can be done and reported as failed. A close that fails is always
// done: close(2) lets go of the descriptor whatever it answers.
var doneKinds = []Kind{OpCreate, OpMkdir, OpWrite, OpTruncate, OpAllocate, OpRename, OpLink, OpRemove,
	OpSync, OpSyncData, OpSyncDir}

// String gives the action as it is written in a plan.
func (a Action) String() string {
	text := deedForms[a.Deed].word
	switch a.Deed {
	case Short:
		text += "=" + map[int64]string{ShortSector: "sector", ShortAllBut1: "allbut1"}[a.N]
	case FailSync:
		text += "=" + a.Mode
	case Delay:
		text += "=" + a.Delay.String()
	}
	switch {
	case a.Deed == Size && a.N == Unlimited:
		text += "=unlimited"
	case a.Deed == Short && a.N >= 0:
		text += fmt.Sprint(a.N)
	case slices.Contains([]Deed{Misdirect, Flip, Zero, Size, Room}, a.Deed):
		text += fmt.Sprint("=", a.N)
	}
	if a.Errno != 0 {
		text += " " + errnoNames[a.Errno]
	}
	return strings.TrimSpace(text)
}

// Class names what kind of fault an action is, the same for all errnos and
// numbers: the rows of a table.
func (a Action) Class() string {
	if a.Deed == FailSync {
		return "failed fsync, " + a.Mode
	}
	return deedForms[a.Deed].about
}

// Lies tells whether the disk says something that is not so: it has stored what
// it has not, or gives other bytes than are stored. No store on one disk can keep
// what such a disk loses.
func (a Action) Lies() bool {
	switch a.Deed {
	case Lost, Misdirect, Stale:
		return true
	case FailSync:
		mode, _ := SyncFailureNamed(a.Mode)
		return mode.Late
	case Short, TornHead, TornTail:
		return a.Errno == 0 && a.Deed != Short
	}
	return false
}

// Answers tells whether the action stands in place of the call.
func (a Action) Answers() bool { return a.Deed <= Stale }

// Fits tells whether the action can strike the call. Whether it finds what it
// needs there (a sector to tear at, a stored bit to flip) shows when it does.
func (a Action) Fits(c *Call) bool {
	kinds := deedForms[a.Deed].kinds
	if kinds != nil && !slices.Contains(kinds, c.Kind) {
		return false
	}
	if a.Deed == Short && c.Kind == OpRead {
		return c.Off == AtHandle && a.Errno == 0 // ReadAt gives all or an error
	}
	return true
}

// Applicable lists the actions worth trying at a call, the same for equal calls:
// each error that the call can give, and each other fault that can strike it.
func Applicable(c *Call) []Action {
	var list []Action
	for _, errno := range errnosOf(c) {
		list = append(list, Action{Errno: errno})
	}
	if slices.Contains(doneKinds, c.Kind) {
		list = append(list, Action{Deed: Done, Errno: syscall.EIO})
	}
	switch c.Kind {
	case OpRead:
		list = append(list, Action{Deed: Stale}, Action{Deed: Flip, N: 0}, Action{Deed: Zero, N: 0})
		if c.Off == AtHandle && len(c.Data) > 1 {
			list = append(list, Action{Deed: Short, N: 1})
		}
	case OpWrite:
		for _, n := range shortLengths(len(c.Data)) {
			list = append(list, Action{Deed: Short, N: n}, Action{Deed: Short, N: n, Errno: syscall.ENOSPC})
		}
		if tears(c) {
			list = append(list, Action{Deed: TornHead, Errno: syscall.EIO}, Action{Deed: TornTail, Errno: syscall.EIO})
		}
		list = append(list, Action{Deed: Room}, Action{Deed: Room, N: int64(len(c.Data) / 2)})
		list = append(list, Action{Deed: Lost}, Action{Deed: Misdirect, N: sectorSize})
	case OpRename:
		list = append(list, Action{Deed: BothNames, Errno: syscall.EIO})
	case OpSync, OpSyncData:
		for _, f := range SyncFailures() {
			if !f.Silent {
				list = append(list, Action{Deed: FailSync, Mode: f.Name, Errno: syscall.EIO})
			}
		}
		list = append(list, Action{Deed: Lost}, Action{Deed: ReadOnly, Errno: syscall.EIO}, Action{Deed: Shutdown})
	case OpSyncDisk:
		list = append(list, Action{Deed: Lost})
	case OpSyncDir:
		list = append(list, Action{Deed: Lost}, Action{Deed: ReadOnly, Errno: syscall.EIO}, Action{Deed: Shutdown})
	}
	return append(list, Action{Deed: Delay, Delay: time.Minute})
}

// tears tells whether a write goes over a sector's boundary: what is within one
// sector no disk tears. Where the handle's own offset is is not known.
func tears(c *Call) bool {
	if c.Off == AtHandle {
		return len(c.Data) > sectorSize
	}
	return c.Off/sectorSize != (c.Off+int64(len(c.Data))-1)/sectorSize
}

// shortLengths are the length classes that a write of so many bytes has.
func shortLengths(size int) []int64 {
	var list []int64
	if size > 0 {
		list = append(list, 0)
	}
	if size > 1 {
		list = append(list, ShortAllBut1)
	}
	if size > 2 {
		list = append(list, 1)
	}
	if size > sectorSize {
		list = append(list, ShortSector)
	}
	return list
}

// errnosOf are the errors that a call can give, by its manual page.
func errnosOf(c *Call) []syscall.Errno {
	const (
		eio, enospc, edquot, erofs = syscall.EIO, syscall.ENOSPC, syscall.EDQUOT, syscall.EROFS
		eacces, emfile, toolong    = syscall.EACCES, syscall.EMFILE, syscall.ENAMETOOLONG
	)
	switch c.Kind {
	case OpOpen:
		return []syscall.Errno{eio, eacces, emfile, toolong, syscall.EINTR}
	case OpCreate:
		return []syscall.Errno{eio, enospc, edquot, erofs, eacces, emfile, toolong, syscall.EINTR}
	case OpMkdir, OpRename, OpLink:
		return []syscall.Errno{eio, enospc, edquot, erofs, eacces, toolong}
	case OpRemove:
		return []syscall.Errno{eio, erofs, eacces}
	case OpRead:
		return []syscall.Errno{eio, syscall.EINTR}
	case OpWrite, OpTruncate, OpAllocate:
		return []syscall.Errno{eio, enospc, edquot, erofs, syscall.EINTR}
	case OpSync, OpSyncData:
		return []syscall.Errno{eio, enospc, edquot, erofs, syscall.EINTR}
	case OpSyncDir:
		return []syscall.Errno{eio, enospc, edquot, erofs, emfile, syscall.EINTR}
	case OpClose:
		return []syscall.Errno{eio, enospc, edquot, syscall.EINTR}
	case OpReadDir:
		return []syscall.Errno{eio, eacces, emfile}
	case OpStat:
		return []syscall.Errno{eio, eacces}
	case OpLock:
		return []syscall.Errno{eio, emfile, syscall.EINTR}
	case OpUnlock:
		return []syscall.Errno{eio}
	}
	return nil // a seek asks nothing of the disk, and sync(2) tells of nothing
}
