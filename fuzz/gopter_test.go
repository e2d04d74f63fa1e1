package fuzz

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/leanovate/gopter"
	"github.com/leanovate/gopter/prop"

	"crashsim/crashtest"
	"crashsim/faultfs"
)

// program is what a store on the real disk is asked for, and where it is killed: a
// value, so that it is generated, shrunk and run in several workers at once.
type program struct {
	Ops  []string
	Kill int // after so many lines of what it says; 0: not at all
}

func (p program) String() string {
	return fmt.Sprintf("killed after line %d of:\n  %s", p.Kill, strings.Join(p.Ops, "\n  "))
}

// genProgram grows with gopter's sizes.
func genProgram(target *crashtest.Target, kill bool) gopter.Gen {
	return func(params *gopter.GenParameters) *gopter.GenResult {
		c := rng{params}
		n := 1 + c.Choose(max(1, params.MaxSize))
		p := program{Ops: target.Generate(c, n)[:n]}
		if kill {
			p.Kill = 1 + c.Choose(2*n)
		}
		return gopter.NewGenResult(p, shrinkProgram)
	}
}

type rng struct{ *gopter.GenParameters }

func (r rng) Choose(n int) int { return int(r.NextUint64() % uint64(n)) }

var size = regexp.MustCompile(` (\d{3,})$`)

// shrinkProgram yields smaller programs, those that are much smaller first: without
// half of the operations, then without one, then with a shorter text in one, then
// killed sooner.
func shrinkProgram(value any) gopter.Shrink {
	p := value.(program)
	var list []program
	add := func(ops []string, kill int) { list = append(list, program{ops, kill}) }
	for n := len(p.Ops) / 2; n > 0; n /= 2 {
		for i := 0; i+n <= len(p.Ops); i += n {
			add(slices.Delete(slices.Clone(p.Ops), i, i+n), p.Kill)
		}
	}
	for i, op := range p.Ops {
		if m := size.FindStringSubmatchIndex(op); m != nil {
			if n, err := strconv.Atoi(op[m[2]:m[3]]); err == nil && n > 100 {
				ops := slices.Clone(p.Ops)
				ops[i] = op[:m[2]] + "100"
				add(ops, p.Kill)
			}
		}
	}
	for _, kill := range []int{p.Kill / 2, p.Kill - 1} {
		if kill > 0 {
			add(p.Ops, kill)
		}
	}
	next := 0
	return func() (any, bool) {
		if next == len(list) {
			return nil, false
		}
		next++
		return list[next-1], true
	}
}

// forAll checks a property of programs in workers.
func forAll(t *testing.T, kill bool, check func(program) error) {
	t.Helper()
	params := gopter.DefaultTestParametersWithSeed(1)
	params.MinSuccessfulTests, params.MaxSize, params.Workers = 60, 20, 2
	if testing.Short() {
		params.MinSuccessfulTests = 10
	}
	properties := gopter.NewProperties(params)
	properties.Property("seed 1", prop.ForAll(func(p program) string { // what is wrong: an error would not be shrunk
		if err := check(p); err != nil {
			return err.Error()
		}
		return ""
	}, genProgram(target(t, "single"), kill)))
	properties.TestingRun(t)
}

// The store answers and holds the same on the real disk as its reference.
func TestGopterRealDisk(t *testing.T) {
	var mu sync.Mutex
	seen := map[string]int{}
	dir := t.TempDir()
	forAll(t, false, func(p program) error {
		mu.Lock()
		for _, op := range p.Ops {
			verb, _, _ := strings.Cut(op, " ")
			seen[verb]++
		}
		mu.Unlock()
		return onRealDisk(target(t, "single"), dir, p.Ops)
	})
	reached(t, seen, crashtest.Reopen, "event", "worker", "transcript", "runtime", "bundle", "load")
}

func onRealDisk(target *crashtest.Target, below string, ops []string) (err error) {
	dir, err := os.MkdirTemp(below, "")
	if err != nil {
		return err
	}
	disk, err := faultfs.OpenOS(dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, disk.Close(), os.RemoveAll(dir)) }()
	store, err := target.Open(disk)
	if err != nil {
		return err
	}
	model := target.Model()
	for i, op := range append(ops, crashtest.Reopen) {
		if op == crashtest.Reopen {
			if err = store.Close(); err == nil {
				store, err = target.Open(disk)
			}
			if err != nil {
				return err
			}
		} else if got, err := store.Apply(op); err != nil || got != model.Apply(op) {
			return errors.Join(fmt.Errorf("operation %d, %s: %w, %q", i+1, op, err, got), store.Close())
		}
		if got, err := store.State(); err != nil || got != model.State() {
			return errors.Join(fmt.Errorf("after operation %d, %s: %w\n%s\nwant\n%s", i+1, op, err, got, model.State()), store.Close())
		}
	}
	return store.Close()
}

