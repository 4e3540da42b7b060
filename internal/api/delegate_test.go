package api

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"postern/internal/authz"
	"postern/internal/limit"
	"postern/internal/snapshot"
	"postern/internal/testkit"
)

// offices are a project with two tenants, north and south, and people in them. The ids
// of users are by their names.
type offices struct {
	*bundle
	id map[string]string
}

// openOffices makes them; north is under top, and over below. Anna manages north, with all that every project has; Cleo with
// no more than the permission for users. Rita reads there, Sam also in south, where he is
// a boss; Bill is a boss in north, Paul in the whole project, Hilda has a role that tenants
// do not see. Zoe and Olga, who manages it, are of south alone.
func openOffices(t *testing.T, db string) *offices {
	t.Helper()
	o := &offices{bundle: setup(t, db), id: map[string]string{}}
	o.every(t)
	o.open(t, snapshot.Files{
		"project.json":     []byte(`{"projectSelfProvisioning":true,"trustedDomains":"shop.example","inviteUrl":"https://shop.example/in","inviteSendEmail":true,"inviteMagicLink":true}`),
		"permissions.json": []byte(`{"permissions":[{"id":"PR","name":"read"},{"id":"PP","name":"pay"}]}`),
		"roles.json": []byte(`{"roles":[{"id":"R1","name":"Tenant Admin","permissions":["User Admin","SSO Admin","Impersonate"]},{"id":"R2","name":"Clerk","permissions":["User Admin"]},
			{"id":"R3","name":"Reader"},{"id":"R4","name":"Boss","permissions":["pay"]},{"id":"R5","name":"Hidden","private":true},{"id":"R6","name":"Everybody","default":true}]}`),
		"attributes.json": []byte(`{"user":[{"name":"nick","displayName":"Nick","type":"string"},
			{"name":"pay","displayName":"Pay","type":"string","viewPermissions":["pay"]},{"name":"badge","displayName":"Badge","type":"string","editPermissions":["pay","read"]}]}`),
		"applications.json": []byte(`{"applications":[{"id":"SA1","name":"One","oidc":{}}]}`),
	})
	for _, tenant := range [][2]string{{"top", ""}, {"north", "top"}, {"below", "north"}, {"south", ""}} {
		o.post(t, "tenant/create", `{"id":"`+tenant[0]+`","name":"The office `+tenant[0]+`","parent":"`+tenant[1]+`"}`)
	}
	for _, role := range []string{`"name":"Chief","tenantId":"top"`, `"name":"Keeper","tenantId":"below"`, `"name":"Southern","tenantId":"south"`, `"name":"Porter","tenantId":"north","description":"opens"`, `"name":"Foreman","tenantId":"north","permissionNames":["pay"]`, `"name":"Secret","tenantId":"north","private":true`} {
		made := o.post(t, "role/create", `{`+role+`}`)
		o.id[memberOf(made, "name")] = memberOf(made, "id")
	}
	for name, more := range map[string]string{
		"anna":  `"userTenants":[{"tenantId":"north","roleNames":["Tenant Admin"]}]`,
		"cleo":  `"userTenants":[{"tenantId":"north","roleNames":["Clerk"]}]`,
		"rita":  `"userTenants":[{"tenantId":"north","roleNames":["Reader"]}],"name":"Rita","customAttributes":{"nick":"R","pay":"9000","badge":"7"}`,
		"sam":   `"userTenants":[{"tenantId":"north","roleNames":["Reader"]},{"tenantId":"south","roleNames":["Boss","Southern"]}],"ssoAppIds":["SA1"],"recoveryEmail":"sam@home.example"`,
		"bill":  `"userTenants":[{"tenantId":"north","roleNames":["Boss"]}]`,
		"paul":  `"userTenants":[{"tenantId":"north"}],"roleNames":["Boss"]`,
		"hilda": `"userTenants":[{"tenantId":"north","roleNames":["Hidden","Reader"]}]`,
		"zoe":   `"userTenants":[{"tenantId":"south","roleNames":["Southern"]}],"name":"Zoe Zephyr","customAttributes":{"nick":"Zz"},"password":"Secret no 1"`,
		"olga":  `"userTenants":[{"tenantId":"south","roleNames":["Tenant Admin"]}],"roleNames":["Tenant Admin"]`,
	} {
		made := o.onUser(t, "create", `{"loginId":"`+name+`@shop.example",`+more+`}`)
		o.id[name] = memberOf(made, "user.userId")
	}
	for name, more := range map[string]string{
		"plain": `"keyTenants":[{"tenantId":"north","roleNames":["Clerk"]}]`, "strong": `"keyTenants":[{"tenantId":"north","roleNames":["Boss"]}]`,
		"Zeal": `"keyTenants":[{"tenantId":"south","roleNames":["Southern"]}]`, "wide": `"roleNames":["Reader"],"keyTenants":[{"tenantId":"north"}]`,
		"both": `"keyTenants":[{"tenantId":"north"},{"tenantId":"south"}]`, "annas": `"keyTenants":[{"tenantId":"north"}],"userId":"` + o.id["anna"] + `"`,
		"claimant": `"keyTenants":[{"tenantId":"north"}],"customClaims":{"scope":"billing"}`,
	} {
		o.id[name] = memberOf(o.post(t, "accesskey/create", `{"name":"`+name+`",`+more+`}`), "key.id")
	}
	return o
}

