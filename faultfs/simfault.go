package faultfs

import "slices"

// What a simulated disk does of itself, when a fault plan says so. Each changes
// what can be read, and is recorded for what it does to what is stored.

// walked is a walk over all that was recorded: what is stored now, for certain,
// and what is lost.
func (s *Sim) walked() *Walk {
	m := POSIX
	if s.rules != nil {
		m = *s.rules
	}
	t := s.trace
	w := t.Walk(m)
	for w.Peek() != nil {
		w.Next()
	}
	return w
}

// failSync makes the sync of an open file fail.
func (f *simFile) failSync(mode *SyncFailure) {
	s := f.sim
	s.step()
	s.mu.Lock()
	defer s.mu.Unlock()
	if mode.Reverts {
		var stored []byte
		if d := s.walked().durable; d.has(f.ino) {
			stored = make([]byte, d.node(f.ino).data.size)
			d.node(f.ino).data.readAt(stored, 0)
		}
		n := s.disk.edit(f.ino)
		n.data.resize(s.disk.own, 0)
		n.data.writeAt(s.disk.own, stored, 0)
	}
	s.record(&Op{Kind: OpSyncFail, Ino: f.ino, Path: f.name, Text: mode.Name})
}

// Evict drops from memory what is not dirty, as a kernel may at any time. It can
// be noticed only where a sync has failed and left pages clean that were never
// stored: these now read as what the disk has.
func (s *Sim) Evict() { s.evict() }

// evict tells whether there was anything to drop.
func (s *Sim) evict() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	w := s.walked()
	var done []Ino
	for _, e := range w.lost {
		if e.Kind != EffectData {
			continue // a size stays with the inode
		}
		p := make([]byte, e.Len)
		if w.durable.has(e.Ino) {
			w.durable.node(e.Ino).data.readAt(p, e.Off)
		}
		s.disk.edit(e.Ino).data.overwrite(s.disk.own, p, e.Off)
		if !slices.Contains(done, e.Ino) {
			done = append(done, e.Ino)
			s.record(&Op{Kind: OpEvict, Ino: e.Ino, Path: e.Op.Path})
		}
	}
	return done != nil
}

// damage changes what is stored of a file, and what can be read of it but where
// newer bytes are in memory. It tells whether there was anything to change.
func (s *Sim) damage(name string, off int64, data []byte, how string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, _, ino, errno := s.lookup(name)
	if errno != 0 || ino == 0 || s.disk.node(ino).isDir() {
		return false
	}
	op := &Op{Kind: OpDamage, Ino: ino, Path: name, Off: off, Data: s.trace.keep(data), Text: how}
	w := s.walked()
	if !w.durable.has(ino) || !w.durable.damage(op) {
		return false
	}
	newer := func(e *Effect) bool {
		return e.Ino == ino && e.Len > 0 && !e.Garbage && e.Off < off+int64(len(data)) && off < e.Off+e.Len
	}
	if !slices.ContainsFunc(w.pending, newer) && !slices.ContainsFunc(w.lost, newer) {
		s.disk.damage(op)
	}
	s.record(op)
	return true
}

// linkOver makes newname a second name of what is at oldname, in one step and in
// place of what was there: a rename that has done half.
func (s *Sim) linkOver(oldname, newname string) bool {
	s.step()
	s.mu.Lock()
	defer s.mu.Unlock()
	op, errno := s.renameOp(oldname, newname)
	if errno != 0 || op.Kind != OpRename || op.Mode.IsDir() {
		return false
	}
	op.Kind = OpLink
	s.disk.setName(op.Dir2, op.Name2, op.Ino)
	s.disk.linked = true
	s.record(&op)
	return true
}

// simBelow finds the simulated disk that a disk ends in, nil where there is none,
// and asks it on behalf of a caller.
func simBelow(d FS, by Stack) *Sim {
	for {
		switch below := d.(type) {
		case *Sim:
			return below.onBehalf(by).(*Sim)
		case interface{ beneath() FS }:
			d = below.beneath()
		default:
			return nil
		}
	}
}

// simFileBelow is simBelow for an open file.
func simFileBelow(f File, by Stack) *simFile {
	for {
		switch below := f.(type) {
		case *simFile:
			return below.onBehalf(by).(*simFile)
		case *interceptedFile:
			f = below.below
		default:
			return nil
		}
	}
}
