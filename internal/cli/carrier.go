package cli

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"postern/internal/snapshot"
)

// What a snapshot on this machine may be at most.
const (
	maxLocalBytes = 1 << 30
	maxLocalFiles = 200_000
)

// A local snapshot is one that was read from a folder, a file or stdin.
type local struct {
	upload *snapshot.Upload
	name   func(file string) string          // how to show a file of it
	raw    func(file string) ([]byte, error) // a file as it is written there, for its lines; nil where there are none
	lines  map[string][]byte                 // what raw has read
}

// What a path may name.
type carrier int

const (
	folder carrier = iota
	archive
	document // the JSON of the API in a file
	stream
)

func carrierOf(target string) carrier {
	switch {
	case target == "-":
		return stream
	case strings.EqualFold(filepath.Ext(target), ".zip"):
		return archive
	case strings.EqualFold(filepath.Ext(target), ".json") && !isFolder(target):
		return document
	default:
		return folder
	}
}

func isFolder(target string) bool {
	info, err := os.Stat(target)
	return err == nil && info.IsDir()
}

// readLocal reads the snapshot that target names.
func (a *app) readLocal(target string) (*local, error) {
	switch carrierOf(target) {
	case stream:
		up, err := snapshot.Decode(a.stdin, maxLocalFiles)
		if err != nil {
			return nil, err
		}
		return &local{upload: up, name: func(file string) string { return file }}, nil
	case archive:
		return readArchive(target)
	case document:
		doc, err := os.ReadFile(target) //nolint:gosec // the caller names the file
		if err != nil {
			return nil, sourceError(target, err)
		}
		if snapshot.IsFlow(doc) {
			return nil, usage("postern convert puts it into the folder of a snapshot", "%s is a single flow, not a snapshot", target)
		}
		return decodeDocument(target, doc)
	default:
		up, err := snapshot.OpenFolder(target)
		if err != nil {
			return nil, sourceError(target, err)
		}
		return &local{
			upload: up,
			name:   func(file string) string { return filepath.Join(target, filepath.FromSlash(file)) },
			raw: func(file string) ([]byte, error) {
				return os.ReadFile(filepath.Join(target, filepath.FromSlash(file))) //nolint:gosec // a file of the snapshot that the caller names
			},
		}, nil
	}
}

// decodeDocument reads the JSON of the API.
func decodeDocument(name string, doc []byte) (*local, error) {
	up, err := snapshot.Decode(bytes.NewReader(doc), maxLocalFiles)
	if err != nil && name != "-" {
		err = fmt.Errorf("%s: %w", name, err)
	}
	if err != nil {
		return nil, err
	}
	if len(up.Files) == 0 && len(up.Problems) == 0 {
		return nil, usage(`a snapshot is {"files": …}, a flow is {"flowId", "metadata", "contents", …}`, "%s is neither a snapshot nor a flow", name)
	}
	return &local{upload: up, name: func(file string) string { return file }}, nil
}

// sourceError says what to name where there is no snapshot.
func sourceError(target string, err error) error {
	const hint = "name the folder, the .zip or the .json file of the snapshot, or - for stdin"
	switch {
	case os.IsNotExist(err) && carrierOf(target) == folder:
		return usage(hint, "there is no folder %s", target)
	case os.IsNotExist(err):
		return usage(hint, "there is no file %s", target)
	case carrierOf(target) == folder && !isFolder(target):
		return usage(hint, "%s is not a folder", target)
	}
	if _, ok := errors.AsType[*fs.PathError](err); !ok { // the folder can be read, and is no snapshot
		return &usageError{err: err}
	}
	return err
}

func readArchive(target string) (*local, error) {
	b, err := os.ReadFile(target) //nolint:gosec // the caller names the file
	if err != nil {
		return nil, sourceError(target, err)
	}
	up, err := snapshot.OpenZip(bytes.NewReader(b), int64(len(b)), maxLocalBytes, maxLocalFiles)
	if err != nil {
		return nil, err
	}
	return &local{
		upload: up,
		name:   func(file string) string { return target + "/" + file },
		raw:    func(file string) ([]byte, error) { return archived(b, file) },
	}, nil
}

// archived returns a file of an archive: the shortest path that ends in it, as
// the snapshot may lie in a folder of the archive.
func archived(b []byte, file string) ([]byte, error) {
	r, err := zip.NewReader(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		return nil, err
	}
	var best *zip.File
	for _, f := range r.File {
		if (f.Name == file || strings.HasSuffix(f.Name, "/"+file)) && (best == nil || len(f.Name) < len(best.Name)) {
			best = f
		}
	}
	if best == nil {
		return nil, fs.ErrNotExist
	}
	open, err := best.Open()
	if err != nil {
		return nil, err
	}
	defer open.Close()
	return io.ReadAll(io.LimitReader(open, maxLocalBytes))
}

