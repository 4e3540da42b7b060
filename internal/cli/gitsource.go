package cli

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"postern/internal/snapshot"
)

// gitPatience is how long git may take to say where files come from.
const gitPatience = 5 * time.Second

// gitSource says from which commit the files at a path come, where git knows. It
// is for the history only, so where there is no git, nothing is said.
func gitSource(ctx context.Context, path string) snapshot.Source {
	if carrierOf(path) == stream {
		return snapshot.Source{}
	}
	dir, what := path, "."
	if !isFolder(path) {
		dir, what = filepath.Dir(path), filepath.Base(path)
	}
	ctx, cancel := context.WithTimeout(ctx, gitPatience)
	defer cancel()
	commit, ok := git(ctx, dir, "rev-parse", "--verify", "HEAD")
	if !ok {
		return snapshot.Source{}
	}
	out := snapshot.Source{Commit: commit}
	if branch, ok := git(ctx, dir, "rev-parse", "--abbrev-ref", "HEAD"); ok && branch != "HEAD" { // it is on none
		out.Branch = branch
	}
	changed, ok := git(ctx, dir, "status", "--porcelain", "--", what)
	out.Dirty = !ok || changed != ""
	return out
}

// git runs a command that only reads, and no program that the repository names.
func git(ctx context.Context, dir string, args ...string) (string, bool) {
	c := exec.CommandContext(ctx, "git", append([]string{"-c", "core.fsmonitor=false", "-C", dir}, args...)...) //nolint:gosec // fixed commands on a folder that the caller names
	c.Env = append(os.Environ(), "GIT_OPTIONAL_LOCKS=0")
	b, err := c.Output()
	return strings.TrimSpace(string(b)), err == nil
}
