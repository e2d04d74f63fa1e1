package soak_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"crashsim/crashtest"
	"crashsim/crashtest/soak"
	"crashsim/faultfs"
)

// toy keeps lines in files of its own, one for each name: "put NAME SIZE".
// A careless one does not sync names, and takes the last line as it is.
type toy struct {
	disk     faultfs.FS
	careless bool
	files    map[string]string
}

func openToy(disk faultfs.FS, careless bool) (*toy, error) {
	t := &toy{disk, careless, map[string]string{}}
	entries, err := disk.ReadDir(".")
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), "new-") {
			if err := disk.Remove(e.Name()); err != nil {
				return nil, err
			}
			continue
		}
		data, err := faultfs.ReadFile(disk, e.Name())
		if err != nil {
			return nil, err
		}
		t.files[e.Name()] = string(data)
	}
	return t, disk.SyncDir(".")
}

func (t *toy) Apply(op string) (string, error) {
	var name string
	var size int
	if _, err := fmt.Sscanf(op, "put %s %d", &name, &size); err != nil {
		return t.files[strings.TrimPrefix(op, "get ")], nil
	}
	text := content(name, size)
	f, err := t.disk.OpenFile("new-"+name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o666)
	if err != nil {
		return "", err
	}
	if _, err := f.Write([]byte(text)); err != nil {
		return "", err
	}
	if !t.careless || name != "b" {
		if err := f.Sync(); err != nil {
			return "", err
		}
	}
	if err := f.Close(); err != nil {
		return "", err
	}
	if err := t.disk.Rename("new-"+name, name); err != nil {
		return "", err
	}
	t.files[name] = text
	if t.careless && name == "c" {
		return "ok", nil
	}
	return "ok", t.disk.SyncDir(".")
}

func content(name string, size int) string { return strings.Repeat(name, size) }

func (t *toy) State() (string, error) { return fmt.Sprint(t.files), nil }
func (t *toy) Close() error           { return nil }

type toyModel map[string]string

func (m toyModel) Apply(op string) string {
	var name string
	var size int
	if _, err := fmt.Sscanf(op, "put %s %d", &name, &size); err != nil {
		return m[strings.TrimPrefix(op, "get ")]
	}
	m[name] = content(name, size)
	return "ok"
}

func (m toyModel) State() string { return fmt.Sprint(map[string]string(m)) }

func (m toyModel) Clone() crashtest.Model {
	c := toyModel{}
	for k, v := range m {
		c[k] = v
	}
	return c
}

func target(careless bool) *crashtest.Target {
	return &crashtest.Target{
		Name: "toy", Doc: "files", Idempotent: true,
		Open:  func(disk faultfs.FS) (crashtest.Store, error) { return openToy(disk, careless) },
		Model: func() crashtest.Model { return toyModel{} },
		Generate: func(c crashtest.Chooser, n int) (ops []string) {
			for range n {
				name := string(rune('a' + c.Choose(4)))
				switch c.Choose(6) {
				case 0:
					ops = append(ops, crashtest.Reopen)
				case 1:
					ops = append(ops, "get "+name)
				default:
					ops = append(ops, fmt.Sprintf("put %s %d", name, c.Choose(1200)))
				}
			}
			return ops
		},
		Probes: func(crashtest.Model) []string { return []string{"put a 3", "get a"} },
		Check:  func(string) error { return nil },
	}
}

// config is a soak of some short rounds, none of them with faults: the toy is not made
// for disks that fail.
func config(rounds int) soak.Config {
	cfg := soak.Defaults()
	cfg.Profile, _ = soak.ProfileNamed("ci")
	cfg.Seed, cfg.Rounds, cfg.Workers, cfg.KeepGoing, cfg.Memory, cfg.Faults = 7, rounds, 2, true, 0, 0
	return cfg
}

// folder is a folder of the real disk.
func folder(t *testing.T) *faultfs.OS {
	t.Helper()
	disk, err := faultfs.OpenOS(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = disk.Close() })
	return disk
}

// do soaks in a folder, to the end.
func do(t *testing.T, disk faultfs.FS, target *crashtest.Target, cfg soak.Config) soak.Status {
	t.Helper()
	s, err := soak.Open(disk, target, cfg)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	st := s.Status()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return st
}

// told is all of a soak that has to be the same for the same rounds.
func told(t *soak.Totals) string {
	text := fmt.Sprintf("%d rounds, %d ops, %d crash points, %d states, %d unique, %d recoveries, %d faults, %d capped in %d\n",
		t.Rounds, t.Ops, t.CrashPoints, t.States, t.Unique, t.Recoveries, t.Faults, t.Capped, t.CappedIn)
	for _, f := range t.Findings {
		c, _ := f.Case.MarshalText()
		text += fmt.Sprintf("%d %s first %d rounds %d seen %d\n%s\n", f.Number, f.Cause, f.Round, f.Rounds, f.Seen, c)
	}
	return text
}
