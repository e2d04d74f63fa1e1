package crashtest

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"crashsim/faultfs"
)

// ModelsResult is what a target comes to under several persistence models.
type ModelsResult struct {
	Verdict     Verdict
	Runs        []ModelRun // the weakest model first
	Causes      []*Cause
	Interrupted bool
}

// ModelRun is what it comes to under one.
type ModelRun struct {
	Model faultfs.Model
	// Result is nil where a weaker model was gone through and nothing failed:
	// ImpliedBy names it. Every disk that this model allows was then among those.
	Result    *Result
	ImpliedBy string
}

// Cause is one bug, and the models under which it happens.
type Cause struct {
	*Finding        // as the weakest model had it
	Fails    []bool // by model, as in Runs
	// Strongest names those models that allow it, and of which no stronger one
	// does.
	Strongest []string
}

// RunModels explores a target under each model, the weakest first. What held
// everywhere under a weaker one is not gone through again under a stronger, which
// allows a part of the same disks (see [faultfs.Model.Weaker]).
func RunModels(ctx context.Context, t *Target, cfg Config, models []faultfs.Model) (*ModelsResult, error) {
	r := &ModelsResult{}
	tell, before := cfg.Progress, 0
	for _, m := range weakestFirst(models) {
		run := ModelRun{Model: m, ImpliedBy: r.heldBy(m)}
		if run.ImpliedBy == "" && ctx.Err() == nil {
			own := cfg
			own.Model = m
			if tell != nil {
				own.Progress = func(p Progress) {
					p.Phase, p.Recoveries = m.Name+", "+p.Phase, p.Recoveries+before
					tell(p)
				}
			}
			var err error
			if run.Result, err = Run(ctx, t, own); err != nil {
				return nil, err
			}
			before += run.Result.Recoveries
		}
		r.Runs = append(r.Runs, run)
	}
	r.causes()
	r.imply()
	if err := r.fillIn(ctx, t, cfg); err != nil {
		return nil, err
	}
	r.imply()
	for _, c := range r.Causes {
		c.Strongest = r.strongest(c)
	}
	r.Interrupted = ctx.Err() != nil
	r.Verdict = r.verdict()
	return r, nil
}

// weakestFirst puts every model behind those that allow all that it allows.
func weakestFirst(models []faultfs.Model) []faultfs.Model {
	var out []faultfs.Model
	rest := slices.Clone(models)
	for len(rest) > 0 {
		i := slices.IndexFunc(rest, func(m faultfs.Model) bool {
			return !slices.ContainsFunc(rest, func(w faultfs.Model) bool { return w.Name != m.Name && w.Weaker(m) && !m.Weaker(w) })
		})
		out = append(out, rest[i])
		rest = slices.Delete(rest, i, i+1)
	}
	return out
}

// heldBy names a weaker model under which nothing failed, "" if there is none.
func (r *ModelsResult) heldBy(m faultfs.Model) string {
	for _, run := range r.Runs {
		if run.Result != nil && run.Result.Verdict == Passed && run.Model.Weaker(m) {
			return run.Model.Name
		}
	}
	return ""
}

// causes puts the findings of all runs together, one row for one bug.
func (r *ModelsResult) causes() {
	for i, run := range r.Runs {
		if run.Result == nil {
			continue
		}
		for _, f := range run.Result.Findings {
			at := slices.IndexFunc(r.Causes, func(c *Cause) bool { return c.like(f) })
			if at < 0 {
				at = len(r.Causes)
				r.Causes = append(r.Causes, &Cause{Finding: f, Fails: make([]bool, len(r.Runs))})
			}
			r.Causes[at].Fails[i] = true
		}
	}
}

// imply has a cause fail under each model that allows all disks of one under which
// it fails. Its own run may have met it as a part of another.
func (r *ModelsResult) imply() {
	for _, c := range r.Causes {
		for i, run := range r.Runs {
			c.Fails[i] = c.Fails[i] || slices.ContainsFunc(indexes(len(r.Runs)), func(j int) bool {
				return c.Fails[j] && run.Model.Weaker(r.Runs[j].Model)
			})
		}
	}
}

// fillIn tries each cause, in its own small workload, under those models whose own
// run has not come by it: that may have been told as another's part.
func (r *ModelsResult) fillIn(ctx context.Context, t *Target, cfg Config) error {
	for _, c := range r.Causes {
		for i, run := range r.Runs {
			if c.Fails[i] || run.Result == nil || run.Result.Verdict == Passed || ctx.Err() != nil {
				continue
			}
			if c.Fails[i] = len(c.Scenario.Crashes) == 0; c.Fails[i] {
				continue // it needs no crash, and so no model
			}
			own := cfg
			own.Model, own.Progress = run.Model, nil
			small, err := explore(ctx, t, own, c.Scenario.Ops)
			if err != nil {
				return err
			}
			c.Fails[i] = slices.ContainsFunc(small.Findings, c.like)
		}
	}
	return nil
}

// like tells whether two findings are of one bug: the store does the same wrong
// thing, and the crash before it lost something that the same line had asked for,
// or nothing both times.
func (f *Finding) like(g *Finding) bool {
	a, b := f.lostLines(), g.lostLines()
	switch {
	case f.Kind.coarse() != g.Kind.coarse():
		return false
	case len(a) == 0 || len(b) == 0:
		return len(a) == len(b) && f.Cause == g.Cause
	}
	return slices.ContainsFunc(a, func(line string) bool { return slices.Contains(b, line) })
}

