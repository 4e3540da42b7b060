package api

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/google/go-cmp/cmp"

	"postern/internal/audit"
	"postern/internal/edge"
	"postern/internal/intake"
	"postern/internal/mgmtkey"
	"postern/internal/project"
	"postern/internal/testkit"
)

// bodies are what each route needs to get as far as its work.
var bodies = map[string]string{
	"/v1/mgmt/project/import":            `{"files":{}}`,
	"/v1/mgmt/project/snapshot/import":   `{"files":{}}`,
	"/v1/mgmt/project/validate":          `{"files":{}}`,
	"/v1/mgmt/project/snapshot/validate": `{"files":{}}`,
	"/v1/mgmt/project/plan":              `{"files":{}}`,
	"/v1/mgmt/project/snapshot/plan":     `{"files":{}}`,
	"/v1/mgmt/project/plan/approve":      `{"plan":"` + strings.Repeat("ab", 32) + `"}`,
	"/v1/mgmt/project/drift":             `{"files":{}}`,
	"/v1/mgmt/project/policy":            `{"protected":["flows"]}`,
	"/v1/mgmt/project/create":            `{"name":"New"}`,
	"/v1/mgmt/project/clone":             `{"name":"Copy"}`,
	"/v1/mgmt/project/update/name":       `{"name":"Renamed"}`,
	"/v1/mgmt/project/update/tags":       `{"tags":["a"]}`,
	"/v1/mgmt/project/rollback":          `{"revision":1}`,
	"/v1/mgmt/project/confirm":           `{"revision":2}`,
	"/v1/mgmt/outbox/receive":            `{"from":"+12025550143","text":"Hi"}`,
	"/v1/mgmt/project/secret/revoke":     `{"id":"CI1"}`,
}

// before is what an admin imports before a route is called: where nothing is
// said, one revision.
var before = map[string][]string{
	"/v1/mgmt/project/confirm": {`{"files":{"project.json":{}}}`, `{"files":{"project.json":{"trustedDomains":"a.example"}},"confirmWithin":"10m"}`},
}

// Every row of the table with a key of the role that it asks for, and of the one
// below: what the row asks for is what it takes, no less and no more. What stronger
// roles may is for edge.TestAllow.
func TestRoles(t *testing.T) {
	t.Parallel()
	for _, r := range (&Server{}).routes() {
		if r.access.Scope != edge.Project {
			continue
		}
		for _, role := range []mgmtkey.Role{r.access.Role - 1, r.access.Role} {
			if role == mgmtkey.None {
				continue // no key has it
			}
			for _, company := range []bool{false, true} {
				if company && role < r.access.Role && r.path != "/v1/mgmt/project/clone" {
					continue
				}
				name := fmt.Sprintf("%s with %v, company %v", r.path, role, company)
				t.Run(name, func(t *testing.T) {
					t.Parallel()
					b := setup(t, t.TempDir()+"/test.db")
					grant := mgmtkey.Grant{Role: role, Projects: []string{b.project}}
					if company {
						grant.Projects = nil
					}
					imports := before[r.path]
					if imports == nil {
						imports = []string{`{"files":{"project.json":{}}}`}
					}
					for i, body := range imports {
						if w := b.send(t, "POST", importPath, body, "Idempotency-Key", fmt.Sprint(i+1)); w.Code != http.StatusOK {
							t.Fatalf("%d %s", w.Code, w.Body)
						}
					}
					query, body := target(t, b, r)
					if ofUsers(r.path) {
						query, body = b.userCall(t, r)
					}
					w := b.send(t, r.method, strings.NewReplacer("{number}", "1", "{key}", "1").Replace(r.path)+query, body, "Authorization", "Bearer "+b.project+":"+b.makeKey(t, grant))
					may := role >= r.access.Role
					if r.path == "/v1/mgmt/project/clone" {
						may = may && company // it makes a project
					}
					if r.path == "/v1/mgmt/user/import" && may {
						wantFault(t, w, http.StatusBadRequest, intake.ErrSource.Code) // it names none
						return
					}
					if r.path == "/v1/mgmt/user/passkey/delete" && may {
						wantFault(t, w, http.StatusNotFound, "P40471") // nobody has one
						return
					}
					if r.path == "/v1/mgmt/user/provider/token" && may {
						wantFault(t, w, http.StatusNotFound, errNoProvider.Code) // it has none of anybody
						return
					}
					if may && w.Code != http.StatusOK {
						t.Errorf("got %d %s, want 200", w.Code, w.Body)
					}
					if !may {
						wantFault(t, w, 403, "P40301")
					}
				})
			}
		}
	}
}

