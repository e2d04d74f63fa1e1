package crashtest

import (
	"bytes"
	"io/fs"

	"crashsim/faultfs"
)

// CrashTold is a crash, and the disk that it left.
type CrashTold struct {
	Kill   bool
	After  int    // operations on the disk
	Before string // the one that was to come next, "" at the end of the life
	Lost   int    // parts of operations
	Files  []FileLeft
	Same   int // files and folders that are as they were, and not in Files
	Writes []WriteLeft
}

// FileLeft is a file or folder that a crash left otherwise than it was.
type FileLeft struct {
	Path     string
	Folder   bool
	Was, Now int64 // sizes in bytes; [Absent]
	Differs  bool  // it is there, and its bytes, or what they belong to, are others
}

// Absent is the size of what is not there.
const Absent = -1

// WriteLeft is a write of which a crash took bytes.
type WriteLeft struct {
	Step int    // in its chapter
	Path string // where its file is on the disk that is left, "" if nowhere
	Off  int64  // of Asked in its file
	// Asked is what was written, Left what there is now, shorter where the file
	// ends before; it is nil where there is no file.
	Asked, Left []byte
	Lost        []Span
}

// Span are bytes from Off up to End, as offsets in a file.
type Span struct{ Off, End int64 }

func (p *play) crashTold(c Crash, i int, ch *Chapter) *CrashTold {
	cut, trace := p.cuts[i], p.lives[i].trace
	told := &CrashTold{Kill: c.Kill, Lost: len(p.lost[i])}
	for k := range cut.At {
		if !trace.Op(k).Kind.IsMark() {
			told.After++
		}
	}
	if cut.At < trace.Len() && !trace.Op(cut.At).Kind.IsMark() {
		told.Before = brief(trace.Op(cut.At).String())
	}
	if c.Kill {
		return told
	}
	gone := map[*faultfs.Effect]bool{}
	for _, e := range p.lost[i] {
		gone[e] = true
	}
	was := listDisk(cut.Image(func(int) bool { return true }))
	now := listDisk(cut.Image(func(k int) bool { return !gone[cut.Pending[k]] }))
	told.compare(was, now)
	told.writes(ch, now)
	return told
}

// listing is what can be read of a disk.
type listing struct {
	names []string
	files map[string]fileRead
	byIno map[faultfs.Ino]string
}

type fileRead struct {
	ino    faultfs.Ino
	folder bool
	data   []byte
}

func listDisk(sim *faultfs.Sim) *listing {
	l := &listing{files: map[string]fileRead{}, byIno: map[faultfs.Ino]string{}}
	if sim == nil { // a folder would lie within itself
		return l
	}
	view := sim.View()
	_ = fs.WalkDir(view, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || name == "." {
			return err
		}
		r := fileRead{folder: d.IsDir()}
		r.ino, _ = sim.InoOf(name)
		if !r.folder {
			r.data, err = fs.ReadFile(view, name)
		}
		l.names = append(l.names, name)
		l.files[name], l.byIno[r.ino] = r, name
		return err
	}) // a simulated disk fails in nothing
	return l
}

func (f fileRead) size(ok bool) int64 {
	if !ok {
		return Absent
	}
	return int64(len(f.data))
}

func (c *CrashTold) compare(was, now *listing) {
	for _, name := range was.names {
		a := was.files[name]
		b, ok := now.files[name]
		differs := ok && (a.folder != b.folder || !bytes.Equal(a.data, b.data))
		if ok && !differs {
			c.Same++
			continue
		}
		c.Files = append(c.Files, FileLeft{Path: name, Folder: a.folder, Was: a.size(true), Now: b.size(ok), Differs: differs})
	}
	for _, name := range now.names {
		if _, ok := was.files[name]; !ok {
			b := now.files[name]
			c.Files = append(c.Files, FileLeft{Path: name, Folder: b.folder, Was: Absent, Now: b.size(true)})
		}
	}
}

// writes finds the writes of which bytes are lost.
func (c *CrashTold) writes(ch *Chapter, now *listing) {
	for i, s := range ch.Steps {
		w := WriteLeft{Step: i, Off: s.Op.Off, Asked: s.Op.Data}
		for _, p := range s.Parts {
			e := p.Effect
			if p.Fate != Gone || e.Len == 0 || e.Garbage {
				continue
			}
			if n := len(w.Lost); n > 0 && w.Lost[n-1].End == e.Off {
				w.Lost[n-1].End += e.Len
			} else {
				w.Lost = append(w.Lost, Span{e.Off, e.Off + e.Len})
			}
		}
		if w.Lost == nil {
			continue
		}
		if name, ok := now.byIno[s.Op.Ino]; ok {
			data := now.files[name].data
			from := min(w.Off, int64(len(data)))
			w.Path, w.Left = name, data[from:min(from+int64(len(w.Asked)), int64(len(data)))]
		}
		c.Writes = append(c.Writes, w)
	}
}
