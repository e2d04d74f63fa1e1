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

func (c *canary) Apply(string) (string, error) {
	_, err := c.file.WriteAt([]byte("1"), int64(c.n))
	if err == nil && c.syncs {
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
