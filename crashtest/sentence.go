package crashtest

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"crashsim/faultfs"
)

// Sentence says in one sentence, for a person, what is wrong and why: what the
// store did, and what the crash before it had taken back. It carries the case out;
// where the store does something else by now it is no more than the kind.
func (c *Case) Sentence(t *Target) string {
	m, err := c.Rule()
	if err != nil {
		return capital(string(c.Kind)) + "."
	}
	p, err := c.Scenario.play(t, m)
	if err != nil || p.failure == nil || p.failure.Kind != c.Kind {
		return capital(string(c.Kind)) + "."
	}
	return p.sentence(&c.Scenario)
}

func (p *play) sentence(sc *Scenario) string {
	if p.faults != nil {
		return capital(string(p.failure.Kind)) + ", by " + brief(sc.Plan) + "."
	}
	text := p.subject(sc)
	if why := p.because(sc); why != "" {
		text += ": " + why
	}
	return capital(text) + "."
}

// subject says what the store did.
func (p *play) subject(sc *Scenario) string {
	last := p.lives[len(p.lives)-1]
	switch kind := p.failure.Kind; kind {
	case Lost:
		return p.missing() + " lost"
	case OpFailed, WrongAnswer:
		if sc.Last == InRecovery || last.failOp < 0 {
			return string(kind)
		}
		what := "fails"
		if kind == WrongAnswer {
			what = "gives a wrong answer"
		}
		return fmt.Sprintf("%s %s", nameOp(last.ops, last.failOp), what)
	default:
		return string(kind)
	}
}

// missing names the acknowledged operations that a state lacks, with the verb that
// they need.
func (p *play) missing() string {
	life := p.lives[0]
	for i, l := range p.lives[:len(p.lives)-1] {
		if l.states != nil {
			life = p.lives[i]
		}
	}
	got := p.lives[len(p.lives)-1].shown
	first := slices.Index(life.states, got)
	if first < 0 {
		return "acknowledged data is"
	}
	for first+1 < len(life.states) && life.states[first+1] == got {
		first++
	}
	_, answered := life.answers(p.endOf(life))
	if first >= answered {
		return "acknowledged data is"
	}
	if more := answered - first - 1; more > 0 {
		return fmt.Sprintf("acknowledged %s, and %s after it, are", nameOp(life.ops, first), plural(more, "operation"))
	}
	return fmt.Sprintf("acknowledged %s is", nameOp(life.ops, first))
}

func nameOp(ops []string, i int) string {
	text := ops[i]
	if r := []rune(text); len(r) > 60 {
		text = string(r[:50]) + "..."
	}
	return fmt.Sprintf("operation %d (%s)", i+1, text)
}

// endOf gives where a life was cut.
func (p *play) endOf(life *session) int {
	if i := slices.Index(p.lives, life); i < len(p.cuts) {
		return p.cuts[i].At
	}
	return life.trace.Len()
}

// because says what the decisive crash took back: the last that took anything, or
// where none did, the last that is more than the end of a recovery.
func (p *play) because(sc *Scenario) string {
	at := -1
	for i := range p.lost {
		c := sc.Crashes[i]
		if len(p.lost[i]) > 0 || (at < 0 || len(p.lost[at]) == 0) && (c.In != InRecovery || c.At != AtEnd) {
			at = i
		}
	}
	if at < 0 {
		return ""
	}
	c, life, cut := sc.Crashes[at], p.lives[at], p.cuts[at].At
	in := map[Life]string{InRecovery: ", in a crash of recovery", InProbes: ", in a crash after recovery"}[c.In]
	if lost := p.lost[at]; len(lost) > 0 {
		return explain(life.trace, cut, lost) + in
	}
	did := "nothing was done"
	if op := life.trace.Last(cut); op != nil {
		did = "the last thing done was " + brief(op.String())
	}
	if c.Kill {
		return "the process is killed, and " + did
	}
	return "the power fails with nothing lost, and " + did + in
}

