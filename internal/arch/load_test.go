package arch

import (
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

const internal = "postern/internal/"

// pkg is what go list tells of a package, as far as the tests want it.
type pkg struct {
	ImportPath string
	Name       string
	Doc        string
	Dir        string
	GoFiles    []string
	Imports    []string
}

// short returns the name of p in layers, and whether p belongs there.
func (p pkg) short() (string, bool) { return strings.CutPrefix(p.ImportPath, internal) }

// load returns every package of the module.
func load(t *testing.T) []pkg {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "list", "-json=ImportPath,Name,Doc,Dir,GoFiles,Imports", "postern/...")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var all []pkg
	for dec := jsontext.NewDecoder(out); ; {
		var p pkg
		if err := json.UnmarshalDecode(dec, &p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	if len(all) < 5 {
		t.Fatalf("go list finds %d packages only", len(all))
	}
	return all
}

// name returns the path of a file of p within the module.
func (p pkg) name(file string) string {
	return filepath.ToSlash(filepath.Join(strings.TrimPrefix(strings.TrimPrefix(p.ImportPath, "postern"), "/"), file))
}
