package conformance

import (
	"slices"
	"testing"

	"github.com/descope/go-sdk/descope"
)

// loginIDs returns the first login id of each user.
func loginIDs(list []*descope.UserResponse) []string {
	var out []string
	for _, u := range list {
		out = append(out, u.LoginIDs[0])
	}
	return out
}

// names returns the login ids of users, sorted.
func names(list []*descope.UserResponse) []string {
	return slices.Sorted(slices.Values(loginIDs(list)))
}

func TestUsersAreManaged(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		p := s.newPlace(t)
		users, ctx := p.Management.User(), t.Context()
		yes := true
		made, err := users.Create(ctx, "ann", &descope.UserRequest{
			User:          descope.User{Name: "Ann Archer", GivenName: "Ann", FamilyName: "Archer", Email: "ann@shop.example", Phone: "+12025550143"},
			VerifiedEmail: &yes, Roles: []string{"Writer"}, CustomAttributes: map[string]any{"shelf": "two"}, AdditionalLoginIDs: []string{"archer"},
		})
		if err != nil {
			t.Fatal(err)
		}
		if made.Name != "Ann Archer" || !slices.Contains(made.LoginIDs, "archer") || !made.VerifiedEmail || made.VerifiedPhone || made.Status != "enabled" ||
			!slices.Contains(made.RoleNames, "Writer") || made.CustomAttributes["shelf"] != "two" || made.CreatedTime == 0 {
			t.Errorf("created: %+v", made)
		}
		if _, err := users.Create(ctx, "ann", &descope.UserRequest{}); !descope.IsError(err, "E062107") {
			t.Errorf("a second Ann: %v", err)
		}
		if _, err := users.Create(ctx, "bob", &descope.UserRequest{CustomAttributes: map[string]any{"no-such": 1}}); err == nil {
			t.Error("an attribute that there is not")
		}
		for name, load := range map[string]func() (*descope.UserResponse, error){
			"by a login id": func() (*descope.UserResponse, error) { return users.Load(ctx, "archer") },
			"by the id":     func() (*descope.UserResponse, error) { return users.LoadByUserID(ctx, made.UserID) },
			"by whichever":  func() (*descope.UserResponse, error) { return users.Load(ctx, made.UserID) },
		} {
			if got, err := load(); err != nil || got.UserID != made.UserID {
				t.Errorf("%s: %+v, %v", name, got, err)
			}
		}
		if _, err := users.Load(ctx, "nobody"); err == nil {
			t.Error("nobody was found")
		}
		p.changeAnn(t, made.UserID)
		if err := users.Delete(ctx, "ann"); err != nil {
			t.Error(err)
		}
		if _, err := users.Load(ctx, "archer"); err == nil {
			t.Error("a deleted user was found")
		}
	})
}

