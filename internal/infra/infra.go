// Package infra translates between the data of infrastructure as code and the
// files of a snapshot: another carrier of the same configuration. What differs
// between the two is declared once, in areas.go, and both directions follow
// from it. Everything else, checks included, is done by package snapshot.
//
// A list or a map that is there is the whole of it: what it does not hold is
// removed. What is missing or null stays as it is, as does what the data has no
// word for. What is built in is not listed.
//
// The package knows no HTTP and no database.
package infra

import (
	"bytes"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"postern/internal/snapshot"
)

// Version is the version of the data that this package reads and writes.
const Version = 1

// root is how paths into the data begin.
const root = "/data"

// About is what the data says of a project beside its configuration; nil where
// it says nothing.
type About struct {
	Name        *string
	Environment *string
	Tags        *[]string
}

// A Request is data, translated. What is wrong with the data itself is among
// the problems of its upload, without a file and with its place in the data.
type Request struct {
	About  About
	Upload *snapshot.Upload

	origins []origin
	once    []once
}

// Write translates data into an upload for a project whose files are now
// current; their secrets are blank. The data is taken as it came.
func Write(data jsontext.Value, current snapshot.Files) (*Request, error) {
	v, problems, err := decode(data)
	if err != nil {
		return nil, err
	}
	w := &writer{
		old: current, parsed: map[string]any{}, out: map[string]any{}, minted: map[string]minted{}, marks: map[uintptr]mark{}, request: &Request{},
	}
	w.problems = problems
	if obj, ok := v.(map[string]any); ok {
		w.data(obj)
	} else if len(problems) == 0 {
		w.breach(root, "must be an object")
	}
	w.request.Upload = &snapshot.Upload{
		Files: snapshot.Files{}, SameIDs: true, Message: "infrastructure as code", Problems: w.problems,
	}
	for path, doc := range w.out {
		w.request.Upload.Files[path] = snapshot.NewDocument(doc)
		w.trace(path, "", doc)
	}
	return w.request, nil
}

// decode reads the data as strictly as a file of a snapshot.
func decode(data jsontext.Value) (any, []snapshot.Problem, error) {
	const name = "data.json"
	if k := data.Kind(); k == 'n' || k == jsontext.KindInvalid {
		return map[string]any{}, nil, nil
	}
	body := slices.Concat([]byte(`{"files":{"`+name+`":`), data, []byte(`}}`))
	up, err := snapshot.Decode(bytes.NewReader(body), 1)
	if err != nil {
		return nil, nil, err
	}
	for i := range up.Problems {
		up.Problems[i].File, up.Problems[i].Pointer = "", root+up.Problems[i].Pointer
	}
	if up.Files[name] == nil {
		return nil, up.Problems, nil
	}
	v, err := snapshot.ParseDocument(up.Files[name])
	return v, up.Problems, err
}

// A writer translates one request.
type writer struct {
	old      snapshot.Files
	parsed   map[string]any    // of old
	out      map[string]any    // the documents of the upload
	minted   map[string]minted // by placeholder
	marks    map[uintptr]mark  // of the objects in out, where they came from
	problems []snapshot.Problem
	request  *Request
}

// data translates the whole.
func (w *writer) data(data map[string]any) {
	w.about(data)
	w.known("", root, data)
	for i := range areas {
		if v, ok := at(data, areas[i].at); ok && v != nil {
			areas[i].shape.settle(w, root+areas[i].at, v)
		}
	}
	resolved, _ := w.resolve(root, "", data).(map[string]any)
	for i := range areas {
		if v, ok := at(resolved, areas[i].at); ok && v != nil {
			areas[i].shape.write(w, root+areas[i].at, v)
		}
	}
	for _, r := range rules {
		for _, m := range matches(resolved, r.at) {
			r.check(w, m.pointer, m.value)
		}
	}
}

