package api

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/klauspost/compress/zstd"

	"postern/internal/secret"
	"postern/internal/snapshot"
	"postern/internal/store"
	"postern/internal/testkit"
)

// Secrets that were planted come out nowhere: not in an answer, not in the log,
// not in an export, not in the database.
func TestSecretsDoNotLeak(t *testing.T) {
	t.Parallel()
	shop := testkit.Shop(t)
	testkit.Databases(t, func(t *testing.T, url string) {
		b := setup(t, url)
		said := b.sayAll(t, shop)
		for what, text := range map[string]string{"an answer": said, "the log": b.logs.String(), "a row": everyValue(t, b.Projects.DB)} {
			if len(text) < 500 {
				t.Errorf("%s is not there to look through: %q", what, text)
			}
			wantNone(t, what, text, shop.Secrets)
		}
		if b.Projects.DB.Kind() == store.SQLite {
			wantNone(t, "a file of the database", filesAt(t, url), shop.Secrets)
		}
		if !strings.Contains(everyValue(t, b.Projects.DB), "Lantern") {
			t.Error("the contents of the project are not found either: the search finds nothing")
		}
	})
}

// sayAll makes the server talk about the secrets of a snapshot in every way and
// returns what it said.
func (b *bundle) sayAll(t *testing.T, shop testkit.Sample) string {
	t.Helper()
	beside := inputSecrets(t, shop.Secrets)
	inside := withSecretsInside(t, shop)
	wrong := []string{
		// Right secrets in wrong places, wrong forms and wrong bodies.
		`{"files":{},` + beside + `}`,
		`{"files":{"project.json":{"a":1,"a":2}},` + beside + `}`,
		strings.Replace(importBody(t, shop.Files, ","+beside), `"name":`, `"name":7,"x":`, 3),
		strings.ReplaceAll(importBody(t, shop.Files, ","+beside), `"type":"password"`, `"type":"no-such-type"`),
		strings.TrimSuffix(importBody(t, shop.Files, ","+beside), `"}]}}`),
		inside[:len(inside)-3],
		strings.Replace(inside, `"host":"`, `"port":"x","host":"`, 1),
		importBody(t, shop.Files, `,"strict":true,`+beside),
		importBody(t, shop.Files, `,"excludes":["no.such"],`+beside),
	}
	for _, s := range shop.Secrets { // a list where the value belongs, and a value that is not closed
		wrong = append(wrong, fmt.Sprintf(`{"files":{},"inputSecrets":{%q:[{"id":%q,"type":%q,"value":[%q]}]}}`, s.Group, s.ID, s.Type, s.Value.Reveal()),
			fmt.Sprintf(`{"files":{},"inputSecrets":{%q:[{"id":%q,"type":%q,"value":"%s`, s.Group, s.ID, s.Type, s.Value.Reveal()))
	}
	var said strings.Builder
	call := func(path, body string, want int) {
		w := b.send(t, "POST", path, body)
		if want != 0 && w.Code != want {
			t.Errorf("%s: %d %.500s", path, w.Code, w.Body)
		}
		fmt.Fprintf(&said, "%v %s\n", w.Header(), w.Body)
	}
	for _, body := range wrong {
		call(validatePath, body, 0)
		call(planPath, body, 0)
		call(importPath, body, 0)
	}
	right := importBody(t, shop.Files, ","+beside)
	call(validatePath, right, 200)
	call(planPath, right, 200)
	call(planPath, inside, 200)
	call(importPath, right, 200)
	call(planPath, right, 200)
	call(importPath, right, 200)
	call(importPath, inside, 200)
	call(importPath, importBody(t, shop.Files, ""), 200)
	for _, body := range wrong {
		call(importPath, body, 0)
	}
	for _, format := range []string{"split", "plain"} {
		call(exportPath, `{"format":"`+format+`"}`, 200)
	}
	b.sayHistory(t, shop, &said)
	call("/v1/mgmt/project/clone", `{"name":"Copy"}`, 200)
	call("/v1/mgmt/project/delete", ``, 200)
	return said.String()
}