// changeAnn changes every part of a user, one call each.
func (p *place) changeAnn(t *testing.T, id string) {
	t.Helper()
	users, ctx := p.Management.User(), t.Context()
	if err := p.Management.Tenant().CreateWithID(ctx, "hill", &descope.TenantRequest{Name: "Hill"}); err != nil {
		t.Fatal(err)
	}
	inHill := func(u *descope.UserResponse, roles ...string) bool {
		return len(u.UserTenants) == 1 && u.UserTenants[0].TenantID == "hill" && slices.Equal(u.UserTenants[0].Roles, roles)
	}
	name := "Ann"
	for _, step := range []struct {
		what  string
		do    func() (*descope.UserResponse, error)
		right func(*descope.UserResponse) bool
	}{
		{"name", func() (*descope.UserResponse, error) { return users.UpdateDisplayName(ctx, "ann", "A. Archer") }, func(u *descope.UserResponse) bool { return u.Name == "A. Archer" }},
		{"names", func() (*descope.UserResponse, error) { return users.UpdateUserNames(ctx, "ann", "Anna", "B", "Bowman") }, func(u *descope.UserResponse) bool { return u.GivenName == "Anna" && u.FamilyName == "Bowman" }},
		{"email", func() (*descope.UserResponse, error) {
			return users.UpdateEmail(ctx, "ann", "anna@shop.example", true, false)
		}, func(u *descope.UserResponse) bool { return u.Email == "anna@shop.example" && u.VerifiedEmail }},
		{"phone", func() (*descope.UserResponse, error) {
			return users.UpdatePhone(ctx, "ann", "+12025550144", true, false)
		}, func(u *descope.UserResponse) bool { return u.Phone == "+12025550144" && u.VerifiedPhone }},
		{"picture", func() (*descope.UserResponse, error) {
			return users.UpdatePicture(ctx, "ann", "https://shop.example/a.png")
		}, func(u *descope.UserResponse) bool { return u.Picture != "" }},
		{"attribute", func() (*descope.UserResponse, error) { return users.UpdateCustomAttribute(ctx, "ann", "shelf", "nine") }, func(u *descope.UserResponse) bool { return u.CustomAttributes["shelf"] == "nine" }},
		{"recovery email", func() (*descope.UserResponse, error) {
			return users.UpdateRecoveryEmail(ctx, "ann", "r@shop.example", true)
		}, func(*descope.UserResponse) bool { return true }},
		{"recovery phone", func() (*descope.UserResponse, error) {
			return users.UpdateRecoveryPhone(ctx, "ann", "+12025550145", true)
		}, func(*descope.UserResponse) bool { return true }},
		{"roles", func() (*descope.UserResponse, error) { return users.SetRoles(ctx, "ann", []string{"Reader"}) }, func(u *descope.UserResponse) bool { return slices.Equal(u.RoleNames, []string{"Reader"}) }},
		{"a role more", func() (*descope.UserResponse, error) { return users.AddRoles(ctx, "ann", []string{"Writer"}) }, func(u *descope.UserResponse) bool { return len(u.RoleNames) == 2 }},
		{"a role less", func() (*descope.UserResponse, error) { return users.RemoveRoles(ctx, "ann", []string{"Reader"}) }, func(u *descope.UserResponse) bool { return slices.Equal(u.RoleNames, []string{"Writer"}) }},
		{"tenant", func() (*descope.UserResponse, error) { return users.AddTenant(ctx, "ann", "hill") }, func(u *descope.UserResponse) bool { return inHill(u) }},
		{"roles there", func() (*descope.UserResponse, error) {
			return users.SetTenantRoles(ctx, "ann", "hill", []string{"Reader"})
		}, func(u *descope.UserResponse) bool { return inHill(u, "Reader") }},
		{"a role more there", func() (*descope.UserResponse, error) {
			return users.AddTenantRoles(ctx, "ann", "hill", []string{"Writer"})
		}, func(u *descope.UserResponse) bool { return inHill(u, "Reader", "Writer") }},
		{"a role less there", func() (*descope.UserResponse, error) {
			return users.RemoveTenantRoles(ctx, "ann", "hill", []string{"Reader"})
		}, func(u *descope.UserResponse) bool { return inHill(u, "Writer") }},
		{"no tenant", func() (*descope.UserResponse, error) { return users.RemoveTenant(ctx, "ann", "hill") }, func(u *descope.UserResponse) bool { return len(u.UserTenants) == 0 }},
		{"app", func() (*descope.UserResponse, error) { return users.SetSSOApps(ctx, "ann", []string{"app1"}) }, func(u *descope.UserResponse) bool { return slices.Equal(u.SSOAppIDs, []string{"app1"}) }},
		{"an app more", func() (*descope.UserResponse, error) { return users.AddSSOApps(ctx, "ann", []string{"app2"}) }, func(u *descope.UserResponse) bool { return len(u.SSOAppIDs) == 2 }},
		{"an app less", func() (*descope.UserResponse, error) { return users.RemoveSSOApps(ctx, "ann", []string{"app1"}) }, func(u *descope.UserResponse) bool { return slices.Equal(u.SSOAppIDs, []string{"app2"}) }},
		{"off", func() (*descope.UserResponse, error) { return users.Deactivate(ctx, "ann") }, func(u *descope.UserResponse) bool { return u.Status == "disabled" }},
		{"on", func() (*descope.UserResponse, error) { return users.Activate(ctx, "ann") }, func(u *descope.UserResponse) bool { return u.Status == "enabled" }},
		{"login id", func() (*descope.UserResponse, error) { return users.UpdateLoginID(ctx, "ann", "annie") }, func(u *descope.UserResponse) bool { return slices.Contains(u.LoginIDs, "annie") }},
		{"login id again", func() (*descope.UserResponse, error) { return users.UpdateLoginID(ctx, "annie", "ann") }, func(u *descope.UserResponse) bool { return slices.Contains(u.LoginIDs, "ann") }},
		{"patch", func() (*descope.UserResponse, error) {
			return users.Patch(ctx, "ann", &descope.PatchUserRequest{Name: &name})
		}, func(u *descope.UserResponse) bool { return u.Name == "Ann" && u.Email == "anna@shop.example" }},
		{"whole", func() (*descope.UserResponse, error) {
			return users.Update(ctx, "ann", &descope.UserRequest{User: descope.User{Name: "Whole", Email: "whole@shop.example"}, AdditionalLoginIDs: []string{"archer"}})
		}, func(u *descope.UserResponse) bool { return u.Name == "Whole" && u.Phone == "" && len(u.RoleNames) == 0 }},
	} {
		u, err := step.do()
		if err != nil || u.UserID != id || !step.right(u) {
			t.Errorf("%s: %+v, %v", step.what, u, err)
		}
	}
}