// signedIn is the refresh token of somebody.
func (o *offices) signedIn(t *testing.T, name string) string {
	t.Helper()
	return o.join(t, name+"@shop.example").Refresh
}

// ask makes a call of the management, "POST user/search", with a token and headers.
func (o *offices) ask(t *testing.T, call, query, body, token string, headers ...string) *httptest.ResponseRecorder {
	t.Helper()
	method, path, _ := strings.Cut(call, " ")
	if method == http.MethodGet {
		body = ""
	}
	return o.send(t, method, "/v1/mgmt/"+path+query, body, append([]string{"Authorization", o.bearer(token)}, headers...)...)
}

// who are the login ids in an answer, without what is the same in all.
func who(w *httptest.ResponseRecorder) string {
	var out []string
	for _, m := range regexp.MustCompile(`"loginIds":\["([a-z]+)@shop\.example`).FindAllStringSubmatch(w.Body.String(), -1) {
		out = append(out, m[1])
	}
	slices.Sort(out)
	return strings.Join(out, " ")
}

// The calls of the widget that manages users, with the bodies that it sends.
func TestUsersManageTheirTenant(t *testing.T) {
	t.Parallel()
	testkit.Databases(t, func(t *testing.T, db string) {
		o := openOffices(t, db)
		anna := o.signedIn(t, "anna")
		const north = "?tenant=north"
		do := func(call, body string) map[string]any {
			t.Helper()
			return answered[map[string]any](t, o.ask(t, call, north, body, anna, "Origin", "https://shop.example", "X-Descope-Widget-Type", "user-management-widget"))
		}

		if got := who(o.ask(t, "POST user/search", north, `{"limit":10000,"page":0,"withTestUser":false,"text":"","sort":[{"field":"name","desc":false}]}`, anna)); got != "anna bill cleo hilda paul rita sam" {
			t.Errorf("found %s", got)
		}
		for body, want := range map[string]string{
			`{"roleNames":["Reader"]}`: "hilda rita sam", `{"roleNames":["Boss"]}`: "bill", `{"roleNames":["Hidden"]}`: "", `{"roleNames":["Southern"]}`: "",
			`{"tenantIds":["north"],"text":"zoe"}`: "", `{"statuses":["enabled"],"limit":1}`: "anna", `{"customAttributes":{"nick":"R"}}`: "rita",
			`{"userIds":["` + o.id["zoe"] + `","` + o.id["sam"] + `"]}`: "sam", `{"loginIds":["zoe@shop.example"]}`: "",
		} {
			if got := who(o.ask(t, "POST user/search", north, body+"", anna)); body != `{"statuses":["enabled"],"limit":1}` && got != want || body == `{"statuses":["enabled"],"limit":1}` && len(strings.Fields(got)) != 1 {
				t.Errorf("%s finds %q, want %q", body, got, want)
			}
		}

		made := do("POST user/create", `{"loginId":"new@shop.example","email":"new@shop.example","phone":"+1-2025550143","displayName":"New","roleNames":["Reader"],"userTenants":[],
			"customAttributes":{"nick":"N"},"verifiedEmail":true,"verifiedPhone":true,"invite":true}`)
		want := `created=true user.loginIds=["new@shop.example"] user.name="New" user.roleNames=["Reader"] user.status="invited" user.verifiedEmail=false user.editable=true user.userTenants=[{"permissions":[],"roleNames":["Reader"],"tenantId":"north","tenantName":"The office north"}]`
		if got := of(made, "created", "user.loginIds", "user.name", "user.roleNames", "user.status", "user.verifiedEmail", "user.editable", "user.userTenants"); got != want {
			t.Errorf("made %s", got)
		}
		if to := o.lastMessage(t).To; to != "new@shop.example" {
			t.Errorf("the invitation went to %s", to)
		}
		id := memberOf(made, "user.userId")
		if got := of(o.ask2(t, id), "user.roleNames", "user.userTenants"); !strings.Contains(got, `user.roleNames=["Everybody"]`) || !strings.Contains(got, `"roleNames":["Reader"],"tenantId":"north"`) {
			t.Errorf("as the project has it: %s", got)
		}

		got := do("PATCH user/patch", `{"loginId":"rita@shop.example","email":"rita@shop.example","phone":"","displayName":"Rita R","roleNames":["Reader","Clerk"],"customAttributes":{"nick":"RR","badge":"7"}}`)
		if got := of(got, "user.name", "user.roleNames", "user.customAttributes", "user.permissions"); got != `user.name="Rita R" user.roleNames=["Clerk","Reader"] user.customAttributes={"badge":"7","nick":"RR"} user.permissions=["User Admin"]` {
			t.Errorf("patched %s", got)
		}
		if got := of(o.ask2(t, o.id["rita"]), "user.customAttributes"); got != `user.customAttributes={"badge":"7","nick":"RR","pay":"9000"}` {
			t.Errorf("what was not shown is not kept: %s", got)
		}
		do("PATCH user/patch", `{"loginId":"rita@shop.example","roleNames":["Reader"]}`)
		if got := of(do("POST user/update/status", `{"loginId":"rita@shop.example","status":"disabled"}`), "user.status"); got != `user.status="disabled"` {
			t.Error(got)
		}
		do("POST user/update/status", `{"loginId":"rita@shop.example","status":"enabled"}`)
		temporary := memberOf(do("POST user/password/set/temporary", `{"loginId":"rita@shop.example"}`), "cleartext")
		if temporary == "" {
			t.Error("no password")
		}
		if w := o.person(t, "/v1/auth/password/signin", `{"loginId":"rita@shop.example","password":"`+temporary+`"}`, ""); !strings.Contains(w.Body.String(), "E062909") {
			t.Errorf("the temporary password: %d %s", w.Code, w.Body)
		}
		do("POST user/passkeys/delete", `{"loginId":"rita@shop.example"}`)

		w := o.ask(t, "GET user/customattributes", north, "", anna)
		if s := w.Body.String(); w.Code != 200 || !strings.Contains(s, `"name":"nick"`) || strings.Contains(s, `"name":"pay"`) || !strings.Contains(s, `"editable":false`) || !strings.Contains(s, `"total":"2"`) {
			t.Errorf("attributes: %d %s", w.Code, w.Body)
		}
		w = o.ask(t, "GET role/all", north, "", anna)
		if s := w.Body.String(); w.Code != 200 || !strings.Contains(s, `"Clerk"`) || !strings.Contains(s, `"Boss"`) || strings.Contains(s, "Hidden") || strings.Contains(s, "Southern") {
			t.Errorf("roles: %d %s", w.Code, w.Body)
		}

		// Who belongs to another tenant leaves this one; the others are deleted.
		do("POST user/delete/batch", `{"userIds":["`+id+`","`+o.id["sam"]+`"]}`)
		do("POST user/delete/batch", `{"userIds":["`+id+`"]}`)
		if _, there := o.tenantsOf(t, id); there {
			t.Error("who was deleted is there")
		}
		if tenants, _ := o.tenantsOf(t, o.id["sam"]); !slices.Equal(tenants, []string{"south"}) {
			t.Errorf("sam belongs to %v", tenants)
		}

		_, audits := o.actions(t, `{"actorIds":["`+o.id["anna"]+`"],"actions":["user.create","user.update","user.delete"]}`)
		if len(audits.Audits) < 7 || audits.Audits[0].ActorID != o.id["anna"] {
			t.Errorf("the audit names Anna %d times", len(audits.Audits))
		}
	})
}

