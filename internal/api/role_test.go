package api

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"postern/internal/authz"
	"postern/internal/store"
	"postern/internal/testkit"
	"postern/internal/user"
)

// summed are the entities of a list without their ids, as "name: permissions".
func summed(t *testing.T, answer map[string]any, member string) []string {
	t.Helper()
	out := []string{}
	items, ok := answer[member].([]any)
	if !ok {
		t.Fatalf("%s is %v", member, answer[member])
	}
	for _, item := range items {
		m, _ := item.(map[string]any)
		text, _ := m["name"].(string)
		if of, _ := m["tenantId"].(string); of != "" {
			text = of + "/" + text
		}
		if gives, ok := m["permissionNames"].([]any); ok {
			for _, g := range gives {
				text += " " + g.(string)
			}
		}
		for _, flag := range []string{"default", "private", "systemDefault"} {
			if m[flag] == true {
				text += " (" + flag + ")"
			}
		}
		out = append(out, text)
	}
	return out
}

func (b *bundle) wantRoles(t *testing.T, want ...string) {
	t.Helper()
	if diff := cmp.Diff(append([]string{}, want...), summed(t, b.did(t, "GET", "/v1/mgmt/role/all", ""), "roles")); diff != "" {
		t.Errorf("roles (-want +got):\n%s", diff)
	}
}

func (b *bundle) wantPermissions(t *testing.T, want ...string) {
	t.Helper()
	want = append([]string{"Impersonate (systemDefault)", "SSO Admin (systemDefault)", "User Admin (systemDefault)"}, want...)
	if diff := cmp.Diff(want, summed(t, b.did(t, "GET", "/v1/mgmt/permission/all", ""), "permissions")); diff != "" {
		t.Errorf("permissions (-want +got):\n%s", diff)
	}
}

func TestPermissionsAreEditsOfTheConfiguration(t *testing.T) {
	t.Parallel()
	testkit.Databases(t, func(t *testing.T, url string) {
		b := setup(t, url)
		b.with(t, "roles.json", `{"roles":[{"name":"Kept","ours":1,"permissions":["User Admin"]}],"more":2}`)
		b.wantPermissions(t)
		b.post(t, "permission/create", `{"name":"read","description":"See"}`)
		b.post(t, "permission/create/batch", `{"permissions":[{"name":"write"},{"name":"erase"}]}`)
		b.post(t, "tenant/create", `{"id":"acme","name":"Acme"}`)
		b.post(t, "role/create", `{"name":"Reader","permissionNames":["read","User Admin"]}`)
		b.post(t, "role/create", `{"name":"Local","permissionNames":["read","erase"],"tenantId":"acme"}`)
		b.with(t, "attributes.json", `{"user":[{"name":"a","displayName":"A","type":"string","viewPermissions":["read","write"]}]}`)
		b.wantPermissions(t, "erase", "read", "write")

		b.post(t, "permission/update", `{"name":"read","newName":"view","description":"See it"}`)
		b.wantPermissions(t, "erase", "view", "write")
		b.wantRoles(t, "Kept User Admin", "Reader User Admin view", "acme/Local erase view")
		files := b.did(t, "POST", exportPath, "{}")["files"].(map[string]any)
		text := jsonOf(t, files)
		for _, part := range []string{`"viewPermissions":["view","write"]`, `"ours":1`, `"more":2`} {
			if !strings.Contains(text, part) {
				t.Errorf("the configuration lacks %s: %s", part, text)
			}
		}
		b.refusals(t, map[string][4]string{"a deletion of what an attribute needs": {"permission/delete", `{"name":"view"}`, "400", "E113007"}})
		b.with(t, "attributes.json", `{"user":[]}`)
		b.post(t, "permission/delete", `{"name":"view"}`)
		b.post(t, "permission/delete/batch", `{"names":["write"],"ids":null}`)
		b.wantPermissions(t, "erase")
		b.wantRoles(t, "Kept User Admin", "Reader User Admin", "acme/Local erase")
		// Whoever makes the permission again gives it to nobody.
		b.post(t, "permission/create", `{"name":"view"}`)
		b.wantRoles(t, "Kept User Admin", "Reader User Admin", "acme/Local erase")

		before := testkit.Rows(t, b.Projects.DB)
		b.refusals(t, map[string][4]string{
			"a permission that there is":        {"permission/create", `{"name":"erase"}`, "409", "P40965"},
			"one that every project has":        {"permission/create", `{"name":"User Admin"}`, "409", "P40965"},
			"two of one name":                   {"permission/create/batch", `{"permissions":[{"name":"x"},{"name":"x"}]}`, "409", "P40965"},
			"none":                              {"permission/create/batch", `{"permissions":[]}`, "400", "E011002"},
			"no name":                           {"permission/create", `{}`, "400", "E011003"},
			"a long name":                       {"permission/create", `{"name":"` + strings.Repeat("x", 101) + `"}`, "400", "E011003"},
			"an update of none":                 {"permission/update", `{"name":"none","newName":"x"}`, "404", "P40462"},
			"an update to a taken name":         {"permission/update", `{"name":"view","newName":"erase"}`, "409", "P40965"},
			"an update of what all have":        {"permission/update", `{"name":"User Admin","newName":"x"}`, "400", "E011003"},
			"a deletion of none":                {"permission/delete", `{"name":"none"}`, "404", "P40462"},
			"a deletion of what all have":       {"permission/delete", `{"name":"Impersonate"}`, "400", "E011003"},
			"a deletion of one and one of none": {"permission/delete/batch", `{"names":["erase","none"]}`, "404", "P40462"},
			"a deletion of nothing":             {"permission/delete", `{}`, "400", "E011002"},
		})
		after := testkit.Rows(t, b.Projects.DB)
		delete(before, "audit")
		delete(after, "audit")
		delete(before, "audit_chains")
		delete(after, "audit_chains")
		if diff := cmp.Diff(before, after); diff != "" {
			t.Errorf("what is refused changes something:\n%s", diff)
		}
	})
}

