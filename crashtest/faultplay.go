package crashtest

import (
	"fmt"
	"runtime"
	"strings"

	"crashsim/faultfs"
)

// faultPlay is what a play of a scenario with faults knows beside its lives.
type faultPlay struct {
	begin *faultStart
	life  *faultLife
}

// faulty makes a play one of a scenario with faults.
func (p *play) faulty(sc *Scenario) error {
	plan, err := faultfs.ParsePlan(sc.Plan)
	if err != nil {
		return err
	}
	plain := p.target.apply(faultfs.NewSim(), p.target.Model(), sc.Ops, false, p.in)
	ref := newRefGraph(p.in)
	for _, m := range plain.models {
		ref.state(m)
	}
	p.faults = &faultPlay{begin: &faultStart{
		target: p.target, ref: ref, model: p.model, plan: plan, goesOn: sc.GoesOn,
		plain: plain.states, truth: newTruthLines(p.in, plain.states),
	}}
	return nil
}

// suffer lives a life with faults.
func (p *play) suffer(sim *faultfs.Sim, set refSet, ops []string) {
	if len(p.cuts) > 0 {
		p.faults.begin.closed = len(p.lost[0]) == 0 && p.cuts[0].At == p.lives[0].trace.Len()
	}
	fresh := faultfs.NewSim
	if len(p.cuts) > 0 {
		begin := sim.Fork()
		fresh = begin.Fork
	}
	before := runtime.NumGoroutine()
	l := p.faults.begin.live(sim, set, ops)
	if l.failed == nil && !settled(before) && leavesGoroutine(func() { p.faults.begin.live(fresh(), set, ops) }) {
		l.failed = leftRunning()
	}
	p.faults.life = l
	p.lives = append(p.lives, p.faults.life.session)
}

// judgeLeft judges the last life where it was on a disk that faults have left.
func (p *play) judgeLeft() {
	l, life := p.faults.life, p.life()
	p.failure, _ = l.judgeLeft(l.left(), p.faults.begin.truth, p.in, l.armed.Struck(), life.shown, life.failed, life.noticed, p.allowed)
}

// missed names the faults of the plan that did not strike.
func (p *play) missed() string {
	if p.faults == nil || p.faults.life == nil {
		return ""
	}
	var list []string
	for _, f := range p.faults.life.armed.Missed() {
		list = append(list, f.String())
	}
	return strings.Join(list, "; ")
}

func (p *play) tellFaults(b *strings.Builder, sc *Scenario, i int, life *session) {
	cut := life.trace.Len()
	if i < len(p.cuts) {
		cut = p.cuts[i].At
	}
	if sc.Strikes == InRecovery {
		b.WriteString("  the store is opened on what is left, on a disk with faults: " + sc.Plan + "\n")
	} else {
		fmt.Fprintf(b, "  the workload, %s, on a disk with faults: %s\n", plural(len(life.ops), "operation"), sc.Plan)
	}
	for _, t := range life.tales {
		if t.at <= cut {
			fmt.Fprintf(b, "    %s\n", t.text)
		}
	}
	if missed := p.missed(); missed != "" {
		fmt.Fprintf(b, "    this fault never struck: %s\n", missed)
	}
}
