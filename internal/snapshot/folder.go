package snapshot

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// carried reports whether a file of a folder or an archive belongs to a
// snapshot: names that begin with a dot, what archivers of a Mac leave, and
// other endings are passed over, as the official CLI does.
func carried(p string) bool {
	for seg := range strings.SplitSeq(p, "/") {
		if strings.HasPrefix(seg, ".") || seg == "__MACOSX" {
			return false
		}
	}
	return formOf(p) != formOther
}

// ReadFolder reads a snapshot from a folder. Links that lead out of it are
// refused.
func ReadFolder(dir string) (Files, []Problem, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, nil, err
	}
	defer root.Close()
	fsys := root.FS()
	files, ps := Files{}, &problems{}
	err = fs.WalkDir(fsys, ".", func(p string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			if p != "." && !carried(p+"/x.json") {
				return fs.SkipDir
			}
			return nil
		}
		if !carried(p) {
			return nil
		}
		b, err := fs.ReadFile(fsys, p)
		if err != nil {
			return err
		}
		content, found := FileFromBytes(p, b)
		ps.list = append(ps.list, found...)
		if len(found) == 0 {
			files[p] = content
		}
		return nil
	})
	if err != nil {
		return nil, nil, err
	}
	checkCase(files, ps)
	if len(files) == 0 && len(ps.list) == 0 {
		return nil, nil, fmt.Errorf("%s holds no snapshot: it has no .json file", dir)
	}
	return files, ps.sorted(), nil
}

// WriteFolder writes the files of an export into a folder, each as the
// official CLI writes it. It replaces files that are there and leaves others.
func WriteFolder(dir string, files Files) error {
	if err := os.MkdirAll(dir, 0o755); err != nil { //nolint:gosec // a snapshot is meant to be read by others, it holds no secret
		return err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	for _, p := range files.Paths() {
		if fault := pathFault(p); fault != "" {
			return fmt.Errorf("the server sent a path that %s", fault)
		}
		if err := root.MkdirAll(filepath.FromSlash(path.Dir(p)), 0o755); err != nil {
			return err
		}
		if err := root.WriteFile(filepath.FromSlash(p), OnDisk(p, files[p]), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// OnDisk returns the content of a file as it lies in a folder: documents with
// sorted members and two spaces, assets of text with a newline at their end.
// A text whose name does not hold its hash would not come back without it.
func OnDisk(p string, content []byte) []byte {
	switch formOf(p) {
	case formJSON:
		value := jsontext.Value(bytes.Clone(content))
		if err := value.Format(jsontext.WithIndent("  "), jsontext.EscapeForHTML(true), jsontext.EscapeForJS(true),
			jsontext.PreserveRawStrings(false), jsontext.SpaceAfterColon(true)); err != nil {
			return content
		}
		return append(value, '\n')
	case formText:
		if hashed(p, string(content)) {
			return append(bytes.Clone(content), '\n')
		}
	}
	return content
}
