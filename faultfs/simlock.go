package faultfs

import (
	"io"
	"os"
	"syscall"
)

// Lock implements [Locker]. The locks of a Sim are its processes': an image of
// its disk has none.
func (s *Sim) Lock(name string) (io.Closer, error) {
	s.step()
	s.mu.Lock()
	defer s.mu.Unlock()
	_, _, ino, errno := s.existing(name)
	if errno == 0 && s.locks[ino] {
		errno = syscall.EWOULDBLOCK
	}
	if errno != 0 {
		op := "lock"
		if errno != syscall.EWOULDBLOCK {
			op = "open"
		}
		return nil, pathError(op, name, errno)
	}
	if s.locks == nil {
		s.locks = map[Ino]bool{}
	}
	s.locks[ino] = true
	return &simLock{sim: s, ino: ino}, nil
}

type simLock struct {
	sim *Sim
	ino Ino
}

func (l *simLock) Close() error {
	l.sim.mu.Lock()
	defer l.sim.mu.Unlock()
	if l.ino == 0 {
		return os.ErrClosed
	}
	delete(l.sim.locks, l.ino)
	l.ino = 0
	return nil
}
