package faultfs

import (
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
	"unicode/utf8"
)

// Fault is what strikes, and when.
type Fault struct {
	When Injector
	What Action
}

func (f Fault) String() string { return f.When.String() + ": " + f.What.String() }

// Plan says which faults strike. It is data: see [Plan.Arm]. As text a plan is one
// line, of faults parted by semicolons:
//
//	fsync path=*.jsonl nth=3: EIO; write after=10 p=0.5: short=1 ENOSPC
//
// Before the colon stand conditions, all of which have to hold, in the order in
// which they are asked: a kind of call, path=, site=, via=, nth=, after=, p=, any.
// There are also !, | and brackets. After it stands an [Action]: an errno, alone or
// after what is done nevertheless.
type Plan []Fault

func (p Plan) String() string {
	text := make([]string, len(p))
	for i, f := range p {
		text[i] = f.String()
	}
	return strings.Join(text, "; ")
}

// PlanError is what is wrong with the text of a plan.
type PlanError struct {
	Text     string
	Column   int // in characters, from 1 on
	Expected string
}

func (e *PlanError) Error() string {
	rest := string([]rune(e.Text)[min(e.Column-1, utf8.RuneCountInString(e.Text)):])
	found := "the end"
	if words := strings.Fields(rest); len(words) > 0 {
		found = strconv.Quote(words[0])
	}
	return fmt.Sprintf("fault plan, column %d: expected %s, found %s", e.Column, e.Expected, found)
}

// ParsePlan reads a plan. The error is a *[PlanError]. An empty text is a plan of
// no faults.
func ParsePlan(text string) (plan Plan, err error) {
	p := &planParser{text: text}
	defer func() {
		switch bad := recover().(type) {
		case nil:
		case *PlanError:
			plan, err = nil, bad
		default:
			panic(bad)
		}
	}()
	for p.space(); p.at < len(text); p.space() {
		f := Fault{When: p.or()}
		if p.take(":") == "" {
			p.fail("a condition, or a colon and what happens")
		}
		f.What = p.action()
		plan = append(plan, f)
		if p.space(); p.at < len(text) && p.take(";") == "" {
			p.fail("a semicolon or the end")
		}
	}
	return plan, nil
}

type planParser struct {
	text string
	at   int
}

func (p *planParser) fail(expected string) { p.failAt(p.at, expected) }

func (p *planParser) failAt(at int, expected string) {
	panic(&PlanError{Text: p.text, Column: utf8.RuneCountInString(p.text[:at]) + 1, Expected: expected})
}

func (p *planParser) rest() string { return p.text[p.at:] }

func (p *planParser) space() {
	p.at += len(p.rest()) - len(strings.TrimLeft(p.rest(), " \t\n"))
}

// take goes over a sign, if it stands here.
func (p *planParser) take(sign string) string {
	p.space()
	if !strings.HasPrefix(p.rest(), sign) {
		return ""
	}
	p.at += len(sign)
	return sign
}

func (p *planParser) or() Injector {
	list := []Injector{p.and()}
	for p.take("|") != "" {
		list = append(list, p.and())
	}
	return Or(list...)
}

func (p *planParser) and() Injector {
	list := []Injector{p.term()}
	for {
		p.space()
		if p.rest() == "" || strings.ContainsAny(p.rest()[:1], "|):;") {
			return And(list...)
		}
		list = append(list, p.term())
	}
}

const conditions = "a kind of call, path=, site=, via=, nth=, after=, p=, any, ! or ("

func (p *planParser) term() Injector {
	switch {
	case p.take("!") != "":
		return Not(p.term())
	case p.take("(") != "":
		i := p.or()
		if p.take(")") == "" {
			p.fail("a condition or )")
		}
		return i
	}
	start := p.at
	word := p.word()
	if strings.HasPrefix(p.rest(), "=") {
		p.at++
		return p.condition(start, word)
	}
	if word == "any" {
		return And()
	}
	for k := OpCreate; k <= OpUnlock; k++ {
		if !k.IsMark() && k != OpSyncWrite && k.String() == word {
			return OnKind(k)
		}
	}
	p.failAt(start, conditions)
	return nil
}

func (p *planParser) condition(start int, word string) Injector {
	at := p.at
	switch word {
	case "path":
		pattern := p.value()
		if _, err := path.Match(pattern, ""); err != nil || pattern == "" {
			p.failAt(at, "a pattern of a path")
		}
		return OnPath(pattern)
	case "site", "via":
		line := p.value()
		if line == "" {
			p.failAt(at, "a source line, as file.go:12")
		}
		if word == "via" {
			return Via(line)
		}
		return OnSite(line)
	case "nth":
		return Nth(int(p.number(1, "a number from 1 on")))
	case "after":
		return After(int(p.number(0, "a number")))
	case "p":
		f, err := strconv.ParseFloat(p.value(), 64)
		if err != nil || !(f >= 0 && f <= 1) {
			p.failAt(at, "a probability from 0 to 1")
		}
		return Chance(int(f*million + 0.5))
	}
	p.failAt(start, conditions)
	return nil
}

