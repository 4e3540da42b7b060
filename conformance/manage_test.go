package conformance

import (
	"slices"
	"testing"

	"github.com/descope/go-sdk/descope"
)

func TestRolesAndPermissionsAreManaged(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		p := s.newPlace(t)
		perms, roles, ctx := p.Management.Permission(), p.Management.Role(), t.Context()
		must := func(what string, err error) {
			t.Helper()
			if err != nil {
				t.Errorf("%s: %v", what, err)
			}
		}
		must("create", perms.Create(ctx, "till:open", "Open the till"))
		must("create some", perms.CreateBatch(ctx, []*descope.Permission{{Name: "till:count"}, {Name: "till:close"}}))
		must("update", perms.Update(ctx, "till:open", "till:unlock", "Unlock the till"))
		must("update some", perms.UpdateBatch(ctx, []*descope.PermissionUpdateRequest{{Name: "till:count", NewName: "till:reckon", Description: "Reckon"}}))
		must("update by the id", perms.UpdateWithID(ctx, p.permission(t, "till:reckon").ID, "till:count", "Count"))
		if p.permission(t, "till:unlock").Description != "Unlock the till" || p.permission(t, "till:count").Description != "Count" {
			t.Error("the permissions are not what they were made")
		}
		must("create a role", roles.Create(ctx, "Cashier", "At the till", []string{"till:unlock"}, "", false, false))
		made, err := roles.CreateBatch(ctx, []*descope.Role{{Name: "Counter", PermissionNames: []string{"till:count"}}})
		must("create some roles", err)
		if len(made) != 1 || made[0].Name != "Counter" {
			t.Errorf("made: %+v", made)
		}
		must("update a role", roles.Update(ctx, "Cashier", "", "Head cashier", "At the till", []string{"till:unlock", "till:close"}, false, false))
		changed, err := roles.UpdateBatch(ctx, []*descope.RoleUpdateRequest{{Name: "Counter", NewName: "Reckoner", Description: "Reckons", PermissionNames: []string{"till:count"}}})
		must("update some roles", err)
		if len(changed) != 1 || changed[0].Name != "Reckoner" {
			t.Errorf("changed: %+v", changed)
		}
		must("update a role by its id", roles.UpdateWithID(ctx, made[0].ID, "", "Counter", "Counts", []string{"till:count"}, false, false))
		found, err := roles.Search(ctx, &descope.RoleSearchOptions{RoleNames: []string{"Head cashier"}})
		must("search", err)
		if len(found) != 1 || len(found[0].PermissionNames) != 2 {
			t.Errorf("found: %+v", found)
		}
		if _, err := p.Management.User().Create(ctx, "ann", &descope.UserRequest{Roles: []string{"Head cashier"}}); err != nil {
			t.Error(err)
		}
		must("delete a role", roles.Delete(ctx, "Head cashier", ""))
		must("delete some roles", roles.DeleteBatch(ctx, []string{"Counter"}, "", nil))
		must("create one more", roles.Create(ctx, "Sweeper", "", nil, "", false, false))
		found, err = roles.Search(ctx, &descope.RoleSearchOptions{RoleNameLike: "weep"})
		if err != nil || len(found) != 1 {
			t.Fatalf("found: %+v, %v", found, err)
		}
		must("delete a role by its id", roles.DeleteWithID(ctx, found[0].ID, ""))
		if u, err := p.Management.User().Load(ctx, "ann"); err != nil || slices.Contains(u.RoleNames, "Head cashier") {
			t.Errorf("who had it: %+v, %v", u, err)
		}
		must("delete", perms.Delete(ctx, "till:unlock"))
		must("create one more permission", perms.Create(ctx, "till:sweep", ""))
		must("delete by the id", perms.DeleteWithID(ctx, p.permission(t, "till:sweep").ID))
		must("delete some", perms.DeleteBatch(ctx, []string{"till:count", "till:close"}, nil))
		list, err := roles.LoadAll(ctx)
		must("load roles", err)
		if len(list) < 2 || slices.ContainsFunc(list, func(r *descope.Role) bool { return r.Name == "Counter" }) {
			t.Errorf("roles: %+v", list)
		}
		must("delete one that roles are made of", perms.Delete(ctx, "books:write"))
		if found, err := roles.Search(ctx, &descope.RoleSearchOptions{RoleNames: []string{"Writer"}}); err != nil || len(found) != 1 || slices.Contains(found[0].PermissionNames, "books:write") {
			t.Errorf("the role that had it: %+v, %v", found, err)
		}
	})
}

