// Command crashsim explores what crashes do to a store. See the README.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"crashsim/crashtest"
	"crashsim/examples/workerruntime"
)

// Exit codes.
const (
	exitPassed       = 0
	exitFailed       = 1   // a bug was found in the store
	exitUsage        = 2   // the command line or a file is wrong
	exitBroken       = 3   // the harness cannot be believed
	exitInconclusive = 4   // not everything was explored
	exitInterrupted  = 130 // by SIGINT
)

// exitError is an error that says how the process ends.
type exitError struct {
	code int
	err  error // nil where everything was said already
}

func (e *exitError) Error() string { return e.err.Error() }

func usage(format string, args ...any) error {
	return &exitError{exitUsage, fmt.Errorf(format, args...)}
}

func main() {
	holdMemory(usualMemory, 0) // to the end
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second SIGINT ends the process at once
	os.Exit(execute(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// execute runs one command line and gives its exit code.
func execute(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	root := rootCommand()
	out := &checked{Writer: stdout}
	root.SetArgs(args)
	root.SetOut(out)
	root.SetErr(stderr)
	err := root.ExecuteContext(ctx)
	var exit *exitError
	switch {
	case out.err != nil && (err == nil || errors.As(err, &exit) && exit.err == nil):
		// What was to be read is not there, whatever it would have said.
		exit = &exitError{exitUsage, fmt.Errorf("the output: %w: send it to where it can be written", out.err)}
	case err == nil:
		return exitPassed
	case !errors.As(err, &exit): // cobra's own: an unknown flag, say
		exit = &exitError{exitUsage, fmt.Errorf("%w; see: crashsim help", err)}
	}
	if exit.err != nil {
		_, _ = fmt.Fprintf(stderr, "crashsim: %s\n", strings.ReplaceAll(exit.err.Error(), "\n", " "))
	}
	return exit.code
}

// checked remembers the first write that failed.
type checked struct {
	io.Writer
	err error
}

func (c *checked) Write(p []byte) (int, error) {
	n, err := c.Writer.Write(p)
	if c.err == nil {
		c.err = err
	}
	return n, err
}

func rootCommand() *cobra.Command {
	run := runCommand()
	root := &cobra.Command{
		Use:   "crashsim",
		Short: "explore every disk that a crash can leave, and what a store makes of it",
		Long: `crashsim records what a store asks of its disk, works out every disk that a
power cut could leave, recovers from each, and holds the result against a model
that knows what was acknowledged.

Without a command it does "crashsim run store".

Exit codes: 0 passed; 1 a bug was found, or damage; 2 wrong usage; 3 the harness broke, or a
replay differs; 4 inconclusive: a cap was reached, or nothing was explored;
130 interrupted.`,
		Example: `  crashsim
  crashsim --ops 3`,
		Args:          targetOnly,
		RunE:          run.RunE,
		SilenceUsage:  true,
		SilenceErrors: true,
		Version:       version(),
	}
	root.Flags().AddFlagSet(run.Flags())
	root.AddCommand(run, soakCommand(), mergeCommand(), replayCommand(), shrinkCommand(), reportCommand(), listCommand())
	root.AddCommand(verifyCommand(), repairCommand())
	root.AddCommand(auditCommand(), faultsCommand(), releaseCommand(), manCommand())
	root.AddCommand(topics()...)
	root.SetHelpCommand(helpCommand())
	complete(root)
	root.AddCommand(litmusCommand())
	completion(root)
	return root
}

// helpCommand is cobra's, but for a name that it does not know.
func helpCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "help [COMMAND|TOPIC]",
		Short:   "tell about a command or a topic",
		Example: "  crashsim help run",
		ValidArgsFunction: func(cmd *cobra.Command, args []string, _ string) (list []string, _ cobra.ShellCompDirective) {
			for _, c := range cmd.Root().Commands() {
				if len(args) == 0 && !c.Hidden {
					list = append(list, c.Name()+"\t"+c.Short)
				}
			}
			return list, cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			found, rest, err := cmd.Root().Find(args)
			if err != nil || len(rest) > 0 {
				return usage("%q is no command and no topic; see: crashsim help", strings.Join(args, " "))
			}
			found.InitDefaultHelpFlag()
			return found.Help()
		},
	}
}

// targetOnly lets "crashsim store" be run, and a mistyped command be told as such.
func targetOnly(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		if _, err := targetNamed(args[0]); err != nil {
			return usage("%q is no command, and an %w; see: crashsim help", args[0], err)
		}
	}
	return cobra.MaximumNArgs(1)(cmd, args)
}

// targetArg is the target that a command line names, or the store.
func targetArg(args []string) string {
	if len(args) > 0 {
		return args[0]
	}
	return "store"
}

func version() string {
	v := "(devel)"
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		v = info.Main.Version
	}
	return v + " " + runtime.Version()
}

func targetNamed(name string) (*crashtest.Target, error) {
	var known []string
	for _, t := range workerruntime.Targets() {
		if t.Name == name {
			return &t, nil
		}
		known = append(known, t.Name)
	}
	return nil, usage("unknown target %q: known are %s", name, strings.Join(known, ", "))
}
