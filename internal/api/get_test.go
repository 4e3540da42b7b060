package api

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"postern/internal/edge"
	"postern/internal/project"
	"postern/internal/snapshot"
	"postern/internal/testkit"
)

// No row of the table of routes that is read with GET changes anything, whoever asks: the
// database is the same afterwards, row for row.
func TestGetChangesNothing(t *testing.T) {
	t.Parallel()
	testkit.Databases(t, func(t *testing.T, at string) {
		b := setup(t, at)
		in := b.join(t, "ada@example.com")
		b.open(t, snapshot.Files{"auth/securityquestions.json": []byte(`{"enabled":true,"setupQuestionsCount":1,"verifyQuestionsCount":1,"securityQuestions":[{"id":"q1","text":"Which ink?"}]}`)})
		b.answer(t, &empty{}, "POST", "/v1/auth/security-questions/setup", `{"loginId":"ada@example.com","answers":[{"id":"q1","answer":"Green"}]}`, b.as(in.Refresh)...)
		b.post(t, "tenant/create", `{"id":"acme","name":"Acme"}`)
		other, err := b.Projects.Create(t.Context(), tester, project.New{Name: "Where nobody signed in"})
		if err != nil {
			t.Fatal(err)
		}
		key := answer[map[string]any](t, b, "POST", "/v1/mgmt/accesskey/create", `{"name":"robot"}`)
		id := key["key"].(map[string]any)["id"].(string)
		// What is not there may be answered as such, and writes nothing either.
		absent := map[string]int{"/v1/mgmt/project/imports/{key}": 404, "/v1/mgmt/user/provider/token": 404}
		keys, err := b.Keys.List(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		query := url.Values{"loginId": {"ada@example.com"}, "id": {"acme"}, "tenantId": {"acme"}}.Encode()
		own := map[string]string{
			"/v1/mgmt/infra":         url.Values{"entity": {"project"}, "id": {b.project}}.Encode(),
			"/v1/mgmt/accesskey":     url.Values{"id": {id}}.Encode(),
			"/v1/mgmt/managementkey": url.Values{"id": {keys[0].ID}}.Encode(),
		}

		before := testkit.Rows(t, b.Projects.DB)
		for _, r := range b.routes() {
			if r.method != http.MethodGet {
				continue
			}
			for _, project := range []string{b.project, other.ID} {
				path := strings.NewReplacer("{projectId}", project, "{number}", "1", "{key}", "none").Replace(r.path) + "?" + query
				if q, ok := own[r.path]; ok {
					path, _, _ = strings.Cut(path, "?")
					path += "?" + q
				}
				var as []string
				if r.access.Scope == edge.User || r.access.Scope == edge.Token {
					as = b.as(in.Refresh)
				}
				if w := b.send(t, r.method, path, "", as...); w.Code != http.StatusOK && w.Code != absent[r.path] {
					t.Errorf("%s: %d %s", path, w.Code, w.Body)
				}
			}
		}
		if diff := cmp.Diff(before, testkit.Rows(t, b.Projects.DB)); diff != "" {
			t.Errorf("reading changed the database (-before +after):\n%s", diff)
		}
	})
}
