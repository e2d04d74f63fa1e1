package faultfs

import (
	"io"
	"io/fs"
)

// View gives the running disk as an [fs.FS] to read.
func (s *Sim) View() fs.FS { return view{s} }

type view struct{ sim *Sim }

func (v view) Open(name string) (fs.File, error) {
	if !fs.ValidPath(name) {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrInvalid}
	}
	f, err := v.sim.OpenFile(name, 0, 0)
	if err != nil {
		return nil, err
	}
	if info, err := f.Stat(); err != nil || !info.IsDir() {
		return f, err
	}
	list, err := v.sim.ReadDir(name)
	return &viewDir{File: f, list: list}, err
}

// viewDir is an open folder, listed when it was opened.
type viewDir struct {
	File
	list []fs.DirEntry
}

func (d *viewDir) ReadDir(n int) ([]fs.DirEntry, error) {
	if n <= 0 || n > len(d.list) {
		if n > 0 && len(d.list) == 0 {
			return nil, io.EOF
		}
		n = len(d.list)
	}
	part := d.list[:n]
	d.list = d.list[n:]
	return part, nil
}

// Ino gives the inode that a name leads to, 0 where there is none: two names of
// one file have the same. No store can see it.
func (s *Sim) Ino(name string) Ino {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, _, ino, _ := s.lookup(name)
	return ino
}
