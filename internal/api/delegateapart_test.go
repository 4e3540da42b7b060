package api

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"postern/internal/authz"
	"postern/internal/project"
	"postern/internal/testkit"
	"postern/internal/user"
)

// strangers are, of each route that users may call, bodies that name somebody in the
// place of $WHO or $LOGIN, a role as $ROLE or $NAMED, and a key as $KEY: first what is of
// another tenant, then what there is not. $TENANT is a tenant: another one, then none.
var strangers = map[string][]string{
	"POST /v1/mgmt/user/search": {
		`{"userIds":["$WHO"]}`, `{"loginIds":["$LOGIN"]}`, `{"loginId":"$LOGIN"}`, `{"emails":["$LOGIN"]}`, `{"text":"$LOGIN"}`, `{"tenantIds":["$TENANT"]}`, `{"tenantIds":["north","$TENANT"]}`,
		`{"tenantRoleNames":{"$TENANT":{"values":["Southern"]}}}`, `{"tenantRoleIds":{"$TENANT":{"values":["R4"]}}}`, `{"includeSubTenants":true,"tenantIds":["$TENANT"]}`, `{"userIds":["$WHO"],"tenantIds":["north"]}`,
	},
	"POST /v1/mgmt/user/create": {
		`{"loginId":"x@shop.example","userTenants":[{"tenantId":"$TENANT"}]}`, `{"loginId":"x@shop.example","userTenants":[{"tenantId":"north"},{"tenantId":"$TENANT","roleNames":["Reader"]}]}`,
	},
	"PATCH /v1/mgmt/user/patch": {
		`{"loginId":"$WHO","name":"X"}`, `{"userId":"$WHO","name":"X"}`, `{"loginId":"$LOGIN","name":"X"}`, `{"loginId":"$WHO","roleNames":["Reader"]}`,
		`{"loginId":"$WHO","userTenants":[{"tenantId":"north"}]}`, `{"loginId":"rita@shop.example","userTenants":[{"tenantId":"$TENANT"}]}`, `{"loginId":"rita@shop.example","userTenants":[{"tenantId":"north"},{"tenantId":"$TENANT"}]}`,
	},
	"POST /v1/mgmt/user/update/status":          {`{"loginId":"$WHO","status":"disabled"}`, `{"userId":"$WHO","status":"disabled"}`, `{"loginId":"$LOGIN","status":"disabled"}`},
	"POST /v1/mgmt/user/delete/batch":           {`{"userIds":["$WHO"]}`, `{"userIds":["$LOGIN"]}`},
	"POST /v1/mgmt/user/password/set/temporary": {`{"loginId":"$WHO"}`, `{"loginId":"$LOGIN"}`, `{"loginId":"$LOGIN","password":"Secret no 2"}`},
	"POST /v1/mgmt/user/passkeys/delete":        {`{"loginId":"$WHO"}`, `{"userId":"$WHO"}`, `{"loginId":"$LOGIN"}`, `{"loginId":"$LOGIN","credentialId":"abc"}`},
	"GET /v1/mgmt/user/customattributes":        {``},
	"GET /v1/mgmt/role/all":                     {``},

	"GET /v1/mgmt/tenant": {`?id=$TENANT`},

	"GET /v1/mgmt/permission/all":     {``},
	"POST /v1/mgmt/role/search":       {`{"tenantIds":["$TENANT"]}`, `{"roleIds":["$ROLE"]}`, `{"roleNames":["$NAMED"],"tenantIds":["$TENANT"]}`, `{"text":"$NAMED"}`},
	"POST /v1/mgmt/role/create":       {`{"name":"X","tenantId":"$TENANT"}`},
	"POST /v1/mgmt/role/update":       {`{"id":"$ROLE","newName":"X"}`, `{"id":"$ROLE","newName":"X","tenantId":"$TENANT"}`, `{"name":"$NAMED","newName":"X"}`, `{"name":"$NAMED","newName":"X","tenantId":"$TENANT"}`},
	"POST /v1/mgmt/role/delete/batch": {`{"roleIds":["$ROLE"]}`, `{"roleIds":["$ROLE"],"tenantId":"$TENANT"}`, `{"roleNames":["$NAMED"]}`, `{"roleNames":["$NAMED"],"tenantId":"$TENANT"}`},

	"POST /v1/mgmt/accesskey/create":           {`{"name":"k","keyTenants":[{"tenantId":"$TENANT"}]}`, `{"name":"k","keyTenants":[{"tenantId":"north"},{"tenantId":"$TENANT"}]}`, `{"name":"k","userId":"$WHO"}`},
	"POST /v1/mgmt/accesskey/search":           {`{"tenantIds":["$TENANT"]}`, `{"text":"$KEY"}`, `{"boundUserId":"$WHO"}`, `{"text":"Zea"}`},
	"POST /v1/mgmt/accesskey/activate/batch":   {`{"ids":["$KEY"]}`, `{"id":"$KEY"}`},
	"POST /v1/mgmt/accesskey/deactivate/batch": {`{"ids":["$KEY"]}`, `{"id":"$KEY"}`},
	"POST /v1/mgmt/accesskey/delete/batch":     {`{"ids":["$KEY"]}`, `{"id":"$KEY"}`},
	"POST /v1/mgmt/accesskey/rotate":           {`{"id":"$KEY"}`},
}

