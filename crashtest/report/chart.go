package report

import (
	"fmt"
	"strings"

	"crashsim/crashtest"
)

// A chart is one count over time, as the points of a line.
type chart struct {
	Name, Last, Time string
	Points           string // of an SVG polyline
	Alt              string
}

const (
	chartWidth  = 300
	chartHeight = 60
)

// charts gives one for each count that a record has.
func charts(r *crashtest.Record) (list []chart) {
	all := r.Throughput
	if len(all) < 2 {
		return nil
	}
	for _, c := range []struct {
		name string
		of   func(*crashtest.Sample) int64
	}{
		{"rounds", func(s *crashtest.Sample) int64 { return int64(s.Rounds) }},
		{"states", func(s *crashtest.Sample) int64 { return int64(s.States) }},
		{"unique states", func(s *crashtest.Sample) int64 { return int64(s.Unique) }},
		{"recoveries", func(s *crashtest.Sample) int64 { return int64(s.Recoveries) }},
		{"findings", func(s *crashtest.Sample) int64 { return int64(s.Findings) }},
		{"heap bytes", func(s *crashtest.Sample) int64 { return s.HeapBytes }},
	} {
		most := int64(0)
		for i := range all {
			most = max(most, c.of(&all[i]))
		}
		if most == 0 {
			continue
		}
		end := max(all[len(all)-1].Seconds, 1e-9)
		var b strings.Builder
		for i := range all {
			fmt.Fprintf(&b, "%.1f,%.1f ", all[i].Seconds/end*chartWidth, chartHeight-float64(c.of(&all[i]))/float64(most)*chartHeight)
		}
		last := c.of(&all[len(all)-1])
		list = append(list, chart{
			Name: c.name, Last: thousands(int(last)), Time: fmt.Sprintf("%.0f s", end), Points: strings.TrimSpace(b.String()),
			Alt: fmt.Sprintf("%s: %s after %.0f s, %s at most", c.name, thousands(int(last)), end, thousands(int(most))),
		})
	}
	return list
}
