package crashtest

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"

	"crashsim/faultfs"
)

// Site is a place in a store's source at which it asks for a barrier (a sync) or
// for something whose order matters (a rename, a change of size, a file that must
// be new), with the lines that led there.
type Site struct {
	Kind faultfs.Kind
	// Lines are those of the package that asks, the innermost first
	// ("crashsim/store/log.go:88"): who called it from outside is no part of it.
	Lines [maxLines]string
}

const maxLines = 6

// String gives the site on one line, the package once.
func (s Site) String() string {
	var b strings.Builder
	b.WriteString(s.Kind.String())
	for i, l := range s.Lines {
		switch {
		case l == "":
		case i == 0:
			b.WriteString(" " + l)
		default:
			b.WriteString(" < " + path.Base(l))
		}
	}
	return b.String()
}

// Mutation is a mistake that a store could make at a site.
type Mutation string

// The mutations. Each is made every time that the site is come to.
const (
	// Omitted leaves the call out, and says that it was done. A file that must be
	// new may then be an old one, and one that is to be emptied keeps its bytes.
	Omitted Mutation = "dropped"
	// Delayed does it when the store's operation has been acknowledged.
	Delayed Mutation = "after the acknowledgement"
	// Swapped does it after what changes the disk next, or, of what is no sync
	// itself, is synced next.
	Swapped Mutation = "after the next write"
	// Swallowed has it fail, and the store go on: an fsync leaves pages clean that
	// were never stored, and the size (ext4); a rename leaves both names.
	Swallowed Mutation = "failing, the error swallowed"
	// Retried has an fsync fail (XFS), and the store believe the second one.
	Retried Mutation = "failing, then reported as done"
	// Copied makes a rename of a copy, synced, and a removal.
	Copied Mutation = "by copy and delete"
	// Misplaced syncs the folder in which the right file or folder is, if any.
	Misplaced Mutation = "of the wrong file"
)

func mutationsOf(k faultfs.Kind) []Mutation {
	switch {
	case k == faultfs.OpSync:
		return []Mutation{Omitted, Delayed, Swapped, Swallowed, Retried, Misplaced}
	case k.IsSync():
		return []Mutation{Omitted, Delayed, Swapped, Misplaced} // a failure is the same as to drop it
	case k == faultfs.OpRename:
		return []Mutation{Omitted, Delayed, Swapped, Swallowed, Copied}
	case k == faultfs.OpTruncate:
		return []Mutation{Omitted, Delayed, Swapped}
	}
	return []Mutation{Omitted}
}

// sites finds the site of a call. It is safe for concurrent use.
type sites struct{ known sync.Map } // faultfs.Stack and faultfs.Kind to Site

type siteKey struct {
	stack faultfs.Stack
	kind  faultfs.Kind
}

// of gives a call's site, if it is one.
func (s *sites) of(c *faultfs.Call) (Site, bool) {
	switch c.Kind {
	case faultfs.OpSync, faultfs.OpSyncData, faultfs.OpSyncDir, faultfs.OpSyncDisk, faultfs.OpRename, faultfs.OpTruncate:
	case faultfs.OpCreate, faultfs.OpOpen:
		if c.Flag&(os.O_EXCL|os.O_TRUNC) == 0 {
			return Site{}, false
		}
	default:
		return Site{}, false
	}
	k := siteKey{c.Stack, c.Kind}
	if v, ok := s.known.Load(k); ok {
		return v.(Site), true
	}
	site := Site{Kind: c.Kind}
	copy(site.Lines[:], linesOf(c.Stack))
	s.known.Store(k, site)
	return site, true
}

// linesOf gives a stack's lines as far as they are in the package that asked.
func linesOf(s faultfs.Stack) (lines []string) {
	pkg := ""
	for _, f := range s.Frames() {
		if pkg != "" && f.Package() != pkg {
			break
		}
		pkg = f.Package()
		lines = append(lines, f.Line)
	}
	return lines
}

// mutant is a store with one mistake.
type mutant struct {
	site     Site
	mutation Mutation
	sites    *sites
	fired    atomic.Int64
}

// on gives the target with the mistake.
func (m *mutant) on(t *Target) *Target {
	own := *t
	own.Open = func(disk faultfs.FS) (Store, error) { return m.open(t, disk) }
	return &own
}

func (m *mutant) open(t *Target, disk faultfs.FS) (Store, error) {
	l := &mutatedLife{mutant: m}
	below, err := l.failing(disk)
	if err != nil {
		return nil, err
	}
	store, err := t.Open(faultfs.Intercept(below, l.handle))
	if err != nil {
		return nil, err
	}
	return &mutatedStore{store, l}, nil
}

