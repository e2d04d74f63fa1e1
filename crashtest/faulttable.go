package crashtest

import (
	"fmt"
	"strconv"
)

// NewFaultRecord makes the record of a run with faults. Who calls it adds what it
// adds to that of [NewRecord].
func NewFaultRecord(t *Target, cfg FaultConfig, r *FaultResult) *Record {
	rec := NewRecord(t, cfg.Config, &r.Result)
	rec.Command = "faults"
	rec.Settings.More = map[string]string{"pairs": strconv.Itoa(cfg.Pairs), "starts": strconv.Itoa(cfg.Starts)}
	rec.Faults = r.table()
	rec.NotSearched = r.notTried(cfg)
	return rec
}

// table has a row for each class of faults, those of disks that lie at the end.
func (r *FaultResult) table() *Table {
	t := &Table{
		Note: "Faults, by what came of each. A disk that lies says that it has stored what it has not, or gives other " +
			"bytes than it has: what it loses is lost on any store, and no failure.",
		Columns: []string{"fault", "tried", "nothing to strike"},
	}
	for _, o := range Outcomes() {
		t.Columns = append(t.Columns, string(o))
	}
	for _, row := range r.Rows {
		name := row.Class
		if row.Lying {
			name = "lying disk: " + name
		}
		cells := []Cell{{Text: name}, {Text: strconv.Itoa(row.Tried)}, {Text: strconv.Itoa(row.Idle)}}
		for _, o := range Outcomes() {
			c := Cell{Text: strconv.Itoa(row.Outcome[o])}
			switch n := row.Outcome[o]; {
			case o == Survived && n > 0:
				c.State = Good
			case o != Survived && n > 0 && (o != LostData || !row.Lying):
				c.State = Bad
			}
			cells = append(cells, c)
		}
		t.Rows = append(t.Rows, cells)
	}
	return t
}

// notTried says what a pass would not cover.
func (r *FaultResult) notTried(cfg FaultConfig) []string {
	var list []string
	if r.Interrupted {
		list = append(list, "All that was to come after the interruption.")
	}
	if r.Capped > 0 {
		list = append(list, fmt.Sprintf("Every disk at %s that left more of them than were to be tried: a sample was.", plural(r.Capped, "cut")))
	}
	if cfg.Plans != nil {
		for _, plan := range r.Missed {
			list = append(list, "This plan, of which a fault never struck: "+plan)
		}
		return append(list, "Any other fault.")
	}
	if r.AllPairs > r.Pairs {
		share := 100 * float64(r.Pairs) / float64(r.AllPairs)
		list = append(list, fmt.Sprintf("All pairs of faults but %d of %d, drawn by the seed: %.2g%%.", r.Pairs, r.AllPairs, share))
	}
	if r.Ways+1 > r.Starts {
		list = append(list, fmt.Sprintf("Faults in recovery from other disks than %d, of %s that it goes.", r.Starts, plural(r.Ways, "way")))
	}
	return append(list, "Other workloads than that of this seed, and other persistence models than "+cfg.Model.Name+".")
}