// sayHistory makes the server talk about revisions that set, change and drop the
// secrets.
func (b *bundle) sayHistory(t *testing.T, shop testkit.Sample, said *strings.Builder) {
	t.Helper()
	other := shop
	other.Secrets = slices.Clone(shop.Secrets)
	for i, s := range other.Secrets {
		other.Secrets[i].Value = secret.New("another-" + s.ID + "-" + s.Type)
	}
	for _, r := range []struct{ method, path, body string }{
		{"POST", planPath, importBody(t, shop.Files, ","+inputSecrets(t, other.Secrets))},
		{"POST", importPath, importBody(t, shop.Files, ","+inputSecrets(t, other.Secrets))},
		{"POST", importPath, `{"files":{"connectors/connectors.json":{"connectors":[]}},"excludes":[]}`}, // refused
		{"POST", "/v1/mgmt/project/rollback", `{"revision":1,"validateOnly":true}`},
		{"POST", "/v1/mgmt/project/rollback", `{"revision":1,"confirmWithin":"10m"}`},
		{"GET", "/v1/mgmt/project/revisions/1", ""},
		{"GET", "/v1/mgmt/project/revisions/2", ""},
		{"GET", "/v1/mgmt/project/revisions/3", ""},
		{"POST", "/v1/mgmt/project/confirm", `{"revision":3,"undo":true}`},
		{"POST", "/v1/mgmt/project/rollback", `{"revision":1}`},
		{"GET", "/v1/mgmt/project/revisions", ""},
		{"POST", exportPath, `{"revision":1}`},
	} {
		w := b.send(t, r.method, r.path, r.body)
		if refused := strings.Contains(r.body, `"connectors":[]`); (w.Code == 200) == refused {
			t.Errorf("%s %s: %d %.500s", r.method, r.path, w.Code, w.Body)
		}
		fmt.Fprintf(said, "%v %s\n", w.Header(), w.Body)
	}
	wantNone(t, "an answer", said.String(), other.Secrets)
	wantNone(t, "the log", b.logs.String(), other.Secrets)
}

func inputSecrets(t *testing.T, list []snapshot.InputSecret) string {
	t.Helper()
	groups := map[string][]map[string]string{}
	for _, s := range list {
		groups[s.Group] = append(groups[s.Group], map[string]string{"id": s.ID, "name": s.Name, "type": s.Type, "value": s.Value.Reveal()})
	}
	text, err := json.Marshal(groups, json.Deterministic(true))
	if err != nil {
		t.Fatal(err)
	}
	return `"inputSecrets":` + string(text)
}

// withSecretsInside is an import whose secrets stand in the files, where the
// placeholder was; those of connectors, whose configuration says which is which.
func withSecretsInside(t *testing.T, shop testkit.Sample) string {
	t.Helper()
	files := shop.Upload().Files
	planted := 0
	for path, content := range files {
		for _, s := range shop.Secrets {
			if !strings.HasPrefix(path, "connectors/") || !bytes.Contains(content, []byte(`"`+s.ID+`"`)) {
				continue
			}
			with := bytes.Replace(content, []byte(`"`+s.Type+`":"`+snapshot.Placeholder+`"`), []byte(`"`+s.Type+`":"`+s.Value.Reveal()+`"`), 1)
			if !bytes.Equal(with, content) {
				planted++
			}
			content = with
		}
		files[path] = content
	}
	if planted < 5 {
		t.Fatalf("only %d secrets have a place in the files", planted)
	}
	return importBody(t, files, "")
}

// wantNone looks for secrets in clear, in base64 and in hex.
func wantNone(t *testing.T, what, text string, secrets []snapshot.InputSecret) {
	t.Helper()
	for _, s := range secrets {
		value := s.Value.Reveal()
		if len(value) < 8 {
			t.Fatalf("the secret of %s is too short to look for", s.ID)
		}
		inner := base64.RawStdEncoding.EncodeToString([]byte(value)[:len(value)/3*3])
		for _, form := range []string{value, inner, fmt.Sprintf("%x", value), value[:len(value)*3/4]} {
			if i := strings.Index(text, form); i >= 0 {
				t.Errorf("%s holds the %s of %s: %.200q", what, s.Type, s.ID, text[max(0, i-80):])
			}
		}
	}
}

// everyValue returns all that is in the database, contents inflated.
func everyValue(t *testing.T, db *store.DB) string {
	t.Helper()
	dec, err := zstd.NewReader(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer dec.Close()
	var out strings.Builder
	err = db.Read(t.Context(), func(_ context.Context, tx *store.Tx) error {
		for table := range testkit.Rows(t, db) {
			rows, err := tx.Query(`SELECT * FROM ` + table)
			if err != nil {
				return err
			}
			defer rows.Close()
			columns, err := rows.Columns()
			if err != nil {
				return err
			}
			for rows.Next() {
				values := make([]any, len(columns))
				into := make([]any, len(columns))
				for i := range values {
					into[i] = &values[i]
				}
				if err := rows.Scan(into...); err != nil {
					return err
				}
				for _, v := range values {
					if content, ok := v.([]byte); ok {
						out.Write(content)
						if inflated, err := dec.DecodeAll(content, nil); err == nil {
							out.Write(inflated)
						}
						continue
					}
					fmt.Fprintln(&out, v)
				}
			}
			if err := rows.Err(); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// filesAt returns the bytes of the files of a SQLite database.
func filesAt(t *testing.T, path string) string {
	t.Helper()
	names, err := filepath.Glob(path + "*")
	if err != nil || len(names) < 3 {
		t.Fatalf("%q, %v; want the file, its log and its index", names, err)
	}
	var out strings.Builder
	for _, name := range names {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		out.Write(b)
	}
	return out.String()
}
