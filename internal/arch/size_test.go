package arch

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"testing"
)

func TestBudgets(t *testing.T) {
	t.Parallel()
	used := map[string]bool{}
	over := func(name string, lines, budget int) {
		if allowed, ok := oversize[name]; ok {
			used[name] = true
			budget = allowed
			if lines < allowed {
				t.Errorf("%s has shrunk to %d lines: say so in arch.go", name, lines)
			}
		}
		if lines > budget {
			t.Errorf("%s has %d lines, %d are allowed: split it by idea", name, lines, budget)
		}
	}
	for _, p := range load(t) {
		for _, file := range p.GoFiles {
			files := token.NewFileSet()
			tree, err := parser.ParseFile(files, filepath.Join(p.Dir, file), nil, parser.ParseComments|parser.SkipObjectResolution)
			if err != nil {
				t.Fatal(err)
			}
			if ast.IsGenerated(tree) {
				continue
			}
			name := p.name(file)
			over(name, files.File(tree.Pos()).LineCount(), maxFile)
			for _, d := range tree.Decls {
				f, ok := d.(*ast.FuncDecl)
				if !ok {
					continue
				}
				if f.Recv == nil && f.Name.Name == "init" {
					t.Errorf("%s has an init function: what it does is hidden from its callers", name)
				}
				over(name+":"+f.Name.Name, files.Position(f.End()).Line-files.Position(f.Pos()).Line+1, maxFunction)
			}
		}
	}
	for name := range oversize {
		if !used[name] {
			t.Errorf("%s is within its budget or gone: take it out of arch.go", name)
		}
	}
}
