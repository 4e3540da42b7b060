package main

import (
	"go/ast"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// documents returns the pages that people write, by path.
func documents(t *testing.T) map[string]string {
	t.Helper()
	out := map[string]string{}
	for _, pattern := range []string{"*.md", "docs/*.md", "docs/decisions/*.md", "docs/guides/*.md", "docs/reference/*.md", "conformance/*.md"} {
		found, err := filepath.Glob(filepath.Join(root(t), filepath.FromSlash(pattern)))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range found {
			b, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			out[file] = string(b)
		}
	}
	if len(out) < 10 {
		t.Fatalf("there are only %d documents", len(out))
	}
	return out
}

var (
	link    = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	quoted  = regexp.MustCompile("`([^`]+)`")
	goName  = regexp.MustCompile(`^([a-z]+)\.([A-Za-z]+)(?:\.([A-Za-z]+))?$`)
	headDoc = regexp.MustCompile(`(?m)^#+ (.+)$`)
)

// A link from one document to another leads to a file, and to a heading of it.
func TestDocumentLinks(t *testing.T) {
	t.Parallel()
	all := documents(t)
	for file, text := range all {
		for _, m := range link.FindAllStringSubmatch(text, -1) {
			target, anchor, _ := strings.Cut(m[1], "#")
			if strings.Contains(target, "://") {
				continue
			}
			to := file
			if target != "" {
				to = filepath.Join(filepath.Dir(file), filepath.FromSlash(target))
			}
			if _, err := os.Stat(to); err != nil {
				t.Errorf("%s: the link to %s leads nowhere", file, m[1])
			} else if anchor != "" && !hasHeading(all[to], anchor) {
				t.Errorf("%s: the link to %s leads to no heading", file, m[1])
			}
		}
	}
}

func hasHeading(text, anchor string) bool {
	return slices.ContainsFunc(headDoc.FindAllStringSubmatch(text, -1), func(m []string) bool {
		plain := regexp.MustCompile(`[^a-z0-9 _-]`).ReplaceAllString(strings.ToLower(m[1]), "")
		return strings.ReplaceAll(plain, " ", "-") == anchor
	})
}

// What a document calls by the name that the source has for it, as in
// `project.Service`, is in the source.
func TestDocumentNames(t *testing.T) {
	t.Parallel()
	owners, names := map[string]bool{}, map[string]bool{} // an owner is a package or a type
	err := eachFile(root(t), func(_ *token.FileSet, tree *ast.File, _ string) error {
		pkg := tree.Name.Name
		owners[pkg] = true
		for _, d := range tree.Decls {
			switch d := d.(type) {
			case *ast.FuncDecl:
				owner := pkg
				if d.Recv != nil {
					owner = receiver(d.Recv.List[0].Type)
				}
				owners[owner], names[owner+"."+d.Name.Name] = true, true
			case *ast.GenDecl:
				for _, s := range d.Specs {
					switch s := s.(type) {
					case *ast.TypeSpec:
						names[pkg+"."+s.Name.Name] = true
					case *ast.ValueSpec:
						for _, n := range s.Names {
							names[pkg+"."+n.Name] = true
						}
					}
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for file, text := range documents(t) {
		if !strings.Contains(filepath.ToSlash(file), "/docs/") || strings.Contains(filepath.ToSlash(file), folder) {
			continue
		}
		for _, m := range quoted.FindAllStringSubmatch(text, -1) {
			parts := goName.FindStringSubmatch(m[1])
			if parts == nil || !owners[parts[1]] || slices.Contains([]string{"json", "md", "go"}, parts[2]) {
				continue
			}
			if !names[parts[1]+"."+parts[2]] || parts[3] != "" && !names[parts[2]+"."+parts[3]] {
				t.Errorf("%s names %s, which the source does not have", file, m[1])
			}
		}
	}
}

// receiver returns the name of the type of a method.
func receiver(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.StarExpr:
		return receiver(e.X)
	case *ast.IndexExpr:
		return receiver(e.X)
	case *ast.Ident:
		return e.Name
	default:
		return ""
	}
}
