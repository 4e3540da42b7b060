package api

import (
	"bytes"
	"context"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/go-json-experiment/json"

	"postern/internal/project"
	"postern/internal/snapshot"
	"postern/internal/store"
	"postern/internal/testkit"
)

// A script says how to change things. Without any of it left it says the first
// of everything.
type script []byte

func (s *script) next(n int) int {
	if n <= 1 || len(*s) == 0 {
		return 0
	}
	b := int((*s)[0])
	if *s = (*s)[1:]; n > 256 && len(*s) > 0 {
		b = b<<8 | int((*s)[0])
		*s = (*s)[1:]
	}
	return b % n
}

// change changes something below v: takes it away, puts something else there,
// or puts it where something else was.
func (s *script) change(v any) {
	for {
		switch c := v.(type) {
		case map[string]any:
			if len(c) == 0 {
				c["more"] = s.value(nil)
				return
			}
			keys := slices.Sorted(maps.Keys(c))
			k := keys[s.next(len(keys))]
			if s.deeper(c[k]) {
				v = c[k]
				continue
			}
			switch s.next(5) {
			case 0:
				delete(c, k)
			case 1:
				c[k+"x"] = c[k]
			case 2:
				other := keys[s.next(len(keys))]
				c[k], c[other] = c[other], c[k]
			default:
				c[k] = s.value(c[k])
			}
			return
		case []any:
			if len(c) == 0 {
				return
			}
			i := s.next(len(c))
			if s.deeper(c[i]) {
				v = c[i]
				continue
			}
			if j := s.next(len(c)); s.next(3) == 0 {
				c[i] = c[j]
			} else {
				c[i] = s.value(c[i])
			}
			return
		default:
			return
		}
	}
}

func (s *script) deeper(v any) bool {
	switch v.(type) {
	case map[string]any, []any:
		return s.next(8) > 0
	}
	return false
}

func (s *script) value(was any) any {
	text, _ := was.(string)
	deep := any("deep")
	for range 200 {
		deep = []any{deep}
	}
	return []any{
		nil, "", true, -1.0, 1e300, 9007199254740993.0, text + "x", snapshot.Placeholder, strings.Repeat("long ", 2000),
		"\u202e\u0000", "asset:../x", "P1",
		[]any{},
		map[string]any{},
		[]any{was, was},
		map[string]any{"a": was},
		map[string]any{"id": "X", "name": "X"},
		deep, "https://a.example/?flow=sign-in", "(((((((((x+)+)+)+)+)+)+)+",
	}[s.next(20)]
}

// inMemory returns a folder that ends with the test, in memory where there is such a
// place: an input makes several commits, and waiting for a disk was most of its time.
func inMemory(f testing.TB) string {
	f.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "postern-fuzz-")
	if err != nil {
		return f.TempDir()
	}
	f.Cleanup(func() { _ = os.RemoveAll(dir) }) // it may be in use until the process ends
	return dir
}

// endpoint is a server with the example project in it.
type endpoint struct {
	*bundle
	shop    testkit.Sample
	planted []string
	spare   *endpoint // one with a copy that no input has changed, or nil
}

func newEndpoint(f testing.TB) *endpoint {
	f.Helper()
	e := &endpoint{bundle: setup(f, inMemory(f)+"/test.db"), shop: testkit.Shop(f)}
	for _, s := range e.shop.Secrets {
		e.planted = append(e.planted, s.Value.Reveal())
	}
	if w := e.do("POST", "/v1/mgmt/project/import", e.body(e.shop.Files, nil)); w.Code != http.StatusOK {
		f.Fatal(w.Body)
	}
	return e
}

func (e *endpoint) do(method, path string, body []byte) *httptest.ResponseRecorder {
	r := httptest.NewRequestWithContext(context.Background(), method, path, bytes.NewReader(body))
	r.Header.Set("Authorization", "Bearer "+e.project+":"+e.key)
	r.Header.Set("Content-Type", "application/json")
	w := httptest.NewRecorder()
	e.handler.ServeHTTP(w, r)
	return w
}

// body is an import of files with the secrets of the shop, and more members.
func (e *endpoint) body(files snapshot.Files, more map[string]any) []byte {
	secrets := map[string][]map[string]string{}
	for _, s := range e.shop.Secrets {
		secrets[s.Group] = append(secrets[s.Group], map[string]string{"id": s.ID, "name": s.Name, "type": s.Type, "value": s.Value.Reveal()})
	}
	with := map[string]any{"inputSecrets": secrets}
	maps.Copy(with, more)
	var b bytes.Buffer
	if err := snapshot.WriteBody(&b, files, with); err != nil {
		panic(err) // the files are our own
	}
	return b.Bytes()
}

