package faultfs

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// The text form of a model is a line that says what it is, and one line for each
// rule, in any order. Empty lines and those that begin with # are passed over.
//
//	crashsim model 1
//	name: mine
//	doc: what a person should know of it, in a line
//	source: where its rules are written down
//	sector: 512
//	block: 4096
//	grow: zeros
//	tail: zeros
//	shrink: whole
//	unlink: whole
//	rename: folders
//	sync-file: names
//	sync-dir: nothing
//	order: dir before dir
//	order: data size before rename in file
//
// What is left out is as in [POSIX]. See docs/models.md for what each may be.
const modelVersion = "crashsim model 1"

// words are what the parts of rules are called, in the order of their bits.
var (
	coverWords = []string{"names", "dirs", "sizes", "all"}
	classWords = []string{"dir", "rename", "replace", "append", "truncate", "overwrite", "size", "data"}
	growths    = []string{string(GrowZeros), string(GrowGarbage), string(GrowData)}
	renames    = []string{string(RenameWhole), string(RenameFolders), string(RenameSteps)}
	scopes     = []string{string(ScopeAll), string(ScopeFile), string(ScopeName), string(ScopeEntry), string(ScopeBlock)}
	splits     = []string{"whole", "steps"}
)

// ParseModel reads a model. An error names the line and what was expected there,
// or the model and which of its rules contradict each other.
func ParseModel(text string) (Model, error) {
	m := POSIX
	m.Name, m.Doc, m.Source, m.Within = "", "", "", nil
	p := &modelParser{model: &m, seen: map[string]string{}}
	lines := strings.Split(strings.ReplaceAll(text, "\r\n", "\n"), "\n")
	if strings.TrimSpace(lines[0]) != modelVersion {
		return Model{}, fmt.Errorf("line 1: %q: a model begins with %q", lines[0], modelVersion)
	}
	for i, line := range lines[1:] {
		if line = strings.TrimSpace(line); line == "" || line[0] == '#' {
			continue
		}
		if err := p.rule(line); err != nil {
			return Model{}, fmt.Errorf("line %d: %w", i+2, err)
		}
	}
	if m.Name == "" {
		return Model{}, errors.New("the model has no name: give it a line such as \"name: mine\"")
	}
	if err := m.contradiction(); err != nil {
		return Model{}, fmt.Errorf("model %s: %w", m.Name, err)
	}
	return m, nil
}

type modelParser struct {
	model *Model
	seen  map[string]string
}

func (p *modelParser) rule(line string) error {
	key, value, ok := strings.Cut(line, ":")
	if value = strings.TrimSpace(value); !ok || value == "" {
		return fmt.Errorf("%q is not of the form \"rule: value\"", line)
	}
	if was, twice := p.seen[key]; twice && key != "order" {
		return fmt.Errorf("%s is %q here and %q above: one of the two has to go", key, value, was)
	}
	p.seen[key] = value
	m := p.model
	var err error
	switch key {
	case "name":
		m.Name, err = modelName(value)
	case "doc":
		m.Doc = value
	case "source":
		m.Source = value
	case "sector":
		m.Sector, err = modelBytes(value, 1)
	case "block":
		m.Block, err = modelBytes(value, 0)
	case "grow":
		m.Grow, err = oneWord[Growth](value, growths)
	case "tail":
		m.Tail, err = oneWord[Growth](value, growths)
	case "shrink":
		m.Shrink, err = isSteps(value)
	case "unlink":
		m.Unlink, err = isSteps(value)
	case "rename":
		m.Rename, err = oneWord[RenameSplit](value, renames)
	case "sync-file":
		m.SyncFile, err = parseCover(value)
	case "sync-dir":
		m.SyncDir, err = parseCover(value)
	case "order":
		err = p.order(value)
	default:
		return fmt.Errorf("unknown rule %q: expected one of name, doc, source, sector, block, grow, tail, shrink, unlink, rename, sync-file, sync-dir, order", key)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", key, err)
	}
	return nil
}

