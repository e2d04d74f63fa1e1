package store

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"

	"crashsim/faultfs"
)

const opRepair = "repair"

// CodeRepaired is the code of the diagnostics that tell what [Repair] has taken
// out of a store.
const CodeRepaired = "store_repaired"

// Mended is one thing that [Repair] has done.
type Mended struct {
	Path string `json:"path"`
	Did  string `json:"did"`
	Kept string `json:"kept,omitempty"` // where the original is
}

// Repair mends what [Verify] names, and nothing else, in the stores of all
// runtimes; none of them may be open. A log is written anew without its damaged
// lines; a worker's folder without a good snapshot is set aside, as opening does;
// the snapshot of a runtime is made anew from the logs. What is taken out is told
// by a diagnostic in the runtime's snapshot, with [CodeRepaired], and the original
// of each file that loses something is kept beside it, as NAME.damaged-N, first.
//
// A crash leaves each file as it was or mended, and Repair goes on from there.
// Mended says what was done, up to an error too. What is of another version or
// runtime, or cannot be read, is left as it is: Verify names it again. Memory does
// not grow with the logs beyond their indexes. progress may be nil.
func Repair(ctx context.Context, fsys faultfs.FS, progress Progress) ([]Mended, error) {
	var done []Mended
	m := &meter{ctx: ctx, tell: progress, fsys: fsys}
	err := eachRuntime(fsys, opRepair, func(_, id string, isDir bool) error {
		if id == "" || !isDir {
			return nil
		}
		r := &repairer{verifier: newVerifier(fsys, id, m)}
		err := r.runtime()
		done = append(done, r.done...)
		return err
	}, m)
	return done, err
}

// repairer mends one runtime, of which it holds the lock.
type repairer struct {
	*verifier
	snapshot RuntimeSnapshot
	done     []Mended
}

func (r *repairer) did(p *Problem, kept, format string, args ...any) {
	r.done = append(r.done, Mended{Path: p.Path, Did: fmt.Sprintf(format, args...), Kept: kept})
}

func (r *repairer) runtime() error {
	if err := r.s.takeLock(); err != nil {
		return err
	}
	defer func() { _ = r.s.Close() }()              // once more, where that was done
	r.s.opts, _ = r.s.opts.withDefaults()           // of no options that could be wrong
	r.s.events = newLog(r.s.eventsPath(), eventKey) // not read yet, and nothing noted of it
	if err := r.verifier.runtime(true); err != nil || len(r.health.Problems) == 0 {
		return err
	}
	for i := range r.health.Problems {
		if p := &r.health.Problems[i]; p.Path == r.s.runtimePath() && !p.Repairable() {
			return nil // without a snapshot nothing can be told in it
		}
	}
	return r.mend()
}

// mend goes by the order that keeps a crash from hiding anything: originals, then
// what tells of them, then the files.
func (r *repairer) mend() error {
	if err := r.s.removeTemps(r.s.dir); err != nil {
		return err
	}
	if err := r.putBack(); err != nil {
		return err
	}
	if err := r.keepOriginals(); err != nil {
		return err
	}
	if r.unfinished {
		return nil // opening makes it, with its owner's options
	}
	if err := r.writeRuntime(); err != nil {
		return err
	}
	if err := r.mendFolders(); err != nil {
		return err
	}
	for _, l := range r.logs {
		if err := r.mendLog(l); err != nil {
			return err
		}
	}
	for i := range r.health.Problems {
		if p := &r.health.Problems[i]; p.Kind == IOError || p.Kind == OtherVersion {
			return nil // opening would refuse it
		}
	}
	if err := r.s.recover(); err != nil {
		return err
	}
	r.s.noteAnew()
	return r.s.Close()
}

// putBack gives snapshots that are whole by their second names the first again.
func (r *repairer) putBack() error {
	for i := range r.health.Problems {
		p := &r.health.Problems[i]
		if p.Kind != LostName && p.Kind != BadFirstName {
			continue
		}
		if _, err := r.s.putBack(opRepair, p.Path); err != nil {
			return err
		}
		r.did(p, "", "put back from its second name")
	}
	return nil
}

// keepOriginals copies each file that is to lose something.
func (r *repairer) keepOriginals() error {
	for _, l := range r.logs {
		if !l.has(BadLine, NotRising, Unreadable, TornTail) {
			continue
		}
		if l.has(BadLine, NotRising, Unreadable) {
			r.meter.total += l.file.Bytes // it is read once more
		}
		kept, err := r.keep(l.path)
		if err != nil {
			return err
		}
		l.kept = kept
	}
	if r.state != isBad {
		return nil
	}
	kept, err := r.keep(r.s.runtimePath())
	r.kept = kept
	return err
}

