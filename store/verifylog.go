package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"strings"

	"crashsim/faultfs"
)

// log looks at each line of a log. content tells what is wrong with a line that is
// whole; noted is what the snapshot beside it says of its size.
func (v *verifier) log(l *log, noted int64, content func([]byte) string) (FileHealth, error) {
	file := FileHealth{Path: l.path}
	closed, err := l.readNote(v.s.fsys, opVerify)
	if errors.Is(err, ErrIO) {
		return file, v.failed(l.notePath(), err)
	} else if err != nil {
		v.problem(Problem{Kind: BadNote, Path: l.notePath(), Detail: badSum})
	}
	l.noted = max(noted, closed)
	f, err := v.s.fsys.OpenFile(l.path, os.O_RDONLY, 0)
	if errors.Is(err, fs.ErrNotExist) {
		if l.noted > 0 {
			v.problem(Problem{Kind: MissingLog, Path: l.path, Detail: l.short()})
			file.Problems++
		}
		return file, nil
	}
	if err != nil {
		return file, v.failed(l.path, err)
	}
	defer func() { _ = f.Close() }() // read only: nothing to lose
	lines, err := readLog(&metered{f, v.meter, l.path})
	if err != nil {
		return file, v.failed(l.path, err)
	}
	file.Bytes = lines.size
	for lines.next() {
		kind, detail := l.judge(lines, content, &file)
		if kind == "" {
			continue
		}
		if file.Problems++; file.Problems <= MaxProblems {
			v.problem(Problem{Kind: kind, Path: l.path, Line: lines.number, Offset: lines.off, Bytes: lines.end - lines.off, Detail: detail})
		}
	}
	if lines.err != nil {
		return file, v.failed(l.path, lines.err)
	}
	if lines.size < l.noted && !(l.open && lines.size+1 == l.noted) {
		file.Problems++
		v.problem(Problem{Kind: ShortLog, Path: l.path, Line: lines.number, Offset: lines.size, Bytes: l.noted - lines.size, Detail: l.short()})
	}
	file.LastID = l.last
	v.health.Files = append(v.health.Files, file)
	return file, nil
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
	f.meter.done += int64(n)
	if f.meter.tell != nil {
		f.meter.tell(f.path, f.meter.done, f.meter.total)
	}
	return n, err
}
