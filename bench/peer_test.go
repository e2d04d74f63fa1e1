// Package bench holds crashsim's simulated disk against the crashable memory
// file system of pebble, both in one process, in turns. Each benchmark reports
// how many times as fast crashsim is ("x-pebble"), since that is steadier on a
// busy machine than either time.
package bench

import (
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"crashsim/faultfs"
)

const (
	appends    = 1000
	snapshots  = 100
	appendSize = 100
	imageTail  = 8 // unsynced appends that a crash image decides on
)

var (
	line = make([]byte, appendSize)
	page = make([]byte, 1<<10)
	big  = make([]byte, 8<<20)
)

func check(b *testing.B, err error) {
	if err != nil {
		b.Helper()
		b.Fatal(err)
	}
}

// turns runs both sides by turns and reports the ratio of their times.
func turns(b *testing.B, ours, theirs func()) {
	var us, them time.Duration
	for b.Loop() {
		start := time.Now()
		ours()
		middle := time.Now()
		theirs()
		us, them = us+middle.Sub(start), them+time.Since(middle)
	}
	b.ReportMetric(float64(us.Nanoseconds())/float64(b.N), "ns/crashsim")
	b.ReportMetric(float64(them.Nanoseconds())/float64(b.N), "ns/pebble")
	b.ReportMetric(float64(them)/float64(us), "x-pebble")
	b.ReportMetric(0, "ns/op")
}

// BenchmarkWorkload is 1,000 synced appends and 100 snapshots that are replaced
// atomically, recorded with bytes and callers on our side.
func BenchmarkWorkload(b *testing.B) {
	turns(b, func() { ourWorkload(b) }, func() { pebbleWorkload(b) })
}

func ourWorkload(b *testing.B) {
	sim := faultfs.NewSim()
	log, err := sim.OpenFile("log", os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o666)
	check(b, err)
	for i := range appends {
		_, err := log.Write(line)
		check(b, err)
		check(b, log.Sync())
		if i%(appends/snapshots) == 0 {
			f, err := sim.OpenFile("tmp", os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
			check(b, err)
			_, err = f.Write(page)
			check(b, err)
			check(b, f.Sync())
			check(b, f.Close())
			check(b, sim.Rename("tmp", "snapshot"))
			check(b, sim.SyncDir("."))
		}
	}
	check(b, log.Close())
}

func pebbleWorkload(b *testing.B) {
	mem := vfs.NewCrashableMem()
	log, err := mem.Create("log", vfs.WriteCategoryUnspecified)
	check(b, err)
	for i := range appends {
		_, err := log.Write(line)
		check(b, err)
		check(b, log.Sync())
		if i%(appends/snapshots) == 0 {
			f, err := mem.Create("tmp", vfs.WriteCategoryUnspecified)
			check(b, err)
			_, err = f.Write(page)
			check(b, err)
			check(b, f.Sync())
			check(b, f.Close())
			check(b, mem.Rename("tmp", "snapshot"))
			dir, err := mem.OpenDir("")
			check(b, err)
			check(b, dir.Sync())
			check(b, dir.Close())
		}
	}
	check(b, log.Close())
}

// BenchmarkSync is one synced append to an 8 MiB file, as a multiple of the same
// to an empty one: "x-empty".
func BenchmarkSync(b *testing.B) {
	b.Run("crashsim", func(b *testing.B) {
		open := func(content []byte) faultfs.File {
			f, err := faultfs.NewSim().OpenFile("f", os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o666)
			check(b, err)
			_, err = f.Write(content)
			check(b, err)
			check(b, f.Sync())
			return f
		}
		syncRatio(b, func(content []byte) syncWriter { return open(content) })
	})
	b.Run("pebble", func(b *testing.B) {
		syncRatio(b, func(content []byte) syncWriter {
			f, err := vfs.NewCrashableMem().Create("f", vfs.WriteCategoryUnspecified)
			check(b, err)
			_, err = f.Write(content)
			check(b, err)
			check(b, f.Sync())
			return f
		})
	})
}

type syncWriter interface {
	io.Writer
	Sync() error
}

func syncRatio(b *testing.B, open func([]byte) syncWriter) {
	const inOneTurn = 50
	full, empty := time.Duration(0), time.Duration(0)
	for b.Loop() {
		f, e := open(big), open(nil)
		start := time.Now()
		for range inOneTurn {
			_, err := f.Write(line)
			check(b, err)
			check(b, f.Sync())
		}
		middle := time.Now()
		for range inOneTurn {
			_, err := e.Write(line)
			check(b, err)
			check(b, e.Sync())
		}
		full, empty = full+middle.Sub(start), empty+time.Since(middle)
	}
	b.ReportMetric(float64(full)/float64(empty), "x-empty")
	b.ReportMetric(float64(full.Nanoseconds())/float64(b.N*inOneTurn), "ns/append")
	b.ReportMetric(0, "ns/op")
}

// BenchmarkCrashImage is one disk that a power cut leaves, and the log read back
// from it, on a disk with many other files.
func BenchmarkCrashImage(b *testing.B) {
	for _, files := range []int{100, 1000} {
		b.Run(fmt.Sprintf("files=%d", files), func(b *testing.B) {
			cut := ourCut(b, files)
			mem := pebbleDisk(b, files)
			rng := rand.New(rand.NewPCG(1, 2))
			buf := make([]byte, 1<<20)
			turns(b, func() {
				for range 20 {
					lost := rng.Uint64()
					n, err := ourLog(cut.Image(func(i int) bool { return lost>>(i%64)&1 == 0 }), buf)
					check(b, err)
					if n < appends*appendSize {
						b.Fatal("synced data is lost")
					}
				}
			}, func() {
				for range 20 {
					clone := mem.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: 50, RNG: rng})
					n, err := pebbleLog(clone, buf)
					check(b, err)
					if n < appends*appendSize {
						b.Fatal("synced data is lost")
					}
				}
			})
		})
	}
}

