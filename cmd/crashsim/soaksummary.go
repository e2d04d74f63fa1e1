package main

import (
	"fmt"
	"strings"
	"time"

	"crashsim/crashtest"
	"crashsim/crashtest/report"
	"crashsim/crashtest/soak"
)

// figures are what a person wants to know of a soak, in a few words each.
func figures(st *soak.Status) []string {
	rounds := plural(st.Rounds, "round")
	if st.OfRounds > 0 {
		rounds = fmt.Sprintf("%s of %s rounds", thousands(st.Rounds), thousands(st.OfRounds))
	}
	if st.Waiting > 0 {
		rounds += fmt.Sprintf(" and %s behind one under way", thousands(st.Waiting))
	}
	list := []string{
		rounds,
		fmt.Sprintf("%s states, %s/s, %s unique", thousands(st.States), thousands(int(st.PerSecond())), share(st.Unique, st.States)),
		thousands(st.Recoveries) + " recoveries",
		thousands(st.Capped) + " capped",
		plural(st.Faults, "fault"),
		plural(st.Sites, "site"),
		plural(st.Probes, "probe") + " fired",
		plural(len(st.Findings), "finding"),
		inBytes(st.Memory),
	}
	if st.Left >= 0 {
		list = append(list, span(st.Left)+" left")
	}
	return list
}

func share(part, whole int) string {
	if whole == 0 {
		return "0%"
	}
	return fmt.Sprintf("%.0f%%", 100*float64(part)/float64(whole))
}

// reached is how much of a store a soak came by.
type reached struct{ sites, branches, probes int }

// tellRecord tells the verdict of a soak or of merged shards, and what was not
// searched.
func tellRecord(o *output, r *crashtest.Record, t *soak.Totals, seen reached, first string) {
	took := time.Duration(r.Seconds * float64(time.Second))
	if o.json != nil {
		o.object(struct {
			Type        string   `json:"type"`
			Verdict     string   `json:"verdict"`
			Rounds      int      `json:"rounds"`
			Ops         int      `json:"ops"`
			CrashPoints int      `json:"crash_points"`
			States      int      `json:"states"`
			Unique      int      `json:"unique_states"`
			Recoveries  int      `json:"recoveries"`
			Capped      int      `json:"capped"`
			Faults      int      `json:"faults"`
			OutOfMemory int      `json:"out_of_memory_rounds"`
			Sites       int      `json:"sites"`
			Branches    int      `json:"branches"`
			Probes      int      `json:"probes"`
			Findings    int      `json:"findings"`
			NotSearched []string `json:"not_searched"`
			Interrupted bool     `json:"interrupted"`
			Seconds     float64  `json:"seconds"`
		}{"summary", string(r.Verdict), t.Rounds, t.Ops, t.CrashPoints, t.States, t.Unique, t.Recoveries, t.Capped, t.Faults, t.OutOfMemory,
			seen.sites, seen.branches, seen.probes, len(t.Findings), r.NotSearched, r.Interrupted, r.Seconds})
		return
	}
	if len(t.Findings) > 0 {
		o.printf("findings by cause:\n")
		for i, f := range t.Findings {
			o.printf("  %d. %s\n     in %s, seen %s, first in round %d: %s\n", f.Number, r.Findings[i].Sentence,
				plural(f.Rounds, "round"), times(f.Seen), f.Round, r.Findings[i].Case)
		}
		o.printf("\n")
	}
	o.printf("%s: %s\n", strings.ToUpper(string(r.Verdict)), plural(len(t.Findings), "finding"))
	o.printf("%s, %s, %s crash points, %s states, %s unique, %s recoveries, %s capped, %s, %s, %s fired, %s\n",
		plural(t.Rounds, "round"), plural(t.Ops, "operation"), thousands(t.CrashPoints), thousands(t.States), thousands(t.Unique),
		thousands(t.Recoveries), thousands(t.Capped), plural(t.Faults, "fault"), plural(seen.sites, "site"), plural(seen.probes, "probe"), span(took))
	o.printf("not searched:\n")
	for _, text := range r.NotSearched {
		o.printf("  - %s\n", text)
	}
	if first != "" {
		o.printf("REPRODUCE: %s\n", report.Replay(first))
	}
}
