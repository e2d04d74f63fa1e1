package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

const fires = "lost nothing; recovery: nothing"

func runWithProbes(t *testing.T, text string) answer {
	t.Helper()
	writeFile(t, "probes", text)
	return crashsim(t, "run", "store", "--ops", "3", "--probes", "probes")
}

// A probe that has not fired makes a run inconclusive, and is named.
func TestProbes(t *testing.T) {
	notInRace(t)
	inEmptyFolder(t)
	if a := runWithProbes(t, "# a remark\n\n"+fires+"\n"); a.code != exitPassed || strings.Contains(a.out, "NEVER") {
		t.Errorf("exit %d\n%s%s", a.code, a.out, a.err)
	}
	never := "lost rename of nobody; recovery: nothing"
	a := runWithProbes(t, fires+"\n"+never+"\n")
	if a.code != exitInconclusive || !strings.Contains(a.out, "\nNEVER: "+never+"\n") || !strings.Contains(a.out, "\nINCONCLUSIVE: ") {
		t.Errorf("exit %d\n%s%s", a.code, a.out, a.err)
	}
}

func TestBadProbes(t *testing.T) {
	inEmptyFolder(t)
	writeFile(t, "probes", fires+"\nlost and found\n")
	writeFile(t, "empty", "# nothing\n")
	refused(t, []string{"run", "--probes", "probes"}, "probes:2", "lost and found")
	refused(t, []string{"run", "--probes", "empty"}, "no probe")
	refused(t, []string{"run", "--probes", "nothing"}, "nothing")
}

// The probes that are kept for the store are probes, of functions that it has: one that
// was renamed never fires, and makes what is run with them inconclusive.
func TestProbesOfTheStore(t *testing.T) {
	root := filepath.Join("..", "..")
	names, err := readProbes(filepath.Join(root, "examples", "workerruntime", "probes.txt"))
	if err != nil || len(names) < 40 {
		t.Fatalf("%d probes, %v", len(names), err)
	}
	has := functionsIn(t, filepath.Join(root, "store"))
	for _, name := range names {
		for _, m := range asker.FindAllStringSubmatch(name, -1) {
			if !has[m[1]] {
				t.Errorf("%q: the store has no %s", name, m[1])
			}
		}
	}
}

// asker finds the functions in the name of a probe.
var asker = regexp.MustCompile(` of ([^;]+)`)

// functionsIn gives the functions of a package, methods as "(*T).f".
func functionsIn(t *testing.T, dir string) map[string]bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil || len(files) == 0 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	has := map[string]bool{}
	for _, path := range files {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range f.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if !ok {
				continue
			}
			name := fn.Name.Name
			if fn.Recv != nil {
				of := types.ExprString(fn.Recv.List[0].Type)
				if of[0] == '*' {
					of = "(" + of + ")"
				}
				name = of + "." + name
			}
			has[name] = true
		}
	}
	return has
}
