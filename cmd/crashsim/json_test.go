package main

import (
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"crashsim/crashtest"
)

// fields are what each object has: no more, and none that is missing.
var fields = map[string][]string{
	"start":    {"type", "version", "target", "model", "seed", "ops", "workers", "max_states", "search", "depth", "keep_going", "artifacts"},
	"progress": {"type", "phase", "done", "total", "recoveries", "seconds"},
	"finding":  {"type", "number", "kind", "cause", "seen", "ops", "report", "mend", "case", "reproduce"},
	"summary": {"type", "verdict", "crash_points", "states", "unique_states", "recoveries", "capped", "findings",
		"interrupted", "seconds"},
}

// objects reads a run's output by type: each line is one object, start comes
// first, summary last, and findings stand before it.
func objects(t *testing.T, out string) map[string][]map[string]any {
	t.Helper()
	by := map[string][]map[string]any{}
	var order []string
	for line := range strings.Lines(out) {
		object := map[string]any{}
		if err := json.Unmarshal([]byte(line), &object); err != nil {
			t.Fatalf("%v in line %q", err, line)
		}
		kind, _ := object["type"].(string)
		if got, want := slices.Sorted(maps.Keys(object)), slices.Sorted(slices.Values(fields[kind])); !slices.Equal(got, want) {
			t.Errorf("%q has %q, want %q", kind, got, want)
		}
		by[kind] = append(by[kind], object)
		order = append(order, kind)
	}
	phases := slices.Compact(order)
	want := []string{"start", "progress", "finding", "summary"}
	if by["finding"] == nil {
		want = slices.Delete(want, 2, 3)
	}
	if !slices.Equal(phases, want) || len(by["start"]) != 1 || len(by["summary"]) != 1 {
		t.Errorf("objects come as %q, want %q", phases, want)
	}
	return by
}

func TestJSONOfAFailure(t *testing.T) {
	inEmptyFolder(t)
	a := crashsim(t, "run", "seedstore", "--json", "--ops", "4", "--seed", "3", "--workers", "2", "--depth", "1",
		"--max-states", "5000", "--artifacts", "found")
	if a.code != exitFailed || a.err != "" {
		t.Fatalf("exit %d: %s", a.code, a.err)
	}
	by := objects(t, a.out)
	start := map[string]any{"type": "start", "version": version(), "target": "seedstore", "model": "posix", "seed": 3., "ops": 4.,
		"workers": 2., "max_states": 5000., "search": "auto", "depth": 1., "keep_going": false, "artifacts": "found"}
	if got := by["start"][0]; !reflect.DeepEqual(got, start) {
		t.Errorf("start is\n%v\nwant\n%v", got, start)
	}
	for i, f := range by["finding"] {
		path := f["case"].(string)
		var c crashtest.Case
		if err := c.UnmarshalText([]byte(readFile(t, path))); err != nil {
			t.Fatal(err)
		}
		ops := []any{}
		for _, op := range c.Scenario.Ops {
			ops = append(ops, op)
		}
		want := map[string]any{"type": "finding", "number": float64(i + 1), "kind": string(c.Kind), "report": c.Report,
			"case": path, "reproduce": "crashsim replay " + path, "cause": f["cause"], "seen": f["seen"], "ops": f["ops"], "mend": f["mend"]}
		if !reflect.DeepEqual(f, want) || f["seen"].(float64) < 1 || f["mend"] == "" || f["cause"] == "" {
			t.Errorf("finding is\n%v\nwant\n%v", f, want)
		}
		if got, ok := f["ops"].([]any); !ok || !slices.Equal(got, ops) {
			t.Errorf("ops of a finding are %v, want %v", f["ops"], ops)
		}
	}
	s := by["summary"][0]
	if s["verdict"] != "failed" || s["findings"] != float64(len(by["finding"])) || s["interrupted"] != false {
		t.Errorf("summary is %v, with %d findings", s, len(by["finding"]))
	}
}

func TestJSONOfAPass(t *testing.T) {
	inEmptyFolder(t)
	a := crashsim(t, "run", "--json", "--ops", "3")
	if a.code != exitPassed || a.err != "" {
		t.Fatalf("exit %d: %s", a.code, a.err)
	}
	s := objects(t, a.out)["summary"][0]
	if s["verdict"] != "passed" || s["capped"] != 0. || s["findings"] != 0. || s["interrupted"] != false {
		t.Errorf("summary is %v", s)
	}
	points, states, unique, recoveries := s["crash_points"].(float64), s["states"].(float64), s["unique_states"].(float64), s["recoveries"].(float64)
	if points < 10 || unique < points/2 || states <= unique || recoveries < unique || s["seconds"].(float64) <= 0 {
		t.Errorf("the figures of the summary do not go together: %v", s)
	}
}

func TestJSONOfACap(t *testing.T) {
	inEmptyFolder(t)
	a := crashsim(t, "run", "--json", "--ops", "2", "--max-states", "1")
	s := objects(t, a.out)["summary"][0]
	if a.code != exitInconclusive || s["verdict"] != "inconclusive" || s["capped"].(float64) < 1 {
		t.Errorf("exit %d, summary is %v", a.code, s)
	}
}
