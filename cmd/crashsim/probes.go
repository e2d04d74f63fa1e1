package main

import (
	"fmt"
	"os"
	"strings"
)

// readProbes reads the names of probes that have to fire, one a line; "#" begins a
// remark. Without a file there are none.
func readProbes(path string) ([]string, error) {
	if path == "" {
		return nil, nil
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, usage("--probes: %w: give a file of probes, as they stand in the %s of a run", err, recordFile)
	}
	var names []string
	for i, line := range strings.Split(string(text), "\n") {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		if !strings.HasPrefix(line, "lost ") || !strings.Contains(line, "; recovery: ") {
			return nil, usage("--probes: %s:%d: %q is no probe, as they stand in the %s of a run: lost WHAT; recovery: WHAT", path, i+1, line, recordFile)
		}
		names = append(names, line)
	}
	if len(names) == 0 {
		return nil, usage("--probes: %s has no probe in it", path)
	}
	return names, nil
}

// never tells the probes that have not fired.
func (o *output) never(names []string) {
	for _, name := range names {
		if o.json != nil {
			o.object(struct {
				Type string `json:"type"`
				Name string `json:"name"`
			}{"never", name})
			continue
		}
		o.printf("NEVER: %s\n", name)
	}
	if len(names) > 0 && o.json == nil {
		o.printf("%s: the run tried less than it should have\n\n", fmt.Sprintf("%d probes have not fired", len(names)))
	}
}
