package store_test

import (
	"errors"
	"fmt"
	"slices"
	"syscall"
	"testing"

	"crashsim/store"
)

// stops are the calls after whose failure a store writes no more, as the table of
// the package's documentation says: after any other the same operation can be tried
// again.
var stops = []string{"sync", "rename", "sync of a folder"}

// Every call of every writing operation fails, before it took effect and after.
func TestContractOfWrites(t *testing.T) {
	disk := fill(t, 3)
	before := opened(t, disk)
	seen := map[string]int{}
	for name, do := range steps {
		for at := 1; ; at++ {
			for _, f := range []fault{{syscall.EIO, 0}, {syscall.EIO, 1}} {
				d := &faulty{Sim: disk.Fork(), fault: f}
				s := open(t, d)
				d.all, d.calls, d.at = true, nil, at
				err := do(s)
				d.at = 0
				if len(d.calls) < at {
					break // it has no more calls
				}
				what := d.calls[at-1]
				if f.done == 1 && slices.Contains([]string{"open", "read", "stat"}, what) {
					continue // they have no effect
				}
				seen[what]++
				t.Run(fmt.Sprintf("%s: %s %d, %v", name, what, at, f), func(t *testing.T) {
					if err == nil {
						if what != "close" {
							t.Fatal("no error")
						}
						return // of a log, synced before
					}
					wantKind(t, err, store.ErrIO)
					wantKind(t, err, syscall.EIO)
					wantEqual(t, "what is read", load(t, s), before)
					again := do(s)
					if slices.Contains(stops, what) || name == "worker, created" && what != "mkdir" {
						wantKind(t, again, store.ErrFailed)
						must(t, s.Close())
						s = open(t, d)
						again = do(s)
						if errors.Is(again, store.ErrInvalid) && (name == "event" || name == "entry") {
							again = nil // it is there already
						}
					}
					must(t, again)
					must(t, s.Close())
					state := opened(t, d.Sim)
					if n := len(state.Events) + len(state.Workers) + len(state.Workers[0].Transcript); name != "runtime" && name != "worker" && n != 8 {
						t.Fatalf("%d records: %+v", n, state)
					}
				})
			}
			if at > 40 {
				break
			}
		}
	}
	for _, what := range []string{"open", "create", "mkdir", "read", "stat", "write", "sync", "close", "rename", "sync of a folder"} {
		if seen[what] == 0 {
			t.Errorf("no %s has failed: %v", what, seen)
		}
	}
}

// Every call of every read fails: the store goes on, and the same read succeeds
// when it is tried again.
func TestContractOfReads(t *testing.T) {
	disk := fill(t, 3)
	for name, read := range map[string]func(*store.Store) error{
		"events": func(s *store.Store) error {
			_, err := s.ReadEvents(store.EventCursor{RuntimeID: runtimeID}, 9, 9)
			return err
		},
		"transcript": func(s *store.Store) error { _, err := s.ReadTranscript(ref("w"), 0, 9, 9); return err },
		"load":       func(s *store.Store) error { _, err := s.Load(); return err },
	} {
		for at := 1; ; at++ {
			d := &faulty{Sim: disk.Fork(), fault: fault{syscall.EIO, 0}}
			s := open(t, d)
			d.all, d.calls, d.at = true, nil, at
			err := read(s)
			d.at = 0
			if len(d.calls) < at {
				if at < 3 {
					t.Errorf("%s makes %d calls", name, at-1)
				}
				break
			}
			if err != nil {
				wantKind(t, err, store.ErrIO)
				wantKind(t, err, syscall.EIO)
			} else if what := d.calls[at-1]; what != "close" {
				t.Errorf("%s: %s has failed, and it gave no error", name, what)
			}
			must(t, read(s))
			must(t, s.AppendEvent(event(4, "")))
			must(t, s.Close())
		}
	}
}
