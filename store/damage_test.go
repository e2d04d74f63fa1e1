package store_test

import (
	"bytes"
	"fmt"
	"hash/crc32"
	"slices"
	"strings"
	"testing"

	"crashsim/faultfs"
	"crashsim/store"
)

// logs are the two logs of what fill gives, and how many records are in them.
var logs = map[string]func(store.State) int{
	eventsFile: func(s store.State) int { return len(s.Events) },
	transcript: func(s store.State) int { return len(s.Workers[0].Transcript) },
}

// lineStarts gives where each line begins, and the end of the last.
func lineStarts(data []byte) []int {
	starts := []int{0}
	for i, b := range data {
		if b == '\n' {
			starts = append(starts, i+1)
		}
	}
	return starts
}

// mended opens a disk whose log was replaced, wants so many records there, and that
// what is left is what a writer could have left; and that it takes more.
func mended(t *testing.T, disk *faultfs.Sim, name string, data []byte, records int) {
	t.Helper()
	sim := disk.Fork()
	writeFile(t, sim, name, data)
	if h := verify(t, sim); h.Verdict() == store.Damaged {
		t.Fatalf("%q: damaged: %+v", data, h)
	}
	s, err := store.Open(sim, options())
	if err != nil {
		t.Fatalf("%q: %v", data, err)
	}
	if n := logs[name](load(t, s)); n != records {
		t.Fatalf("%q: %d records, want %d", data, n, records)
	}
	want := readFile(t, disk, name)
	want = want[:lineStarts(want)[records]]
	if got := readFile(t, sim, name); !bytes.Equal(got, want) {
		t.Fatalf("left %q, want %q", got, want)
	}
	key := sim.Key()
	must(t, s.Close())
	wantVerdict(t, verify(t, sim), store.Healthy)
	again := open(t, sim)
	if sim.Key() != key {
		t.Fatal("the second open has changed something")
	}
	must(t, again.AppendEvent(event(100, "")))
	must(t, again.AppendTranscriptEntry(entry("w", 100, "")))
	must(t, again.Close())
	opened(t, sim)

	sim = disk.Fork()
	writeFile(t, sim, name, data)
	mender := open(t, sim) // it need not be opened again to take more
	must(t, mender.AppendEvent(event(100, "")))
	must(t, mender.AppendTranscriptEntry(entry("w", 100, "")))
	must(t, mender.Close())
	if n := logs[name](opened(t, sim)); n != records+1 {
		t.Fatalf("%q: %d records after one more, want %d", data, n, records+1)
	}
}

// refused wants ErrCorrupt that tells the place, and nothing changed.
func refused(t *testing.T, disk *faultfs.Sim, name string, data []byte, line, off int) {
	t.Helper()
	sim := disk.Fork()
	writeFile(t, sim, name, data)
	h := verify(t, sim)
	wantVerdict(t, h, store.Damaged)
	if p := h.Runtimes[0].Problems[0]; p.Path != name || p.Line != line || p.Offset != int64(off) {
		t.Fatalf("%+v: does not say %s, line %d, byte %d", p, name, line, off)
	}
	key := sim.Key()
	_, err := store.Open(sim, options())
	if err == nil {
		t.Fatalf("%q: opened", data)
	}
	wantKind(t, err, store.ErrCorrupt)
	place := fmt.Sprintf("line %d, at byte %d,", line, off)
	if !strings.Contains(err.Error(), name) || !strings.Contains(err.Error(), place) {
		t.Fatalf("%v: does not say %s, %s", err, name, place)
	}
	if sim.Key() != key {
		t.Fatal("the refusal has changed the disk")
	}
}

// An append can be cut short at any byte.
func TestTornAtEveryByte(t *testing.T) {
	disk := killed(t, 3)
	for name := range logs {
		data := readFile(t, disk, name)
		last := lineStarts(data)[2]
		for end := last; end <= len(data); end++ {
			records := 2
			if end >= len(data)-1 { // whole but for its newline
				records = 3
			}
			mended(t, disk, name, data[:end], records)
		}
	}
}

