package crashtest

import (
	"fmt"
	"hash/crc32"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"unicode"

	"github.com/aymanbagabas/go-udiff"

	"crashsim/faultfs"
)

// report tells what happened in a scenario, from the first operation to what came
// back. It is made of the scenario alone, so that it is the same text each time.
func (p *play) report(sc *Scenario) string {
	var b strings.Builder
	title := "nothing fails: the store comes through"
	if p.failure != nil {
		title = string(p.failure.Kind)
	}
	fmt.Fprintf(&b, "%s\n", title)
	for i, life := range p.lives {
		p.tellLife(&b, sc, i, life)
		if i < len(p.cuts) {
			p.tellCrash(&b, sc.Crashes[i], i, life)
		}
	}
	if p.failure != nil {
		p.tellFailure(&b)
	}
	return b.String()
}

func (p *play) tellLife(b *strings.Builder, sc *Scenario, i int, life *session) {
	kind := sc.Last
	if i < len(sc.Crashes) {
		kind = sc.Crashes[i].In
	}
	if life.right != nil {
		p.tellFaults(b, sc, i, life)
		return
	}
	if kind == InRecovery {
		b.WriteString("  the store is opened on what is left")
		if life.failed == nil && i+1 < len(p.lives) {
			b.WriteString(", and shows its state")
		}
		b.WriteString("\n")
		return
	}
	n := len(life.ops)
	if life.failed != nil {
		n = min(n, life.failOp+1)
	}
	cut := life.trace.Len()
	if i < len(p.cuts) {
		cut = p.cuts[i].At
	}
	begun, answered := life.answers(cut)
	name := "the workload"
	if kind == InProbes {
		name, n = "the recovered store is put to use", min(n, begun)
	}
	fmt.Fprintf(b, "  %s, %s:\n", name, plural(n, "operation"))
	for k, op := range life.ops[:n] {
		op = shorten(op)
		switch {
		case k >= begun:
			return
		case life.failed != nil && k == life.failOp && i == len(p.cuts):
			fmt.Fprintf(b, "    %d  %s  (here it fails)\n", k+1, op)
		case k >= answered:
			fmt.Fprintf(b, "    %d  %s  (in flight)\n", k+1, op)
		default:
			fmt.Fprintf(b, "    %d  %s  (acknowledged)\n", k+1, op)
		}
	}
}

// answers counts the operations that have begun before a cut, and those that
// have been answered.
func (s *session) answers(at int) (begun, answered int) {
	for i := range at {
		switch s.trace.Op(i).Kind {
		case faultfs.MarkBegin:
			begun = s.trace.Op(i).Index + 1
		case faultfs.MarkAck, faultfs.MarkFail:
			answered = s.trace.Op(i).Index + 1
		}
	}
	return begun, answered
}

func (p *play) tellCrash(b *strings.Builder, c Crash, i int, life *session) {
	what := "the power fails"
	if c.Kill {
		what = "the process is killed"
	}
	cut := p.cuts[i].At
	before := 0
	for k := range cut {
		if !life.trace.Op(k).Kind.IsMark() {
			before++
		}
	}
	fmt.Fprintf(b, "  %s after %s on the disk", what, plural(before, "operation"))
	if cut < life.trace.Len() && !life.trace.Op(cut).Kind.IsMark() {
		fmt.Fprintf(b, ", before: %s", brief(life.trace.Op(cut).String()))
	}
	b.WriteString("\n")
	switch lost := p.lost[i]; {
	case c.Kill:
		return
	case len(lost) == 0:
		op := life.trace.Last(cut)
		if op == nil {
			b.WriteString("    nothing is lost: the store has changed nothing on this disk (does Open use the one that it is given?)\n")
			return
		}
		b.WriteString("    nothing is lost; what was done last:\n")
		fmt.Fprintf(b, "      %s\n", brief(op.String()))
		tellStack(b, op.Stack)
	default:
		tellLost(b, lost)
	}
}

var thisPackage = reflect.TypeFor[Case]().PkgPath()

// tellLost names what was lost, the sectors of one write that lie together in one
// line, and the callers that had asked for it.
func tellLost(b *strings.Builder, lost []*faultfs.Effect) {
	b.WriteString("    lost, since no sync had covered it:\n")
	for i := 0; i < len(lost); {
		first := lost[i]
		end := first.Off + first.Len
		n := i + 1
		for n < len(lost) && first.Kind == faultfs.EffectData && lost[n].Kind == faultfs.EffectData &&
			lost[n].Op == first.Op && lost[n].Off == end {
			end += lost[n].Len
			n++
		}
		whole := *first
		whole.Len = end - first.Off
		fmt.Fprintf(b, "      %s\n", brief(whole.String()))
		if n == len(lost) || lost[n].Op != first.Op {
			tellStack(b, first.Op.Stack)
		}
		i = n
	}
}

func tellStack(b *strings.Builder, s faultfs.Stack) {
	for _, f := range framesOf(s) {
		fmt.Fprintf(b, "        %s  %s\n", f.Line, f.Func)
	}
}

func (p *play) tellFailure(b *strings.Builder) {
	f := p.failure
	if f.Detail != "" {
		fmt.Fprintf(b, "  it answers: %s\n", brief(f.Detail))
	}
	if len(p.allowed) > 0 && f.Want == "" {
		fmt.Fprintf(b, "  right would be the state after %s\n", p.placesOf(p.allowed))
	}
	if head, lines := p.diff(); head != "" {
		fmt.Fprintf(b, "  %s:\n", head)
		for _, l := range lines {
			fmt.Fprintf(b, "    %s\n", l)
		}
	}
}

func unified(want, got string) string { return udiff.Unified("right", "given", line(want), line(got)) }

func line(s string) string { return strings.TrimSuffix(s, "\n") + "\n" }

// placesOf says after how many operations of the workload states are right.
func (p *play) placesOf(ids []stateID) string {
	order := places(p.lives[0].states)
	var names []string
	for _, id := range ids {
		if k, ok := order[id]; ok {
			names = append(names, plural(k, "operation"))
		}
	}
	if len(names) == 0 {
		return "what was recovered"
	}
	return strings.Join(names, " or ")
}

// brief leaves out the middle of names that are too long to read.
func brief(text string) string {
	return longName.ReplaceAllStringFunc(text, func(name string) string { return name[:20] + "..." + name[len(name)-8:] })
}

var longName = regexp.MustCompile(`[A-Za-z0-9_-]{48,}`)

// visible is a line of a state as a person can read it: what does not print as what it
// is, and the rest of a long line as its length and checksum.
func visible(l string) string {
	const most = 160
	short := l
	if r := []rune(l); len(r) > most {
		short = fmt.Sprintf("%s... (%d characters, checksum %08x)", string(r[:most-40]), len(r), crc32.ChecksumIEEE([]byte(l[1:])))
	}
	var b strings.Builder
	for _, r := range short {
		if unicode.IsPrint(r) || r == '\t' {
			b.WriteRune(r)
			continue
		}
		q := strconv.QuoteRune(r)
		b.WriteString(q[1 : len(q)-1])
	}
	return b.String()
}

// shorten keeps an operation to one line of a screen.
func shorten(op string) string {
	if r := []rune(op); len(r) > 100 {
		return fmt.Sprintf("%s... (%d characters)", string(r[:80]), len(r))
	}
	return op
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
