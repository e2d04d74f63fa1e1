package faultfs_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"testing"

	. "crashsim/faultfs"
)

// errText tells an error by operation and errno. Paths are told for two disks
// only where both have the same: those of open files begin with the real root.
func errText(err error) string {
	var p *fs.PathError
	var l *os.LinkError
	switch {
	case err == nil:
		return "ok"
	case errors.As(err, &l):
		return fmt.Sprintf("%s %s %s: %#v", l.Op, l.Old, l.New, l.Err)
	case errors.As(err, &p):
		return fmt.Sprintf("%s: %v", p.Op, p.Err)
	}
	return err.Error()
}

func infoText(info fs.FileInfo) string {
	if info == nil {
		return ""
	}
	if info.IsDir() {
		return fmt.Sprintf(" %s folder %v", info.Name(), info.Mode().Type())
	}
	return fmt.Sprintf(" %s %d %v", info.Name(), info.Size(), info.Mode().Type())
}

// tree tells all that can be read below the root, one line for each name.
func tree(fsys FS) string {
	var b strings.Builder
	var below func(dir string)
	below = func(dir string) {
		list, err := fsys.ReadDir(dir)
		if err != nil {
			panic(err)
		}
		for _, e := range list {
			name := path.Join(dir, e.Name())
			if e.IsDir() {
				fmt.Fprintf(&b, "%s/\n", name)
				below(name)
				continue
			}
			data, err := ReadFile(fsys, name)
			fmt.Fprintf(&b, "%s=%x", name, data)
			if err != nil {
				fmt.Fprintf(&b, " %v", err)
			}
			b.WriteByte('\n')
		}
	}
	below(".")
	return b.String()
}

// diffRig runs steps on the real disk and on the simulated one.
type diffRig struct {
	t           *testing.T
	dir         string
	noZeroRange bool
}

func newDiffRig(t *testing.T) *diffRig {
	rig := &diffRig{t: t, dir: t.TempDir()}
	real, _ := rig.run([]diffStep{{kind: "open", name: "f", flag: create}, {kind: "fallocate", mode: ZeroRange, n: 1}})
	rig.noZeroRange = real[1] != "ok"
	return rig
}

func (rig *diffRig) run(steps []diffStep) (real, sim []string) {
	rig.t.Helper()
	if rig.noZeroRange { // as on tmpfs
		steps = slices.Clone(steps)
		for i := range steps {
			steps[i].mode &^= ZeroRange
		}
	}
	dir, err := os.MkdirTemp(rig.dir, "")
	if err != nil {
		rig.t.Fatal(err)
	}
	defer func() { _ = os.RemoveAll(dir) }() // t.TempDir does it otherwise
	disk, err := OpenOS(dir)
	if err != nil {
		rig.t.Fatal(err)
	}
	defer func() { _ = disk.Close() }() // a folder open for reading
	return runSteps(disk, steps), runSteps(NewSim(), steps)
}

func (rig *diffRig) check(steps []diffStep) {
	rig.t.Helper()
	if real, sim := rig.run(steps); !slices.Equal(real, sim) {
		rig.t.Error("\n" + rig.report(steps))
	}
}

// report tells the steps, with both results where they differ.
func (rig *diffRig) report(steps []diffStep) string {
	real, sim := rig.run(steps)
	var b strings.Builder
	for i := range real {
		what := "the tree at the end"
		if i < len(steps) {
			what = steps[i].String()
		} else if real[i] == sim[i] {
			break
		}
		fmt.Fprintf(&b, "%2d %s: %.300s\n", i, what, real[i])
		if real[i] != sim[i] {
			fmt.Fprintf(&b, "   sim: %.300s\n", sim[i])
		}
	}
	return b.String()
}

// shrinkSteps drops steps, many and then few, while what is left still fails.
func shrinkSteps[S any](steps []S, fails func([]S) bool) []S {
	for n := len(steps) / 2; n > 0; n /= 2 {
		for i := 0; i+n <= len(steps); {
			less := append(append([]S(nil), steps[:i]...), steps[i+n:]...)
			if fails(less) {
				steps = less
			} else {
				i += n
			}
		}
	}
	return steps
}
