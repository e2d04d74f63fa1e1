package store_test

import (
	"bytes"
	"fmt"
	"io/fs"
	"sync/atomic"
	"testing"

	"crashsim/faultfs"
	"crashsim/store"
)

// counting is a disk that counts what is read from it, and how often.
type counting struct {
	*faultfs.Sim
	bytes, reads atomic.Int64
}

func (c *counting) OpenFile(name string, flag int, perm fs.FileMode) (faultfs.File, error) {
	f, err := c.Sim.OpenFile(name, flag, perm)
	if err != nil {
		return nil, err
	}
	return &countingFile{f, c}, nil
}

type countingFile struct {
	faultfs.File
	disk *counting
}

func (f *countingFile) count(n int, err error) (int, error) {
	f.disk.bytes.Add(int64(n))
	f.disk.reads.Add(1)
	return n, err
}

func (f *countingFile) Read(p []byte) (int, error) { return f.count(f.File.Read(p)) }
func (f *countingFile) ReadAt(p []byte, off int64) (int, error) {
	return f.count(f.File.ReadAt(p, off))
}

// longLogs gives an open store with n events and n entries of the worker "w",
// without sums, so that they are made in no time.
func longLogs(t testing.TB, n int) (*counting, *store.Store) {
	t.Helper()
	sim := fill(t, 0)
	var events, entries bytes.Buffer
	for id := 1; id <= n; id++ {
		fmt.Fprintf(&events, `{"id":%d,"kind":{"kind":"runtime_started"},"message":"one of many"}`+"\n", id)
		fmt.Fprintf(&entries, `{"sequence":%d,"worker_ref":{"runtime_id":"rt","worker_id":"w"},"role":"user","content":"","event_id":0}`+"\n", id)
	}
	writeFile(t, sim, eventsFile, events.Bytes())
	writeFile(t, sim, transcript, entries.Bytes())
	disk := &counting{Sim: sim}
	return disk, open(t, disk)
}

func readBatch(t testing.TB, s *store.Store, from int) {
	b, err := s.ReadEvents(store.EventCursor{RuntimeID: runtimeID, NextEventID: uint64(from)}, 10, 10)
	must(t, err)
	if len(b.Events) != 10 || b.Events[9].ID != uint64(from+9) {
		t.Fatalf("%+v", b)
	}
}

func readSlice(t testing.TB, s *store.Store, from int) {
	p, err := s.ReadTranscript(ref("w"), from-1, 10, 10)
	must(t, err)
	if len(p.Items) != 10 || p.Items[9].Sequence != uint64(from+9) {
		t.Fatalf("%+v", p)
	}
}

// What is read from the disk for a batch is the batch: at the end of a long log as
// in a short one.
func TestReadingCostsWhatIsRead(t *testing.T) {
	for _, n := range []int{1_000, 100_000} {
		disk, s := longLogs(t, n)
		for name, c := range map[string]struct {
			read func(testing.TB, *store.Store, int)
			line int // bytes, at the most
		}{"events": {readBatch, 80}, "transcript": {readSlice, 120}} {
			for _, from := range []int{1, n / 2, n - 9} {
				disk.bytes.Store(0)
				disk.reads.Store(0)
				c.read(t, s, from)
				if got := disk.bytes.Load(); got == 0 || got > int64(10*c.line) {
					t.Fatalf("%s: %d bytes read for 10 lines from %d of %d", name, got, from, n)
				}
				if got := disk.reads.Load(); got != 1 {
					t.Fatalf("%s: %d reads for 10 lines from %d of %d", name, got, from, n)
				}
			}
		}
		must(t, s.Close())
	}
}

// An append costs the same in a long log: it reads nothing.
func TestAppendingReadsNothing(t *testing.T) {
	disk, s := longLogs(t, 10_000)
	disk.bytes.Store(0)
	must(t, s.AppendEvent(event(10_001, "")))
	must(t, s.AppendTranscriptEntry(entry("w", 10_001, "")))
	wantEqual(t, "bytes read", disk.bytes.Load(), 0)
}

func BenchmarkReadEventsAtTheEnd(b *testing.B) {
	for _, n := range []int{1_000, 1_000_000} {
		b.Run(fmt.Sprintf("of %d", n), func(b *testing.B) {
			_, s := longLogs(b, n)
			for b.Loop() {
				readBatch(b, s, n-9)
			}
		})
	}
}

func BenchmarkAppendEvent(b *testing.B) {
	for name, disk := range map[string]faultfs.FS{"sim": faultfs.NewSim(), "os": func() faultfs.FS {
		disk, err := faultfs.OpenOS(b.TempDir())
		must(b, err)
		return disk
	}()} {
		b.Run(name, func(b *testing.B) {
			s := open(b, disk)
			defer func() { _ = s.Close() }()
			id := load(b, s).Snapshot.NextEventID
			for b.Loop() {
				must(b, s.AppendEvent(event(id, "one of many")))
				id++
			}
		})
	}
}
