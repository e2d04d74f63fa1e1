package bench

import (
	"bufio"
	"context"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"crashsim/faultfs"
	"crashsim/store"
)

// The log of the large store: a million events of 1 KiB and some.
const (
	largeEvents = 1 << 20
	largeLine   = 1 << 10 // bytes, newline included
	largeLog    = "runtimes/id-6c61726765/events.jsonl"
	largeID     = "large"
)

// largeSteps are done each in a process of its own, which has the peak of its
// memory to itself.
var largeSteps = map[string]func(dir string) error{
	"open":   func(dir string) error { return withLarge(dir, func(*store.Store) error { return nil }) },
	"read":   func(dir string) error { return withLarge(dir, readInTheMiddle) },
	"verify": verifyLarge,
	"repair": repairLarge,
}

const stepVariable, dirVariable = "CRASHSIM_BENCH_STEP", "CRASHSIM_BENCH_DIR"

func TestMain(m *testing.M) {
	if step := os.Getenv(stepVariable); step != "" {
		err := largeSteps[step](os.Getenv(dirVariable))
		if err == nil {
			err = printPeak()
		}
		if err != nil {
			_, _ = fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// BenchmarkLarge opens, verifies and repairs a store of 1 GiB with a million
// events, and one of an eighth of that. It needs room for three times as much in
// the folder for temporary files, and reports the peak of the memory of each
// process, the time that it worked, and by how much its memory grows from one store
// to the other for each event.
func BenchmarkLarge(b *testing.B) {
	peaks := map[string][]float64{}
	sizes := []int{largeEvents / 8, largeEvents}
	for _, events := range sizes {
		dir := b.TempDir()
		check(b, makeLarge(dir, events))
		for _, step := range []string{"open", "read", "verify", "repair"} {
			b.Run(fmt.Sprintf("%s/%dMiB", step, events*largeLine>>20), func(b *testing.B) {
				var peak float64
				for b.Loop() {
					if step == "repair" {
						check(b, flipBit(dir, int64(events)/2*largeLine+500))
					}
					bytes, cpu := runStep(b, dir, step)
					peak = max(peak, bytes)
					b.ReportMetric(cpu.Seconds(), "cpu-s") // of the last one
				}
				b.ReportMetric(peak/(1<<20), "MiB-peak")
				if peaks[step] = append(peaks[step], peak); len(peaks[step]) == len(sizes) {
					b.ReportMetric((peaks[step][1]-peaks[step][0])/(largeEvents*7/8), "B/event")
				}
			})
		}
	}
}

// runStep gives the peak of a new process's resident memory, in bytes, and the time
// that it and the kernel worked for it.
func runStep(b *testing.B, dir, step string) (peak float64, cpu time.Duration) {
	b.Helper()
	self, err := os.Executable()
	check(b, err)
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), stepVariable+"="+step, dirVariable+"="+dir)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	check(b, err)
	kib, err := strconv.ParseFloat(strings.TrimSpace(string(out)), 64)
	check(b, err)
	return kib * 1024, cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
}

// printPeak prints the most memory that this process had resident, in KiB. What
// getrusage(2) gives to a parent counts what was there before exec, too.
func printPeak() error {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return err
	}
	_, rest, _ := strings.Cut(string(status), "VmHWM:")
	kib, _, _ := strings.Cut(strings.TrimSpace(rest), " ")
	fmt.Println(kib)
	return nil
}

// makeLarge makes a store, and its log in one go: a million appends are a million
// syncs.
func makeLarge(dir string, events int) (err error) {
	if err := withLarge(dir, func(*store.Store) error { return nil }); err != nil {
		return err
	}
	f, err := os.Create(filepath.Join(dir, largeLog))
	if err != nil {
		return err
	}
	w := bufio.NewWriterSize(f, 1<<20)
	castagnoli := crc32.MakeTable(crc32.Castagnoli)
	var body []byte
	for id := 1; id <= events; id++ {
		body = fmt.Appendf(body[:0], `{"id":%d,"kind":{"kind":"worker_input_accepted"},"message":"`, id)
		const after = len(`"` + `,"crc32c":"00000000"}` + "\n")
		body = append(body, strings.Repeat("x", largeLine-after-len(body))...)
		body = append(body, '"')
		_, _ = fmt.Fprintf(w, "%s,\"crc32c\":\"%08x\"}\n", body, crc32.Checksum(body, castagnoli)) // Flush gives the first error
	}
	if err = w.Flush(); err == nil {
		err = f.Sync()
	}
	if closed := f.Close(); err == nil {
		err = closed
	}
	return err
}

func flipBit(dir string, at int64) error {
	f, err := os.OpenFile(filepath.Join(dir, largeLog), os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }() // what matters was synced before
	b := make([]byte, 1)
	if _, err := f.ReadAt(b, at); err != nil {
		return err
	}
	b[0] ^= 1
	_, err = f.WriteAt(b, at)
	return err
}

func withLarge(dir string, do func(*store.Store) error) error {
	disk, err := faultfs.OpenOS(dir)
	if err != nil {
		return err
	}
	defer func() { _ = disk.Close() }() // only reads are left
	s, err := store.Open(disk, store.Options{RuntimeID: largeID})
	if err != nil {
		return err
	}
	if err := do(s); err != nil {
		return err
	}
	return s.Close()
}

func readInTheMiddle(s *store.Store) error {
	b, err := s.ReadEvents(store.EventCursor{RuntimeID: largeID, NextEventID: largeEvents / 16}, 256, 256)
	if err == nil && len(b.Events) != 256 {
		err = io.ErrUnexpectedEOF
	}
	return err
}

func verifyLarge(dir string) error {
	disk, err := faultfs.OpenOS(dir)
	if err != nil {
		return err
	}
	h, err := store.Verify(context.Background(), disk, nil)
	if err == nil && h.Verdict() != store.Healthy {
		err = fmt.Errorf("%s", h.Verdict())
	}
	return err
}

func repairLarge(dir string) error {
	disk, err := faultfs.OpenOS(dir)
	if err != nil {
		return err
	}
	done, err := store.Repair(context.Background(), disk, nil)
	if err != nil {
		return err
	}
	for _, m := range done {
		if m.Kept != "" {
			return os.Remove(filepath.Join(dir, m.Kept)) // or the next one has to keep the next
		}
	}
	return fmt.Errorf("nothing was repaired: %v", done)
}
