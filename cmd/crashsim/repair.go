package main

import (
	"github.com/spf13/cobra"

	"crashsim/store"
)

func repairCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "repair DIR",
		Short: "mend a store on the real disk: take out what verify names, and keep each original",
		Long: `Repair mends what verify names in the store below DIR, and nothing else: damaged
lines are taken out of logs, worker folders without a good snapshot are set aside,
a damaged snapshot of a runtime is made anew from the logs. The original of what
it changes is kept beside it, as NAME.damaged-N, and diagnostics in the runtime's
snapshot tell what is gone. No owner may have the store open. When it is
interrupted, run it again.

Exit codes: 0 the store is healthy now; 1 some of it is left as it is, since repair
must not touch it; 2 wrong usage, no store there, or it is in use; 130 interrupted.`,
		Example: "  crashsim repair worker-runtime",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			disk, err := openStoreFolder(args[0])
			if err != nil {
				return err
			}
			defer func() { _ = disk.Close() }() // files are closed already
			out := newOutput(cmd.OutOrStdout(), cmd.ErrOrStderr(), false)
			done, err := store.Repair(cmd.Context(), disk, out.bytes("repair"))
			out.endProgress()
			for _, m := range done {
				out.printf("%s: %s", m.Path, m.Did)
				if m.Kept != "" {
					out.printf("; original in %s", m.Kept)
				}
				out.printf("\n")
			}
			if err != nil {
				return storeError(args[0], err)
			}
			if len(done) == 0 {
				out.printf("nothing to repair\n")
			}
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
}
