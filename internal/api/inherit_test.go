package api

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"postern/internal/snapshot"
	"postern/internal/testkit"
)

// tree makes tenants under one another, by what each says of the roles in its parent.
func (b *bundle) tree(t *testing.T, settings string) {
	t.Helper()
	b.open(t, snapshot.Files{
		"project.json":     []byte(settings),
		"permissions.json": []byte(`{"permissions":[{"name":"read"},{"name":"sell"}]}`),
		"roles.json":       []byte(`{"roles":[{"id":"R1","name":"Reader","permissions":["read"]},{"id":"R2","name":"Writer"}]}`),
	})
	for _, in := range []string{
		`"id":"top"`, `"id":"mid","parent":"top"`, `"id":"low","parent":"mid"`,
		`"id":"shut","parent":"top","roleInheritance":"none"`, `"id":"within","parent":"shut"`,
		`"id":"people","parent":"top","roleInheritance":"userOnly"`, `"id":"below","parent":"people"`,
		`"id":"else"`, `"id":"under","parent":"else"`,
	} {
		name, _, _ := strings.Cut(in, ",")
		b.post(t, "tenant/create", `{`+in+`,`+strings.Replace(name, "id", "name", 1)+`}`)
	}
	b.post(t, "role/create", `{"name":"Chief","tenantId":"top","permissionNames":["sell"]}`)
}

// inTenants writes the tenants of the claims of a token, with roles and permissions:
// "mid(Reader;read) top(Reader;read)".
func inTenants(claims map[string]any) string {
	tenants, _ := claims["tenants"].(map[string]any)
	words := func(v any) string {
		list, _ := v.([]any)
		return strings.Trim(fmt.Sprint(list), "[]")
	}
	var out []string
	for _, id := range slices.Sorted(maps.Keys(tenants)) {
		in, _ := tenants[id].(map[string]any)
		out = append(out, id+"("+words(in["roles"])+";"+words(in["permissions"])+")")
	}
	return strings.Join(out, " ")
}

// Whoever has roles in a tenant has them in those under it, as far as each lets them:
// never in those above, and never through one that is closed.
func TestRolesAreInherited(t *testing.T) {
	t.Parallel()
	testkit.Databases(t, func(t *testing.T, url string) {
		b := setup(t, url)
		b.tree(t, `{}`)
		for name, tt := range map[string]struct{ tenants, people, keys string }{
			"roles in a tenant that has others under it": {
				`{"tenantId":"top","roleNames":["Reader"]}`,
				"below(Reader;read) low(Reader;read) mid(Reader;read) people(Reader;read) top(Reader;read)",
				"low(Reader;read) mid(Reader;read) top(Reader;read)",
			},
			"a role of the tenant's own": {
				`{"tenantId":"top","roleNames":["Chief"]}`,
				"below(Chief;sell) low(Chief;sell) mid(Chief;sell) people(Chief;sell) top(Chief;sell)",
				"low(Chief;sell) mid(Chief;sell) top(Chief;sell)",
			},
			"roles in one that is under another": {`{"tenantId":"mid","roleNames":["Reader"]}`, "low(Reader;read) mid(Reader;read)", "low(Reader;read) mid(Reader;read)"},
			"no roles":                           {`{"tenantId":"top"}`, "top(;)", "top(;)"},
			"further roles in one below": {
				`{"tenantId":"mid","roleNames":["Reader"]},{"tenantId":"low","roleNames":["Writer","Reader"]}`,
				"low(Reader Writer;read) mid(Reader;read)", "low(Reader Writer;read) mid(Reader;read)",
			},
			"roles in one that inherits none": {`{"tenantId":"shut","roleNames":["Reader"]}`, "shut(Reader;read) within(Reader;read)", "shut(Reader;read) within(Reader;read)"},
			"roles in one that keys inherit nothing in": {
				`{"tenantId":"people","roleNames":["Reader"]},{"tenantId":"top"}`,
				"below(Reader;read) people(Reader;read) top(;)", "below(Reader;read) people(Reader;read) top(;)",
			},
			"none": {``, "", ""},
		} {
			login := `"loginId":"` + strings.ReplaceAll(name, " ", "-") + `"`
			made := b.post(t, "user/create", `{`+login+`,"userTenants":[`+tt.tenants+`]}`)
			in := answer[tokensOfWire](t, b, "POST", "/v1/mgmt/auth/signin", `{`+login+`}`)
			again := answer[tokensOfWire](t, b, "POST", "/v1/auth/refresh", ``, b.as(in.Refresh)...)
			if got := inTenants(in.Claims); got != tt.people || inTenants(again.Claims) != tt.people {
				t.Errorf("%s: a user signs in with\n%s, refreshes with\n%s, want\n%s", name, got, inTenants(again.Claims), tt.people)
			}
			if user, _ := made["user"].(map[string]any); len(user["userTenants"].([]any)) != strings.Count(tt.tenants, "tenantId") {
				t.Errorf("%s: the user was put into %v", name, user["userTenants"])
			}
			key := b.post(t, "accesskey/create", `{"name":"k","keyTenants":[`+tt.tenants+`]}`)
			if got := inTenants(claimsOf(t, b.exchange(t, key["cleartext"].(string), `{}`))); got != tt.keys {
				t.Errorf("%s: an access key has\n%s, want\n%s", name, got, tt.keys)
			}
		}
	})
}

