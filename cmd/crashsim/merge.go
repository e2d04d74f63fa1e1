package main

import (
	"path/filepath"

	"github.com/spf13/cobra"

	"crashsim/crashtest/soak"
	"crashsim/faultfs"
)

func mergeCommand() *cobra.Command {
	var dir string
	var json bool
	var publish publisher
	cmd := &cobra.Command{
		Use:   "merge DIR...",
		Short: "put the shards of a soak together",
		Long: `Merge reads the folders of shards of one soak and comes to the verdict, the totals
and the findings that one soak of all rounds would have come to, and writes the
cases and the record to a folder of their own. The shards' folders are only read.
What is missing of the whole soak is told, and makes it inconclusive.`,
		Example: "  crashsim merge shard-1 shard-2 --artifacts merged",
		Args:    cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := publish.check(); err != nil {
				return err
			}
			return merge(cmd, newOutput(cmd.OutOrStdout(), cmd.ErrOrStderr(), json), dir, args, &publish)
		},
	}
	publish.flag(cmd)
	cmd.Flags().StringVar(&dir, "artifacts", "crashsim-merged", "folder for the cases and the record")
	cmd.Flags().BoolVar(&json, "json", false, "write one JSON object a line: finding, summary")
	return cmd
}

func merge(cmd *cobra.Command, out *output, dir string, folders []string, publish *publisher) error {
	var parts []soak.Part
	for _, name := range folders {
		disk, err := faultfs.OpenOS(name)
		if err != nil {
			return usage("%w: give the artifacts folders of shards", err)
		}
		defer func() { _ = disk.Close() }()
		parts = append(parts, soak.Part{Name: name, Disk: disk})
	}
	m, err := soak.Merge(parts)
	if err != nil {
		return usage("%w", err)
	}
	t, err := targetNamed(m.Target)
	if err != nil {
		return err
	}
	made, err := openArtifacts(dir)
	if err != nil {
		return err
	}
	defer made.done()
	if err := publish.check(); err != nil {
		return err
	}
	first := ""
	for _, f := range m.Totals.Findings {
		path := filepath.Join(dir, soak.CaseFile(m.Header, f))
		if err := writeCase(path, f.Case); err != nil {
			return err
		}
		if first == "" {
			first = path
		}
		tellSoakFinding(out, f, path)
	}
	record := m.Record(t, version())
	if err := publish.keep(cmd, dir, record); err != nil {
		return err
	}
	tellRecord(out, record, m.Totals, reached{m.Totals.Sites(), m.Totals.Branches(), m.Totals.Probes()}, first)
	return exitOfRecord(record)
}
