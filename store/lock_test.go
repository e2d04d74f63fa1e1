package store_test

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path"
	"strings"
	"testing"

	"crashsim/faultfs"
	"crashsim/store"
)

func disks(t *testing.T) map[string]faultfs.FS {
	return map[string]faultfs.FS{"sim": faultfs.NewSim(), "os": osDisk(t, t.TempDir())}
}

// A store has one owner at a time; another runtime's has its own.
func TestLock(t *testing.T) {
	for name, disk := range disks(t) {
		t.Run(name, func(t *testing.T) {
			s := open(t, disk)
			must(t, s.AppendEvent(event(1, "")))
			writeFile(t, disk, runtimeDir+"/.runtime.json.tmp-1-1", nil)
			for range 2 {
				_, err := store.Open(disk, options())
				wantKind(t, err, store.ErrLocked)
			}
			readFile(t, disk, runtimeDir+"/.runtime.json.tmp-1-1") // it may be the owner's: not touched
			other, err := store.Open(disk, store.Options{RuntimeID: "other"})
			must(t, err)
			must(t, other.Close())
			must(t, s.AppendEvent(event(2, "")))
			must(t, s.Close())
			if n := len(opened(t, disk).Events); n != 2 {
				t.Fatalf("%d events", n)
			}
		})
	}
}

// An Open that fails lets go of the lock.
func TestLockIsFreeAfterAFailedOpen(t *testing.T) {
	for name, disk := range disks(t) {
		t.Run(name, func(t *testing.T) {
			must(t, open(t, disk).Close())
			good := readFile(t, disk, runtimeFile)
			writeFile(t, disk, runtimeFile, []byte("{"))
			_, err := store.Open(disk, options())
			wantKind(t, err, store.ErrCorrupt)
			writeFile(t, disk, runtimeFile, good)
			opened(t, disk)
		})
	}
}

// The owner may be another process, and be killed.
func TestLockOfAnotherProcess(t *testing.T) {
	dir := t.TempDir()
	exe, err := os.Executable()
	must(t, err)
	cmd := exec.Command(exe)
	cmd.Env = append(os.Environ(), childEnv+"=hold the lock", "CRASHSIM_DIR="+dir)
	cmd.Stderr = os.Stderr
	_, err = cmd.StdinPipe() // open until the child is gone
	must(t, err)
	out, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	line, err := bufio.NewReader(out).ReadString('\n')
	if line != "locked\n" {
		t.Fatalf("the child says %q, %v", line, err)
	}
	disk := osDisk(t, dir)
	_, err = store.Open(disk, options())
	wantKind(t, err, store.ErrLocked)
	must(t, cmd.Process.Kill())
	_ = cmd.Wait() // it was killed
	if n := len(opened(t, disk).Events); n != 1 {
		t.Fatalf("%d events", n)
	}
}

func childHoldsLock() {
	disk, err := faultfs.OpenOS(os.Getenv("CRASHSIM_DIR"))
	check(err)
	s, err := store.Open(disk, options())
	check(err)
	check(s.AppendEvent(event(1, "")))
	fmt.Println("locked")
	_, _ = io.Copy(io.Discard, os.Stdin) // until it is killed
	check(s.Close())
}

// Limits refuse before anything is written, and not what is there already.
func TestLimits(t *testing.T) {
	sim := faultfs.NewSim()
	opts := options()
	one := event(1, "")
	opts.MaxLineBytes, opts.MaxWorkers = len(`{"id":1,"kind":{"kind":"runtime_started"},"message":"","crc32c":"00000000"}`)+1, 2
	s, err := store.Open(sim, opts)
	must(t, err)
	must(t, s.AppendEvent(one)) // of just the size
	must(t, s.WriteWorkerSnapshot(workerSnapshot("a", "")))
	must(t, s.WriteWorkerSnapshot(workerSnapshot("b", "")))
	key := sim.Key()
	wantKind(t, s.AppendEvent(event(2, "x")), store.ErrLimit)
	wantKind(t, s.AppendTranscriptEntry(entry("a", 1, "")), store.ErrLimit)
	wantKind(t, s.WriteWorkerSnapshot(workerSnapshot("c", "")), store.ErrLimit)
	if sim.Key() != key {
		t.Fatal("a refusal has changed the disk")
	}
	must(t, s.AppendEvent(event(2, "")))
	must(t, s.WriteWorkerSnapshot(workerSnapshot("b", "replaced")))
	must(t, s.Close())
	opts.MaxLineBytes, opts.MaxWorkers = 1, 1
	s, err = store.Open(sim, opts)
	must(t, err)
	if state := load(t, s); len(state.Events) != 2 || len(state.Workers) != 2 {
		t.Fatalf("%+v", state)
	}
	wantKind(t, s.AppendEvent(event(3, "")), store.ErrLimit)
	must(t, s.WriteWorkerSnapshot(workerSnapshot("a", "replaced")))
}

