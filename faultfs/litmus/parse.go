package litmus

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"crashsim/faultfs"
)

// Parse reads the tests of one file. Models are the names that expectations may
// use. An error says file and line, and what was expected there.
func Parse(file, text string, models []string) ([]*Test, error) {
	p := &parser{file: file, models: models}
	for i, line := range strings.Split(text, "\n") {
		p.line = i + 1
		if before, _, comment := strings.Cut(line, "#"); comment {
			line = before
		}
		if words := strings.Fields(line); len(words) > 0 {
			if err := p.parseLine(words); err != nil {
				return nil, fmt.Errorf("%s:%d: %w", file, p.line, err)
			}
		}
	}
	if err := p.endTest(); err != nil {
		return nil, fmt.Errorf("%s:%d: %w", file, p.line, err)
	}
	if len(p.tests) == 0 {
		return nil, fmt.Errorf("%s:1: expected a test, found none", file)
	}
	return p.tests, nil
}

// parser reads line by line, and does each operation on a disk as it goes, so that
// one that cannot be done is told where it stands.
type parser struct {
	file   string
	models []string
	line   int
	tests  []*Test
	test   *Test // the last of tests
	part   string
	disk   *faultfs.Sim
}

func (p *parser) parseLine(words []string) error {
	switch first := words[0]; {
	case first == "test":
		return p.newTest(words[1:])
	case p.test == nil:
		return fmt.Errorf("expected a line \"test NAME\", found %q", strings.Join(words, " "))
	case first == "about" || first == "sector":
		return p.header(words)
	case first == "setup" || first == "run":
		return p.newPart(words)
	case first == "expect":
		return p.expect(words[1:])
	case p.part == "expect":
		return p.diskLine(words)
	case p.part != "":
		return p.op(words)
	}
	return fmt.Errorf("expected about, sector, setup or run, found %q", words[0])
}

func (p *parser) newTest(words []string) error {
	if err := p.endTest(); err != nil {
		return err
	}
	if len(words) != 1 {
		return fmt.Errorf("expected one word after test, its name, found %q", strings.Join(words, " "))
	}
	if slices.ContainsFunc(p.tests, func(t *Test) bool { return t.Name == words[0] }) {
		return fmt.Errorf("expected a name that no test of this file has, found %q", words[0])
	}
	p.test = &Test{Name: words[0], File: p.file}
	p.tests = append(p.tests, p.test)
	p.part, p.disk = "", faultfs.NewSim()
	return nil
}

func (p *parser) endTest() error {
	switch {
	case p.test == nil:
		return nil
	case len(p.test.Run) == 0:
		return fmt.Errorf("expected operations after run before test %s ends", p.test.Name)
	case p.part == "expect":
		return p.endExpect()
	}
	return nil
}

func (p *parser) header(words []string) error {
	switch {
	case p.part != "":
		return fmt.Errorf("expected %s before setup and run", words[0])
	case words[0] == "about" && len(words) > 1:
		p.test.About = append(p.test.About, strings.Join(words[1:], " "))
		return nil
	case words[0] == "about":
		return errors.New("expected text after about")
	case p.test.Sector > 0 || len(words) != 2:
		return errors.New("expected one line \"sector BYTES\"")
	}
	n, err := parseSize(words[1])
	if err != nil || n == 0 {
		return fmt.Errorf("expected a number from 1 to %d after sector, found %q", maxSize, words[1])
	}
	p.test.Sector = n
	return nil
}

func (p *parser) newPart(words []string) error {
	if len(words) > 1 {
		return fmt.Errorf("expected nothing after %s on its line, found %q", words[0], words[1])
	}
	if p.part == words[0] || p.part == "run" || p.part == "expect" {
		return fmt.Errorf("expected setup, run and expectations, in this order, found another %s", words[0])
	}
	p.part = words[0]
	return nil
}

func (p *parser) op(words []string) error {
	v, ok := verbNamed(words[0])
	if !ok {
		return fmt.Errorf("unknown operation %q: expected one of %s", words[0], verbNames())
	}
	op := Op{Verb: v.name, line: p.line}
	rest := words[1:]
	if n := len(rest); n > 0 && rest[n-1] == "returned" {
		if p.part == "setup" {
			return errors.New("expected returned in run only: all of setup is durable")
		}
		op.Returned, rest = true, rest[:n-1]
	}
	if err := p.args(v, &op, rest); err != nil {
		return fmt.Errorf("%w; it is: %s", err, strings.TrimSpace(v.name+" "+strings.ReplaceAll(v.args, "MODE", "[keep-size] [punch-hole] [zero-range]")+" [returned]"))
	}
	if err := op.apply(p.disk); err != nil {
		return op.refused(err)
	}
	if p.part == "setup" {
		p.test.Setup = append(p.test.Setup, op)
	} else {
		p.test.Run = append(p.test.Run, op)
	}
	return nil
}

func (p *parser) args(v verb, op *Op, words []string) (err error) {
	for arg := range strings.FieldsSeq(v.args) {
		if arg == "MODE" {
			return op.modes(words)
		}
		if len(words) == 0 {
			return fmt.Errorf("expected %s, found the end of the line", arg)
		}
		word := words[0]
		words = words[1:]
		switch arg {
		case "NAME":
			op.Name, err = parseName(word)
		case "NAME2":
			op.Name2, err = parseName(word)
		case "OFFSET":
			op.Off, err = parseSize(word)
		case "SIZE":
			op.Size, err = parseSize(word)
		case "CONTENT":
			op.Content, err = parseContent(word, p.test.sector(), false)
			op.Content = op.Content.joined()
		}
		if err != nil {
			return err
		}
	}
	if len(words) > 0 {
		return fmt.Errorf("expected no more, found %q", words[0])
	}
	return nil
}