// explain says of each thing that was lost which sync it lacked. More than two are
// counted.
func explain(t *faultfs.Trace, cut int, lost []*faultfs.Effect) string {
	var parts []string
	for _, group := range byOp(lost) {
		if text := explainOp(t, cut, group, lost); !slices.Contains(parts, text) {
			parts = append(parts, text)
		}
	}
	if more := len(parts) - 2; more > 0 {
		parts = append(parts[:2], fmt.Sprintf("%d more such", more))
	}
	return strings.Join(parts, "; ")
}

// byOp parts effects by their operations, in order.
func byOp(list []*faultfs.Effect) (groups [][]*faultfs.Effect) {
	for i, e := range list {
		if i == 0 || e.At != list[i-1].At {
			groups = append(groups, nil)
		}
		groups[len(groups)-1] = append(groups[len(groups)-1], e)
	}
	return groups
}

func explainOp(t *faultfs.Trace, cut int, group, lost []*faultfs.Effect) string {
	first := group[0]
	op := first.Op
	file, dir := brief(op.Path), brief(path.Dir(op.Path))
	switch op.Kind {
	case faultfs.OpCreate, faultfs.OpMkdir:
		if syncedSince(t, first, cut) {
			return fmt.Sprintf("%s was synced, its name in %s was not", file, folder(dir))
		}
		return fmt.Sprintf("%s was made, and its name in %s was not synced", file, folder(dir))
	case faultfs.OpRemove:
		return fmt.Sprintf("%s was removed, and %s was not synced, so it is back", file, folder(dir))
	case faultfs.OpLink:
		return fmt.Sprintf("%s was linked, and %s was not synced", brief(op.Path2), folder(brief(path.Dir(op.Path2))))
	case faultfs.OpRename:
		return explainRename(first)
	}
	what := "its new size"
	if gone := dataOf(group); gone > 0 {
		what = fmt.Sprintf("what was written to it at %d", op.Off)
		if gone < int64(len(op.Data)) {
			what = fmt.Sprintf("%d of %d bytes written to it at %d", gone, len(op.Data), op.Off)
		}
		if op.Size > op.OldSize && first.Len > 0 && first.Kind == faultfs.EffectData { // its size is not lost
			return fmt.Sprintf("%s grew on the disk without %s, which was not synced", file, what)
		}
	}
	if to := renamedSince(t, first, cut, lost); to != "" {
		return fmt.Sprintf("%s became %s before %s was synced", file, brief(to), what)
	}
	return fmt.Sprintf("%s was changed, and %s was not synced", file, what)
}

func explainRename(e *faultfs.Effect) string {
	from, to := brief(e.Op.Path), brief(e.Op.Path2)
	if e.Op.Dir == e.Op.Dir2 {
		return fmt.Sprintf("%s became %s, and %s was not synced", from, to, folder(path.Dir(to)))
	}
	synced := path.Dir(from)
	if e.Ino == e.Op.Dir2 {
		synced = path.Dir(to)
	}
	return fmt.Sprintf("%s moved to %s, and %s was not synced", from, to, folder(synced))
}

func folder(dir string) string {
	if dir == "." {
		return "the top folder"
	}
	return "folder " + dir
}

func dataOf(group []*faultfs.Effect) (n int64) {
	for _, e := range group {
		if !e.Garbage {
			n += e.Len
		}
	}
	return n
}

// syncedSince tells whether what an operation made was synced itself.
func syncedSince(t *faultfs.Trace, e *faultfs.Effect, cut int) bool {
	for i := max(e.At+1, 0); i < cut; i++ {
		if op := t.Op(i); op.Kind.IsSync() && op.Ino == e.Op.Ino {
			return true
		}
	}
	return false
}

// renamedSince gives the name that a file took later, where that was not lost.
func renamedSince(t *faultfs.Trace, e *faultfs.Effect, cut int, lost []*faultfs.Effect) (to string) {
	for i := max(e.At+1, 0); i < cut; i++ {
		op := t.Op(i)
		gone := func(l *faultfs.Effect) bool { return l.Op == op }
		if op.Kind == faultfs.OpRename && op.Ino == e.Op.Ino && !slices.ContainsFunc(lost, gone) {
			to = op.Path2
		}
	}
	return to
}

func capital(s string) string { return strings.ToUpper(s[:1]) + s[1:] }
