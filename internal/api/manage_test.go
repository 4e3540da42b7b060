package api

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/google/go-cmp/cmp"

	"postern/internal/accesskey"
	"postern/internal/audit"
	"postern/internal/authz"
	"postern/internal/edge"
	"postern/internal/limit"
	"postern/internal/mgmtkey"
	"postern/internal/project"
	"postern/internal/store"
	"postern/internal/tenant"
	"postern/internal/testkit"
	"postern/internal/user"
)

// manage gives a server what the calls of management need.
func manage(s *Server, db *store.DB) {
	s.Tenants = &tenant.Service{DB: db, Leave: []func(*store.Tx, string, string, bool) error{user.LeaveTenant, accesskey.LeaveTenant}}
	s.Roles = &authz.Service{
		DB: db, Projects: s.Projects, HasTenant: tenant.Exists, Drop: []func(*store.Tx, string, []string) error{user.DropRoles, accesskey.DropRoles},
	}
	s.AccessKeys = &accesskey.Service{DB: db, Limits: &limit.Service{DB: db}}
}

// targets are what the routes below a path act on: the query of a GET, and the
// calls of an admin that make it.
var targets = []struct {
	path, query string
	calls       [][2]string
}{
	{"/v1/mgmt/tenant", "?id=T1", [][2]string{{"/v1/mgmt/tenant/create", `{"id":"T1","name":"One"}`}}},
	{"/v1/mgmt/role", "?tenant=T1", [][2]string{
		{"/v1/mgmt/tenant/create", `{"id":"T1","name":"One"}`},
		{"/v1/mgmt/permission/create", `{"name":"One"}`},
		{"/v1/mgmt/role/create", `{"name":"One","permissionNames":["One"],"tenantId":"T1"}`},
		{"/v1/mgmt/role/create", `{"name":"One","permissionNames":["One"]}`},
	}},
	{passwordSettingsPath, "?tenantId=T1", [][2]string{{"/v1/mgmt/tenant/create", `{"id":"T1","name":"One"}`}}},
	{"/v1/mgmt/accesskey", "?id=$MADE", [][2]string{{"/v1/mgmt/accesskey/create", `{"name":"One"}`}}},
	{"/v1/mgmt/permission", "", [][2]string{
		{"/v1/mgmt/permission/create", `{"name":"One"}`}, {"/v1/mgmt/role/create", `{"name":"One","permissionNames":["One"]}`},
	}},
}

// sentTo are the bodies of the calls that act on them.
var sentTo = map[string]string{
	auditWebhookPath:                     `{"name":"Desk","url":"https://desk.example/in"}`,
	auditEventPath:                       `{"action":"seen","type":"info","actorId":"a","tenantId":"T1"}`,
	"/v1/mgmt/tenant/create":             `{"name":"New"}`,
	"/v1/mgmt/tenant/update":             `{"id":"T1","name":"Renamed"}`,
	"/v1/mgmt/tenant/delete":             `{"id":"T1"}`,
	"/v1/mgmt/tenant/settings":           `{"tenantId":"T1"}`,
	"/v1/mgmt/tenant/updateDefaultRoles": `{"id":"T1"}`,

	"/v1/mgmt/accesskey/create":           `{"name":"New"}`,
	"/v1/mgmt/accesskey/import":           `{"keys":[{"name":"New","cleartext":"abcdefghijklmnopqrstuvwxyz"}]}`,
	"/v1/mgmt/accesskey/update":           `{"id":"$MADE","name":"Two"}`,
	"/v1/mgmt/accesskey/activate":         `{"id":"$MADE"}`,
	"/v1/mgmt/accesskey/activate/batch":   `{"ids":["$MADE"]}`,
	"/v1/mgmt/accesskey/deactivate":       `{"id":"$MADE"}`,
	"/v1/mgmt/accesskey/deactivate/batch": `{"ids":["$MADE"]}`,
	"/v1/mgmt/accesskey/delete":           `{"id":"$MADE"}`,
	"/v1/mgmt/accesskey/delete/batch":     `{"ids":["$MADE"]}`,
	"/v1/mgmt/accesskey/rotate":           `{"id":"$MADE"}`,

	"/v1/mgmt/role/create":             `{"name":"New"}`,
	"/v1/mgmt/role/create/batch":       `{"roles":[{"name":"New"}]}`,
	"/v1/mgmt/role/update":             `{"name":"One","newName":"Two","tenantId":"T1"}`,
	"/v1/mgmt/role/update/batch":       `{"roles":[{"name":"One","newName":"Two"}]}`,
	"/v1/mgmt/role/delete":             `{"name":"One","tenantId":"T1"}`,
	"/v1/mgmt/role/delete/batch":       `{"roleNames":["One"]}`,
	"/v1/mgmt/permission/create":       `{"name":"New"}`,
	"/v1/mgmt/permission/create/batch": `{"permissions":[{"name":"New"}]}`,
	"/v1/mgmt/permission/update":       `{"name":"One","newName":"Two"}`,
	"/v1/mgmt/permission/update/batch": `{"permissions":[{"name":"One","newName":"Two"}]}`,
	"/v1/mgmt/permission/delete":       `{"name":"One"}`,
	"/v1/mgmt/permission/delete/batch": `{"names":["One"]}`,
}

