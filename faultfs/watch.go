package faultfs

// What a harness reads of a walk or a disk to tell people what happened there.

// Pending gives the effects that are pending now. The list holds until Next, and
// is not to be changed; the effects themselves stay the same through a walk.
func (w *Walk) Pending() []*Effect { return w.pending }

// InoOf gives the inode that a name leads to.
func (s *Sim) InoOf(name string) (Ino, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, _, ino, errno := s.existing(name)
	return ino, errno == 0
}
