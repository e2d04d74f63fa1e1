package crashtest

import (
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"strings"
	"sync"
)

// Keeper makes of failed trials what people want of them: the smallest case, kept
// in a folder. A fuzzer fails in one way many times over: the first of each kind is
// shrunk, and the others are told as they are, with where that is kept. It is safe for
// concurrent use.
type Keeper struct {
	Dir string // of the case files, such as "testdata/cases"; made when it is needed

	mu   sync.Mutex
	seen map[Kind]string // and where it is kept
}

// Err is nil for a trial that the store comes through, and otherwise an error with
// the whole report and what repeats it.
func (k *Keeper) Err(ctx context.Context, tr *Trial) error {
	if tr.Failure == nil {
		return nil
	}
	c, err := tr.Case()
	if err != nil {
		return fmt.Errorf("%w; it came of %q", err, tr.Scenario.Ops)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	const how = "crashtest.Regress replays it, and so does crashsim replay, of a target that it lists"
	if path := k.seen[c.Kind]; path != "" {
		return fmt.Errorf("%s\nREPRODUCE: another failure of this kind was found first, and is kept in %s: %s", c.Report, path, how)
	}
	small, err := c.Shrink(ctx, tr.target, *tr.cfg)
	if err == nil && small != nil {
		c = small // else the case as it came is all there is
	}
	path, err := c.Keep(k.Dir)
	if err != nil {
		return fmt.Errorf("%w; not kept: %s", err, c.Report)
	}
	if k.seen == nil {
		k.seen = map[Kind]string{}
	}
	k.seen[c.Kind] = path
	return fmt.Errorf("%s\nREPRODUCE: this is kept in %s: %s", c.Report, path, how)
}

const caseExt = ".case"

// Keep writes the case into a folder, under a name that is its scenario's own, whole
// or not at all.
func (c *Case) Keep(dir string) (path string, err error) {
	text, err := c.MarshalText()
	if err != nil {
		return "", err
	}
	scenario := strings.TrimSuffix(string(text), c.Report)
	path = filepath.Join(dir, fmt.Sprintf("%s-%08x%s", c.Target, crc32.ChecksumIEEE([]byte(scenario)), caseExt))
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return "", err
	}
	f, err := os.CreateTemp(dir, ".crashsim-")
	if err != nil {
		return "", err
	}
	_, err = f.Write(text)
	if err = errors.Join(err, f.Chmod(0o644), f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		_ = os.Remove(f.Name()) // the first error is the one to tell
	}
	return path, err
}

// Regress replays the cases that a folder keeps, each of which was a failure once
// and is to be none now. One that the store has outgrown, since it asks other
// things of its disk by now, is looked for anew. An error names each file that
// fails, or is no case of these targets: nothing in the folder is passed over. A
// folder that is not there holds nothing.
func Regress(ctx context.Context, dir string, cfg Config, targets ...Target) error {
	list, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	var errs []error
	for _, e := range list {
		path := filepath.Join(dir, e.Name())
		if err := regress(ctx, path, cfg, targets); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", path, err))
		}
	}
	return errors.Join(errs...)
}

func regress(ctx context.Context, path string, cfg Config, targets []Target) error {
	if err := cfg.valid(); err != nil {
		return err
	}
	if filepath.Ext(path) != caseExt {
		return fmt.Errorf("not a case: its name would end in %s", caseExt)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	var c Case
	if err := c.UnmarshalText(text); err != nil {
		return err
	}
	for i := range targets {
		if t := &targets[i]; t.Name == c.Target {
			if err := t.Valid(); err != nil {
				return err
			}
			return c.regress(ctx, cfg, t)
		}
	}
	return fmt.Errorf("a case of %q, which is none of the targets", c.Target)
}

func (c *Case) regress(ctx context.Context, cfg Config, t *Target) error {
	if err := c.Check(t); err != nil {
		return err
	}
	report, failure, err := c.Replay(t)
	if errors.Is(err, ErrDiverged) {
		var again *Case
		if again, err = c.Shrink(ctx, t, cfg); again != nil {
			report, failure = again.Report, &Failure{Kind: again.Kind}
		}
	}
	if err == nil && failure != nil {
		err = fmt.Errorf("it fails again\n%s", report)
	}
	return err
}
