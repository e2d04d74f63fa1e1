package crashtest

import (
	"fmt"
	"strings"
)

// Valid tells in one line what a target lacks: a Name, Open, Model or Generate. Run and
// its like ask it; those that give no error, [CarryOut] among them, panic with it.
func (t *Target) Valid() error {
	lacks := func(what, why string) error {
		return fmt.Errorf("crashtest: target %q has no %s: %s", t.Name, what, why)
	}
	switch {
	case strings.TrimSpace(t.Name) == "" || strings.ContainsAny(t.Name, "\r\n/"):
		return fmt.Errorf("crashtest: a target is called %q: give it a Name that a line and a file can begin with", t.Name)
	case t.Open == nil:
		return lacks("Open", "give the function that opens the store on a disk")
	case t.Model == nil || t.Model() == nil:
		return lacks("Model", "give a function that makes the reference that the store is held against")
	case t.Generate == nil:
		return lacks("Generate", "give a function that makes a workload")
	}
	return nil
}

// valid tells in one line what is wrong with a configuration.
func (c *Config) valid() error {
	for _, f := range []struct {
		field     string
		value, lo int
	}{{"Ops", c.Ops, 0}, {"Workers", c.Workers, 1}, {"MaxStates", c.MaxStates, 1}, {"Whole", c.Whole, 0}, {"Depth", c.Depth, 0}} {
		if f.value < f.lo {
			return fmt.Errorf("crashtest: Config.%s is %d: give at least %d, or begin with Defaults", f.field, f.value, f.lo)
		}
	}
	if c.Model.Sector <= 0 {
		return fmt.Errorf("crashtest: Config.Model %q has no sector: give one of faultfs.Models, or begin with Defaults", c.Model.Name)
	}
	if _, err := SearchNamed(string(c.Search)); err != nil {
		return fmt.Errorf("crashtest: Config.Search %w", err)
	}
	return nil
}

// workload draws the one of a configuration, once that and the target were looked at.
func (t *Target) workload(c *Config) ([]string, error) {
	if err := t.Valid(); err != nil {
		return nil, err
	}
	if err := c.valid(); err != nil {
		return nil, err
	}
	ops := t.Generate(Seeded(derive(c.Seed, 1)), c.Ops)
	if len(ops) == 0 && c.Ops > 0 {
		return nil, fmt.Errorf("crashtest: target %q: Generate gave no operation of the %d that it was asked for: there is nothing to test", t.Name, c.Ops)
	}
	for i, op := range ops {
		if strings.ContainsAny(op, "\r\n") {
			return nil, fmt.Errorf("crashtest: target %q: operation %d of Generate is %q: give each in one line", t.Name, i+1, op)
		}
	}
	return ops, nil
}
