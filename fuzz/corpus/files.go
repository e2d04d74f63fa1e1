package main

import (
	"bytes"
	"errors"
	"io"
	"math"
	"os"
	"strings"

	"crashsim/faultfs"
	"crashsim/faultfs/litmus"
	"crashsim/store"
)

// cases are case files, one of them with everything that a case can have.
var cases = []string{
	"crashsim case 1\ntarget: seedstore\nmodel: posix\nseed: 1\ndepth: 2\nfailure: acknowledged data is lost\nop: load r1\n" +
		"crash: workload at 14\nlost: 12.0\ncrash: recovery at end kill\nlast: probes\n\nreport\n",
	"crashsim case 1\ntarget: single\nmodel: posix\nseed: 0\ndepth: 0\nfailure: the store panics\nlast: workload\n\n",
	"crashsim case 1\r\ntarget: t\r\nmodel: posix\r\nseed: 18446744073709551615\r\ndepth: 0\r\n" +
		"failure: the store refuses to open\r\ncrash: probes at 0\r\nlost: -3.1\r\nlast: recovery\r\n\r\na\r\nb",
	"crashsim case 1\ntarget: single\r\nmodel: posix\r\r\nseed: 0\ndepth: 0\nfailure: the store panics\nlast: workload\n\na\r\r\n",
	"crashsim case 0\n\n", "crashsim case 1\nop\n\n", "crashsim case 1\nlost: 1.1\n\n", "crashsim case 1\nfailure: none\n\n", "",
}

// plans have every condition and every deed, and mistakes.
var plans = []string{
	"fsync path=*.jsonl nth=3: EIO; write after=10 p=0.5: short=1 ENOSPC",
	"rename (site=log.go:1 | via=store.go:2) !nth=2: both EIO", "any: readonly EROFS; any: shutdown; any: room=100",
	"write: short=sector; write: short=allbut1 EIO; write: torn-head; write: torn-tail EDQUOT", "fsync: mode=ext4-ordered EIO",
	"write: lost; write: misdirect=-512; read: stale; any: flip=7; any: zero=1; any: size=unlimited; any: evict; any: delay=1ms",
	`path="a b;c": EIO`, "", ";", "fsync", "fsync: ", "fsync nth=0: EIO", "nth=1: EFOO", "p=2: EIO", "(any: EIO", "!any: done EIO",
}

// models are the built-in ones, and mistakes.
func models() (list []string) {
	for _, m := range faultfs.Models() {
		list = append(list, m.Text())
	}
	return append(list, "", "crashsim model 1\n", "crashsim model 1\nname: x\nno such rule\n")
}

// litmusTests are some of the corpus of litmus tests, and mistakes.
func litmusTests() (list []string) {
	var names []string
	for _, m := range faultfs.Models() {
		names = append(names, m.Name)
	}
	tests, err := litmus.Corpus(names)
	check(err)
	for i, t := range tests {
		if i%8 == 0 { // most of the others are of the same operations
			list = append(list, t.String())
		}
	}
	return append(list, "test x\n", "create a\n", "test x\nremove a\n")
}

// storeFiles makes a store of the runtime "r" with the worker "w", and damages its
// files: each in turn cut short, with a bit turned, with a sector of zeros, doubled,
// empty, and missing.
func storeFiles() (list []string) {
	whole := writtenFiles()
	add := func(files [4][]byte, shape byte) {
		list = append(list, entry(files[0], files[1], files[2], files[3], shape))
	}
	add(whole, 0)
	for bit := range 8 {
		add(whole, 1<<bit)
	}
	add([4][]byte{nil, whole[1], whole[2], nil}, 0)
	add([4][]byte{}, 0)
	add(whole, 1|2|128) // an empty folder
	add([4][]byte{old(whole[0]), whole[1], whole[2], old(whole[3])}, 0)
	for i, data := range whole {
		damage := func(to []byte) {
			files := whole
			files[i] = to
			add(files, 0)
		}
		for _, at := range []int{1, len(data) / 3, len(data) - 1} {
			damage(data[:at])
			turned := bytes.Clone(data)
			turned[at] ^= 4
			damage(turned)
		}
		zeros := bytes.Clone(data)
		clear(zeros[min(512, len(zeros)/2):min(1024, len(zeros))])
		damage(zeros)
		damage(append(bytes.Clone(data), make([]byte, 600)...))
		damage(append(bytes.Clone(data), data...))
		damage(append(bytes.Clone(data), "\xff\n"...))
		damage(bytes.Replace(data, []byte(`"r"`), []byte(`"q"`), 1))
		damage(bytes.Replace(data, []byte(`:1`), []byte(`:18446744073709551615`), 1))
		damage(bytes.Replace(data, []byte(`running`), []byte(`flying`), 1))
		damage(bytes.Replace(data, []byte(`"worker_id"`), []byte(`"worker"`), 1))
		damage([]byte("{}"))
		damage([]byte("null\n"))
		damage(bytes.TrimSuffix(data, []byte("\n")))
	}
	return list
}

