package litmus

import (
	"fmt"
	"slices"
	"strings"

	"crashsim/faultfs"
)

// maxDisks is up to how many images are made for one model at one moment.
const maxDisks = 1 << 16

// Result is the answer to a test.
type Result struct {
	Test    *Test    `json:"test"`
	Models  []string `json:"models"`
	Moments []Moment `json:"moments"` // in order
	// Crash is whenever the power may fail: from the last operation that is marked
	// as returned on, or from the beginning.
	Crash    Moment    `json:"crash"`
	Failures []Failure `json:"failures"`
	Unknown  []Failure `json:"unknown"` // could not be judged: the disks were too many
}

// Moment is a time at which the power fails, with the disks that this leaves.
type Moment struct {
	After  int    `json:"after"`  // operations begun
	During bool   `json:"during"` // and the last of them has not returned
	Rows   []Row  `json:"rows"`
	Count  []int  `json:"count"`  // of disks, by model
	Capped []bool `json:"capped"` // by model: there are too many to be made and listed
}

// Row is one disk, or several that differ in what is in brackets, as text, with the
// models that allow it.
type Row struct {
	Disk    string `json:"disk"`
	Allowed []bool `json:"allowed"`
}

// Failure is an expectation that a model does not meet.
type Failure struct {
	Model   string   `json:"model"`
	Expect  string   `json:"expect"`            // "posix exactly after 2"
	Where   string   `json:"where"`             // file and line
	Missing []string `json:"missing,omitempty"` // disks that should be allowed
	Extra   []string `json:"extra,omitempty"`   // disks that should not
}

// Run answers a test for models.
func Run(t *Test, models []faultfs.Model) (*Result, error) {
	r := &runner{test: t, result: &Result{Test: t, Failures: []Failure{}, Unknown: []Failure{}}}
	if err := r.play(); err != nil {
		return nil, err
	}
	for i := range models {
		r.result.Models = append(r.result.Models, models[i].Name)
		m := models[i]
		if t.Sector > 0 {
			m.Sector = t.Sector
			if m.Block > 0 {
				m.Block = max(m.Block, t.Sector)
			}
		}
		if err := r.walk(m); err != nil {
			return nil, err
		}
	}
	crash := r.fromWhen()
	for i, at := range r.at {
		r.result.Moments = append(r.result.Moments, r.moment(at, r.sets[i:i+1]))
	}
	end := r.at[len(r.at)-1]
	r.result.Crash = r.moment(end, r.sets[crash:])
	r.judge(crash)
	return r.result, nil
}

type runner struct {
	test   *Test
	trace  *faultfs.Trace
	at     []moment
	cuts   []int // offsets in files at which content may change, in order
	result *Result

	sets [][]diskSet // by moment and model
}

// moment is a place in the trace.
type moment struct {
	pos, after int
	during     bool
}

// diskSet are the disks that one model allows at one moment.
type diskSet struct {
	disks  map[string]Disk // by their text
	capped bool
}

// play does the operations on a disk, and learns when the power can fail: between
// two of them, and in one that is more than one thing to the disk.
func (r *runner) play() error {
	disk := faultfs.NewSim()
	for i := range r.test.Setup {
		if err := r.do(disk, &r.test.Setup[i]); err != nil {
			return err
		}
	}
	disk = disk.Fork()
	r.at = []moment{{}}
	for i := range r.test.Run {
		before := disk.Trace().Len()
		if err := r.do(disk, &r.test.Run[i]); err != nil {
			return err
		}
		after := disk.Trace().Len()
		for pos := before + 1; pos < after; pos++ {
			r.at = append(r.at, moment{pos, i + 1, true})
		}
		r.at = append(r.at, moment{after, i + 1, false})
	}
	r.trace = disk.Trace()
	r.sets = make([][]diskSet, len(r.at))
	return nil
}

func (r *runner) do(disk *faultfs.Sim, op *Op) error {
	if err := op.apply(disk); err != nil {
		return fmt.Errorf("%s:%d: %w", r.test.File, op.line, op.refused(err))
	}
	size := int64(0)
	if info, err := disk.Stat(op.Name); err == nil {
		size = info.Size()
	}
	for _, at := range []int64{op.Off, op.Off + op.Size, op.Size, size} {
		r.cuts = append(r.cuts, int(at))
	}
	at := op.Off
	if op.Verb == "append" {
		at = size - int64(len(op.Content.bytes()))
	}
	for _, p := range op.Content {
		r.cuts = append(r.cuts, int(at), int(at+p.N))
		at += p.N
	}
	for at := int64(0); at <= size; at += r.test.sector() {
		r.cuts = append(r.cuts, int(at))
	}
	slices.Sort(r.cuts)
	r.cuts = slices.Compact(r.cuts)
	return nil
}