// Of an append any sectors may be missing, and read as zeros, whatever its size.
func TestTornBySectors(t *testing.T) {
	const sector = 512
	sim, s := filled(t, 2)
	must(t, s.AppendEvent(event(3, strings.Repeat("long \x00", 300))))
	must(t, s.AppendTranscriptEntry(entry("w", 3, strings.Repeat("long \x00", 300))))
	disk := sim.Fork()
	for name := range logs {
		data := readFile(t, disk, name)
		last := lineStarts(data)[2]
		first := last / sector
		count := (len(data)-1)/sector + 1 - first
		if last%sector == 0 || count < 4 {
			t.Fatalf("%s: the last record is at %d, in %d sectors: not what this is to show", name, last, count)
		}
		for lost := range 1 << count {
			torn := bytes.Clone(data)
			for i := range count {
				if lost>>i&1 == 1 {
					clear(torn[max(last, (first+i)*sector):min(len(torn), (first+i+1)*sector)])
				}
			}
			records := 2
			if lost == 0 {
				records = 3
			}
			mended(t, disk, name, torn, records)
			for i := 1; i < count && lost>>i == 0; i++ { // the rest is cut off
				mended(t, disk, name, torn[:(first+i)*sector], 2)
			}
		}
	}
}

// inSumKey tells whether a byte of a line is in the name of its sum's field. Without
// it the line is one of an old writer; it says the same.
func inSumKey(line []byte, at int) bool {
	key := bytes.LastIndex(line, []byte("crc32c"))
	return at >= key && at < key+len("crc32c")
}

func flips(b byte) []byte {
	list := []byte{0, '\n', ' ', '"', 'x', 0xff}
	for bit := range 8 {
		list = append(list, b^1<<bit)
	}
	return list
}

// Damage of what was acknowledged is reported, and nothing is cut.
func TestDamagedBytes(t *testing.T) {
	disk := fill(t, 3)
	want := opened(t, disk)
	for name := range logs {
		data := readFile(t, disk, name)
		starts := lineStarts(data)
		for line := range 3 {
			from, to := starts[line], starts[line+1]
			for at := from; at < to; at++ {
				for _, b := range flips(data[at]) {
					if b == data[at] || at == len(data)-1 && b == ' ' {
						continue // blanks at the end of a line mean nothing
					}
					damaged := bytes.Clone(data)
					damaged[at] = b
					if b == 0 && at == len(data)-1 { // as a crash leaves it of mending a line without newline
						mended(t, disk, name, damaged, 3)
						continue
					}
					if !inSumKey(data[from:to], at-from) {
						if b == '\n' && at == from { // a blank line before it
							refused(t, disk, name, damaged, line+2, from+1)
							continue
						}
						refused(t, disk, name, damaged, line+1, from)
						continue
					}
					sim := disk.Fork()
					writeFile(t, sim, name, damaged)
					if s, err := store.Open(sim, options()); err == nil {
						wantEqual(t, "what is given out", load(t, s), want)
					}
				}
			}
		}
	}
}

// Zeros before the last line are damage, of whatever extent.
func TestDamagedZeros(t *testing.T) {
	disk := fill(t, 4)
	for name := range logs {
		data := readFile(t, disk, name)
		starts := lineStarts(data)
		for from := range starts[3] {
			line := 0
			for starts[line+1] <= from {
				line++
			}
			for to := from + 1; to <= starts[3]; to += 31 {
				damaged := bytes.Clone(data)
				clear(damaged[from:to])
				refused(t, disk, name, damaged, line+1, starts[line])
			}
		}
	}
}

// What is damaged while the store is open is noticed when it is read, and does not
// keep the rest from being read.
func TestReadsNoticeDamage(t *testing.T) {
	sim := fill(t, 3)
	s := open(t, sim)
	for name := range logs {
		data := readFile(t, sim, name)
		data[lineStarts(data)[1]+30] ^= 1
		writeFile(t, sim, name, data)
	}
	_, events := s.ReadEvents(store.EventCursor{RuntimeID: runtimeID}, 3, 3)
	_, entries := s.ReadTranscript(ref("w"), 0, 3, 3)
	_, all := s.Load()
	for _, err := range []error{events, entries, all} {
		wantKind(t, err, store.ErrCorrupt)
		if !strings.Contains(err.Error(), "record 2, at byte ") {
			t.Fatalf("%v: does not say where", err)
		}
	}
	b, err := s.ReadEvents(store.EventCursor{RuntimeID: runtimeID, NextEventID: 3}, 3, 3)
	must(t, err)
	wantEqual(t, "what is whole", b.Events, []store.Event{event(3, "event 3")})
}

