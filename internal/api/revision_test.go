package api

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/google/go-cmp/cmp"

	"postern/internal/mgmtkey"
	"postern/internal/snapshot"
	"postern/internal/testkit"
)

const (
	rollbackPath  = "/v1/mgmt/project/rollback"
	confirmPath   = "/v1/mgmt/project/confirm"
	revisionsPath = "/v1/mgmt/project/revisions"
)

// get calls and decodes an answer, which must be a success.
func get[T any](t *testing.T, b *bundle, method, path, body string) T {
	t.Helper()
	w := b.send(t, method, path, body)
	var out T
	if err := json.Unmarshal(w.Body.Bytes(), &out); w.Code != http.StatusOK || err != nil {
		t.Fatalf("%s %s: %d %s, %v", method, path, w.Code, w.Body, err)
	}
	return out
}

func settingsOf(domains string) string {
	return fmt.Sprintf(`{"files":{"project.json":{"trustedDomains":%q}}`, domains)
}

func TestRevisionsOnTheWire(t *testing.T) {
	t.Parallel()
	testkit.Databases(t, func(t *testing.T, url string) {
		b := setup(t, url)
		get[importAnswer](t, b, "POST", importPath, settingsOf("a.example")+`,"message":"first","source":{"commit":"abc","branch":"main","dirty":true,"repository":"shop"}}`)
		get[importAnswer](t, b, "POST", importPath, settingsOf("b.example")+`}`)
		get[importAnswer](t, b, "POST", "/v1/mgmt/project/snapshot/import", settingsOf("c.example")+`}`)

		page := get[revisionsAnswer](t, b, "GET", revisionsPath+"?limit=2", "")
		if len(page.Revisions) != 2 || !page.More || page.Oldest != 1 || page.Revisions[0].Number != 3 || page.Pending != nil {
			t.Errorf("the first page: %+v", page)
		}
		page = get[revisionsAnswer](t, b, "GET", revisionsPath+"?before=2", "")
		if len(page.Revisions) != 1 || page.More {
			t.Fatalf("the last page: %+v", page)
		}
		r := page.Revisions[0]
		if r.Author.Name == "" || r.Author.ID == "" || r.Kind != "import" || r.Message != "first" || r.Source != (snapshot.Source{Commit: "abc", Branch: "main", Dirty: true, Repository: "shop"}) {
			t.Errorf("%+v", r)
		}
		shown := get[revisionAnswer](t, b, "GET", revisionsPath+"/2", "")
		if len(shown.Differences) != 1 || string(shown.Differences[0].From) != `"a.example"` || shown.Revision.Parent != 1 {
			t.Errorf("%+v", shown)
		}
		for _, path := range []string{exportPath, "/v1/mgmt/project/snapshot/export"} {
			w := b.send(t, "POST", path, `{"revision":1}`)
			if w.Code != 200 || !strings.Contains(w.Body.String(), "a.example") || w.Header().Get("ETag") != `"`+r.Digest+`"` {
				t.Errorf("%s of a revision: %d %v %.300s", path, w.Code, w.Header(), w.Body)
			}
		}
		for path, status := range map[string]int{
			"/0": 404, "/9": 404, "/-1": 404, "/x": 404, "?limit=x": 400, "?before=-1": 400, "?limit=99999": 200, "?before=99999": 200,
		} {
			if w := b.send(t, "GET", revisionsPath+path, ""); w.Code != status {
				t.Errorf("%s: %d %s", path, w.Code, w.Body)
			}
		}
		wantFault(t, b.send(t, "POST", exportPath, `{"revision":9}`), 404, "P40402")
		wantFault(t, b.send(t, "POST", exportPath, `{"revision":-9}`), 404, "P40402")
		wantFault(t, b.send(t, "POST", importPath, settingsOf("d.example")+`,"source":{"repository":"https://u:p@h.example/x"}}`), 400, "E011003")
		wantFault(t, b.send(t, "POST", importPath, settingsOf("d.example")+`,"source":"main"}`), 400, "E011001")
	})
}