// mutated is an import that the script made of the shop.
func (e *endpoint) mutated(s *script) []byte {
	files := maps.Clone(e.shop.Files)
	more := map[string]any{}
	for range 1 + s.next(4) {
		paths := files.Paths()
		path := paths[s.next(len(paths))]
		switch s.next(10) {
		case 0:
			delete(files, path)
		case 1:
			if to := paths[s.next(len(paths))]; utf8.Valid(files[path]) || !utf8.Valid(files[to]) { // a body has no place for bytes where a text is
				files[to] = files[path]
			}
		case 2:
			if utf8.Valid(files[path]) {
				files[path+"x.json"] = files[path]
			}
		case 3:
			keys := snapshot.ExcludeKeys()
			more["excludes"] = []any{keys[s.next(len(keys))], "nonsense"}[:1+s.next(2)]
		case 4:
			more[[]string{"strict", "allowMovedSecrets"}[s.next(2)]] = true
		case 5:
			more["inputSecrets"] = map[string]any{"connectors": []any{map[string]any{"id": "X", "type": "password", "value": e.planted[0]}}}
		default:
			var doc any
			if json.Unmarshal(files[path], &doc) != nil {
				continue
			}
			s.change(doc)
			text, err := json.Marshal(doc, json.Deterministic(true))
			if err == nil {
				files[path] = text
			}
		}
	}
	body := e.body(files, more)
	if s.next(4) == 0 { // and then as text
		at := s.next(len(body))
		end := min(len(body), at+s.next(40))
		body = slices.Concat(body[:at], body[at:end], []byte{[]byte("\"{}[],:\x00\xff9")[s.next(10)]}, body[end-s.next(end-at+1):])
	}
	return body
}