// Text that is not UTF-8 would be given out as another.
func TestNotUTF8(t *testing.T) {
	disk := seedFixture(t)
	data := readFile(t, disk, eventsFile)
	refused(t, disk, eventsFile, bytes.Replace(data, []byte("runtime started"), []byte("runtime st\xffrted"), 1), 1, 0)
	data = bytes.Replace(readFile(t, disk, runtimeFile), []byte("é"), []byte("\xc3"), 1)
	writeFile(t, disk, runtimeFile, data)
	_, err := store.Open(disk, options())
	wantKind(t, err, store.ErrCorrupt)
}

// withoutSeal gives a snapshot as an old writer had it.
func withoutSeal(data []byte) []byte {
	if body, _, has := bytes.Cut(data, []byte(",\n  \"log_bytes\"")); has {
		return append(body, "\n}\n"...)
	}
	return data
}

// What no crash explains is refused, and left as it is.
func TestOtherDamage(t *testing.T) {
	edit := func(name, old, new string) func(*testing.T, *faultfs.Sim) {
		return func(t *testing.T, sim *faultfs.Sim) {
			data := withoutSeal(readFile(t, sim, name))
			if !bytes.Contains(data, []byte(old)) {
				t.Fatalf("%s has no %s", name, old)
			}
			writeFile(t, sim, name, bytes.Replace(data, []byte(old), []byte(new), 1))
		}
	}
	for name, c := range map[string]struct {
		damage func(*testing.T, *faultfs.Sim)
		kind   error
		says   string
	}{
		"version":          {edit(runtimeFile, `version": 1`, `version": 2`), store.ErrCorrupt, "schema version 2"},
		"runtime":          {edit(runtimeFile, `"rt"`, `"x"`), store.ErrCorrupt, `"x"`},
		"backend":          {edit(runtimeFile, "fs_store", "memory"), store.ErrCorrupt, "memory"},
		"JSON":             {edit(runtimeFile, "}", ""), store.ErrCorrupt, runtimeFile},
		"worker's version": {edit(snapshotFile, `version": 1`, `version": 3`), store.ErrCorrupt, "schema version 3"},
		"worker's runtime": {edit(snapshotFile, `"rt"`, `"x"`), store.ErrCorrupt, `"x"`},
		"worker's ref":     {edit(snapshotFile, `"worker_id": "w"`, `"worker_id": "x"`), store.ErrCorrupt, `"x"`},
		"no number":        {edit(eventsFile, `"id"`, `"ix"`), store.ErrCorrupt, "line 1, at byte 0,"},
		"workers' file":    {func(t *testing.T, sim *faultfs.Sim) { writeFile(t, sim, workersDir+"/file", nil) }, store.ErrCorrupt, "not a folder"},
		"another's folder": {func(t *testing.T, sim *faultfs.Sim) { must(t, sim.Rename(workerDir, workersDir+"/id-78")) }, store.ErrCorrupt, "folder of another"},
		"no runtime": {func(t *testing.T, sim *faultfs.Sim) {
			must(t, sim.Remove(runtimeFile))
			must(t, sim.Remove(runtimeSpare))
		}, store.ErrMissing, runtimeFile},
		"no runtime either": {func(t *testing.T, sim *faultfs.Sim) {
			must(t, sim.Remove(runtimeFile))
			must(t, sim.Remove(runtimeSpare))
			must(t, sim.Remove(eventsFile))
		}, store.ErrMissing, eventsFile},
	} {
		t.Run(name, func(t *testing.T) {
			sim := fill(t, 2)
			c.damage(t, sim)
			names := strings.Join(list(t, sim), " ")
			_, err := store.Open(sim, options())
			wantKind(t, err, c.kind)
			if !strings.Contains(err.Error(), c.says) {
				t.Fatalf("%v: does not say %s", err, c.says)
			}
			if got := strings.Join(list(t, sim), " "); got != names {
				t.Fatalf("refused, and made %s of %s", got, names)
			}
		})
	}
}

// With the highest of all numbers none could follow, and a cursor would begin anew.
func TestHighestID(t *testing.T) {
	disk := fill(t, 1)
	old := []byte(`{"id":18446744073709551615,"kind":{"kind":"runtime_started"},"message":""}` + "\n")
	refused(t, disk, eventsFile, old, 1, 0)
	body := old[:len(old)-len("}\n")]
	sum := crc32.Checksum(body, crc32.MakeTable(crc32.Castagnoli))
	refused(t, disk, eventsFile, fmt.Appendf(nil, "%s,\"crc32c\":\"%08x\"}\n", body, sum), 1, 0)
}

