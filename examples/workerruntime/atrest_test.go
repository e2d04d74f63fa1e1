package workerruntime

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path"
	"reflect"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"crashsim/crashtest"
	"crashsim/faultfs"
	"crashsim/store"
)

// atRest is a disk that a part of the default workload has left, and what both
// runtimes hold there.
type atRest struct {
	sim   *faultfs.Sim
	truth [runtimes]store.State
	files []damagedFile // all that are there
	bytes int64
}

// damagedFile is a file, and the part of it that is damaged.
type damagedFile struct {
	name     string
	data     []byte // as it was
	rt       int
	off, len int
	flip     byte // 0: the part is zeroed
}

func (d *damagedFile) String() string {
	if d.flip == 0 {
		return fmt.Sprintf("%s: zeros from byte %d to %d", d.name, d.off, d.off+d.len)
	}
	return fmt.Sprintf("%s: byte %d changed by %#02x", d.name, d.off, d.flip)
}

// TestDamageAtRest changes single bits and zeroes sectors of store folders that
// the default workload has left. None of it may be handed out as good data: what
// is read is what was written, or an error or a diagnostic tells that it is not.
// Verify names all that is not harmless, and Repair loses no record that was not
// damaged. CRASHSIM_DAMAGES says how many are tried.
func TestDamageAtRest(t *testing.T) {
	few := 4000
	if testing.Short() {
		few = 400
	}
	tries, seed := fromEnv(t, "CRASHSIM_DAMAGES", few), uint64(fromEnv(t, "CRASHSIM_SEED", 1))
	t.Logf("to repeat: CRASHSIM_SEED=%d CRASHSIM_DAMAGES=%d go test -run '^TestDamageAtRest$' ./examples/workerruntime", seed, tries)
	var disks []*atRest
	for _, ops := range []int{0, 8, 25, 60, 100} {
		disks = append(disks, leaveAtRest(t, ops))
	}
	var next, harmless, detected, setAside, whole atomic.Int64
	var wait sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		wait.Go(func() {
			for {
				i := next.Add(1) - 1
				if i >= int64(tries) || t.Failed() {
					return
				}
				r := rand.New(rand.NewPCG(seed, uint64(i)))
				disk := disks[r.IntN(len(disks))]
				d := disk.draw(r)
				o, err := disk.try(t.Context(), &d)
				if err != nil {
					t.Errorf("damage %d, on a disk of %d bytes: %v: %v", i, disk.bytes, &d, err)
				}
				switch {
				case o.harmless:
					harmless.Add(1)
				case o.setAside:
					setAside.Add(1)
				default:
					detected.Add(1)
				}
				if o.whole {
					whole.Add(1)
				}
			}
		})
	}
	wait.Wait()
	if t.Failed() {
		return
	}
	share := func(n *atomic.Int64) string { return fmt.Sprintf("%.2f %%", 100*float64(n.Load())/float64(tries)) }
	t.Logf("%d damages: %s refused by an error, %s set aside and told by a diagnostic, %s harmless, none handed out as good data",
		tries, share(&detected), share(&setAside), share(&harmless))
	t.Logf("repaired where that was needed: all of them, with all that was not damaged; %s of all with nothing lost at all", share(&whole))
	if detected.Load() == 0 || setAside.Load() == 0 || harmless.Load() == 0 {
		t.Error("one of these is missing: the damages are not what they should be")
	}
}

