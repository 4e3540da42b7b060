package api

import (
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"postern/internal/edge"
	"postern/internal/snapshot"
	"postern/internal/testkit"
)

// What PostgreSQL holds in no text is refused by every call before anything is done, in
// a body as in a URL; in a header it is left out.
func TestWhatNoTextMayHave(t *testing.T) {
	t.Parallel()
	testkit.Databases(t, func(t *testing.T, at string) {
		b := setup(t, at)
		b.open(t, snapshot.Files{"auth/password.json": []byte(`{"enabled":true}`)})
		const body = `{"loginId":"a\u0000b","loginIds":["a\u0000"],"userId":"U\u0000","userIds":["\u0000"],"text":"\u0000","name":"\u0000","tenantId":"\u0000","users":[{"loginId":"\u0000"}]}`
		// Files, and a form, are read by what knows them; these members are none of theirs.
		carriers := regexp.MustCompile(`^/v1/mgmt/(project/(snapshot/)?(import|validate|plan)|project/drift|infra|user/import)$|^/v1/notp/receive/`)
		before := testkit.Rows(t, b.Projects.DB)["users"]
		for _, r := range b.routes() {
			if r.access.Scope == edge.User || r.access.Scope == edge.Token {
				continue // they ask for a token first
			}
			r.path = strings.NewReplacer("{number}", "1", "{projectId}", b.project).Replace(r.path)
			if r.method == http.MethodGet {
				for _, bad := range []string{"\x00", "\xff"} {
					wantFault(t, b.send(t, r.method, r.path+"?loginId="+url.QueryEscape(bad)+"&id="+url.QueryEscape(bad), ""), http.StatusBadRequest, "P40017")
				}
				continue
			}
			w := b.send(t, r.method, r.path, body)
			if w.Code >= 500 || !carriers.MatchString(r.path) && (w.Code != http.StatusBadRequest || refusalOf(t, w).Code != "E011001") {
				t.Errorf("%s %s: %d %s", r.method, r.path, w.Code, w.Body)
			}
		}
		if after := testkit.Rows(t, b.Projects.DB)["users"]; len(after) != len(before) {
			t.Errorf("%d users were made", len(after)-len(before))
		}
		// A text that spells the escape out is a text.
		answered[tokensOfWire](t, b.person(t, "/v1/auth/password/signup", `{"loginId":"eve","password":"Correct-horse-12","user":{"name":"a \\u0000 b \\\\\\u0000"}}`, ""))
		w := b.send(t, "POST", "/v1/auth/password/signin", `{"loginId":"eve","password":"Correct-horse-12"}`, "Authorization", "Bearer "+b.project, "User-Agent", "Moz\xffilla")
		if answered[tokensOfWire](t, w); !slices.ContainsFunc(testkit.Rows(t, b.Projects.DB)["sessions"], func(row string) bool { return strings.Contains(row, "=Mozilla ") }) {
			t.Error("no session has the name of its client")
		}
	})
}

// Who signs up says no more of themselves than the management may say of them.
func TestNamesOfWhoSignsUp(t *testing.T) {
	t.Parallel()
	b := setup(t, t.TempDir()+"/test.db")
	b.open(t, snapshot.Files{"auth/password.json": []byte(`{"enabled":true}`)})
	for _, name := range []string{strings.Repeat("x", 300), "two\nlines"} {
		for _, member := range []string{"name", "givenName", "middleName", "familyName"} {
			text := strings.ReplaceAll(name, "\n", `\n`)
			w := b.person(t, "/v1/auth/password/signup", `{"loginId":"eve","password":"Correct-horse-12","user":{"`+member+`":"`+text+`"}}`, "")
			wantFault(t, w, http.StatusBadRequest, "E011003")
		}
	}
}
