package main

import (
	"encoding/json"
	"errors"
	"maps"
	"os"
	"strings"
	"testing"

	"crashsim/faultfs"
	"crashsim/store"
)

const eventsFile = "runtimes/id-7274/events.jsonl"

// makeStore makes a store with three events in a new folder.
func makeStore(t *testing.T, dir string) {
	t.Helper()
	if err := newStore(dir); err != nil {
		t.Fatal(err)
	}
}

func newStore(dir string) error {
	if err := os.Mkdir(dir, 0o777); err != nil {
		return err
	}
	disk, err := faultfs.OpenOS(dir)
	if err != nil {
		return err
	}
	s, err := store.Open(disk, store.Options{RuntimeID: "rt"})
	for id := uint64(1); id <= 3 && err == nil; id++ {
		err = s.AppendEvent(store.Event{ID: id, Kind: store.EventKind{Kind: "runtime_started"}, Message: "as it was"})
	}
	if err == nil {
		err = s.Close()
	}
	return errors.Join(err, disk.Close())
}

func TestVerifyAndRepair(t *testing.T) {
	inEmptyFolder(t)
	makeStore(t, "s")
	before := listing(t)
	if a := crashsim(t, "verify", "s"); a.code != exitPassed || !strings.Contains(a.out, "events.jsonl: 3 records") || !strings.Contains(a.out, "HEALTHY: 0 problems") || a.err != "" {
		t.Fatalf("exit %d: %s%s", a.code, a.out, a.err)
	}
	if a := crashsim(t, "repair", "s"); a.code != exitPassed || !strings.HasPrefix(a.out, "nothing to repair\n") {
		t.Fatalf("exit %d: %s%s", a.code, a.out, a.err)
	}
	if !maps.Equal(listing(t), before) {
		t.Fatal("the disk has changed")
	}
	good := before["s/"+eventsFile]
	second := strings.Index(good, "\n") + 1
	damaged := good[:second] + strings.Replace(good[second:], "as it was", "as it is!", 1)
	writeFile(t, "s/"+eventsFile, damaged)
	a := crashsim(t, "verify", "s")
	for _, says := range []string{"PROBLEM events.jsonl line 2, byte 85, 85 bytes: damaged record", "DAMAGED: 1 problem in 1 runtime, ", "crashsim repair s\n"} {
		if a.code != exitFailed || !strings.Contains(a.out, says) {
			t.Fatalf("exit %d, without %q: %s%s", a.code, says, a.out, a.err)
		}
	}
	lines := strings.Split(strings.TrimSpace(crashsim(t, "verify", "--json", "s").out), "\n")
	var runtime struct {
		Type     string
		Problems []store.Problem
	}
	var summary struct {
		Type, Verdict string
		Problems      int
	}
	if err := json.Unmarshal([]byte(lines[0]), &runtime); err != nil || len(runtime.Problems) != 1 || runtime.Problems[0].Offset != 85 {
		t.Fatalf("%s: %v", lines[0], err)
	}
	if err := json.Unmarshal([]byte(lines[1]), &summary); err != nil || summary.Verdict != "damaged" || summary.Problems != 1 || len(lines) != 2 {
		t.Fatalf("%s: %v", lines[1], err)
	}
	a = crashsim(t, "repair", "s")
	if a.code != exitPassed || !strings.Contains(a.out, "original in "+eventsFile+".damaged-1") || !strings.Contains(a.out, "HEALTHY") {
		t.Fatalf("exit %d: %s%s", a.code, a.out, a.err)
	}
	if kept := readFile(t, "s/"+eventsFile+".damaged-1"); kept != damaged {
		t.Fatalf("kept %q", kept)
	}
}

func TestVerifyBadFolders(t *testing.T) {
	inEmptyFolder(t)
	writeFile(t, "file", "no folder")
	if err := os.MkdirAll("empty", 0o777); err != nil {
		t.Fatal(err)
	}
	for _, command := range []string{"verify", "repair"} {
		refused(t, []string{command, "nosuch"}, "nosuch", "give the folder that holds a store")
		refused(t, []string{command, "file"}, "file", "give the folder that holds a store")
		refused(t, []string{command, "empty"}, "empty", "give the folder that holds a store")
		refused(t, []string{command}, "see: crashsim help")
		refused(t, []string{command, "a", "b"}, "see: crashsim help")
	}
}

func TestRepairInUse(t *testing.T) {
	inEmptyFolder(t)
	makeStore(t, "s")
	writeFile(t, "s/"+eventsFile, "{\n"+readFile(t, "s/"+eventsFile))
	disk, err := faultfs.OpenOS("s")
	if err != nil {
		t.Fatal(err)
	}
	lock, err := disk.Lock("runtimes/id-7274")
	if err != nil {
		t.Fatal(err)
	}
	before := listing(t)
	a := crashsim(t, "repair", "s")
	if a.code != exitUsage || a.out != "" || strings.Count(a.err, "\n") != 1 || !strings.Contains(a.err, "another owner has the store open: close it there first, and try again") {
		t.Fatalf("exit %d: %s%s", a.code, a.out, a.err)
	}
	if !maps.Equal(listing(t), before) {
		t.Fatal("the disk has changed")
	}
	if a := crashsim(t, "verify", "s"); a.code != exitFailed || !strings.Contains(a.out, "an owner has it open") {
		t.Fatalf("exit %d: %s%s", a.code, a.out, a.err)
	}
	if err := lock.Close(); err != nil {
		t.Fatal(err)
	}
	if a := crashsim(t, "repair", "s"); a.code != exitPassed {
		t.Fatalf("exit %d: %s%s", a.code, a.out, a.err)
	}
}
