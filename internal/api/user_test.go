package api

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/google/go-cmp/cmp"

	"postern/internal/project"
	"postern/internal/snapshot"
	"postern/internal/testkit"
)

// staffed gives a project roles, custom attributes and patterns of test users.
func (b *bundle) staffed(t *testing.T) *bundle {
	t.Helper()
	up := &snapshot.Upload{SameIDs: true, Files: snapshot.Files{
		"permissions.json": []byte(`{"permissions":[{"name":"read"},{"name":"write"}]}`),
		"roles.json": []byte(`{"roles":[{"id":"R1","name":"Reader","permissions":["read"]},{"id":"R2","name":"Writer","permissions":["read","write"]},
			{"id":"R3","name":"Everybody","default":true}]}`),
		"attributes.json": []byte(`{"user":[
			{"name":"nick","displayName":"Nick","type":"string"},{"name":"age","displayName":"Age","type":"number"},{"name":"vip","displayName":"VIP","type":"boolean"},
			{"name":"tier","displayName":"Tier","type":"singleselect","options":[{"value":"gold","label":"Gold"},{"value":"tin","label":"Tin"}]},
			{"name":"likes","displayName":"Likes","type":"multiselect","options":[{"value":"tea","label":"Tea"},{"value":"milk","label":"Milk"}]},
			{"name":"born","displayName":"Born","type":"date"},{"name":"party","displayName":"Party","type":"monthday"}]}`),
		"applications.json": []byte(`{"applications":[{"id":"SA1","name":"One","oidc":{}},{"id":"SA2","name":"Two","oidc":{}},{"id":"SA3","name":"Three","oidc":{}}]}`),
		"project.json":      []byte(`{"testUserRegex":"^tester","inviteExpireUser":true,"inviteExpirationTime":2,"inviteExpirationTimeUnit":"days"}`),
	}}
	if _, err := b.Projects.Import(t.Context(), tester, project.Import{Project: b.project, Upload: up}); err != nil {
		t.Fatal(err)
	}
	return b
}

// ask makes a call that must succeed and returns its answer.
func (b *bundle) ask(t *testing.T, call, body string) map[string]any {
	t.Helper()
	method, path, _ := strings.Cut(call, " ")
	w := b.send(t, method, path, body)
	var out map[string]any
	if err := json.Unmarshal(w.Body.Bytes(), &out); err != nil || w.Code != http.StatusOK {
		t.Fatalf("%s %s: %d %s", call, body, w.Code, w.Body)
	}
	return out
}

// onUser is ask for the calls below /v1/mgmt/user/.
func (b *bundle) onUser(t *testing.T, path, body string) map[string]any {
	t.Helper()
	return b.ask(t, "POST /v1/mgmt/user/"+path, body)
}

// of reads some members of an answer, as text: "user.name=Ann user.test=false".
func of(answer map[string]any, members ...string) string {
	var out []string
	for _, path := range members {
		var v any = answer
		for name := range strings.SplitSeq(path, ".") {
			m, _ := v.(map[string]any)
			v = m[name]
		}
		b, _ := json.Marshal(v, json.Deterministic(true))
		out = append(out, fmt.Sprintf("%s=%s", path, b))
	}
	return strings.Join(out, " ")
}

func TestUserCreate(t *testing.T) {
	t.Parallel()
	testkit.Databases(t, func(t *testing.T, url string) {
		b := setup(t, url).staffed(t)
		for _, tt := range []struct{ name, body, want string }{
			{
				"as the Go SDK sends it", `{"loginId":"Ann@Shop.Example","email":"","phone":"","displayName":"Ann","givenName":"","middleName":"","familyName":"","roleNames":["Reader"],"userTenants":[],
				"customAttributes":{"age":5},"picture":"","additionalLoginIds":["ann"],"invite":false,"ssoAppIDs":null,"verifiedEmail":false}`,
				`created=true user.loginIds=["ann@shop.example","ann"] user.name="Ann" user.roleNames=["Everybody","Reader"] user.customAttributes={"age":5} user.status="enabled" user.test=false`,
			},
			{
				"as the Node SDK sends it", `{"loginId":"bob","displayName":"Bob","additionalIdentifiers":["bobby"],"ssoAppIds":["SA1"],"test":true}`,
				`created=true user.loginIds=["bob","bobby"] user.name="Bob" user.roleNames=["Everybody"] user.customAttributes={} user.status="enabled" user.test=true`,
			},
			{
				"as the OpenAPI has it", `{"loginId":"cleo","name":"Cleo","status":"disabled"}`,
				`created=true user.loginIds=["cleo"] user.name="Cleo" user.roleNames=["Everybody"] user.customAttributes={} user.status="disabled" user.test=false`,
			},
			{
				"a test user by its login id", `{"loginId":"tester7"}`,
				`created=true user.loginIds=["tester7"] user.name="" user.roleNames=["Everybody"] user.customAttributes={} user.status="enabled" user.test=true`,
			},
		} {
			got := of(b.onUser(t, "create", tt.body), "created", "user.loginIds", "user.name", "user.roleNames", "user.customAttributes", "user.status", "user.test")
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("%s: (-want +got):\n%s", tt.name, diff)
			}
		}
	})
}

// ofUsers reports whether a route manages users.
func ofUsers(path string) bool {
	for _, part := range []string{"password", "passkey", "passkeys", "totp", "recovery-codes"} {
		if strings.HasPrefix(path, "/v1/mgmt/user/"+part+"/") {
			return true
		}
	}
	return slices.ContainsFunc((&Server{}).userRoutes(), func(r route) bool { return r.path == path })
}

// userCall makes a user, a tenant and a custom attribute and returns what a route
// needs to do its work on them.
func (b *bundle) userCall(t *testing.T, r route) (query, body string) {
	t.Helper()
	if _, err := b.Projects.Import(t.Context(), tester, project.Import{Project: b.project, Upload: &snapshot.Upload{SameIDs: true, Files: snapshot.Files{
		"attributes.json": []byte(`{"user":[{"name":"nick","displayName":"Nick","type":"string"}]}`),
		"roles.json":      []byte(`{"roles":[{"id":"R1","name":"Reader"}]}`),
	}}}); err != nil {
		t.Fatal(err)
	}
	b.tenanted(t, "T1")
	id := memberOf(b.onUser(t, "create", `{"loginId":"ann","userTenants":[{"tenantId":"T1"}],"password":"Secret-no-1"}`), "user.userId")
	if r.method == http.MethodGet {
		return "?loginId=ann&provider=google", ""
	}
	if strings.Contains(r.path, "/search") {
		return "", `{"loginIds":["ann"]}`
	}
	switch strings.TrimPrefix(r.path, "/v1/mgmt/user/") {
	case "create", "create/test":
		return "", `{"loginId":"bob","roleNames":["Reader"]}`
	case "create/batch":
		return "", `{"users":[{"loginId":"bob"}]}`
	case "patch/batch":
		return "", `{"users":[{"loginId":"ann","name":"A"}]}`
	case "update/loginid":
		return "", `{"loginId":"ann","newLoginId":"anna"}`
	}
	return "", `{"loginId":"ann","userIds":["` + id + `"],"identifiers":["ann"],"deviceIds":["D1"],"tenantId":"T1","roleNames":["Reader"],"status":"disabled","name":"A","password":"Secret-no-2",
		"attributeKey":"nick","attributeValue":"A","attributes":[{"name":"more"}],"names":["nick"]}`
}

// memberOf reads one text of an answer.
func memberOf(answer map[string]any, path string) string {
	_, text, _ := strings.Cut(of(answer, path), "=")
	return strings.Trim(text, `"`)
}