// about reads what belongs to the project itself.
func (w *writer) about(data map[string]any) {
	text := func(k string) *string {
		v, ok := data[k]
		if !ok || v == nil {
			return nil
		}
		s, ok := v.(string)
		if !ok {
			w.breach(root+"/"+k, "must be of type string")
		}
		return &s
	}
	w.request.About.Name, w.request.About.Environment = text("name"), text("environment")
	if v, ok := data["tags"]; ok && v != nil {
		list, ok := texts(v)
		if !ok {
			w.breach(root+"/tags", "must be a list of strings")
		}
		w.request.About.Tags = &list
	}
}

// known refuses members that no area has: what would be lost must not look
// done.
func (w *writer) known(prefix, pointer string, obj map[string]any) {
	for _, k := range sortedKeys(obj) {
		here := prefix + "/" + k
		inner, isObject := obj[k].(map[string]any)
		switch {
		case obj[k] == nil || slices.Contains(aboutKeys, here):
		case slices.ContainsFunc(areas, func(a area) bool { return strings.HasPrefix(a.at, here+"/") }):
			if !isObject {
				w.breach(pointer+"/"+escape(k), "must be of type object")
				continue
			}
			w.known(here, pointer+"/"+escape(k), inner)
		case slices.ContainsFunc(areas, func(a area) bool { return a.at == here }):
		default:
			w.breach(pointer+"/"+escape(k), "is not known here")
		}
	}
}

// was returns the document that the project has at a path, or nil. It is not to
// be changed.
func (w *writer) was(path string) any {
	if v, ok := w.parsed[path]; ok {
		return v
	}
	var v any
	if doc, ok := w.old[path]; ok {
		v, _ = snapshot.ParseDocument(doc) // a stored document parses
	}
	w.parsed[path] = v
	return v
}

// doc returns the document of the upload at a path, to be changed: at first a
// copy of the one that the project has.
func (w *writer) doc(path string) map[string]any {
	if doc, ok := w.out[path].(map[string]any); ok {
		return doc
	}
	doc, _ := snapshot.Clone(w.was(path)).(map[string]any)
	if doc == nil {
		doc = map[string]any{}
	}
	w.out[path] = doc
	return doc
}

// Read translates the files of a project into data. It holds no secret.
func Read(files snapshot.Files) map[string]any {
	r := &reader{files: files, parsed: map[string]any{}}
	data := map[string]any{"version": float64(Version)}
	for i := range areas {
		if v := areas[i].shape.read(r); v != nil {
			put(data, areas[i].at, v)
		}
	}
	withoutSecrets(data)
	return data
}

// A reader translates the files of one project.
type reader struct {
	files  snapshot.Files
	parsed map[string]any
}

// doc returns a document, or nil where there is none. It is not to be changed.
func (r *reader) doc(path string) map[string]any {
	if v, ok := r.parsed[path]; ok {
		doc, _ := v.(map[string]any)
		return doc
	}
	var v any
	if b, ok := r.files[path]; ok {
		v, _ = snapshot.ParseDocument(b)
	}
	r.parsed[path] = v
	doc, _ := v.(map[string]any)
	return doc
}

// withoutSecrets leaves out what stands for a secret.
func withoutSecrets(v any) {
	switch v := v.(type) {
	case map[string]any:
		for k, sub := range v {
			if sub == snapshot.Placeholder {
				delete(v, k)
				continue
			}
			withoutSecrets(sub)
		}
	case []any:
		for _, sub := range v {
			withoutSecrets(sub)
		}
	}
}

// once is a value that is made here and shown in the answer to this request
// only.
type once struct{ area, id, member, value string }

// Answer returns the data that answers the request: that of the files that the
// project has now, with what is shown once.
func (r *Request) Answer(files snapshot.Files) map[string]any {
	data := Read(files)
	for _, o := range r.once {
		list, _ := at(data, o.area)
		items, _ := list.([]any)
		for _, item := range items {
			if obj, ok := item.(map[string]any); ok && obj["id"] == o.id {
				put(obj, o.member, o.value)
			}
		}
	}
	return data
}