// The calls of the widgets for roles and for access keys, with the bodies that they send.
func TestUsersManageTheRolesAndKeysOfTheirTenant(t *testing.T) {
	t.Parallel()
	testkit.Databases(t, func(t *testing.T, db string) {
		o := openOffices(t, db)
		cleo := o.signedIn(t, "cleo")
		do := func(call, body string) map[string]any {
			t.Helper()
			return answered[map[string]any](t, o.ask(t, call, "?tenant=north", body, cleo))
		}
		names := func(answer map[string]any, of string) string {
			var out []string
			for _, v := range answer[of].([]any) {
				out = append(out, fmt.Sprint(v.(map[string]any)["name"]))
			}
			slices.Sort(out)
			return strings.Join(out, " ")
		}
		if got := names(do("GET permission/all", ""), "permissions"); got != "User Admin" {
			t.Errorf("permissions %s", got)
		}
		const page = `{"limit":10000,"page":0,"text":"","sort":[]}`
		o.post(t, "role/update", `{"id":"`+o.id["Porter"]+`","newName":"Porter","default":true}`)
		if got := names(do("POST role/search", page), "roles"); got != "Boss Clerk Everybody Foreman Porter Reader Tenant Admin" {
			t.Errorf("roles %s", got)
		}
		made := do("POST role/create", `{"name":"Desk","description":"d","permissionNames":["User Admin"],"tenantId":"north"}`)
		if got := of(made, "name", "tenantId", "permissionNames"); got != `name="Desk" tenantId="north" permissionNames=["User Admin"]` {
			t.Error(got)
		}
		if got := of(do("POST role/update", `{"name":"Porter","newName":"Gate","description":"","permissionNames":[],"tenantId":"north"}`), "id", "name", "default"); got != `id="`+o.id["Porter"]+`" name="Gate" default=true` {
			t.Error(got)
		}
		answered[map[string]any](t, o.ask(t, "PATCH user/patch", "?tenant=north", `{"loginId":"rita@shop.example","roleNames":["Desk","Reader"]}`, cleo))
		do("POST role/delete/batch", `{"roleNames":["Gate","Desk"]}`)
		if got := of(o.ask2(t, o.id["rita"]), "user.userTenants"); !strings.Contains(got, `"roleNames":["Reader"],"tenantId":"north"`) {
			t.Errorf("who had a role that is gone: %s", got)
		}

		key := do("POST accesskey/create", `{"name":"robot","expireTime":0,"roleNames":["Clerk"],"userId":"","permittedIps":[]}`)
		want := `key.name="robot" key.roleNames=["Clerk"] key.keyTenants=[{"permissions":["User Admin"],"roleNames":["Clerk"],"tenantId":"north","tenantName":"The office north"}] key.createdBy="` + o.id["cleo"] + `" key.editable=true`
		if got := of(key, "key.name", "key.roleNames", "key.keyTenants", "key.createdBy", "key.editable"); got != want {
			t.Error(got)
		}
		if got := names(do("POST accesskey/search", page), "keys"); got != "annas claimant plain robot strong" {
			t.Errorf("keys %s", got)
		}
		id := memberOf(key, "key.id")
		if w := o.exchange(t, memberOf(key, "cleartext"), `{}`); w.Code != 200 {
			t.Errorf("a new key: %d %s", w.Code, w.Body)
		}
		do("POST accesskey/deactivate/batch", `{"ids":["`+id+`"]}`)
		if w := o.exchange(t, memberOf(key, "cleartext"), `{}`); w.Code != 401 {
			t.Errorf("a key that is off: %d %s", w.Code, w.Body)
		}
		do("POST accesskey/activate/batch", `{"ids":["`+id+`"]}`)
		if clear := memberOf(do("POST accesskey/rotate", `{"id":"`+id+`"}`), "cleartext"); clear == memberOf(key, "cleartext") || o.exchange(t, clear, `{}`).Code != 200 {
			t.Error("the cleartext is not another one")
		}
		do("POST accesskey/delete/batch", `{"ids":["`+id+`"]}`)
		if got := names(do("POST accesskey/search", page), "keys"); got != "annas claimant plain strong" {
			t.Errorf("keys %s", got)
		}
	})
}