// target makes what a route acts on, and returns the query and the body that the
// route needs; $MADE in them is the id of what was made.
func target(t *testing.T, b *bundle, r route) (query, body string) {
	t.Helper()
	made := ""
	for _, tt := range targets {
		if !strings.HasPrefix(r.path, tt.path) {
			continue
		}
		for _, c := range tt.calls {
			if w := b.send(t, "POST", c[0], c[1]); w.Code != http.StatusOK {
				t.Fatalf("%s: %d %s", c[0], w.Code, w.Body)
			} else {
				var got struct{ Key struct{ ID string } }
				if err := json.Unmarshal(w.Body.Bytes(), &got, json.MatchCaseInsensitiveNames(true)); err == nil {
					made = got.Key.ID
				}
			}
		}
		if r.method == http.MethodDelete || r.method == http.MethodGet && tt.path != passwordSettingsPath { // to read those of a tenant takes another role
			query = strings.ReplaceAll(tt.query, "$MADE", made)
		}
	}
	if body, ok := sentTo[r.path]; ok {
		return query, strings.ReplaceAll(body, "$MADE", made)
	}
	return query, bodyOf(t, b, r.path)
}

// did makes a call that works, and returns its answer.
func (b *bundle) did(t *testing.T, method, path, body string) map[string]any {
	t.Helper()
	w := b.send(t, method, path, body)
	if w.Code != http.StatusOK {
		t.Fatalf("%s %s: %d %s", method, path, w.Code, w.Body)
	}
	out := map[string]any{}
	if err := json.Unmarshal(w.Body.Bytes(), &out); err != nil {
		t.Fatal(err)
	}
	return out
}

// post is did for most calls.
func (b *bundle) post(t *testing.T, path, body string) map[string]any {
	t.Helper()
	return b.did(t, "POST", "/v1/mgmt/"+path, body)
}

// refusals makes calls that are refused: a path, a body, a status and a code each.
func (b *bundle) refusals(t *testing.T, calls map[string][4]string) {
	t.Helper()
	for name, c := range calls {
		w := b.send(t, "POST", "/v1/mgmt/"+c[0], c[1])
		var got envelope
		if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil || fmt.Sprint(w.Code) != c[2] || got.Code != c[3] {
			t.Errorf("%s: %d %s, want %s %s", name, w.Code, w.Body, c[2], c[3])
		}
	}
}

// did what, as the audit has it, the newest first.
func (b *bundle) audited(t *testing.T) []string {
	t.Helper()
	list, _, err := audit.Find(t.Context(), b.Projects.DB, audit.Search{Project: b.project, Limit: 1000})
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, e := range list {
		if e.Outcome == audit.Done {
			out = append(out, e.Action)
		}
	}
	return out
}

// with imports files into the project: paths and documents in turn.
func (b *bundle) with(t *testing.T, files ...string) {
	t.Helper()
	var list []string
	for i := 0; i < len(files); i += 2 {
		list = append(list, fmt.Sprintf("%q:%s", files[i], files[i+1]))
	}
	b.did(t, "POST", importPath, `{"files":{`+strings.Join(list, ",")+`}}`)
}

// other returns the same server with a second project, and a key for that alone.
func (b *bundle) other(t *testing.T) *bundle {
	t.Helper()
	p, err := b.Projects.Create(t.Context(), tester, project.New{Name: "Other"})
	if err != nil {
		t.Fatal(err)
	}
	o := *b
	o.project = p.ID
	o.key = b.makeKey(t, mgmtkey.Grant{Role: mgmtkey.Admin, Projects: []string{p.ID}})
	return &o
}

// No call of management about one project reads or changes what belongs to another,
// though it names it by its id.
func TestManagementStaysInItsProject(t *testing.T) {
	t.Parallel()
	testkit.Databases(t, func(t *testing.T, url string) {
		b := setup(t, url)
		other := b.other(t)
		for _, r := range b.manageRoutes() {
			if r.access.Scope != edge.Project {
				continue
			}
			one := setupIn(t, b)
			query, body := target(t, one, r)
			before := rowsOf(t, one)
			w := other.send(t, r.method, r.path+query, body)
			if strings.Contains(w.Body.String(), one.project) || strings.Contains(w.Body.String(), `"One"`) {
				t.Errorf("%s shows what another project has: %s", r.path, w.Body)
			}
			if diff := cmp.Diff(before, rowsOf(t, one)); diff != "" {
				t.Errorf("%s changes another project:\n%s", r.path, diff)
			}
		}
	})
}

// setupIn returns the same server with one more project, seen by its admin.
func setupIn(t *testing.T, b *bundle) *bundle {
	t.Helper()
	p, err := b.Projects.Create(t.Context(), tester, project.New{Name: "Target"})
	if err != nil {
		t.Fatal(err)
	}
	o := *b
	o.project = p.ID
	return &o
}

// rowsOf returns every row of the project.
func rowsOf(t *testing.T, b *bundle) []string {
	t.Helper()
	var out []string
	for table, rows := range testkit.Rows(t, b.Projects.DB) {
		for _, row := range rows {
			if strings.Contains(row, b.project) {
				out = append(out, table+": "+row)
			}
		}
	}
	slices.Sort(out)
	return out
}

// atOnce makes a call n times at once and returns how often it worked. Every other
// answer is the conflict.
func (b *bundle) atOnce(t *testing.T, n int, path, body, code string) int {
	t.Helper()
	var wait sync.WaitGroup
	var mutex sync.Mutex
	worked := 0
	for range n {
		wait.Go(func() {
			w := b.send(t, "POST", "/v1/mgmt/"+path, body)
			mutex.Lock()
			defer mutex.Unlock()
			if w.Code == http.StatusOK {
				worked++
				return
			}
			if w.Code != http.StatusConflict || !strings.Contains(w.Body.String(), code) {
				t.Errorf("%s: %d %s", path, w.Code, w.Body)
			}
		})
	}
	wait.Wait()
	return worked
}

func jsonOf(t *testing.T, v any) string {
	t.Helper()
	text, err := json.Marshal(v, json.Deterministic(true))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