func (p *place) permission(t *testing.T, name string) *descope.Permission {
	t.Helper()
	all, err := p.Management.Permission().LoadAll(t.Context())
	i := slices.IndexFunc(all, func(p *descope.Permission) bool { return p.Name == name })
	if err != nil || i < 0 {
		t.Fatalf("there is no %s in %+v, %v", name, all, err)
	}
	return all[i]
}

// Nothing tells of groups yet.
func TestGroups(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		p := s.newPlace(t)
		groups, ctx := p.Management.Group(), t.Context()
		for name, load := range map[string]func() ([]*descope.Group, error){
			"all": func() ([]*descope.Group, error) { return groups.LoadAllGroups(ctx, "hill") },
			"of members": func() ([]*descope.Group, error) {
				return groups.LoadAllGroupsForMembers(ctx, "hill", nil, []string{"ann"})
			},
			"members": func() ([]*descope.Group, error) { return groups.LoadAllGroupMembers(ctx, "hill", "g1") },
		} {
			if list, err := load(); err != nil || len(list) != 0 {
				t.Errorf("%s: %+v, %v", name, list, err)
			}
		}
	})
}

func TestTenantsAreManaged(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		p := s.newPlace(t)
		tenants, ctx := p.Management.Tenant(), t.Context()
		id, err := tenants.Create(ctx, &descope.TenantRequest{Name: "Harbour", SelfProvisioningDomains: []string{"harbour.example"}})
		if err != nil {
			t.Fatal(err)
		}
		if err := tenants.Update(ctx, id, &descope.TenantRequest{Name: "Old harbour"}); err != nil {
			t.Error(err)
		}
		if got, err := tenants.Load(ctx, id); err != nil || got.Name != "Old harbour" || got.ID != id {
			t.Errorf("load: %+v, %v", got, err)
		}
		if all, err := tenants.LoadAll(ctx); err != nil || len(all) != 1 {
			t.Errorf("all: %+v, %v", all, err)
		}
		if found, err := tenants.SearchAll(ctx, &descope.TenantSearchOptions{Names: []string{"Old harbour"}}); err != nil || len(found) != 1 {
			t.Errorf("found: %+v, %v", found, err)
		}
		settings, err := tenants.GetSettings(ctx, id)
		if err != nil {
			t.Fatal(err)
		}
		settings.SessionSettingsEnabled, settings.SessionTokenExpiration, settings.SessionTokenExpirationUnit = true, 5, "minutes"
		if err := tenants.ConfigureSettings(ctx, id, settings); err != nil {
			t.Error(err)
		}
		if err := tenants.UpdateDefaultRoles(ctx, id, []string{"Reader"}); err != nil {
			t.Error(err)
		}
		if err := tenants.Delete(ctx, id, true); err != nil {
			t.Error(err)
		}
		if _, err := tenants.Load(ctx, id); err == nil {
			t.Error("a deleted tenant was found")
		}
	})
}

func TestTokensAreManaged(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		p := s.newPlace(t)
		jwts, ctx := p.Management.JWT(), t.Context()
		const ann = "ann@shop.example"
		info, err := jwts.SignUp(ctx, ann, &descope.MgmtUserRequest{User: descope.User{Email: ann}}, nil)
		p.wantSession(t, info, err, ann)
		info, err = jwts.SignIn(ctx, ann, nil)
		p.wantSession(t, info, err, ann)
		info, err = jwts.SignUpOrIn(ctx, ann, &descope.MgmtUserRequest{}, nil)
		p.wantSession(t, info, err, ann)
		newer, err := jwts.UpdateJWTWithCustomClaims(ctx, info.SessionToken.JWT, map[string]any{"till": "7"}, 0)
		if err != nil {
			t.Fatal(err)
		}
		if ok, tok, err := p.Auth.ValidateSessionWithToken(ctx, newer); err != nil || !ok || tok.CustomClaim("till") != "7" {
			t.Errorf("with a claim: %v, %v", tok, err)
		}
		templates := p.Management.JWTTemplate()
		made, err := templates.Create(ctx, &descope.JWTTemplate{Name: "Till", Type: "user", AuthSchema: "default", EmptyClaimPolicy: "none", Template: map[string]any{"shop": "one"}})
		if err != nil || made.ID == "" {
			t.Fatalf("template: %+v, %v", made, err)
		}
		made.Description = "What tills want to know"
		if made, err = templates.Update(ctx, made); err != nil || made.Description == "" {
			t.Errorf("update: %+v, %v", made, err)
		}
		if got, err := templates.Load(ctx, made.ID); err != nil || got.Name != "Till" {
			t.Errorf("load: %+v, %v", got, err)
		}
		if list, err := templates.List(ctx); err != nil || len(list) != 1 {
			t.Errorf("list: %+v, %v", list, err)
		}
		if said, err := templates.Validate(ctx, made.ID, made); err != nil || !said.Valid {
			t.Errorf("validate: %+v, %v", said, err)
		}
		made.Type = "robot"
		if said, err := templates.Validate(ctx, made.ID, made); err != nil || said.Valid || len(said.Issues) == 0 {
			t.Errorf("validate a wrong one: %+v, %v", said, err)
		}
		if err := templates.Delete(ctx, made.ID); err != nil {
			t.Error(err)
		}
		library, err := templates.ListLibrary(ctx)
		if err != nil || len(library) == 0 {
			t.Fatalf("library: %+v, %v", library, err)
		}
		entry, err := templates.LoadLibraryEntry(ctx, library[0].ID)
		if err != nil || entry.Name != library[0].Name {
			t.Errorf("entry: %+v, %v", entry, err)
		}
		applied, err := templates.ApplyFromLibrary(ctx, &descope.ApplyJWTTemplateFromLibraryRequest{LibraryEntryID: entry.ID, NameOverride: "Ours"})
		if err != nil || applied.Name != "Ours" {
			t.Errorf("applied: %+v, %v", applied, err)
		}
	})
}

