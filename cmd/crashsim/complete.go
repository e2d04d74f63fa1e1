package main

import (
	"strings"

	"github.com/spf13/cobra"

	"crashsim/crashtest"
	"crashsim/crashtest/report"
	"crashsim/crashtest/soak"
	"crashsim/examples/workerruntime"
	"crashsim/faultfs"
)

// complete tells shells what can stand where: targets, models, formats, files.
func complete(root *cobra.Command) {
	for _, c := range append(root.Commands(), root) {
		switch {
		case c == root || strings.Contains(c.Use, "[TARGET]"):
			c.ValidArgsFunction = completeTarget
		case strings.Contains(c.Use, "DIR...") || strings.Contains(c.Use, "FILE|DIR"):
		case strings.Contains(c.Use, "FILE"):
			c.ValidArgsFunction = func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
				return []string{"case"}, cobra.ShellCompDirectiveFilterFileExt
			}
		case strings.Contains(c.Use, "DIR"):
			c.ValidArgsFunction = func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
				return nil, cobra.ShellCompDirectiveFilterDirs
			}
		}
		var models []string
		for _, m := range faultfs.Models() {
			models = append(models, m.Name+"\t"+m.Doc)
		}
		var profiles, searches []string
		for _, s := range crashtest.Searches() {
			searches = append(searches, string(s))
		}
		for _, p := range soak.Profiles() {
			profiles = append(profiles, p.Name+"\t"+p.Doc)
		}
		for flag, values := range map[string][]string{"model": models, "format": report.Formats(), "profile": profiles, "search": searches} {
			if c.Flags().Lookup(flag) != nil {
				_ = c.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp)) // the flag is there
			}
		}
		if c.Flags().Lookup("artifacts") != nil {
			_ = c.MarkFlagDirname("artifacts")
		}
	}
}

func completeTarget(_ *cobra.Command, args []string, _ string) (list []string, _ cobra.ShellCompDirective) {
	if len(args) == 0 {
		for _, t := range workerruntime.Targets() {
			list = append(list, t.Name+"\t"+t.Doc)
		}
	}
	return list, cobra.ShellCompDirectiveNoFileComp
}
