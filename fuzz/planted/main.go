// Command planted plants bugs in the store, one at a time, and tells how long each
// way of testing takes to find them: go run ./fuzz/planted [NAME...] from the root
// of the repository. It exits with 1 where one is not found.
//
// Time is the processor's, so that what else the machine does does not count.
//
// The three ways are rapid (TestRapidCrash), native fuzzing (FuzzCrash, from no
// corpus) and crashsim run single. The store is not touched: the go command builds it with
// an overlay.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"time"
)

var (
	runs  = flag.Int("runs", 3, "how often each bug is looked for in each way; the table gives the medians")
	limit = flag.Duration("limit", time.Minute, "for one search, on two cores")
)

func main() { os.Exit(run()) }

func run() int {
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	missed, err := table(ctx, flag.Args())
	if err != nil {
		fmt.Fprintln(os.Stderr, "planted:", err)
		return 2
	}
	if missed > 0 {
		fmt.Fprintf(os.Stderr, "planted: %d searches found nothing\n", missed)
		return 1
	}
	return 0
}

// table prints a row for each bug, as it comes.
func table(ctx context.Context, names []string) (missed int, err error) {
	root, err := os.Getwd()
	if err != nil {
		return 0, err
	}
	bugs, err := readBugs("fuzz/planted/testdata")
	if err != nil {
		return 0, fmt.Errorf("%w; run it in the root of the repository", err)
	}
	fmt.Printf("| bug | rapid | native fuzzing | crashsim run single |\n|---|---|---|---|\n")
	for _, b := range bugs {
		if len(names) > 0 && !slices.Contains(names, b.name) {
			continue
		}
		built, err := b.build(ctx, root)
		if err != nil {
			return missed, err
		}
		fmt.Printf("| %s |", b.name)
		for _, way := range []func(context.Context, int) (find, error){built.rapid, built.fuzz, built.run} {
			m, err := median(ctx, way)
			if err != nil {
				return missed, fmt.Errorf("%s: %w", b.name, err)
			}
			if !m.found {
				missed++
			}
			fmt.Printf(" %s |", m)
		}
		fmt.Println()
		if err := os.RemoveAll(built.dir); err != nil {
			return missed, err
		}
	}
	return missed, nil
}

// find is one search.
type find struct {
	found bool
	n     int // executions, or recoveries
	took  time.Duration
}

func (f find) String() string {
	if !f.found {
		return fmt.Sprintf("not found in %.0f s", f.took.Seconds())
	}
	return fmt.Sprintf("%d, %.1f s", f.n, f.took.Seconds())
}

// median is that of some searches. One that finds nothing makes it none.
func median(ctx context.Context, way func(context.Context, int) (find, error)) (find, error) {
	var list []find
	for seed := 1; seed <= *runs; seed++ {
		ctx, cancel := context.WithTimeout(ctx, 5**limit) // on a machine with much else to do
		f, err := way(ctx, seed)
		cancel()
		if f.found = f.found && f.took <= cores**limit; err != nil || !f.found {
			return f, err
		}
		list = append(list, f)
	}
	slices.SortFunc(list, func(a, b find) int { return a.n - b.n })
	n := list[len(list)/2].n
	slices.SortFunc(list, func(a, b find) int { return int(a.took - b.took) })
	return find{true, n, list[len(list)/2].took}, nil
}

// cores are those that a search may use in the time that it is given.
const cores = 2

// built are the programs with a bug in them.
type built struct{ dir, crashsim, fuzzTest string }

func (b *bug) build(ctx context.Context, root string) (*built, error) {
	dir, err := os.MkdirTemp("", "planted-")
	if err != nil {
		return nil, err
	}
	overlay, err := b.plant(root, dir)
	if err != nil {
		return nil, err
	}
	p := &built{dir, filepath.Join(dir, "crashsim"), filepath.Join(dir, "fuzz.test")}
	for _, args := range [][]string{
		{"build", "-overlay", overlay, "-o", p.crashsim, "./cmd/crashsim"},
		{"test", "-overlay", overlay, "-c", "-fuzz", "FuzzCrash", "-o", p.fuzzTest, "./fuzz"},
	} {
		if out, err := exec.CommandContext(ctx, "go", args...).CombinedOutput(); err != nil {
			return nil, fmt.Errorf("%s: go %q: %w\n%s", b.name, args, err, out)
		}
	}
	return p, nil
}

var (
	rapidFailed  = regexp.MustCompile(`\[rapid\] failed after (\d+) tests`)
	fuzzFailed   = regexp.MustCompile(`found in execution (\d+)`)
	runSummary   = regexp.MustCompile(`"type":"summary".*"recoveries":(\d+)`)
	errNoSummary = errors.New("it failed, and says nothing of what it did")
)

func (p *built) rapid(ctx context.Context, seed int) (find, error) {
	return p.search(ctx, rapidFailed, p.fuzzTest, "-test.run", "^TestRapidCrash$", "-rapid.checks", "100000000",
		"-rapid.seed", strconv.Itoa(seed), "-rapid.shrinktime", "0s")
}

// fuzz has no seed: go test -fuzz takes none.
func (p *built) fuzz(ctx context.Context, seed int) (find, error) {
	return p.search(ctx, fuzzFailed, p.fuzzTest, "-test.run", "^$", "-test.fuzz", "^FuzzCrash$", "-test.parallel", "1",
		"-test.fuzzcachedir", filepath.Join(p.dir, "cache", strconv.Itoa(seed)), "-test.fuzzminimizetime", "1x")
}

func (p *built) run(ctx context.Context, seed int) (find, error) {
	return p.search(ctx, runSummary, p.crashsim, "run", "single", "--json", "--seed", strconv.Itoa(seed), "--artifacts", filepath.Join(p.dir, "out"))
}

// search runs one program, in a folder of its own, and reads from what it prints how
// many executions it took.
func (p *built) search(ctx context.Context, count *regexp.Regexp, name string, args ...string) (find, error) {
	dir, err := os.MkdirTemp(p.dir, "run-")
	if err != nil {
		return find{}, err
	}
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir, cmd.Env, cmd.WaitDelay = dir, append(os.Environ(), "GOGC=400"), time.Second
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	f := find{}
	if state := cmd.ProcessState; state != nil {
		f.took = state.UserTime() + state.SystemTime()
	}
	switch {
	case ctx.Err() != nil || err == nil:
		return f, nil
	case !errors.As(err, &exit):
		return find{}, err
	}
	m := count.FindSubmatch(out)
	if m == nil {
		return find{}, fmt.Errorf("%w\n%s", errNoSummary, out)
	}
	f.found = true
	f.n, err = strconv.Atoi(string(m[1]))
	return f, err
}