// A route that forgot its access serves nobody.
func TestRouteWithoutAccessServesNobody(t *testing.T) {
	t.Parallel()
	b := setup(t, t.TempDir()+"/test.db")
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "/", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+b.project+":"+b.key)
	for name, a := range map[string]edge.Need{"nothing": {}, "a role only": {Role: mgmtkey.Read}, "a project only": {Scope: edge.Project}} {
		if _, err := b.authorize(a, r); err == nil {
			t.Errorf("an access of %s lets an admin in", name)
		}
	}
	for _, r := range b.routes() {
		if r.access.Scope == edge.Nobody || r.access.Scope == edge.Project && r.access.Role == mgmtkey.None {
			t.Errorf("%s serves nobody", r.path)
		}
	}
}

func TestAuthorizationHeader(t *testing.T) {
	t.Parallel()
	testkit.Databases(t, func(t *testing.T, url string) {
		b := setup(t, url)
		scoped := b.makeKey(t, mgmtkey.Grant{Role: mgmtkey.Admin, Projects: []string{b.project}})
		for _, tt := range []struct {
			name, header string
			status       int
			code         string
		}{
			{"a project and a key", "Bearer " + b.project + ":" + b.key, 200, ""},
			{"another case and more blanks", "bearer   " + b.project + ":" + b.key + " ", 200, ""},
			{"a key alone", "Bearer " + b.key, 400, "E011002"},
			{"a scoped key alone", "Bearer " + scoped, 400, "E011002"},
			{"no project before the colon", "Bearer :" + b.key, 400, "E011002"},
			{"a key and a third part", "Bearer " + b.project + ":" + b.key + ":x", 401, "E111003"},
			{"another scheme", "Basic " + b.project + ":" + b.key, 401, "E011007"},
			{"no scheme", b.project + ":" + b.key, 401, "E011007"},
			{"a project alone", "Bearer " + b.project, 401, "E011007"},
			{"a project and nothing", "Bearer " + b.project + ":", 401, "E011007"},
			{"nothing", "Bearer ", 401, "E011007"},
			{"a cut key", "Bearer " + b.project + ":" + b.key[:len(b.key)-1], 401, "E111003"},
			{"a key in capitals", "Bearer " + b.project + ":" + strings.ToUpper(b.key), 401, "E111003"},
			{"a project that does not exist", "Bearer Pabsent:" + b.key, 404, "E011008"},
			{"a project that is no text", "Bearer P\xff:" + b.key, 404, "E011008"},
			{"a key that is no text", "Bearer " + b.project + ":K\xff" + b.key[2:], 401, "E111003"},
		} {
			w := b.send(t, "POST", exportPath, "{}", "Authorization", tt.header)
			if tt.status != http.StatusOK {
				wantFault(t, w, tt.status, tt.code)
			} else if w.Code != http.StatusOK {
				t.Errorf("%s: %d %s", tt.name, w.Code, w.Body)
			}
		}
		if strings.Contains(b.logs.String(), "level=ERROR") {
			t.Errorf("a bad header is an error of ours in the log:\n%s", b.logs)
		}
	})
}

func TestKeysThatAreNoLongerGood(t *testing.T) {
	t.Parallel()
	b := setup(t, t.TempDir()+"/test.db")
	make := func(expires time.Time) (string, string) {
		k, cleartext, err := b.Keys.Create(t.Context(), tester, mgmtkey.Create{Name: "k", Grants: []mgmtkey.Grant{{Role: mgmtkey.Admin}}, ExpiresAt: expires})
		if err != nil {
			t.Fatal(err)
		}
		return k.ID, cleartext.Reveal()
	}
	try := func(token string) int {
		return b.send(t, "POST", "/v1/mgmt/projects/list", "{}", "Authorization", "Bearer "+token).Code
	}
	id, token := make(time.Time{})
	if got := try(token); got != 200 {
		t.Fatalf("a new key: %d", got)
	}
	for _, step := range []struct {
		method, path, body string
		want               int
	}{
		{"PATCH", "/v1/mgmt/managementkey", `{"id":"` + id + `","status":"inactive"}`, 401},
		{"PATCH", "/v1/mgmt/managementkey", `{"id":"` + id + `","status":"active"}`, 200},
		{"PATCH", "/v1/mgmt/managementkey", `{"id":"` + id + `","permittedIps":["198.51.100.0/24"]}`, 401},
		{"PATCH", "/v1/mgmt/managementkey", `{"id":"` + id + `","permittedIps":["192.0.2.1"]}`, 200}, // the address of httptest
		{"POST", "/v1/mgmt/managementkey/delete", `{"ids":["` + id + `"]}`, 401},
	} {
		if w := b.send(t, step.method, step.path, step.body); w.Code != 200 {
			t.Fatalf("%s: %d %s", step.body, w.Code, w.Body)
		}
		if got := try(token); got != step.want {
			t.Errorf("after %s: %d, want %d", step.body, got, step.want)
		}
	}
	id, token = make(time.Now().Add(time.Hour))
	err := b.Projects.DB.Write(t.Context(), statement(`UPDATE management_keys SET expires_at = 1 WHERE id = '`+id+`'`))
	if err != nil {
		t.Fatal(err)
	}
	if got := try(token); got != 401 {
		t.Errorf("an expired key: %d", got)
	}
}