func (op *Op) modes(words []string) error {
	for _, word := range words {
		i := slices.IndexFunc(modes, func(m struct {
			name string
			mode faultfs.AllocMode
		}) bool {
			return m.name == word
		})
		if i < 0 {
			return fmt.Errorf("expected keep-size, punch-hole or zero-range, found %q", word)
		}
		op.Mode |= modes[i].mode
	}
	return nil
}

func parseName(word string) (string, error) {
	if !fs.ValidPath(word) || strings.ContainsAny(word, "=~,") || word == "-" {
		return "", fmt.Errorf("expected a name such as d/f, without = ~ and comma, found %q", word)
	}
	return word, nil
}

// refused tells why an operation cannot be done at this point.
func (op *Op) refused(err error) error {
	var errno syscall.Errno
	errors.As(err, &errno)
	what := op.Name
	if op.Name2 != "" {
		what += " or the folder of " + op.Name2
	}
	switch errno {
	case syscall.ENOENT:
		return fmt.Errorf("%s: expected a file that exists: there is no %s at this point", op.Verb, what)
	case syscall.EEXIST:
		return fmt.Errorf("%s: expected a new name: it exists at this point", op.Verb)
	case syscall.EISDIR:
		return fmt.Errorf("%s: expected a file, %s is a folder at this point", op.Verb, op.Name)
	case syscall.ENOTDIR:
		return fmt.Errorf("%s: expected a folder, %s is or leads through a file at this point", op.Verb, what)
	}
	return fmt.Errorf("%s: expected an operation that succeeds at this point: %w", op.Verb, errno)
}

func (p *parser) expect(words []string) error {
	if len(p.test.Run) == 0 {
		return errors.New("expected run and its operations before an expectation")
	}
	if p.part == "expect" {
		if err := p.endExpect(); err != nil {
			return err
		}
	}
	e := Expectation{After: -1, line: p.line}
	if len(words) != 2 && (len(words) != 4 || words[2] != "after") {
		return fmt.Errorf("expected: expect MODELS exactly|allows|forbids [after N], found %q", strings.Join(append([]string{"expect"}, words...), " "))
	}
	for name := range strings.SplitSeq(words[0], ",") {
		if name != "all" && !slices.Contains(p.models, name) {
			return fmt.Errorf("unknown model %q: expected all or some of %s", name, strings.Join(p.models, ", "))
		}
		e.Models = append(e.Models, name)
	}
	if e.Kind = Kind(words[1]); e.Kind != Exactly && e.Kind != Allows && e.Kind != Forbids {
		return fmt.Errorf("expected exactly, allows or forbids, found %q", words[1])
	}
	if len(words) == 4 {
		n, err := strconv.Atoi(words[3])
		if err != nil || n < 0 || n > len(p.test.Run) {
			return fmt.Errorf("expected a number of operations from 0 to %d after \"after\", found %q", len(p.test.Run), words[3])
		}
		e.After = n
	}
	p.part = "expect"
	p.test.Expect = append(p.test.Expect, e)
	return nil
}

func (p *parser) endExpect() error {
	if e := p.test.Expect[len(p.test.Expect)-1]; len(e.Disks) == 0 {
		return fmt.Errorf("expected disks, one a line, before line %d's expectation ends", e.line)
	}
	return nil
}

// diskLine reads a line such as "d/ d/f=A[B0] g=A:2500~d/f", "-" where there is
// nothing.
func (p *parser) diskLine(words []string) error {
	var d Disk
	if len(words) > 1 || words[0] != "-" {
		for _, word := range words {
			e, err := parseEntry(word, p.test.sector())
			if err != nil {
				return err
			}
			d = append(d, e)
		}
	}
	slices.SortFunc(d, func(a, b Entry) int { return strings.Compare(a.Name, b.Name) })
	if err := d.sound(); err != nil {
		return err
	}
	if n := d.disks(); n > maxDisks {
		return fmt.Errorf("expected at most %d disks on a line, found more", maxDisks)
	}
	e := &p.test.Expect[len(p.test.Expect)-1]
	e.Disks = append(e.Disks, d)
	return nil
}

func parseEntry(word string, sector int64) (Entry, error) {
	var e Entry
	text, same, isSame := strings.Cut(word, "~")
	name, content, isFile := strings.Cut(text, "=")
	var err error
	if isFile {
		if e.Content, err = parseContent(content, sector, true); err != nil {
			return e, err
		}
		e.Content = e.Content.joined()
	} else if name, e.Folder = strings.CutSuffix(name, "/"); !e.Folder {
		return e, fmt.Errorf("expected disks, as in f=AB, d/ or -, found %q", word)
	}
	if isSame {
		if e.Same, err = parseName(same); err != nil {
			return e, err
		}
	}
	e.Name, err = parseName(name)
	return e, err
}

// sound tells what is wrong with a disk: names have to be there once, in folders,
// and what is the same as another after it.
func (d Disk) sound() error {
	seen := map[string]Entry{".": {Folder: true}}
	for _, e := range d {
		parent := "."
		if i := strings.LastIndexByte(e.Name, '/'); i >= 0 {
			parent = e.Name[:i]
		}
		if _, twice := seen[e.Name]; twice {
			return fmt.Errorf("expected each name once, found %s twice", e.Name)
		}
		if !seen[parent].Folder {
			return fmt.Errorf("expected the folder that %s is in, as %s/", e.Name, parent)
		}
		if e.Same != "" {
			if _, ok := seen[e.Same]; !ok {
				return fmt.Errorf("expected an earlier name after ~, found %s~%s", e.Name, e.Same)
			}
		}
		seen[e.Name] = e
	}
	return nil
}