var (
	goodIDs = []string{".", "..", "/", "../../../etc", "a/b", "\\", "a b", " a ", "é", "世界", "A", "a", "\x00", "a\x00b", "-", "id-61",
		strings.Repeat("x", 126), strings.Repeat("é", 63)}
	blankIDs = []string{"", " ", "\n", "\t\n", "\u00a0", "\u3000 "}
	otherIDs = []string{"\xff", "a\xc3", "\xed\xa0\x80"}
	longIDs  = []string{strings.Repeat("x", 127), strings.Repeat("é", 63) + "x"}
)

// badIDs gives each bad id with its kind of error.
func badIDs(f func(id string, kind error)) {
	for _, id := range append(blankIDs, otherIDs...) {
		f(id, store.ErrInvalid)
	}
	for _, id := range longIDs {
		f(id, store.ErrLimit)
	}
}

// Ids are any text that is not blank; none leads out of its folder, or to
// another's.
func TestIDs(t *testing.T) {
	root := t.TempDir()
	must(t, os.Mkdir(path.Join(root, "inside"), 0o777))
	for name, disk := range map[string]faultfs.FS{"sim": faultfs.NewSim(), "os": osDisk(t, path.Join(root, "inside"))} {
		t.Run(name, func(t *testing.T) { checkIDs(t, disk) })
	}
	for found := range bytesBelow(t, root) {
		if found != root && !strings.HasPrefix(found, path.Join(root, "inside")) {
			t.Fatalf("%s is outside", found)
		}
	}
}

func checkIDs(t *testing.T, disk faultfs.FS) {
	for _, id := range goodIDs {
		s, err := store.Open(disk, store.Options{RuntimeID: id})
		must(t, err)
		w := workerSnapshot(id, "")
		w.WorkerRef.RuntimeID = id
		must(t, s.WriteWorkerSnapshot(w))
		must(t, s.Close())
	}
	folders, err := disk.ReadDir("runtimes")
	must(t, err)
	if len(folders) != len(goodIDs) {
		t.Fatalf("%d folders for %d ids", len(folders), len(goodIDs))
	}
	for _, id := range goodIDs {
		s, err := store.Open(disk, store.Options{RuntimeID: id})
		must(t, err)
		state := load(t, s)
		if len(state.Workers) != 1 || state.Workers[0].Snapshot.WorkerID != id || state.Snapshot.RuntimeID != id {
			t.Fatalf("%q: %+v", id, state)
		}
		must(t, s.Close())
	}
	badIDs(func(id string, kind error) {
		_, err := store.Open(disk, store.Options{RuntimeID: id})
		wantKind(t, err, kind)
	})
	again, err := disk.ReadDir("runtimes")
	must(t, err)
	wantEqual(t, "folders after refusals", len(again), len(folders))
	s := open(t, disk)
	badIDs(func(id string, kind error) {
		wantKind(t, s.WriteWorkerSnapshot(workerSnapshot(id, "")), kind)
		wantKind(t, s.AppendTranscriptEntry(entry(id, 1, "")), kind)
		e := event(1, "")
		e.WorkerRef = ptr(ref(id))
		wantKind(t, s.AppendEvent(e), kind)
		_, err := s.ReadTranscript(ref(id), 0, 1, 1)
		wantKind(t, err, kind)
	})
	if list, err := disk.ReadDir(workersDir); err != nil || len(list) != 0 {
		t.Fatalf("refused, and made %v, %v", list, err)
	}
	must(t, s.Close())
}