// answer sends a request, wants 200 and reads the answer into out.
func (b *bundle) answer(t *testing.T, out any, method, path, body string, headers ...string) {
	t.Helper()
	w := b.send(t, method, path, body, headers...)
	if w.Code != http.StatusOK {
		t.Fatalf("%s %s: %d %s", method, path, w.Code, w.Body)
	}
	if err := json.Unmarshal(w.Body.Bytes(), out, json.RejectUnknownMembers(true)); err != nil {
		t.Fatalf("%v: %s", err, w.Body)
	}
}

func TestManagementKeys(t *testing.T) {
	t.Parallel()
	testkit.Databases(t, func(t *testing.T, url string) {
		b := setup(t, url)
		later := time.Now().Add(time.Hour).Unix()
		for _, expire := range []string{fmt.Sprint(later), fmt.Sprintf(`"%d"`, later)} {
			var made createKeyAnswer
			b.answer(t, &made, "PUT", "/v1/mgmt/managementkey", `{"name":" CI ","description":"d","expireTime":`+expire+`,"permittedIps":["192.0.2.0/24","198.51.100.7"],
				"reBac":{"projectRoles":[{"projectIds":["`+b.project+`"],"roles":["import"]},{"projectIds":["Pother"],"roles":["project-admin"]}],"companyRoles":["read"]},"unknown":[1]}`)
			if !strings.HasPrefix(made.Cleartext, made.Key.ID) || len(made.Cleartext) <= len(made.Key.ID) {
				t.Error("the cleartext does not begin with the id")
			}
			want := wireKey{
				ID: made.Key.ID, Name: "CI", Description: "d", Status: "active", CreatedTime: made.Key.CreatedTime, ExpireTime: later,
				PermittedIPs: []string{"192.0.2.0/24", "198.51.100.7"}, Version: 1, AuthzVersion: 1,
				Access: wireAccess{
					CompanyRoles: []string{"read"}, TagRoles: []wireTagRole{},
					ProjectRoles: []wireProjectRole{{[]string{b.project}, []string{"import"}}, {[]string{"Pother"}, []string{"project-admin"}}},
				},
			}
			var got keyAnswer
			b.answer(t, &got, "GET", "/v1/mgmt/managementkey?id="+made.Key.ID, "")
			if diff := cmp.Diff(want, made.Key) + cmp.Diff(want, got.Key); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if w := b.send(t, "GET", "/v1/mgmt/managementkey?id="+made.Key.ID, ""); strings.Contains(w.Body.String(), made.Cleartext) {
				t.Error("the cleartext is shown again")
			}
			var changed keyAnswer
			b.answer(t, &changed, "PATCH", "/v1/mgmt/managementkey", `{"id":"`+made.Key.ID+`","name":"New","description":"","permittedIps":[],"status":""}`)
			want.Name, want.Description, want.PermittedIPs, want.Version = "New", "", []string{}, 2
			if diff := cmp.Diff(want, changed.Key); diff != "" {
				t.Errorf("changed (-want +got):\n%s", diff)
			}
		}
		for _, never := range []string{`0`, `""`, `null`, `"0"`} {
			var made createKeyAnswer
			b.answer(t, &made, "PUT", "/v1/mgmt/managementkey", `{"name":"k","expireTime":`+never+`,"reBac":{"companyRoles":["company-full-access"]}}`)
			if made.Key.ExpireTime != 0 || cmp.Diff([]string{"company-full-access"}, made.Key.Access.CompanyRoles) != "" {
				t.Errorf("expireTime %s: %+v", never, made.Key)
			}
		}
		var made createKeyAnswer
		b.answer(t, &made, "PUT", "/v1/mgmt/managementkey", `{"name":"k","expiresIn":"3600","reBac":{"companyRoles":["admin"]}}`)
		if d := made.Key.ExpireTime - made.Key.CreatedTime; d < 3600 || d > 3601 {
			t.Errorf("a key for an hour expires after %d s", d)
		}
		for _, id := range []string{"", "Kabsent", "x"} {
			wantFault(t, b.send(t, "GET", "/v1/mgmt/managementkey?id="+id, ""), 404, "P40421")
		}
		var gone deleteKeysAnswer
		b.answer(t, &gone, "POST", "/v1/mgmt/managementkey/delete", `{"ids":["`+made.Key.ID+`","`+made.Key.ID+`","Kabsent"]}`)
		if gone.Total != 1 {
			t.Errorf("deleted %d keys, want 1", gone.Total)
		}
	})
}