func modelName(s string) (string, error) {
	if strings.ContainsFunc(s, func(r rune) bool { return (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-' }) {
		return "", fmt.Errorf("%q: expected small letters, digits and -", s)
	}
	if _, ok := ModelNamed(s); ok || s == "all" {
		return "", fmt.Errorf("%q is built in: expected another name", s)
	}
	return s, nil
}

func modelBytes(s string, least int64) (int64, error) {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < least || n > 1<<20 {
		return 0, fmt.Errorf("%q: expected a number of bytes from %d to %d", s, least, 1<<20)
	}
	return n, nil
}

func oneWord[T ~string](s string, words []string) (T, error) {
	if !slices.Contains(words, s) {
		return "", fmt.Errorf("%q: expected one of %s", s, strings.Join(words, ", "))
	}
	return T(s), nil
}

func isSteps(s string) (bool, error) {
	w, err := oneWord[string](s, splits)
	return w == "steps", err
}

func parseCover(s string) (Cover, error) {
	if s == "nothing" {
		return 0, nil
	}
	bits, err := bitWords(s, coverWords)
	if err != nil {
		return 0, fmt.Errorf("%w, or nothing", err)
	}
	return Cover(bits), nil
}

func bitWords(s string, words []string) (bits uint8, err error) {
	for w := range strings.FieldsSeq(s) {
		i := slices.Index(words, w)
		if i < 0 {
			return 0, fmt.Errorf("%q: expected some of %s", w, strings.Join(words, ", "))
		}
		bits |= 1 << i
	}
	return bits, nil
}

func (p *modelParser) order(s string) error {
	o := Order{Scope: ScopeAll}
	before, after, ok := strings.Cut(s, " before ")
	if !ok {
		return fmt.Errorf("%q: expected \"CLASSES before CLASSES\", and perhaps \"in SCOPE\"", s)
	}
	var err error
	if after, scope, in := strings.Cut(after, " in "); in {
		if o.Scope, err = oneWord[Scope](strings.TrimSpace(scope), scopes); err != nil {
			return err
		}
		return p.addOrder(o, before, after)
	}
	return p.addOrder(o, before, after)
}

func (p *modelParser) addOrder(o Order, before, after string) (err error) {
	if o.Before, err = parseClass(before); err != nil {
		return err
	}
	if o.After, err = parseClass(after); err != nil {
		return err
	}
	p.model.Order = append(p.model.Order, o)
	return nil
}

func parseClass(s string) (Class, error) {
	if strings.TrimSpace(s) == "any" {
		return ClassAny, nil
	}
	bits, err := bitWords(s, classWords)
	if err != nil {
		return 0, fmt.Errorf("%w, or any", err)
	}
	if bits == 0 {
		return 0, fmt.Errorf("no class: expected some of %s, or any", strings.Join(classWords, ", "))
	}
	return Class(bits), nil
}

// contradiction tells which rules cannot hold together.
func (m *Model) contradiction() error {
	switch {
	case m.Block > 0 && m.Block%m.Sector != 0:
		return fmt.Errorf("block %d is no multiple of sector %d: a size would end where bytes do not", m.Block, m.Sector)
	case m.Grow == GrowData && m.Tail != GrowData && m.Block == 0:
		return fmt.Errorf("grow: data and tail: %s contradict each other where block is 0: there is no other block to grow into", m.Tail)
	case m.Grow != GrowData && m.Tail == GrowData:
		return fmt.Errorf("tail: data and grow: %s contradict each other: a block that is begun cannot be safer than a new one", m.Grow)
	case m.Shrink && m.Block == 0:
		return errors.New("shrink: steps and block: 0 contradict each other: there are no steps")
	}
	for _, o := range m.Order {
		switch {
		case o.Before == ClassData && o.After&ClassSize != 0 && m.Grow == GrowGarbage:
			return fmt.Errorf("grow: garbage and order: %s contradict each other: a size would have to wait for the bytes that it shows garbage for", o)
		case (o.Scope == ScopeEntry || o.Scope == ScopeName) && (o.Before|o.After)&ClassDir == 0 && (o.Before|o.After)&(ClassRename|ClassReplace) == 0:
			return fmt.Errorf("order: %s: in %s is for entries, and there are none in it", o, o.Scope)
		case o.Scope == ScopeBlock && (o.Before&^(ClassDir|ClassRename|ClassReplace) == 0 || o.After&^(ClassDir|ClassRename|ClassReplace) == 0):
			return fmt.Errorf("order: %s: in block is for bytes, and entries have none", o)
		case slices.Contains(m.Order, Order{o.After, o.Before, o.Scope}) && o.Before&o.After == 0 && m.Rename != RenameWhole && (o.Before|o.After)&ClassRename != 0:
			return fmt.Errorf("order: %s, and the same the other way round, with rename: %s contradict each other: one rename would have to wait for itself", o, m.Rename)
		}
	}
	return nil
}

// String gives the rule as the text form has it.
func (o Order) String() string {
	text := classText(o.Before) + " before " + classText(o.After)
	if o.Scope != ScopeAll {
		text += " in " + string(o.Scope)
	}
	return text
}

func classText(c Class) string {
	if c == ClassAny {
		return "any"
	}
	return bitText(uint8(c), classWords)
}

func bitText(bits uint8, words []string) string {
	var list []string
	for i, w := range words {
		if bits>>i&1 == 1 {
			list = append(list, w)
		}
	}
	return strings.Join(list, " ")
}

// Text gives the text form, every rule of it.
func (m *Model) Text() string {
	var b strings.Builder
	line := func(key, value string) {
		if value != "" {
			fmt.Fprintf(&b, "%s: %s\n", key, value)
		}
	}
	steps := func(is bool) string {
		if is {
			return "steps"
		}
		return "whole"
	}
	cover := func(c Cover) string {
		if c == 0 {
			return "nothing"
		}
		return bitText(uint8(c), coverWords)
	}
	fmt.Fprintln(&b, modelVersion)
	line("name", m.Name)
	line("doc", m.Doc)
	line("source", m.Source)
	line("sector", strconv.FormatInt(m.Sector, 10))
	line("block", strconv.FormatInt(m.Block, 10))
	line("grow", string(m.Grow))
	line("tail", string(m.Tail))
	line("shrink", steps(m.Shrink))
	line("unlink", steps(m.Unlink))
	line("rename", string(m.Rename))
	line("sync-file", cover(m.SyncFile))
	line("sync-dir", cover(m.SyncDir))
	for _, o := range m.Order {
		line("order", o.String())
	}
	return b.String()
}
