package crashtest

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"crashsim/faultfs"
)

// Case is a failure that can be repeated: what was done, where it was cut, what
// was lost, and what was reported. Its text form is for people to read and to
// keep in a repository:
//
//	crashsim case 1
//	target: seedstore
//	model: posix
//	seed: 7
//	depth: 2
//	failure: the store refuses to open
//	op: event r1 runtime_started - 120
//	crash: workload at 14
//	lost: 12.0
//	last: recovery
//
//	the report, as it was printed
//
// A case with faults has a "plan" as [faultfs.ParsePlan] reads it, says in which
// life it "strikes" (workload, or recovery: the first), and "after: goes on" where
// what it made fail was not asked for again.
//
// A model that is not built in has its text in "rule" lines below its name.
// There is one "op" for each operation of the workload, and one "crash" for each
// crash ("workload", "recovery" or "probes"; "kill" where it is the process that
// ends; "at end" is the end of that life), with its "lost" effects below it. Op
// and crash lines come in their order. A line that is not understood is an error:
// a case that cannot be read is no case that passes.
type Case struct {
	Target   string
	Model    string // by its name
	Rules    string // and by its text, where it is not built in: see [faultfs.ParseModel]
	Seed     uint64 // of the run that found it
	Depth    int    // of that run
	Kind     Kind
	Scenario Scenario
	Report   string
}

// goesOn is said of a caller who does not repeat what a fault made fail.
const goesOn = "goes on"

const caseVersion = "crashsim case 1"

// newCase plays a suspect once more, for its report. A failure that does not
// come again is the harness's or the target's own: nothing is said of the store.
func newCase(t *Target, cfg *Config, s *suspect) (*Case, error) {
	c := &Case{Target: t.Name, Model: cfg.Model.Name, Seed: cfg.Seed, Depth: cfg.Depth,
		Kind: s.failure.Kind, Scenario: s.scenario}
	if _, ok := faultfs.ModelNamed(c.Model); !ok {
		c.Rules = cfg.Model.Text()
	}
	p, err := c.Scenario.play(t, cfg.Model)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", s.failure.Kind, err)
	}
	if p.failure == nil || p.failure.Kind != s.failure.Kind {
		return nil, fmt.Errorf("%w: %q came once and not again", ErrDiverged, s.failure.Kind)
	}
	c.Report = p.report(&c.Scenario)
	return c, nil
}

// Replay carries the case out on a target, and gives the report of what happens
// now: [Case.Report] over again, byte for byte, unless the store or its operations
// have changed. The failure is nil where the store comes through. [ErrDiverged]
// says that the scenario cannot be carried out any more.
func (c *Case) Replay(t *Target) (string, *Failure, error) {
	m, err := c.Rule()
	if err != nil {
		return "", nil, err
	}
	p, err := c.Scenario.play(t, m)
	if err != nil {
		return "", nil, err
	}
	return p.report(&c.Scenario), p.failure, nil
}

// Rule gives the case's persistence model.
func (c *Case) Rule() (faultfs.Model, error) {
	if c.Rules != "" {
		return faultfs.ParseModel(c.Rules)
	}
	m, ok := faultfs.ModelNamed(c.Model)
	if !ok {
		return m, fmt.Errorf("unknown model %q", c.Model)
	}
	return m, nil
}

// Check tells what in the case its target does not know.
func (c *Case) Check(t *Target) error {
	if _, err := c.Rule(); err != nil {
		return err
	}
	for _, op := range c.Scenario.Ops {
		if op == Reopen || t.Check == nil {
			continue
		}
		if err := t.Check(op); err != nil {
			return fmt.Errorf("op %q: %w", op, err)
		}
	}
	return nil
}

// MarshalText gives the text form.
func (c *Case) MarshalText() ([]byte, error) {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s\ntarget: %s\nmodel: %s\n", caseVersion, c.Target, c.Model)
	for line := range strings.Lines(c.Rules) {
		fmt.Fprintf(&b, "rule: %s\n", strings.TrimSuffix(line, "\n"))
	}
	fmt.Fprintf(&b, "seed: %d\ndepth: %d\nfailure: %s\n", c.Seed, c.Depth, c.Kind)
	for _, op := range c.Scenario.Ops {
		fmt.Fprintf(&b, "op: %s\n", op)
	}
	if sc := &c.Scenario; sc.Plan != "" {
		fmt.Fprintf(&b, "plan: %s\nstrikes: %s\n", sc.Plan, sc.Strikes)
		if sc.GoesOn {
			b.WriteString("after: " + goesOn + "\n")
		}
	}
	for _, crash := range c.Scenario.Crashes {
		at := strconv.Itoa(crash.At)
		if crash.At == AtEnd {
			at = "end"
		}
		if crash.Kill {
			at += " kill"
		}
		fmt.Fprintf(&b, "crash: %s at %s\n", crash.In, at)
		for _, l := range crash.Lost {
			fmt.Fprintf(&b, "lost: %d.%d\n", l.At, l.Part)
		}
	}
	fmt.Fprintf(&b, "last: %s\n\n%s", c.Scenario.Last, c.Report)
	return b.Bytes(), nil
}