// The call of the widget for the profile of a tenant.
func TestUsersSeeTheTenantThatTheyManage(t *testing.T) {
	t.Parallel()
	testkit.Databases(t, func(t *testing.T, db string) {
		o := openOffices(t, db)
		o.with(t, "attributes.json", `{"tenant":[{"name":"plan","displayName":"Plan","type":"string"},{"name":"debt","displayName":"Debt","type":"string","viewPermissions":["pay"]}]}`)
		o.post(t, "tenant/update", `{"id":"north","name":"The office north","selfProvisioningDomains":["north.example"],"customAttributes":{"plan":"gold","debt":"9"}}`)
		o.post(t, "tenant/updateDefaultRoles", `{"id":"north","defaultRoles":["Secret","Porter"]}`)
		got := answered[map[string]any](t, o.ask(t, "GET tenant", "?tenant=north&id=north", "", o.signedIn(t, "cleo")))
		want := `id="north" name="The office north" selfProvisioningDomains=["north.example"] customAttributes={"plan":"gold"} defaultRoles=["Porter"] successors=[] parent=""`
		if got := of(got, "id", "name", "selfProvisioningDomains", "customAttributes", "defaultRoles", "successors", "parent"); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
		for name, want := range map[string]string{"cleo": `{"plan":"gold"}`, "paul": `{"plan":"gold"}`, "bill": `{"debt":"9","plan":"gold"}`} {
			mine := answered[map[string]any](t, o.person(t, "/v1/auth/me/tenants", `{}`, o.signedIn(t, name)))
			if got := fmt.Sprint(mine); !strings.Contains(got, "customAttributes:"+strings.NewReplacer(`{`, "map[", `}`, "]", `"`, "", ",", " ").Replace(want)+" ") {
				t.Errorf("%s sees %s of their tenant, want %s", name, got, want)
			}
		}
		o.with(t, "attributes.json", `{"tenant":[{"name":"debt","displayName":"Debt","type":"string","viewPermissions":["pay"]}]}`)
		if mine := o.person(t, "/v1/auth/me/tenants", `{}`, o.signedIn(t, "bill")).Body.String(); strings.Contains(mine, "plan") || !strings.Contains(mine, "debt") {
			t.Errorf("of attributes that there are no more: %s", mine)
		}
		if all := o.did(t, "GET", "/v1/mgmt/tenant?id=north", ""); !strings.Contains(fmt.Sprint(all), "below") || !strings.Contains(fmt.Sprint(all), "Secret") {
			t.Errorf("a key sees %v", all)
		}
	})
}

