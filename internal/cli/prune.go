package cli

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"postern/internal/snapshot"
)

// stale lists the files of a snapshot that lie in a folder and are not part of
// the export that was written there: the next import would bring them back.
func stale(dir string, files snapshot.Files) ([]string, error) {
	there, problems, err := snapshot.ReadFolder(dir)
	if err != nil {
		return nil, err
	}
	var out []string
	for file := range there {
		out = append(out, file)
	}
	for _, p := range problems { // a file that cannot be read is in the way all the more
		out = append(out, p.File)
	}
	slices.Sort(out)
	out = slices.Compact(out)
	return slices.DeleteFunc(out, func(file string) bool {
		_, ok := files[file]
		return ok || !ofSnapshot(file)
	}), nil
}

// ofSnapshot reports whether a path can only be that of a snapshot: a file that
// a section names, or one in the folder of a section. A package.json beside a
// snapshot is none.
func ofSnapshot(file string) bool {
	top, _, nested := strings.Cut(file, "/")
	for _, s := range snapshot.Sections {
		for _, f := range s.Files {
			first, _, inFolder := strings.Cut(f.Pattern, "/")
			if f.Pattern == file || nested && inFolder && first == top {
				return true
			}
		}
	}
	return false
}

// prune removes files from a folder, and the folders that are empty then.
func prune(dir string, files []string) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	for _, file := range files {
		if err := root.Remove(filepath.FromSlash(file)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		for parent := path.Dir(file); parent != "."; parent = path.Dir(parent) {
			if root.Remove(filepath.FromSlash(parent)) != nil {
				break // it is not empty
			}
		}
	}
	return nil
}