// Who changes and deletes some roles reads no others of tenants: one that cannot be read is
// in nobody's way.
func TestChangesReadTheRolesThatTheyName(t *testing.T) {
	t.Parallel()
	testkit.Databases(t, func(t *testing.T, url string) {
		b := setup(t, url)
		var ids []string
		for _, tenant := range []string{"acme", "broken"} {
			b.post(t, "tenant/create", `{"id":"`+tenant+`","name":"`+tenant+`"}`)
			for _, name := range []string{"One", "Two", "Three", "Four"} {
				ids = append(ids, b.post(t, "role/create", `{"name":"`+name+`","tenantId":"`+tenant+`"}`)["id"].(string))
			}
		}
		if _, err := b.Projects.DB.Exec(t.Context(), `UPDATE tenant_roles SET permissions = 'damaged' WHERE tenant = $1`, "broken"); err != nil {
			t.Fatal(err)
		}
		b.post(t, "role/update", `{"name":"One","newName":"Uno","tenantId":"acme"}`)
		b.post(t, "role/update", `{"id":"`+ids[1]+`","newName":"Due"}`)
		b.post(t, "role/update/batch", `{"roles":[{"id":"`+ids[2]+`","newName":"Tre"},{"name":"Four","newName":"Quattro","tenantId":"acme"}]}`)
		b.post(t, "role/delete", `{"name":"Uno","tenantId":"acme"}`)
		b.post(t, "role/delete", `{"id":"`+ids[1]+`"}`)
		b.post(t, "role/delete/batch", `{"roleIds":["`+ids[2]+`"],"roleNames":["Quattro"],"tenantId":"acme"}`)
		rows := testkit.Rows(t, b.Projects.DB)["tenant_roles"]
		if len(rows) != 4 || strings.Contains(strings.Join(rows, "\n"), "acme") {
			t.Errorf("there are left %q", rows)
		}
	})
}