// ask2 is a user as a key sees them.
func (o *offices) ask2(t *testing.T, id string) map[string]any {
	t.Helper()
	return o.bundle.ask(t, "GET /v1/mgmt/user?userId="+id, "")
}

// Of somebody who is also elsewhere the answer has what is of the tenant.
func TestWhatIsSeenOfMembers(t *testing.T) {
	t.Parallel()
	testkit.Databases(t, func(t *testing.T, db string) {
		o := openOffices(t, db)
		cleo := o.signedIn(t, "cleo")
		for name, want := range map[string]string{
			"sam":   `user.roleNames=["Reader"] user.permissions=[] user.userTenants=[{"permissions":[],"roleNames":["Reader"],"tenantId":"north","tenantName":"The office north"}] user.ssoAppIds=[] user.recoveryEmail="" user.editable=false user.customAttributes={}`,
			"paul":  `user.roleNames=[] user.permissions=[] user.userTenants=[{"permissions":[],"roleNames":[],"tenantId":"north","tenantName":"The office north"}] user.ssoAppIds=[] user.recoveryEmail="" user.editable=false user.customAttributes={}`,
			"hilda": `user.roleNames=["Reader"] user.permissions=[] user.userTenants=[{"permissions":[],"roleNames":["Reader"],"tenantId":"north","tenantName":"The office north"}] user.ssoAppIds=[] user.recoveryEmail="" user.editable=false user.customAttributes={}`,
			"rita":  `user.roleNames=["Reader"] user.permissions=[] user.userTenants=[{"permissions":[],"roleNames":["Reader"],"tenantId":"north","tenantName":"The office north"}] user.ssoAppIds=[] user.recoveryEmail="" user.editable=true user.customAttributes={"badge":"7","nick":"R"}`,
			"anna":  `user.roleNames=["Tenant Admin"] user.permissions=["Impersonate","SSO Admin","User Admin"] user.userTenants=[{"permissions":["Impersonate","SSO Admin","User Admin"],"roleNames":["Tenant Admin"],"tenantId":"north","tenantName":"The office north"}] user.ssoAppIds=[] user.recoveryEmail="" user.editable=false user.customAttributes={}`,
		} {
			found := answered[map[string][]map[string]any](t, dropTotal(o.ask(t, "POST user/search", "?tenant=north", `{"loginIds":["`+name+`@shop.example"]}`, cleo)))["users"]
			if len(found) != 1 {
				t.Fatalf("%s: %v", name, found)
			}
			got := of(map[string]any{"user": found[0]}, "user.roleNames", "user.permissions", "user.userTenants", "user.ssoAppIds", "user.recoveryEmail", "user.editable", "user.customAttributes")
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s (-want +got):\n%s", name, diff)
			}
		}
	})
}

