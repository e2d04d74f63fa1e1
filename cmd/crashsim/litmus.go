package main

import (
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"crashsim/faultfs"
	"crashsim/faultfs/litmus"
)

func litmusCommand() *cobra.Command {
	var models string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "litmus [FILE...]",
		Short: "tell which disks each model allows after a few operations",
		Long: `litmus answers small questions about persistence models: for each test the exact
set of disks that a power cut may leave, at each moment and by each model, side by
side. A test may say what it expects; docs/litmus.md has the format.

Without FILE it answers the tests that come with crashsim, among them ACE's 328
workloads of one operation.

Exit codes: 0 as expected; 1 an expectation fails; 2 a file is wrong;
4 inconclusive: there were too many disks to judge an expectation.`,
		Example: `  crashsim litmus --model posix,ext4-ordered rename.litmus
  crashsim litmus`,
		RunE: func(cmd *cobra.Command, files []string) error {
			tests, err := litmusTests(files)
			if err != nil {
				return err
			}
			asked, err := modelsNamed(models)
			if err != nil {
				return err
			}
			o := newOutput(cmd.OutOrStdout(), cmd.ErrOrStderr(), asJSON)
			return o.litmus(cmd, tests, asked)
		},
	}
	cmd.Flags().StringVar(&models, "model", "all", "persistence models, parted by commas: see crashsim list")
	cmd.Flags().BoolVar(&asJSON, "json", false, "one JSON object a test")
	return cmd
}

func litmusTests(files []string) ([]*litmus.Test, error) {
	var known []string
	for _, m := range faultfs.Models() {
		known = append(known, m.Name)
	}
	if len(files) == 0 {
		return litmus.Corpus(known)
	}
	var tests []*litmus.Test
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, usage("%w; give a litmus test: docs/litmus.md has the format", err)
		}
		more, err := litmus.Parse(file, string(text), known)
		if err != nil {
			return nil, usage("%w", err)
		}
		tests = append(tests, more...)
	}
	return tests, nil
}

func (o *output) litmus(cmd *cobra.Command, tests []*litmus.Test, models []faultfs.Model) error {
	failed, unknown := 0, 0
	for _, t := range tests {
		if cmd.Context().Err() != nil {
			return &exitError{code: exitInterrupted}
		}
		r, err := litmus.Run(t, models)
		if err != nil {
			return &exitError{exitBroken, err}
		}
		failed += len(r.Failures)
		unknown += len(r.Unknown)
		if o.json != nil {
			o.object(struct {
				Type string `json:"type"`
				*litmus.Result
			}{"litmus", r})
			continue
		}
		o.litmusTest(r)
	}
	if o.json == nil {
		o.printf("%s, %s not met, %d unknown\n", plural(len(tests), "test"), plural(failed, "expectation"), unknown)
	}
	switch {
	case failed > 0:
		return &exitError{code: exitFailed}
	case unknown > 0:
		return &exitError{code: exitInconclusive}
	}
	return nil
}

func (o *output) litmusTest(r *litmus.Result) {
	t := r.Test
	o.printf("%s", t.Question())
	o.printf("  models")
	for i, name := range r.Models {
		o.printf("  %s %s", column(i), name)
	}
	o.printf("\n")
	for i := range r.Moments {
		m := &r.Moments[i]
		o.printf("  the power fails %s\n", t.When(m))
		if i > 0 && sameRows(m, &r.Moments[i-1]) {
			o.printf("    as before\n")
			continue
		}
		o.rows(m)
	}
	if len(r.Moments) > 1 {
		o.printf("  the power fails whenever it can\n")
		if last := &r.Moments[len(r.Moments)-1]; sameRows(&r.Crash, last) {
			o.printf("    as at the end\n")
		} else {
			o.rows(&r.Crash)
		}
	}
	for _, f := range r.Failures {
		o.printf("  FAILED %s: %s, %s", f.Where, f.Model, f.Expect)
		for _, d := range f.Missing {
			o.printf("\n    not allowed: %s", d)
		}
		for _, d := range f.Extra {
			o.printf("\n    allowed: %s", d)
		}
		o.printf("\n")
	}
	for _, e := range r.Unknown {
		o.printf("  UNKNOWN %s: %s, %s: there are too many disks\n", e.Where, e.Model, e.Expect)
	}
	o.printf("\n")
}

// column is the letter over a model's column.
func column(i int) string { return string(rune('a' + i%26)) }

// rows prints a column for each model, as wide as its number of disks.
func (o *output) rows(m *litmus.Moment) {
	counts := make([]string, len(m.Count))
	for i, n := range m.Count {
		if counts[i] = fmt.Sprint(n); m.Capped[i] {
			counts[i] = "too many"
		}
	}
	line := func(cell func(i int) string, text string) {
		text = "  " + text
		cells := "   "
		for i, count := range counts {
			cells += fmt.Sprintf(" %*s", len(count), cell(i))
		}
		o.printf("%s\n", strings.TrimRight(cells+text, " "))
	}
	line(column, "")
	for _, row := range m.Rows {
		line(func(i int) string {
			if row.Allowed[i] {
				return "x"
			}
			return "."
		}, row.Disk)
	}
	line(func(i int) string { return counts[i] }, "disks")
}

func sameRows(a, b *litmus.Moment) bool {
	return fmt.Sprint(a.Rows, a.Capped) == fmt.Sprint(b.Rows, b.Capped)
}