func TestRolesOfProjectsAndOfTenants(t *testing.T) {
	t.Parallel()
	testkit.Databases(t, func(t *testing.T, url string) {
		b := setup(t, url)
		b.post(t, "permission/create/batch", `{"permissions":[{"name":"read"},{"name":"write"}]}`)
		b.post(t, "tenant/create", `{"id":"acme","name":"Acme"}`)
		b.post(t, "tenant/create", `{"id":"beta","name":"Beta","parent":"acme"}`)
		made := b.post(t, "role/create", `{"name":"Admin","description":"All","permissionNames":["write","read","read"],"default":true,"private":false,"tenantId":""}`)
		if id, _ := made["id"].(string); !strings.HasPrefix(id, "ROL") || made["createdTime"] != 0.0 {
			t.Errorf("a new role of the project: %v", made)
		}
		local := b.post(t, "role/create", `{"name":"Admin","permissionNames":["read"],"tenantId":"acme","private":true}`)
		if at, _ := local["createdTime"].(float64); at == 0 || local["id"] == made["id"] {
			t.Errorf("a new role of a tenant: %v", local)
		}
		b.post(t, "role/create/batch", `{"roles":[{"name":"Guest","permissionNames":null},{"name":"Guest","tenantId":"beta","permissionNames":["read"],"default":true}]}`)
		b.wantRoles(t, "Admin read write (default)", "Guest", "acme/Admin read (private)", "beta/Guest read (default)")

		b.post(t, "role/update", `{"name":"Admin","newName":"Chief","permissionNames":["write"],"tenantId":"acme"}`)
		b.post(t, "role/update", `{"id":"`+made["id"].(string)+`","newName":"Root","description":"","permissionNames":["User Admin"]}`)
		b.post(t, "role/update/batch", `{"roles":[{"name":"Guest","newName":"Visitor"},{"name":"Guest","tenantId":"beta","newName":"Visitor","permissionNames":["write"]}]}`)
		b.wantRoles(t, "Root User Admin", "Visitor", "acme/Chief write", "beta/Visitor write")
		for body, want := range map[string][]string{
			`{}`:                     {"Root User Admin", "Visitor", "acme/Chief write", "beta/Visitor write"},
			`{"tenantIds":["acme"]}`: {"acme/Chief write"},
			`{"tenantIds":["acme"],"includeProjectRoles":true}`: {"Root User Admin", "Visitor", "acme/Chief write"},
			`{"roleNames":["Visitor"]}`:                         {"Visitor", "beta/Visitor write"}, `{"roleNameLike":"IEF"}`: {"acme/Chief write"},
			`{"permissionNames":["write"]}`: {"acme/Chief write", "beta/Visitor write"}, `{"roleIds":["` + made["id"].(string) + `","none"]}`: {"Root User Admin"},
			`{"text":"oo"}`: {"Root User Admin"}, `{"sort":[{"field":"name","desc":true}],"tenantIds":["acme","beta"]}`: {"beta/Visitor write", "acme/Chief write"},
		} {
			if diff := cmp.Diff(want, summed(t, b.post(t, "role/search", body), "roles")); diff != "" {
				t.Errorf("%s (-want +got):\n%s", body, diff)
			}
		}
		b.post(t, "role/update", `{"name":"Visitor","newName":"Visitor","private":true}`)
		got := summed(t, b.did(t, "GET", "/v1/mgmt/role/subtenant/all?tenant=acme", ""), "roles")
		if diff := cmp.Diff([]string{"Root User Admin", "acme/Chief write", "beta/Visitor write"}, got); diff != "" {
			t.Errorf("of a tenant and those under it (-want +got):\n%s", diff)
		}
		b.post(t, "tenant/updateDefaultRoles", `{"id":"acme","defaultRoles":["Root","Chief"]}`)
		if diff := cmp.Diff([]any{"Chief", "Root"}, b.tenant(t, "acme")["defaultRoles"]); diff != "" {
			t.Errorf("default roles (-want +got):\n%s", diff)
		}
		b.refusals(t, map[string][4]string{
			"the default role of another tenant": {"tenant/updateDefaultRoles", `{"id":"beta","defaultRoles":["Chief"]}`, "400", "E011003"},
			"a name of the project":              {"role/create", `{"name":"Root"}`, "409", "P40964"},
			"a name of the tenant":               {"role/create", `{"name":"Chief","tenantId":"acme"}`, "409", "P40964"},
			"one of two is taken":                {"role/create/batch", `{"roles":[{"name":"New"},{"name":"Chief","tenantId":"acme"}]}`, "409", "P40964"},
			"a tenant that is none":              {"role/create", `{"name":"x","tenantId":"none"}`, "404", "E112202"},
			"a permission that is none":          {"role/create", `{"name":"x","permissionNames":["none"]}`, "400", "E011003"},
			"no name":                            {"role/create", `{}`, "400", "E011003"},
			"an update of none":                  {"role/update", `{"name":"none","newName":"x"}`, "404", "P40461"},
			"an update in another tenant":        {"role/update", `{"name":"Chief","newName":"x","tenantId":"beta"}`, "404", "P40461"},
			"an update of an id elsewhere":       {"role/update", `{"id":"` + local["id"].(string) + `","newName":"x","tenantId":"beta"}`, "404", "P40461"},
			"an update to a taken name":          {"role/update", `{"name":"Visitor","newName":"Root"}`, "409", "P40964"},
			"an update without a name":           {"role/update", `{"name":"Visitor"}`, "400", "E011003"},
			"a deletion of none":                 {"role/delete", `{"name":"none"}`, "404", "P40461"},
			"a deletion of nothing":              {"role/delete/batch", `{"roleNames":[]}`, "400", "E011002"},
		})
		b.wantRoles(t, "Root User Admin", "Visitor (private)", "acme/Chief write", "beta/Visitor write")
		b.post(t, "role/delete", `{"id":"`+local["id"].(string)+`","tenantId":"acme"}`)
		b.post(t, "role/delete/batch", `{"roleNames":["Root","Visitor"],"roleIds":null}`)
		b.wantRoles(t, "beta/Visitor write")
		b.post(t, "tenant/delete", `{"id":"beta"}`)
		b.wantRoles(t)
	})
}

