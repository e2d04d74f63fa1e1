package faultfs_test

import (
	"os"
	"reflect"
	"strings"
	"testing"

	. "crashsim/faultfs"
)

// Every built-in model reads back as it is, but for its name, which is taken.
func TestModelsAreText(t *testing.T) {
	for _, m := range Models() {
		text := strings.Replace(m.Text(), "name: "+m.Name, "name: another", 1)
		got, err := ParseModel(strings.ReplaceAll(text, "\n", "\r\n"))
		if err != nil {
			t.Fatalf("%s: %v\n%s", m.Name, err, text)
		}
		m.Name, m.Within = "another", nil
		if !reflect.DeepEqual(got, m) || got.Text() != text {
			t.Errorf("read as %+v, want %+v", got, m)
		}
	}
}

func TestBadModels(t *testing.T) {
	const head = "crashsim model 1\nname: mine\n"
	for text, want := range map[string]string{
		"":                                   `line 1: "": a model begins with "crashsim model 1"`,
		"crashsim model 2\n":                 "line 1:",
		"crashsim model 1\n":                 "no name",
		"crashsim model 1\nname: posix\n":    `line 2: name: "posix" is built in`,
		"crashsim model 1\nname: all\n":      "line 2:",
		"crashsim model 1\nname: a b\n":      "line 2: name:",
		head + "sector\n":                    `line 3: "sector" is not of the form`,
		head + "sector:\n":                   "line 3:",
		head + "sector: 0\n":                 `line 3: sector: "0": expected a number of bytes from 1`,
		head + "sector: much\n":              "line 3: sector:",
		head + "speed: 3\n":                  `line 3: unknown rule "speed": expected one of name,`,
		head + "\n# x\ngrow: weeds\n":        `line 5: grow: "weeds": expected one of zeros, garbage, data`,
		head + "rename: never\n":             "line 3: rename:",
		head + "shrink: slowly\n":            "line 3: shrink:",
		head + "sync-file: dirs and\n":       `line 3: sync-file: "and": expected some of names, dirs, sizes, all, or nothing`,
		head + "order: dir\n":                `line 3: order: "dir": expected "CLASSES before CLASSES"`,
		head + "order: dir before tea\n":     `line 3: order: "tea": expected some of dir,`,
		head + "order: dir before dir in x":  `line 3: order: "x": expected one of all, file, name, entry, block`,
		head + "sector: 512\nsector: 1024\n": `line 4: sector is "1024" here and "512" above`,
		// Rules that contradict each other.
		head + "sector: 4096\nblock: 512\n":                                            "model mine: block 512 is no multiple of sector 4096",
		head + "grow: zeros\ntail: data\n":                                             "model mine: tail: data and grow: zeros contradict",
		head + "grow: data\ntail: zeros\nblock: 0\n":                                   "model mine: grow: data and tail: zeros contradict",
		head + "shrink: steps\nblock: 0\n":                                             "model mine: shrink: steps and block: 0 contradict",
		head + "grow: garbage\norder: data before size in file\n":                      "model mine: grow: garbage and order: data before size in file contradict",
		head + "order: data before data in entry\n":                                    "model mine: order: data before data in entry",
		head + "order: dir before data in block\n":                                     "model mine: order: dir before data in block",
		head + "rename: steps\norder: rename before data\norder: data before rename\n": "model mine: order:",
	} {
		if _, err := ParseModel(text); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}

// What the documentation shows is a model.
func TestDocumentedModel(t *testing.T) {
	page, err := os.ReadFile("../docs/models.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(page), "```\ncrashsim model 1\n")
	text, _, _ := strings.Cut(rest, "```")
	m, err := ParseModel("crashsim model 1\n" + text)
	if err != nil || m.Name != "mine" || len(m.Order) != 2 {
		t.Errorf("%+v: %v", m, err)
	}
	for _, m := range Models() {
		if !strings.Contains(string(page), "`"+m.Name+"`") {
			t.Errorf("%s is not on the page", m.Name)
		}
	}
}
