package faultfs_test

import (
	"fmt"
	"maps"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	. "crashsim/faultfs"
)

const (
	sector = 4 // so that few bytes tear
	step   = 8 // and few add steps to a size, in stepped
	create = os.O_RDWR | os.O_CREATE
)

// small is strict POSIX on a disk of small sectors.
func small() Model {
	m := POSIX
	m.Sector = sector
	return m
}

// stepped is small with sizes that grow in short steps.
func stepped() Model {
	m := small()
	m.Block = step
	return m
}

func open(t *testing.T, fsys FS, name string, flag int) File {
	t.Helper()
	f, err := fsys.OpenFile(name, flag, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// A command of a script. In a script's text a letter stands for a sector of
// that letter, 0 for one of zeros, and offsets and sizes count sectors:
//
//	create f; append f AB; write f 1 C; truncate f 1; rewrite f D; hold f
//	hwrite 2 E; hsync; mkdir d; rename f d/f; link f g; remove f; sync f; syncdir .
//	datasync f; swrite f 1 C (by O_DSYNC); allocate f 3; reserve f 3; zero f 1 00; punch f 1 00; syncdisk
type command struct {
	kind string
	a, b string
	off  int64
	data string
}

func (c command) String() string {
	return strings.TrimSpace(fmt.Sprintf("%s %s %s %d %s", c.kind, c.a, c.b, c.off, c.data))
}

func parse(script string) []command {
	var out []command
	for text := range strings.SplitSeq(script, ";") {
		if text == "" {
			continue
		}
		w := append(strings.Fields(text), "", "")
		c := command{kind: w[0], a: w[1]}
		number := func(s string) {
			n, err := strconv.Atoi(s)
			if err != nil {
				panic(text)
			}
			c.off = int64(n) * sector
		}
		letters := func(s string) {
			for _, l := range s {
				c.data += strings.Repeat(strings.ReplaceAll(string(l), "0", "\x00"), sector)
			}
		}
		switch c.kind {
		case "append", "rewrite":
			letters(w[2])
		case "write", "swrite", "zero", "punch":
			number(w[2])
			letters(w[3])
		case "hwrite":
			c.a = ""
			number(w[1])
			letters(w[2])
		case "truncate", "allocate", "reserve":
			number(w[2])
		case "rename", "link":
			c.b = w[2]
		}
		out = append(out, c)
	}
	return out
}

// do runs a script in which everything has to succeed.
func do(t *testing.T, sim *Sim, script string) {
	t.Helper()
	p := &player{sim: sim}
	for _, c := range parse(script) {
		if err := p.run(c); err != nil {
			t.Fatalf("%s: %v", c, err)
		}
	}
}

// player runs commands on a disk.
type player struct {
	sim  *Sim
	held File
}

func (p *player) run(c command) error {
	switch c.kind {
	case "create":
		return p.with(c.a, create|os.O_EXCL, func(File) error { return nil })
	case "append":
		return p.with(c.a, os.O_WRONLY|os.O_CREATE|os.O_APPEND, func(f File) error { return write(f, c.data) })
	case "rewrite":
		return p.with(c.a, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, func(f File) error { return write(f, c.data) })
	case "write":
		return p.with(c.a, os.O_RDWR, func(f File) error { return writeAt(f, c) })
	case "truncate":
		return p.with(c.a, os.O_RDWR, func(f File) error { return f.Truncate(c.off) })
	case "swrite":
		return p.with(c.a, os.O_RDWR|syscall.O_DSYNC, func(f File) error { return writeAt(f, c) })
	case "allocate", "reserve", "zero", "punch":
		return p.with(c.a, os.O_RDWR, func(f File) error { return allocate(f.(Allocator), c) })
	case "sync":
		return p.with(c.a, os.O_WRONLY, File.Sync)
	case "datasync":
		return p.with(c.a, os.O_WRONLY, func(f File) error { return f.(DataSyncer).SyncData() })
	case "syncdisk":
		return p.sim.SyncDisk()
	case "mkdir":
		return p.sim.Mkdir(c.a, 0o755)
	case "rename":
		return p.sim.Rename(c.a, c.b)
	case "link":
		return p.sim.Link(c.a, c.b)
	case "remove":
		return p.sim.Remove(c.a)
	case "syncdir":
		return p.sim.SyncDir(c.a)
	case "hold":
		f, err := p.sim.OpenFile(c.a, os.O_RDWR, 0)
		if err == nil {
			p.held = f
		}
		return err
	}
	switch {
	case p.held == nil:
		return os.ErrClosed
	case c.kind == "hwrite":
		return writeAt(p.held, c)
	case c.kind == "hsync":
		return p.held.Sync()
	}
	panic(c.kind)
}

func (p *player) with(name string, flag int, use func(File) error) error {
	f, err := p.sim.OpenFile(name, flag, 0o644)
	if err != nil {
		return err
	}
	if err := use(f); err != nil {
		return err
	}
	return f.Close()
}

func write(f File, data string) error {
	_, err := f.Write([]byte(data))
	return err
}

func writeAt(f File, c command) error {
	_, err := f.WriteAt([]byte(c.data), c.off)
	return err
}

func allocate(f Allocator, c command) error {
	switch c.kind {
	case "allocate":
		return f.Allocate(0, 0, c.off)
	case "reserve":
		return f.Allocate(KeepSize, 0, c.off)
	case "punch":
		return f.Allocate(PunchHole|KeepSize, c.off, int64(len(c.data)))
	}
	return f.Allocate(ZeroRange, c.off, int64(len(c.data)))
}

// treeOf tells all that can be seen of a disk in one line: "d/ d/a=AA b=A0". What
// is another name of something told already says so: "b=A0~d/a".
func treeOf(sim *Sim) string {
	var names []string
	texts := map[string]string{}
	folders := map[string]bool{}
	var below func(fsys *Sim, dir string)
	below = func(fsys *Sim, dir string) {
		list, err := fsys.ReadDir(dir)
		if err != nil {
			panic(err)
		}
		for _, e := range list {
			name := path.Join(dir, e.Name())
			names = append(names, name)
			if folders[name] = e.IsDir(); folders[name] {
				texts[name] = name + "/"
				below(fsys, name)
				continue
			}
			data, err := ReadFile(fsys, name)
			if err != nil {
				panic(err)
			}
			texts[name] = name + "=" + letters(data)
		}
	}
	below(sim, ".")
	for name, first := range otherNames(sim, names, folders) {
		texts[name] += "~" + first
	}
	slices.Sort(names)
	for i, name := range names {
		names[i] = texts[name]
	}
	return strings.Join(names, " ")
}

// letters are a file's bytes as text, a letter for a sector where all its bytes
// are one.
func letters(data []byte) string {
	text := strings.ReplaceAll(string(data), "\x00", "0")
	var short strings.Builder
	for part := range slices.Chunk([]byte(text), sector) {
		if len(part) < sector || strings.Trim(string(part), string(part[:1])) != "" {
			return text + "'" // so that it is not taken for sectors
		}
		short.WriteByte(part[0])
	}
	return short.String()
}

// otherNames finds what has several names, by changing a copy through each name
// and looking through all.
func otherNames(sim *Sim, names []string, folders map[string]bool) map[string]string {
	names = slices.Sorted(slices.Values(names))
	if len(names) < 2 {
		return nil
	}
	probe := sim.Fork()
	for i, name := range names {
		var err error
		if folders[name] {
			err = probe.Mkdir(fmt.Sprintf("%s/#%d", name, i), 0o755)
		} else {
			err = (&player{sim: probe}).run(command{kind: "truncate", a: name, off: int64(1000 + i)})
		}
		if err != nil {
			panic(err)
		}
	}
	first, out := map[string]string{}, map[string]string{}
	for _, name := range names {
		mark := ""
		if folders[name] {
			list, _ := probe.ReadDir(name)
			for _, e := range list {
				if strings.HasPrefix(e.Name(), "#") {
					mark += e.Name()
				}
			}
		} else if info, err := probe.Stat(name); err == nil {
			mark = strconv.FormatInt(info.Size(), 10)
		}
		if at, ok := first[mark]; ok {
			out[name] = at
			continue
		}
		first[mark] = name
	}
	return out
}

// closedSets gives every set of a cut's pending effects that respects Needs.
func closedSets(c *Cut) []uint {
	if len(c.Pending) > 16 {
		panic("too many to enumerate")
	}
	var out []uint
	for set := range uint(1) << len(c.Pending) {
		closed := true
		for i, needs := range c.Needs {
			for _, need := range needs {
				closed = closed && (set>>i&1 == 0 || set>>need&1 == 1)
			}
		}
		if closed {
			out = append(out, set)
		}
	}
	return out
}

func image(c *Cut, set uint) *Sim {
	return c.Image(func(i int) bool { return set>>i&1 == 1 })
}

// treesOf gives what the disks that a crash at the cut can leave look like, each
// with one set that leaves it.
func treesOf(c *Cut) map[string]uint {
	out := map[string]uint{}
	for _, set := range closedSets(c) {
		if sim := image(c, set); sim != nil {
			out[treeOf(sim)] = set
		}
	}
	return out
}

// cutAt gives the cut after the n-th operation, -1 for the last.
func cutAt(sim *Sim, m Model, n int) *Cut {
	trace := sim.Trace()
	w := trace.Walk(m)
	for w.Peek() != nil && w.Pos() != n {
		w.Next()
	}
	return w.Cut()
}

func sorted[V any](set map[string]V) []string { return slices.Sorted(maps.Keys(set)) }
