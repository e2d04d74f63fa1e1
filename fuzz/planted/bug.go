package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// bug is a mistake that the store does not make, kept as a change to its source. A
// file of one is a line that tells it, and edits:
//
//	A log is not synced.
//	--- store/log.go
//	the old text, that stands there once
//	+++
//	the new text
//
// With no old text, the new one goes to the end of the file.
type bug struct {
	name  string
	doc   string
	edits []edit
}

type edit struct{ file, old, new string }

const ext = ".bug"

// readBugs reads all bugs of a folder, by name. A file that is none is an error.
func readBugs(dir string) (list []bug, err error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		text, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			return nil, err
		}
		b, err := parse(string(text))
		if err == nil && filepath.Ext(e.Name()) != ext {
			err = errors.New("the name does not end in " + ext)
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", filepath.Join(dir, e.Name()), err)
		}
		b.name = strings.TrimSuffix(e.Name(), ext)
		list = append(list, b)
	}
	return list, nil
}

func parse(text string) (b bug, err error) {
	parts := strings.Split(text, "\n--- ")
	b.doc = parts[0]
	if len(parts) == 1 {
		return b, errors.New("no edit: expected a line that begins with ---")
	}
	for _, part := range parts[1:] {
		file, rest, ok := strings.Cut(part, "\n")
		before, after, plus := strings.Cut("\n"+strings.TrimSuffix(rest, "\n"), "\n+++")
		if !ok || !plus {
			return b, fmt.Errorf("%s: expected the old text, a line +++, and the new text", file)
		}
		b.edits = append(b.edits, edit{file, strings.TrimPrefix(before, "\n"), strings.TrimPrefix(after, "\n")})
	}
	return b, nil
}

// plant writes the changed files into a folder, and the file that has the go command
// use them in place of those below root: go build -overlay.
func (b *bug) plant(root, dir string) (overlay string, err error) {
	changed := map[string]string{}
	for _, e := range b.edits {
		text, done := changed[e.file]
		if !done {
			data, err := os.ReadFile(filepath.Join(root, e.file))
			if err != nil {
				return "", fmt.Errorf("%s: %w", b.name, err)
			}
			text = string(data)
		}
		switch n := strings.Count(text, e.old); {
		case e.old == "":
			text += e.new + "\n"
		case n != 1:
			return "", fmt.Errorf("%s: the old text stands %d times in %s, and not once: bring the bug up to the source", b.name, n, e.file)
		default:
			text = strings.Replace(text, e.old, e.new, 1)
		}
		changed[e.file] = text
	}
	replace := map[string]string{}
	for file, text := range changed {
		to := filepath.Join(dir, strings.ReplaceAll(file, "/", "-"))
		if err := os.WriteFile(to, []byte(text), 0o666); err != nil {
			return "", err
		}
		replace[filepath.Join(root, file)] = to
	}
	data, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return "", err
	}
	overlay = filepath.Join(dir, "overlay.json")
	return overlay, os.WriteFile(overlay, data, 0o666)
}
