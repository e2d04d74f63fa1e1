package faultfs_test

import (
	"fmt"
	"testing"

	. "crashsim/faultfs"
)

func BenchmarkAppendAndSync(b *testing.B) {
	for _, size := range []int{100, 4096} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			p := bytesOf(1, size)
			var f File
			for i := 0; b.Loop(); i++ {
				if i%10_000 == 0 { // a trace keeps all that was written
					f, _ = NewSim().OpenFile("f", create, 0)
				}
				if _, err := f.Write(p); err != nil {
					b.Fatal(err)
				}
				if err := f.Sync(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// A cut of a disk with some hundred files, one of which is being replaced.
func benchCut(b *testing.B, files int) *Cut {
	sim := NewSim()
	p := &player{sim: sim}
	for i := range files {
		name := fmt.Sprintf("f%04d", i)
		for _, c := range []command{{kind: "append", a: name, data: "some text"}, {kind: "sync", a: name}} {
			if err := p.run(c); err != nil {
				b.Fatal(err)
			}
		}
	}
	for _, c := range parse("syncdir .; append t AB; rename t f0007") {
		if err := p.run(c); err != nil {
			b.Fatal(err)
		}
	}
	return cutAt(sim, small(), -1)
}

func BenchmarkImage(b *testing.B) {
	for _, files := range []int{10, 1000} {
		b.Run(fmt.Sprint(files), func(b *testing.B) {
			cut := benchCut(b, files)
			for b.Loop() {
				image(cut, 1<<len(cut.Pending)-1)
			}
		})
	}
}

func BenchmarkKey(b *testing.B) {
	for _, files := range []int{10, 1000} {
		b.Run(fmt.Sprint(files), func(b *testing.B) {
			cut := benchCut(b, files)
			for b.Loop() {
				image(cut, 1<<len(cut.Pending)-1).Key()
			}
		})
	}
}

func BenchmarkCutKey(b *testing.B) {
	cut := benchCut(b, 100)
	for b.Loop() {
		cut.Key()
	}
}

func BenchmarkInterceptedAppendAndSync(b *testing.B) {
	p := bytesOf(1, 100)
	var f File
	for i := 0; b.Loop(); i++ {
		if i%10_000 == 0 {
			f, _ = Intercept(NewSim(), doIt).OpenFile("f", create, 0)
		}
		if _, err := f.Write(p); err != nil {
			b.Fatal(err)
		}
		if err := f.Sync(); err != nil {
			b.Fatal(err)
		}
	}
}