// UnmarshalText reads the text form. An error names the line.
func (c *Case) UnmarshalText(text []byte) error {
	all := string(text)
	if strings.HasPrefix(all, caseVersion+"\r\n") { // else a line may well end in a carriage return of its own
		all = strings.ReplaceAll(all, "\r\n", "\n")
	}
	head, report, ok := strings.Cut(all, "\n\n")
	lines := strings.Split(head, "\n")
	if lines[0] != caseVersion {
		if strings.HasPrefix(lines[0], "crashsim case ") {
			return fmt.Errorf("line 1: %q is another version than %q: use the crashsim that wrote it", shorten(lines[0]), caseVersion)
		}
		return fmt.Errorf("line 1: not a case file: it would begin with %q", caseVersion)
	}
	if !ok {
		return errors.New("the file ends before its report: an empty line and the report are missing")
	}
	*c = Case{Report: report}
	seen := map[string]bool{}
	for i, line := range lines[1:] {
		key, value, ok := strings.Cut(line, ": ")
		if !ok {
			return fmt.Errorf("line %d: %q is not of the form \"name: value\"", i+2, shorten(line))
		}
		if seen[key] && key != "rule" && key != "op" && key != "crash" && key != "lost" {
			return fmt.Errorf("line %d: a second %q", i+2, key)
		}
		seen[key] = true
		if err := c.field(key, value); err != nil {
			return fmt.Errorf("line %d: %w", i+2, err)
		}
	}
	for _, f := range []struct{ name, value string }{
		{"target", c.Target}, {"model", c.Model}, {"failure", string(c.Kind)}, {"last", string(c.Scenario.Last)},
	} {
		if f.value == "" {
			return fmt.Errorf("there is no line %q before the report", f.name+": ...")
		}
	}
	if c.Rules != "" {
		switch m, err := faultfs.ParseModel(c.Rules); {
		case err != nil:
			return fmt.Errorf("the rules of model %q: %w", c.Model, err)
		case m.Name != c.Model:
			return fmt.Errorf("the rules are of model %q, and the case is of %q", m.Name, c.Model)
		}
	}
	return c.Scenario.check()
}

// check refuses lives in an order in which there are none.
func (sc *Scenario) check() error {
	switch {
	case (sc.Plan == "") != (sc.Strikes == "") || sc.Plan == "" && sc.GoesOn:
		return errors.New("a plan needs the life that it strikes in, and \"after\" needs a plan")
	case sc.Strikes == InProbes:
		return errors.New("a plan strikes in the workload or in recovery")
	case sc.Strikes == InRecovery && len(sc.Crashes) == 0:
		return errors.New("a plan strikes in a recovery, and there is no crash before it")
	}
	for i, crash := range sc.Crashes {
		if (crash.In == InWorkload) != (i == 0) {
			return fmt.Errorf("crash %d is in the %s: the first is in the workload, and none after it", i+1, crash.In)
		}
	}
	if (sc.Last == InWorkload) != (len(sc.Crashes) == 0) {
		return fmt.Errorf("the last life is the %s, after %d crashes: it is the workload where there is none", sc.Last, len(sc.Crashes))
	}
	return nil
}

func (c *Case) field(key, value string) (err error) {
	sc := &c.Scenario
	switch key {
	case "target":
		c.Target = value
	case "model":
		c.Model = value
	case "rule":
		c.Rules += value + "\n"
	case "seed":
		if c.Seed, err = strconv.ParseUint(value, 10, 64); err != nil {
			err = fmt.Errorf("%q is no seed, which is a number from 0 to 2^64-1", value)
		}
	case "depth":
		if c.Depth, err = strconv.Atoi(value); err != nil || c.Depth < 0 {
			err = fmt.Errorf("%q is no depth, which is a number from 0 on", value)
		}
	case "failure":
		if c.Kind = Kind(value); !c.Kind.known() {
			err = fmt.Errorf("%q is no kind of failure", value)
		}
	case "op":
		sc.Ops = append(sc.Ops, value)
	case "plan":
		var plan faultfs.Plan
		if plan, err = faultfs.ParsePlan(value); err == nil && len(plan) == 0 {
			err = errors.New("a plan of no faults")
		}
		sc.Plan = value
	case "strikes":
		sc.Strikes, err = parseLife(value)
	case "after":
		if sc.GoesOn = value == goesOn; !sc.GoesOn {
			err = fmt.Errorf("%q is not %q", value, goesOn)
		}
	case "crash":
		var crash Crash
		crash, err = parseCrash(value)
		sc.Crashes = append(sc.Crashes, crash)
	case "lost":
		if len(sc.Crashes) == 0 {
			return errors.New("lost comes before any crash")
		}
		last := &sc.Crashes[len(sc.Crashes)-1]
		if last.Kill {
			return errors.New("lost in a kill, which loses nothing")
		}
		var l LostEffect
		l, err = parseLost(value)
		last.Lost = append(last.Lost, l)
	case "last":
		sc.Last, err = parseLife(value)
	default:
		err = fmt.Errorf("unknown name %q", key)
	}
	return err
}

func parseLife(s string) (Life, error) {
	switch l := Life(s); l {
	case InWorkload, InRecovery, InProbes:
		return l, nil
	}
	return "", fmt.Errorf("%q is none of workload, recovery, probes", s)
}

func parseCrash(s string) (c Crash, err error) {
	s, c.Kill = strings.CutSuffix(s, " kill")
	in, at, _ := strings.Cut(s, " at ")
	if c.In, err = parseLife(in); err != nil {
		return c, err
	}
	if at == "end" {
		c.At = AtEnd
		return c, nil
	}
	if c.At, err = strconv.Atoi(at); err != nil || c.At < 0 {
		return c, fmt.Errorf("%q is no place in a trace", at)
	}
	return c, nil
}

func parseLost(s string) (l LostEffect, err error) {
	at, part, _ := strings.Cut(s, ".")
	l.At, err = strconv.Atoi(at)
	if err == nil {
		l.Part, err = strconv.Atoi(part)
	}
	if err != nil || l.Part < 0 {
		return l, fmt.Errorf("%q is not of the form OPERATION.EFFECT", s)
	}
	return l, nil
}
