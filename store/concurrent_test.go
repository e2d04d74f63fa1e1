package store_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"

	"crashsim/faultfs"
	"crashsim/store"
)

// Many at once append, replace and read. Who comes too late with an id is
// refused, takes the next, and leaves no gap; each reads what was acknowledged to
// it before.
func TestConcurrent(t *testing.T) {
	for name, disk := range disks(t) {
		t.Run(name, func(t *testing.T) {
			const clients, each = 8, 12
			s := open(t, disk)
			must(t, s.WriteWorkerSnapshot(workerSnapshot("w", "")))
			failed := make(chan error, clients)
			var all sync.WaitGroup
			for i := range clients {
				all.Go(func() {
					for n := range each {
						if err := concurrently(s, i, n); err != nil {
							failed <- fmt.Errorf("client %d: %w", i, err)
							return
						}
					}
				})
			}
			all.Wait()
			close(failed)
			for err := range failed {
				t.Error(err)
			}
			must(t, s.Close())
			state := opened(t, disk)
			if len(state.Events) != clients*each || len(state.Workers) != 1+clients {
				t.Fatalf("%d events, %d workers", len(state.Events), len(state.Workers))
			}
			for i, e := range state.Events {
				wantEqual(t, "id", e.ID, uint64(i+1))
			}
			wantEqual(t, "entries", len(state.Workers[0].Transcript), clients*each)
			for i, e := range state.Workers[0].Transcript {
				wantEqual(t, "sequence", e.Sequence, uint64(i+1))
			}
		})
	}
}

func concurrently(s *store.Store, client, n int) error {
	text := fmt.Sprintf("client %d, %d", client, n)
	id, err := next(func(id uint64) error { return s.AppendEvent(event(id, text)) })
	if err != nil {
		return err
	}
	b, err := s.ReadEvents(store.EventCursor{RuntimeID: runtimeID, NextEventID: id}, 1, 1)
	if err != nil || len(b.Events) != 1 || b.Events[0].Message != text {
		return fmt.Errorf("event %d was acknowledged, and what is read is %+v, %w", id, b, err)
	}
	sequence, err := next(func(id uint64) error { return s.AppendTranscriptEntry(entry("w", id, text)) })
	if err != nil {
		return err
	}
	p, err := s.ReadTranscript(ref("w"), int(sequence)-1, 1, 1)
	if err != nil || len(p.Items) != 1 || p.Items[0].Content != text {
		return fmt.Errorf("entry %d was acknowledged, and what is read is %+v, %w", sequence, p, err)
	}
	own := fmt.Sprintf("w%d", client)
	if err := s.WriteWorkerSnapshot(workerSnapshot(own, text)); err != nil {
		return err
	}
	if n%4 > 0 {
		return nil
	}
	state, err := s.Load()
	if err != nil {
		return err
	}
	for _, w := range state.Workers {
		if w.Snapshot.WorkerID == own && *w.Snapshot.Request.Intent.Purpose == text {
			return s.WriteRuntimeSnapshot(state.Snapshot)
		}
	}
	return fmt.Errorf("worker %s was acknowledged, and is not in what is loaded", own)
}

// next finds the first id that is not taken, and gives it.
func next(take func(id uint64) error) (uint64, error) {
	for id := uint64(1); ; id++ {
		if err := take(id); !errors.Is(err, store.ErrInvalid) {
			return id, err
		}
	}
}

// While it is closed by another, an operation succeeds or says ErrClosed.
func TestConcurrentClose(t *testing.T) {
	sim := faultfs.NewSim()
	s := open(t, sim)
	var all sync.WaitGroup
	acked := make([]int, 4)
	for i := range acked {
		all.Go(func() {
			for {
				_, err := next(func(id uint64) error { return s.AppendEvent(event(id, "")) })
				if err != nil {
					if !errors.Is(err, store.ErrClosed) {
						t.Error(err)
					}
					return
				}
				acked[i]++
				if acked[i] == 20 && i == 0 {
					if err := s.Close(); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	all.Wait()
	wantEqual(t, "events", len(opened(t, sim).Events), acked[0]+acked[1]+acked[2]+acked[3])
}