// What a deleted role gave it gives to nobody any more, though a role of its name is
// made again.
func TestDeletedRolesHaveNoHolders(t *testing.T) {
	t.Parallel()
	testkit.Databases(t, func(t *testing.T, url string) {
		b := setup(t, url)
		b.post(t, "tenant/create", `{"id":"acme","name":"Acme"}`)
		b.post(t, "role/create/batch", `{"roles":[{"name":"Root"},{"name":"Kept"},{"name":"Local","tenantId":"acme"}]}`)
		c, err := b.Projects.Config(t.Context(), b.project)
		if err != nil {
			t.Fatal(err)
		}
		u := &user.User{Project: b.project, Tenants: []user.Membership{{Tenant: "acme"}}}
		known, err := b.Roles.All(t.Context(), c)
		if err != nil {
			t.Fatal(err)
		}
		if u.Roles, err = known.IDs([]string{"Root", "Kept"}); err != nil {
			t.Fatal(err)
		}
		if u.Tenants[0].Roles, err = known.IDsIn("acme", []string{"Local", "Root"}); err != nil {
			t.Fatal(err)
		}
		if _, err := known.IDs([]string{"Local"}); err == nil {
			t.Error("the role of a tenant is one of the project")
		}
		err = b.Projects.DB.Write(t.Context(), func(_ context.Context, tx *store.Tx) error {
			u.ID = ""
			return user.Create(tx, u)
		})
		if err != nil {
			t.Fatal(err)
		}
		b.post(t, "role/delete", `{"name":"Root"}`)
		b.post(t, "role/delete", `{"name":"Local","tenantId":"acme"}`)
		b.post(t, "role/create/batch", `{"roles":[{"name":"Root"},{"name":"Local","tenantId":"acme"}]}`)
		err = b.Projects.DB.Read(t.Context(), func(_ context.Context, tx *store.Tx) error {
			got, err := user.Load(tx, b.project, u.ID)
			if err != nil {
				return err
			}
			known, err := authz.Load(tx, c, "acme")
			if !slices.Equal(known.Names(got.Roles), []string{"Kept"}) || len(got.Tenants[0].Roles) > 0 {
				t.Errorf("has %v and %v", got.Roles, got.Tenants[0].Roles)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	})
}

// Files that people write by hand name roles and give no ids.
func TestRolesWithoutIDsAreApart(t *testing.T) {
	t.Parallel()
	testkit.Databases(t, func(t *testing.T, url string) {
		b := setup(t, url)
		const files = `{"files":{"permissions.json":{"permissions":[{"name":"read"},{"name":"refund"}]},
			"roles.json":{"roles":[{"name":"Clerk","permissions":["read"]},{"name":"Chief","permissions":["refund"]}]}}}`
		b.did(t, "POST", importPath, files)
		made := b.post(t, "user/create", `{"loginId":"ada","roleNames":["Clerk"]}`)
		if u, _ := made["user"].(map[string]any); !slices.Equal(u["permissions"].([]any), []any{"read"}) {
			t.Errorf("a clerk may %v", u["permissions"])
		}
		if again := b.did(t, "POST", importPath, files); again["changed"] != false {
			t.Errorf("the same files once more: %v", again)
		}
	})
}

func TestRolesOfOneNameRace(t *testing.T) {
	t.Parallel()
	testkit.Databases(t, func(t *testing.T, url string) {
		b := setup(t, url)
		b.post(t, "tenant/create", `{"id":"acme","name":"Acme"}`)
		if n := b.atOnce(t, 8, "role/create", `{"name":"One","tenantId":"acme"}`, "P40964"); n != 1 {
			t.Errorf("%d roles of the tenant got the name", n)
		}
		if n := b.atOnce(t, 3, "role/create", `{"name":"One"}`, "P40964"); n != 1 {
			t.Errorf("%d roles of the project got the name", n)
		}
		b.wantRoles(t, "One", "acme/One")
	})
}
