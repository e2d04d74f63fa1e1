package workerruntime

import (
	"errors"
	"io/fs"
	"maps"
	"slices"
	"strconv"
	"syscall"

	"crashsim/store"
)

// runtimeStore is what the two stores and the reference have in common.
type runtimeStore interface {
	Load() (store.State, error)
	WriteRuntimeSnapshot(store.RuntimeSnapshot) error
	WriteWorkerSnapshot(store.WorkerSnapshot) error
	AppendEvent(store.Event) error
	AppendTranscriptEntry(store.TranscriptEntry) error
	ReadEvents(cursor store.EventCursor, limit, maximum int) (store.EventBatch, error)
	ReadTranscript(ref store.WorkerRef, start, limit, maximum int) (store.TranscriptProjection, error)
}

// caller is the program that owns one runtime. As a real one it loads the state
// once, keeps the snapshots in memory, and writes them whole.
//
// Each snapshot that it writes counts the id of the log line that is to follow,
// so that after a crash an id may be skipped, and is never used twice by one who
// goes by the snapshots alone. What it keeps is what Load would give, less the
// ids that are counted ahead, and depends on nothing else: a caller that opens
// the store again goes on as one that never closed it.
type caller[S runtimeStore] struct {
	rt        int
	store     S
	snapshot  store.RuntimeSnapshot
	lastEvent uint64
	workers   [realWorks]*workerMemory // nil: there is none; never changed in place
	stale     bool                     // an operation failed: it may have taken effect
	failed    operation                // that one
	loaded    *store.State             // what Load gave, where nothing was asked since
	seen      *store.State             // what State was made of last
}

type workerMemory struct {
	snapshot store.WorkerSnapshot
	last     uint64 // sequence in the transcript
}

// start takes over the state that the store was opened with. A runtime without
// an event is at its first start, or had none yet when that was cut short.
func (c *caller[S]) start(state store.State) error {
	c.adopt(state)
	if len(state.Events) > 0 {
		return nil
	}
	if err := c.writeSnapshot(c.snapshot); err != nil {
		return err
	}
	_, err := c.event(operation{verb: "event", rt: c.rt, as: c.rt, work: noWork, word: "runtime_started", size: minSize})
	return err
}

func (c *caller[S]) adopt(state store.State) {
	c.snapshot = state.Snapshot
	c.workers = [realWorks]*workerMemory{}
	c.lastEvent, c.stale = 0, false
	if n := len(state.Events); n > 0 {
		c.lastEvent = state.Events[n-1].ID
	}
	for i := range state.Workers {
		w := &state.Workers[i]
		work := indexOf(workerAliases[:realWorks], w.Snapshot.WorkerID, aliasID)
		if work < 0 {
			continue // no operation can name it; State shows it
		}
		memory := &workerMemory{snapshot: w.Snapshot}
		if n := len(w.Transcript); n > 0 {
			memory.last = w.Transcript[n-1].Sequence
		}
		c.workers[work] = memory
	}
}

// apply carries out an operation. After one that failed, the next loads the state
// first, unless it is the same one: that is tried again as it was, ids and all.
func (c *caller[S]) apply(o operation) (string, error) {
	c.loaded = nil
	if c.stale && o != c.failed {
		state, err := c.store.Load()
		if err != nil {
			return "", err
		}
		c.adopt(state)
	}
	result, err := c.carryOut(o)
	if err == nil {
		c.stale = false
		return result, nil
	}
	if kind := refusal(err); kind != "" {
		return "refused: " + kind, nil
	}
	c.stale, c.failed = true, o
	return "", err
}

func (c *caller[S]) carryOut(o operation) (string, error) {
	switch o.verb {
	case "runtime":
		next := c.snapshot
		next.Status = o.word
		return c.write(next)
	case "bundle":
		return c.bundle(o)
	case "diagnose":
		return c.diagnose(o)
	case "worker":
		return c.worker(o)
	case "event":
		return c.event(o)
	case "transcript":
		return c.transcript(o)
	case "events":
		return c.events(o)
	case "read":
		return c.read(o)
	case "load":
		return c.load()
	}
	return "", errors.New("no operation " + strconv.Quote(o.verb))
}

// write replaces the runtime's snapshot. It takes a number for a worker each
// time, so that no two snapshots are equal.
func (c *caller[S]) write(next store.RuntimeSnapshot) (string, error) {
	next.NextWorkerSequence++
	return "ok", c.writeSnapshot(next)
}

func (c *caller[S]) writeSnapshot(next store.RuntimeSnapshot) error {
	next.NextEventID = c.lastEvent + 2
	if err := c.store.WriteRuntimeSnapshot(next); err != nil {
		return err
	}
	c.snapshot = next
	return nil
}

