package crashtest

import (
	"context"
	"fmt"
	"path"
	"slices"
	"strings"

	"crashsim/faultfs"
)

// Barrier is a sync that a store lacks: each time that it has done what is at a
// site, it would sync what that touches.
type Barrier struct {
	Op   string // what it comes after, as a trace tells it the first time
	N    int    // its place among the operations on the disk of its life, from 1 on; 0: in the life before
	Sync string // the path that is synced then

	site   Site
	folder bool // it is a folder, the one that the first name is in
	second bool // or the second
}

// String tells it in one line.
func (b *Barrier) String() string {
	what := "file"
	if b.folder {
		what = "folder"
	}
	after := brief(b.Op)
	if b.N > 0 {
		after = fmt.Sprintf("operation %d (%s)", b.N, after)
	}
	return fmt.Sprintf("a sync of the %s %s after %s, at %s", what, brief(b.Sync), after, b.site.place())
}

// place gives the lines of a site, the package once.
func (s Site) place() string {
	_, lines, _ := strings.Cut(s.String(), " ")
	return lines
}

// On gives the target with the barrier in its store.
//
// It is not inlined: its function would then count as one of the store's callers in
// the store's own package, if the test is in that.
//
//go:noinline
func (b *Barrier) On(t *Target) *Target {
	own := *t
	own.Open = func(disk faultfs.FS) (Store, error) { return t.Open(faultfs.Intercept(disk, b.handle)) }
	return &own
}

func (b *Barrier) handle(c *faultfs.Call) faultfs.Answer {
	a := c.Do()
	if a.Err != nil || !b.follows(c) {
		return a
	}
	file := c.Opened()
	if file == nil {
		file = a.File
	}
	switch {
	case b.second:
		a.Err = c.Disk().SyncDir(path.Dir(c.Path2))
	case b.folder:
		a.Err = c.Disk().SyncDir(path.Dir(c.Path))
	case file != nil:
		a.Err = file.Sync()
	}
	return a
}

func (b *Barrier) follows(c *faultfs.Call) bool {
	opens := c.Kind == faultfs.OpOpen || c.Kind == faultfs.OpCreate
	if c.Kind != b.site.Kind && (!opens || b.site.Kind != faultfs.OpTruncate) {
		return false
	}
	return siteOfStack(b.site.Kind, c.Stack) == b.site
}

func siteOfStack(k faultfs.Kind, s faultfs.Stack) Site {
	site := Site{Kind: k}
	copy(site.Lines[:], linesOf(s))
	return site
}

// barrierFor gives the sync that makes an effect durable, right after it.
func barrierFor(life *session, e *faultfs.Effect) *Barrier {
	b := &Barrier{Op: e.Op.String(), site: siteOfStack(e.Op.Kind, e.Op.Stack), Sync: e.Op.Path}
	for i := range e.At + 1 {
		if !life.trace.Op(i).Kind.IsMark() {
			b.N++
		}
	}
	if e.Kind == faultfs.EffectEntry {
		b.folder = true
		b.second = e.Op.Kind == faultfs.OpLink || e.Op.Kind == faultfs.OpRename && e.Ino == e.Op.Dir2
		if b.second {
			b.Sync = e.Op.Path2
		}
		b.Sync = path.Dir(b.Sync)
	}
	return b
}

// Mend is the smallest change that removes a finding, or why there is none.
type Mend struct {
	Barrier *Barrier   // nil: no single one does
	Tried   []*Barrier // that do not
	Why     string     // where there is none
}

// String tells it in a phrase.
func (m *Mend) String() string {
	if m.Barrier == nil {
		return "no single barrier does, since " + m.Why
	}
	return m.Barrier.String()
}

// Suggest looks for the barrier that a store lacks: one that takes away every
// failing state of the finding's cause, and brings no other. Each is tried by
// exploring the finding's workload anew with it, within the bounds of cfg, no deeper
// in recoveries than the finding is, and with a few disks at each cut: a store that
// lacks a sync in many places leaves very many.
func Suggest(ctx context.Context, t *Target, cfg Config, f *Finding) (*Mend, error) {
	p, err := f.Scenario.play(t, cfg.Model)
	if err != nil {
		return nil, err
	}
	m := &Mend{}
	list := missing(p)
	if len(list) == 0 {
		m.Why = "nothing is lost that one could make durable"
		return m, nil
	}
	cfg.KeepGoing, cfg.Progress = true, nil
	cfg.Depth, cfg.MaxStates = min(cfg.Depth, f.Scenario.depth()), min(cfg.MaxStates, 1<<8)
	if cfg.Search == SearchAuto {
		cfg.Search = SearchLazy // the same causes, from fewer disks
	}
	ops := f.Scenario.Ops
	before, _, _, err := causesIn(ctx, t, cfg, ops)
	if err != nil {
		return nil, err
	}
	sampled := false
	for _, b := range list {
		after, met, whole, err := causesIn(ctx, b.On(t), cfg, ops)
		if err != nil {
			return nil, err
		}
		if ctx.Err() != nil {
			m.Why = "it was interrupted"
			return m, nil
		}
		isNew := func(cause string) bool { return !slices.Contains(before, cause) }
		if !met[f.Cause] && !slices.ContainsFunc(after, isNew) {
			if whole {
				m.Barrier = b
				return m, nil
			}
			sampled = true
		}
		m.Tried = append(m.Tried, b)
	}
	m.Why = "a crash before it loses the same: tried "
	if sampled {
		m.Why = "it leaves more disks than were tried: with "
	}
	m.Why += m.Tried[0].String()
	if more := len(m.Tried) - 1; more > 0 {
		m.Why += fmt.Sprintf(", and %d more", more)
	}
	return m, nil
}

// depth is how many crashes are inside recoveries.
func (sc *Scenario) depth() (n int) {
	for _, c := range sc.Crashes {
		if c.In == InRecovery {
			n++
		}
	}
	return n
}

// missing gives a barrier for each thing that a scenario's crashes lose, those of
// the last crash first.
func missing(p *play) (list []*Barrier) {
	for i := len(p.lost) - 1; i >= 0; i-- {
		for _, e := range p.lost[i] {
			b := barrierFor(p.lives[i], e)
			if !slices.ContainsFunc(list, func(o *Barrier) bool {
				return o.site == b.site && o.folder == b.folder && o.second == b.second
			}) {
				list = append(list, b)
			}
		}
	}
	return list
}

// causesIn gives the causes of a target's findings, and those of all its failing
// disks, such as fail in a simpler way, too, and are no findings of their own. It
// tells whether every disk was tried.
func causesIn(ctx context.Context, t *Target, cfg Config, ops []string) (found []string, met map[string]bool, whole bool, err error) {
	cfg.met = map[string]bool{}
	r, err := explore(ctx, t, cfg, ops)
	if err != nil {
		return nil, nil, false, err
	}
	for _, f := range r.Findings {
		found = append(found, f.Cause)
	}
	return found, cfg.met, r.Capped == 0, nil
}
