package main

import (
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/schollz/progressbar/v3"
	"github.com/spf13/cobra"

	"crashsim/crashtest/report"
	"crashsim/faultfs"
	"crashsim/store"
)

func verifyCommand() *cobra.Command {
	asJSON := false
	cmd := &cobra.Command{
		Use:   "verify DIR",
		Short: "tell the health of a store on the real disk, without changing it",
		Long: `Verify reads the folder DIR that holds a store (the one with runtimes/ in it) and
tells what is in it and what is wrong: each damaged record with its file, line and
byte. It writes nothing and waits for nobody; where an owner has the store open it
says so.

Exit codes: 0 healthy; 1 damaged, or left by a crash for the next opening to mend;
2 wrong usage, or no store there; 130 interrupted.`,
		Example: "  crashsim verify worker-runtime",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			disk, err := openStoreFolder(args[0])
			if err != nil {
				return err
			}
			defer func() { _ = disk.Close() }() // nothing was written
			out := newOutput(cmd.OutOrStdout(), cmd.ErrOrStderr(), asJSON)
			health, err := store.Verify(cmd.Context(), disk, out.bytes("verify"))
			out.endProgress()
			if err != nil {
				return storeError(args[0], err)
			}
			out.health(args[0], health)
			if health.Verdict() != store.Healthy {
				return &exitError{code: exitFailed}
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "write one JSON object a line: a runtime each, then a summary")
	return cmd
}

func openStoreFolder(dir string) (*faultfs.OS, error) {
	disk, err := faultfs.OpenOS(dir)
	if err != nil {
		return nil, usage("%w: give the folder that holds a store, with runtimes/ in it", err)
	}
	return disk, nil
}

// storeError says what to do about an error that leaves no report.
func storeError(dir string, err error) error {
	switch {
	case errors.Is(err, context.Canceled):
		return &exitError{exitInterrupted, fmt.Errorf("%s: interrupted: what was done can be done again", dir)}
	case errors.Is(err, store.ErrLocked):
		return usage("%s: %w, and try again", dir, err)
	case errors.Is(err, store.ErrMissing):
		return usage("%s: %w: give the folder that holds a store, with runtimes/ in it", dir, err)
	}
	return usage("%s: %w", dir, err)
}

// bytes gives a line that shows how many bytes of all logs have been read; where
// there is no terminal it gives none.
func (o *output) bytes(what string) store.Progress {
	if o.tty == nil {
		return nil
	}
	return func(name string, done, total int64) {
		if o.bar == nil {
			o.bar = progressbar.NewOptions64(total, progressbar.OptionSetWriter(o.tty), progressbar.OptionClearOnFinish(),
				progressbar.OptionSetWidth(24), progressbar.OptionThrottle(100*time.Millisecond), progressbar.OptionShowBytes(true))
		}
		if o.bar.GetMax64() != total { // what is to be written anew comes to it
			o.bar.ChangeMax64(total)
		}
		o.bar.Describe(what + " " + path.Base(name))
		_ = o.bar.Set64(min(done, total))
	}
}

// health prints what Verify found.
func (o *output) health(dir string, h *store.Health) {
	files, records, size, problems := 0, 0, int64(0), 0
	for i := range h.Runtimes {
		r := &h.Runtimes[i]
		o.runtimeHealth(r)
		problems += len(r.Problems)
		for _, f := range r.Files {
			files, records, size = files+1, records+f.Records, size+f.Bytes
			problems += max(0, f.Problems-store.MaxProblems)
		}
	}
	verdict := h.Verdict()
	if o.json != nil {
		o.object(struct {
			Type     string        `json:"type"`
			Verdict  store.Verdict `json:"verdict"`
			Runtimes int           `json:"runtimes"`
			Files    int           `json:"files"`
			Records  int           `json:"records"`
			Bytes    int64         `json:"bytes"`
			Problems int           `json:"problems"`
			Ignored  []string      `json:"ignored"`
			Seconds  float64       `json:"seconds"`
		}{"summary", verdict, len(h.Runtimes), files, records, size, problems, h.Ignored, time.Since(o.begin).Seconds()})
		return
	}
	for _, name := range h.Ignored {
		o.printf("%s: no runtime's folder, left out\n", name)
	}
	o.printf("%s: %s in %s, %s, %s, %s bytes, %.1f s\n", strings.ToUpper(string(verdict)),
		plural(problems, "problem"), plural(len(h.Runtimes), "runtime"), plural(files, "file"), plural(records, "record"), thousands(int(size)), time.Since(o.begin).Seconds())
	switch verdict {
	case store.Interrupted:
		o.printf("a crash has left this: opening the store mends it, and loses nothing that was acknowledged\n")
	case store.Damaged:
		if slices.ContainsFunc(slices.Collect(h.Problems), (*store.Problem).Repairable) {
			o.printf("to mend it, with each original kept: crashsim repair %s\n", report.Quote(dir))
		} else {
			o.printf("repair leaves this as it is: use the program that wrote it, or bring back what belongs there\n")
		}
	}
}

func (o *output) runtimeHealth(r *store.RuntimeHealth) {
	if o.json != nil {
		o.object(struct {
			Type string `json:"type"`
			*store.RuntimeHealth
		}{"runtime", r})
		return
	}
	o.printf("runtime %q in %s\n", r.RuntimeID, r.Path)
	if r.Open {
		o.printf("  an owner has it open: what is being written may show as torn\n")
	}
	for _, f := range r.Files {
		o.printf("  %s: %s, %s bytes", strings.TrimPrefix(f.Path, r.Path+"/"), plural(f.Records, "record"), thousands(int(f.Bytes)))
		if strings.HasSuffix(f.Path, ".jsonl") {
			o.printf(", last id %d", f.LastID)
		}
		if f.Unsummed > 0 {
			o.printf(", %s without checksum", thousands(f.Unsummed))
		}
		o.printf("\n")
	}
	for _, p := range r.Problems {
		o.printf("  PROBLEM %s", strings.TrimPrefix(p.Path, r.Path+"/"))
		if p.Line > 0 {
			o.printf(" line %d, byte %d, %s bytes", p.Line, p.Offset, thousands(int(p.Bytes)))
		}
		o.printf(": %s: %s\n", p.Kind, p.Detail)
	}
	for _, f := range r.Files {
		if more := f.Problems - store.MaxProblems; more > 0 {
			o.printf("  PROBLEM %s: %s more\n", strings.TrimPrefix(f.Path, r.Path+"/"), thousands(more))
		}
	}
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return thousands(n) + " " + what + "s"
}
