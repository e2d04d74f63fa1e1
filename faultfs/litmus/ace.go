package litmus

import (
	"fmt"
	"path"
	"slices"
	"strings"
)

// ACE gives the workloads of sequence length 1 in the bounds that CrashMonkey's
// workload generator was published with (Mohan et al., OSDI '18; the figures are
// those of its public source): 13 operations; files foo and bar, in the root and in
// folder A, and folder B; one operation, after it one that makes something durable,
// and before it what it needs to succeed, none of that durable. They are 328.
//
// In three ways they differ from the published files, in none in their number:
//   - The 328 files that the generator left in its repository have no truncation to
//     0 but, in its place, a 14th operation, fdatasync, four times the same for each
//     of two files. These follow the generator's bounds, which have it the other way.
//   - A write to mapped memory is followed by its own msync there, and by no other
//     sync, so that four workloads are equal each time. Here the sync that tells
//     them apart is in them as well.
//   - Attributes leave nothing that can be read on a disk here, but the operations
//     and what surrounds them are the same.
//
// Content tears at 16 KiB, so that all disks can be listed under every model.
func ACE() []*Test {
	var tests []*Test
	for _, core := range aceCores() {
		for _, sync := range core.syncs() {
			tests = append(tests, core.test(len(tests)+1, sync))
		}
	}
	return tests
}

// aceCore is one operation with its parameters.
type aceCore struct {
	name  string
	files []string // that it speaks of
	do    func(b *aceBuilder)
}

const (
	aceFill   = "append %s a:32768" // what a file holds before it is changed
	aceSize   = 32768
	aceMapped = 8192 // of what was written to mapped memory, bytes that msync is asked for
)

var (
	aceFirst  = []string{"foo", "A/foo"} // files that most operations are done to
	aceSecond = []string{"bar", "A/bar"} // files that a link or rename makes
	// aceRanges are offset and length in a file of 32 KiB.
	aceRanges = []aceRange{{"append", aceSize, aceSize}, {"overlap-unaligned", 0, 5000}, {"overlap-extend", aceSize - 2000, 5000}}
	aceBlocks = []aceRange{{"append", aceSize, aceSize}, {"overlap-start", 0, 8192}}
)

type aceRange struct {
	name     string
	off, len int
}

func aceCores() []aceCore {
	var list []aceCore
	add := func(name string, do func(b *aceBuilder), files ...string) {
		list = append(list, aceCore{name, files, do})
	}
	on := func(file string, ops ...string) func(b *aceBuilder) {
		return func(b *aceBuilder) {
			b.need(file)
			for _, op := range ops {
				b.add(strings.ReplaceAll(op, "%s", file))
			}
		}
	}
	for _, f := range aceFirst {
		add("creat", on(f), f)
	}
	add("mkdir", on("A/"), "A/")
	for _, f := range aceFirst {
		for _, mode := range []string{"zero-range", "keep-size zero-range", "keep-size punch-hole", "keep-size", ""} {
			for _, r := range aceRanges {
				add(strings.TrimSpace("falloc "+mode)+" "+r.name, on(f, aceFill, fmt.Sprintf("fallocate %%s %d %d %s", r.off, r.len, mode)), f)
			}
		}
		for _, r := range aceRanges[1:] {
			add("write "+r.name, on(f, aceFill, fmt.Sprintf("write %%s %d b:%d", r.off, r.len)), f)
		}
		add("write append", on(f, aceFill), f)
		// Direct writes are by O_DIRECT and O_SYNC.
		add("dwrite append", on(f, fmt.Sprintf("syncwrite %%s 0 b:%d", aceSize)), f)
		add("dwrite overlap-start", on(f, aceFill, "syncwrite %s 0 b:8192"), f)
		for _, r := range aceBlocks {
			ops := []string{aceFill, fmt.Sprintf("fallocate %%s %d %d", r.off, r.len)}
			if rest := r.len - aceMapped; rest > 0 {
				ops = append(ops, fmt.Sprintf("write %%s %d b:%d", r.off+aceMapped, rest))
			}
			add("mmapwrite "+r.name, on(f, append(ops, fmt.Sprintf("syncwrite %%s %d b:%d", r.off, aceMapped))...), f)
		}
		add("fsetxattr", on(f, "setxattr %s"), f)
		add("removexattr", on(f, "setxattr %s", "removexattr %s"), f)
		add("truncate aligned", on(f, aceFill, "truncate %s 0"), f)
		add("truncate unaligned", on(f, aceFill, "truncate %s 2500"), f)
	}
	for _, f := range slices.Concat(aceFirst, aceSecond) {
		add("unlink", on(f, "unlink %s"), f)
		add("remove", on(f, "unlink %s"), f) // remove(3) of a file is unlink(2)
		for _, g := range aceSecond {
			if f != g {
				add("link", on(f, "link %s "+g), f, g)
				add("rename", on(f, "rename %s "+g), f, g)
			}
		}
	}
	add("rename", on("A/", "rename A B"), "A/", "B/")
	return list
}