// dropTotal leaves the users alone in an answer.
func dropTotal(w *httptest.ResponseRecorder) *httptest.ResponseRecorder {
	text := regexp.MustCompile(`"total":[0-9]+,?`).ReplaceAllString(w.Body.String(), "")
	w.Body.Reset()
	w.Body.WriteString(strings.Replace(text, ",}", "}", 1))
	return w
}

// Who is no manager of the tenant that the call names learns nothing from why.
func TestWhoManagesATenant(t *testing.T) {
	t.Parallel()
	testkit.Databases(t, func(t *testing.T, db string) {
		o := openOffices(t, db)
		if !slices.Contains(authz.BuiltIn(), userAdmin) {
			t.Fatal("no project has the permission")
		}
		anna, other := o.signedIn(t, "anna"), o.other(t)
		search := func(query, token string, headers ...string) *httptest.ResponseRecorder {
			return o.ask(t, "POST user/search", query, `{}`, token, headers...)
		}
		alien := read[tokensOfWire](t, other.send(t, "POST", "/v1/mgmt/auth/signup-in", `{"loginId":"anna@shop.example"}`)).Refresh
		session := o.join(t, "anna@shop.example").Session
		for name, tt := range map[string]struct {
			w    *httptest.ResponseRecorder
			want string
		}{
			"no tenant":                     {search("", anna), "400 E011002"},
			"an empty tenant":               {search("?tenant=", anna), "400 E011002"},
			"two tenants":                   {search("?tenant=north&tenant=south", anna), "400 E011002"},
			"a tenant of others":            {search("?tenant=south", anna), "403 P40321"},
			"a tenant that there is not":    {search("?tenant=west", anna), "403 P40321"},
			"a member without a permission": {search("?tenant=north", o.signedIn(t, "rita")), "403 P40321"},
			"a role in the whole project":   {search("?tenant=north", o.signedIn(t, "olga")), "403 P40321"},
			"no token":                      {search("?tenant=north", ""), "401 E011007"},
			"a token that is none":          {search("?tenant=north", "eyJhbGciOiJub25lIn0.e30."), "401 P40106"},
			"a session token":               {search("?tenant=north", session), "401 P40106"},
			"a token of another project":    {search("?tenant=north", alien), "401 P40106"},
			"a token and a word behind it":  {search("?tenant=north", anna+":x"), "401 E111003"},
			"a page that is not trusted":    {search("?tenant=north", anna, "Origin", "https://evil.example"), "403 P40307"},
			"an impersonator":               {search("?tenant=north", o.impersonated(t, "cleo", "anna")), "403 P40324"},
			"a route for keys":              {o.ask(t, "POST user/delete", "?tenant=north", `{"loginId":"rita@shop.example"}`, anna), "401 E111003"},
		} {
			if got := refused(tt.w); got != tt.want {
				t.Errorf("%s: %s, want %s", name, got, tt.want)
			}
		}
		if w := search("?tenant=north", anna, "Origin", "https://evil.example"); w.Header().Get("Access-Control-Allow-Origin") != "" {
			t.Error("a page that is not trusted reads the answer")
		}
		if w := search("?tenant=north", anna, "Origin", "https://shop.example"); w.Code != 200 || w.Header().Get("Access-Control-Allow-Origin") != "https://shop.example" {
			t.Errorf("a page that is trusted: %d %v", w.Code, w.Header())
		}
		if w := search("?tenant=north", "", "Origin", "https://shop.example", "Cookie", "DSR="+anna); w.Code != 200 {
			t.Errorf("by cookie: %d %s", w.Code, w.Body)
		}
		if got := refused(search("?tenant=north", "", "Origin", "https://evil.example", "Cookie", "DSR="+anna)); got != "403 P40307" {
			t.Errorf("by cookie from a page that is not trusted: %s", got)
		}
		if w := search("?tenant=north", o.key, "Cookie", "DSR="+anna); w.Code != 200 || len(strings.Fields(who(w))) != 9 {
			t.Errorf("a key beside a cookie is a key: %d %s", w.Code, w.Body)
		}
		if got := o.acts(t, `{"actions":["CallRefused"]}`); len(got) < 4 {
			t.Errorf("the audit has %q", got)
		}
	})
}