func TestUsersInBatches(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		p := s.newPlace(t)
		users, ctx := p.Management.User(), t.Context()
		res, err := users.CreateBatch(ctx, []*descope.BatchUser{
			{LoginID: "a1", UserRequest: descope.UserRequest{User: descope.User{Name: "One", Email: "one@shop.example"}, Roles: []string{"Writer"}}},
			{LoginID: "a2", Password: &descope.BatchUserPassword{Cleartext: "Lantern&Quill-9"}},
			{LoginID: "a3", UserRequest: descope.UserRequest{User: descope.User{Name: "Three"}}},
			{LoginID: "a4", UserRequest: descope.UserRequest{Roles: []string{"No such role"}}},
		})
		if err != nil || len(res.CreatedUsers) != 3 || len(res.FailedUsers) != 1 || res.FailedUsers[0].Failure == "" {
			t.Fatalf("batch: %+v, %v", res, err)
		}
		info, err := p.Auth.Password().SignIn(ctx, "a2", "Lantern&Quill-9", nil)
		p.wantSession(t, info, err, "a2", "pwd")
		patched, err := users.PatchBatch(ctx, []*descope.PatchUserBatchRequest{
			{LoginID: "a1", PatchUserRequest: &descope.PatchUserRequest{Status: status("disabled")}},
			{LoginID: "nobody", PatchUserRequest: &descope.PatchUserRequest{Status: status("disabled")}},
		})
		if err != nil || len(patched.PatchedUsers) != 1 || patched.PatchedUsers[0].Name != "One" || len(patched.FailedUsers) != 1 {
			t.Errorf("patches: %+v, %v", patched, err)
		}
		if _, err := users.CreateTestUser(ctx, "tester1", &descope.UserRequest{User: descope.User{Email: "tester1@shop.example"}}); err != nil {
			t.Fatal(err)
		}
		ids := []string{res.CreatedUsers[0].UserID, res.CreatedUsers[1].UserID}
		all, _, err := users.LoadUsers(ctx, ids, true)
		if err != nil || len(all) != 2 {
			t.Errorf("loaded: %v, %v", names(all), err)
		}
		if err := users.DeleteAllTestUsers(ctx); err != nil {
			t.Error(err)
		}
		if err := users.DeleteBatch(ctx, ids); err != nil {
			t.Error(err)
		}
		if list, _, err := users.SearchAll(ctx, &descope.UserSearchOptions{WithTestUsers: true}); err != nil || !slices.Equal(names(list), []string{"a3"}) {
			t.Errorf("left: %v, %v", names(list), err)
		}
		if err := users.DeleteByUserID(ctx, res.CreatedUsers[2].UserID); err != nil {
			t.Error(err)
		}
		if list, _, err := users.SearchAll(ctx, nil); err != nil || len(list) != 0 {
			t.Errorf("left at last: %v, %v", names(list), err)
		}
	})
}

