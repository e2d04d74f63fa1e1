package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"

	"crashsim/faultfs"
)

// seenLog is a log in which there is a problem.
type seenLog struct {
	*log
	content func([]byte) string // what is wrong with a line that is whole
	file    FileHealth
	kinds   []ProblemKind       // in the order that they were met
	count   map[ProblemKind]int // of lines
	bytes   map[ProblemKind]int64
	kept    string // where the original is, once it is kept
}

func (l *seenLog) problem(kind ProblemKind, bytes int64) {
	if l.count[kind] == 0 {
		l.kinds = append(l.kinds, kind)
	}
	l.count[kind]++
	l.bytes[kind] += bytes
}

func (l *seenLog) has(kinds ...ProblemKind) bool {
	return slices.ContainsFunc(kinds, func(k ProblemKind) bool { return l.count[k] > 0 })
}

// names says in words what the problems are.
func (l *seenLog) names() (list []string) {
	for _, k := range l.kinds {
		list = append(list, fmt.Sprintf("%s, %d bytes", k, l.bytes[k]))
	}
	return list
}

// losses says what is lost by damage, "" if nothing is.
func (l *seenLog) losses() string {
	var list []string
	for _, k := range l.kinds {
		switch k {
		case BadLine, NotRising, Unreadable:
			list = append(list, fmt.Sprintf("%d lines, %d bytes, taken out: %s", l.count[k], l.bytes[k], k))
		case ShortLog, MissingLog:
			list = append(list, fmt.Sprintf("%d bytes that were acknowledged are gone", l.bytes[k]))
		}
	}
	if l.kept != "" && len(list) > 0 {
		list = append(list, "the original is kept in "+path.Base(l.kept))
	}
	return strings.Join(list, "; ")
}

// log looks at each line of a log. content tells what is wrong with a line that is
// whole; noted is what the snapshot beside it says of its size.
func (v *verifier) log(l *log, noted int64, content func([]byte) string) (FileHealth, error) {
	seen := &seenLog{log: l, content: content, file: FileHealth{Path: l.path}, count: map[ProblemKind]int{}, bytes: map[ProblemKind]int64{}}
	err := v.readLines(seen, noted)
	if len(seen.kinds) > 0 {
		v.logs = append(v.logs, seen)
	}
	return seen.file, err
}

func (v *verifier) readLines(seen *seenLog, noted int64) error {
	l, file := seen.log, &seen.file
	tell := func(p Problem) {
		p.Path = l.path
		seen.problem(p.Kind, p.Bytes)
		if file.Problems++; file.Problems <= MaxProblems {
			v.problem(p)
		}
	}
	closed, err := l.readNote(v.s.fsys, opVerify)
	if errors.Is(err, ErrIO) {
		return v.failed(l.notePath(), err)
	} else if err != nil {
		v.problem(Problem{Kind: BadNote, Path: l.notePath(), Detail: badSum})
		seen.problem(BadNote, 0)
	}
	l.noted = max(noted, closed)
	f, err := v.s.fsys.OpenFile(l.path, os.O_RDONLY, 0)
	if errors.Is(err, fs.ErrNotExist) {
		if l.noted > 0 {
			tell(Problem{Kind: MissingLog, Bytes: l.noted, Detail: l.short()})
		}
		return nil
	}
	if err != nil {
		return v.failed(l.path, err)
	}
	defer func() { _ = f.Close() }() // read only: nothing to lose
	lines, err := readLog(&metered{f, v.meter, l.path})
	if err != nil {
		return v.failed(l.path, err)
	}
	defer lines.free()
	file.Bytes = lines.size
	first := true // of the bad lines that nobody has noted
	for lines.next() {
		kind, detail := l.judge(lines, seen.content, file)
		if kind == BadLine && lines.off >= l.noted && first {
			if first = false; l.doubtful(f) {
				tell(Problem{Kind: DoubtfulTail, Line: lines.number, Offset: lines.off, Bytes: lines.size - lines.off, Detail: "opening keeps it aside, and cuts it off"})
				break
			}
		}
		if kind != "" {
			tell(Problem{Kind: kind, Line: lines.number, Offset: lines.off, Bytes: lines.end - lines.off, Detail: detail})
		}
	}
	if lines.err != nil {
		return v.failed(l.path, lines.err)
	}
	if lines.size < l.noted && (!l.open || lines.size+1 < l.noted) {
		tell(Problem{Kind: ShortLog, Line: lines.number, Offset: lines.size, Bytes: l.noted - lines.size, Detail: l.short()})
	}
	file.LastID = l.last
	v.health.Files = append(v.health.Files, *file)
	return nil
}

// doubtful tells whether the end of a log is one that opening does not refuse.
func (l *log) doubtful(f faultfs.File) bool {
	again := newLog(l.path, l.key)
	again.noted = l.noted
	lines, err := readLog(f)
	if err != nil {
		return false
	}
	defer lines.free()
	return again.scan(opVerify, lines) == nil && again.doubt != nil
}

// judge tells what is wrong with a line, and counts it where nothing is, or only
// its newline is missing.
func (l *log) judge(lines *lines, content func([]byte) string, file *FileHealth) (kind ProblemKind, detail string) {
	r := readLine(lines.text, l.key)
	switch {
	case r.summed && !l.above(r.id):
		return NotRising, fmt.Sprintf("%d, after %d", r.id, l.last)
	case r.ok:
		if wrong := content(lines.text); wrong != "" {
			return Unreadable, wrong
		}
	case lines.blank():
		return "", ""
	case !lines.torn(l.key):
		return BadLine, "neither whole, nor what a crash leaves"
	case lines.off < l.noted:
		return BadLine, "like a torn append, but " + l.short()
	default:
		return TornTail, "part of an append"
	}
	l.last = max(l.last, r.id)
	l.lines++
	file.Records++
	if !r.summed {
		file.Unsummed++
	}
	if !lines.ended {
		l.open = true
		return NoNewline, "whole but for its newline"
	}
	return "", ""
}

// meter tells how far a reader of all logs has come, and ends it with its ctx.
type meter struct {
	ctx         context.Context
	tell        Progress
	fsys        faultfs.FS
	done, total int64
}

// measure adds up the logs below a folder. What it cannot read it leaves out:
// who reads the logs will tell.
func (m *meter) measure(dir string) {
	if m.tell == nil {
		return
	}
	list, err := m.fsys.ReadDir(dir)
	if err != nil {
		return
	}
	for _, e := range list {
		name := path.Join(dir, e.Name())
		if e.IsDir() && e.Name() != setAsideDir {
			m.measure(name)
		} else if info, err := m.fsys.Stat(name); err == nil && strings.HasSuffix(name, ".jsonl") {
			m.total += info.Size()
		}
	}
}

// metered is a file whose reading is metered.
type metered struct {
	faultfs.File
	meter *meter
	path  string
}

func (f *metered) ReadAt(p []byte, off int64) (int, error) {
	if err := f.meter.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := f.File.ReadAt(p, off)
	f.meter.add(f.path, n)
	return n, err
}

// meteredWriter is the same for what is copied.
type meteredWriter struct {
	io.Writer
	meter *meter
	path  string
}

func (w *meteredWriter) Write(p []byte) (int, error) {
	if err := w.meter.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := w.Writer.Write(p)
	w.meter.add(w.path, n)
	return n, err
}

func (m *meter) add(path string, n int) {
	m.done += int64(n)
	if m.tell != nil {
		m.tell(path, m.done, m.total)
	}
}
