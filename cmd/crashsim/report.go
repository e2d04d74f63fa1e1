package main

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"crashsim/crashtest"
	"crashsim/crashtest/report"
)

func reportCommand() *cobra.Command {
	output, format := "", ""
	cmd := &cobra.Command{
		Use:   "report FILE|DIR",
		Short: "show a run or a finding as a page, as Markdown or as text",
		Long: `Report shows the record of a run with all its findings, from its artifacts folder
or its run.json, or one finding, from its case file. Each finding is carried out
once more, so that its timeline is of the store as it is now.

As HTML it is one file that needs nothing else: it can be mailed, attached, and
read on a phone. Without -o it goes to standard output, as text.`,
		Example: `  crashsim report crashsim-out -o out.html
  crashsim report crashsim-out/seedstore-1-01.case --format md`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			kind, err := formatOf(format, output)
			if err != nil {
				return err
			}
			doc, err := readDoc(args[0])
			if err != nil {
				return err
			}
			var b bytes.Buffer
			if err := report.Write(&b, doc, kind); err != nil {
				return &exitError{exitBroken, err}
			}
			if output == "" {
				_, err = cmd.OutOrStdout().Write(b.Bytes())
				return err
			}
			return writeWhole(output, b.Bytes())
		},
	}
	cmd.Flags().StringVarP(&output, "output", "o", "", "file to write (default: standard output)")
	cmd.Flags().StringVar(&format, "format", "", "html, md or text (default: by the ending of --output, else text)")
	return cmd
}

func formatOf(format, output string) (string, error) {
	if format == "" {
		var ok bool
		ending := strings.ToLower(filepath.Ext(output))
		if format, ok = map[string]string{".html": "html", ".htm": "html", ".md": "md", ".txt": "text", "": "text"}[ending]; !ok {
			return "", usage("--output %s: no format goes by %s: give --format %s", output, ending, strings.Join(report.Formats(), ", "))
		}
	}
	if !slices.Contains(report.Formats(), format) {
		return "", usage("--format %s: give one of %s", format, strings.Join(report.Formats(), ", "))
	}
	return format, nil
}

// readDoc reads a case, or the record of a run with its cases.
func readDoc(path string) (*report.Doc, error) {
	d := &report.Doc{Version: version()}
	info, err := os.Stat(path)
	if err == nil && !info.IsDir() && filepath.Ext(path) != filepath.Ext(recordFile) {
		f, err := readFinding(path)
		if err != nil {
			return nil, err
		}
		if note := noteOf(path); note.Kind != "" {
			f.FindingNote = note
		}
		d.Findings = []report.Finding{*f}
		return d, nil
	}
	if d.Record, err = readRecord(path); err != nil {
		return nil, err
	}
	dir := path
	if info, err := os.Stat(path); err == nil && !info.IsDir() {
		dir = filepath.Dir(path)
	}
	for _, note := range d.Record.Findings {
		f := &report.Finding{Case: &crashtest.Case{Kind: note.Kind, Target: d.Record.Target, Model: strings.Join(note.Models, ", "), Seed: d.Record.Settings.Seed}}
		file := filepath.Join(dir, filepath.FromSlash(note.Case))
		if read, err := readFinding(file); err == nil {
			f = read
		} else {
			f.File, f.Why = file, "Its case cannot be read: "+err.Error()+"."
		}
		f.FindingNote = note
		d.Findings = append(d.Findings, *f)
	}
	return d, nil
}

// noteOf finds what the record beside a case says of it, if there is one.
func noteOf(path string) crashtest.FindingNote {
	if r, err := readRecord(filepath.Dir(path)); err == nil {
		for _, note := range r.Findings {
			if note.Case == filepath.Base(path) {
				note.Number = 0 // it stands alone here
				return note
			}
		}
	}
	return crashtest.FindingNote{}
}

// readFinding reads a case and carries it out. One that cannot be is shown as it
// was printed.
func readFinding(path string) (*report.Finding, error) {
	c, err := parseCase(path)
	if err != nil {
		return nil, err
	}
	return tellCase(c, path), nil
}

func tellCase(c *crashtest.Case, path string) *report.Finding {
	f := &report.Finding{File: path, Case: c}
	t, err := targetOf(c)
	if err != nil {
		f.Why, f.Foreign = "It is not carried out here, since this crashsim does not know it: "+err.Error()+".", true
		return f
	}
	f.Story, err = c.Tell(t)
	switch {
	case errors.Is(err, crashtest.ErrDiverged):
		f.Why = "It cannot be carried out as it is: " + err.Error() + ". To look for it anew: crashsim shrink " + path
	case err != nil:
		f.Why = err.Error()
	default:
		f.Models = c.AllowedBy(t)
	}
	return f
}