// impersonated is the refresh token of who impersonates somebody.
func (o *offices) impersonated(t *testing.T, actor, whom string) string {
	t.Helper()
	o.onUser(t, "update/role/add", `{"loginId":"`+actor+`@shop.example","roleNames":["Tenant Admin"]}`)
	body := `{"loginId":"` + whom + `@shop.example","impersonatorId":"` + o.id[actor] + `"}`
	return read[struct {
		Token string `json:"jwt"`
	}](t, o.send(t, "POST", "/v1/mgmt/impersonate", body)).Token
}

// Each row ends what Anna may do, from the next call on.
func TestAManagerIsOneForEachCall(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		end  func(t *testing.T, o *offices, token string)
		want string
	}{
		"the role is taken": {func(t *testing.T, o *offices, _ string) {
			o.onUser(t, "update/role/set", `{"loginId":"anna@shop.example","tenantId":"north","roleNames":["Reader"]}`)
		}, "403 P40321"},
		"the permission is taken from the role": {func(t *testing.T, o *offices, _ string) {
			o.post(t, "role/update", `{"id":"R1","name":"Tenant Admin","newName":"Tenant Admin","permissionNames":["SSO Admin"]}`)
		}, "403 P40321"},
		"the membership ends": {func(t *testing.T, o *offices, _ string) {
			o.onUser(t, "update/tenant/remove", `{"loginId":"anna@shop.example","tenantId":"north"}`)
		}, "403 P40321"},
		"the tenant is disabled": {func(t *testing.T, o *offices, _ string) {
			o.post(t, "tenant/update", `{"id":"north","name":"The office north","disabled":true}`)
		}, "403 P40321"},
		"the user is disabled": {func(t *testing.T, o *offices, _ string) {
			o.onUser(t, "update/status", `{"loginId":"anna@shop.example","status":"disabled"}`)
		}, "401 E064001"}, // their sessions end
		"the user is deleted": {func(t *testing.T, o *offices, _ string) { o.onUser(t, "delete", `{"loginId":"anna@shop.example"}`) }, "401 E064001"},
		"the session ends": {func(t *testing.T, o *offices, token string) {
			answered[map[string]any](t, o.person(t, "/v1/auth/logout", `{}`, token))
		}, "401 E064001"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			testkit.Databases(t, func(t *testing.T, db string) {
				o := openOffices(t, db)
				anna := o.signedIn(t, "anna")
				if w := o.ask(t, "POST user/search", "?tenant=north", `{}`, anna); w.Code != 200 {
					t.Fatalf("before: %d %s", w.Code, w.Body)
				}
				tt.end(t, o, anna)
				if got := refused(o.ask(t, "POST user/search", "?tenant=north", `{}`, anna)); got != tt.want {
					t.Errorf("%s, want %s", got, tt.want)
				}
			})
		})
	}
}

// Whose the address is takes the user over whom somebody who manages a tenant made, or
// gave that login id, with the password that was set meanwhile.
func TestTheOwnerOfAnAddressTakesOverWhomAManagerMade(t *testing.T) {
	t.Parallel()
	testkit.Databases(t, func(t *testing.T, db string) {
		o := openOffices(t, db)
		anna := o.signedIn(t, "anna")
		for call, body := range map[string]string{
			"POST user/create": `{"loginId":"vera@shop.example","verifiedEmail":true}`,
			"PATCH user/patch": `{"loginId":"rita@shop.example","additionalLoginIds":["otto@shop.example"],"email":"otto@shop.example","verifiedEmail":true}`,
		} {
			made := answered[map[string]any](t, o.ask(t, call, "?tenant=north", body, anna))
			id, address := memberOf(made, "user.userId"), memberOf(made, "user.email")
			password := memberOf(answered[map[string]any](t, o.ask(t, "POST user/password/set/temporary", "?tenant=north", `{"loginId":"`+id+`"}`, anna)), "cleartext")
			if in := o.byMail(t, address, ""); in.User.ID != id || in.User.Password {
				t.Errorf("%s: %s is %s, with a password: %v", call, address, in.User.ID, in.User.Password)
			}
			if w := o.person(t, "/v1/auth/password/replace", `{"loginId":"`+address+`","oldPassword":"`+password+`","newPassword":"Secret no 3"}`, ""); w.Code == 200 {
				t.Errorf("%s: the password of the manager counts", call)
			}
		}
	})
}

