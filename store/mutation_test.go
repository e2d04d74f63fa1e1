//go:build mutation

// make mutation: each barrier is deleted from a copy of the store's source, one at
// a time, and a test has to fail for it. That takes minutes.

package store_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// deletion is a barrier that is deleted from a file's source.
type deletion struct {
	name string // of the place
	file string
	from int // bytes [from:to) are replaced
	to   int
	with string
}

// barriers are calls that make something durable, or take a torn tail away.
var barriers = []string{"Sync", "SyncDir", "syncDir", "Truncate"}

func isBarrier(n ast.Node) (*ast.CallExpr, *ast.SelectorExpr) {
	if call, ok := n.(*ast.CallExpr); ok {
		if sel, ok := call.Fun.(*ast.SelectorExpr); ok && slices.Contains(barriers, sel.Sel.Name) {
			return call, sel
		}
	}
	return nil, nil
}

// deletionsIn finds what can be deleted from a file: each call, and of a list of
// folders that are synced in a row, each folder.
func deletionsIn(t *testing.T, file string) (list []deletion) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	fset := token.NewFileSet()
	tree, err := parser.ParseFile(fset, file, text, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	at := func(p token.Pos) int { return fset.Position(p).Offset }
	source := func(n ast.Node) string { return string(text[at(n.Pos()):at(n.End())]) }
	add := func(n ast.Node, end token.Pos, what, with string) {
		name := fmt.Sprintf("%s:%d %s", filepath.Base(file), fset.Position(n.Pos()).Line, what)
		list = append(list, deletion{name, file, at(n.Pos()), at(end), with})
	}
	ast.Inspect(tree, func(n ast.Node) bool {
		if call, sel := isBarrier(n); call != nil {
			args := []string{source(sel.X)}
			for _, a := range call.Args {
				args = append(args, source(a))
			}
			add(call, call.End(), source(call), "func(...any) error { return nil }("+strings.Join(args, ", ")+")")
		}
		if loop, ok := n.(*ast.RangeStmt); ok && len(loop.Body.List) == 1 {
			folders, ok := loop.X.(*ast.CompositeLit)
			synced := false
			ast.Inspect(loop.Body, func(n ast.Node) bool {
				call, _ := isBarrier(n)
				synced = synced || call != nil
				return true
			})
			for i := 0; ok && synced && i < len(folders.Elts); i++ {
				end := folders.Rbrace
				if i+1 < len(folders.Elts) {
					end = folders.Elts[i+1].Pos()
				}
				add(folders.Elts[i], end, "the sync of "+source(folders.Elts[i]), "")
			}
		}
		return true
	})
	return list
}

// apply makes a copy of the file without the barrier, and gives a file for -overlay
// that puts it in the place of the first.
func (d deletion) apply(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(d.file)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	mutated := filepath.Join(dir, filepath.Base(d.file))
	changed := string(text[:d.from]) + d.with + string(text[d.to:])
	path, err := filepath.Abs(d.file)
	if err != nil {
		t.Fatal(err)
	}
	overlay, err := json.Marshal(map[string]map[string]string{"Replace": {path: mutated}})
	if err != nil {
		t.Fatal(err)
	}
	list := filepath.Join(dir, "overlay.json")
	if err := errors.Join(os.WriteFile(mutated, []byte(changed), 0o666), os.WriteFile(list, overlay, 0o666)); err != nil {
		t.Fatal(err)
	}
	return list
}

// stages are the tests that are asked, the quickest first. All are part of make test.
var stages = [][]string{
	{"test", "-failfast", "-short", "."},
	{"test", "-failfast", "../examples/workerruntime"},
	{"test", "-failfast", "."},
}

// TestDeletedBarriers deletes each barrier in turn.
func TestDeletedBarriers(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	count := 0
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		for _, d := range deletionsIn(t, file) {
			count++
			t.Run(d.name, func(t *testing.T) {
				overlay := d.apply(t)
				if out, err := goTool(t, "vet", "-overlay", overlay, "."); err != nil {
					t.Fatalf("it does not compile:\n%s", out)
				}
				for _, stage := range stages {
					args := append([]string{stage[0], "-overlay", overlay}, stage[1:]...)
					if out, err := goTool(t, args...); err != nil {
						t.Logf("go %s fails in %s", strings.Join(stage, " "), firstFailure(t, out))
						return
					}
				}
				t.Error("it was deleted, and no test fails")
			})
		}
	}
	if count < 15 {
		t.Errorf("%d barriers: there should be more", count)
	}
}

func goTool(t *testing.T, args ...string) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	out, err := exec.CommandContext(ctx, "go", args...).CombinedOutput()
	if ctx.Err() != nil {
		t.Fatalf("go %s does not come to an end", strings.Join(args, " "))
	}
	return string(out), err
}

// firstFailure names the test that failed first: what fails without one proves
// nothing.
func firstFailure(t *testing.T, out string) string {
	t.Helper()
	_, after, ok := strings.Cut(out, "--- FAIL: ")
	if !ok {
		t.Fatalf("no test has failed:\n%s", out)
	}
	name, _, _ := strings.Cut(after, " ")
	return name
}
