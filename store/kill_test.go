package store_test

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"sync"
	"testing"

	"crashsim/faultfs"
	"crashsim/store"
)

// note is a line that the child writes before each operation, and again when it
// was acknowledged. It is shorter than PIPE_BUF: the kill leaves no half of one.
type note struct {
	Client int
	Acked  bool
	Op     string // "open", "event", "entry", "worker" or "runtime"
	Worker string
	N      uint64 // id or sequence
	Text   string
}

// TestKill kills a process that writes, again and again, on the real disk. What
// it was told is done has to be there, and nothing that it never asked for.
func TestKill(t *testing.T) {
	kills := 10
	if text := os.Getenv("CRASHSIM_KILLS"); text != "" {
		var err error
		kills, err = strconv.Atoi(text)
		must(t, err)
	}
	seed := seed(t)
	r := random(seed, 0)
	var dir string
	var known knowledge
	acked := 0
	for life := range kills {
		if life%20 == 0 { // or else opening comes to take all the time
			dir, known = t.TempDir(), knowledge{workers: map[string]*workerKnown{}}
		}
		lines := 1 + r.IntN(150)
		if r.IntN(8) == 0 {
			lines = 1 // while it opens
		}
		for _, n := range liveAndDie(t, dir, seed, life, lines) {
			if n.Acked {
				acked++
			}
			known.hear(n)
		}
		state := opened(t, osDisk(t, dir))
		if err := known.check(state); err != nil {
			t.Fatalf("life %d: %v", life, err)
		}
		before := bytesBelow(t, dir)
		wantEqual(t, "state at the second open", opened(t, osDisk(t, dir)), state)
		wantEqual(t, "bytes after the second open", bytesBelow(t, dir), before)
		known = learn(state)
	}
	if kills >= 10 && acked == 0 {
		t.Fatal("nothing was acknowledged in all these lives: this test could not fail")
	}
	t.Logf("%d kills, %d operations acknowledged; in the last folder %d events, %d workers, %d set aside",
		kills, acked, len(known.events), len(known.workers), len(known.diagnostics))
}

// liveAndDie starts a child and kills it when it has written so many lines. It
// gives these, and those that it could still write.
func liveAndDie(t *testing.T, dir string, seed uint64, life, lines int) []note {
	t.Helper()
	exe, err := os.Executable()
	must(t, err)
	cmd := exec.Command(exe)
	cmd.Env = append(os.Environ(), childEnv+"=write until killed", "CRASHSIM_DIR="+dir,
		"CRASHSIM_SEED="+strconv.FormatUint(seed, 10), "CRASHSIM_LIFE="+strconv.Itoa(life))
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	var notes []note
	in := bufio.NewReader(out)
	for {
		if len(notes) == lines {
			must(t, cmd.Process.Kill())
		}
		line, err := in.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			break
		}
		must(t, err)
		var n note
		must(t, json.Unmarshal(line, &n))
		notes = append(notes, n)
	}
	err = cmd.Wait()
	if len(notes) < lines {
		t.Fatalf("life %d ended by itself after %d lines: %v", life, len(notes), err)
	}
	return notes
}

// knowledge is what the notes say of the state.
type knowledge struct {
	events      []note
	display     string
	workers     map[string]*workerKnown
	diagnostics []store.Diagnostic
	flying      [2]*note // by client: begun, and not acknowledged
	created     []string // workers that may have been begun and set aside
}

type workerKnown struct {
	purpose string
	entries []note
}

func (k *knowledge) entries(worker string) []note {
	if w := k.workers[worker]; w != nil {
		return w.entries
	}
	return nil
}