// A tenant that somebody inherits roles in is one of theirs: they choose it, until it
// lets them no more.
func TestInheritedTenantsAreChosen(t *testing.T) {
	t.Parallel()
	testkit.Databases(t, func(t *testing.T, url string) {
		b := setup(t, url)
		b.tree(t, `{}`)
		b.post(t, "user/create", `{"loginId":"ann","userTenants":[{"tenantId":"top","roleNames":["Reader"]}]}`)
		in := answer[tokensOfWire](t, b, "POST", "/v1/mgmt/auth/signin", `{"loginId":"ann","selectedTenantId":"mid"}`)
		if in.Claims["dct"] != "mid" {
			t.Errorf("signed in: %v", in.Claims)
		}
		chosen := answer[tokensOfWire](t, b, "POST", "/v1/auth/tenant/select", `{"tenant":"low"}`, b.as(in.Refresh)...)
		if chosen.Claims["dct"] != "low" {
			t.Errorf("chosen: %v", chosen.Claims)
		}
		mine := func() string {
			var ids []string
			for _, in := range answer[myTenantsAnswer](t, b, "POST", "/v1/auth/me/tenants", `{}`, b.as(chosen.Refresh)...).Tenants {
				ids = append(ids, in.ID)
			}
			return strings.Join(ids, " ")
		}
		if got := mine(); got != "below low mid people top" {
			t.Errorf("their tenants: %s", got)
		}
		for _, other := range []string{"shut", "within", "else", "under", "none"} {
			wantFault(t, b.send(t, "POST", "/v1/auth/tenant/select", `{"tenant":"`+other+`"}`, b.as(chosen.Refresh)...), 403, "P40311")
		}
		key := b.post(t, "accesskey/create", `{"name":"k","keyTenants":[{"tenantId":"top","roleNames":["Reader"]}]}`)["cleartext"].(string)
		if got := claimsOf(t, b.exchange(t, key, `{"loginOptions":{"selectedTenant":"mid"}}`)); got["dct"] != "mid" {
			t.Errorf("a key: %v", got)
		}

		for name, change := range map[string][2]string{
			"one on the way inherits none":  {`{"id":"mid","name":"mid","roleInheritance":"none"}`, "below people top"},
			"one on the way is disabled":    {`{"id":"mid","name":"mid","disabled":true}`, "below people top"},
			"the one with the roles is off": {`{"id":"top","name":"top","disabled":true}`, ""},
		} {
			b.post(t, "tenant/update", change[0])
			after := answer[tokensOfWire](t, b, "POST", "/v1/auth/refresh", ``, b.as(chosen.Refresh)...)
			if tenants, _ := after.Claims["tenants"].(map[string]any); after.Claims["dct"] != nil || strings.Join(slices.Sorted(maps.Keys(tenants)), " ") != change[1] || mine() != change[1] {
				t.Errorf("%s: %v, want the tenants %q", name, after.Claims, change[1])
			}
			for _, id := range []string{"mid", "top"} {
				b.post(t, "tenant/update", `{"id":"`+id+`","name":"`+id+`","disabled":false}`)
			}
		}
	})
}

// Where tenants have users of their own, those are in that tenant alone.
func TestUsersOfOneTenantInheritNothing(t *testing.T) {
	t.Parallel()
	testkit.Databases(t, func(t *testing.T, url string) {
		b := setup(t, url)
		b.tree(t, `{"tenantUserIsolation":true}`)
		in := answer[tokensOfWire](t, b, "POST", "/v1/mgmt/auth/signup",
			`{"loginId":"ann","selectedTenantId":"top","userTenants":[{"tenantId":"top","roleNames":["Reader"]}]}`)
		if got := inTenants(in.Claims); got != "top(Reader;read)" {
			t.Errorf("in %s", got)
		}
		wantFault(t, b.send(t, "POST", "/v1/auth/tenant/select", `{"tenant":"mid"}`, b.as(in.Refresh)...), 403, "P40311")
		key := b.post(t, "accesskey/create", `{"name":"k","keyTenants":[{"tenantId":"top","roleNames":["Reader"]}]}`)["cleartext"].(string)
		if got := inTenants(claimsOf(t, b.exchange(t, key, `{}`))); got != "top(Reader;read)" {
			t.Errorf("a key is in %s", got)
		}
	})
}

// A role that an import takes out of the project makes nobody one of the tenants below.
func TestARoleThatIsNoneIsNotInherited(t *testing.T) {
	t.Parallel()
	testkit.Databases(t, func(t *testing.T, url string) {
		b := setup(t, url)
		b.tree(t, `{}`)
		in := answer[tokensOfWire](t, b, "POST", "/v1/mgmt/auth/signup", `{"loginId":"ann","userTenants":[{"tenantId":"top","roleNames":["Reader"]}]}`)
		key := b.post(t, "accesskey/create", `{"name":"k","keyTenants":[{"tenantId":"top","roleNames":["Reader"]}]}`)["cleartext"].(string)
		b.open(t, snapshot.Files{"roles.json": []byte(`{"roles":[{"id":"R2","name":"Writer"}]}`)})
		if got := inTenants(answer[tokensOfWire](t, b, "POST", "/v1/auth/refresh", `{}`, b.as(in.Refresh)...).Claims); got != "top(;)" {
			t.Errorf("in %s", got)
		}
		if got := inTenants(claimsOf(t, b.exchange(t, key, `{}`))); got != "top(;)" {
			t.Errorf("a key is in %s", got)
		}
	})
}