// failing gives the disk, with a fault where the mistake is about one.
func (l *mutatedLife) failing(disk faultfs.FS) (faultfs.FS, error) {
	what := faultfs.Action{Errno: syscall.EIO}
	switch {
	case l.mutation != Swallowed && l.mutation != Retried:
		return disk, nil
	case l.site.Kind == faultfs.OpRename:
		what.Deed = faultfs.BothNames
	case l.mutation == Retried:
		what.Deed, what.Mode = faultfs.FailSync, "xfs"
	default:
		what.Deed, what.Mode = faultfs.FailSync, "ext4-ordered"
	}
	return faultfs.Plan{{When: l, What: what}}.Arm(nil).Over(disk)
}

// Strikes makes it a [faultfs.Injector]: a call that is tried again does not fail
// again.
func (l *mutatedLife) Strikes(c *faultfs.Call, _ *faultfs.Memory) bool {
	site, ok := l.sites.of(c)
	return ok && site == l.site && !l.again.Load()
}

func (l *mutatedLife) String() string { return string(l.mutation) + ": " + l.site.String() }

// mutatedLife is one opened store of a mutant, with what it still has to do.
type mutatedLife struct {
	*mutant
	mu      sync.Mutex
	delayed []func()
	swapped []func()
	again   atomic.Bool // what failed is tried again
}

// mutatedStore does what was delayed as soon as it is asked for something else.
type mutatedStore struct {
	Store
	life *mutatedLife
}

func (s *mutatedStore) Apply(op string) (string, error) {
	s.life.release(&s.life.delayed)
	return s.Store.Apply(op)
}

func (s *mutatedStore) Close() error {
	s.life.release(&s.life.delayed)
	s.life.release(&s.life.swapped)
	return s.Store.Close()
}

func (l *mutatedLife) hold(list *[]func(), later func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	*list = append(*list, later)
}

func (l *mutatedLife) release(list *[]func()) {
	l.mu.Lock()
	held := *list
	*list = nil
	l.mu.Unlock()
	for _, later := range held {
		later()
	}
}

func (l *mutatedLife) handle(c *faultfs.Call) faultfs.Answer {
	if site, ok := l.sites.of(c); ok && site == l.site {
		l.fired.Add(1)
		return l.mutate(c)
	}
	a := c.Do()
	if changes(c.Kind) || !l.site.Kind.IsSync() && c.Kind.IsSync() {
		l.release(&l.swapped)
	}
	return a
}

func changes(k faultfs.Kind) bool {
	switch k {
	case faultfs.OpCreate, faultfs.OpMkdir, faultfs.OpWrite, faultfs.OpTruncate, faultfs.OpRename, faultfs.OpLink, faultfs.OpRemove:
		return true
	}
	return false
}

func (l *mutatedLife) mutate(c *faultfs.Call) faultfs.Answer {
	switch l.mutation {
	case Delayed:
		l.hold(&l.delayed, later(c))
	case Swapped:
		l.hold(&l.swapped, later(c))
	case Swallowed:
		c.Do()
	case Retried:
		return l.retry(c)
	case Copied:
		return faultfs.Answer{Err: copyOver(c.Disk(), c.Path, c.Path2)}
	case Misplaced:
		if c.Path == "." {
			return faultfs.Answer{} // there is none above
		}
		return faultfs.Answer{Err: c.Disk().SyncDir(path.Dir(c.Path))}
	case Omitted:
		if c.Kind == faultfs.OpCreate || c.Kind == faultfs.OpOpen {
			c.Flag &^= os.O_EXCL | os.O_TRUNC
			return c.Do()
		}
	}
	return faultfs.Answer{}
}

func (l *mutatedLife) retry(c *faultfs.Call) faultfs.Answer {
	if a := c.Do(); a.Err == nil {
		return a // there was nothing to fail
	}
	l.again.Store(true)
	defer l.again.Store(false)
	return c.Do()
}

// later gives what does a call at another time. The store may have closed its
// file by then, so that this is done by a handle of its own.
func later(call *faultfs.Call) func() {
	c := *call
	disk := c.Disk()
	if c.Opened() == nil {
		return func() { _ = c.Do() } // what can no longer be done is left out
	}
	f, err := disk.OpenFile(c.Path, os.O_RDWR, 0)
	if err != nil {
		return func() {}
	}
	return func() {
		defer func() { _ = f.Close() }()
		if c.Kind == faultfs.OpTruncate {
			_ = f.Truncate(c.Size)
			return
		}
		_ = f.Sync()
	}
}

// copyOver is what a careless rename does.
func copyOver(disk faultfs.FS, from, to string) error {
	data, err := faultfs.ReadFile(disk, from)
	if err != nil {
		return err
	}
	f, err := disk.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o666)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err = errors.Join(err, f.Sync(), f.Close(), disk.Remove(from)); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