func fromEnv(t *testing.T, name string, otherwise int) int {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// leaveAtRest carries out the beginning of the default workload.
func leaveAtRest(t *testing.T, ops int) *atRest {
	t.Helper()
	target := targetNamed(t, "store")
	cfg := crashtest.Defaults()
	cfg.Ops = 100
	all, _ := plainly(t, target, cfg)
	a := &atRest{sim: faultfs.NewSim()}
	s, err := target.Open(a.sim)
	for i := 0; i < ops && err == nil; i++ {
		if op := all.Workload[i]; op != crashtest.Reopen {
			_, err = s.Apply(op)
		} else if err = s.Close(); err == nil {
			s, err = target.Open(a.sim)
		}
	}
	if err == nil {
		err = s.Close()
	}
	for rt := range runtimes {
		if err == nil {
			a.truth[rt], err = readRuntime(a.sim.Fork(), rt)
		}
	}
	if err == nil {
		err = fs.WalkDir(a.sim.View(), ".", func(name string, e fs.DirEntry, err error) error {
			if err != nil || e.IsDir() || strings.HasSuffix(name, ".spare") { // a link: the same bytes
				return err
			}
			data, err := faultfs.ReadFile(a.sim, name)
			if len(data) == 0 {
				return err
			}
			a.files = append(a.files, damagedFile{name: name, data: data, rt: slices.IndexFunc(runtimeAliases[:], func(r Alias) bool {
				return strings.HasPrefix(name, fmt.Sprintf("runtimes/id-%x/", r.ID))
			})})
			a.bytes += int64(len(data))
			return err
		})
	}
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// readRuntime opens one runtime, reads it, and closes it.
func readRuntime(fsys faultfs.FS, rt int) (store.State, error) {
	s, err := store.Open(fsys, options(rt))
	if err != nil {
		return store.State{}, err
	}
	state, err := s.Load()
	return state, errors.Join(err, s.Close())
}

// draw takes a bit of all there are, or a sector.
func (a *atRest) draw(r *rand.Rand) damagedFile {
	const sector = 512
	at := r.Int64N(a.bytes)
	i := 0
	for at >= int64(len(a.files[i].data)) {
		at -= int64(len(a.files[i].data))
		i++
	}
	d := a.files[i]
	d.off, d.len, d.flip = int(at), 1, 1<<r.IntN(8)
	if r.IntN(4) == 0 {
		d.off, d.flip = d.off/sector*sector, 0
		d.len = min(sector, len(d.data)-d.off)
	}
	return d
}

type outcome struct {
	harmless bool // what is handed out is what was written
	setAside bool // a worker is, and told of
	whole    bool // so it is after the repair, if one was needed
}

// try damages a copy of the disk, and judges what comes of it. An error says that
// it is wrong.
func (a *atRest) try(ctx context.Context, d *damagedFile) (o outcome, err error) {
	sim := a.sim.Fork()
	part := make([]byte, d.len)
	if d.flip != 0 {
		part[0] = d.data[d.off] ^ d.flip
	}
	f, err := sim.OpenFile(d.name, os.O_WRONLY, 0)
	if err == nil {
		_, err = f.WriteAt(part, int64(d.off))
		err = errors.Join(err, f.Close())
	}
	if err != nil {
		return o, err
	}
	truth := a.truth[d.rt]
	state, err := readRuntime(sim.Fork(), d.rt)
	switch named := (*store.Error)(nil); {
	case err == nil && reflect.DeepEqual(state, truth):
		o.harmless = true
	case err == nil:
		if o.setAside, err = true, toldAside(state, truth); err != nil {
			return o, err
		}
	case !errors.As(err, &named) || !errors.Is(err, store.ErrCorrupt) && !errors.Is(err, store.ErrMissing) || path.Dir(named.Path) != path.Dir(d.name):
		return o, fmt.Errorf("refused, and does not say where: %w", err)
	}
	health, err := store.Verify(ctx, sim, nil)
	if err != nil {
		return o, err
	}
	if verdict := health.Verdict(); (verdict == store.Damaged) == o.harmless {
		return o, fmt.Errorf("harmless is %v, and Verify says %s", o.harmless, verdict)
	}
	if o.harmless {
		o.whole = true
		return o, nil
	}
	if _, err := store.Repair(ctx, sim, nil); err != nil {
		return o, err
	}
	if health, err = store.Verify(ctx, sim, nil); err != nil || health.Verdict() != store.Healthy {
		return o, fmt.Errorf("after a repair: %+v, %w", health, err)
	}
	if state, err = readRuntime(sim, d.rt); err != nil {
		return o, fmt.Errorf("after a repair: %w", err)
	}
	return outcome{setAside: o.setAside, whole: reflect.DeepEqual(state, truth)}, d.lostNoMore(state, truth)
}

// toldAside wants a state to be the truth without a worker, which a diagnostic
// tells of.
func toldAside(state, truth store.State) error {
	added := state.Snapshot.Diagnostics[min(len(truth.Snapshot.Diagnostics), len(state.Snapshot.Diagnostics)):]
	if len(added) != 1 || added[0].Code != store.CodeWorkerIgnored || added[0].WorkerRef == nil {
		return fmt.Errorf("handed out, and not told of: %+v", state)
	}
	var left []store.Worker
	for _, w := range truth.Workers {
		if w.Snapshot.WorkerRef != *added[0].WorkerRef {
			left = append(left, w)
		}
	}
	truth.Workers = left
	truth.Snapshot.Diagnostics = append(slices.Clip(truth.Snapshot.Diagnostics), added...)
	truth.Snapshot.NextDiagnosticID++
	if !reflect.DeepEqual(state, truth) {
		return fmt.Errorf("handed out, and something else told of: %+v", state)
	}
	return nil
}

// lostNoMore wants what a repair has left to be the truth but for what stood in
// the damaged part.
func (d *damagedFile) lostNoMore(state, truth store.State) error {
	base := path.Base(d.name)
	if base == "runtime.json" {
		state.Snapshot = truth.Snapshot // made anew
	}
	state.Snapshot.Diagnostics, state.Snapshot.NextDiagnosticID = truth.Snapshot.Diagnostics, truth.Snapshot.NextDiagnosticID
	left := truth
	if base == "events.jsonl" {
		left.Events = without(truth.Events, state.Events, d.touched())
	}
	left.Workers = nil
	for _, w := range truth.Workers {
		if path.Base(path.Dir(d.name)) == fmt.Sprintf("id-%x", w.Snapshot.WorkerID) {
			if base == "worker.json" {
				continue
			}
			i := slices.IndexFunc(state.Workers, func(s store.Worker) bool { return s.Snapshot.WorkerID == w.Snapshot.WorkerID })
			if i >= 0 && base == "transcript.jsonl" {
				w.Transcript = without(w.Transcript, state.Workers[i].Transcript, d.touched())
			}
		}
		left.Workers = append(left.Workers, w)
	}
	// A counter goes by the lines that are left where the snapshot is behind.
	state.Snapshot.NextEventID = left.Snapshot.NextEventID
	for i := range min(len(state.Workers), len(left.Workers)) {
		state.Workers[i].Snapshot.NextTranscriptSequence = left.Workers[i].Snapshot.NextTranscriptSequence
	}
	if !reflect.DeepEqual(state, left) {
		return fmt.Errorf("after a repair: %+v\nwant %+v", state, left)
	}
	return nil
}

// touched gives the lines that the damage is in, and the one after a newline that
// it is in.
func (d *damagedFile) touched() []int {
	first := bytes.Count(d.data[:d.off], []byte("\n"))
	last := first + bytes.Count(d.data[d.off:d.off+d.len], []byte("\n"))
	var lines []int
	for i := first; i <= last; i++ {
		lines = append(lines, i)
	}
	return lines
}

// without gives all records but those of some lines that are not there any more.
func without[T any](truth, got []T, lines []int) []T {
	left := []T{}
	for i, record := range truth {
		if !slices.Contains(lines, i) || slices.ContainsFunc(got, func(g T) bool { return reflect.DeepEqual(g, record) }) {
			left = append(left, record)
		}
	}
	return left
}
