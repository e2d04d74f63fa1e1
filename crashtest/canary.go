package crashtest

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strconv"

	"crashsim/faultfs"
)

// Canary explores two stores of one byte to an operation: one that does not sync
// what it acknowledges has to fail, and one that does has to pass. An error says
// that the harness cannot be believed, whatever it says of other stores.
func Canary(ctx context.Context, cfg Config) error {
	for _, c := range []struct {
		syncs bool
		want  Verdict
	}{{false, Failed}, {true, Passed}} {
		small := Defaults()
		small.Model, small.Seed, small.Ops, small.Workers = cfg.Model, cfg.Seed, 3, 1
		r, err := Run(ctx, canaryTarget(c.syncs), small)
		if err != nil {
			return fmt.Errorf("canary: %w", err)
		}
		lost := slices.ContainsFunc(r.Findings, func(f *Finding) bool { return f.Kind == Lost })
		if (r.Verdict != c.want || lost == c.syncs) && !r.Interrupted {
			return fmt.Errorf("a canary that syncs what it acknowledges (%t) %s: what this harness says of a store cannot be believed", c.syncs, r.Verdict)
		}
	}
	return nil
}

func canaryTarget(syncs bool) *Target {
	return &Target{
		Name:       "canary",
		Open:       func(fsys faultfs.FS) (Store, error) { return openCanary(fsys, syncs) },
		Model:      func() Model { return new(canaryModel) },
		Generate:   func(_ Chooser, n int) []string { return slices.Repeat([]string{"sing"}, n) },
		Probes:     func(Model) []string { return []string{"sing"} },
		Idempotent: true,
		Check:      func(string) error { return nil },
	}
}

type canary struct {
	file  faultfs.File
	n     int
	syncs bool
}

const canaryFile = "canary"

func openCanary(fsys faultfs.FS, syncs bool) (*canary, error) {
	data, err := faultfs.ReadFile(fsys, canaryFile)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	f, err := fsys.OpenFile(canaryFile, os.O_RDWR|os.O_CREATE, 0o666)
	if err != nil {
		return nil, err
	}
	c := &canary{file: f, syncs: syncs}
	for c.n < len(data) && data[c.n] == '1' { // a size may be there without its byte
		c.n++
	}
	return c, errors.Join(f.Truncate(int64(c.n)), f.Sync(), fsys.SyncDir("."))
}

func (c *canary) Apply(op string) (string, error) {
	_, err := c.file.WriteAt([]byte("1"), int64(c.n))
	if err == nil && c.syncs && op != hum {
		err = c.file.Sync()
	}
	c.n++
	return strconv.Itoa(c.n), err
}

func (c *canary) State() (string, error) { return strconv.Itoa(c.n), nil }

func (c *canary) Close() error { return c.file.Close() }

type canaryModel int

func (m *canaryModel) Apply(string) string { *m++; return m.State() }
func (m *canaryModel) State() string       { return strconv.Itoa(int(*m)) }
func (m *canaryModel) Clone() Model        { c := *m; return &c }

// RareCanary explores a store that does not sync one operation in a hundred, with
// one operation and one seed after another: each seed that draws it has to fail, no
// other may, and there have to be some. An error says that the harness cannot be
// believed. It takes about as long as seeds/100 canaries.
func RareCanary(ctx context.Context, cfg Config, seeds uint64) error {
	found := 0
	for seed := range seeds {
		small := Defaults()
		small.Model, small.Seed, small.Ops, small.Workers = cfg.Model, cfg.Seed+seed, 1, 1
		t := canaryTarget(true)
		rare := false
		t.Generate = func(c Chooser, _ int) []string {
			if rare = c.Choose(100) == 0; rare {
				return []string{hum}
			}
			return []string{"sing"}
		}
		r, err := Run(ctx, t, small)
		switch {
		case err != nil:
			return fmt.Errorf("rare canary: %w", err)
		case r.Interrupted:
			return ctx.Err()
		case rare != (r.Verdict == Failed):
			return fmt.Errorf("of a canary with seed %d, which should fail: %t, a run says: %s", small.Seed, rare, r.Verdict)
		case rare:
			found++
		}
	}
	if found == 0 {
		return fmt.Errorf("no canary of %d seeds was drawn that should fail: use more seeds", seeds)
	}
	return nil
}

// hum is the operation of a canary that it does not sync.
const hum = "hum"