// A store whose process is killed on the real disk holds what it has acknowledged,
// and perhaps the operation that was under way.
func TestGopterKill(t *testing.T) {
	var mu sync.Mutex
	seen := map[string]int{}
	dir := t.TempDir()
	forAll(t, true, func(p program) error {
		begun, acked, err := liveAndDie(dir, p)
		if err != nil {
			return err
		}
		mu.Lock()
		seen["killed"]++
		if begun > acked {
			seen["with an operation under way"]++
		}
		if acked > 0 {
			seen["after an acknowledgement"]++
		}
		mu.Unlock()
		return nil
	})
	reached(t, seen, "with an operation under way", "after an acknowledgement")
}

// childDir says that this binary was started by TestGopterKill, and where to work.
const childDir = "CRASHSIM_FUZZ_CHILD"

// child opens the store and does what it is told, a line for each operation when it
// begins and another when it is done.
func child(dir string) error {
	disk, err := faultfs.OpenOS(dir)
	if err != nil {
		return err
	}
	single, err := named("single")
	if err != nil {
		return err
	}
	store, err := single.Open(disk)
	if err != nil {
		return err
	}
	in := bufio.NewScanner(os.Stdin)
	for in.Scan() { // until it is killed, in the middle of use
		fmt.Println("begin")
		if in.Text() == crashtest.Reopen {
			if err = store.Close(); err == nil {
				store, err = single.Open(disk)
			}
		} else {
			_, err = store.Apply(in.Text())
		}
		if err != nil {
			return err
		}
		fmt.Println("done")
	}
	return in.Err()
}

// liveAndDie runs a child on a folder of its own, kills it, and holds what the store
// then shows against the reference. It tells how much the child said.
func liveAndDie(below string, p program) (begun, acked int, err error) {
	dir, err := os.MkdirTemp(below, "")
	if err != nil {
		return 0, 0, err
	}
	exe, err := os.Executable()
	if err != nil {
		return 0, 0, err
	}
	cmd := exec.Command(exe)
	cmd.Env = append(os.Environ(), childDir+"="+dir)
	cmd.Stderr = os.Stderr
	in, inErr := cmd.StdinPipe() // open as long as the child lives
	out, outErr := cmd.StdoutPipe()
	if err := errors.Join(inErr, outErr, cmd.Start()); err != nil {
		return 0, 0, err
	}
	if _, err := io.WriteString(in, strings.Join(p.Ops, "\n")+"\n"); err != nil {
		return 0, 0, errors.Join(err, cmd.Process.Kill(), cmd.Wait())
	}
	lines := bufio.NewScanner(out)
	for n := 0; n < min(max(1, p.Kill), 2*len(p.Ops)) && lines.Scan(); n++ {
		begun, acked = count(lines.Text(), begun, acked)
	}
	err = cmd.Process.Kill()
	for lines.Scan() { // what it said before that
		begun, acked = count(lines.Text(), begun, acked)
	}
	_ = cmd.Wait() // killed, as it should be
	if err != nil {
		return begun, acked, err
	}
	return begun, acked, recovers(dir, p.Ops, begun, acked)
}

func count(line string, begun, acked int) (int, int) {
	if line == "begin" {
		return begun + 1, acked
	}
	return begun, acked + 1
}

// recovers opens a store after so many operations of a workload.
func recovers(dir string, ops []string, begun, acked int) (err error) {
	single, err := named("single")
	if err != nil {
		return err
	}
	disk, err := faultfs.OpenOS(dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, disk.Close(), os.RemoveAll(dir)) }()
	store, err := single.Open(disk)
	if err != nil {
		return err
	}
	got, err := store.State()
	if err = errors.Join(err, store.Close()); err != nil {
		return err
	}
	model, right := single.Model(), []string(nil)
	for i := 0; ; i++ {
		if i >= acked {
			right = append(right, model.State())
		}
		if i == begun {
			break
		}
		if ops[i] != crashtest.Reopen {
			model.Apply(ops[i])
		}
	}
	if !slices.Contains(right, got) {
		return fmt.Errorf("killed with %d of %d operations acknowledged:\n%s\nwant\n%s", acked, begun, got, right[0])
	}
	return nil
}

// The shrinker comes to the smallest program that will do, and by few tries.
func TestShrinkProgram(t *testing.T) {
	single, tries := target(t, "single"), 0
	big := program{single.Generate(crashtest.Seeded(3), 40), 33}
	fails := func(p program) bool { // a bug that needs two operations, in this order, and a kill
		tries++
		worker := slices.IndexFunc(p.Ops, func(op string) bool { return strings.HasPrefix(op, "worker r1") })
		return worker >= 0 && slices.Contains(p.Ops[worker:], crashtest.Reopen) && p.Kill >= 3
	}
	if !fails(big) {
		t.Fatal("this program does not fail to begin with")
	}
	for {
		next := shrinkProgram(big)
		value, more := next()
		for more && !fails(value.(program)) {
			value, more = next()
		}
		if !more {
			break
		}
		big = value.(program)
	}
	if len(big.Ops) != 2 || big.Kill != 3 || !strings.HasSuffix(big.Ops[0], " 100") || big.Ops[1] != crashtest.Reopen {
		t.Errorf("%d tries: %s", tries, big)
	}
	t.Logf("%d tries", tries)
}
