package main

import (
	"cmp"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"postern/internal/api"
	"postern/internal/fault"
)

// A declared fault is one call of fault.New in the source.
type declared struct {
	fault.Error
	pkg string // below internal/
	at  string // file and line, for complaints
}

// kinds are the kinds of a fault by the names that the source has for them.
var kinds = map[string]fault.Kind{
	"Internal": fault.Internal, "Invalid": fault.Invalid, "Unauthenticated": fault.Unauthenticated,
	"Forbidden": fault.Forbidden, "NotFound": fault.NotFound, "Conflict": fault.Conflict, "TooLarge": fault.TooLarge,
	"Unsupported": fault.Unsupported, "Limited": fault.Limited, "Unavailable": fault.Unavailable, "Unknown": fault.Unknown,
}

// faults finds every fault that the source declares, by code and message.
func faults(root string) ([]declared, error) {
	var all []declared
	err := eachFile(root, func(files *token.FileSet, tree *ast.File, pkg string) error {
		var bad error
		ast.Inspect(tree, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok || !makesFault(call, pkg) {
				return true
			}
			at := files.Position(call.Pos())
			d, err := readFault(call)
			if err != nil {
				bad = errors.Join(bad, fmt.Errorf("%s: %w", at, err))
				return true
			}
			d.pkg, d.at = pkg, filepath.Base(at.Filename)+":"+strconv.Itoa(at.Line)
			all = append(all, d)
			return true
		})
		return bad
	})
	slices.SortFunc(all, func(a, b declared) int {
		return cmp.Or(cmp.Compare(a.Code, b.Code), cmp.Compare(a.pkg, b.pkg), cmp.Compare(a.Message, b.Message))
	})
	return all, err
}

// eachFile visits every file of production code below internal/.
func eachFile(root string, visit func(*token.FileSet, *ast.File, string) error) error {
	base := filepath.Join(root, "internal")
	return filepath.WalkDir(base, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		files := token.NewFileSet()
		tree, err := parser.ParseFile(files, path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		pkg, err := filepath.Rel(base, filepath.Dir(path))
		if err != nil {
			return err
		}
		return visit(files, tree, filepath.ToSlash(pkg))
	})
}

// makesFault reports whether a call is fault.New, or New in package fault.
func makesFault(call *ast.CallExpr, pkg string) bool {
	switch f := call.Fun.(type) {
	case *ast.SelectorExpr:
		from, ok := f.X.(*ast.Ident)
		return ok && from.Name == "fault" && f.Sel.Name == "New"
	case *ast.Ident:
		return pkg == "fault" && f.Name == "New"
	default:
		return false
	}
}

func readFault(call *ast.CallExpr) (declared, error) {
	var d declared
	if len(call.Args) != 3 {
		return d, errors.New("fault.New takes a kind, a code and a message")
	}
	name := ""
	switch k := call.Args[0].(type) {
	case *ast.SelectorExpr:
		name = k.Sel.Name
	case *ast.Ident:
		name = k.Name
	}
	kind, ok := kinds[name]
	if !ok {
		return d, fmt.Errorf("the kind %q of a fault is not known here", name)
	}
	d.Kind = kind
	for i, out := range []*string{&d.Code, &d.Message} {
		s, ok := literal(call.Args[i+1])
		if !ok {
			return d, errors.New("the code and the message of a fault must be literals, so that they can be listed")
		}
		*out = s
	}
	return d, nil
}

// literal returns the value of a string in the source.
func literal(e ast.Expr) (string, bool) {
	lit, ok := e.(*ast.BasicLit)
	if !ok || lit.Kind != token.STRING {
		return "", false
	}
	s, err := strconv.Unquote(lit.Value)
	return s, err == nil
}

// errorsHead says how to read the table.
const errorsHead = `# Error reference

Generated from the faults that the source declares by ` + "`go run ./internal/tools/reference`" + `; do not edit it.

An answer that is not 2xx carries ` + "`errorCode`, `errorDescription`, `errorMessage` and `message`" + `, and the ` + "`requestId`" + ` under which the
server logged it. The code is for programs and does not change; the message is for people, and may be more exact than the
one below. A code that begins with E is one that clients of the protocol know already. The others are our own: P, the
HTTP status, and two digits.

A snapshot that is refused has the code ` + "`E113007`" + `; what is wrong with it is in ` + "`details`" + `, one entry a problem. The codes of
problems are in [snapshot.md](snapshot.md#problem-codes).

| Code | Status | Kind | Message | Package |
|---|---|---|---|---|
`

// writeErrors writes every code that an answer may carry.
func writeErrors(w io.Writer, root string) error {
	all, err := faults(root)
	if err != nil {
		return err
	}
	var b strings.Builder
	b.WriteString(errorsHead)
	for _, d := range all {
		fmt.Fprintf(&b, "| `%s` | %d | %s | %s | `%s` |\n", d.Code, api.StatusOf(&d.Error), d.Kind, cell(d.Message), d.pkg)
	}
	_, err = io.WriteString(w, b.String())
	return err
}
