package arch

import (
	"os"
	"path"
	"runtime/debug"
	"slices"
	"strings"
	"testing"
)

// ranks returns the layer of each package.
func ranks(t *testing.T) map[string]int {
	t.Helper()
	rank := map[string]int{}
	for i, row := range layers {
		for _, p := range row {
			if _, ok := rank[p]; ok {
				t.Errorf("%s is in two layers", p)
			}
			rank[p] = i
		}
	}
	return rank
}

func TestLayers(t *testing.T) {
	t.Parallel()
	rank := ranks(t)
	for _, p := range load(t) {
		from, ok := p.short()
		if !ok {
			continue // a command or a tool: above all layers
		}
		r, ok := rank[from]
		if !ok {
			t.Errorf("%s has no layer: give it one in arch.go", from)
			continue
		}
		for _, imp := range p.Imports {
			if to, ok := strings.CutPrefix(imp, internal); ok && rank[to] >= r {
				t.Errorf("%s must not import %s: it is not in a lower layer", from, to)
			}
			below := r < rank[edge]
			if (imp == "net/http" || strings.HasPrefix(imp, "net/http/")) && below && !excepted(from, "net/http") {
				t.Errorf("%s must not import %s: only the edges know HTTP", from, imp)
			}
		}
	}
}

// excepted reports whether there is an exception for a package, or for one that it is
// beneath.
func excepted(from, name string) bool {
	for ; from != "."; from = path.Dir(from) {
		if exceptions[[2]string{from, name}] != "" {
			return true
		}
	}
	return false
}

func TestForbiddenImports(t *testing.T) {
	t.Parallel()
	for _, p := range load(t) {
		from, ok := p.short()
		if !ok {
			from = p.ImportPath
		}
		for _, imp := range p.Imports {
			for name, reason := range forbidden {
				under := strings.HasSuffix(name, "/") && strings.HasPrefix(imp, name)
				if (imp == name || under) && !excepted(from, name) {
					t.Errorf("%s must not import %s: %s", from, imp, reason)
				}
			}
		}
	}
}

// A list of exceptions rots unless something takes the entries out again.
func TestExceptionsAreNeeded(t *testing.T) {
	t.Parallel()
	for _, p := range load(t) {
		from, ok := p.short()
		if !ok {
			continue
		}
		for key, reason := range exceptions {
			if reason == "" {
				t.Errorf("the exception of %s for %s has no reason", key[0], key[1])
			}
			if key[0] == from && !slices.Contains(p.Imports, key[1]) {
				t.Errorf("%s does not import %s any more: take the exception out", from, key[1])
			}
		}
	}
}

func TestPackageComments(t *testing.T) {
	t.Parallel()
	for _, p := range load(t) {
		want := "Package " + p.Name + " "
		if p.Name == "main" {
			want = "Command " + p.ImportPath[strings.LastIndex(p.ImportPath, "/")+1:] + " "
		}
		if len(p.GoFiles) > 0 && !strings.HasPrefix(p.Doc, want) {
			t.Errorf("%s: the package comment does not start with %q", p.ImportPath, want)
		}
	}
}

// With GOEXPERIMENT=jsonv2 on Go 1.26 the json module is an alias of the standard
// library's, which reads the tag "embed" as an ordinary name: unknown members of a
// snapshot would be lost without an error.
func TestNoJSONExperiment(t *testing.T) {
	t.Parallel()
	if strings.Contains(os.Getenv("GOEXPERIMENT"), "jsonv2") {
		t.Error("GOEXPERIMENT contains jsonv2")
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		t.Fatal("there is no build information")
	}
	for _, s := range info.Settings {
		if s.Key == "GOEXPERIMENT" && strings.Contains(s.Value, "jsonv2") {
			t.Error("this binary was built with GOEXPERIMENT=jsonv2")
		}
	}
}