func TestRollbackOnTheWire(t *testing.T) {
	t.Parallel()
	testkit.Databases(t, func(t *testing.T, url string) {
		b := setup(t, url)
		first := get[importAnswer](t, b, "POST", importPath, settingsOf("a.example")+`}`)
		second := get[importAnswer](t, b, "POST", importPath, settingsOf("b.example")+`}`)
		plan := get[rollbackAnswer](t, b, "POST", rollbackPath, `{"revision":1,"validateOnly":true}`)
		if plan.OK == nil || !*plan.OK || plan.Changed || len(plan.Differences) != 1 || len(plan.CannotUndo) == 0 || plan.Digest != second.Digest {
			t.Errorf("what it would do: %+v", plan)
		}
		wantFault(t, b.send(t, "POST", rollbackPath, `{"revision":1}`, "If-Match", `"`+first.Digest+`"`), 412, "P41201")
		done := get[rollbackAnswer](t, b, "POST", rollbackPath, `{"revision":1,"message":"it broke"}`)
		if done.Revision != 3 || done.Digest != first.Digest || !done.Changed || len(done.CannotUndo) == 0 || done.OK != nil {
			t.Errorf("what it did: %+v", done)
		}
		if r := get[revisionAnswer](t, b, "GET", revisionsPath+"/3", "").Revision; r.Kind != "rollback" || r.Message != "it broke" {
			t.Errorf("%+v", r)
		}
		wantFault(t, b.send(t, "POST", rollbackPath, `{}`), 400, "E011002")
		wantFault(t, b.send(t, "POST", rollbackPath, `{"revision":77}`), 404, "P40402")
		wantFault(t, b.send(t, "POST", rollbackPath, `{"revision":1,"confirmWithin":"1s"}`), 400, "E011003")
	})
}

func TestConfirmOnTheWire(t *testing.T) {
	t.Parallel()
	testkit.Databases(t, func(t *testing.T, url string) {
		b := setup(t, url)
		get[importAnswer](t, b, "POST", importPath, settingsOf("a.example")+`}`)
		waits := get[importAnswer](t, b, "POST", importPath, settingsOf("b.example")+`,"confirmWithin":"10m"}`)
		if waits.Pending == nil || waits.Pending.Revision != 2 || waits.Pending.GoesBackTo != 1 || waits.Pending.At == 0 {
			t.Fatalf("%+v", waits)
		}
		wantFault(t, b.send(t, "POST", importPath, settingsOf("c.example")+`}`), 409, "P40903")
		if page := get[revisionsAnswer](t, b, "GET", revisionsPath, ""); page.Pending == nil || *page.Pending != *waits.Pending {
			t.Errorf("the list: %+v", page.Pending)
		}
		listed := get[projectsAnswer](t, b, "POST", "/v1/mgmt/projects/list", "{}")
		if len(listed.Projects) != 1 || listed.Projects[0].Pending == nil || *listed.Projects[0].Pending != *waits.Pending {
			t.Errorf("the projects: %+v", listed)
		}
		// Infrastructure as code is told the same, and does not try for ever.
		wantFault(t, b.send(t, "PUT", "/v1/mgmt/infra", `{"entity":"project","id":"`+b.project+`","data":{"name":"Shop"}}`), 409, "P40903")
		wantFault(t, b.send(t, "POST", confirmPath, `{"revision":1}`), 409, "P40904")
		wantFault(t, b.send(t, "POST", confirmPath, `{}`), 400, "E011002")
		got := get[confirmAnswer](t, b, "POST", confirmPath, `{"revision":2}`)
		if diff := cmp.Diff(confirmAnswer{Revision: 2, Confirmed: true, Changes: []snapshot.Change{}}, got); diff != "" {
			t.Errorf("-want +got\n%s", diff)
		}
		get[importAnswer](t, b, "POST", importPath, settingsOf("c.example")+`,"confirmWithin":"10m"}`)
		if got = get[confirmAnswer](t, b, "POST", confirmPath, `{"revision":3,"undo":true}`); got.Confirmed || got.Revision != 4 || len(got.Changes) != 1 {
			t.Errorf("%+v", got)
		}
	})
}

