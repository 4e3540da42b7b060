package main

import (
	"bytes"
	"flag"
	"go/ast"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the pages instead of comparing them")

func root(t *testing.T) string {
	t.Helper()
	dir, err := moduleRoot()
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestReferenceIsCurrent(t *testing.T) {
	t.Parallel()
	if *update {
		if err := run(); err != nil {
			t.Fatal(err)
		}
	}
	for _, p := range pages {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			var want bytes.Buffer
			if err := p.write(&want, root(t)); err != nil {
				t.Fatal(err)
			}
			got, err := os.ReadFile(filepath.Join(root(t), filepath.FromSlash(folder), p.name))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(strings.Split(want.String(), "\n"), strings.Split(string(got), "\n")); diff != "" {
				t.Errorf("%s/%s is stale: go run ./internal/tools/reference (-want +got)\n%s", folder, p.name, diff)
			}
		})
	}
}

// shared are the wire's own codes for whole families of mistakes.
var shared = []string{"E011001", "E011002", "E011003"}

// A program that knows a code must know what it means.
func TestCodesAreUnique(t *testing.T) {
	t.Parallel()
	all, err := faults(root(t))
	if err != nil {
		t.Fatal(err)
	}
	if len(all) < 20 {
		t.Fatalf("only %d faults are found", len(all))
	}
	first := map[string]declared{}
	for _, d := range all {
		if !codeForm.MatchString(d.Code) {
			t.Errorf("%s %s: the code %q has no form of ours or of the wire's", d.pkg, d.at, d.Code)
		}
		was, twice := first[d.Code]
		if twice && was.Message != d.Message && !slices.Contains(shared, d.Code) {
			t.Errorf("%s means %q in %s %s and %q in %s %s", d.Code, was.Message, was.pkg, was.at, d.Message, d.pkg, d.at)
		}
		if twice && was.Kind != d.Kind {
			t.Errorf("%s is %s in %s %s and %s in %s %s", d.Code, was.Kind, was.pkg, was.at, d.Kind, d.pkg, d.at)
		}
		first[d.Code] = d
	}
}

// codeForm is the form of a code: the wire's, or P, a status and two digits.
var codeForm = regexp.MustCompile(`^(E\d{6}|P[45]\d{4})$`)

// A code that is written without a fault would be missing from the reference.
func TestCodesAreDeclared(t *testing.T) {
	t.Parallel()
	all, err := faults(root(t))
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]bool{}
	for _, d := range all {
		known[d.Code] = true
	}
	err = eachFile(root(t), func(files *token.FileSet, tree *ast.File, _ string) error {
		ast.Inspect(tree, func(n ast.Node) bool {
			if e, ok := n.(ast.Expr); ok {
				if s, ok := literal(e); ok && codeForm.MatchString(s) && !known[s] {
					t.Errorf("%s: no fault declares the code %s", files.Position(n.Pos()), s)
				}
			}
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
