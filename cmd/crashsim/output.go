package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"

	"crashsim/crashtest"
	"crashsim/crashtest/report"
)

// output tells how a run goes: to people as text, with a progress line where
// that is a terminal; or to programs, one JSON object a line.
type output struct {
	out   io.Writer
	json  *json.Encoder // nil: text
	bar   *progressbar.ProgressBar
	tty   io.Writer // nil: no terminal
	phase string
	begin time.Time
	told  time.Time

	samples samples
	unkept  error // the first thing that could not be written
}

func newOutput(out, errOut io.Writer, asJSON bool) *output {
	o := &output{out: out, begin: time.Now()}
	if asJSON {
		o.json = json.NewEncoder(out)
		o.json.SetEscapeHTML(false)
	} else if f, ok := errOut.(*os.File); ok && term.IsTerminal(int(f.Fd())) && os.Getenv("TERM") != "dumb" {
		o.tty = f
	}
	return o
}

func (o *output) printf(format string, args ...any) { _, _ = fmt.Fprintf(o.out, format, args...) }

func (o *output) object(v any) { _ = o.json.Encode(v) }

func (o *output) start(t *crashtest.Target, f *runFlags) {
	if o.json != nil {
		o.object(struct {
			Type      string `json:"type"`
			Version   string `json:"version"`
			Target    string `json:"target"`
			Model     string `json:"model"`
			Seed      uint64 `json:"seed"`
			Ops       int    `json:"ops"`
			Workers   int    `json:"workers"`
			MaxStates int    `json:"max_states"`
			Search    string `json:"search"`
			Depth     int    `json:"depth"`
			KeepGoing bool   `json:"keep_going"`
			Artifacts string `json:"artifacts"`
		}{"start", version(), t.Name, f.modelNames(), f.Seed, f.Ops, f.Workers, f.MaxStates, string(f.Search), f.Depth, f.KeepGoing, f.artifacts})
		return
	}
	o.printf("crashsim %s\n", version())
	o.printf("target %s: %s\n", t.Name, t.Doc)
	o.printf("seed %d, ops %d, workers %d, max-states %d, search %s, depth %d, model %s, artifacts %s\n\n",
		f.Seed, f.Ops, f.Workers, f.MaxStates, f.Search, f.Depth, f.modelNames(), f.artifacts)
}

// progress is called by the run. JSON has one object a second at most.
func (o *output) progress(p crashtest.Progress) {
	o.samples.add(crashtest.Sample{Seconds: time.Since(o.begin).Seconds(), Recoveries: p.Recoveries})
	switch {
	case o.json != nil:
		if p.Phase == o.phase && time.Since(o.told) < time.Second {
			return
		}
		o.told = time.Now()
		o.object(struct {
			Type       string  `json:"type"`
			Phase      string  `json:"phase"`
			Done       int     `json:"done"`
			Total      int     `json:"total"`
			Recoveries int     `json:"recoveries"`
			Seconds    float64 `json:"seconds"`
		}{"progress", p.Phase, p.Done, p.Total, p.Recoveries, time.Since(o.begin).Seconds()})
	case o.tty != nil:
		if p.Phase != o.phase {
			o.endProgress()
			o.bar = progressbar.NewOptions(p.Total, progressbar.OptionSetWriter(o.tty), progressbar.OptionClearOnFinish(), progressbar.OptionSetTheme(progressbar.ThemeASCII),
				progressbar.OptionSetWidth(24), progressbar.OptionThrottle(100*time.Millisecond), progressbar.OptionSetPredictTime(false))
		}
		o.bar.Describe(fmt.Sprintf("%s, %s recoveries", p.Phase, thousands(p.Recoveries)))
		_ = o.bar.Set(p.Done)
	}
	o.phase = p.Phase
}

func (o *output) endProgress() {
	if o.bar != nil {
		_ = o.bar.Clear()
		o.bar = nil
	}
}