func (r *runner) walk(m faultfs.Model) error {
	w := r.trace.Walk(m)
	for i, at := range r.at {
		for w.Pos() < at.pos {
			w.Next()
		}
		set, err := r.disksOf(w.Cut())
		if err != nil {
			return err
		}
		r.sets[i] = append(r.sets[i], set)
	}
	return nil
}

func (r *runner) disksOf(c *faultfs.Cut) (diskSet, error) {
	set := diskSet{disks: map[string]Disk{}}
	seen := map[faultfs.Key]bool{}
	made := 0
	for disk := range c.Images() {
		if made++; made > maxDisks {
			set.capped = true
			break
		}
		key := disk.Key()
		if seen[key] {
			continue
		}
		seen[key] = true
		d, err := read(disk, r.cuts)
		if err != nil {
			return set, err
		}
		set.disks[d.whole().text(r.test.sector())] = d
	}
	return set, nil
}

// fromWhen is the first moment at which the power may fail, by the marks.
func (r *runner) fromWhen() int {
	from := 0
	for i, at := range r.at {
		if at.after > 0 && !at.during && r.test.Run[at.after-1].Returned {
			from = i
		}
	}
	return from
}

// moment puts what models allow at some moments side by side.
func (r *runner) moment(at moment, sets [][]diskSet) Moment {
	n := len(r.result.Models)
	m := Moment{After: at.after, During: at.during, Count: make([]int, n), Capped: make([]bool, n)}
	disks, allowed := map[string]Disk{}, map[string][]bool{}
	for i := range n {
		m.Capped[i] = slices.ContainsFunc(sets, func(byModel []diskSet) bool { return byModel[i].capped })
	}
	for _, byModel := range sets {
		for i, set := range byModel {
			if m.Capped[i] {
				continue // a part of them would say nothing
			}
			for text, d := range set.disks {
				if allowed[text] == nil {
					allowed[text] = make([]bool, n)
				}
				allowed[text][i], disks[text] = true, d
			}
		}
	}
	groups := map[string][]Disk{} // by the models that allow them
	for text, d := range disks {
		who := ""
		for i, ok := range allowed[text] {
			if ok {
				m.Count[i]++
			}
			who += fmt.Sprint(ok, " ")
		}
		groups[who] = append(groups[who], d)
	}
	for _, group := range groups {
		slices.SortFunc(group, func(a, b Disk) int { return strings.Compare(a.key(), b.key()) })
		for _, d := range merge(group) {
			row := Row{Disk: d.text(r.test.sector())}
			row.Allowed = allowed[d.expand()[0].whole().text(r.test.sector())]
			m.Rows = append(m.Rows, row)
		}
	}
	slices.SortFunc(m.Rows, func(a, b Row) int { return strings.Compare(a.Disk, b.Disk) })
	return m
}

// judge compares with what was expected.
func (r *runner) judge(crash int) {
	for i := range r.test.Expect {
		e := &r.test.Expect[i]
		for model, name := range r.result.Models {
			if !slices.Contains(e.Models, name) && !slices.Contains(e.Models, "all") {
				continue
			}
			sets := r.sets[crash:]
			if e.After >= 0 {
				at := slices.IndexFunc(r.at, func(m moment) bool { return m.after == e.After && !m.during })
				sets = r.sets[at : at+1]
			}
			r.judgeOne(e, model, sets)
		}
	}
}

func (r *runner) judgeOne(e *Expectation, model int, sets [][]diskSet) {
	got, capped := map[string]bool{}, false
	for _, byModel := range sets {
		capped = capped || byModel[model].capped
		for text := range byModel[model].disks {
			got[text] = true
		}
	}
	f := Failure{Model: r.result.Models[model], Expect: e.String(), Where: fmt.Sprintf("%s:%d", r.test.File, e.line)}
	wanted := map[string]bool{}
	for _, pattern := range e.Disks {
		for _, d := range pattern.expand() {
			wanted[d.whole().text(r.test.sector())] = true
		}
	}
	for text := range wanted {
		switch {
		case e.Kind == Forbids && got[text]:
			f.Extra = append(f.Extra, text)
		case e.Kind != Forbids && !got[text]:
			f.Missing = append(f.Missing, text)
		}
	}
	for text := range got {
		if e.Kind == Exactly && !wanted[text] {
			f.Extra = append(f.Extra, text)
		}
	}
	slices.Sort(f.Missing)
	slices.Sort(f.Extra)
	switch certain := f.Extra != nil || f.Missing != nil && !capped; {
	case certain:
		r.result.Failures = append(r.result.Failures, f)
	case capped && (e.Kind != Allows || f.Missing != nil):
		r.result.Unknown = append(r.result.Unknown, f)
	}
}