func (c *caller[S]) bundle(o operation) (string, error) {
	revision := revisionIn(c.snapshot.ConfigBundles[o.word].Metadata.Revision) + 1
	next := c.snapshot
	next.ConfigBundles = maps.Clone(next.ConfigBundles)
	if next.ConfigBundles == nil {
		next.ConfigBundles = map[string]store.ConfigBundle{}
	}
	next.ConfigBundles[o.word] = configBundle(c.rt, o.word, revision, o.size)
	return c.write(next)
}

func (c *caller[S]) diagnose(o operation) (string, error) {
	next := c.snapshot
	d := store.Diagnostic{
		ID:       next.NextDiagnosticID,
		Severity: []string{"info", "warning", "error"}[len(o.text)%3],
		Code:     "note",
		Message:  o.text,
	}
	if o.work != noWork {
		r := ref(c.rt, o.work)
		d.WorkerRef = &r
	}
	next.NextDiagnosticID++
	next.Diagnostics = append(slices.Clone(next.Diagnostics), d)
	own := func(d store.Diagnostic) bool { return !ofRecovery(d) }
	for count(next.Diagnostics, own) > maxDiagnostics {
		i := slices.IndexFunc(next.Diagnostics, own)
		next.Diagnostics = slices.Delete(next.Diagnostics, i, i+1)
	}
	return c.write(next)
}

func (c *caller[S]) worker(o operation) (string, error) {
	memory := workerMemory{snapshot: store.WorkerSnapshot{SchemaVersion: store.SchemaVersion}}
	if o.work < realWorks && c.workers[o.work] != nil {
		memory = *c.workers[o.work]
	}
	s := &memory.snapshot
	s.WorkerRef = ref(o.as, o.work)
	s.WorkerID = s.WorkerRef.WorkerID
	s.Status = o.word
	s.Request = request(c.rt, o.work, requestRevision(s.Request)+1, o.size)
	s.NextTranscriptSequence = memory.last + 2
	s.LastEventID = c.lastEvent + 1
	if err := c.store.WriteWorkerSnapshot(*s); err != nil {
		return "", err
	}
	if o.work < realWorks {
		c.workers[o.work] = &memory
	}
	return "ok", nil
}

func (c *caller[S]) event(o operation) (string, error) {
	e := store.Event{ID: c.lastEvent + 1, Kind: store.EventKind{Kind: o.word}}
	if o.again {
		e.ID = c.lastEvent
	}
	if o.work != noWork {
		r := ref(o.as, o.work)
		e.WorkerRef = &r
	}
	name := runtimeAliases[c.rt].Name
	e.Message = text(words(name, "event", e.ID), name+"e"+words(e.ID), o.size)
	if err := c.store.AppendEvent(e); err != nil {
		return "", err
	}
	c.lastEvent = e.ID
	return words("id", e.ID), nil
}

func (c *caller[S]) transcript(o operation) (string, error) {
	var memory workerMemory
	if o.work < realWorks && c.workers[o.work] != nil {
		memory = *c.workers[o.work]
	}
	e := store.TranscriptEntry{Sequence: memory.last + 1, WorkerRef: ref(o.as, o.work), Role: o.word, EventID: c.lastEvent}
	if o.again {
		e.Sequence = memory.last
	}
	name, work := runtimeAliases[c.rt].Name, workName(o.work)
	e.Content = text(words(name, work, "entry", e.Sequence), name+work+"t"+words(e.Sequence), o.size)
	if err := c.store.AppendTranscriptEntry(e); err != nil {
		return "", err
	}
	if o.work < realWorks && c.workers[o.work] != nil {
		memory.last = e.Sequence
		c.workers[o.work] = &memory
	}
	return words("sequence", e.Sequence), nil
}

func count[T any](list []T, is func(T) bool) (n int) {
	for _, item := range list {
		if is(item) {
			n++
		}
	}
	return n
}

// refusal names the reason for which a store that nothing is wrong with refuses
// an operation, "" for any other error.
func refusal(err error) string {
	for _, kind := range []error{store.ErrIO, store.ErrCorrupt, store.ErrFailed, store.ErrClosed, store.ErrLocked} {
		if errors.Is(err, kind) {
			return ""
		}
	}
	if errno := syscall.Errno(0); errors.As(err, &errno) && !errors.Is(err, fs.ErrNotExist) {
		return ""
	}
	for _, r := range []struct {
		kind error
		name string
	}{
		{store.ErrMissing, "missing"},
		{store.ErrInvalid, "invalid"},
		{store.ErrWrongRuntime, "wrong runtime"},
		{store.ErrWrongCursor, "wrong cursor"},
		{store.ErrLimit, "limit"},
	} {
		if errors.Is(err, r.kind) {
			return r.name
		}
	}
	return ""
}
