package store_test

import (
	"context"
	"errors"
	"os"
	"path"
	"strings"
	"syscall"
	"testing"

	"crashsim/faultfs"
	"crashsim/store"
)

// verify gives the health of a disk, and wants it not to be changed by that.
func verify(t testing.TB, sim *faultfs.Sim) *store.Health {
	t.Helper()
	key, done := sim.Key(), sim.Trace().Len()
	h, err := store.Verify(t.Context(), sim, nil)
	must(t, err)
	if sim.Key() != key || sim.Trace().Len() != done {
		t.Fatal("Verify has changed the disk")
	}
	return h
}

func wantVerdict(t testing.TB, h *store.Health, want store.Verdict) {
	t.Helper()
	if got := h.Verdict(); got != want {
		t.Fatalf("%s, want %s: %+v", got, want, h)
	}
}

// wantProblem wants one problem of a kind, and none of another.
func wantProblem(t testing.TB, h *store.Health, kind store.ProblemKind, name string) store.Problem {
	t.Helper()
	var found []store.Problem
	for p := range h.Problems {
		found = append(found, *p)
	}
	if len(found) != 1 || found[0].Kind != kind || found[0].Path != name || found[0].Detail == "" {
		t.Fatalf("%+v, want one %s of %s", found, kind, name)
	}
	return found[0]
}

func TestVerifyHealthy(t *testing.T) {
	for name, disk := range map[string]*faultfs.Sim{"closed": fill(t, 3), "killed": killed(t, 3), "an old writer's": seedFixture(t)} {
		h := verify(t, disk)
		wantVerdict(t, h, store.Healthy)
		if len(h.Runtimes) != 1 || h.Runtimes[0].RuntimeID != runtimeID || h.Runtimes[0].Open {
			t.Fatalf("%s: %+v", name, h)
		}
		for _, f := range h.Runtimes[0].Files {
			data := readFile(t, disk, f.Path)
			records := 1
			if strings.HasSuffix(f.Path, ".jsonl") {
				records = strings.Count(string(data), `"message"`) + strings.Count(string(data), `"content"`)
			}
			unsummed := 0
			if name == "an old writer's" {
				unsummed = records
			}
			if f.Bytes != int64(len(data)) || f.Records != records || f.Unsummed != unsummed || f.Problems != 0 {
				t.Fatalf("%s: %+v, want %d records, %d of them without checksum", name, f, records, unsummed)
			}
		}
	}
	wantEqual(t, "last id", verify(t, fill(t, 3)).Runtimes[0].Files[1].LastID, 3)
}

