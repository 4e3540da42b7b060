package api

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"postern/internal/store"
	"postern/internal/testkit"
)

// crowd makes the users of the search: ann in T1 and T11 under it, bob in T2, carl
// disabled, dora invited, eve invited too long ago, and tom, who is for tests.
func (b *bundle) crowd(t *testing.T) map[string]string {
	t.Helper()
	b.staffed(t).tenanted(t, "T1", "T2")
	b.ask(t, "POST /v1/mgmt/tenant/create", `{"id":"T11","name":"Under","parent":"T1"}`)
	ids := map[string]string{}
	for _, body := range []string{
		`{"loginId":"ann@shop.example","additionalLoginIds":["ann"],"name":"Ann Archer","phone":"+12025550143","verifiedEmail":true,"roleNames":["Reader"],"userTenants":[{"tenantId":"T1","roleNames":["Reader","Writer"]},{"tenantId":"T11"}],
			"customAttributes":{"age":5,"tier":"gold","likes":["tea","milk"]},"ssoAppIds":["SA1"],"recoveryEmail":"second@shop.example","verifiedRecoveryEmail":true}`,
		`{"loginId":"bob","name":"Bob 100%","email":"bob@shop.example","roleNames":["Writer"],"userTenants":[{"tenantId":"T2","roleNames":["Reader"]}],"customAttributes":{"age":6,"nick":"5","vip":true},"ssoAppIds":["SA1","SA2"]}`,
		`{"loginId":"carl","givenName":"Carl_","status":"disabled","customAttributes":{"likes":["milk"]},"recoveryPhone":"+12025550144","verifiedRecoveryPhone":true,"phone":"+12025550145","verifiedPhone":true}`,
		`{"loginId":"dora","invite":true,"sendMail":false,"userTenants":[{"tenantId":"T11"}]}`,
		`{"loginId":"eve","invite":true,"sendMail":false}`,
		`{"loginId":"tester1","name":"Tom Archer"}`,
	} {
		u := b.onUser(t, "create", body)
		ids[memberOf(u, "user.loginIds")] = memberOf(u, "user.userId")
	}
	b.ask(t, "PATCH /v1/mgmt/user/patch", `{"loginId":"bob","scim":true}`)
	err := b.Projects.DB.Write(t.Context(), func(_ context.Context, tx *store.Tx) error {
		for i, name := range []string{"ann", "bob", "carl", "dora", "eve", "tester1"} {
			if _, err := tx.Exec(`UPDATE users SET created_at = $2, modified_at = $3, expires_at = CASE WHEN expires_at = 0 OR $4 = 'eve' THEN expires_at / 1000 ELSE expires_at END
				WHERE project = $1 AND id = (SELECT user_id FROM login_ids WHERE project = $1 AND login_id = $4)`, b.project, 1000+i, 2000-i, name); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return ids
}

// Each row is a search and whom it finds, in order.
func TestUserSearch(t *testing.T) {
	t.Parallel()
	rows := []struct{ name, body, want string }{
		{"nothing asked, as the Go SDK sends it: all but test users, the oldest first", `{"tenantIds":null,"roleNames":null,"limit":0,"page":0,"sort":null,"text":"","loginIds":null,"testUsersOnly":false,"withTestUser":false,"customAttributes":null,"statuses":null,
			"emails":null,"phones":null,"ssoAppIds":null,"fromCreatedTime":0,"toCreatedTime":0,"fromModifiedTime":0,"toModifiedTime":0,"userIds":null,"tenantRoleIds":null,"tenantRoleNames":null,"includeSubTenants":false}`, "ann bob carl dora eve"},
		{"with test users", `{"withTestUser":true}`, "ann bob carl dora eve tester1"},
		{"test users only", `{"testUsersOnly":true}`, "tester1"},
		{"a login id", `{"loginIds":["ANN@shop.example","carl","nobody"]}`, "ann carl"},
		{"one login id", `{"loginId":"bob"}`, "bob"},
		{"a login id that is none", `{"loginIds":["nobody"]}`, ""},
		{"an id", `{"userIds":["$carl"]}`, "carl"},
		{"an address", `{"emails":["Bob@shop.example","x@y.example"]}`, "bob"},
		{"a number as people write it", `{"phones":["+1 202-555-0143"]}`, "ann"},
		{"text in a name, whatever its case", `{"text":"archer"}`, "ann"},
		{"text in a login id", `{"text":"DOR"}`, "dora"},
		{"text that is an id", `{"text":"$bob"}`, "bob"},
		{"text with a sign that stands for others in SQL", `{"text":"100%"}`, "bob"},
		{"text that is one such sign", `{"text":"_"}`, "carl"},
		{"text that would end a string", `{"text":"'; DROP TABLE users; --"}`, ""},
		{"who is enabled", `{"statuses":["enabled"]}`, "ann bob"},
		{"who is disabled, or invited and awaited", `{"statuses":["disabled","invited"]}`, "carl dora"},
		{"whose invitation ended", `{"statuses":["expired"]}`, "eve"},
		{"a tenant", `{"tenantIds":["T2"]}`, "bob"},
		{"a tenant, or one under it", `{"tenantIds":["T1","T2"]}`, "ann bob"},
		{"a tenant that there is not", `{"tenantIds":["T9"],"includeSubTenants":true}`, ""},
		{"a tenant under one", `{"tenantIds":["T11"],"includeSubTenants":true}`, "ann dora"},
		{"a tenant alone", `{"tenantIds":["T1"]}`, "ann"},
		{"a tenant and those under it", `{"tenantIds":["T1"],"includeSubTenants":true}`, "ann dora"},
		{"a role, in the project or in a tenant", `{"roleNames":["Reader"]}`, "ann bob"},
		{"a role, in the project or in that tenant", `{"roleNames":["Writer"],"tenantIds":["T2"]}`, "bob"},
		{"a role that there is not", `{"roleNames":["King"]}`, ""},
		{"one of roles in a tenant, by id", `{"tenantRoleIds":{"T1":{"values":["R1","R3"]}}}`, "ann"},
		{"all of roles in a tenant, by id", `{"tenantRoleIds":{"T1":{"values":["R1","R3"],"and":true}}}`, ""},
		{"all of roles in a tenant, by name", `{"tenantRoleNames":{"T1":{"values":["Reader","Writer"],"and":true}}}`, "ann"},
		{"roles in one of two tenants", `{"tenantRoleNames":{"T1":{"values":["Writer"]},"T2":{"values":["Reader"]}}}`, "ann bob"},
		{"a role in a tenant that there is not", `{"tenantRoleNames":{"T1":{"values":["King"]}}}`, ""},
		{"an application", `{"ssoAppIds":["SA2"]}`, "bob"},
		{"a part of an application's id", `{"ssoAppIds":["SA"]}`, ""},
		{"a custom attribute", `{"customAttributes":{"age":5}}`, "ann"},
		{"a custom attribute, one of two values", `{"customAttributes":{"age":[5,6]}}`, "ann bob"},
		{"a number is not its text", `{"customAttributes":{"nick":5}}`, ""},
		{"two custom attributes", `{"customAttributes":{"age":6,"vip":true}}`, "bob"},
		{"an element of a list", `{"customAttributes":{"likes":"milk"}}`, "ann carl"},
		{"verified addresses", `{"verifiedEmail":true}`, "ann"},
		{"unverified addresses", `{"verifiedEmail":false,"roleNames":["Writer"]}`, "bob"},
		{"a second address", `{"recoveryEmails":["Second@shop.example"]}`, "ann"},
		{"a second address, verified", `{"verifiedRecoveryEmail":true}`, "ann"},
		{"a second address, unverified", `{"verifiedRecoveryEmail":false,"statuses":["enabled"]}`, "bob"},
		{"a second number", `{"recoveryPhones":["+1 202-555-0144"]}`, "carl"},
		{"a second number, verified", `{"verifiedRecoveryPhone":true}`, "carl"},
		{"a second number, unverified", `{"verifiedRecoveryPhone":false,"statuses":["disabled","enabled"]}`, "ann bob"},
		{"verified numbers", `{"verifiedPhone":true}`, "carl"},
		{"unverified numbers", `{"verifiedPhone":false,"statuses":["disabled","enabled"]}`, "ann bob"},
		{"who has no password", `{"password":false,"statuses":["enabled"]}`, "ann bob"},
		{"who has an authenticator app", `{"totp":true}`, ""},
		{"who has none", `{"totp":false,"statuses":["enabled"]}`, "ann bob"},
		{"who has a passkey", `{"webauthn":true}`, ""},
		{"who has no passkey", `{"webauthn":false,"statuses":["enabled"]}`, "ann bob"},
		{"who signs in by a provider of a tenant", `{"ssoOnly":true}`, ""},
		{"who comes from a directory", `{"scimOnly":true}`, "bob"},
		{"who comes from none", `{"scim":false,"statuses":["enabled"]}`, "ann"},
		{"who has a password", `{"password":true}`, ""},
		{"who was made from a time on, in milliseconds", `{"fromCreatedTime":1003000}`, "dora eve"},
		{"who was made after a second began", `{"fromCreatedTime":1003001}`, "eve"},
		{"who was made up to a time, as text", `{"toCreatedTime":"1001999"}`, "ann bob"},
		{"who was changed between two times", `{"fromModifiedTime":"1997000","toModifiedTime":1998000}`, "carl dora"},
		{"the newest first", `{"sort":[{"field":"createdTime","desc":true}]}`, "eve dora carl bob ann"},
		{"by what was changed first", `{"sort":[{"field":"modifiedTime"}],"limit":2}`, "eve dora"},
		{"by login id, backwards", `{"sort":[{"field":"loginId","desc":true}]}`, "eve dora carl bob ann"},
		{"by login ids, as the wire calls them", `{"sort":[{"field":"loginIds"}]}`, "ann bob carl dora eve"},
		{"the second page", `{"limit":2,"page":1}`, "carl dora"},
		{"from the fourth on", `{"offset":3}`, "dora eve"},
		{"a page after the last", `{"limit":2,"page":9}`, ""},
		{"two conditions at once", `{"tenantIds":["T1"],"statuses":["disabled"]}`, ""},
	}
	testkit.Databases(t, func(t *testing.T, url string) {
		b := setup(t, url)
		ids := b.crowd(t)
		names := map[string]string{}
		var expand []string
		for logins, id := range ids {
			name := logins
			for _, short := range []string{"ann", "bob", "carl", "dora", "eve", "tester1"} {
				if strings.Contains(logins, short) {
					name = short
				}
			}
			names[id] = name
			expand = append(expand, "$"+name, id)
		}
		for _, tt := range rows {
			answer := b.ask(t, "POST /v2/mgmt/user/search", strings.NewReplacer(expand...).Replace(tt.body))
			if got := strings.Join(found(answer, names), " "); got != tt.want {
				t.Errorf("%s: found %q, want %q", tt.name, got, tt.want)
			}
			if total := memberOf(answer, "total"); !strings.Contains(tt.body, `"limit":2`) && !strings.Contains(tt.body, "offset") && total != fmt.Sprint(len(strings.Fields(tt.want))) {
				t.Errorf("%s: the total is %s", tt.name, total)
			}
		}
		if got := memberOf(b.ask(t, "POST /v1/mgmt/user/search", `{"limit":2}`), "total"); got != "5" {
			t.Errorf("the total of a page is %s", got)
		}
		if got := found(b.ask(t, "POST /v2/mgmt/user/search/test", `{}`), names); !slices.Equal(got, []string{"tester1"}) {
			t.Errorf("the search of test users finds %v", got)
		}
		for _, body := range []string{`{"limit":-1}`, `{"limit":1001}`, `{"page":-1}`, `{"sort":[{"field":"password"}]}`, `{"sort":[{"field":"u.id; DROP TABLE users"}]}`} {
			wantFault(t, b.send(t, http.MethodPost, "/v2/mgmt/user/search", body), http.StatusBadRequest, "E011003")
		}
		// Loading by ids leaves out who may not sign in, unless asked not to.
		list := `["` + strings.Join([]string{ids[`["bob"]`], ids[`["carl"]`], ids[`["eve"]`], "Unobody"}, `","`) + `"]`
		for body, want := range map[string]string{`{"userIds":` + list + `}`: "bob", `{"userIds":` + list + `,"includeInvalidUsers":true}`: "bob carl eve"} {
			if got := strings.Join(found(b.ask(t, "POST /v1/mgmt/users/load", body), names), " "); got != want {
				t.Errorf("load %s: %q, want %q", body, got, want)
			}
		}
	})
}

// found returns the names of the users of an answer.
func found(answer map[string]any, names map[string]string) []string {
	var out []string
	users, _ := answer["users"].([]any)
	for _, u := range users {
		out = append(out, names[memberOf(u.(map[string]any), "userId")])
	}
	return out
}

// A key of one project finds, changes and deletes nobody of another project, whatever
// it knows of them.
func TestUsersOfAnotherProject(t *testing.T) {
	t.Parallel()
	testkit.Databases(t, func(t *testing.T, url string) {
		b := setup(t, url).staffed(t).tenanted(t, "T1")
		victim := b.onUser(t, "create", ann)
		id := memberOf(victim, "user.userId")
		mine := b.project
		other := b.ask(t, "POST /v1/mgmt/project/create", `{"name":"Other"}`)
		b.project = memberOf(other, "projectId")
		b.staffed(t).tenanted(t, "T1")
		for _, r := range b.userRoutes() {
			if strings.Contains(r.path, "customattribute") || strings.Contains(r.path, "group") {
				continue
			}
			body := `{"loginId":"` + id + `","userId":"","userIds":["` + id + `"],"identifiers":["` + id + `"],"deviceIds":["D1"],"tenantId":"T1","roleNames":["Reader"],"status":"disabled",
				"name":"A","attributeKey":"nick","attributeValue":"A","users":[{"loginId":"` + id + `","name":"A"}],"newLoginId":"x","text":"` + id + `"}`
			if strings.HasSuffix(r.path, "/create") || strings.Contains(r.path, "create/") {
				continue
			}
			w := b.send(t, r.method, r.path+"?loginId="+id, body)
			if text := w.Body.String(); strings.Contains(text, "Ann") || strings.Contains(text, "ann@shop.example") {
				t.Errorf("%s %s tells of a user of another project: %s", r.method, r.path, text)
			}
			if strings.Contains(r.path, "/update") || strings.HasSuffix(r.path, "/patch") || strings.HasSuffix(r.path, "user") || strings.HasSuffix(r.path, "/delete") {
				wantFault(t, w, http.StatusNotFound, "E112102")
			}
		}
		// The same login ids are free here.
		if got := of(b.onUser(t, "create", ann), "created", "user.loginIds"); got != `created=true user.loginIds=["ann@shop.example","ann"]` {
			t.Errorf("the login ids of another project are taken: %s", got)
		}
		b.project = mine
		if diff := cmp.Diff(of(victim, "user"), of(b.ask(t, "GET /v1/mgmt/user?userId="+id, ""), "user")); diff != "" {
			t.Errorf("the user was changed by another project (-before +after):\n%s", diff)
		}
	})
}

// A text is found in letters of either case, also in those that are not ASCII.
func TestSearchOfTextInEitherCase(t *testing.T) {
	t.Parallel()
	testkit.Databases(t, func(t *testing.T, url string) {
		b := setup(t, url)
		b.staffed(t)
		b.onUser(t, "create", `{"loginId":"ÉLODIE","name":"Éva MÜLLER"}`)
		for _, text := range []string{"Éva", "éva", "ÉVA M", "müller", "Müller", "élodie", "ÉLO"} {
			if total := memberOf(b.ask(t, "POST /v2/mgmt/user/search", `{"text":"`+text+`"}`), "total"); total != "1" {
				t.Errorf("%s: %s are found", text, total)
			}
		}
	})
}
