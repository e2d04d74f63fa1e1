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

// completion is cobra's command, but for a shell that it does not know.
func completion(root *cobra.Command) {
	root.InitDefaultCompletionCmd()
	for _, c := range root.Commands() {
		if c.Name() != "completion" {
			continue
		}
		c.Args, c.RunE = cobra.ArbitraryArgs, func(c *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usage("%q is no shell that completion is for; see: crashsim completion", args[0])
			}
			return c.Help()
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
