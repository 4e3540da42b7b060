package snapshot

import (
	"os"
	"path/filepath"
	"testing"
)

// fresh checks a folder against a new project.
func fresh(t *testing.T, dir string, alter func(*Upload)) (*Upload, *Outcome) {
	t.Helper()
	files, found, err := ReadFolder(dir)
	if err != nil {
		t.Fatal(err)
	}
	up := &Upload{Files: files, Problems: found}
	if alter != nil {
		alter(up)
	}
	out, err := Check(up, Base{}, &Cache{})
	if err != nil {
		t.Fatal(err)
	}
	return up, out
}

func TestRealExport(t *testing.T) {
	dir := filepath.Join("..", "..", "..", "shared", "snapshots", "full")
	if _, err := os.Stat(dir); err != nil {
		t.Skip("the real export is not beside the checkout")
	}
	_, out := fresh(t, dir, nil)
	for _, p := range out.Problems {
		t.Log(p.Level, p)
	}
}