// coarse is a kind without a difference that depends on what else was done.
func (k Kind) coarse() Kind {
	if k == Lost {
		return WrongState
	}
	return k
}

// lostLines are the lines that had asked for what the last crash lost.
func (f *Finding) lostLines() (lines []string) {
	if n := len(f.Scenario.Crashes); n > 0 {
		for _, l := range f.Scenario.Crashes[n-1].Lost {
			if frames := l.site.stack.Frames(); len(frames) > 0 {
				lines = append(lines, frames[0].Line)
			}
		}
	}
	return lines
}

func (r *ModelsResult) strongest(c *Cause) (names []string) {
	for i, run := range r.Runs {
		stronger := func(j int) bool {
			o := r.Runs[j].Model
			return c.Fails[j] && run.Model.Weaker(o) && !o.Weaker(run.Model)
		}
		if c.Fails[i] && !slices.ContainsFunc(indexes(len(r.Runs)), stronger) {
			names = append(names, run.Model.Name)
		}
	}
	return names
}

func indexes(n int) []int {
	list := make([]int, n)
	for i := range list {
		list[i] = i
	}
	return list
}

func (r *ModelsResult) verdict() Verdict {
	v := Passed
	for _, run := range r.Runs {
		switch {
		case run.Result == nil && run.ImpliedBy != "":
		case run.Result == nil || run.Result.Verdict == Inconclusive:
			v = Inconclusive
		case run.Result.Verdict == Failed:
			return Failed
		}
	}
	return v
}

// Table shows causes as rows, models as columns, the weakest first.
func (r *ModelsResult) Table() *Table {
	t := &Table{Note: "Each cause, and the models under which it happens: F fails, - holds. The weakest model is on the left.", Columns: []string{"cause"}}
	for _, run := range r.Runs {
		t.Columns = append(t.Columns, run.Model.Name)
	}
	t.Columns = append(t.Columns, "strongest that allows it")
	for i, c := range r.Causes { // which are the findings of [ModelsResult.Total]
		row := []Cell{{Text: fmt.Sprintf("%d. %s", i+1, c.Kind)}}
		for _, fails := range c.Fails {
			if fails {
				row = append(row, Cell{"F", Bad})
			} else {
				row = append(row, Cell{"-", Good})
			}
		}
		t.Rows = append(t.Rows, append(row, Cell{Text: strings.Join(c.Strongest, ", ")}))
	}
	row := []Cell{{Text: "all together"}}
	for _, run := range r.Runs {
		row = append(row, run.cell())
	}
	t.Rows = append(t.Rows, append(row, Cell{}))
	return t
}

func (m *ModelRun) cell() Cell {
	switch {
	case m.ImpliedBy != "":
		return Cell{"holds by " + m.ImpliedBy, Good}
	case m.Result == nil:
		return Cell{"not tried", Open}
	case m.Result.Verdict == Passed:
		return Cell{"holds", Good}
	case m.Result.Verdict == Failed:
		return Cell{"fails", Bad}
	}
	return Cell{"inconclusive", Open}
}

// Says tells in a few words what became of a model.
func (m *ModelRun) Says() string {
	text := m.cell().Text
	if m.Result != nil {
		text += fmt.Sprintf(", recoveries: %d", m.Result.Recoveries)
	}
	return text
}

// Failing names the models under which a cause fails.
func (r *ModelsResult) Failing(c *Cause) (names []string) {
	for i, run := range r.Runs {
		if c.Fails[i] {
			names = append(names, run.Model.Name)
		}
	}
	return names
}

// Record is what a run under several models leaves for those who read of it later.
func (r *ModelsResult) Record(t *Target, cfg Config) *Record {
	rec := NewRecord(t, cfg, r.Total())
	rec.Models, rec.Settings.Models = r.Table(), nil
	for _, run := range r.Runs {
		rec.Settings.Models = append(rec.Settings.Models, run.Model.Name)
	}
	for i, c := range r.Causes {
		rec.Findings[i].Models = r.Failing(c)
	}
	for i, text := range rec.NotSearched {
		if text == otherModels(cfg.Model.Name) {
			rec.NotSearched[i] = otherModels(rec.Settings.Models...)
		}
	}
	return rec
}

// Total is all of it as one result: its findings are the causes.
func (r *ModelsResult) Total() *Result {
	t := &Result{Verdict: r.Verdict, Interrupted: r.Interrupted}
	for _, run := range r.Runs {
		if run.Result == nil {
			continue
		}
		t.Workload = run.Result.Workload
		t.CrashPoints += run.Result.CrashPoints
		t.States += run.Result.States
		t.Unique += run.Result.Unique
		t.Recoveries += run.Result.Recoveries
		t.Capped += run.Result.Capped
		for _, p := range run.Result.Probes {
			i := slices.IndexFunc(t.Probes, func(q Probe) bool { return q.Name == p.Name })
			if i < 0 {
				t.Probes = append(t.Probes, p)
			} else {
				t.Probes[i].Seen += p.Seen
			}
		}
	}
	for _, c := range r.Causes {
		t.Findings = append(t.Findings, c.Finding)
	}
	return t
}