func status(s string) *descope.UserStatus {
	v := descope.UserStatus(s)
	return &v
}

func TestTestUsersAndInvitations(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		p := s.newPlace(t)
		users, ctx := p.Management.User(), t.Context()
		const tester = "tester1@shop.example"
		if _, err := users.CreateTestUser(ctx, tester, &descope.UserRequest{User: descope.User{Email: tester}}); err != nil {
			t.Fatal(err)
		}
		code, err := users.GenerateOTPForTestUser(ctx, descope.MethodEmail, tester, nil)
		if err != nil {
			t.Fatal(err)
		}
		info, err := p.Auth.OTP().VerifyCode(ctx, descope.MethodEmail, tester, code, nil)
		p.wantSession(t, info, err, tester, "email")
		link, err := users.GenerateMagicLinkForTestUser(ctx, descope.MethodEmail, tester, signInLink, nil)
		if err != nil {
			t.Fatal(err)
		}
		info, err = p.Auth.MagicLink().Verify(ctx, token(t, link), nil)
		p.wantSession(t, info, err, tester, "email")
		link, pending, err := users.GenerateEnchantedLinkForTestUser(ctx, tester, signInLink, nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := p.Auth.EnchantedLink().Verify(ctx, token(t, link)); err != nil {
			t.Fatal(err)
		}
		info, err = p.Auth.EnchantedLink().GetSession(ctx, pending, nil)
		p.wantSession(t, info, err, tester, "email")

		embedded, err := users.GenerateEmbeddedLink(ctx, tester, map[string]any{"till": "4"}, 60)
		if err != nil {
			t.Fatal(err)
		}
		info, err = p.Auth.MagicLink().Verify(ctx, embedded, nil)
		p.wantSession(t, info, err, tester)
		embedded, err = users.GenerateEmbeddedLinkSignUp(ctx, "new@shop.example", &descope.MgmtUserRequest{User: descope.User{Email: "new@shop.example"}, EmailVerified: true}, &descope.EmbeddedLinkLoginOptions{Timeout: 60})
		if err != nil {
			t.Fatal(err)
		}
		info, err = p.Auth.MagicLink().Verify(ctx, embedded, nil)
		p.wantSession(t, info, err, "new@shop.example")

		const guest = "guest@shop.example"
		invited, err := users.Invite(ctx, guest, &descope.UserRequest{User: descope.User{Email: guest}}, nil)
		if err != nil || invited.Status != "invited" {
			t.Fatalf("invite: %+v, %v", invited, err)
		}
		info, err = p.Auth.MagicLink().Verify(ctx, p.token(t, guest), nil)
		p.wantSession(t, info, err, guest)
		if u, err := users.Load(ctx, guest); err != nil || u.Status != "enabled" {
			t.Errorf("who came: %+v, %v", u, err)
		}
		const number = "+12025550147"
		yes, no := true, false
		if _, err := users.Invite(ctx, number, &descope.UserRequest{User: descope.User{Phone: number}}, &descope.InviteOptions{SendSMS: &yes, SendMail: &no}); err != nil {
			t.Fatal(err)
		}
		info, err = p.Auth.MagicLink().Verify(ctx, p.token(t, "sms:"+number), nil)
		p.wantSession(t, info, err, number)
		res, err := users.InviteBatch(ctx, []*descope.BatchUser{{LoginID: "other@shop.example", UserRequest: descope.UserRequest{User: descope.User{Email: "other@shop.example"}}}}, &descope.InviteOptions{InviteURL: signInLink})
		if err != nil || len(res.CreatedUsers) != 1 {
			t.Fatalf("invite some: %+v, %v", res, err)
		}
		_ = p.token(t, "other@shop.example")
	})
}