// Every route that users may call, with what is of another tenant in its place: nothing
// is changed or seen, and the answer is the one for what there is not. Each is also
// called for the other tenant.
func TestTenantsAreManagedApart(t *testing.T) {
	t.Parallel()
	testkit.Databases(t, func(t *testing.T, db string) {
		o := openOffices(t, db)
		anna := o.signedIn(t, "anna")
		left := maps.Clone(strangers)
		for _, r := range (&Server{}).routes() {
			if r.access.InTenant == "" {
				continue
			}
			name := r.method + " " + r.path
			bodies, ok := strangers[name]
			if delete(left, name); !ok {
				t.Errorf("%s: users may call it, and no row says what they must not", name)
			}
			call := r.method + " " + strings.TrimPrefix(r.path, "/v1/mgmt/")
			for _, body := range bodies {
				there, not := o.apart(t, call, "?tenant=north", body, anna, "south"), o.apart(t, call, "?tenant=north", body, anna, "")
				if there != not {
					t.Errorf("%s %s answers\n%s\nand for what there is not\n%s", name, body, there, not)
				}
				for _, tenant := range []string{"?tenant=south", "?tenant=west", "?tenant=south&tenant=north", "?tenant=north&tenant=south"} {
					if got := o.apart(t, call, tenant, body, anna, "south"); !strings.HasPrefix(got, "403 ") && !strings.HasPrefix(got, "400 ") {
						t.Errorf("%s %s: %s", name, tenant, got)
					}
				}
			}
		}
		for name := range left {
			t.Errorf("%s is no route that users may call", name)
		}
	})
}

// apart makes a call with somebody in it, of the tenant or nobody, and returns the answer.
// It changes nothing that is not of limits and acts, and shows nothing of the tenant.
func (o *offices) apart(t *testing.T, call, query, body, token, tenant string) string {
	t.Helper()
	mine := regexp.MustCompile(`^(acts|limits|limit_.*):`)
	rows := func() []string {
		return slices.DeleteFunc(rowsOf(t, o.bundle), func(row string) bool { return mine.MatchString(row) })
	}
	id, login, where, role, named, key := o.id["zoe"], "zoe@shop.example", "south", o.id["Southern"], "Southern", o.id["Zeal"]
	if tenant == "" {
		id, login, where = "U"+strings.Repeat("x", len(id)-1), "nil@shop.example", "sauth"
		role, named, key = "ROL"+strings.Repeat("x", len(role)-3), "Nobodyss", "K"+strings.Repeat("x", len(key)-1)
	}
	before := rows()
	if more, ok := strings.CutPrefix(body, "?"); ok {
		query += "&" + strings.ReplaceAll(more, "$TENANT", where)
	}
	w := o.ask(t, call, query, strings.NewReplacer("$WHO", id, "$LOGIN", login, "$TENANT", where, "$ROLE", role, "$NAMED", named, "$KEY", key).Replace(body), token)
	if diff := cmp.Diff(before, rows()); diff != "" {
		t.Errorf("%s %s changes (-before +after):\n%s", call, body, diff)
	}
	text := w.Body.String()
	for _, secret := range []string{"Zephyr", "office south", "Southern", `"Zz"`, "Zeal"} {
		if strings.Contains(text, secret) && !strings.Contains(body, secret) {
			t.Errorf("%s %s shows %q: %s", call, body, secret, text)
		}
	}
	return fmt.Sprint(w.Code, " ", text)
}

