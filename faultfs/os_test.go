package faultfs_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	. "crashsim/faultfs"
)

// No name and no symbolic link leads out of the root of the real disk.
func TestOSStaysBelowItsRoot(t *testing.T) {
	top := t.TempDir()
	for _, dir := range []string{"root", "root/in", "out"} {
		if err := os.Mkdir(filepath.Join(top, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	secret := filepath.Join(top, "out", "secret")
	for _, name := range []string{secret, filepath.Join(top, "root", "in", "file")} {
		if err := os.WriteFile(name, []byte("secret"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for name, target := range map[string]string{"absolute": secret, "relative": "../out/secret", "folder": "../out", "abs": filepath.Join(top, "out"), "good": "in/file"} {
		if err := os.Symlink(target, filepath.Join(top, "root", name)); err != nil {
			t.Fatal(err)
		}
	}
	disk, err := OpenOS(filepath.Join(top, "root"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = disk.Close() }() // a folder

	if data, err := ReadFile(disk, "good"); err != nil || string(data) != "secret" {
		t.Errorf("a link that stays inside: %q, %v", data, err)
	}
	outward := []string{"..", "../out", "../out/secret", "in/../../out/secret", "/", secret, "absolute", "relative",
		"folder/secret", "folder/new", "abs/secret"}
	for _, name := range outward {
		want := syscall.EXDEV
		if !fs.ValidPath(name) {
			want = syscall.EINVAL
		}
		for what, err := range attempts(disk, name) {
			if !errors.Is(err, want) {
				t.Errorf("%s %q: %v, want %v", what, name, err, want)
			}
		}
	}
	data, err := os.ReadFile(secret)
	list, err2 := os.ReadDir(filepath.Join(top, "out"))
	if err != nil || err2 != nil || string(data) != "secret" || len(list) != 1 {
		t.Errorf("outside is now %q, %v, %v, %v", data, list, err, err2)
	}
}

// attempts gives what comes of all that may follow a link.
func attempts(disk *OS, name string) map[string]error {
	out := map[string]error{}
	for what, flag := range map[string]int{"read": os.O_RDONLY, "write": os.O_RDWR, "truncate": os.O_WRONLY | os.O_TRUNC, "create": os.O_WRONLY | os.O_CREATE} {
		f, err := disk.OpenFile(name, flag, 0o644)
		if err == nil {
			_ = f.Close()
		} else if f != nil {
			err = errors.New("a file that is no file")
		}
		out[what] = err
	}
	_, out["stat"] = disk.Stat(name)
	_, out["readdir"] = disk.ReadDir(name)
	_, out["lock"] = disk.Lock(name)
	if last := filepath.Base(name); !fs.ValidPath(name) || last == "new" || last == "secret" {
		out["mkdir"] = disk.Mkdir(name, 0o755)
		out["remove"] = disk.Remove(name)
		out["rename to"] = disk.Rename("in/file", name)
		out["link to"] = disk.Link("in/file", name)
		out["rename from"] = disk.Rename(name, "in/mine")
		out["link from"] = disk.Link(name, "in/mine")
	}
	return out
}

func TestOSNeedsAFolder(t *testing.T) {
	name := filepath.Join(t.TempDir(), "file")
	if _, err := OpenOS(name); !errors.Is(err, fs.ErrNotExist) {
		t.Error("nothing is opened as a root:", err)
	}
	if err := os.WriteFile(name, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenOS(name); err == nil {
		t.Error("a file is opened as a root")
	}
}

// A simulated disk takes the names that package fs does, but for a zero byte.
func TestNamesOfASim(t *testing.T) {
	sim := NewSim()
	names := []string{"", ".", "..", "/", "a", "a/", "/a", "a//b", "a/./b", "a/../b", "./a", "a/.", "...", ".a", "a.", "a/..b", "\x00", "a\x00b", "a/\xff", "é/日本"}
	const letters = "a./\x00\xffé"
	for n := range 1 << 12 {
		var b []byte
		for ; n > 0; n /= len(letters) {
			b = append(b, letters[n%len(letters)])
		}
		names = append(names, string(b))
	}
	for _, name := range names {
		want := fs.ValidPath(name) && !strings.Contains(name, "\x00")
		if _, err := sim.Stat(name); errors.Is(err, syscall.EINVAL) == want {
			t.Errorf("%q: %v, and is valid: %t", name, err, want)
		}
	}
}
