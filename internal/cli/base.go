package cli

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"

	"postern/internal/client"
)

// A known revision is what files were exported from, or imported as.
type known struct {
	Revision int64  `json:"revision,omitzero"` // 0 where the server did not say
	Digest   string `json:"digest"`
}

// baseFile is where this machine remembers what the files at a path come from.
// It lies beside the other things that may be lost: never in the folder, which
// holds a snapshot and nothing else.
func baseFile(project, target string) (string, error) {
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	whole, err := filepath.Abs(target)
	if err != nil {
		return "", err
	}
	if real, err := filepath.EvalSymlinks(whole); err == nil {
		whole = real
	}
	name := sha256.Sum256([]byte(project + "\n" + whole))
	return filepath.Join(dir, "postern", "bases", hex.EncodeToString(name[:])+".json"), nil
}

// rememberBase writes down what files come from. Where that cannot be done,
// nothing is lost but a convenience, so it is no failure.
func rememberBase(project, target string, is known) {
	if is.Digest == "" || carrierOf(target) == stream {
		return
	}
	file, err := baseFile(project, target)
	if err != nil || os.MkdirAll(filepath.Dir(file), 0o700) != nil {
		return
	}
	_ = writeWhole(file, 0o600, func(w io.Writer) error { return json.MarshalWrite(w, is) })
}

// recallBase reads what rememberBase wrote.
func recallBase(project, target string) (is known, ok bool) {
	file, err := baseFile(project, target)
	if err != nil || carrierOf(target) == stream {
		return is, false
	}
	b, err := os.ReadFile(file) //nolint:gosec // a file of our own
	if err != nil || json.Unmarshal(b, &is) != nil {
		return is, false
	}
	return is, is.Digest != ""
}

// maxCommits is how many commits of a repository are looked for in a history.
const maxCommits = 10_000

// gitCommits are the commits that the files at a path were made of, where git
// knows.
func gitCommits(ctx context.Context, path string) map[string]bool {
	if carrierOf(path) == stream {
		return nil
	}
	dir := path
	if !isFolder(path) {
		dir = filepath.Dir(path)
	}
	ctx, cancel := context.WithTimeout(ctx, gitPatience)
	defer cancel()
	text, ok := git(ctx, dir, "rev-list", "--max-count="+strconv.Itoa(maxCommits), "HEAD")
	if !ok {
		return nil
	}
	out := map[string]bool{}
	for commit := range strings.FieldsSeq(text) {
		out[commit] = true
	}
	return out
}

// How a base was found.
const (
	baseNamed      = "named"
	baseRemembered = "remembered"
	baseCommit     = "commit"
	baseDigest     = "digest"
)

// findBase finds the newest revision that the files are known to have been: as
// this machine remembers, or as their commit says, which the revision names. 0
// leaves it to the server, which compares digests.
func findBase(ctx context.Context, to *client.Client, project, target string) (number int64, how string, err error) {
	was, remembered := recallBase(project, target)
	commits := gitCommits(ctx, target)
	if !remembered && len(commits) == 0 {
		return 0, baseDigest, nil
	}
	for before := int64(0); ; {
		page, err := to.Revisions(ctx, before, maxLogPage)
		if err != nil {
			return 0, "", err
		}
		for _, r := range page.Revisions {
			switch {
			case remembered && r.Digest == was.Digest && (was.Revision == 0 || was.Revision == r.Number):
				return r.Number, baseRemembered, nil
			case commits[r.Source.Commit] && !r.Source.Dirty:
				return r.Number, baseCommit, nil
			}
			before = r.Number
		}
		if !page.More || len(page.Revisions) == 0 {
			return 0, baseDigest, nil
		}
	}
}