// old takes the checksums away, as the format's first writers left lines.
func old(log []byte) []byte {
	var out []byte
	for line := range bytes.Lines(log) {
		body, _, _ := bytes.Cut(line, []byte(`,"crc32c"`))
		out = append(append(out, body...), "}\n"...)
	}
	return out
}

// writtenFiles are events.jsonl, runtime.json, worker.json and transcript.jsonl.
func writtenFiles() (files [4][]byte) {
	sim := faultfs.NewSim()
	ref := store.WorkerRef{RuntimeID: "r", WorkerID: "w"}
	purpose := "to be read"
	s, err := store.Open(sim, store.Options{RuntimeID: "r", ProcessID: 1})
	check(err)
	check(s.WriteWorkerSnapshot(store.WorkerSnapshot{
		SchemaVersion: store.SchemaVersion, WorkerRef: ref, WorkerID: "w", Status: store.Running, NextTranscriptSequence: 1,
		Request: store.Request{Intent: store.Intent{Kind: "assistant", Purpose: &purpose}, Profile: store.Profile{Kind: "runtime_default"}},
	}))
	for id := range uint64(4) {
		check(s.AppendEvent(store.Event{ID: id + 1, WorkerRef: &ref, Kind: store.EventKind{Kind: "worker_created"}, Message: string(bytes.Repeat([]byte("é "), 40*int(id)))}))
		check(s.AppendTranscriptEntry(store.TranscriptEntry{Sequence: id + 1, WorkerRef: ref, Role: "user", Content: "line", EventID: id}))
	}
	check(s.Close())
	for i, name := range []string{"events.jsonl", "runtime.json", "workers/id-77/worker.json", "workers/id-77/transcript.jsonl"} {
		f, err := sim.OpenFile("runtimes/id-72/"+name, os.O_RDONLY, 0)
		check(err)
		files[i], err = io.ReadAll(f)
		check(errors.Join(err, f.Close()))
	}
	return files
}

// check is for what cannot fail: the disk is in memory and sound.
func check(err error) {
	if err != nil {
		panic(err)
	}
}

// values are ids, texts, words and numbers, a strange one at a time.
func values() (list []string) {
	long := strings.Repeat("y", 126)
	for _, id := range []string{"w", "..", "a/b", " ", "", "\xff", "\ufffd", "é", long, long + "y"} {
		list = append(list, entry(id, "text", "running", uint64(1), byte(0)), entry(id, "text", "running", uint64(1), byte(8)))
	}
	for _, text := range []string{"", "\xff", "\ufffd", `\ufffd`, `\\ufffd`, "<&>\u2028", "\x00", strings.Repeat("x", 900)} {
		list = append(list, entry("w", text, "user", uint64(1), byte(0)), entry("w", text, "builtin", uint64(1), byte(0x51)))
	}
	for _, word := range []string{"stopped", "cancelled", "worker_created", "system", "task", "\xff"} {
		list = append(list, entry("w", "text", word, uint64(1), byte(0)))
	}
	for _, n := range []uint64{0, 2, math.MaxUint64 - 1, math.MaxUint64} {
		list = append(list, entry("w", "text", "running", n, byte(0)))
	}
	return list
}