// keep copies a file to the next free name of NAME.damaged-N, unless the last one
// is a copy already, as after a repair that was cut short.
func (r *repairer) keep(name string) (string, error) {
	s := r.s
	list, err := s.fsys.ReadDir(path.Dir(name))
	if err != nil {
		return "", ioError(opRepair, path.Dir(name), err)
	}
	last := 0
	for _, e := range list {
		if number, ok := strings.CutPrefix(e.Name(), path.Base(name)+keptMiddle); ok {
			n, _ := strconv.Atoi(number) // 0 where it is none
			last = max(last, n)
		}
	}
	kept := name + keptMiddle + strconv.Itoa(last)
	if last > 0 && s.equal(kept, name) {
		return kept, s.syncDir(path.Dir(name)) // or the name could still be lost
	}
	kept = name + keptMiddle + strconv.Itoa(last+1)
	info, err := s.fsys.Stat(name)
	if err != nil {
		return "", ioError(opRepair, name, err)
	}
	r.meter.total += info.Size()
	copied := func(w io.Writer) error { return s.contentOf(name)(&meteredWriter{w, r.meter, name}) }
	if err := s.renameOver(opRepair, kept, copied); err != nil {
		return "", err
	}
	return kept, s.syncDir(path.Dir(name))
}

const keptMiddle = ".damaged-"

// writeRuntime tells in the runtime's snapshot what is lost, and makes it anew
// where there is no good one. The size of the log is left out of it until the log
// is mended.
func (r *repairer) writeRuntime() error {
	before := len(r.snapshot.Diagnostics)
	switch _, err := readJSON(r.s.fsys, opRepair, r.s.runtimePath(), &r.snapshot); {
	case r.state == isGood && err != nil:
		return err
	case r.state == isBad:
		r.rebuild()
		r.tell(fmt.Sprintf("the runtime's snapshot was damaged and is made anew from the logs; the original is kept in %s", path.Base(r.kept)))
		r.did(&Problem{Path: r.s.runtimePath()}, r.kept, "made anew from the logs")
	case r.state == isMissing:
		r.rebuild()
		r.tell("the runtime's snapshot was missing and is made anew from the logs")
		r.did(&Problem{Path: r.s.runtimePath()}, "", "made anew from the logs")
	default:
		before = len(r.snapshot.Diagnostics)
	}
	for _, l := range r.logs {
		if text := l.losses(); text != "" {
			r.tell(fmt.Sprintf("%s: %s", strings.TrimPrefix(l.path, r.s.dir+"/"), text))
		}
	}
	if slices.ContainsFunc(r.health.Problems, func(p Problem) bool { return p.Kind == MissingWorkers }) {
		r.tell("the folder of all workers was missing")
	}
	if len(r.snapshot.Diagnostics) == before && !slices.ContainsFunc(r.logs, func(l *seenLog) bool { return l.path == r.s.eventsPath() }) {
		return nil
	}
	data, err := marshalRuntime(opRepair, r.snapshot)
	if err != nil {
		return err
	}
	return r.s.replace(opRepair, r.s.runtimePath(), seal(data, 0))
}

// tell adds a diagnostic, unless it is there from a repair that was cut short.
func (r *repairer) tell(message string) {
	s := &r.snapshot
	if slices.ContainsFunc(s.Diagnostics, func(d Diagnostic) bool { return d.Code == CodeRepaired && d.Message == message }) {
		return
	}
	id := s.NextDiagnosticID
	for _, d := range s.Diagnostics {
		id = max(id, d.ID+1)
	}
	s.Diagnostics = append(s.Diagnostics, Diagnostic{ID: id, Severity: "error", Code: CodeRepaired, Message: message})
	s.NextDiagnosticID = id + 1
}

