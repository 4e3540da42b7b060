package web

import (
	"archive/zip"
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"
	"strings"

	"postern/internal/edge"
	"postern/internal/fault"
	"postern/internal/project"
	"postern/internal/secret"
	"postern/internal/snapshot"
)

const (
	maxSmall = 1 << 20 // bytes of a form without an upload
	maxField = 64 << 10

	draftPurpose = "console draft"
)

// What a form may be refused for.
var (
	errForm  = fault.New(fault.Invalid, "P40003", "the form cannot be read")
	errEmpty = fault.New(fault.Invalid, "P40004", "no file came with the form: choose a folder or a .zip archive")
	errDraft = fault.New(fault.Conflict, "P40906", "the plan of this page is not known any more; nothing was applied: choose the files again")
)

// The names of what forms bring.
const (
	fieldFiles   = "files"   // one of a folder, with its path
	fieldArchive = "archive" // a .zip
	fieldDraft   = "draft"   // an upload that came before, sealed
)

// A submission is what a form with an upload brought.
type submission struct {
	fields  url.Values
	archive []byte // a zip: the one that was sent, or one that was made of the files
	draft   []byte // sealed
}

// submitted reads a form with an upload, at most MaxBody bytes of it.
func (s *Server) submitted(w http.ResponseWriter, v *visit) (*submission, error) {
	v.r.Body = http.MaxBytesReader(w, v.r.Body, s.MaxBody)
	parts, err := v.r.MultipartReader()
	if err != nil {
		return nil, errForm
	}
	in := &submission{fields: url.Values{}}
	folder := &folderArchive{most: s.MaxFiles}
	for {
		part, err := parts.NextPart()
		if errors.Is(err, io.EOF) {
			break
		}
		if err == nil {
			err = in.take(part, folder)
		}
		if err != nil {
			return nil, formError(err)
		}
	}
	if len(folder.paths) > 0 {
		in.archive, err = folder.archive()
	}
	return in, err
}

func formError(err error) error {
	if f, ok := errors.AsType[*fault.Error](err); ok {
		return f
	}
	if limit, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return edge.ErrTooLarge.WithMessage(fmt.Sprintf("the upload is larger than the limit of %d bytes", limit.Limit))
	}
	return errForm
}

// take reads one part of a form.
func (in *submission) take(part *multipart.Part, folder *folderArchive) error {
	defer part.Close()
	switch part.FormName() {
	case fieldFiles:
		if path := partPath(part); path != "" {
			return folder.add(path, part)
		}
		return nil // no file was chosen
	case fieldArchive:
		b, err := io.ReadAll(part)
		if len(b) > 0 {
			in.archive = b
		}
		return err
	case fieldDraft:
		b, err := io.ReadAll(base64.NewDecoder(base64.StdEncoding, part))
		in.draft = b
		return err
	default:
		b, err := io.ReadAll(io.LimitReader(part, maxField+1))
		if len(b) > maxField {
			return errForm
		}
		in.fields.Add(part.FormName(), string(b))
		return err
	}
}

// partPath is the path of a file of a folder. The library gives the last segment
// of it only.
func partPath(part *multipart.Part) string {
	_, params, err := mime.ParseMediaType(part.Header.Get("Content-Disposition"))
	if err != nil {
		return ""
	}
	return params["filename"]
}

// A folderArchive makes an archive of the files of a folder, so that one reader
// judges paths and contents, wherever they come from.
type folderArchive struct {
	paths    []string
	contents [][]byte
	most     int
}

func (f *folderArchive) add(path string, from io.Reader) error {
	if len(f.paths) >= f.most {
		return snapshot.ErrMany.WithMessage(fmt.Sprintf("the upload has more than %d files", f.most))
	}
	content, err := io.ReadAll(from)
	f.paths, f.contents = append(f.paths, path), append(f.contents, content)
	return err
}

// root is the folder that was chosen, which browsers put before each path; it is
// blank where the paths have none in common.
func (f *folderArchive) root() string {
	first, _, _ := strings.Cut(f.paths[0], "/")
	for _, p := range f.paths {
		if !strings.HasPrefix(p, first+"/") {
			return ""
		}
	}
	return first + "/"
}

func (f *folderArchive) archive() ([]byte, error) {
	var buf bytes.Buffer
	out := zip.NewWriter(&buf)
	root := f.root()
	for i, p := range f.paths {
		to, err := out.CreateHeader(&zip.FileHeader{Name: strings.TrimPrefix(p, root), Method: zip.Store})
		if err == nil {
			_, err = to.Write(f.contents[i])
		}
		if err != nil {
			return nil, err
		}
		f.contents[i] = nil
	}
	err := out.Close()
	return buf.Bytes(), err
}

// upload makes an upload of a submission: of files, or of a draft that came with
// an earlier page, with the secrets that the form adds.
func (s *Server) upload(v *visit, in *submission) (*snapshot.Upload, error) {
	var up *snapshot.Upload
	var err error
	switch {
	case len(in.archive) > 0:
		up, err = snapshot.OpenZip(bytes.NewReader(in.archive), int64(len(in.archive)), s.MaxBody, s.MaxFiles)
		if err == nil {
			up.Strict = in.fields.Get("strict") != ""
			up.Excludes = in.fields["exclude"]
			up.Environment = strings.TrimSpace(in.fields.Get("environment"))
		}
	case len(in.draft) > 0:
		up, err = s.openDraft(v, in.draft)
	default:
		err = errEmpty
	}
	if err != nil {
		return nil, err
	}
	up.Secrets = append(up.Secrets, in.secrets()...)
	return up, nil
}

// secrets are the values that the form for missing secrets brings. A blank one
// leaves its secret missing.
func (in *submission) secrets() []snapshot.InputSecret {
	var out []snapshot.InputSecret
	for i, value := range in.fields["secret-value"] {
		part := func(name string) string {
			if list := in.fields["secret-"+name]; i < len(list) {
				return list[i]
			}
			return ""
		}
		if value != "" {
			out = append(out, snapshot.InputSecret{Group: part("group"), ID: part("id"), Name: part("name"), Type: part("type"), Value: secret.New(value)})
		}
	}
	return out
}

// sealDraft makes what a page keeps of an upload until it is applied: the body of
// an import, compressed and sealed, for this key and this project. No server has
// to remember it, and no value of a secret is in a page.
func (s *Server) sealDraft(v *visit, up *snapshot.Upload) (string, error) {
	content, err := project.Pack(up)
	if err != nil {
		return "", err
	}
	sealed, err := s.Projects.Master.SealTicket(draftPurpose, v.holder(), content)
	return base64.StdEncoding.EncodeToString(sealed), err
}

func (s *Server) openDraft(v *visit, sealed []byte) (*snapshot.Upload, error) {
	content, err := s.Projects.Master.OpenTicket(draftPurpose, v.holder(), sealed)
	if err != nil {
		return nil, errDraft
	}
	up, err := s.Projects.Unpack(content, s.MaxFiles)
	if err != nil {
		return nil, errDraft
	}
	return up, nil
}

// holder is whose a draft is.
func (v *visit) holder() string {
	return strings.Join([]string{v.caller.Key.ID, v.caller.Project}, " ")
}