// Where tenants have users of their own, a login id means the one in the tenant.
func TestManagersOfUsersOfOneTenant(t *testing.T) {
	t.Parallel()
	testkit.Databases(t, func(t *testing.T, db string) {
		o := openOffices(t, db)
		o.with(t, "project.json", `{"tenantUserIsolation":true}`)
		anna, olga := o.signedIn(t, "anna"), o.signedIn(t, "olga")
		ids := map[string]string{}
		for tenant, token := range map[string]string{"north": anna, "south": olga} {
			made := answered[map[string]any](t, o.ask(t, "POST user/create", "?tenant="+tenant, `{"loginId":"twin@shop.example"}`, token))
			ids[tenant] = memberOf(made, "user.userId")
		}
		if ids["north"] == ids["south"] {
			t.Fatal("one user in two tenants")
		}
		for tenant, token := range map[string]string{"north": anna, "south": olga} {
			got := answered[map[string]any](t, o.ask(t, "PATCH user/patch", "?tenant="+tenant, `{"loginId":"twin@shop.example","name":"`+tenant+`"}`, token))
			if memberOf(got, "user.userId") != ids[tenant] {
				t.Errorf("%s: %v", tenant, got)
			}
		}
		answered[map[string]any](t, o.ask(t, "PATCH user/patch", "?tenant=north", `{"loginId":"rita@shop.example","name":"R"}`, anna)) // of before
	})
}

// Who tries login ids, or lets many messages go, comes to the limits of an address.
func TestManagersAreLimited(t *testing.T) {
	t.Parallel()
	testkit.Databases(t, func(t *testing.T, db string) {
		o := openOffices(t, db)
		anna := o.signedIn(t, "anna")
		from := func(path, body string) *httptest.ResponseRecorder {
			return o.from(t, "203.0.113.9:1", "/v1/mgmt/"+path+"?tenant=north", body, "Authorization", o.bearer(anna))
		}
		o.Guard = Guard{Attempts: o.TOTP.Attempts, Failures: limit.Rule{Scope: "address.failures", Max: 1, Within: time.Hour}}
		wantFault(t, from("user/update/status", `{"loginId":"nobody","status":"enabled"}`), 404, "E112102")
		limited(t, "the next guess", from("user/update/status", `{"loginId":"nobody else","status":"enabled"}`))
		o.Guard = Guard{Attempts: o.TOTP.Attempts, Asks: limit.Rule{Scope: "address.asks", Max: 1, Within: time.Hour}}
		answered[map[string]any](t, from("user/create", `{"loginId":"one@shop.example","invite":true}`))
		limited(t, "the next message", from("user/create", `{"loginId":"two@shop.example","invite":true}`))
		answered[map[string]any](t, from("user/search", `{}`))
		if w := o.from(t, "203.0.113.9:1", "/v1/mgmt/user/create", `{"loginId":"three@shop.example"}`, "Authorization", o.bearer(o.key)); w.Code != 200 {
			t.Errorf("a key: %d %s", w.Code, w.Body)
		}
	})
}

// Browsers may send the headers of the widgets.
func TestBrowsersMaySendTheHeadersOfWidgets(t *testing.T) {
	t.Parallel()
	b := setup(t, t.TempDir()+"/test.db")
	w := b.send(t, http.MethodOptions, "/v1/mgmt/user/search?"+url.Values{"tenant": {"north"}}.Encode(), "", "Origin", "https://shop.example")
	for _, name := range []string{"x-descope-widget-type", "x-descope-widget-id", "x-descope-widget-version", "authorization", "x-descope-refresh-cookie-name"} {
		if !strings.Contains(w.Header().Get("Access-Control-Allow-Headers"), name) {
			t.Errorf("not %s", name)
		}
	}
	if !strings.Contains(w.Header().Get("Access-Control-Allow-Methods"), "PATCH") {
		t.Error("not PATCH")
	}
}