// The admin of some projects makes, sees and revokes keys of these alone.
func TestManagementKeysOfAProjectAdmin(t *testing.T) {
	t.Parallel()
	b := setup(t, t.TempDir()+"/test.db")
	other, err := b.Projects.Create(t.Context(), tester, project.New{Name: "Other"})
	if err != nil {
		t.Fatal(err)
	}
	mine, theirs := `{"projectIds":["`+b.project+`"],"roles":["admin"]}`, `{"projectIds":["`+other.ID+`"],"roles":["read"]}`
	keys := map[string]wireKey{}
	for name, access := range map[string]string{
		"mine": `"projectRoles":[` + mine + `]`, "theirs": `"projectRoles":[` + theirs + `]`,
		"both": `"projectRoles":[` + mine + `,` + theirs + `]`, "company": `"companyRoles":["read"]`, "mine and the company": `"projectRoles":[` + mine + `],"companyRoles":["read"]`,
	} {
		var made createKeyAnswer
		b.answer(t, &made, "PUT", "/v1/mgmt/managementkey", `{"name":"`+name+`","reBac":{`+access+`}}`)
		keys[name] = made.Key
	}
	for _, role := range []mgmtkey.Role{mgmtkey.Read, mgmtkey.Plan, mgmtkey.Import, mgmtkey.Admin} {
		for _, header := range []string{"Bearer ", "Bearer " + b.project + ":", "Bearer " + other.ID + ":"} {
			auth := header + b.makeKey(t, mgmtkey.Grant{Role: role, Projects: []string{b.project}})
			for name, key := range keys {
				may := role == mgmtkey.Admin && name == "mine"
				want := 404
				if may {
					want = 200
				}
				if w := b.send(t, "GET", "/v1/mgmt/managementkey?id="+key.ID, "", "Authorization", auth); w.Code != want {
					t.Errorf("%v sees %q: %d, want %d", role, name, w.Code, want)
				}
				if w := b.send(t, "PATCH", "/v1/mgmt/managementkey", `{"id":"`+key.ID+`","description":"x"}`, "Authorization", auth); w.Code != want {
					t.Errorf("%v changes %q: %d, want %d", role, name, w.Code, want)
				}
				access, err := json.Marshal(key.Access)
				if err != nil {
					t.Fatal(err)
				}
				want = 403
				if may {
					want = 200
				}
				if w := b.send(t, "PUT", "/v1/mgmt/managementkey", `{"name":"again","reBac":`+string(access)+`}`, "Authorization", auth); w.Code != want {
					t.Errorf("%v makes one like %q: %d %s, want %d", role, name, w.Code, w.Body, want)
				}
				if !may {
					var gone deleteKeysAnswer
					b.answer(t, &gone, "POST", "/v1/mgmt/managementkey/delete", `{"ids":["`+key.ID+`"]}`, "Authorization", auth)
					if gone.Total != 0 {
						t.Errorf("%v deletes %q", role, name)
					}
				}
			}
			var found searchKeysAnswer
			b.answer(t, &found, "GET", "/v1/mgmt/managementkey/search", "", "Authorization", auth)
			for _, k := range found.Keys {
				if role != mgmtkey.Admin || len(k.Access.CompanyRoles) > 0 || len(k.Access.ProjectRoles) != 1 || cmp.Diff([]string{b.project}, k.Access.ProjectRoles[0].Projects) != "" {
					t.Errorf("%v finds %+v", role, k)
				}
			}
			if role == mgmtkey.Admin && len(found.Keys) == 0 {
				t.Error("the admin of a project finds no key")
			}
		}
	}
	var all searchKeysAnswer
	b.answer(t, &all, "GET", "/v1/mgmt/managementkey/search", "")
	if len(all.Keys) < len(keys) {
		t.Errorf("the admin of the company finds %d keys", len(all.Keys))
	}
	// That the database does not answer is not the same as that there is none.
	if err := b.Projects.DB.Close(); err != nil {
		t.Fatal(err)
	}
	if w := b.send(t, "POST", "/v1/mgmt/managementkey/delete", `{"ids":["`+keys["mine"].ID+`"]}`); w.Code < 500 {
		t.Errorf("without a database: %d %s", w.Code, w.Body)
	}
}

