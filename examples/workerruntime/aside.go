package workerruntime

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strconv"
	"strings"

	"crashsim/faultfs"
	"crashsim/store"
)

// What a recovery sets aside is in no state that is compared with the reference,
// so each opening is held to what the store says of it: what is kept and what is
// told of agree one to one, and what is gone from among the workers is kept.

// wreck is a folder that is no worker's: what its files hold, by name.
type wreck map[string][]byte

func folder(id string) string { return "id-" + hex.EncodeToString([]byte(id)) }

// Names are clean: for each recovery these are made, nothing is left to path.Join.
func runtimeFolder(rt int) string { return "runtimes/" + folder(runtimeAliases[rt].ID) }

// wrecks gives the folders without a snapshot, by name.
func wrecks(disk faultfs.FS, rt int) (map[string]wreck, error) {
	workers := runtimeFolder(rt) + "/workers"
	list, err := names(disk, workers)
	var found map[string]wreck
	for _, name := range list {
		if _, missing := disk.Stat(workers + "/" + name + "/worker.json"); err == nil && errors.Is(missing, fs.ErrNotExist) {
			if found == nil {
				found = map[string]wreck{}
			}
			found[name], err = wreckIn(disk, path.Join(workers, name))
		}
	}
	return found, err
}

// wreckIn reads a folder, but for temporary files: opening removes these.
func wreckIn(disk faultfs.FS, dir string) (wreck, error) {
	list, err := names(disk, dir)
	w := wreck{}
	for _, name := range list {
		if err == nil && !strings.Contains(name, ".tmp-") {
			w[name], err = faultfs.ReadFile(disk, path.Join(dir, name))
		}
	}
	return w, err
}

// names lists a folder, one that is not there as an empty one.
func names(disk faultfs.FS, dir string) (list []string, err error) {
	entries, err := disk.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	for _, e := range entries {
		list = append(list, e.Name())
	}
	return list, err
}

// checkAside looks at a runtime that was opened. before is what wrecks had given.
func checkAside(disk faultfs.FS, rt int, before map[string]wreck, diagnostics []store.Diagnostic) error {
	aside := runtimeFolder(rt) + "/set-aside"
	kept, err := names(disk, aside)
	if err != nil {
		return err
	}
	untold := map[string]bool{}
	for _, n := range kept {
		untold[n] = true
	}
	for _, d := range diagnostics {
		if !ofRecovery(d) {
			continue
		}
		n := strconv.FormatUint(d.ID, 10)
		delete(untold, n)
		what, err := names(disk, path.Join(aside, n))
		if err != nil {
			return err
		}
		if len(what) != 1 || d.Code == store.CodeWorkerIgnored && d.WorkerRef != nil && what[0] != folder(d.WorkerRef.WorkerID) {
			return fmt.Errorf("diagnostic %s says %q, and %s has %q", n, d.Message, path.Join(aside, n), what)
		}
	}
	if len(untold) > 0 {
		return fmt.Errorf("%s has %q: no diagnostic tells of %d of them", aside, kept, len(untold))
	}
	for name, w := range before {
		if _, err := disk.Stat(path.Join(runtimeFolder(rt), "workers", name)); errors.Is(err, fs.ErrNotExist) {
			if err := isKept(disk, aside, kept, name, w); err != nil {
				return err
			}
		}
	}
	return nil
}

// isKept wants all of a folder that is gone under one of the numbers.
func isKept(disk faultfs.FS, aside string, kept []string, name string, w wreck) error {
	for _, n := range kept {
		copied, err := wreckIn(disk, path.Join(aside, n, name))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			continue // it is something else, as the end of a log
		}
		if _, err := disk.Stat(path.Join(aside, n, name)); err == nil && copied.holds(w) {
			return nil
		}
	}
	return fmt.Errorf("the folder %s is gone, and not kept in %s", name, aside)
}

func (w wreck) holds(other wreck) bool {
	for name, data := range other {
		if own, ok := w[name]; !ok || !bytes.Equal(own, data) {
			return false
		}
	}
	return true
}