// readEmbedded reads a snapshot that is part of the program.
func readEmbedded(fsys fs.FS, root string) (*local, error) {
	up := &snapshot.Upload{Files: snapshot.Files{}}
	err := fs.WalkDir(fsys, root, func(p string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		b, err := fs.ReadFile(fsys, p)
		if err != nil {
			return err
		}
		file := strings.TrimPrefix(p, root+"/")
		content, problems := snapshot.FileFromBytes(file, b)
		up.Files[file] = content
		up.Problems = append(up.Problems, problems...)
		return nil
	})
	return &local{
		upload: up,
		name:   func(file string) string { return path.Join(root, file) },
		raw:    func(file string) ([]byte, error) { return fs.ReadFile(fsys, path.Join(root, file)) },
	}, err
}

// at finds the place of a problem in its file.
func (l *local) at(p snapshot.Problem) (position, bool) {
	doc := l.document(p.File)
	if len(doc) == 0 {
		return position{}, false
	}
	return placeOf(doc, p), true
}

// document returns a document as it is written, or nil where it has no lines.
func (l *local) document(file string) []byte {
	if file == "" || l.raw == nil || path.Ext(file) != ".json" {
		return nil
	}
	doc, ok := l.lines[file]
	if !ok {
		doc, _ = l.raw(file) // a file that is missing has no lines
		if l.lines == nil {
			l.lines = map[string][]byte{}
		}
		l.lines[file] = doc
	}
	return doc
}

// writeLocal writes an export to what target names, and returns the paths that
// do not belong there.
func (a *app) writeLocal(target string, files snapshot.Files) (leftOut []string, err error) {
	switch carrierOf(target) {
	case stream:
		return nil, snapshot.WriteBody(a.stdout, files, nil)
	case archive:
		err = writeWhole(target, 0o644, func(w io.Writer) error {
			leftOut, err = snapshot.WriteZip(w, files)
			return err
		})
		return leftOut, err
	case document:
		return nil, writeWhole(target, 0o644, func(w io.Writer) error { return snapshot.WriteBody(w, files, nil) })
	default:
		return snapshot.WriteFolder(target, files)
	}
}

// checkTarget says before anything is done that an export cannot be written to
// what target names.
func checkTarget(target string) error {
	if carrierOf(target) == stream {
		return nil
	}
	if info, err := os.Stat(target); err == nil && info.IsDir() != (carrierOf(target) == folder) {
		if info.IsDir() {
			return usage("name a file in it", "%s is a folder", target)
		}
		return usage("name a folder, a .zip or a .json file, or - for stdout", "%s is a file, and not a folder to write into", target)
	}
	if carrierOf(target) == folder {
		return nil // it is made with those around it
	}
	return checkParent(target)
}

// checkParent says that there is no folder to write a file into.
func checkParent(target string) error {
	if dir := filepath.Dir(target); !isFolder(dir) {
		return usage("make it first, or name another file", "there is no folder %s to write %s into", dir, filepath.Base(target))
	}
	return nil
}

// fewPaths is how many paths are named in one sentence.
const fewPaths = 12

// pathsText lists paths.
func pathsText(paths []string) string {
	rest := ""
	if n := len(paths) - fewPaths; n > 0 {
		paths, rest = paths[:fewPaths], fmt.Sprintf(" and %d more", n)
	}
	shown := make([]string, len(paths))
	for i, p := range paths {
		shown[i] = escaped(p)
	}
	return strings.Join(shown, ", ") + rest
}

// tellLeftOut names files that do not belong into a folder or an archive.
func (a *app) tellLeftOut(paths []string, hint string) {
	if len(paths) == 0 {
		return
	}
	verb := "do not belong into a folder or an archive and were left out"
	if len(paths) == 1 {
		verb = "does not belong into a folder or an archive and was left out"
	}
	fmt.Fprintf(a.stderr, "%s %s of the project %s: %s; %s\n", a.paint(yellow, "warning:"), plural(len(paths), "file"), verb, pathsText(paths), hint)
}

// tellPassedOver names files that were there and that no snapshot has.
func (a *app) tellPassedOver(l *local) {
	if paths := l.upload.PassedOver; len(paths) > 0 {
		what := "not files of a snapshot"
		if len(paths) == 1 {
			what = "not a file of a snapshot"
		}
		fmt.Fprintf(a.stderr, "%s %s (%s)\n", a.paint(faint, "passed over:"), pathsText(paths), what)
	}
}

// writeWhole writes a file whole or not at all: what reads it never sees half of
// it.
func writeWhole(target string, mode fs.FileMode, write func(io.Writer) error) (err error) {
	if err := checkParent(target); err != nil {
		return err
	}
	draft, err := os.CreateTemp(filepath.Dir(target), "."+filepath.Base(target)+"-*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = draft.Close()
			_ = os.Remove(draft.Name())
		}
	}()
	if err := write(draft); err != nil {
		return err
	}
	if err := draft.Chmod(mode); err != nil {
		return err
	}
	if err := draft.Sync(); err != nil {
		return err
	}
	if err := draft.Close(); err != nil {
		return err
	}
	return os.Rename(draft.Name(), target)
}
