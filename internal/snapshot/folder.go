package snapshot

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"

	"github.com/go-json-experiment/json/jsontext"
)

// ReadFolder is OpenFolder for who needs the files only.
func ReadFolder(dir string) (Files, []Problem, error) {
	up, err := OpenFolder(dir)
	if err != nil {
		return nil, nil, err
	}
	return up.Files, up.Problems, nil
}

// OpenFolder reads a snapshot from a folder. Links that lead out of it are
// refused.
func OpenFolder(dir string) (*Upload, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	up, ps := &Upload{Files: Files{}}, &problems{}
	err = fs.WalkDir(root.FS(), ".", func(p string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir():
			if hidden(p) && p != "." {
				return fs.SkipDir
			}
			return nil
		case hidden(p):
			return nil
		case formOf(p) == formOther:
			up.PassedOver = append(up.PassedOver, p)
			return nil
		}
		b, fault, err := readFile(root, p, entry)
		if err != nil {
			return err
		}
		if fault != "" {
			ps.add(Error, printablePath(p), "", CodePath, "put the file itself into the folder", "%s", fault)
			return nil
		}
		content, found := FileFromBytes(p, b)
		ps.list = append(ps.list, found...)
		if len(found) == 0 {
			up.Files[p] = content
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	checkCase(up.Files, ps)
	if len(up.Files) == 0 && len(ps.list) == 0 {
		return nil, fmt.Errorf("%s holds no snapshot: it has no .json file", dir)
	}
	up.Problems = ps.sorted()
	return up, nil
}

// readFile reads a file of a folder, or says what is there instead of one.
func readFile(root *os.Root, p string, entry fs.DirEntry) (content []byte, fault string, err error) {
	mode := entry.Type()
	if mode&fs.ModeSymlink != 0 {
		target, err := root.Stat(filepath.FromSlash(p))
		if err != nil {
			return nil, "the link leads out of the folder, or to nothing", nil //nolint:nilerr // which of them it is makes no difference
		}
		mode = target.Mode().Type()
	}
	if mode != 0 { // to read a pipe could take for ever
		return nil, "there is no file here, but something else", nil
	}
	content, err = root.ReadFile(filepath.FromSlash(p))
	return content, "", err
}

// WriteFolder writes the files of an export into a folder, each as the
// official CLI writes it. It replaces files that are there and leaves others.
// It writes nothing but what OpenFolder reads, and returns the paths of the
// rest: whoever may import could otherwise leave settings for the tools of
// whoever exports.
func WriteFolder(dir string, files Files) (leftOut []string, err error) {
	if err := os.MkdirAll(dir, 0o755); err != nil { //nolint:gosec // a snapshot is meant to be read by others, it holds no secret
		return nil, err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	for _, p := range files.Paths() {
		if !carried(p) {
			leftOut = append(leftOut, p)
			continue
		}
		if err := root.MkdirAll(filepath.FromSlash(path.Dir(p)), 0o755); err != nil {
			return nil, err
		}
		if err := root.WriteFile(filepath.FromSlash(p), OnDisk(p, files[p]), 0o644); err != nil {
			return nil, err
		}
	}
	return leftOut, nil
}

// OnDisk returns the content of a file as it lies in a folder: documents with
// sorted members and two spaces, assets of text with a newline at their end, as
// the official CLI writes them.
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
		if hashed(p, string(content)) && !bytes.HasSuffix(content, []byte("\n")) {
			return append(bytes.Clone(content), '\n')
		}
	case formImage, formOther:
	}
	return content
}
