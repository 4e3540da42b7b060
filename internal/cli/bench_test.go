package cli

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// BenchmarkCheck measures a check of a whole project, the start of the process
// included: of the real export where it lies beside the checkout, else of the
// example.
func BenchmarkCheck(b *testing.B) {
	dir := filepath.Join("..", "..", "..", "shared", "snapshots", "full")
	if _, err := os.Stat(dir); err != nil {
		dir = filepath.Join("..", "..", "examples", "shop")
	}
	program := filepath.Join(b.TempDir(), "postern")
	if out, err := exec.CommandContext(b.Context(), "go", "build", "-o", program, "postern/cmd/postern").CombinedOutput(); err != nil {
		b.Fatalf("%v\n%s", err, out)
	}
	for b.Loop() {
		var out bytes.Buffer
		cmd := exec.CommandContext(b.Context(), program, "check", dir)
		cmd.Stderr = &out
		if err := cmd.Run(); err != nil {
			b.Fatalf("%v\n%s", err, &out)
		}
	}
}
