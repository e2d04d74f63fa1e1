package main

import (
	"errors"
	"fmt"

	"github.com/aymanbagabas/go-udiff"
	"github.com/spf13/cobra"

	"crashsim/crashtest"
	"crashsim/crashtest/report"
	"crashsim/examples/workerruntime"
	"crashsim/faultfs"
)

func replayCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "replay FILE",
		Short: "repeat a finding from its case file",
		Long: `Replay carries out what a case file says, without a search, and prints the
report, the same as in the file, byte for byte, and then the command that repeats
it, with exit code 1. Where the store
comes through now the exit code is 0; where something else happens than the file
says it is 3.`,
		Example: "  crashsim replay crashsim-out/seedstore-1-01.case",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, t, err := readCase(args[0])
			if err != nil {
				return err
			}
			text, failure, err := c.Replay(t)
			if errors.Is(err, crashtest.ErrDiverged) {
				return &exitError{exitBroken, fmt.Errorf("%s: %w; to look for the failure anew: crashsim shrink %s", args[0], err, args[0])}
			}
			if err != nil {
				return usage("%s: %w", args[0], err)
			}
			out := cmd.OutOrStdout()
			_, _ = fmt.Fprint(out, text)
			switch {
			case failure == nil:
				return nil
			case failure.Kind != c.Kind:
				return &exitError{exitBroken, fmt.Errorf("%s: its failure is %q, and what happens is %q: was it changed by hand? to make one of what happens: crashsim run", args[0], c.Kind, failure.Kind)}
			case text != c.Report:
				_, _ = fmt.Fprintf(out, "\nthis differs from the file:\n%s", udiff.Unified("file", "now", c.Report, text))
				return &exitError{exitBroken, fmt.Errorf("%s: the replay differs from the file; if the store has changed: crashsim shrink %s", args[0], args[0])}
			}
			_, _ = fmt.Fprintf(out, "REPRODUCE: %s\n", report.Replay(args[0]))
			return &exitError{code: exitFailed}
		},
	}
}

func shrinkCommand() *cobra.Command {
	f := &runFlags{Config: crashtest.Defaults()}
	output := ""
	cmd := &cobra.Command{
		Use:   "shrink FILE",
		Short: "look for a smaller form of a finding, or find it again after a change",
		Long: `Shrink looks for the smallest workload and the fewest lost effects that fail in
the same way as a case file, on the store as it is now, and writes a new case
file. Where the failure does not come any more it says so, with exit code 0.`,
		Example: "  crashsim shrink crashsim-out/seedstore-1-01.case -o small.case",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, t, err := readCase(args[0])
			if err != nil {
				return err
			}
			f.adopt(cmd, c)
			if err := f.check(); err != nil {
				return err
			}
			small, err := c.Shrink(cmd.Context(), t, f.Config)
			out := cmd.OutOrStdout()
			interrupted := cmd.Context().Err() != nil
			switch {
			case small == nil && interrupted:
				return &exitError{exitInterrupted, fmt.Errorf("%s: interrupted before the failure came again: it is left as it is", args[0])}
			case errors.Is(err, crashtest.ErrInconclusive):
				return &exitError{exitInconclusive, fmt.Errorf("%s: %w: give a larger --max-states", args[0], err)}
			case err != nil:
				return &exitError{exitBroken, err}
			case small == nil:
				_, _ = fmt.Fprintln(out, "the failure does not come any more: the store comes through")
				return nil
			}
			if output == "" {
				output = args[0]
			}
			if err := writeCase(output, small); err != nil {
				return err
			}
			_, _ = fmt.Fprintf(out, "%s\n%s, before %d\nREPRODUCE: %s\n",
				small.Report, plural(len(small.Scenario.Ops), "operation"), len(c.Scenario.Ops), report.Replay(output))
			if interrupted { // what was written is a case, and may not be the smallest
				return &exitError{code: exitInterrupted}
			}
			return &exitError{code: exitFailed}
		},
	}
	f.searchFlags(cmd)
	cmd.Flags().StringVarP(&output, "output", "o", "", "file to write (default: the case file itself)")
	return cmd
}

// adopt takes over from a case what the command line does not say.
func (f *runFlags) adopt(cmd *cobra.Command, c *crashtest.Case) {
	given := cmd.Flags()
	if !given.Changed("seed") {
		f.Seed = c.Seed
	}
	if !given.Changed("model") {
		f.model = c.Model
	}
	if !given.Changed("depth") {
		f.Depth = c.Depth
	}
}

func listCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "list targets and persistence models",
		Long: `List shows the stores that can be explored and the persistence models that they can
be explored under. crashsim help models says more of these.`,
		Example: "  crashsim list",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			out := cmd.OutOrStdout()
			_, _ = fmt.Fprintln(out, "targets:")
			for _, t := range workerruntime.Targets() {
				_, _ = fmt.Fprintf(out, "  %-10s %s\n", t.Name, t.Doc)
			}
			_, _ = fmt.Fprintln(out, "models:")
			for _, m := range faultfs.Models() {
				_, _ = fmt.Fprintf(out, "  %-20s %s\n  %-20s source: %s\n", m.Name, m.Doc, "", m.Source)
			}
			return nil
		},
	}
}