func learn(state store.State) knowledge {
	k := knowledge{workers: map[string]*workerKnown{}, diagnostics: state.Snapshot.Diagnostics}
	if d := state.Snapshot.DisplayName; d != nil {
		k.display = *d
	}
	for _, e := range state.Events {
		k.events = append(k.events, note{N: e.ID, Text: e.Message})
	}
	for _, w := range state.Workers {
		known := &workerKnown{purpose: *w.Snapshot.Request.Intent.Purpose}
		for _, e := range w.Transcript {
			known.entries = append(known.entries, note{N: e.Sequence, Text: e.Content})
		}
		k.workers[w.Snapshot.WorkerID] = known
	}
	return k
}

func (k *knowledge) hear(n note) {
	if n.Op == "open" {
		return
	}
	if !n.Acked {
		k.flying[n.Client] = &n
		return
	}
	k.flying[n.Client] = nil
	k.apply(n)
}

func (k *knowledge) apply(n note) {
	switch n.Op {
	case "event":
		k.events = append(k.events, note{N: n.N, Text: n.Text})
	case "runtime":
		k.display = n.Text
	case "worker":
		if k.workers[n.Worker] == nil {
			k.workers[n.Worker] = &workerKnown{}
		}
		k.workers[n.Worker].purpose = n.Text
	case "entry":
		w := k.workers[n.Worker]
		w.entries = append(w.entries, note{N: n.N, Text: n.Text})
	}
}

// check compares what was found with what is known. What was in flight counts as
// done if it can be seen; that it is seen whole, the comparison tells.
func (k *knowledge) check(state store.State) error {
	got := learn(state)
	for _, n := range k.flying {
		switch {
		case n == nil:
		case n.Op == "event" && len(got.events) > len(k.events),
			n.Op == "runtime" && got.display == n.Text,
			n.Op == "worker" && got.workers[n.Worker] != nil && got.workers[n.Worker].purpose == n.Text,
			n.Op == "entry" && len(got.entries(n.Worker)) > len(k.entries(n.Worker)):
			k.apply(*n)
		case n.Op == "worker" && k.workers[n.Worker] == nil:
			k.created = append(k.created, n.Worker)
		}
	}
	if got.display != k.display {
		return fmt.Errorf("display name %q, want %q", got.display, k.display)
	}
	if err := sameLines("events", got.events, k.events); err != nil {
		return err
	}
	if len(got.workers) != len(k.workers) {
		return fmt.Errorf("%d workers, want %d", len(got.workers), len(k.workers))
	}
	for id, w := range k.workers {
		if got.workers[id] == nil || got.workers[id].purpose != w.purpose {
			return fmt.Errorf("worker %s: %+v, want %+v", id, got.workers[id], w)
		}
		if err := sameLines("transcript of "+id, got.workers[id].entries, w.entries); err != nil {
			return err
		}
	}
	return k.checkDiagnostics(got.diagnostics)
}

// checkDiagnostics wants those that were, and new ones only of workers whose
// creation was interrupted.
func (k *knowledge) checkDiagnostics(got []store.Diagnostic) error {
	if len(got) < len(k.diagnostics) {
		return fmt.Errorf("%d diagnostics, there were %d", len(got), len(k.diagnostics))
	}
	for _, d := range got[len(k.diagnostics):] {
		if d.Code != store.CodeWorkerIgnored || d.WorkerRef == nil || !slices.Contains(k.created, d.WorkerRef.WorkerID) {
			return fmt.Errorf("diagnostic %+v, and what was being made is %q", d, k.created)
		}
	}
	return nil
}

func sameLines(what string, got, want []note) error {
	if !slices.Equal(got, want) {
		return fmt.Errorf("%s: %d found, want %d\n got %.300v\nwant %.300v", what, len(got), len(want), tail(got), tail(want))
	}
	for i, n := range got {
		if n.N != uint64(i+1) {
			return fmt.Errorf("%s: number %d is the %d-th", what, n.N, i+1)
		}
	}
	return nil
}

func tail(list []note) []note { return list[max(0, len(list)-3):] }

