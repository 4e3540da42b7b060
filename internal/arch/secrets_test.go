package arch

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"testing"
)

// guarded are the packages that compare what somebody shows with what is right.
var guarded = []string{
	"secret", "key", "mgmtkey", "accesskey", "session", "challenge", "otp", "magiclink", "enchantedlink", "password", "totp", "passkey", "questions", "recovery",
}

// public are comparisons in these packages whose time tells nobody anything.
var public = map[string]string{
	"passkey/signin.go": "the handle of a user is no secret: the authenticator shows it to everybody",
}

// hasty are functions that return at the first difference.
var hasty = []string{"bytes.Equal", "reflect.DeepEqual"}

// A comparison that ends at the first difference tells by its time how much of a guess
// is right.
func TestSecretsAreComparedInConstantTime(t *testing.T) {
	t.Parallel()
	used := map[string]bool{}
	for _, p := range load(t) {
		if from, ok := p.short(); !ok || !slices.Contains(guarded, from) {
			continue
		}
		for _, file := range p.GoFiles {
			files := token.NewFileSet()
			tree, err := parser.ParseFile(files, filepath.Join(p.Dir, file), nil, parser.SkipObjectResolution)
			if err != nil {
				t.Fatal(err)
			}
			name := p.Name + "/" + file
			ast.Inspect(tree, func(n ast.Node) bool {
				switch {
				case !comparesHastily(n):
				case public[name] != "":
					used[name] = true
				default:
					t.Errorf("%s:%d compares in a time that tells something; use crypto/subtle or secret.Text.Equal, or say in this test why it may", name, files.Position(n.Pos()).Line)
				}
				return true
			})
		}
	}
	for name := range public {
		if !used[name] {
			t.Errorf("%s compares nothing hastily any more: take it out of this test", name)
		}
	}
}

// comparesHastily reports whether a node is a call of a hasty function on bytes, or
// compares a text that was revealed with another.
func comparesHastily(n ast.Node) bool {
	switch n := n.(type) {
	case *ast.CallExpr:
		return slices.Contains(hasty, selected(n.Fun))
	case *ast.BinaryExpr:
		empty := func(e ast.Expr) bool { lit, ok := e.(*ast.BasicLit); return ok && lit.Value == `""` }
		return (n.Op == token.EQL || n.Op == token.NEQ) && (reveals(n.X) || reveals(n.Y)) && !empty(n.X) && !empty(n.Y)
	}
	return false
}

func selected(e ast.Expr) string {
	if s, ok := e.(*ast.SelectorExpr); ok {
		if x, ok := s.X.(*ast.Ident); ok {
			return x.Name + "." + s.Sel.Name
		}
	}
	return ""
}

func reveals(e ast.Expr) bool {
	call, ok := e.(*ast.CallExpr)
	if !ok {
		return false
	}
	s, ok := call.Fun.(*ast.SelectorExpr)
	return ok && s.Sel.Name == "Reveal"
}