// ourCut keeps to the rule that what needs a lost effect is lost: the sizes of a
// log's appends hang on each other, so only data is decided on.
func ourCut(b *testing.B, files int) *faultfs.Cut {
	sim := faultfs.NewSim()
	for i := range files {
		f, err := sim.OpenFile(fmt.Sprintf("f%04d", i), os.O_WRONLY|os.O_CREATE, 0o666)
		check(b, err)
		_, err = f.Write(big[:4<<10])
		check(b, err)
		check(b, f.Sync())
		check(b, f.Close())
	}
	log, err := sim.OpenFile("log", os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o666)
	check(b, err)
	for range appends {
		_, err = log.Write(line)
		check(b, err)
	}
	check(b, log.Sync())
	check(b, sim.SyncDir("."))
	for range imageTail {
		_, err = log.Write(line)
		check(b, err)
	}
	w := sim.Trace().Walk(faultfs.POSIX)
	for w.Peek() != nil {
		w.Next()
	}
	return w.Cut()
}

func ourLog(sim *faultfs.Sim, buf []byte) (int, error) {
	f, err := sim.OpenFile("log", os.O_RDONLY, 0)
	if err != nil {
		return 0, err
	}
	n, err := io.ReadFull(f, buf)
	if err == io.ErrUnexpectedEOF {
		err = nil
	}
	return n, err
}

func pebbleDisk(b *testing.B, files int) *vfs.MemFS {
	mem := vfs.NewCrashableMem()
	for i := range files {
		f, err := mem.Create(fmt.Sprintf("f%04d", i), vfs.WriteCategoryUnspecified)
		check(b, err)
		_, err = f.Write(big[:4<<10])
		check(b, err)
		check(b, f.Sync())
		check(b, f.Close())
	}
	log, err := mem.Create("log", vfs.WriteCategoryUnspecified)
	check(b, err)
	for range appends {
		_, err = log.Write(line)
		check(b, err)
	}
	check(b, log.Sync())
	dir, err := mem.OpenDir("")
	check(b, err)
	check(b, dir.Sync())
	for range imageTail {
		_, err = log.Write(line)
		check(b, err)
	}
	return mem
}

func pebbleLog(mem *vfs.MemFS, buf []byte) (int, error) {
	f, err := mem.Open("log")
	if err != nil {
		return 0, err
	}
	n, err := io.ReadFull(f, buf)
	if err == io.ErrUnexpectedEOF {
		err = nil
	}
	return n, err
}
