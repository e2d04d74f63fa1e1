package soak

import (
	"fmt"
	"slices"
	"strings"

	"crashsim/crashtest"
)

// Record is what a soak leaves for those who read of it later.
func (s *Soak) Record(crashsim string) *crashtest.Record {
	st := s.Status()
	s.mu.Lock()
	defer s.mu.Unlock()
	r := record(s.target, s.header, s.totals)
	r.Command, r.Crashsim, r.Seconds = "soak", crashsim, st.Elapsed.Seconds()
	r.Settings.Workers = s.cfg.Workers
	if s.header.Shards > 1 {
		r.NotSearched = append(r.NotSearched, fmt.Sprintf("The rounds of the other %s: crashsim merge puts them together.", plural(s.header.Shards-1, "shard")))
	}
	switch {
	case st.Why == EndInterrupted || !st.Done:
		r.Interrupted = true
		r.NotSearched = append(r.NotSearched, "All that was to come after the interruption: crashsim soak --resume goes on.")
	case st.Why == EndFinding:
		r.NotSearched = append(r.NotSearched, "All that was to come after the first finding.")
	}
	r.Verdict = s.totals.Verdict()
	if r.Interrupted && r.Verdict == crashtest.Passed {
		r.Verdict = crashtest.Inconclusive
	}
	return r
}

// Record is what shards came to together.
func (m *Merged) Record(t *crashtest.Target, crashsim string) *crashtest.Record {
	r := record(t, m.Header, m.Totals)
	r.Command, r.Crashsim, r.Seconds = "merge", crashsim, m.Totals.Elapsed.Seconds()
	r.NotSearched = append(r.NotSearched, m.Missing...)
	r.Verdict = m.Totals.Verdict()
	if len(m.Missing) > 0 && r.Verdict == crashtest.Passed {
		r.Verdict = crashtest.Inconclusive
	}
	return r
}

func record(t *crashtest.Target, h *Header, totals *Totals) *crashtest.Record {
	r := &crashtest.Record{
		Format: crashtest.RecordFormat, Version: crashtest.RecordVersion, Began: h.Began,
		Target: t.Name, TargetDoc: t.Doc,
		Settings: crashtest.Settings{
			Models: h.Models, Seed: h.Seed, MaxStates: h.MaxStates, KeepGoing: h.KeepGoing,
			More: map[string]string{"profile": h.Profile, "faults": h.FaultShare()},
		},
		Counters: crashtest.Counters{
			Rounds: totals.Rounds, Ops: totals.Ops, CrashPoints: totals.CrashPoints, States: totals.States,
			Unique: totals.Unique, Recoveries: totals.Recoveries, Capped: totals.Capped,
		},
		Findings: []crashtest.FindingNote{}, NotSearched: notSearched(h, totals), Environment: crashtest.Here(),
		Throughput: slices.Clone(totals.Samples),
	}
	r.Probes = []crashtest.Probe{{Name: "call sites of the store", Seen: totals.Sites()}, {Name: "ways of recovery behind them", Seen: totals.Branches()},
		{Name: "different losses with what recovery did about them", Seen: totals.Probes()}}
	if h.Faults > 0 {
		r.Probes = append(r.Probes, crashtest.Probe{Name: "faults", Seen: totals.Faults})
	}
	for _, m := range h.Models {
		r.Probes = append(r.Probes, crashtest.Probe{Name: "rounds under " + m, Seen: totals.Models[m]})
	}
	for _, f := range totals.Findings {
		r.Findings = append(r.Findings, crashtest.FindingNote{
			Number: f.Number, Kind: f.Case.Kind, Sentence: f.sentence(t), Seen: f.Seen, Case: CaseFile(h, f), Models: f.Case.AllowedBy(t),
		})
	}
	return r
}

func (f *Finding) sentence(t *crashtest.Target) string {
	if f.Sentence == "" {
		f.Sentence = f.Case.Sentence(t)
	}
	return f.Sentence
}

// FaultShare says which of the rounds are ones of faults.
func (h *Header) FaultShare() string {
	switch h.Faults {
	case 0:
		return "no round"
	case 1:
		return "each round"
	}
	return fmt.Sprintf("one round in %d", h.Faults)
}

func notSearched(h *Header, totals *Totals) []string {
	var list []string
	if totals.Capped > 0 {
		list = append(list, fmt.Sprintf("Every disk at %s in %s that left more of them than were to be tried: a sample was.",
			plural(totals.Capped, "cut"), plural(totals.CappedIn, "round")))
	}
	if totals.OutOfMemory > 0 {
		list = append(list, fmt.Sprintf("The rest of %s that took more memory than the soak may have.", plural(totals.OutOfMemory, "round")))
	}
	if len(totals.Findings) > 0 && !h.KeepGoing {
		list = append(list, "In a round that fails: more than a sample of disks at a cut, crashes inside recovery, killed processes.")
	}
	list = append(list, crashtest.OtherKills)
	if totals.Faults == 0 {
		list = append(list, "Disks that fail: no round was one of faults.")
	} else {
		list = append(list, "Goroutines that are left running after a fault: crashsim faults looks for them.")
	}
	return append(list,
		"Other workloads than those of this seed's rounds.",
		fmt.Sprintf("Other persistence models than %s.", strings.Join(h.Models, ", ")),
	)
}
