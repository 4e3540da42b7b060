package cli

import (
	"path/filepath"
	"strings"
	"testing"
)

func TestKeyForNoProject(t *testing.T) {
	t.Parallel()
	url := filepath.Join(t.TempDir(), "keys.db")
	for _, id := range []string{"Pnope", "P2aAc4T2V93bddihGEx2Ryhc8e5Z"} {
		code, stdout, stderr := run(t, "key", "create", "--name", "ci", "--role", "read", "--project", id, "--database", url)
		if code != exitInvalid || stdout != "" {
			t.Errorf("%s: exits with %d, prints %q", id, code, stdout)
		}
		says(t, stderr, []string{`there is no project "` + id + `"`, "postern project list"}, nil)
	}
	if code, stdout, stderr := run(t, "key", "list", "--database", url); code != exitDone || strings.Count(stdout, "\n") != 1 {
		t.Errorf("%d %s %s", code, stdout, stderr)
	}
}