// state is what a refused import must leave as it is.
func (e *endpoint) state(t *testing.T) string {
	t.Helper()
	var out string
	err := e.Projects.DB.Read(context.Background(), func(_ context.Context, tx *store.Tx) error {
		return tx.QueryRow(`SELECT CAST((SELECT head FROM projects WHERE id = $1) AS TEXT) || ' ' || (SELECT COUNT(*) FROM revisions WHERE project = $1)
			|| ' ' || (SELECT COUNT(*) FROM blobs) || ' ' || (SELECT COUNT(*) FROM secrets)`, e.project).Scan(&out)
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// wellFormed sees that an answer is one of the wire, and shows no secret.
func (e *endpoint) wellFormed(t *testing.T, w *httptest.ResponseRecorder) {
	t.Helper()
	if w.Code >= 500 {
		t.Fatalf("%d %s\n%s", w.Code, w.Body, e.logs)
	}
	for _, secret := range e.planted {
		if strings.Contains(w.Body.String(), secret) {
			t.Fatalf("the answer shows a secret: %s", w.Body)
		}
	}
	var out envelope
	if err := json.Unmarshal(w.Body.Bytes(), &out); err != nil || w.Body.Len() == 0 {
		t.Fatalf("%d %q: %v", w.Code, w.Body, err)
	}
	if w.Code == http.StatusOK {
		return
	}
	if out.Code == "" || out.Description == "" || out.Message == "" {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	for _, p := range out.Details {
		if p.Code == "" || p.Message == "" || p.Level == "" {
			t.Errorf("a problem says not what is wrong: %+v", p)
		}
	}
}

// FuzzImport changes a valid project in a few places, or its text, and sends it
// to every route that takes one. Whatever it is, the answer is well formed and
// shows no secret; what is refused changes nothing, and validation says the same
// before; what is applied is exported as something that changes nothing.
func FuzzImport(f *testing.F) {
	f.Add([]byte{1, 2, 3, 4, 5, 6, 7, 8})
	f.Add([]byte("take away, exchange and misspell"))
	f.Add([]byte{3, 40, 9, 17, 2, 3, 1, 12, 200, 7, 9, 3, 3, 3, 1, 0, 9, 9})
	f.Add([]byte{0, 9, 8, 1, 5, 1, 7, 3, 0, 0, 10, 2})
	f.Add([]byte("000\x05y\x03")) // an image in the place of a document
	e := newEndpoint(f)
	f.Fuzz(func(t *testing.T, bytes []byte) {
		s := script(bytes[:min(len(bytes), 96)])
		e.logs.Reset()
		own := e.copy(t)
		prefix := []string{"/v1/mgmt/project/", "/v1/mgmt/project/snapshot/"}[s.next(2)]
		changed := false
		for range 1 + s.next(3) { // the second is over what the first left
			changed = own.send(t, prefix, own.mutated(&s)) || changed
		}
		if !changed { // as it has seen; most are refused, and a copy costs as much as an import
			e.spare = own
			return
		}
		if err := e.Projects.Delete(context.Background(), tester, own.project); err != nil {
			t.Error(err)
		}
	})
}

// copy returns the endpoint with a project of its own, as the shop is.
func (e *endpoint) copy(t *testing.T) *endpoint {
	t.Helper()
	if own := e.spare; own != nil {
		e.spare = nil // whatever becomes of it, it is used again only if it is whole
		return own
	}
	p, err := e.Projects.Clone(context.Background(), tester, e.project, project.New{Name: "Copy"})
	if err != nil {
		t.Fatal(err)
	}
	b := *e.bundle
	b.project = p.ID
	return &endpoint{bundle: &b, shop: e.shop, planted: e.planted}
}

// send validates and imports, sees that both do what they say, and reports whether the
// project may be another one now.
func (e *endpoint) send(t *testing.T, prefix string, body []byte) (changed bool) {
	t.Helper()
	before := e.state(t)
	validated := e.do("POST", prefix+"validate", body)
	e.wellFormed(t, validated)
	if now := e.state(t); now != before {
		t.Fatalf("a validation wrote: %s, before %s", now, before)
	}
	var valid validateAnswer
	_ = json.Unmarshal(validated.Body.Bytes(), &valid) // what is no answer of a validation is not valid
	imported := e.do("POST", prefix+"import", body)
	e.wellFormed(t, imported)
	if valid.OK != (imported.Code == http.StatusOK) {
		t.Fatalf("validation says %s, the import %s", validated.Body, imported.Body)
	}
	if imported.Code != http.StatusOK {
		if now := e.state(t); now != before {
			t.Fatalf("a refused import wrote: %s, before %s", now, before)
		}
		return false
	}
	exported := e.do("POST", prefix+"export", []byte("{}"))
	e.wellFormed(t, exported)
	again := e.do("POST", prefix+"import", exported.Body.Bytes())
	var answer importAnswer
	if err := json.Unmarshal(again.Body.Bytes(), &answer); err != nil || again.Code != http.StatusOK || answer.Changed {
		t.Fatalf("its own export, imported: %d %s", again.Code, again.Body)
	}
	return true
}

// FuzzInfra sends data of infrastructure as code that was changed in a few
// places. A project that it made is deleted again.
func FuzzInfra(f *testing.F) {
	f.Add([]byte{1, 2, 3, 4, 5, 6, 7, 8})
	f.Add([]byte("projects by data"))
	f.Add([]byte{0, 0, 9, 4, 1, 7, 3, 2, 40, 2, 8})
	e := newEndpoint(f)
	got := e.do("GET", "/v1/mgmt/infra?entity=project&id="+e.project, nil)
	var answer infraAnswer
	if err := json.Unmarshal(got.Body.Bytes(), &answer); err != nil || len(answer.Data) == 0 {
		f.Fatalf("%v: %s", err, got.Body)
	}
	whole, err := json.Marshal(answer.Data, json.Deterministic(true))
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, bytes []byte) {
		s := script(bytes[:min(len(bytes), 64)])
		e.logs.Reset()
		var data map[string]any
		if err := json.Unmarshal(whole, &data); err != nil {
			t.Fatal(err)
		}
		for range 1 + s.next(4) {
			s.change(data)
		}
		body, err := json.Marshal(map[string]any{"entity": "project", "data": data}, json.Deterministic(true))
		if err != nil {
			t.Fatal(err)
		}
		before := e.state(t)
		w := e.do("POST", "/v1/mgmt/infra", body)
		e.wellFormed(t, w)
		if w.Code != http.StatusOK {
			if now := e.state(t); now != before {
				t.Fatalf("a refused project wrote: %s, before %s", now, before)
			}
			return
		}
		var made infraAnswer
		if err := json.Unmarshal(w.Body.Bytes(), &made); err != nil || made.ID == "" {
			t.Fatalf("%v: %s", err, w.Body)
		}
		read := e.do("GET", "/v1/mgmt/infra?entity=project&id="+made.ID, nil)
		e.wellFormed(t, read)
		if gone := e.do("DELETE", "/v1/mgmt/infra?entity=project&id="+made.ID, nil); gone.Code != http.StatusOK {
			t.Fatalf("delete: %d %s", gone.Code, gone.Body)
		}
	})
}

// FuzzHeaders reads the headers that say who calls and which revision they saw.
func FuzzHeaders(f *testing.F) {
	for _, seed := range []string{"Bearer P1:K1", "Bearer K1", "bearer  P1:", "Basic x", `W/"abc"`, "*", `"`, "Bearer :", "Bearer \xff:\x00"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, header string) {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", nil)
		r.Header.Set("Authorization", header)
		id, token, err := bearer(r)
		if err == nil && token == "" || err != nil && (id != "" || token != "") {
			t.Errorf("%q, %q, %v", id, token, err)
		}
		if tag := etag(header); strings.TrimSpace(header) != "" && strings.TrimSpace(header) != "*" && tag == "" {
			t.Error("a condition is taken for none")
		}
	})
}