// syncs are what may follow: the sync of all, or of a file or folder that is in
// the operation, beside one that is, or above it.
func (c *aceCore) syncs() []string {
	var list []string
	for _, f := range c.files {
		list = append(list, f, aceSibling(f), path.Dir(strings.TrimSuffix(f, "/"))+"/")
	}
	slices.Sort(list)
	return append(slices.Compact(list), "")
}

// aceSibling gives foo for bar, A/ for B/, and the other way round.
func aceSibling(name string) string {
	return strings.NewReplacer("foo", "bar", "bar", "foo", "A/foo", "A/bar", "A/bar", "A/foo", "A/", "B/", "B/", "A/").Replace(name)
}

func (c *aceCore) test(number int, sync string) *Test {
	b := &aceBuilder{there: map[string]bool{"./": true}}
	if len(c.files) == 2 {
		b.needFolder(c.files[1])
	}
	c.do(b)
	switch {
	case sync == "":
		b.add("sync")
	case strings.HasSuffix(sync, "/"):
		b.need(sync)
		b.add("fsyncdir " + strings.TrimSuffix(sync, "/"))
	default:
		b.need(sync)
		b.add("fsync " + sync)
	}
	about := fmt.Sprintf("ACE: %s %s, then %s", c.name, strings.Join(c.files, " "), b.ops[len(b.ops)-1])
	text := fmt.Sprintf("test ace-%03d\nabout %s\nsector 16384\nrun\n%s returned\n", number, about, strings.Join(b.ops, "\n"))
	tests, err := Parse("ACE", text, nil)
	if err != nil {
		panic(err) // no input has a part in it
	}
	return tests[0]
}

// aceBuilder collects operations, and what exists after them.
type aceBuilder struct {
	ops   []string
	there map[string]bool // folders end in a slash
}

// add puts in one operation that can be done.
func (b *aceBuilder) add(op string) {
	b.ops = append(b.ops, strings.TrimSpace(op))
	switch w := strings.Fields(op); w[0] {
	case "create":
		b.there[w[1]] = true
	case "mkdir":
		b.there[w[1]+"/"] = true
	case "link":
		b.there[w[2]] = true
	case "unlink":
		delete(b.there, w[1])
	case "rename":
		folder := ""
		if b.there[w[1]+"/"] {
			folder = "/"
		}
		delete(b.there, w[1]+folder)
		b.there[w[2]+folder] = true
	}
}

// need makes what is not there yet.
func (b *aceBuilder) need(name string) {
	if b.there[name] {
		return
	}
	if folder, ok := strings.CutSuffix(name, "/"); ok {
		b.add("mkdir " + folder)
		return
	}
	b.needFolder(name)
	b.add("create " + name)
}

func (b *aceBuilder) needFolder(name string) {
	if !strings.HasSuffix(name, "/") {
		b.need(path.Dir(name) + "/")
	}
}