func TestHistoryNeedsItsRole(t *testing.T) {
	t.Parallel()
	b := setup(t, t.TempDir()+"/test.db")
	get[importAnswer](t, b, "POST", importPath, settingsOf("a.example")+`}`)
	read := b.makeKey(t, mgmtkey.Grant{Projects: []string{b.project}, Role: mgmtkey.Read})
	importer := b.makeKey(t, mgmtkey.Grant{Projects: []string{b.project}, Role: mgmtkey.Import})
	for _, tt := range []struct {
		key, method, path, body string
		want                    int
	}{
		{read, "GET", revisionsPath, "", 200},
		{read, "GET", revisionsPath + "/1", "", 200},
		{read, "POST", rollbackPath, `{"revision":1}`, 403},
		{read, "POST", confirmPath, `{"revision":1}`, 403},
		{importer, "POST", rollbackPath, `{"revision":1}`, 200},
		{importer, "POST", "/v1/mgmt/project/secret/revoke", `{"id":"CI1"}`, 403},
		{b.key, "POST", "/v1/mgmt/project/secret/revoke", `{"id":"CI1"}`, 200},
		{b.key, "POST", "/v1/mgmt/project/secret/revoke", `{}`, 400},
	} {
		if w := b.send(t, tt.method, tt.path, tt.body, "Authorization", "Bearer "+b.project+":"+tt.key); w.Code != tt.want {
			t.Errorf("%s %s %s: %d %s", tt.method, tt.path, tt.body, w.Code, w.Body)
		}
	}
}

// A request that is sent again with its key gets the answer that it got, and
// somebody whose connection was cut asks what became of it.
func TestIdempotencyKey(t *testing.T) {
	t.Parallel()
	testkit.Databases(t, func(t *testing.T, url string) {
		b := setup(t, url)
		const body = `{"files":{"project.json":{"trustedDomains":"a.example"}}}`
		wantFault(t, b.send(t, "GET", "/v1/mgmt/project/imports/k1", ""), 404, "P40403")
		first := b.send(t, "POST", importPath, body, "Idempotency-Key", `"k1"`)
		b.send(t, "POST", importPath, `{"files":{"project.json":{"trustedDomains":"b.example"}}}`)
		again := b.send(t, "POST", importPath, body, "Idempotency-Key", "k1")
		if first.Code != 200 || again.Code != 200 || first.Body.String() != again.Body.String() {
			t.Errorf("%d %s, and again %d %s", first.Code, first.Body, again.Code, again.Body)
		}
		if first.Header().Get("Idempotent-Replayed") != "" || again.Header().Get("Idempotent-Replayed") != "true" {
			t.Errorf("replayed: %q, and again %q", first.Header().Get("Idempotent-Replayed"), again.Header().Get("Idempotent-Replayed"))
		}
		wantFault(t, b.send(t, "POST", importPath, `{"files":{}}`, "Idempotency-Key", "k1"), 422, "P42203")
		wantFault(t, b.send(t, "POST", importPath, body, "Idempotency-Key", "a b"), 400, "E011003")
		asked := b.send(t, "GET", "/v1/mgmt/project/imports/k1", "")
		var out importedAnswer
		if err := json.Unmarshal(asked.Body.Bytes(), &out); err != nil || out.Import.Revision != 1 || !out.Import.Changed || out.CreatedTime == 0 {
			t.Errorf("%d %s, %v", asked.Code, asked.Body, err)
		}
	})
}