// word is a run of letters, numbers and dashes.
func (p *planParser) word() string {
	start := p.at
	for p.at < len(p.text) && (p.text[p.at] == '-' || isAlnum(p.text[p.at])) {
		p.at++
	}
	return p.text[start:p.at]
}

func isAlnum(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
}

// value is what follows "=": in quotes as in Go, or up to a space, a sign, or a
// colon that ends a word.
func (p *planParser) value() string {
	if strings.HasPrefix(p.rest(), `"`) {
		quoted, err := strconv.QuotedPrefix(p.rest())
		if err != nil {
			p.fail("a closing quote")
		}
		s, err := strconv.Unquote(quoted)
		if err != nil {
			p.fail("a string as Go writes it")
		}
		p.at += len(quoted)
		return s
	}
	word := p.rest()
	if end := strings.IndexFunc(word, endsValue); end >= 0 {
		word = word[:end]
	}
	p.at += len(word)
	if strings.HasSuffix(word, ":") {
		word = word[:len(word)-1]
		p.at--
	}
	return word
}

func (p *planParser) number(least int64, expected string) int64 {
	at := p.at
	n, err := strconv.ParseInt(p.value(), 10, 64)
	if err != nil || n < least || n > 1<<40 {
		p.failAt(at, expected)
	}
	return n
}

func (p *planParser) action() Action {
	var a Action
	p.space()
	start := p.at
	if errno, ok := p.errno(); ok {
		a.Errno = errno
		return a
	}
	word := p.word()
	for _, deed := range deeds() {
		if form := deedForms[deed]; word != "" && form.word == word {
			a.Deed = deed
			if form.value != "" {
				if p.take("=") == "" {
					p.fail("= and " + form.value)
				}
				p.parameter(&a, form.value)
			}
			p.errnoOf(&a, form)
			return a
		}
	}
	p.failAt(start, "what happens: "+actionsText())
	return a
}

func (p *planParser) errnoOf(a *Action, form deedForm) {
	p.space()
	if form.errno != without {
		a.Errno, _ = p.errno()
	}
	if form.errno == needs && a.Errno == 0 {
		p.fail("an errno: " + errnosText())
	}
}

// parameter reads what follows the "=" of a deed.
func (p *planParser) parameter(a *Action, expected string) {
	at := p.at
	switch a.Deed {
	case FailSync:
		mode, ok := SyncFailureNamed(p.value())
		if !ok || mode.Silent {
			p.failAt(at, "one of "+modesText())
		}
		a.Mode = mode.Name
		return
	case Delay:
		var err error
		if a.Delay, err = time.ParseDuration(p.value()); err != nil || a.Delay < 0 {
			p.failAt(at, "a duration, as 1.5s")
		}
		return
	}
	words := map[Deed]map[string]int64{
		Short: {"sector": ShortSector, "allbut1": ShortAllBut1},
		Size:  {"unlimited": Unlimited},
	}
	if n, ok := words[a.Deed][p.value()]; ok {
		a.N = n
		return
	}
	p.at = at
	least := int64(0)
	if a.Deed == Misdirect {
		least = -1 << 40
	}
	if a.N = p.number(least, expected); a.Deed == Misdirect && a.N == 0 {
		p.failAt(at, expected)
	}
}

func (p *planParser) errno() (syscall.Errno, bool) {
	start := p.at
	word := p.word()
	for _, e := range Errnos() {
		if errnoNames[e] == word {
			return e, true
		}
	}
	p.at = start
	return 0, false
}

func deeds() []Deed {
	list := make([]Deed, 0, len(deedForms))
	for d := Nothing; d <= Delay; d++ {
		list = append(list, d)
	}
	return list
}

func errnosText() string {
	list := Errnos()
	names := make([]string, len(list))
	for i, e := range list {
		names[i] = errnoNames[e]
	}
	return strings.Join(names, ", ")
}

func modesText() string {
	var names []string
	for _, f := range SyncFailures() {
		if !f.Silent {
			names = append(names, f.Name)
		}
	}
	return strings.Join(names, ", ")
}

func actionsText() string {
	var words []string
	for _, d := range deeds() {
		form := deedForms[d]
		if form.value != "" {
			form.word += "="
		}
		if form.word != "" {
			words = append(words, form.word)
		}
	}
	slices.Sort(words)
	return "an errno (" + errnosText() + "), or one of " + strings.Join(words, " ")
}