// Somebody of the shop acts for somebody else, and a visitor has a session without being anybody.
func TestImpersonationAndVisitors(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		p := s.newPlace(t)
		jwts, users, ctx := p.Management.JWT(), p.Management.User(), t.Context()
		if err := p.Management.Role().Create(ctx, "Support", "", []string{"Impersonate"}, "", false, false); err != nil {
			t.Fatal(err)
		}
		helper, err := users.Create(ctx, "helper", &descope.UserRequest{Roles: []string{"Support"}})
		if err != nil {
			t.Fatal(err)
		}
		ann, err := users.Create(ctx, "ann", &descope.UserRequest{})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := jwts.Impersonate(ctx, ann.UserID, "helper", false, nil, "", 0); err == nil {
			t.Error("a user who may not impersonates")
		}
		refresh, err := jwts.Impersonate(ctx, helper.UserID, "ann", false, map[string]any{"till": "7"}, "", 0)
		if err != nil {
			t.Fatal(err)
		}
		ok, tok, err := p.Auth.RefreshSessionWithToken(ctx, refresh)
		if err != nil || !ok || tok.ID != ann.UserID || tok.Claims["act"] == nil {
			t.Errorf("impersonated: %v, %v", tok, err)
		}
		stepped, err := jwts.ImpersonateStepup(ctx, helper.UserID, "ann", false, nil, "", 0)
		if err != nil {
			t.Fatal(err)
		}
		if ok, tok, err := p.Auth.ValidateSessionWithToken(ctx, stepped); err != nil || !ok || tok.ID != ann.UserID || tok.Claims["su"] != true {
			t.Errorf("stepped up: %v, %v", tok, err)
		}
		own, err := jwts.StopImpersonation(ctx, stepped, nil, "", 0)
		if err != nil {
			t.Fatal(err)
		}
		if ok, tok, err := p.Auth.RefreshSessionWithToken(ctx, own); err != nil || !ok || tok.ID != helper.UserID {
			t.Errorf("stopped: %v, %v", tok, err)
		}
		visitor, err := jwts.Anonymous(ctx, map[string]any{"basket": "3"}, "", 0)
		if err != nil {
			t.Fatal(err)
		}
		if ok, tok, err := p.Auth.ValidateSessionWithToken(ctx, visitor.SessionToken.JWT); err != nil || !ok || tok.CustomClaim("basket") != "3" {
			t.Errorf("a visitor: %v, %v", tok, err)
		}
	})
}

func TestAttributesOfUsersAreManaged(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		p := s.newPlace(t)
		users, ctx := p.Management.User(), t.Context()
		list, err := users.CreateCustomAttributes(ctx, []*descope.CustomAttribute{{Name: "ink", DisplayName: "Ink", Type: 1}})
		if err != nil || len(list) == 0 {
			t.Fatalf("create: %+v, %v", list, err)
		}
		if list, err = users.GetCustomAttributes(ctx); err != nil || len(list) != 2 {
			t.Errorf("list: %+v, %v", list, err)
		}
		if list, err = users.DeleteCustomAttributes(ctx, []string{"ink"}); err != nil || len(list) != 1 {
			t.Errorf("delete: %+v, %v", list, err)
		}
	})
}