// childWrites is the process that gets killed.
func childWrites() {
	seed, _ := strconv.ParseUint(os.Getenv("CRASHSIM_SEED"), 10, 64)
	life, _ := strconv.Atoi(os.Getenv("CRASHSIM_LIFE"))
	disk, err := faultfs.OpenOS(os.Getenv("CRASHSIM_DIR"))
	check(err)
	tell(note{Op: "open"}) // so that some die while they open it
	s, err := store.Open(disk, store.Options{RuntimeID: runtimeID})
	check(err)
	state, err := s.Load()
	check(err)
	tell(note{Op: "open", Acked: true})
	shared := &sharedState{store: s, snapshot: state.Snapshot}
	var both sync.WaitGroup
	for id := range 2 {
		c := &client{id: id, rand: random(seed, 1+2*life+id), sharedState: shared, next: map[string]uint64{}}
		for _, w := range state.Workers {
			c.adopt(w.Snapshot.WorkerID, w.Snapshot.NextTranscriptSequence)
		}
		both.Go(c.run)
	}
	both.Wait()
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "child:", err)
		os.Exit(1)
	}
}

func tell(n note) {
	data, err := json.Marshal(n)
	check(err)
	const pipeBuf = 4096
	if len(data) >= pipeBuf {
		check(errors.New("a note that the kill could tear"))
	}
	_, err = os.Stdout.Write(append(data, '\n'))
	check(err)
}

// sharedState is what both clients write: one at a time, so that the notes tell
// the order. The rest they do at once.
type sharedState struct {
	store    *store.Store
	mu       sync.Mutex
	snapshot store.RuntimeSnapshot
}

type client struct {
	id   int
	rand *rand.Rand
	*sharedState
	own  []string          // its workers
	next map[string]uint64 // their sequences
}

// adopt takes over a worker whose number is the client's.
func (c *client) adopt(id string, next uint64) {
	var owner, number int
	if _, err := fmt.Sscanf(id, "w%d-%d", &owner, &number); err == nil && owner == c.id {
		c.own = append(c.own, id)
		c.next[id] = next
	}
}

func (c *client) run() {
	for {
		switch n := c.rand.IntN(10); {
		case n < 3:
			c.event()
		case n < 4:
			c.runtime()
		case n < 6 || len(c.own) == 0:
			c.worker()
		default:
			c.entry()
		}
	}
}

func (c *client) do(n note, f func() error) {
	n.Client = c.id
	tell(n)
	check(f())
	n.Acked = true
	tell(n)
}

func (c *client) event() {
	c.mu.Lock()
	defer c.mu.Unlock()
	e := event(c.snapshot.NextEventID, text(c.rand, 600))
	c.do(note{Op: "event", N: e.ID, Text: e.Message}, func() error { return c.store.AppendEvent(e) })
	c.snapshot.NextEventID++
}

func (c *client) runtime() {
	c.mu.Lock()
	defer c.mu.Unlock()
	name := text(c.rand, 600)
	c.snapshot.DisplayName = &name
	c.do(note{Op: "runtime", Text: name}, func() error { return c.store.WriteRuntimeSnapshot(c.snapshot) })
}

func (c *client) worker() {
	id := fmt.Sprintf("w%d-%d", c.id, len(c.own))
	if len(c.own) > 0 && c.rand.IntN(2) == 0 {
		id = c.own[c.rand.IntN(len(c.own))]
	}
	snapshot := workerSnapshot(id, text(c.rand, 600))
	c.do(note{Op: "worker", Worker: id, Text: *snapshot.Request.Intent.Purpose}, func() error { return c.store.WriteWorkerSnapshot(snapshot) })
	if c.next[id] == 0 {
		c.adopt(id, 1)
	}
}

func (c *client) entry() {
	id := c.own[c.rand.IntN(len(c.own))]
	e := entry(id, c.next[id], text(c.rand, 600))
	c.do(note{Op: "entry", Worker: id, N: e.Sequence, Text: e.Content}, func() error { return c.store.AppendTranscriptEntry(e) })
	c.next[id]++
}
