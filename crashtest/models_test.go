package crashtest_test

import (
	"slices"
	"testing"

	"crashsim/crashtest"
	"crashsim/faultfs"
)

// What holds under the weakest model is not gone through again; a cause is told
// with the models that allow it, and the strongest of them.
func TestRunModels(t *testing.T) {
	names := []string{"ext3-journal", "posix", "ext4-ordered", "posix-weakest"}
	var models []faultfs.Model
	for _, name := range names {
		m, _ := faultfs.ModelNamed(name)
		models = append(models, m)
	}
	cfg := crashtest.Defaults()
	cfg.Ops, cfg.Search, cfg.Depth = 4, crashtest.SearchLazy, 0

	r, err := crashtest.RunModels(t.Context(), toyTarget(flaws{}), cfg, models)
	if err != nil {
		t.Fatal(err)
	}
	var order []string
	implied := 0
	for _, run := range r.Runs {
		order = append(order, run.Model.Name)
		if run.ImpliedBy != "" {
			implied++
		}
	}
	if want := []string{"posix-weakest", "posix", "ext4-ordered", "ext3-journal"}; !slices.Equal(order, want) {
		t.Errorf("models in order %v, want %v", order, want)
	}
	if r.Verdict != crashtest.Passed || implied != 3 {
		t.Errorf("%s, %d held by a weaker one; want passed, 3\n%+v", r.Verdict, implied, r.Causes)
	}

	// The name of the log is not synced: a journal keeps it all the same.
	r, err = crashtest.RunModels(t.Context(), toyTarget(flaws{noDirSync: true}), cfg, models)
	if err != nil {
		t.Fatal(err)
	}
	if r.Verdict != crashtest.Failed || len(r.Causes) != 1 {
		t.Fatalf("%s, %d causes", r.Verdict, len(r.Causes))
	}
	c := r.Causes[0]
	if !slices.Equal(c.Fails, []bool{true, true, false, false}) || !slices.Equal(c.Strongest, []string{"posix"}) {
		t.Errorf("fails %v, strongest %v", c.Fails, c.Strongest)
	}
	if total := r.Total(); total.Verdict != r.Verdict || len(total.Findings) != 1 || total.Recoveries == 0 {
		t.Errorf("%+v", total)
	}
	table := r.Table()
	if len(table.Rows) != 2 || len(table.Rows[0]) != len(table.Columns) || table.Rows[0][3].Text != "-" {
		t.Errorf("%+v", table)
	}
}
