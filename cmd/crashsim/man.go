package main

import (
	"os"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"
)

func manCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "man DIR",
		Short: "write man pages, one for each command, into a folder",
		Long: `Man writes the manual of this crashsim as pages of section 1 into a folder, which it
makes if need be: for packagers, and for MANPATH.`,
		Example: "  crashsim man man/man1",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			err := os.MkdirAll(args[0], 0o777)
			if err == nil {
				root := cmd.Root()
				root.DisableAutoGenTag = true // or each day has other pages
				err = doc.GenManTree(root, &doc.GenManHeader{Title: "CRASHSIM", Section: "1", Source: "crashsim", Manual: "crashsim"}, args[0])
			}
			if err != nil {
				return usage("%w: give a folder that can be written to", err)
			}
			return nil
		},
	}
}
