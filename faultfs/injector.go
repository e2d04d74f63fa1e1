package faultfs

import (
	"fmt"
	"path"
	"strconv"
	"strings"
)

// Injector says which calls a fault strikes, and prints as it is written in a plan.
type Injector interface {
	// Strikes is asked about calls in their order. What it has to remember of
	// earlier ones is in m, so that an Injector itself never changes.
	Strikes(c *Call, m *Memory) bool
	fmt.Stringer
}

// Chooser makes choices: a number from 0 to n-1.
type Chooser interface{ Choose(n int) int }

// Memory is what the injectors of one armed plan remember.
type Memory struct {
	counts  map[Injector]int
	chooser Chooser
}

// Count adds one to what is counted for an injector, and gives the sum. The
// injector has to be a pointer: each one counts for itself.
func (m *Memory) Count(i Injector) int {
	m.counts[i]++
	return m.counts[i]
}

// OnKind strikes calls of one kind, OnPath those with a name that matches a
// pattern as in [path.Match]: the whole name, or its last part where the pattern
// has no slash. OnSite strikes what is asked by a source line or file, told by
// the end of its path ("store/log.go:88", "log.go"); Via what is asked by way of it.
func OnKind(k Kind) Injector { return onKind(k) }

// OnPath is described at [OnKind].
func OnPath(pattern string) Injector { return onPath(pattern) }

// OnSite is described at [OnKind].
func OnSite(line string) Injector { return onSite(line) }

// Via is described at [OnKind].
func Via(line string) Injector { return via(line) }

// Nth strikes the nth call that it is asked about, from 1 on; After every one
// after the first n. In a conjunction only calls for which all that stands before
// it holds are asked about: And(OnKind(OpSync), Nth(3)) is the third fsync.
func Nth(n int) Injector { return &nth{n} }

// After is described at [Nth].
func After(n int) Injector { return &after{n} }

// Chance strikes with a probability, in millionths, by the choice of the plan's
// chooser. Without one it never strikes.
func Chance(millionths int) Injector { return chance(millionths) }

// And strikes where all do, and asks from left to right up to the first that does
// not; And() strikes always. Or strikes where one does, and asks up to that one.
func And(list ...Injector) Injector {
	var flat and
	for _, i := range list {
		if inner, ok := i.(and); ok {
			flat = append(flat, inner...)
		} else {
			flat = append(flat, i)
		}
	}
	if len(flat) == 1 {
		return flat[0]
	}
	return flat
}

// Or is described at [And].
func Or(list ...Injector) Injector {
	var flat or
	for _, i := range list {
		if inner, ok := i.(or); ok {
			flat = append(flat, inner...)
		} else {
			flat = append(flat, i)
		}
	}
	if len(flat) == 1 {
		return flat[0]
	}
	return flat
}

// Not strikes where another does not.
func Not(i Injector) Injector { return not{i} }

type (
	onKind Kind
	onPath string
	onSite string
	via    string
	nth    struct{ n int }
	after  struct{ n int }
	chance int
	and    []Injector
	or     []Injector
	not    struct{ Injector }
)

func (k onKind) Strikes(c *Call, _ *Memory) bool { return c.Kind == Kind(k) }
func (k onKind) String() string                  { return Kind(k).String() }

func (p onPath) Strikes(c *Call, _ *Memory) bool { return p.matches(c.Path) || p.matches(c.Path2) }
func (p onPath) String() string                  { return "path=" + quoteValue(string(p)) }

func (p onPath) matches(name string) bool {
	if !strings.Contains(string(p), "/") {
		name = path.Base(name)
	}
	ok, err := path.Match(string(p), name)
	return ok && err == nil
}

func (s onSite) Strikes(c *Call, _ *Memory) bool { return isLine(c.Site(), string(s)) }
func (s onSite) String() string                  { return "site=" + quoteValue(string(s)) }

func (s via) Strikes(c *Call, _ *Memory) bool {
	for _, f := range c.Stack.Frames() {
		if isLine(f.Line, string(s)) {
			return true
		}
	}
	return false
}
func (s via) String() string { return "via=" + quoteValue(string(s)) }

// isLine tells whether a source line is the one that is meant by its end, with
// the number or without.
func isLine(line, end string) bool {
	file := line[:max(strings.LastIndexByte(line, ':'), 0)]
	return strings.HasSuffix("/"+line, "/"+end) || strings.HasSuffix("/"+file, "/"+end)
}

func (n *nth) Strikes(_ *Call, m *Memory) bool { return m.Count(n) == n.n }
func (n *nth) String() string                  { return "nth=" + strconv.Itoa(n.n) }

func (a *after) Strikes(_ *Call, m *Memory) bool { return m.Count(a) > a.n }
func (a *after) String() string                  { return "after=" + strconv.Itoa(a.n) }

const million = 1_000_000

func (p chance) Strikes(_ *Call, m *Memory) bool {
	return m.chooser != nil && m.chooser.Choose(million) < int(p)
}

func (p chance) String() string {
	return "p=" + strconv.FormatFloat(float64(p)/million, 'f', -1, 64)
}

func (a and) Strikes(c *Call, m *Memory) bool {
	for _, i := range a {
		if !i.Strikes(c, m) {
			return false
		}
	}
	return true
}

func (a and) String() string {
	if len(a) == 0 {
		return "any"
	}
	return join(a, " ")
}

func (o or) Strikes(c *Call, m *Memory) bool {
	for _, i := range o {
		if i.Strikes(c, m) {
			return true
		}
	}
	return false
}

func (o or) String() string {
	if len(o) == 0 {
		return "!any"
	}
	return join(o, " | ")
}

func (n not) Strikes(c *Call, m *Memory) bool { return !n.Injector.Strikes(c, m) }
func (n not) String() string                  { return "!" + inner(n.Injector) }

// join prints injectors with brackets round what binds less than they do.
func join(list []Injector, by string) string {
	text := make([]string, len(list))
	for i, part := range list {
		text[i] = part.String()
		if _, ok := part.(or); ok && by == " " {
			text[i] = inner(part)
		}
	}
	return strings.Join(text, by)
}

func inner(i Injector) string {
	switch list := i.(type) {
	case and:
		if len(list) > 0 {
			return "(" + i.String() + ")"
		}
	case or:
		if len(list) > 0 {
			return "(" + i.String() + ")"
		}
	}
	return i.String()
}

// quoteValue prints the value of path= and the like, bare where it reads as one.
func quoteValue(s string) string {
	if s == "" || strings.HasSuffix(s, ":") || strings.ContainsFunc(s, endsValue) || strconv.Quote(s) != `"`+s+`"` {
		return strconv.Quote(s)
	}
	return s
}

func endsValue(r rune) bool { return strings.ContainsRune(" \t\n|();\"", r) }
