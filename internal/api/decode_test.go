package api

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// A body that is refused says which member is wrong and why, and shows no value.
func TestSmallBodiesSayWhatIsWrong(t *testing.T) {
	t.Parallel()
	b := setup(t, t.TempDir()+"/test.db")
	const planted = "Kpl4nted"
	const project, key = "/v1/mgmt/project/create", "/v1/mgmt/managementkey"
	const wrong = " has a value of a type that this call does not take there: it is "
	for _, tt := range []struct{ name, method, path, body, want string }{
		{"a member twice", "POST", project, `{"name":"` + planted + `","name":"x"}`, `the body has the member "name" twice; the case of letters makes no difference`},
		{"a member in two cases", "POST", project, `{"name":"x","NAME":"` + planted + `"}`, `the body has the member "NAME" twice; the case of letters makes no difference`},
		{"a member twice in one that nobody knows", "POST", project, `{"x":{"y":1,"y":"` + planted + `"}}`, `the body has the member "x.y" twice; the case of letters makes no difference`},
		{"a format twice", "POST", exportPath, `{"format":"plain","format":"` + planted + `"}`, `the body has the member "format" twice; the case of letters makes no difference`},
		{"a long member twice", "POST", project, `{"` + strings.Repeat("x", 200) + `":1,"` + strings.Repeat("x", 200) + `":1}`, `the body has the member "` + strings.Repeat("x", 100) + `…" twice; the case of letters makes no difference`},
		{"a number for a name", "POST", project, `{"name":7341}`, `the member "name"` + wrong + `a number`},
		{"a string for a list", "POST", project, `{"tags":"` + planted + `"}`, `the member "tags"` + wrong + `a string`},
		{"a number in a list", "POST", project, `{"tags":["a",7341]}`, `the member "tags.1"` + wrong + `a number`},
		{"a number in the tags", "POST", "/v1/mgmt/project/update/tags", `{"tags":["a",7341]}`, `the member "tags.1"` + wrong + `a number`},
		{"an object for roles", "PUT", key, `{"reBac":{"companyRoles":{"` + planted + `":1}}}`, `the member "reBac.companyRoles"` + wrong + `an object`},
		{"a time that is a word", "PUT", key, `{"expireTime":"` + planted + `"}`, `the member "expireTime" has a value of a type that this call does not take there`},
		{"a list", "POST", project, `["` + planted + `"]`, `the body must be a JSON object: it is a list`},
		{"a string", "POST", project, `"` + planted + `"`, `the body must be a JSON object: it is a string`},
		{"no JSON", "POST", project, `{"name":` + planted + `}`, `the body is not JSON (at byte 8)`},
		{"an expiry that is true", "PUT", key, `{"expireTime":true}`, `the member "expireTime" has a value of a type that this call does not take there`},
		{"an expiry of half a second", "PUT", key, `{"expireTime":1.5}`, `the member "expireTime" has a value of a type that this call does not take there`},
		{"invalid UTF-8", "POST", project, "{\"name\":\"\xff\"}", `the body is not text in UTF-8`},
		{"nested too deeply", "POST", project, `{"x":` + strings.Repeat("[", 100_000), `the body is nested too deeply`},
		{"half an export", "POST", exportPath, `{`, `the body is cut off: it is not whole JSON`},
		{"half a body", "POST", project, `{"name":"` + planted, `the body is cut off: it is not whole JSON`},
	} {
		w := b.send(t, tt.method, tt.path, tt.body)
		if diff := cmp.Diff(refusal{400, "E011001", tt.want, nil}, refusalOf(t, w)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
		if strings.Contains(w.Body.String(), planted) || strings.Contains(w.Body.String(), "7341") {
			t.Errorf("%s: a value is shown: %s", tt.name, w.Body)
		}
	}
	if strings.Contains(b.logs.String(), planted) {
		t.Errorf("a value is in the log:\n%s", b.logs)
	}
}

// What is not said changes nothing: tags are cleared by null or by an empty
// list, and by no other body.
func TestMissingMembersAreRefused(t *testing.T) {
	t.Parallel()
	b := setup(t, t.TempDir()+"/test.db")
	const tags, name = "/v1/mgmt/project/update/tags", "/v1/mgmt/project/update/name"
	for _, tt := range []struct {
		path, body string
		status     int
		code       string
		left       int // tags
	}{
		{tags, `{"tags":["a","b"]}`, 200, "", 2},
		{tags, `{}`, 400, "E011002", 2},
		{tags, ``, 400, "E011002", 2},
		{tags, `{"tag":["a"]}`, 400, "E011002", 2},
		{tags, `{"tags":null}`, 200, "", 0},
		{tags, `{"Tags":["c"]}`, 200, "", 1},
		{tags, `{"tags":[]}`, 200, "", 0},
		{name, `{}`, 400, "E011002", 0},
		{name, ``, 400, "E011002", 0},
		{name, `{"name":null}`, 400, "E011002", 0},
		{name, `{"name":""}`, 400, "E011003", 0},
	} {
		w := b.send(t, "POST", tt.path, tt.body)
		if tt.code != "" {
			wantFault(t, w, tt.status, tt.code)
		} else if w.Code != tt.status {
			t.Errorf("%s %s: %d %s", tt.path, tt.body, w.Code, w.Body)
		}
		p, err := b.Projects.Get(t.Context(), b.project)
		if err != nil {
			t.Fatal(err)
		}
		if len(p.Tags) != tt.left || p.Name != "Test" {
			t.Errorf("after %s %q: the project is %q with the tags %q", tt.path, tt.body, p.Name, p.Tags)
		}
	}
}