func (o *output) finding(n, of int, f *crashtest.Finding, mend *crashtest.Mend, path string) {
	if o.json != nil {
		how, repeat := "", ""
		if path != "" {
			repeat = report.Replay(path)
		}
		if mend != nil {
			how = mend.String()
		}
		o.object(struct {
			Type      string   `json:"type"`
			Number    int      `json:"number"`
			Kind      string   `json:"kind"`
			Cause     string   `json:"cause"` // as a soak's findings have it
			Seen      int      `json:"seen"`
			Ops       []string `json:"ops"`
			Report    string   `json:"report"`
			Mend      string   `json:"mend,omitempty"`
			Case      string   `json:"case"`
			Reproduce string   `json:"reproduce"`
		}{"finding", n, string(f.Kind), f.Cause, f.Seen, f.Scenario.Ops, f.Report, how, path, repeat})
		return
	}
	o.printf("FINDING %d of %d, seen %s: %s", n, of, times(f.Seen), f.Report)
	if mend != nil {
		o.printf("  to mend it: %s\n", mend)
	}
	if path != "" { // else it could not be written
		o.printf("  case: %s\n", path)
	}
	o.printf("\n")
}

func (o *output) summary(r *crashtest.Result, record *crashtest.Record, took time.Duration, reproduce string) {
	if o.json != nil {
		o.object(struct {
			Type        string  `json:"type"`
			Verdict     string  `json:"verdict"`
			CrashPoints int     `json:"crash_points"`
			States      int     `json:"states"`
			Unique      int     `json:"unique_states"`
			Recoveries  int     `json:"recoveries"`
			Capped      int     `json:"capped"`
			Findings    int     `json:"findings"`
			Interrupted bool    `json:"interrupted"`
			Seconds     float64 `json:"seconds"`
		}{"summary", string(r.Verdict), r.CrashPoints, r.States, r.Unique, r.Recoveries, r.Capped, len(r.Findings), r.Interrupted, took.Seconds()})
		return
	}
	o.printf("%s: %s\n", strings.ToUpper(string(r.Verdict)), plural(len(r.Findings), "finding"))
	o.printf("%d operations, %s crash points, %s states, %s unique, %s recoveries, %d capped, %.1f s\n", len(r.Workload),
		thousands(r.CrashPoints), thousands(r.States), thousands(r.Unique), thousands(r.Recoveries), r.Capped, took.Seconds())
	for _, line := range record.NotSearched {
		o.printf("not searched: %s\n", line)
	}
	if r.Capped > 0 {
		o.printf("capped: %d cuts leave more disks than --max-states, or than are tried once a failure is known; of these a sample was tried\n", r.Capped)
	}
	if r.Interrupted {
		o.printf("interrupted: the figures are of what was explored until then\n")
	}
	if reproduce != "" {
		o.printf("REPRODUCE: %s\n", report.Replay(reproduce))
	}
}

// leave writes the case of a finding into the artifacts folder, and gives its path: ""
// where it could not, which is told at the end, since what was found is to be told.
func (o *output) leave(dir string, note *crashtest.FindingNote, c *crashtest.Case) (path string) {
	path = filepath.Join(dir, note.Case)
	if err := writeCase(path, c); err != nil {
		o.keep(err)
		note.Case = ""
		return ""
	}
	return path
}

// keep remembers the first thing that could not be written.
func (o *output) keep(err error) {
	if o.unkept == nil {
		o.unkept = err
	}
}

// exit is how a command ends that comes to a verdict, and may not have kept all of it.
func (o *output) exit(verdict error) error {
	if o.unkept == nil {
		return verdict
	}
	code := exitBroken
	if exit := (*exitError)(nil); errors.As(verdict, &exit) {
		code = exit.code
	}
	return &exitError{code, fmt.Errorf("not all of this is kept: %w", o.unkept)}
}

func times(n int) string {
	if n == 1 {
		return "once"
	}
	return thousands(n) + " times"
}

func thousands(n int) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