// Nobody who manages a tenant comes to more than they have. Cleo has the permission for
// users and no other.
func TestManagersGainNothing(t *testing.T) {
	t.Parallel()
	testkit.Databases(t, func(t *testing.T, db string) {
		o := openOffices(t, db)
		o.with(t, "auth/password.json", passwordPolicyFile)
		cleo := o.signedIn(t, "cleo")
		for _, tt := range []struct{ name, call, body, want string }{
			{"a role with more permissions", "PATCH user/patch", `{"loginId":"rita@shop.example","roleNames":["Tenant Admin"]}`, "403 P40322"},
			{"the same, for oneself", "PATCH user/patch", `{"loginId":"cleo@shop.example","roleNames":["Clerk","Boss"]}`, "403 P40322"},
			{"the same, as a tenant's", "PATCH user/patch", `{"loginId":"rita@shop.example","userTenants":[{"tenantId":"north","roleNames":["Boss"]}]}`, "403 P40322"},
			{"the same, at once", "POST user/create", `{"loginId":"x@shop.example","roleNames":["Boss"]}`, "403 P40322"},
			{"a role that tenants do not see", "PATCH user/patch", `{"loginId":"rita@shop.example","roleNames":["Hidden"]}`, "400 E011003"},
			{"the same, at once", "POST user/create", `{"loginId":"x@shop.example","roleNames":["Hidden"]}`, "400 E011003"},
			{"a role of another tenant", "PATCH user/patch", `{"loginId":"rita@shop.example","roleNames":["Southern"]}`, "400 E011003"},
			{"the roles of a boss", "PATCH user/patch", `{"loginId":"bill@shop.example","roleNames":["Reader"]}`, "403 P40322"},
			{"an application", "PATCH user/patch", `{"loginId":"rita@shop.example","ssoAppIds":["SA1"]}`, "403 P40322"},
			{"who a directory manages", "PATCH user/patch", `{"loginId":"rita@shop.example","scim":true}`, "403 P40322"},
			{"an attribute that is not shown", "PATCH user/patch", `{"loginId":"rita@shop.example","customAttributes":{"pay":"1"}}`, "403 P40322"},
			{"an attribute that is not to be changed", "PATCH user/patch", `{"loginId":"rita@shop.example","customAttributes":{"badge":"8"}}`, "403 P40322"},
			{"an attribute that there is not", "PATCH user/patch", `{"loginId":"rita@shop.example","customAttributes":{"none":"8"}}`, "403 P40322"},
			{"an attribute of a new user", "POST user/create", `{"loginId":"x@shop.example","customAttributes":{"pay":"8"}}`, "403 P40322"},

			{"the name of who is also elsewhere", "PATCH user/patch", `{"loginId":"sam@shop.example","name":"X"}`, "403 P40323"},
			{"a login id of who is also elsewhere", "PATCH user/patch", `{"loginId":"sam@shop.example","additionalLoginIds":["sammy"]}`, "403 P40323"},
			{"the status of who is also elsewhere", "POST user/update/status", `{"loginId":"sam@shop.example","status":"disabled"}`, "403 P40323"},
			{"the password of who is also elsewhere", "POST user/password/set/temporary", `{"loginId":"sam@shop.example"}`, "403 P40323"},
			{"the passkeys of who is also elsewhere", "POST user/passkeys/delete", `{"loginId":"sam@shop.example"}`, "403 P40323"},
			{"the password of an administrator", "POST user/password/set/temporary", `{"loginId":"anna@shop.example"}`, "403 P40323"},
			{"the address of an administrator", "PATCH user/patch", `{"loginId":"anna@shop.example","email":"x@shop.example"}`, "403 P40323"},
			{"an administrator", "POST user/delete/batch", `{"userIds":["` + o.id["rita"] + `","` + o.id["anna"] + `"]}`, "403 P40323"},
			{"the password of a boss of the project", "POST user/password/set/temporary", `{"loginId":"paul@shop.example"}`, "403 P40323"},
			{"a boss of the project", "POST user/delete/batch", `{"userIds":["` + o.id["paul"] + `"]}`, "403 P40323"},
			{"the password of who has a hidden role", "POST user/password/set/temporary", `{"loginId":"hilda@shop.example"}`, "403 P40323"},

			{"the login id of somebody", "POST user/create", `{"loginId":"zoe@shop.example","invite":true}`, "409 E062107"},
			{"the login id of a member", "POST user/create", `{"loginId":"rita@shop.example","invite":true}`, "409 E062107"},
			{"a further login id of somebody", "PATCH user/patch", `{"loginId":"rita@shop.example","additionalLoginIds":["zoe@shop.example"]}`, "409 E062107"},
			{"a password", "POST user/create", `{"loginId":"x@shop.example","password":"Secret no 1"}`, "403 P40322"},
			{"a hash", "POST user/create", `{"loginId":"x@shop.example","hashedPassword":{"bcrypt":{"hash":"x"}}}`, "403 P40322"},
			{"a seed", "POST user/create", `{"loginId":"x@shop.example","seed":"JBSWY3DPEHPK3PXP"}`, "403 P40322"},
			{"a test user", "POST user/create", `{"loginId":"x@shop.example","test":true}`, "403 P40322"},
			{"words of one's own", "POST user/create", `{"loginId":"x@shop.example","invite":true,"templateOptions":{"a":"b"}}`, "403 P40322"},
			{"an invitation to a place that is not trusted", "POST user/create", `{"loginId":"x@shop.example","invite":true,"inviteUrl":"https://evil.example"}`, "400 E011003"},
			{"who has a value that is not shown", "POST user/search", `{"customAttributes":{"pay":"9000"}}`, "403 P40322"},
			{"who has an application", "POST user/search", `{"ssoAppIds":["SA1"]}`, "403 P40322"},
			{"a role that permits more", "POST role/create", `{"name":"X","permissionNames":["pay"]}`, "403 P40322"},
			{"a role that tenants do not see", "POST role/create", `{"name":"X","private":true}`, "403 P40322"},
			{"a role that everybody gets", "POST role/create", `{"name":"X","default":true}`, "403 P40322"},
			{"a role with a name of the project", "POST role/create", `{"name":" boss "}`, "403 P40322"},
			{"a role with a name that tenants do not see", "POST role/create", `{"name":"Hidden"}`, "403 P40322"},
			{"a role with a name of the tenant over it", "POST role/create", `{"name":"Chief"}`, "403 P40322"},
			{"a role with a name of a tenant under it", "POST role/create", `{"name":"KEEPER"}`, "403 P40322"},
			{"the same by another name", "POST role/update", `{"name":"Porter","newName":"Keeper"}`, "403 P40322"},
			{"the same of the project", "POST role/update", `{"name":"Porter","newName":"Boss"}`, "403 P40322"},
			{"more for a role", "POST role/update", `{"name":"Porter","newName":"Porter","permissionNames":["pay"]}`, "403 P40322"},
			{"a role that permits more than they may", "POST role/update", `{"name":"Foreman","newName":"Foreman"}`, "403 P40322"},
			{"a role of the project", "POST role/update", `{"id":"R3","newName":"X"}`, "404 P40461"},
			{"a role of the tenant that tenants do not see", "POST role/update", `{"id":"` + o.id["Secret"] + `","newName":"X"}`, "404 P40461"},
			{"a role of the project by name", "POST role/delete/batch", `{"roleNames":["Reader"]}`, "404 P40461"},
			{"a role that permits more, and one that does not", "POST role/delete/batch", `{"roleNames":["Porter","Foreman"]}`, "403 P40322"},
			{"a key that may do more", "POST accesskey/create", `{"name":"k","roleNames":["Boss"]}`, "403 P40322"},
			{"the same, as a tenant's", "POST accesskey/create", `{"name":"k","keyTenants":[{"tenantId":"north","roleNames":["Foreman"]}]}`, "403 P40322"},
			{"a key with a role that tenants do not see", "POST accesskey/create", `{"name":"k","roleNames":["Secret"]}`, "400 E011003"},
			{"a key that has claims", "POST accesskey/rotate", `{"id":"` + o.id["claimant"] + `"}`, "403 P40322"},
			{"the same, turned on", "POST accesskey/activate/batch", `{"ids":["` + o.id["claimant"] + `"]}`, "403 P40322"},
			{"very many keys", "POST accesskey/delete/batch", `{"ids":["x"` + strings.Repeat(`,"x"`, 1000) + `]}`, "400 E011003"},
			{"very many roles", "POST role/delete/batch", `{"roleNames":["x"` + strings.Repeat(`,"x"`, 1000) + `]}`, "400 E011003"},
			{"a key with claims", "POST accesskey/create", `{"name":"k","customClaims":{"roles":["Boss"]}}`, "403 P40322"},
			{"a key of an administrator", "POST accesskey/create", `{"name":"k","userId":"` + o.id["anna"] + `"}`, "403 P40323"},
			{"the cleartext of a stronger key", "POST accesskey/rotate", `{"id":"` + o.id["strong"] + `"}`, "403 P40322"},
			{"a stronger key", "POST accesskey/activate/batch", `{"ids":["` + o.id["plain"] + `","` + o.id["strong"] + `"]}`, "403 P40322"},
			{"the cleartext of an administrator's key", "POST accesskey/rotate", `{"id":"` + o.id["annas"] + `"}`, "403 P40322"},
			{"a key with a role in the project", "POST accesskey/rotate", `{"id":"` + o.id["wide"] + `"}`, "404 P40463"},
			{"a key of two tenants", "POST accesskey/delete/batch", `{"ids":["` + o.id["both"] + `"]}`, "404 P40463"},
			{"who has a second address", "POST user/search", `{"recoveryEmails":["sam@home.example"]}`, "403 P40322"},
		} {
			if got := o.apart(t, tt.call, "?tenant=north", tt.body, cleo, "south"); !strings.HasPrefix(got, tt.want[:4]) || !strings.Contains(got, tt.want[4:]) {
				t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
			}
		}
		// What is not theirs to give stays where it is.
		answered[map[string]any](t, o.ask(t, "PATCH user/patch", "?tenant=north", `{"loginId":"hilda@shop.example","roleNames":["Clerk"]}`, cleo))
		if got := of(o.ask2(t, o.id["hilda"]), "user.userTenants"); !strings.Contains(got, `"roleNames":["Clerk","Hidden"]`) {
			t.Errorf("hilda has %s", got)
		}
		answered[map[string]any](t, o.ask(t, "PATCH user/patch", "?tenant=north", `{"loginId":"sam@shop.example","roleNames":["Clerk"]}`, cleo))
		if got := of(o.ask2(t, o.id["sam"]), "user.userTenants"); !strings.Contains(got, `"roleNames":["Clerk"],"tenantId":"north"`) || !strings.Contains(got, `"roleNames":["Boss","Southern"],"tenantId":"south"`) {
			t.Errorf("sam has %s", got)
		}
	})
}

