package api

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"postern/internal/audit"
	"postern/internal/testkit"
)

// tenanted puts two tenants beside the users of a project.
func (b *bundle) tenanted(t *testing.T, ids ...string) *bundle {
	t.Helper()
	for _, id := range ids {
		b.ask(t, "POST /v1/mgmt/tenant/create", `{"id":"`+id+`","name":"Tenant `+id+`"}`)
	}
	return b
}

// ann is the user of these tests, and bob the other one.
const (
	ann = `{"loginId":"ann@shop.example","displayName":"Ann","givenName":"Ann","additionalLoginIds":["ann"],"verifiedEmail":true,"roleNames":["Reader"],
		"userTenants":[{"tenantId":"T1","roleNames":["Reader"]}],"customAttributes":{"nick":"A","age":5},"ssoAppIds":["SA1"],"picture":"https://shop.example/a.png"}`
	bob = `{"loginId":"bob@shop.example"}`
)

// Each row is a call about Ann, as she was made, and what she is after it; or the
// code of what she is refused.
func TestUserChanges(t *testing.T) {
	t.Parallel()
	rows := []struct{ name, call, body, want string }{
		{
			"an update replaces what it says and takes away the rest", "POST update", `{"loginId":"ann","email":"","phone":"","displayName":"Anna","givenName":"","middleName":"","familyName":"","roleNames":null,"userTenants":[],"customAttributes":null,"picture":"","additionalLoginIds":null,"ssoAppIDs":null}`,
			`loginIds=["ann@shop.example","ann"] name="Anna" givenName="" email="" verifiedEmail=false roleNames=[] userTenants=[] customAttributes={} ssoAppIds=[] picture=""`,
		},
		{"an update with the same address keeps it verified", "POST update", `{"loginId":"ann","email":"Ann@shop.example","name":"Ann"}`, `email="ann@shop.example" verifiedEmail=true`},
		{"an update with another address does not take it for verified", "POST update", `{"loginId":"ann","email":"new@shop.example"}`, `email="new@shop.example" verifiedEmail=false`},
		{"an update sets further login ids", "POST update", `{"loginId":"ann","additionalIdentifiers":["a2","ann@shop.example"]}`, `loginIds=["ann@shop.example","a2"]`},
		{
			"a patch leaves what it does not say", "PATCH patch", `{"loginId":"ann","name":"Anna"}`,
			`loginIds=["ann@shop.example","ann"] name="Anna" givenName="Ann" email="ann@shop.example" verifiedEmail=true roleNames=["Everybody","Reader"] customAttributes={"age":5,"nick":"A"} ssoAppIds=["SA1"]`,
		},
		{"a patch leaves what is null", "PATCH patch", `{"loginId":"ann","displayName":null,"roleNames":null,"email":null}`, `name="Ann" roleNames=["Everybody","Reader"] email="ann@shop.example"`},
		{"a patch sets some custom attributes and removes those that are null", "PATCH patch", `{"loginId":"ann","customAttributes":{"age":null,"vip":true}}`, `customAttributes={"nick":"A","vip":true}`},
		{
			"a patch replaces lists", "PATCH patch", `{"loginId":"ann","roleNames":["Writer"],"ssoAppIds":[],"userTenants":[{"tenantId":"T2"}],"additionalLoginIds":[]}`,
			`loginIds=["ann@shop.example"] roleNames=["Writer"] ssoAppIds=[] userTenants=[{"permissions":[],"roleNames":[],"tenantId":"T2","tenantName":"Tenant T2"}]`,
		},
		{"a patch says that a directory manages the user", "PATCH patch", `{"loginId":"ann","scim":true}`, `SCIM=true`},
		{"a patch with a login id of somebody else", "PATCH patch", `{"loginId":"ann","additionalLoginIds":["bob@shop.example"]}`, "E062107"},
		{"a patch with no user", "PATCH patch", `{"name":"Anna"}`, "E011002"},
		{"a patch of a user that there is not", "PATCH patch", `{"loginId":"nobody","name":"Anna"}`, "E112102"},

		{"the name alone", "POST update/name", `{"loginId":"ann","displayName":"Anna"}`, `name="Anna" givenName="Ann"`},
		{"the parts of a name", "POST update/name", `{"loginId":"ann","givenName":"","middleName":"M","familyName":"F"}`, `name="Ann" givenName="" middleName="M" familyName="F"`},
		{"a name with a line break inside", "POST update/name", `{"loginId":"ann","name":"A\r\nBcc: x"}`, "E011003"},
		{"an address, verified", "POST update/email", `{"loginId":"ann","email":"New@Shop.example","verified":true}`, `email="new@shop.example" verifiedEmail=true loginIds=["ann@shop.example","ann"]`},
		{"an address, not verified", "POST update/email", `{"loginId":"ann","email":"ann@shop.example"}`, `email="ann@shop.example" verifiedEmail=false`},
		{"no address", "POST update/email", `{"loginId":"ann","email":"","verified":true}`, `email="" verifiedEmail=false`},
		{"an address that is none", "POST update/email", `{"loginId":"ann","email":"a@b@c"}`, "E011003"},
		{"the login id of another user as an address, where that is a conflict", "POST update/email", `{"loginId":"ann","email":"bob@shop.example","failOnConflict":true}`, "E062107"},
		{"the login id of another user as an address, where it is not", "POST update/email", `{"loginId":"ann","email":"bob@shop.example"}`, `email="bob@shop.example"`},
		{"her own login id as an address", "POST update/email", `{"loginId":"ann","email":"ann@shop.example","failOnConflict":true}`, `email="ann@shop.example"`},
		{"a number as people write it", "POST update/phone", `{"loginId":"ann","phone":"+1 (202) 555-0143","verified":true}`, `phone="+12025550143" verifiedPhone=true`},
		{"a number without its country", "POST update/phone", `{"loginId":"ann","phone":"5550143"}`, "E011003"},
		{"a second address", "POST update/recovery/email", `{"loginId":"ann","recoveryEmail":"R@Shop.example","verified":true}`, `recoveryEmail="r@shop.example" verifiedRecoveryEmail=true`},
		{"a second number", "POST update/recovery/phone", `{"loginId":"ann","recoveryPhone":"+12025550144"}`, `recoveryPhone="+12025550144" verifiedRecoveryPhone=false`},
		{"another login id for one", "POST update/loginid", `{"loginId":"ann","newLoginId":"anna"}`, `loginIds=["ann@shop.example","anna"]`},
		{"one login id less", "POST update/loginid", `{"loginId":"ann@shop.example","newLoginId":""}`, `loginIds=["ann"]`},
		{"the login id of another user for one", "POST update/loginid", `{"loginId":"ann","newLoginId":"Bob@shop.example"}`, "E062107"},
		{"no login id for the last one", "POST update/loginid", `{"loginId":"bob@shop.example"}`, "E011003"},
		{"a picture", "POST update/picture", `{"loginId":"ann","picture":"https://shop.example/b.png"}`, `picture="https://shop.example/b.png"`},
		{"no picture", "POST update/picture", `{"loginId":"ann","picture":""}`, `picture=""`},
		{"disabled", "POST update/status", `{"loginId":"ann","status":"disabled"}`, `status="disabled"`},
		{"a status that there is not", "POST update/status", `{"loginId":"ann","status":"expired"}`, "E011003"},
		{"a consent with an end", "POST update/impersonationConsent", `{"loginId":"ann","impersonationConsent":"1900000000"}`, `consentExpiration=1900000000`},
		{"a consent with an end before all time", "POST update/impersonationConsent", `{"loginId":"ann","impersonationConsent":-1}`, "E011003"},

		{"text", "POST update/customAttribute", `{"loginId":"ann","attributeKey":"nick","attributeValue":"B"}`, `customAttributes={"age":5,"nick":"B"}`},
		{"a number for text", "POST update/customAttribute", `{"loginId":"ann","attributeKey":"nick","attributeValue":5}`, "E011003"},
		{"text for a number", "POST update/customAttribute", `{"loginId":"ann","attributeKey":"age","attributeValue":"5"}`, "E011003"},
		{"text for a boolean", "POST update/customAttribute", `{"loginId":"ann","attributeKey":"vip","attributeValue":"true"}`, "E011003"},
		{"an option", "POST update/customAttribute", `{"loginId":"ann","attributeKey":"tier","attributeValue":"gold"}`, `customAttributes={"age":5,"nick":"A","tier":"gold"}`},
		{"no option", "POST update/customAttribute", `{"loginId":"ann","attributeKey":"tier","attributeValue":"Gold"}`, "E011003"},
		{"options, one twice", "POST update/customAttribute", `{"loginId":"ann","attributeKey":"likes","attributeValue":["tea","milk","tea"]}`, `customAttributes={"age":5,"likes":["tea","milk"],"nick":"A"}`},
		{"options, one unknown", "POST update/customAttribute", `{"loginId":"ann","attributeKey":"likes","attributeValue":["tea","rum"]}`, "E011003"},
		{"one option for a list", "POST update/customAttribute", `{"loginId":"ann","attributeKey":"likes","attributeValue":"tea"}`, "E011003"},
		{"a date", "POST update/customAttribute", `{"loginId":"ann","attributeKey":"born","attributeValue":"2001-02-28"}`, `customAttributes={"age":5,"born":"2001-02-28","nick":"A"}`},
		{"no date", "POST update/customAttribute", `{"loginId":"ann","attributeKey":"born","attributeValue":"2001-02-30"}`, "E011003"},
		{"a month and a day", "POST update/customAttribute", `{"loginId":"ann","attributeKey":"party","attributeValue":"02-29"}`, `customAttributes={"age":5,"nick":"A","party":"02-29"}`},
		{"no month", "POST update/customAttribute", `{"loginId":"ann","attributeKey":"party","attributeValue":"13-01"}`, "E011003"},
		{"a custom attribute that there is not", "POST update/customAttribute", `{"loginId":"ann","attributeKey":"shoe","attributeValue":5}`, "E011003"},
		{"null takes a custom attribute away", "POST update/customAttribute", `{"loginId":"ann","attributeKey":"nick","attributeValue":null}`, `customAttributes={"age":5}`},

		{"a role more", "POST update/role/add", `{"loginId":"ann","tenantId":"","roleNames":["Writer"]}`, `roleNames=["Everybody","Reader","Writer"] permissions=["read","write"]`},
		{"roles, and no others", "POST update/role/set", `{"loginId":"ann","roleNames":["Writer"]}`, `roleNames=["Writer"]`},
		{"a role less", "POST update/role/remove", `{"loginId":"ann","roleNames":["Reader"]}`, `roleNames=["Everybody"]`},
		{"a role that there is not", "POST update/role/add", `{"loginId":"ann","roleNames":["King"]}`, "E011003"},
		{"a role more in her tenant", "POST update/role/add", `{"loginId":"ann","tenantId":"T1","roleNames":["Writer"]}`, `roleNames=["Everybody","Reader"] userTenants=[{"permissions":["read","write"],"roleNames":["Reader","Writer"],"tenantId":"T1","tenantName":"Tenant T1"}]`},
		{"no role in her tenant", "POST update/role/set", `{"loginId":"ann","tenantId":"T1","roleNames":[]}`, `userTenants=[{"permissions":[],"roleNames":[],"tenantId":"T1","tenantName":"Tenant T1"}]`},
		{"a role in a tenant that is not hers", "POST update/role/add", `{"loginId":"ann","tenantId":"T2","roleNames":["Writer"]}`, "E011003"},
		{"a tenant more", "POST update/tenant/add", `{"loginId":"ann","tenantId":"T2"}`, `userTenants=[{"permissions":["read"],"roleNames":["Reader"],"tenantId":"T1","tenantName":"Tenant T1"},{"permissions":[],"roleNames":[],"tenantId":"T2","tenantName":"Tenant T2"}]`},
		{"a tenant that there is not", "POST update/tenant/add", `{"loginId":"ann","tenantId":"T9"}`, "E011003"},
		{"a tenant less, with the roles there", "POST update/tenant/remove", `{"loginId":"ann","tenantId":"T1"}`, `userTenants=[] roleNames=["Everybody","Reader"]`},
		{"a tenant less that is not hers", "POST update/tenant/remove", `{"loginId":"ann","tenantId":"T2"}`, `userTenants=[{"permissions":["read"],"roleNames":["Reader"],"tenantId":"T1","tenantName":"Tenant T1"}]`},
		{"an application more", "POST update/ssoapp/add", `{"loginId":"ann","ssoAppIds":["SA2"]}`, `ssoAppIds=["SA1","SA2"]`},
		{"applications, and no others", "POST update/ssoapp/set", `{"loginId":"ann","ssoAppIds":["SA3"]}`, `ssoAppIds=["SA3"]`},
		{"an application less", "POST update/ssoapp/remove", `{"loginId":"ann","ssoAppIds":["SA1"]}`, `ssoAppIds=[]`},
		{"an application that there is not", "POST update/ssoapp/add", `{"loginId":"ann","ssoAppIds":["SA2","SA9"]}`, "E011003"},
		{"a patch with an application that there is not", "PATCH patch", `{"loginId":"ann","ssoAppIds":["SA9"]}`, "E011003"},
		{"an update with an application that every project has", "POST update", `{"loginId":"ann","ssoAppIDs":["descope-default-oidc"]}`, `ssoAppIds=["descope-default-oidc"]`},
	}
	testkit.Databases(t, func(t *testing.T, url string) {
		b := setup(t, url).staffed(t).tenanted(t, "T1", "T2")
		for _, tt := range rows {
			b.ask(t, "DELETE /v1/mgmt/user/test/delete/all", "")
			b.onUser(t, "create/test", ann)
			b.onUser(t, "create/test", bob)
			method, path, _ := strings.Cut(tt.call, " ")
			if !strings.Contains(tt.want, "=") {
				w := b.send(t, method, "/v1/mgmt/user/"+path, tt.body)
				before := of(b.ask(t, "GET /v1/mgmt/user?loginId=ann", ""), "user.name", "user.email", "user.loginIds", "user.customAttributes", "user.roleNames")
				if !strings.Contains(w.Body.String(), `"errorCode":"`+tt.want+`"`) || w.Code < 400 {
					t.Errorf("%s: %d %s, want %s", tt.name, w.Code, w.Body, tt.want)
				}
				if want := `user.name="Ann" user.email="ann@shop.example" user.loginIds=["ann@shop.example","ann"] user.customAttributes={"age":5,"nick":"A"} user.roleNames=["Everybody","Reader"]`; before != want {
					t.Errorf("%s: the refusal changed her: %s", tt.name, before)
				}
				continue
			}
			b.ask(t, method+" /v1/mgmt/user/"+path, tt.body)
			loaded := b.ask(t, "GET /v1/mgmt/user?loginId="+map[bool]string{true: "ann", false: "ann@shop.example"}[strings.Contains(tt.name, "login id less")], "")
			var members []string
			for pair := range strings.SplitSeq(tt.want, " ") {
				if name, _, ok := strings.Cut(pair, "="); ok {
					members = append(members, "user."+name)
				}
			}
			if diff := cmp.Diff(tt.want, strings.ReplaceAll(of(loaded, members...), "user.", "")); diff != "" {
				t.Errorf("%s: (-want +got):\n%s", tt.name, diff)
			}
		}
	})
}

