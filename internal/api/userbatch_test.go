package api

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"postern/internal/project"
	"postern/internal/snapshot"
	"postern/internal/testkit"
)

// lines reads a list of users, one a text.
func lines(answer map[string]any, list string, members ...string) []string {
	var out []string
	all, _ := answer[list].([]any)
	for _, v := range all {
		out = append(out, of(v.(map[string]any), members...))
	}
	return out
}

// Of a batch each is made or not by itself, and whoever is not is told with why.
func TestUserBatch(t *testing.T) {
	t.Parallel()
	testkit.Databases(t, func(t *testing.T, url string) {
		b := setup(t, url).staffed(t)
		b.onUser(t, "create", ann[:strings.Index(ann, `,"displayName"`)]+"}")
		got := b.onUser(t, "create/batch", `{"users":[
			{"loginId":"one","password":"A long Passw0rd!","roleNames":["Reader"],"createdTime":"1500000000"},
			{"loginId":"ann@shop.example","name":"Not Ann"},
			{"loginId":"two","roleNames":["King"]},
			{"loginId":"three","customAttributes":{"age":"old"}},
			{"loginId":"four","seed":"not base32!"},
			{"loginId":"five","hashedPassword":{"bcrypt":{"hash":"$2a$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy"}},"seed":"JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"},
			{"loginId":"six","hashedPassword":{"bcrypt":{"hash":"no hash"}}},
			{"loginId":"one"}, {"loginId":""}, {"loginId":"seven","email":"a@b@c"}, {"loginId":"eight","status":"disabled"},
			{"loginId":"nine","createdTime":99999999999}, {"loginId":"ten","picture":"javascript:alert(1)"}]}`)
		if diff := cmp.Diff([]string{
			`loginIds=["one"] roleNames=["Everybody","Reader"] password=true TOTP=false status="enabled"`,
			`loginIds=["five"] roleNames=["Everybody"] password=true TOTP=true status="enabled"`,
			`loginIds=["eight"] roleNames=["Everybody"] password=false TOTP=false status="disabled"`,
		}, lines(got, "createdUsers", "loginIds", "roleNames", "password", "TOTP", "status")); diff != "" {
			t.Errorf("made (-want +got):\n%s", diff)
		}
		if came := lines(got, "createdUsers", "createdTime"); came[0] != "createdTime=1500000000" || came[1] == came[0] {
			t.Errorf("they came at %v", came)
		}
		failed := lines(got, "failedUsers", "user.loginIds", "failure")
		for i, want := range []string{
			`["ann@shop.example"] failure="User already exists"`, `["two"] failure="Request is invalid: there is no role`, `["three"] failure="Request is invalid: the custom attribute`,
			`["four"] `, `["six"] `, `["one"] failure="User already exists"`, `[""] `, `["seven"] `,
			`["nine"] failure="Request is invalid: createdTime`, `["ten"] failure="Request is invalid: a picture`,
		} {
			if i >= len(failed) || !strings.Contains(failed[i], want) {
				t.Errorf("failed %d: %v, want %s", i, failed, want)
			}
		}
		if len(failed) != 10 {
			t.Errorf("%d failed: %v", len(failed), failed)
		}
		if total := memberOf(b.ask(t, "POST /v2/mgmt/user/search", `{}`), "total"); total != "4" {
			t.Errorf("there are %s users: one who failed was made", total)
		}

		got = b.ask(t, "PATCH /v1/mgmt/user/patch/batch", `{"users":[{"loginId":"one","name":"One"},{"loginId":"nobody","name":"X"},{"name":"Nobody"},{"loginId":"eight","customAttributes":{"shoe":1},"name":"Eight"}]}`)
		if diff := cmp.Diff([]string{`loginIds=["one"] name="One"`}, lines(got, "patchedUsers", "loginIds", "name")); diff != "" {
			t.Errorf("patched (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff([]string{`user.loginIds=["nobody"] failure="User not found"`, `user.loginIds=[""] failure="` + errNoWho.Message + `"`, `user.loginIds=["eight"] failure="Request is invalid: the project has no custom attribute \"shoe\" of users"`},
			lines(got, "failedUsers", "user.loginIds", "failure")); diff != "" {
			t.Errorf("not patched (-want +got):\n%s", diff)
		}
		if name := of(b.ask(t, "GET /v1/mgmt/user?loginId=eight", ""), "user.name"); name != `user.name=""` {
			t.Errorf("a patch that failed is half there: %s", name)
		}
		id := memberOf(b.ask(t, "GET /v1/mgmt/user?loginId=one", ""), "user.userId")
		b.onUser(t, "delete/batch", `{"userIds":["`+id+`","Unobody"]}`)
		wantFault(t, b.send(t, http.MethodGet, "/v1/mgmt/user?userId="+id, ""), http.StatusNotFound, "E112102")
	})
}

// Whoever is invited waits until they come, for as long as the project says, and gets
// the message that it says.
func TestUserInvite(t *testing.T) {
	t.Parallel()
	testkit.Databases(t, func(t *testing.T, url string) {
		b := setup(t, url)
		up := &snapshot.Upload{SameIDs: true, Files: snapshot.Files{"project.json": []byte(`{"inviteUrl":"https://shop.example/join","inviteExpireUser":true,"inviteExpirationTime":2,"inviteExpirationTimeUnit":"days",
			"inviteSendEmail":true,"trustedDomains":"shop.example","testUserRegex":"^tester","inviteMagicLink":true}`)}}
		if _, err := b.Projects.Import(t.Context(), tester, project.Import{Project: b.project, Upload: up}); err != nil {
			t.Fatal(err)
		}
		sent := func(to string) []string {
			t.Helper()
			var out []string
			for _, m := range b.messages {
				if m.To == to {
					out = append(out, m.Subject+" "+m.Text)
				}
			}
			return out
		}
		got := b.onUser(t, "create", `{"loginId":"ann@shop.example","invite":true}`)
		if got := of(got, "created", "user.status"); got != `created=true user.status="invited"` {
			t.Errorf("the invited user: %s", got)
		}
		if m := sent("ann@shop.example"); len(m) != 1 || !strings.Contains(m[0], "https://shop.example/join?t=") {
			t.Errorf("the message: %v", m)
		}
		u, err := b.Users.Find(t.Context(), b.project, "", "ann@shop.example")
		if err != nil || time.Until(u.ExpiresAt) < 47*time.Hour || time.Until(u.ExpiresAt) > 48*time.Hour {
			t.Errorf("the invitation ends %v, %v", u.ExpiresAt, err)
		}
		for _, tt := range []struct {
			name, body, want string
			to               string
			messages         int
		}{
			{"again, by login id", `{"loginId":"ann@shop.example","invite":true}`, "created=false", "ann@shop.example", 2},
			{"again, by id", `{"loginId":"` + u.ID + `","invite":true}`, "created=false", "ann@shop.example", 3},
			{"to another page that is trusted", `{"loginId":"bob@shop.example","invite":true,"inviteUrl":"https://shop.example/b"}`, "created=true", "bob@shop.example", 1},
			{"with no message", `{"loginId":"carl@shop.example","invite":true,"sendMail":false}`, "created=true", "carl@shop.example", 0},
			{"for tests", `{"loginId":"tester@shop.example","invite":true}`, "created=true", "tester@shop.example", 0},
			{"not invited", `{"loginId":"dora@shop.example","sendMail":true}`, "created=true", "dora@shop.example", 0},
		} {
			if got := of(b.onUser(t, "create", tt.body), "created"); got != tt.want {
				t.Errorf("%s: %s", tt.name, got)
			}
			if m := sent(tt.to); len(m) != tt.messages {
				t.Errorf("%s: %d messages: %v", tt.name, len(m), m)
			}
		}
		if m := sent("bob@shop.example"); !strings.Contains(m[0], "https://shop.example/b?t=") {
			t.Errorf("the page of the call is not in the message: %v", m)
		}
		before := testkit.Rows(t, b.Projects.DB)
		wantFault(t, b.send(t, http.MethodPost, "/v1/mgmt/user/create", `{"loginId":"eve@shop.example","invite":true,"inviteUrl":"https://evil.example/"}`), http.StatusBadRequest, project.ErrUntrusted.Code)
		wantFault(t, b.send(t, http.MethodPost, "/v1/mgmt/user/create", `{"loginId":"`+u.ID[:20]+`AAAAAAAA","invite":true}`), http.StatusNotFound, "E112102")
		wantFault(t, b.send(t, http.MethodPost, "/v1/mgmt/user/create", `{"loginId":"hal","invite":true}`), http.StatusBadRequest, errNoAddress.Code)
		if after := testkit.Rows(t, b.Projects.DB); len(after["users"]) != len(before["users"]) {
			t.Error("who could not be told was made")
		}
		got = b.onUser(t, "create/batch", `{"invite":true,"users":[{"loginId":"fay@shop.example"},{"loginId":"gus"}]}`)
		if got := of(got, "additionalErrors", "failedUsers"); got != `additionalErrors={"gus":"Request is invalid: the user has no address or number that the invitation could go to"} failedUsers=[]` {
			t.Errorf("a batch with one who has no address: %s", got)
		}
	})
}

// Custom attributes are a part of the configuration: a change of them is a revision.
func TestUserAttributes(t *testing.T) {
	t.Parallel()
	testkit.Databases(t, func(t *testing.T, url string) {
		b := setup(t, url)
		up := &snapshot.Upload{Files: snapshot.Files{"attributes.json": []byte(`{"user":[{"name":"nick","displayName":"Nick","type":"string","ours":1}],"tenant":[{"name":"plan","displayName":"Plan","type":"string"}],"more":2}`)}}
		if _, err := b.Projects.Import(t.Context(), tester, project.Import{Project: b.project, Upload: up}); err != nil {
			t.Fatal(err)
		}
		b.onUser(t, "create", `{"loginId":"ann","customAttributes":{"nick":"A"}}`)
		got := b.onUser(t, "customattribute/create", `{"attributes":[{"name":"tier","type":4,"displayName":"Tier","options":[{"value":"gold","label":"Gold"}],"defaultValue":"gold"},{"name":"age","type":2},{"name":"note"}]}`)
		if diff := cmp.Diff([]string{
			`name="nick" type=1 displayName="Nick" options=[]`, `name="tier" type=4 displayName="Tier" options=[{"label":"Gold","value":"gold"}]`,
			`name="age" type=2 displayName="age" options=[]`, `name="note" type=1 displayName="note" options=[]`,
		}, lines(got, "data", "name", "type", "displayName", "options")); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		b.onUser(t, "update/customAttribute", `{"loginId":"ann","attributeKey":"tier","attributeValue":"gold"}`)
		files, rev, err := b.Projects.Export(t.Context(), b.project, snapshot.FormatPlain)
		if err != nil {
			t.Fatal(err)
		}
		if text := string(files["attributes.json"]); rev.Number != 2 || !strings.Contains(text, `"ours":1`) || !strings.Contains(text, `"plan"`) || !strings.Contains(text, `"more":2`) {
			t.Errorf("revision %d: what the call is not about is gone: %s", rev.Number, text)
		}
		for body, code := range map[string]string{
			`{"attributes":[{"name":"nick"}]}`:              "P40960",
			`{"attributes":[{"name":"x","type":8}]}`:        "E011003",
			`{"attributes":[{"name":"has a blank in it"}]}`: "E113007",
			`{"attributes":[]}`:                             "E011002",
			`{"attributes":[{"name":"y","type":"dwarf"}]}`:  "E011003",
			`{"attributes":[{"name":"z"},{"name":"z"}]}`:    "P40960",
		} {
			w := b.send(t, http.MethodPost, "/v1/mgmt/user/customattribute/create", body)
			if !strings.Contains(w.Body.String(), code) {
				t.Errorf("%s: %d %s, want %s", body, w.Code, w.Body, code)
			}
		}
		got = b.onUser(t, "customattribute/delete", `{"names":["nick","age","never"]}`)
		if got := of(got, "total"); got != `total="2"` {
			t.Errorf("after the removal: %s", got)
		}
		if got := of(b.ask(t, "GET /v1/mgmt/user?loginId=ann", ""), "user.customAttributes"); got != `user.customAttributes={"tier":"gold"}` {
			t.Errorf("a value of an attribute that is gone shows: %s", got)
		}
		b.ask(t, "POST /v1/mgmt/project/rollback", `{"revision":2}`)
		if got := of(b.ask(t, "GET /v1/mgmt/user?loginId=ann", ""), "user.customAttributes"); got != `user.customAttributes={"nick":"A","tier":"gold"}` {
			t.Errorf("a rollback did not bring the value back: %s", got)
		}
	})
}