// rebuild makes a snapshot with counters past all that has left a trace. A number
// for a worker was used by an event at least, in the order that callers keep.
func (r *repairer) rebuild() {
	r.snapshot = RuntimeSnapshot{
		SchemaVersion: SchemaVersion, RuntimeID: r.s.opts.RuntimeID, Backend: Backend, Status: Stopped,
		Limits: r.s.opts.Limits, NextEventID: 1, NextDiagnosticID: 1,
	}
	for _, f := range r.health.Files {
		if f.Path == r.s.eventsPath() {
			r.snapshot.NextEventID = f.LastID + 1
		}
	}
	workers, _ := r.s.fsys.ReadDir(r.s.workersPath()) // none where it cannot be read
	r.snapshot.NextWorkerSequence = max(uint64(len(workers))+1, r.snapshot.NextEventID)
	aside, _ := r.s.fsys.ReadDir(path.Join(r.s.dir, setAsideDir))
	for _, e := range aside {
		n, _ := strconv.ParseUint(e.Name(), 10, 63)
		r.snapshot.NextDiagnosticID = max(r.snapshot.NextDiagnosticID, n+1)
	}
}

// mendFolders sets aside what is in the place of a folder, or is another's. What
// opening sets aside is left to it.
func (r *repairer) mendFolders() error {
	for i := range r.health.Problems {
		p := &r.health.Problems[i]
		what := p.Path
		switch {
		case p.Kind == Foreign:
			what = path.Dir(p.Path)
		case p.Kind == NoWorker, p.Kind == BadSnapshot && p.Path != r.s.runtimePath():
			r.did(p, path.Join(r.s.dir, setAsideDir), "set aside")
			continue
		case p.Kind == LeftTemp:
			r.did(p, "", "removed")
			continue
		case p.Kind == MissingWorkers:
			r.did(p, "", "made anew, with nothing in it")
			continue
		case p.Kind != NoFolder:
			continue
		}
		if err := r.s.setAside(what, p.Detail); err != nil {
			return err
		}
		r.did(&Problem{Path: what}, path.Join(r.s.dir, setAsideDir), "set aside")
	}
	if err := r.s.makeFolder(r.s.workersPath()); err != nil {
		return err
	}
	return r.s.syncDir(r.s.dir)
}

// mendLog writes a log anew without its damaged lines, and takes back what was
// noted of its size.
func (r *repairer) mendLog(l *seenLog) error {
	if err := r.forgetSize(l); err != nil {
		return err
	}
	did := strings.Join(l.names(), ", ") // which opening mends
	if l.has(BadLine, NotRising, Unreadable) {
		if err := r.s.renameOver(opRepair, l.path, func(w io.Writer) error { return r.copyGood(l, w) }); err != nil {
			return err
		}
		did = l.losses()
	}
	r.did(&Problem{Path: l.path}, l.kept, "%s", did)
	return r.s.syncDir(path.Dir(l.path)) // the names of the log, and of what was noted
}

// forgetSize takes back what Close, and the snapshot of a worker, have noted; the
// runtime's is written already. A crash that keeps the one and not the other leaves
// a log that is short of it, for the next repair.
func (r *repairer) forgetSize(l *seenLog) error {
	if err := r.s.fsys.Remove(l.notePath()); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return ioError(opRepair, l.notePath(), err)
	}
	if l.path == r.s.eventsPath() {
		return nil
	}
	var snapshot WorkerSnapshot
	name := path.Join(path.Dir(l.path), workerFile)
	var content []byte
	u, err := readSnapshotFile(r.s.fsys, opRepair, name, func(data []byte) (unsealed, error) {
		u, err := parseJSON(opRepair, name, data, &snapshot)
		if u.logBytes != 0 { // it is sealed, and this a copy
			content = u.content(data)
		}
		return u, err
	})
	if err != nil || u.logBytes == 0 {
		return err
	}
	return r.s.replace(opRepair, name, seal(content, 0))
}

// copyGood copies the good lines of a log.
func (r *repairer) copyGood(l *seenLog, w io.Writer) error {
	f, err := r.s.fsys.OpenFile(l.path, os.O_RDONLY, 0)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }() // read only: nothing to lose
	lines, err := readLog(&metered{f, r.meter, l.path})
	if err != nil {
		return err
	}
	defer lines.free()
	out := bufio.NewWriterSize(w, int(max(16, min(lines.size, readBytes))))
	again, counts := newLog(l.path, l.key), FileHealth{}
	for lines.next() {
		if kind, _ := again.judge(lines, l.content, &counts); kind != "" && kind != NoNewline || lines.blank() {
			continue
		}
		_, _ = out.Write(lines.text) // Flush gives the first error
		_ = out.WriteByte('\n')
	}
	if lines.err != nil {
		return lines.err
	}
	return out.Flush()
}

// noteAnew makes Close note the size of each log.
func (s *Store) noteAnew() {
	s.events.grown = true
	for _, w := range s.workers {
		w.transcript.grown = true
	}
}
