package keyvalue

import (
	"errors"
	"os"
	"strings"
	"testing"

	"crashsim/crashtest"
	"crashsim/faultfs"
)

// A missing sync is found in its smallest form, whatever else it leads to, and
// every finding names the line that wrote.
func TestMissingSyncIsNamed(t *testing.T) {
	broken := target
	broken.Open = func(disk faultfs.FS) (crashtest.Store, error) {
		s, err := Open(disk)
		if err == nil {
			s.noSync = true
		}
		return driven{s}, err
	}
	result, err := crashtest.Run(t.Context(), &broken, crashtest.Defaults())
	if err != nil {
		t.Fatal(err)
	}
	if result.Verdict != crashtest.Failed || result.Err() == nil || len(result.Findings) == 0 {
		t.Fatalf("%s: %v", result.Verdict, result.Err())
	}
	if found := result.Findings[0]; found.Kind != crashtest.Lost || len(found.Scenario.Ops) != 1 {
		t.Errorf("want what was acknowledged lost after one operation:\n%s", found.Report)
	}
	for _, found := range result.Findings {
		if !strings.Contains(found.Report, "(*Store).Set") {
			t.Errorf("Set, which wrote what was lost, is not named:\n%s", found.Report)
		}
	}
}

// What no crash can leave is reported, and not cut off.
func TestDamageInTheMiddleIsReported(t *testing.T) {
	disk := faultfs.NewSim()
	s, err := Open(disk)
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"a", "b"} {
		if err := s.Set(key, "of "+key); err != nil {
			t.Fatal(err)
		}
	}
	f, err := disk.OpenFile(logName, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt([]byte{0}, 3); err != nil {
		t.Fatal(err)
	}
	before, err := faultfs.ReadFile(disk, logName)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Open(disk); !errors.Is(err, ErrCorrupt) {
		t.Errorf("opened with %v, want %v", err, ErrCorrupt)
	}
	if after, err := faultfs.ReadFile(disk, logName); err != nil || string(after) != string(before) {
		t.Errorf("the log has changed: %v\n%q\n%q", err, before, after)
	}
}