func TestProjects(t *testing.T) {
	t.Parallel()
	testkit.Databases(t, func(t *testing.T, url string) {
		b := setup(t, url)
		var made, copied newProjectAnswer
		b.answer(t, &made, "POST", "/v1/mgmt/project/create", `{"name":"Made","environment":"production","tags":["b","a"]}`, "Authorization", "Bearer "+b.key)
		b.answer(t, &copied, "POST", "/v1/mgmt/project/clone", `{"name":"Copy"}`)
		if diff := cmp.Diff(newProjectAnswer{made.ID, "Made", "production", "production", []string{"b", "a"}}, made) +
			cmp.Diff(newProjectAnswer{copied.ID, "Copy", "", "", []string{}}, copied); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		scoped := b.makeKey(t, mgmtkey.Grant{Role: mgmtkey.Admin, Projects: []string{b.project, made.ID}})
		for _, path := range []string{"/v1/mgmt/project/create", "/v1/mgmt/project/clone"} {
			wantFault(t, b.send(t, "POST", path, `{"name":"More"}`, "Authorization", "Bearer "+b.project+":"+scoped), 403, "P40301")
		}
		for _, call := range []struct{ path, body string }{
			{"/v1/mgmt/project/update/name", `{"name":"Renamed"}`}, {"/v1/mgmt/project/update/tags", `{"tags":["x","y","x"]}`},
		} {
			var nothing empty
			b.answer(t, &nothing, "POST", call.path, call.body, "Authorization", "Bearer "+made.ID+":"+scoped)
		}
		list := func(auth string) map[string]listedProject {
			var got projectsAnswer
			b.answer(t, &got, "POST", "/v1/mgmt/projects/list", "{}", "Authorization", auth)
			out := map[string]listedProject{}
			for _, p := range got.Projects {
				out[p.ID] = p
			}
			return out
		}
		want := map[string]listedProject{
			b.project: {ID: b.project, Name: "Test", Tags: []string{}},
			made.ID:   {ID: made.ID, Name: "Renamed", Tag: "production", Environment: "production", Tags: []string{"x", "y"}},
		}
		if diff := cmp.Diff(want, list("Bearer "+scoped)); diff != "" {
			t.Errorf("a scoped key sees (-want +got):\n%s", diff)
		}
		want[copied.ID] = listedProject{ID: copied.ID, Name: "Copy", Tags: []string{}}
		if diff := cmp.Diff(want, list("Bearer "+b.key)); diff != "" {
			t.Errorf("the company's key sees (-want +got):\n%s", diff)
		}
		var nothing empty
		b.answer(t, &nothing, "POST", "/v1/mgmt/project/delete", "", "Authorization", "Bearer "+made.ID+":"+scoped)
		delete(want, made.ID)
		if diff := cmp.Diff(want, list("Bearer "+b.key)); diff != "" {
			t.Errorf("after delete (-want +got):\n%s", diff)
		}
		wantFault(t, b.send(t, "POST", exportPath, "{}", "Authorization", "Bearer "+made.ID+":"+scoped), 404, "E011008")
		events, _, err := audit.Find(t.Context(), b.Projects.DB, audit.Search{Project: made.ID, Limit: 10})
		if err != nil || len(events) != 4 {
			t.Errorf("%d events, %v; want created, renamed, tagged, deleted", len(events), err)
		}
		for _, e := range events {
			if e.Remote != "192.0.2.1" || !strings.HasPrefix(e.Actor, "K") || len(e.Actor) != 28 {
				t.Errorf("%s was done by %q from %q", e.Action, e.Actor, e.Remote)
			}
		}
	})
}

func TestLicense(t *testing.T) {
	t.Parallel()
	b := setup(t, t.TempDir()+"/test.db")
	for _, auth := range []string{"Bearer " + b.key, "Bearer " + b.project + ":" + b.key} {
		w := b.send(t, "GET", "/v1/mgmt/license", "", "Authorization", auth)
		if got, want := w.Body.String(), `{"rateLimitTier":"tier4","licenseType":"enterprise"}`+"\n"; w.Code != 200 || got != want {
			t.Errorf("got %d %s, want %s", w.Code, got, want)
		}
	}
}