// Whatever a call makes of a member, memberships elsewhere stay.
func TestNoChangeOfAManagerReachesAnotherTenant(t *testing.T) {
	t.Parallel()
	d := &delegate{tenant: "north", seen: authz.Of(&project.Config{}), roles: authz.Of(&project.Config{})}
	was := &user.User{Tenants: []user.Membership{{Tenant: "north"}, {Tenant: "south", Roles: []string{"R1"}}}}
	for name, tenants := range map[string][]user.Membership{
		"it ends": {{Tenant: "north"}}, "its roles end": {{Tenant: "north"}, {Tenant: "south"}}, "another one": {{Tenant: "north"}, {Tenant: "south", Roles: []string{"R1"}}, {Tenant: "west"}},
		"this one ends": {{Tenant: "south", Roles: []string{"R1"}}},
	} {
		if err := d.allows(was, &user.User{Tenants: tenants}); !errors.Is(err, errBeyond) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, now := range map[string]*user.User{
		"a role in the project": {Tenants: was.Tenants, Roles: []string{"R2"}}, "an application": {Tenants: was.Tenants, Apps: []string{"SA1"}}, "consent": {Tenants: was.Tenants, ConsentUntil: time.Now()},
	} {
		if err := d.allows(was, now); !errors.Is(err, errBeyond) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