func TestPasswordsAreManaged(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		p := s.newPlace(t)
		users, ctx := p.Management.User(), t.Context()
		const active, temporary = "Lantern&Quill-5", "Lantern&Quill-6"
		s.plant(active, temporary)
		if _, err := users.Create(ctx, "ann", &descope.UserRequest{}); err != nil {
			t.Fatal(err)
		}
		if err := users.SetPassword(ctx, "ann", temporary); err != nil {
			t.Fatal(err)
		}
		if err := users.SetActivePassword(ctx, "ann", active); err != nil {
			t.Fatal(err)
		}
		info, err := p.Auth.Password().SignIn(ctx, "ann", active, nil)
		p.wantSession(t, info, err, "ann", "pwd")
		for name, end := range map[string]func() error{
			"temporary": func() error { return users.SetTemporaryPassword(ctx, "ann", active) },
			"expired":   func() error { return users.ExpirePassword(ctx, "ann") },
		} {
			if err := end(); err != nil {
				t.Fatal(err)
			}
			if _, err := p.Auth.Password().SignIn(ctx, "ann", active, nil); !descope.IsError(err, "E062909") {
				t.Errorf("%s: %v", name, err)
			}
		}
		info, err = p.Auth.Password().ReplaceUserPassword(ctx, "ann", active, temporary, nil)
		p.wantSession(t, info, err, "ann", "pwd")

		settings, err := p.Management.Password().GetSettings(ctx, "")
		if err != nil || settings.MinLength != 8 {
			t.Fatalf("settings: %+v, %v", settings, err)
		}
		settings.MinLength, settings.Enabled = 20, true
		if err := p.Management.Password().ConfigureSettings(ctx, "", settings); err != nil {
			t.Fatal(err)
		}
		if policy, err := p.Auth.Password().GetPasswordPolicy(ctx); err != nil || policy.MinLength != 20 {
			t.Errorf("policy: %+v, %v", policy, err)
		}
		if err := p.Management.Tenant().CreateWithID(ctx, "hill", &descope.TenantRequest{Name: "Hill"}); err != nil {
			t.Fatal(err)
		}
		settings.MinLength = 24
		if err := p.Management.Password().ConfigureSettings(ctx, "hill", settings); err != nil {
			t.Fatal(err)
		}
		for tenant, want := range map[string]int32{"hill": 24, "": 20} {
			if settings, err := p.Management.Password().GetSettings(ctx, tenant); err != nil || settings.MinLength != want {
				t.Errorf("settings of %q: %+v, %v", tenant, settings, err)
			}
		}
	})
}

// bcryptOfUU is the hash of "U*U".
const bcryptOfUU = "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"

func TestUsersOfAnotherServiceAreImported(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		p := s.newPlace(t)
		users, ctx := p.Management.User(), t.Context()
		file := []byte(`{"user_id":"auth0|1","email":"mo@shop.example","email_verified":true}` + "\n" + `{"user_id":"auth0|2","email":"no address"}`)
		hashes := []byte(`{"_id":{"$oid":"1"},"email":"mo@shop.example","passwordHash":"` + bcryptOfUU + `"}`)
		for _, dry := range []bool{true, false, false} {
			got, err := users.Import(ctx, "auth0", file, hashes, dry)
			if err != nil {
				t.Fatal(err)
			}
			if len(got.Users) != 1 || !slices.Equal(got.Users[0].LoginIDs, []string{"mo@shop.example", "auth0|1"}) || !got.Users[0].VerifiedEmail || !got.Users[0].Password {
				t.Errorf("dry %v: imported %+v", dry, got.Users)
			}
			if len(got.Failures) != 1 || got.Failures[0].User != "no address" || got.Failures[0].Reason == "" {
				t.Errorf("dry %v: failures %+v", dry, got.Failures)
			}
			if _, err := users.Load(ctx, "auth0|1"); dry != descope.IsError(err, "E112102") {
				t.Errorf("dry %v: found with %v", dry, err)
			}
		}
		if _, err := p.Auth.Password().SignIn(ctx, "mo@shop.example", "U*U", nil); err != nil {
			t.Errorf("with the password of before: %v", err)
		}
	})
}
