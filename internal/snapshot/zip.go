package snapshot

import (
	"archive/zip"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strings"

	"postern/internal/fault"
)

// ErrArchive is an archive that is refused as a whole.
var ErrArchive = fault.New(fault.Invalid, "P40001", "the archive cannot be read")

// ErrInflated is an archive that holds more than it may.
var ErrInflated = fault.New(fault.TooLarge, "P41303", "the archive is too large when unpacked")

// OpenZip reads a snapshot from a zip archive. What comes out is bounded by
// maxBytes and maxFiles, whatever the archive says of itself.
func OpenZip(r io.ReaderAt, size int64, maxBytes int64, maxFiles int) (*Upload, error) {
	archive, err := zip.NewReader(r, size)
	if err != nil {
		return nil, ErrArchive.WithMessage("the archive is not a zip file, or is damaged")
	}
	if len(archive.File) > maxFiles {
		return nil, ErrMany.WithMessage(fmt.Sprintf("the archive has more than %d files", maxFiles))
	}
	base := archiveRoot(archive)
	up, ps := &Upload{Files: Files{}}, &problems{}
	left := maxBytes
	for _, f := range archive.File {
		p, inside := strings.CutPrefix(f.Name, base)
		if !inside || strings.HasSuffix(p, "/") || hidden(p) {
			continue // a folder, or a file beside that of the snapshot
		}
		if !archived(f, p, up, ps) {
			continue
		}
		b, err := inflate(f, left)
		if err != nil {
			return nil, err
		}
		left -= int64(len(b))
		if _, twice := up.Files[p]; twice {
			ps.add(Error, p, "", CodeFileTwice, "remove one of the two", "the file is there twice")
			continue
		}
		content, found := FileFromBytes(p, b)
		ps.list = append(ps.list, found...)
		if len(found) == 0 {
			up.Files[p] = content
		}
	}
	checkCase(up.Files, ps)
	if len(up.Files) == 0 && len(ps.list) == 0 {
		return nil, ErrArchive.WithMessage("the archive holds no snapshot: it has no .json file")
	}
	up.Problems = ps.sorted()
	return up, nil
}

// archived reports whether a file of an archive, at the path p of the snapshot,
// is to be read, and notes why not.
func archived(f *zip.File, p string, up *Upload, ps *problems) bool {
	fault := pathFault(p)
	switch {
	case f.Mode()&fs.ModeType != 0:
		ps.add(Error, printablePath(p), "", CodePath, "put the file itself into the archive", "the archive has a link or a special file here")
	case fault != "":
		ps.add(Error, printablePath(p), "", CodePath, "", "the path %s", fault)
	case formOf(p) == formOther:
		up.PassedOver = append(up.PassedOver, p)
	default:
		return true
	}
	return false
}

func inflate(f *zip.File, left int64) ([]byte, error) {
	r, err := f.Open()
	if err != nil {
		return nil, ErrArchive.WithMessage("the archive has a file that cannot be read")
	}
	defer r.Close()
	b, err := io.ReadAll(io.LimitReader(r, left+1))
	if err != nil {
		return nil, ErrArchive.WithMessage("the archive is damaged")
	}
	if int64(len(b)) > left {
		return nil, ErrInflated
	}
	return b, nil
}

// archiveRoot is the folder in an archive that holds the snapshot: the one
// with snapshot.json, or the root.
func archiveRoot(archive *zip.Reader) string {
	best := ""
	for _, f := range archive.File {
		dir, name := path.Split(f.Name)
		if name == versionFile && !hidden(f.Name) && (best == "" || len(dir) < len(best)) {
			if dir == "" {
				return ""
			}
			best = dir
		}
	}
	return best
}

// WriteZip writes the files of an export as a zip archive: as WriteFolder, only
// those that OpenZip reads. It returns the paths of the rest.
func WriteZip(w io.Writer, files Files) (leftOut []string, err error) {
	archive := zip.NewWriter(w)
	for _, p := range files.Paths() {
		if !carried(p) {
			leftOut = append(leftOut, p)
			continue
		}
		f, err := archive.Create(p)
		if err != nil {
			return nil, err
		}
		if _, err := f.Write(OnDisk(p, files[p])); err != nil {
			return nil, err
		}
	}
	return leftOut, archive.Close()
}