// A line with a right checksum and nothing but an id is none that a writer made.
func TestLineOfAnIDAlone(t *testing.T) {
	body := []byte(`{"id":1`)
	sum := crc32.Checksum(body, crc32.MakeTable(crc32.Castagnoli))
	refused(t, fill(t, 1), eventsFile, fmt.Appendf(nil, "%s,\"crc32c\":\"%08x\"}\n", body, sum), 1, 0)
}

// Lines may be longer than what is read at once, one after another. Zeros within a line
// are damage, wherever reading stops: what is before them may be a good line, and so may
// be that with what is behind them.
func TestLongLinesAndZerosWithin(t *testing.T) {
	const atOnce = 64 << 10
	sim := faultfs.NewSim()
	s := open(t, sim)
	var want []store.Event
	for id, size := range []int{3 * atOnce, 2 * atOnce, 10} {
		e := event(uint64(id+1), strings.Repeat("long ", size/5))
		must(t, s.AppendEvent(e))
		want = append(want, e)
	}
	disk := sim.Fork()
	wantEqual(t, "long lines", opened(t, disk.Fork()).Events, want)

	data := readFile(t, disk, eventsFile)
	for _, at := range []int{100, atOnce - 700, atOnce} { // the second up to where the first part ends
		refused(t, disk, eventsFile, slices.Concat(data[:at], make([]byte, 700), data[at:]), 1, 0)
	}

	const others = len(`{"id":1,"kind":{"kind":"runtime_started"},"message":"","crc32c":"00000000"}`)
	sim = faultfs.NewSim()
	s = open(t, sim)
	must(t, s.AppendEvent(event(1, strings.Repeat("x", atOnce-others)))) // a part by itself
	must(t, s.AppendEvent(event(2, "")))
	data = readFile(t, sim, eventsFile)
	if data[atOnce] != '\n' {
		t.Fatal("not what this is to show")
	}
	refused(t, sim.Fork(), eventsFile, slices.Concat(data[:atOnce], []byte("\x00\x00\x00x"), data[atOnce:]), 1, 0)
}

// A file where a folder belongs is damage.
func TestFileForFolder(t *testing.T) {
	for _, folder := range []string{"runtimes", runtimeDir, workersDir} {
		sim := fill(t, 1)
		must(t, sim.Rename(folder, "elsewhere"))
		writeFile(t, sim, folder, nil)
		key := sim.Key()
		_, err := store.Open(sim, options())
		wantKind(t, err, store.ErrCorrupt)
		if !strings.Contains(err.Error(), folder+": ") || sim.Key() != key {
			t.Fatalf("%v, or the disk has changed", err)
		}
	}
}

// An entry in the transcript of another is noticed when it is read.
func TestEntryOfAnotherWorker(t *testing.T) {
	sim := fill(t, 1)
	s := open(t, sim)
	must(t, s.WriteWorkerSnapshot(workerSnapshot("x", "")))
	must(t, s.Close())
	writeFile(t, sim, workersDir+"/id-78/transcript.jsonl", readFile(t, sim, transcript))
	s = open(t, sim)
	_, err := s.ReadTranscript(ref("x"), 0, 1, 1)
	wantKind(t, err, store.ErrCorrupt)
	_, err = s.Load()
	wantKind(t, err, store.ErrCorrupt)
}

// A line that has lost a part of its checksum is damaged, and none of an old writer,
// who wrote none.
func TestShortChecksum(t *testing.T) {
	for _, change := range []func(sum string) string{
		func(sum string) string { return sum[:6] }, func(sum string) string { return sum + "0" }, func(string) string { return "" },
	} {
		sim := fill(t, 3)
		data := readFile(t, sim, eventsFile)
		_, rest, ok := bytes.Cut(data, []byte(`"crc32c":"`))
		if !ok {
			t.Fatal("no checksum")
		}
		sum := string(rest[:8])
		writeFile(t, sim, eventsFile, bytes.Replace(data, []byte(sum), []byte(change(sum)), 1))
		_, err := store.Open(sim, options())
		wantKind(t, err, store.ErrCorrupt)
	}
}