// damages are what can be wrong with a disk from killed(t, 3), by name.
func damages(t testing.TB) map[string]damage {
	edit := func(name string, change func([]byte) []byte) func(testing.TB, *faultfs.Sim) {
		return func(t testing.TB, sim *faultfs.Sim) { writeFile(t, sim, name, change(readFile(t, sim, name))) }
	}
	replace := func(name, old, new string) func(testing.TB, *faultfs.Sim) {
		return edit(name, func(data []byte) []byte {
			text := strings.Replace(string(data), old, new, 1)
			if text == string(data) {
				t.Fatalf("%s has no %s", name, old)
			}
			return []byte(text)
		})
	}
	cut := func(name string, n int) func(testing.TB, *faultfs.Sim) {
		return edit(name, func(data []byte) []byte { return data[:len(data)-n] })
	}
	remove := func(names ...string) func(testing.TB, *faultfs.Sim) {
		return func(t testing.TB, sim *faultfs.Sim) {
			for _, name := range names {
				must(t, sim.Remove(name))
			}
		}
	}
	spoil := func(name string) func(testing.TB, *faultfs.Sim) { // of its two names one
		return func(t testing.TB, sim *faultfs.Sim) {
			must(t, sim.Remove(name))
			writeFile(t, sim, name, []byte("{}"+strings.Repeat(" ", 100)+`"log_bytes"`))
		}
	}
	old := func(name, old, new string) func(testing.TB, *faultfs.Sim) {
		return func(t testing.TB, sim *faultfs.Sim) {
			writeFile(t, sim, name, withoutSeal(readFile(t, sim, name)))
			replace(name, old, new)(t, sim)
		}
	}
	return map[string]damage{
		"torn event":         {cut(eventsFile, 10), store.TornTail, eventsFile},
		"torn entry":         {cut(transcript, 10), store.TornTail, transcript},
		"no newline":         {cut(eventsFile, 1), store.NoNewline, eventsFile},
		"temporary":          {func(t testing.TB, sim *faultfs.Sim) { writeFile(t, sim, runtimeDir+"/.runtime.json.tmp-1-1", nil) }, store.LeftTemp, runtimeDir + "/.runtime.json.tmp-1-1"},
		"worker's temporary": {func(t testing.TB, sim *faultfs.Sim) { writeFile(t, sim, workerDir+"/.worker.json.tmp-1-1", nil) }, store.LeftTemp, workerDir + "/.worker.json.tmp-1-1"},
		"no worker":          {remove(snapshotFile, workerSpare), store.NoWorker, workerDir},
		"worker's name":      {remove(snapshotFile), store.LostName, snapshotFile},
		"runtime's name":     {remove(runtimeFile), store.LostName, runtimeFile},
		"worker, one name":   {spoil(snapshotFile), store.BadFirstName, snapshotFile},
		"runtime, one name":  {spoil(runtimeFile), store.BadFirstName, runtimeFile},
		"damaged event":      {replace(eventsFile, "event 2", "event 3"), store.BadLine, eventsFile},
		"damaged entry":      {replace(transcript, "entry 2", "entry_2"), store.BadLine, transcript},
		"lines in one":       {replace(eventsFile, "\n", "*"), store.BadLine, eventsFile},
		"event again":        {edit(eventsFile, func(data []byte) []byte { return append(data, data[:len(data)/3]...) }), store.NotRising, eventsFile},
		"other's entry":      {old(transcript, `{"sequence":1`, `{"sequence":0,"worker_ref":{"runtime_id":"rt","worker_id":"x"},"role":"user","content":"","event_id":0}`+"\n"+`{"sequence":1`), store.Unreadable, transcript},
		"runtime.json":       {replace(runtimeFile, "running", "stopped"), store.BadSnapshot, runtimeFile},
		"no runtime.json":    {remove(runtimeFile, runtimeSpare), store.MissingSnapshot, runtimeFile},
		"worker.json":        {replace(snapshotFile, "running", "stopped"), store.BadSnapshot, snapshotFile},
		"other backend":      {old(runtimeFile, "fs_store", "memory"), store.Foreign, runtimeFile},
		"other worker":       {func(t testing.TB, sim *faultfs.Sim) { must(t, sim.Rename(workerDir, workersDir+"/id-78")) }, store.Foreign, workersDir + "/id-78/worker.json"},
		"other version":      {old(runtimeFile, `version": 1`, `version": 2`), store.OtherVersion, runtimeFile},
		"file for a worker":  {func(t testing.TB, sim *faultfs.Sim) { writeFile(t, sim, workersDir+"/file", nil) }, store.NoFolder, workersDir + "/file"},
		"file for workers": {func(t testing.TB, sim *faultfs.Sim) {
			must(t, sim.Rename(workersDir, "elsewhere"))
			writeFile(t, sim, workersDir, nil)
		}, store.NoFolder, workersDir},
		"no workers": {func(t testing.TB, sim *faultfs.Sim) { must(t, sim.Rename(workersDir, "elsewhere")) }, store.MissingWorkers, workersDir},
	}
}

type damage struct {
	do   func(testing.TB, *faultfs.Sim)
	kind store.ProblemKind
	path string
}

// Each kind of problem is told as such, at its place. Opening mends what a crash
// has left, and the store is healthy then; it refuses damage or sets it aside.
func TestVerifyProblems(t *testing.T) {
	for name, c := range damages(t) {
		t.Run(name, func(t *testing.T) {
			sim := killed(t, 3)
			c.do(t, sim)
			h := verify(t, sim)
			wantProblem(t, h, c.kind, c.path)
			want := store.Interrupted
			if c.kind.Damage() {
				want = store.Damaged
			}
			wantVerdict(t, h, want)
			s, err := store.Open(sim, options())
			switch {
			case err == nil:
				if _, err := s.Load(); err == nil {
					must(t, s.Close())
					wantVerdict(t, verify(t, sim), store.Healthy)
				} else if c.kind != store.Unreadable {
					t.Fatal(err)
				}
			case !c.kind.Damage():
				t.Fatal(err)
			}
		})
	}
}

