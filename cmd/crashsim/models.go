package main

import (
	"errors"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"crashsim/crashtest"
	"crashsim/faultfs"
)

// modelsNamed gives the models of a list, all built-in ones for "all". What is no
// model's name is taken for a file with one.
func modelsNamed(list string) ([]faultfs.Model, error) {
	if list == "all" {
		return faultfs.Models(), nil
	}
	var models []faultfs.Model
	for name := range strings.SplitSeq(list, ",") {
		m, ok := faultfs.ModelNamed(name)
		if !ok {
			var err error
			if m, err = readModel(name); err != nil {
				return nil, err
			}
		}
		if slices.ContainsFunc(models, func(o faultfs.Model) bool { return o.Name == m.Name }) {
			return nil, usage("--model %s: %s is in it twice: give each once", list, m.Name)
		}
		models = append(models, m)
	}
	return models, nil
}

func (f *runFlags) modelNames() string {
	var names []string
	for _, m := range f.models {
		names = append(names, m.Name)
	}
	return strings.Join(names, ", ")
}

func readModel(name string) (faultfs.Model, error) {
	text, err := os.ReadFile(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return faultfs.Model{}, usage("unknown model %q: see crashsim list, or give a file with one", name)
	case err != nil:
		return faultfs.Model{}, usage("--model: %w: give a model's name, or a file with its rules", err)
	}
	m, err := faultfs.ParseModel(string(text))
	if err != nil {
		return m, usage("%s: %w; see docs/models.md", name, err)
	}
	return m, nil
}

// runModels is run under several models. The canary has sung under the first.
func (f *runFlags) runModels(cmd *cobra.Command, target *crashtest.Target, out *output) error {
	result, err := crashtest.RunModels(cmd.Context(), target, f.Config, f.models)
	out.endProgress()
	if err != nil {
		return &exitError{exitBroken, err}
	}
	total := result.Total()
	record := result.Record(target, f.Config)
	out.models(result)
	return f.tell(cmd, target, out, total, record)
}

// models prints the table: a letter for each model, causes below.
func (o *output) models(r *crashtest.ModelsResult) {
	if o.json != nil {
		o.object(struct {
			Type  string           `json:"type"`
			Table *crashtest.Table `json:"table"`
		}{"models", r.Table()})
		return
	}
	letters := ""
	for i, run := range r.Runs {
		letters += string(rune('a' + i))
		o.printf("  %c  %-20s %s\n", 'a'+i, run.Model.Name, run.Says())
	}
	if len(r.Causes) > 0 {
		o.printf("\ncauses, and the models under which each fails (F) or holds (-)\n")
		o.printf("      %s  strongest model that allows it\n", letters)
	}
	for i, c := range r.Causes {
		row := ""
		for _, fails := range c.Fails {
			if fails {
				row += "F"
			} else {
				row += "-"
			}
		}
		o.printf("  %2d  %s  %s: %s\n", i+1, row, strings.Join(c.Strongest, ", "), c.Kind)
	}
	o.printf("\n")
}