// What changes is in the audit, by the names of the fields: the data of people is
// not. What changes nothing is not there.
func TestUserAudit(t *testing.T) {
	t.Parallel()
	testkit.Databases(t, func(t *testing.T, url string) {
		b := setup(t, url).staffed(t).tenanted(t, "T1")
		id := strings.Trim(strings.TrimPrefix(of(b.onUser(t, "create", ann), "user.userId"), "user.userId="), `"`)
		b.onUser(t, "update/name", `{"loginId":"ann","name":"Secret Name"}`)
		b.onUser(t, "update/name", `{"loginId":"ann","name":"Secret Name"}`)
		b.ask(t, "PATCH /v1/mgmt/user/patch", `{"loginId":"ann","customAttributes":{"nick":"secret nick"},"email":"secret@shop.example"}`)
		b.onUser(t, "create/test", `{"loginId":"tester1"}`)
		b.ask(t, "DELETE /v1/mgmt/user/test/delete/all", "")
		b.onUser(t, "delete", `{"loginId":"`+id+`"}`)
		w := b.send(t, http.MethodPost, "/v1/mgmt/user/delete", `{"loginId":"`+id+`"}`)
		wantFault(t, w, http.StatusNotFound, "E112102")
		events, _, err := audit.Find(t.Context(), b.Projects.DB, audit.Search{Project: b.project, Limit: 20})
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, e := range events {
			if strings.HasPrefix(e.Action, "user.") {
				got = append(got, e.Action+" "+strings.ReplaceAll(of(e.Details, "user", "fields", "count"), id, "U"))
			}
			if text := of(map[string]any{"details": e.Details}, "details"); strings.Contains(strings.ToLower(text), "secret") {
				t.Errorf("the audit tells of a person: %s %s", e.Action, text)
			}
		}
		want := []string{
			`user.delete user="U" fields=null count=null`,
			`user.deleteTest user=null fields=null count=1`,
			got[2], // the creation of the test user, whose id is not known
			`user.update user="U" fields=["email","verifiedEmail","customAttributes"] count=null`,
			`user.update user="U" fields=["name"] count=null`,
			`user.create user="U" fields=null count=null`,
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}
