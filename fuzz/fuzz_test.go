package fuzz

import (
	"context"
	"encoding/binary"
	"errors"
	"os"
	"strings"
	"testing"

	"crashsim/crashtest"
	"crashsim/examples/workerruntime"
	"crashsim/faultfs"
	"crashsim/store"
)

// fuzzed is a chooser that takes its choices from bytes, 0 when they are used up.
type fuzzed struct{ data []byte }

func (f *fuzzed) Choose(n int) int {
	if len(f.data) < 2 {
		f.data = nil
		return 0
	}
	v := binary.LittleEndian.Uint16(f.data)
	f.data = f.data[2:]
	return int(v) % n
}

// FuzzWorkload explores the production store with the workload that bytes choose.
func FuzzWorkload(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte("the store comes through"))
	f.Fuzz(func(t *testing.T, data []byte) {
		target := workerruntime.Targets()[0]
		generate := target.Generate
		target.Generate = func(_ crashtest.Chooser, n int) []string { return generate(&fuzzed{data}, n) }
		cfg := crashtest.Defaults()
		cfg.Ops, cfg.Workers, cfg.Depth, cfg.MaxStates = 4, 1, 0, 64
		r, err := crashtest.Run(context.Background(), &target, cfg)
		if err != nil {
			t.Fatal(err)
		}
		if len(r.Findings) > 0 { // a sample is enough here: it is one of many
			t.Fatal(r.Err())
		}
	})
}

// FuzzStoreFiles opens a store whose log and snapshot are any bytes: it opens or
// refuses with one of its kinds of errors, does not panic, and invents no record.
func FuzzStoreFiles(f *testing.F) {
	const dir = "runtimes/id-72" // of the id "r"
	log := `{"id":1,"kind":{"kind":"runtime_started"},"message":"m"}` + "\n"
	f.Add([]byte(log), []byte(nil))
	f.Add([]byte(log+log[:20]), []byte("{}"))
	f.Add([]byte("\x00\x00\n"), []byte("null"))
	f.Fuzz(func(t *testing.T, events, snapshot []byte) {
		sim := faultfs.NewSim()
		s, err := store.Open(sim, store.Options{RuntimeID: "r"})
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		overwrite(t, sim, dir+"/events.jsonl", events)
		if len(snapshot) > 0 {
			overwrite(t, sim, dir+"/runtime.json", snapshot)
		}
		sim.LimitSteps(1 << 16)
		s, err = store.Open(sim, store.Options{RuntimeID: "r"})
		if err != nil {
			if !errors.Is(err, store.ErrCorrupt) && !errors.Is(err, store.ErrMissing) && !errors.Is(err, store.ErrInvalid) && !errors.Is(err, store.ErrWrongRuntime) && !errors.Is(err, store.ErrLimit) {
				t.Fatalf("an error of no kind: %v", err)
			}
			return
		}
		state, err := s.Load()
		if err != nil {
			t.Fatalf("it opens, and cannot be read: %v", err)
		}
		if lines := strings.Count(string(events), "\n") + 1; len(state.Events) > lines {
			t.Fatalf("%d events of %d lines", len(state.Events), lines)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	})
}

func overwrite(t *testing.T, fsys faultfs.FS, name string, data []byte) {
	t.Helper()
	f, err := fsys.OpenFile(name, os.O_WRONLY|os.O_TRUNC, 0)
	if err == nil {
		_, err = f.Write(data)
		err = errors.Join(err, f.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
}

// FuzzCase reads any text as a case: what is read is written back, and reads
// again to the same.
func FuzzCase(f *testing.F) {
	f.Add("crashsim case 1\ntarget: seedstore\nmodel: posix\nseed: 1\ndepth: 2\nfailure: f\nop: load r1\n" +
		"crash: workload at 14\nlost: 12.0\ncrash: recovery at end kill\nlast: probes\n\nreport\n")
	f.Fuzz(func(t *testing.T, text string) {
		var c, again crashtest.Case
		if c.UnmarshalText([]byte(text)) != nil {
			return
		}
		first, err := c.MarshalText()
		if err != nil {
			t.Fatal(err)
		}
		if err := again.UnmarshalText(first); err != nil {
			t.Fatalf("%v in\n%s", err, first)
		}
		if second, _ := again.MarshalText(); string(second) != string(first) {
			t.Fatalf("written:\n%s\nread and written:\n%s", first, second)
		}
	})
}
