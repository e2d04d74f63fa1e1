package store_test

import (
	"bytes"
	"strings"
	"syscall"
	"testing"

	"crashsim/faultfs"
	"crashsim/store"
)

// A snapshot with any byte changed is not given out: the runtime's is refused, and
// a worker's set aside.
func TestSnapshotDamagedBytes(t *testing.T) {
	disk := fill(t, 1)
	for _, name := range []string{runtimeFile, snapshotFile} {
		data := readFile(t, disk, name)
		for at := range data {
			for _, b := range flips(data[at]) {
				if b == data[at] {
					continue
				}
				damaged := bytes.Clone(data)
				damaged[at] = b
				sim := disk.Fork()
				writeFile(t, sim, name, damaged)
				s, err := store.Open(sim, options())
				switch name {
				case runtimeFile:
					wantKind(t, err, store.ErrCorrupt)
					if !strings.Contains(err.Error(), name) {
						t.Fatalf("%v: does not say %s", err, name)
					}
				default:
					must(t, err)
					state := load(t, s)
					if d := state.Snapshot.Diagnostics; len(state.Workers) > 0 || len(d) != 1 || d[0].Code != store.CodeWorkerIgnored {
						t.Fatalf("byte %d as %q: %+v", at, b, state)
					}
				}
			}
		}
	}
}

// cutShort gives what is left of a log's end by a truncation at each byte, and by
// each run of sectors at the end that reads as zeros.
func cutShort(data []byte, from int, f func([]byte)) {
	const sector = 512
	for end := from; end < len(data)-1; end++ { // less the newline alone nothing is lost
		f(data[:end])
	}
	for at := from / sector * sector; at < len(data); at += sector {
		zeroed := bytes.Clone(data)
		clear(zeroed[at:])
		f(zeroed)
	}
}

// The end of a log that was noted, by Close or by a later snapshot, is no torn tail:
// where it is not good it is reported, and not cut.
func TestAcknowledgedTail(t *testing.T) {
	const n = 3
	closed := fill(t, n)
	sim, s := filled(t, n)
	must(t, s.WriteRuntimeSnapshot(fullRuntime()))
	must(t, s.WriteWorkerSnapshot(fullWorker("w")))
	noted := sim.Fork()
	for how, disk := range map[string]*faultfs.Sim{"closed": closed, "noted in snapshots": noted} {
		for name := range logs {
			data := readFile(t, disk, name)
			tries := 0
			cutShort(data, lineStarts(data)[n-1], func(damaged []byte) {
				tries++
				sim := disk.Fork()
				writeFile(t, sim, name, damaged)
				key := sim.Key()
				_, err := store.Open(sim, options())
				wantKind(t, err, store.ErrCorrupt)
				if !strings.Contains(err.Error(), name) || sim.Key() != key {
					t.Fatalf("%s: %v: does not say %s, or has changed the disk", how, err, name)
				}
			})
			if tries < 10 {
				t.Fatalf("%d tries", tries)
			}
			sim := disk.Fork()
			must(t, sim.Remove(name))
			_, err := store.Open(sim, options())
			wantKind(t, err, store.ErrMissing)
			if _, err := sim.Stat(name); err == nil {
				t.Fatalf("%s: made anew", name)
			}
		}
	}
}

// Close writes where there is something to note, and nothing else.
func TestCloseNotesOnce(t *testing.T) {
	sim := fill(t, 1)
	key := sim.Key()
	opened(t, sim)
	if sim.Key() != key {
		t.Fatal("a store that was only read has written")
	}
	s := open(t, sim)
	must(t, s.AppendEvent(event(2, "")))
	must(t, s.WriteRuntimeSnapshot(fullRuntime()))
	key = sim.Key()
	must(t, s.Close())
	if sim.Key() != key {
		t.Fatal("what the snapshot says was noted again")
	}
}

// A Close that cannot write says so, and has lost nothing.
func TestCloseFails(t *testing.T) {
	disk := killed(t, 2)
	want := opened(t, disk)
	want.Events = append(want.Events, event(3, ""))
	want.Snapshot.NextEventID = 4
	for at := 1; ; at++ {
		d := &faulty{Sim: disk.Fork(), fault: fault{syscall.EIO, 0}}
		s := open(t, d)
		must(t, s.AppendEvent(event(3, "")))
		d.calls, d.at = nil, at
		err := s.Close()
		if err == nil {
			if at < 4 {
				t.Fatalf("Close makes %d changes", at-1)
			}
			return
		}
		wantKind(t, err, store.ErrIO)
		wantKind(t, err, syscall.EIO)
		d.at = 0
		wantEqual(t, "opened again", opened(t, d.Sim), want)
	}
}

// A store that has failed notes nothing, and Close says so where there was something
// to note.
func TestCloseOfAStoreThatHasFailed(t *testing.T) {
	plan, err := faultfs.ParsePlan("rename path=runtime.json: EIO")
	must(t, err)
	for _, grown := range []bool{false, true} {
		faulty, err := plan.Arm(nil).Over(fill(t, 2))
		must(t, err)
		s := open(t, faulty)
		if grown {
			must(t, s.AppendEvent(event(3, "")))
		}
		wantKind(t, s.WriteRuntimeSnapshot(fullRuntime()), syscall.EIO)
		switch err := s.Close(); {
		case grown:
			wantKind(t, err, store.ErrFailed)
		case err != nil:
			t.Errorf("nothing was to be noted: %v", err)
		}
	}
}

// A note that is damaged is reported.
func TestDamagedNote(t *testing.T) {
	disk := fill(t, 2)
	for _, note := range []string{runtimeDir + "/events.size.json", workerDir + "/transcript.size.json"} {
		data := readFile(t, disk, note)
		for at := range data {
			for _, b := range flips(data[at]) {
				if b == data[at] {
					continue
				}
				damaged := bytes.Clone(data)
				damaged[at] = b
				sim := disk.Fork()
				writeFile(t, sim, note, damaged)
				key := sim.Key()
				_, err := store.Open(sim, options())
				wantKind(t, err, store.ErrCorrupt)
				if !strings.Contains(err.Error(), note) || sim.Key() != key {
					t.Fatalf("%v: does not say %s, or has changed the disk", err, note)
				}
			}
		}
	}
}
