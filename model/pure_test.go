package model_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"crashsim/model"
	"crashsim/store"
)

// A clone and its original go their own ways, however often and whichever of
// them is changed first.
func TestCloneIsIndependent(t *testing.T) {
	change := func(r *model.Runtime, name string) {
		state := load(t, r)
		s := state.Snapshot
		s.DisplayName = text(name)
		e := event(s.NextEventID)
		e.Message = name
		w := state.Workers[len(state.Workers)-1].Snapshot
		said := entry(w.WorkerID, w.NextTranscriptSequence)
		said.Content = name
		ok(t, r.WriteRuntimeSnapshot(s), r.AppendEvent(e), r.AppendTranscriptEntry(said),
			r.WriteWorkerSnapshot(worker("w", "stopped")), r.WriteWorkerSnapshot(worker("new of "+name, "running")))
	}
	want := func(names ...string) store.State {
		r := filled(t)
		for _, name := range names {
			change(r, name)
		}
		return load(t, r)
	}
	a := filled(t)
	b := a.Clone()
	c := b.Clone()
	change(b, "b")
	change(a, "a")
	d := b.Clone()
	change(b, "b2")
	change(d, "d")
	for name, pair := range map[string]struct{ got, want store.State }{
		"a": {load(t, a), want("a")},
		"b": {load(t, b), want("b", "b2")},
		"c": {load(t, c), want()},
		"d": {load(t, d), want("b", "d")},
	} {
		if !reflect.DeepEqual(pair.got, pair.want) {
			t.Errorf("%s is\n%+v, want\n%+v", name, pair.got, pair.want)
		}
	}
}

// Maps and slices that were handed in or out are the caller's own.
func TestNothingIsShared(t *testing.T) {
	r := newRuntime(t)
	s := first()
	s.ConfigBundles = map[string]store.ConfigBundle{"b": {}}
	s.Diagnostics = []store.Diagnostic{{ID: 1, Severity: "info"}}
	ok(t, r.WriteRuntimeSnapshot(s), r.AppendEvent(event(1)), r.WriteWorkerSnapshot(worker("w", "running")),
		r.AppendTranscriptEntry(entry("w", 1)), r.AppendTranscriptEntry(entry("w", 2)))
	want := load(t, r.Clone())
	same := func(what string) {
		t.Helper()
		if got := load(t, r); !reflect.DeepEqual(got, want) {
			t.Fatalf("%s changes the runtime:\n%+v, before\n%+v", what, got, want)
		}
	}
	want.Snapshot.ConfigBundles = map[string]store.ConfigBundle{"b": {}}
	want.Snapshot.Diagnostics = []store.Diagnostic{{ID: 1, Severity: "info"}}

	s.ConfigBundles["c"] = store.ConfigBundle{}
	s.Diagnostics[0].ID = 7
	same("what was written")

	got := load(t, r)
	got.Snapshot.ConfigBundles["c"] = store.ConfigBundle{}
	got.Snapshot.Diagnostics[0].ID = 7
	got.Workers[0].Snapshot.Status = "stopped"
	_ = append(got.Events, event(9))
	_ = append(got.Workers[0].Transcript, entry("w", 9))
	_ = append(got.Workers, store.Worker{})
	same("what Load gave")

	batch, err := r.ReadEvents(store.EventCursor{RuntimeID: rt, NextEventID: 1}, 1, 3)
	ok(t, err)
	_ = append(batch.Events, event(9))
	p, err := r.ReadTranscript(ref("w"), 0, 1, 3)
	ok(t, err)
	_ = append(p.Items, entry("w", 9)) // where the second one is
	*p.NextStart = 9
	same("what was read")
}

// What the model must not do itself, and cannot without these: reading a disk or
// a clock, locking, and asking the store what is right.
func TestModelImportsNothingThatActs(t *testing.T) {
	allowed := []string{"cmp", "errors", "fmt", "maps", "slices", "strconv", "strings", "crashsim/store"}
	logic := functionsOfStore(t)
	files, err := filepath.Glob("*.go")
	ok(t, err)
	checked := 0
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		checked++
		source, err := os.ReadFile(name)
		ok(t, err)
		if lines := strings.Count(string(source), "\n"); lines >= 300 {
			t.Errorf("%s has %d lines: nobody will read it in one sitting and believe it", name, lines)
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, source, parser.SkipObjectResolution)
		ok(t, err)
		for _, spec := range file.Imports {
			if path, _ := strconv.Unquote(spec.Path.Value); !slices.Contains(allowed, path) || spec.Name != nil {
				t.Errorf("%s imports %s %s", name, spec.Name, spec.Path.Value)
			}
		}
		ast.Inspect(file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.GoStmt, *ast.SendStmt, *ast.SelectStmt, *ast.ChanType:
				t.Errorf("%s does something at the same time: %T", name, n)
			case *ast.SelectorExpr:
				from, _ := n.X.(*ast.Ident)
				if from != nil && from.Name == "store" && logic[n.Sel.Name] {
					t.Errorf("%s asks the store: %s", name, n.Sel.Name)
				}
				if from != nil && from.Name == "fmt" && n.Sel.Name != "Errorf" && n.Sel.Name != "Sprintf" {
					t.Errorf("%s prints: fmt.%s", name, n.Sel.Name)
				}
			}
			return true
		})
		for _, decl := range file.Decls {
			if g, isVar := decl.(*ast.GenDecl); isVar && g.Tok == token.VAR {
				t.Errorf("%s has a variable that all models share", name)
			}
		}
	}
	if checked < 2 || len(logic) == 0 {
		t.Fatalf("%d files, %d functions of the store: nothing was checked", checked, len(logic))
	}
}

// functionsOfStore are those that package store has, which the model may not use.
func functionsOfStore(t *testing.T) map[string]bool {
	t.Helper()
	files, err := filepath.Glob("../store/*.go")
	ok(t, err)
	names := map[string]bool{"Store": true}
	for _, name := range files {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		ok(t, err)
		for _, decl := range file.Decls {
			if f, isFunc := decl.(*ast.FuncDecl); isFunc && f.Recv == nil {
				names[f.Name.Name] = true
			}
		}
	}
	return names
}
