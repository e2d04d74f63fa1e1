package store

import (
	"errors"
	"io/fs"
	"path"

	"crashsim/faultfs"
)

// A rename that replaces a file is not one step on every disk: a crash may leave
// neither the old file, nor the new one, nor its temporary name (Pillai et al.,
// OSDI '14, section 3.3). So a snapshot has a second name before the rename, its
// spare, which stays until the next snapshot has one. Where the disk has no links
// it is a copy. Opening puts back from it what a crash took away.

func spareOf(name string) string {
	dir, base := path.Split(name)
	return dir + "." + base + ".spare"
}

// keepSpare gives a file, which is to be a snapshot or is one, the second name of
// that. The first time a link is enough; what is there is replaced by a rename. It is
// for the caller to sync.
func (s *Store) keepSpare(op, name, file string, first bool) error {
	linker, ok := s.fsys.(faultfs.Linker)
	if ok && first && linker.Link(file, spareOf(name)) == nil {
		return nil
	}
	tmp := s.tempName(name)
	if !ok || linker.Link(file, tmp) != nil {
		var err error
		if tmp, err = s.writeTemp(op, name, s.contentOf(file)); err != nil {
			return err
		}
	}
	return s.rename(op, tmp, spareOf(name))
}

// mendSpare makes what has the second name of a snapshot the snapshot that is
// there. Else it could be one that was never acknowledged, or an old one. Where an
// old writer made none there is none.
func (s *Store) mendSpare(name string) error {
	if _, err := s.fsys.Stat(spareOf(name)); err != nil || s.equal(spareOf(name), name) {
		return nil
	}
	return s.keepSpare(opOpen, name, name, false)
}

// recoverSnapshot reads a snapshot, as readHead does. One that a crash has taken
// the name of, or that is damaged, it puts back from its spare, where that is whole.
func (s *Store) recoverSnapshot(name string, value any, until string) (unsealed, error) {
	u, err := readHead(s.fsys, name, value, until)
	if !errors.Is(err, ErrMissing) && !errors.Is(err, ErrCorrupt) {
		return u, err
	}
	put, putErr := s.putBack(opOpen, name)
	switch {
	case putErr != nil:
		return u, putErr
	case !put:
		return u, err
	}
	return readHead(s.fsys, name, value, until)
}

// putBack makes the spare of a snapshot the snapshot, for good, and tells whether
// it did: not where there is none, or it is damaged too.
func (s *Store) putBack(op, name string) (bool, error) {
	data, err := readSpare(s.fsys, op, name)
	if data == nil {
		return false, err
	}
	if err := s.renameOver(op, name, all(data)); err != nil {
		return false, err
	}
	return true, s.syncNames(op, name)
}

// readSpare gives a snapshot by its second name, nil where there is none or it is
// damaged.
func readSpare(fsys faultfs.FS, op, name string) ([]byte, error) {
	data, err := faultfs.ReadFile(fsys, spareOf(name))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil
	case err != nil:
		return nil, ioError(op, spareOf(name), err)
	}
	if u, ok := unseal(data); !ok || !u.summed {
		return nil, nil
	}
	return data, nil
}
