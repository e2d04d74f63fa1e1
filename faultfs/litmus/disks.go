package litmus

import (
	"path"
	"slices"
	"strings"

	"crashsim/faultfs"
)

// read tells all that can be read of a disk, with content cut at the given places.
func read(disk *faultfs.Sim, cuts []int) (Disk, error) {
	var d Disk
	var below func(dir string) error
	below = func(dir string) error {
		list, err := disk.ReadDir(dir)
		for _, e := range list {
			entry := Entry{Name: path.Join(dir, e.Name()), Folder: e.IsDir()}
			if !entry.Folder {
				data, err := faultfs.ReadFile(disk, entry.Name)
				if err != nil {
					return err
				}
				entry.Content = contentOf(data, cuts)
			}
			d = append(d, entry)
			if entry.Folder {
				if err := below(entry.Name); err != nil {
					return err
				}
			}
		}
		return err
	}
	if err := below("."); err != nil {
		return nil, err
	}
	slices.SortFunc(d, func(a, b Entry) int { return strings.Compare(a.Name, b.Name) })
	first := map[faultfs.Ino]string{}
	for i := range d {
		ino := disk.Ino(d[i].Name)
		if at, ok := first[ino]; ok {
			d[i].Same = at
		} else {
			first[ino] = d[i].Name
		}
	}
	return d, nil
}

// merge tells disks in few patterns that stand for just these: disks that differ
// in one piece only become one, with that piece's alternatives. Pieces are gone
// through in order, so that the result depends on the disks alone.
func merge(disks []Disk) []Disk {
	shapes := map[string][]Disk{}
	for _, d := range disks {
		s := d.shape()
		shapes[s] = append(shapes[s], d)
	}
	var out []Disk
	for _, same := range shapes {
		for i, e := range same[0] {
			for j := range e.Content {
				same = mergeAt(same, i, j)
			}
		}
		out = append(out, same...)
	}
	return out
}

func mergeAt(disks []Disk, entry, piece int) []Disk {
	at := map[string]int{} // by all that is not this piece
	var out []Disk
	for _, d := range disks {
		letters := d[entry].Content[piece].Letters
		rest := d.with(entry, piece, "*")
		key := rest.key()
		if i, ok := at[key]; ok {
			out[i] = rest.with(entry, piece, out[i][entry].Content[piece].Letters+letters)
			continue
		}
		at[key] = len(out)
		out = append(out, d)
	}
	for i := range out {
		out[i][entry].Content[piece].Letters = ordered(out[i][entry].Content[piece].Letters)
	}
	return out
}

// ordered sorts letters, the zero last: what was written comes before what was not.
func ordered(letters string) string {
	if len(letters) == 1 {
		return letters
	}
	b := []byte(strings.ReplaceAll(letters, "0", "~"))
	slices.Sort(b)
	return strings.ReplaceAll(string(slices.Compact(b)), "~", "0")
}

// shape is what two disks have to have in common to differ in letters alone.
func (d Disk) shape() string {
	c := make(Disk, len(d))
	for i, e := range d {
		c[i] = e
		c[i].Content = slices.Clone(e.Content)
		for j := range c[i].Content {
			c[i].Content[j].Letters = "*"
		}
	}
	return c.key()
}

// key is the same for equal disks with their content cut in the same places.
func (d Disk) key() string {
	var b strings.Builder
	for _, e := range d {
		b.WriteString(e.Name)
		if e.Folder {
			b.WriteByte('/')
		}
		for _, p := range e.Content {
			b.WriteByte('=')
			b.WriteString(p.Letters)
			for n := p.N; n > 0; n >>= 6 {
				b.WriteByte(byte(n&63) + 128)
			}
		}
		b.WriteByte('~')
		b.WriteString(e.Same)
		b.WriteByte(' ')
	}
	return b.String()
}

// whole tells the disk with pieces joined: equal for equal disks, wherever their
// content was cut.
func (d Disk) whole() Disk {
	c := slices.Clone(d)
	for i := range c {
		c[i].Content = c[i].Content.joined()
	}
	return c
}