// Damage of what was noted is told from a torn tail.
func TestVerifyAcknowledged(t *testing.T) {
	disk := fill(t, 3)
	for name := range logs {
		data := readFile(t, disk, name)
		from := lineStarts(data)[2]
		short := disk.Fork()
		writeFile(t, short, name, data[:from])
		p := wantProblem(t, verify(t, short), store.ShortLog, name)
		wantEqual(t, "where", p.Offset, int64(from))
		zeroed := disk.Fork()
		clear(data[from:])
		writeFile(t, zeroed, name, data)
		p = wantProblem(t, verify(t, zeroed), store.BadLine, name)
		wantEqual(t, "where", [2]int64{p.Offset, int64(p.Line)}, [2]int64{int64(from), 3})
		gone := disk.Fork()
		must(t, gone.Remove(name))
		wantProblem(t, verify(t, gone), store.MissingLog, name)
		note := strings.TrimSuffix(name, ".jsonl") + ".size.json"
		writeFile(t, disk, note, []byte("{}\n"))
		wantProblem(t, verify(t, disk), store.BadNote, note)
		must(t, disk.Remove(note))
	}
}

// Problems of one file are told one by one up to a number, and counted after.
func TestVerifyManyProblems(t *testing.T) {
	sim := fill(t, 1)
	writeFile(t, sim, eventsFile, []byte(strings.Repeat("no JSON\n", store.MaxProblems+5)))
	h := verify(t, sim)
	f := h.Runtimes[0].Files[1]
	if f.Problems != store.MaxProblems+5 || len(h.Runtimes[0].Problems) != store.MaxProblems {
		t.Fatalf("%d problems, %d told", f.Problems, len(h.Runtimes[0].Problems))
	}
}

// A disk that cannot be read in a place is told of, and the rest is.
func TestVerifyReadError(t *testing.T) {
	disk := &unreadable{Sim: fill(t, 3), name: eventsFile}
	h, err := store.Verify(t.Context(), disk, nil)
	must(t, err)
	wantProblem(t, h, store.IOError, eventsFile)
	if n := len(h.Runtimes[0].Files); n != 3 {
		t.Fatalf("%d files were read, want 3", n)
	}
}

type unreadable struct {
	*faultfs.Sim
	name string
}

func (d *unreadable) OpenFile(name string, flag int, perm os.FileMode) (faultfs.File, error) {
	f, err := d.Sim.OpenFile(name, flag, perm)
	if err == nil && name == d.name {
		return &unreadableFile{f}, nil
	}
	return f, err
}

type unreadableFile struct{ faultfs.File }

func (f *unreadableFile) ReadAt([]byte, int64) (int, error) { return 0, syscall.EIO }

// It works on a folder that cannot be written to, beside an owner, and for all
// runtimes.
func TestVerifyOnTheRealDisk(t *testing.T) {
	root := t.TempDir()
	disk := osDisk(t, root)
	s := open(t, disk)
	must(t, s.AppendEvent(event(1, "one")))
	other, err := store.Open(disk, store.Options{RuntimeID: "other"})
	must(t, err)
	must(t, other.Close())
	must(t, os.Mkdir(path.Join(root, "runtimes", "id-zz"), 0o777))
	before := bytesBelow(t, root)
	for _, dir := range []string{runtimeDir, "runtimes", "."} {
		must(t, os.Chmod(path.Join(root, dir), 0o555))
	}
	writable := func() {
		for _, dir := range []string{".", "runtimes", runtimeDir} {
			_ = os.Chmod(path.Join(root, dir), 0o777)
		}
	}
	t.Cleanup(writable)
	var told int64
	h, err := store.Verify(t.Context(), disk, func(_ string, done, total int64) {
		if done > total {
			t.Errorf("%d of %d bytes", done, total)
		}
		told = done
	})
	must(t, err)
	wantVerdict(t, h, store.Healthy)
	wantEqual(t, "bytes after", bytesBelow(t, root), before)
	if len(h.Runtimes) != 2 || h.Runtimes[0].RuntimeID != "other" || h.Runtimes[0].Open || !h.Runtimes[1].Open {
		t.Fatalf("%+v", h)
	}
	wantEqual(t, "ignored", h.Ignored, []string{"runtimes/id-zz"})
	info, err := os.Stat(path.Join(root, eventsFile))
	must(t, err)
	wantEqual(t, "bytes told", told, info.Size())
	writable() // Close notes what was written
	must(t, s.Close())
}

func TestVerifyNothing(t *testing.T) {
	_, err := store.Verify(t.Context(), faultfs.NewSim(), nil)
	wantKind(t, err, store.ErrMissing)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := store.Verify(ctx, fill(t, 1), nil); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
}
