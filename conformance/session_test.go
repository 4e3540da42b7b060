package conformance

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"github.com/descope/go-sdk/descope"
	"github.com/descope/go-sdk/descope/client"
)

func TestSessions(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		p := s.newPlace(t)
		const ann = "ann@shop.example"
		info := p.otpUser(t, ann)
		w := httptest.NewRecorder()
		ok, tok, err := p.Auth.RefreshSessionWithRequest(as(info), w)
		if err != nil || !ok || tok.ID != info.User.UserID {
			t.Fatalf("refresh: %v %v", tok, err)
		}
		fresh := cookieNamed(w.Result().Cookies(), descope.RefreshCookieName)
		if fresh == "" || fresh == info.RefreshToken.JWT {
			t.Fatalf("rotation gave %q", fresh)
		}
		if _, _, err := p.Auth.RefreshSessionWithToken(t.Context(), info.RefreshToken.JWT); err == nil {
			t.Error("a refresh token works twice")
		}
		if _, _, err := p.Auth.RefreshSessionWithToken(t.Context(), fresh); err == nil {
			t.Error("the family goes on after one of its tokens came back")
		}

		info, err = p.Auth.OTP().VerifyCode(t.Context(), descope.MethodEmail, ann, signInCode(t, p, ann), nil)
		p.wantSession(t, info, err, ann)
		me, err := p.Auth.Me(as(info))
		if err != nil || me.UserID != info.User.UserID || me.Email != ann {
			t.Errorf("me: %+v, %v", me, err)
		}
		history, err := p.Auth.History(as(info))
		if err != nil || len(history) != 2 || history[0].UserID != me.UserID || time.Since(time.Unix(int64(history[0].LoginTime), 0)) > time.Hour {
			t.Errorf("history: %+v, %v", history, err)
		}
		if all, err := p.Management.User().History(t.Context(), []string{me.UserID}); err != nil || len(all) != 2 {
			t.Errorf("history of users: %+v, %v", all, err)
		}
		if err := p.Auth.LogoutWithToken(info.RefreshToken.JWT, nil); err != nil {
			t.Errorf("log out: %v", err)
		}
		if _, _, err := p.Auth.RefreshSessionWithToken(t.Context(), info.RefreshToken.JWT); err == nil {
			t.Error("a session goes on after its end")
		}
		p.endAll(t, ann)
		p.endTypes(t, ann)
	})
}

// endTypes ends the sessions of some types: by a manager, and by a sign-in.
func (p *place) endTypes(t *testing.T, loginID string) {
	t.Helper()
	signIn := func(o *descope.MgmLoginOptions) string {
		info, err := p.Management.JWT().SignIn(t.Context(), loginID, o)
		return p.wantSession(t, info, err, loginID).RefreshToken.JWT
	}
	ofType := func(kind string) string {
		return signIn(&descope.MgmLoginOptions{CustomClaims: map[string]any{"dtt": kind}})
	}
	for name, end := range map[string]func(){
		"by a manager": func() {
			if err := p.Management.User().LogoutUser(t.Context(), loginID, "web"); err != nil {
				t.Error(err)
			}
		},
		"by a sign-in": func() {
			signIn(&descope.MgmLoginOptions{RevokeOtherSessions: true, RevokeOtherSessionsTypes: []string{"web"}})
		},
	} {
		web, tv := ofType("web"), ofType("tv")
		end()
		if _, _, err := p.Auth.RefreshSessionWithToken(t.Context(), web); err == nil {
			t.Errorf("%s a session of the type goes on", name)
		}
		if _, _, err := p.Auth.RefreshSessionWithToken(t.Context(), tv); err != nil {
			t.Errorf("%s a session of another type ended: %v", name, err)
		}
	}
}

// endAll ends all sessions of somebody, once by them and once by a manager.
func (p *place) endAll(t *testing.T, loginID string) {
	t.Helper()
	signIn := func() *descope.AuthenticationInfo {
		info, err := p.Auth.OTP().VerifyCode(t.Context(), descope.MethodEmail, loginID, signInCode(t, p, loginID), nil)
		return p.wantSession(t, info, err, loginID)
	}
	for name, end := range map[string]func(*descope.AuthenticationInfo) error{
		"by them": func(info *descope.AuthenticationInfo) error {
			return p.Auth.LogoutAllWithToken(info.RefreshToken.JWT, nil)
		},
		"by a manager": func(*descope.AuthenticationInfo) error { return p.Management.User().LogoutUser(t.Context(), loginID) },
		"by the id": func(info *descope.AuthenticationInfo) error {
			return p.Management.User().LogoutUserByUserID(t.Context(), info.User.UserID)
		},
		"by a request": func(info *descope.AuthenticationInfo) error {
			return p.Auth.LogoutAll(as(info), httptest.NewRecorder())
		},
	} {
		one, other := signIn(), signIn()
		if err := end(one); err != nil {
			t.Errorf("end all sessions %s: %v", name, err)
		}
		if _, _, err := p.Auth.RefreshSessionWithToken(t.Context(), other.RefreshToken.JWT); err == nil {
			t.Errorf("ended %s, another session goes on", name)
		}
	}
}

// Whatever a backend does with the request of a browser, and with tokens that it got otherwise.
func TestSessionsOfRequests(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		p := s.newPlace(t)
		const ann = "ann@shop.example"
		info := p.otpUser(t, ann)
		for name, validate := range map[string]func(*client.DescopeClient) (bool, *descope.Token, error){
			"a request": func(c *client.DescopeClient) (bool, *descope.Token, error) {
				return c.Auth.ValidateSessionWithRequest(as(info))
			},
			"a token": func(c *client.DescopeClient) (bool, *descope.Token, error) {
				return c.Auth.ValidateSessionWithToken(t.Context(), info.SessionToken.JWT)
			},
		} {
			// A client that has no keys of the project yet fetches them.
			ok, tok, err := validate(dial(t, &client.Config{ProjectID: p.id, DescopeBaseURL: s.url}))
			if err != nil || !ok || tok.ID != info.User.UserID {
				t.Errorf("validate %s: %v, %v", name, tok, err)
			}
		}
		if ok, _, err := p.Auth.ValidateSessionWithToken(t.Context(), misspelt(info.SessionToken.JWT)); err == nil || ok {
			t.Error("a token that nobody signed is right")
		}
		onlyRefresh := func() *http.Request {
			r := httptest.NewRequest(http.MethodGet, "/", nil)
			r.AddCookie(&http.Cookie{Name: descope.RefreshCookieName, Value: info.RefreshToken.JWT})
			return r
		}
		for _, step := range []struct {
			name string
			do   func(w http.ResponseWriter) (bool, *descope.Token, error)
		}{
			{"a request with both", func(w http.ResponseWriter) (bool, *descope.Token, error) {
				return p.Auth.ValidateAndRefreshSessionWithRequest(as(info), w)
			}},
			{"a request without a session token", func(w http.ResponseWriter) (bool, *descope.Token, error) {
				return p.Auth.ValidateAndRefreshSessionWithRequest(onlyRefresh(), w)
			}},
			{"tokens", func(http.ResponseWriter) (bool, *descope.Token, error) {
				return p.Auth.ValidateAndRefreshSessionWithTokens(t.Context(), info.SessionToken.JWT, "")
			}},
			{"a refresh token and where its cookies go", func(w http.ResponseWriter) (bool, *descope.Token, error) {
				return p.Auth.RefreshSessionWithTokenAndWriter(t.Context(), info.RefreshToken.JWT, w)
			}},
			{"tokens of which one is over", func(http.ResponseWriter) (bool, *descope.Token, error) {
				return p.Auth.ValidateAndRefreshSessionWithTokens(t.Context(), misspelt(info.SessionToken.JWT), info.RefreshToken.JWT)
			}},
		} {
			w := httptest.NewRecorder()
			ok, tok, err := step.do(w)
			if err != nil || !ok || tok.ID != info.User.UserID {
				t.Fatalf("%s: %v, %v", step.name, tok, err)
			}
			if fresh := cookieNamed(w.Result().Cookies(), descope.RefreshCookieName); fresh != "" {
				info.RefreshToken.JWT = fresh
			}
		}
		info, err := p.Auth.OTP().VerifyCode(t.Context(), descope.MethodEmail, ann, signInCode(t, p, ann), nil)
		p.wantSession(t, info, err, ann)
		if err := p.Auth.Logout(as(info), httptest.NewRecorder()); err != nil {
			t.Errorf("log out: %v", err)
		}
		if _, _, err := p.Auth.RefreshSessionWithToken(t.Context(), info.RefreshToken.JWT); err == nil {
			t.Error("a session goes on after its end")
		}
	})
}

func cookieNamed(list []*http.Cookie, name string) string {
	i := slices.IndexFunc(list, func(c *http.Cookie) bool { return c.Name == name })
	if i < 0 {
		return ""
	}
	return list[i].Value
}

func TestTenantsAndRolesInTokens(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		p := s.newPlace(t)
		const ann = "ann@shop.example"
		tenants := p.Management.Tenant()
		id, err := tenants.Create(t.Context(), &descope.TenantRequest{Name: "Harbour"})
		if err != nil {
			t.Fatal(err)
		}
		if err := tenants.CreateWithID(t.Context(), "hill", &descope.TenantRequest{Name: "Hill", SelfProvisioningDomains: []string{"hill.example"}}); err != nil {
			t.Fatal(err)
		}
		if err := p.Management.Role().Create(t.Context(), "Captain", "Steers", []string{"books:write"}, id, false, false); err != nil {
			t.Fatal(err)
		}
		_, err = p.Management.User().Create(t.Context(), ann, &descope.UserRequest{
			User: descope.User{Email: ann}, Roles: []string{"Writer"},
			Tenants: []*descope.AssociatedTenant{{TenantID: id, Roles: []string{"Captain"}}, {TenantID: "hill", Roles: []string{"Reader"}}},
		})
		if err != nil {
			t.Fatal(err)
		}
		info, err := p.Auth.OTP().VerifyCode(t.Context(), descope.MethodEmail, ann, signInCode(t, p, ann), nil)
		p.wantSession(t, info, err, ann)
		ctx, tok := t.Context(), info.SessionToken
		for what, ok := range map[string]bool{
			"role":                        p.Auth.ValidateRoles(ctx, tok, []string{"Writer"}),
			"permission":                  p.Auth.ValidatePermissions(ctx, tok, []string{"books:write", "books:read"}),
			"role of a tenant":            p.Auth.ValidateTenantRoles(ctx, tok, id, []string{"Captain"}),
			"permission in a tenant":      p.Auth.ValidateTenantPermissions(ctx, tok, id, []string{"books:write"}),
			"no permission in the other":  !p.Auth.ValidateTenantPermissions(ctx, tok, "hill", []string{"books:write"}),
			"no role of a tenant outside": !p.Auth.ValidateRoles(ctx, tok, []string{"Captain"}),
		} {
			if !ok {
				t.Errorf("%s: %v", what, tok.Claims)
			}
		}
		mine, err := p.Auth.MyTenants(ctx, as(info), false, []string{"hill"})
		if err != nil || len(mine.Tenants) != 1 || mine.Tenants[0].Name != "Hill" {
			t.Errorf("my tenants: %+v, %v", mine, err)
		}
		chosen, err := p.Auth.SelectTenantWithToken(ctx, "hill", info.RefreshToken.JWT)
		if err != nil || chosen.SessionToken.Claims["dct"] != "hill" {
			t.Errorf("tenant chosen: %+v, %v", chosen, err)
		}
		if _, err := p.Auth.SelectTenantWithToken(ctx, "valley", chosen.RefreshToken.JWT); err == nil {
			t.Error("a tenant that is not theirs was chosen")
		}
		chosen, err = p.Auth.SelectTenantWithRequest(ctx, id, as(chosen), httptest.NewRecorder())
		if err != nil || chosen.SessionToken.Claims["dct"] != id {
			t.Errorf("the other one: %+v, %v", chosen, err)
		}
	})
}

func TestStepUpAndMFA(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		p := s.newPlace(t)
		const ann = "ann@shop.example"
		info := p.otpUser(t, ann)
		app, err := p.Auth.TOTP().UpdateUser(t.Context(), ann, as(info))
		if err != nil || app.Key == "" || app.Image == "" {
			t.Fatalf("an app: %+v, %v", app, err)
		}
		s.plant(app.Key)
		code := totp(t, app.Key, 0)
		second, err := p.Auth.TOTP().SignInCode(t.Context(), ann, code, as(info), &descope.LoginOptions{MFA: true}, nil)
		p.wantSession(t, second, err, ann, "email", "totp", "mfa")
		if !second.SessionToken.IsMFA() {
			t.Error("the SDK sees no second factor")
		}
		if _, err := p.Auth.TOTP().SignInCode(t.Context(), ann, code, nil, nil, nil); err == nil {
			t.Error("a code of the app works twice")
		}
		stepped, err := p.Auth.TOTP().SignInCode(t.Context(), ann, totp(t, app.Key, 1), as(second), &descope.LoginOptions{Stepup: true, CustomClaims: map[string]any{"till": "3"}}, nil)
		p.wantSession(t, stepped, err, ann, "totp")
		if stepped.SessionToken.Claims["su"] != true {
			t.Errorf("stepped up: %v", stepped.SessionToken.Claims)
		}
		p.trustDevice(t, s, stepped)
		if err := p.Management.User().RemoveTOTPSeed(t.Context(), ann); err != nil {
			t.Error(err)
		}

		other, err := p.Auth.TOTP().SignUp(t.Context(), "bob", &descope.User{Name: "Bob"})
		if err != nil {
			t.Fatal(err)
		}
		info, err = p.Auth.TOTP().SignInCode(t.Context(), "bob", totp(t, other.Key, 0), nil, nil, nil)
		p.wantSession(t, info, err, "bob", "totp")
	})
}

// trustDevice signs in with a further factor on a device that is to be trusted, which the SDK has no word for, and then takes
// the trust away.
func (p *place) trustDevice(t *testing.T, s *server, info *descope.AuthenticationInfo) {
	t.Helper()
	loginID, users := info.User.LoginIDs[0], p.Management.User()
	p.caller(t, s, info.RefreshToken.JWT).post("/v1/auth/otp/signin/email", map[string]any{
		"loginId": loginID, "loginOptions": map[string]any{"mfa": true, "trustDevice": true},
	})
	info, err := p.Auth.OTP().VerifyCode(t.Context(), descope.MethodEmail, loginID, p.code(t, loginID), nil)
	p.wantSession(t, info, err, loginID, "mfa")
	devices, err := users.ListTrustedDevices(t.Context(), []string{loginID})
	if err != nil || len(devices) != 1 {
		t.Fatalf("trusted devices: %+v, %v", devices, err)
	}
	if err := users.RemoveTrustedDevices(t.Context(), loginID, []string{devices[0].ID}); err != nil {
		t.Error(err)
	}
	if devices, err := users.ListTrustedDevices(t.Context(), []string{loginID}); err != nil || len(devices) != 0 {
		t.Errorf("trusted devices at last: %+v, %v", devices, err)
	}
}

func TestAccessKeys(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		p := s.newPlace(t)
		keys := p.Management.AccessKey()
		text, key, err := keys.Create(t.Context(), "till", "The till at the door", 0, []string{"Writer"}, nil, "", map[string]any{"shop": "one"}, nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		s.plant(text)
		ok, tok, err := p.Auth.ExchangeAccessKey(t.Context(), text, &descope.AccessKeyLoginOptions{CustomClaims: map[string]any{"k1": "v1"}})
		if err != nil || !ok || !p.Auth.ValidatePermissions(t.Context(), tok, []string{"books:write"}) {
			t.Fatalf("exchange: %v %v", tok, err)
		}
		newer, _, err := keys.Rotate(t.Context(), key.ID)
		if err != nil {
			t.Fatal(err)
		}
		s.plant(newer)
		if _, _, err := p.Auth.ExchangeAccessKey(t.Context(), text, nil); err == nil {
			t.Error("the older text works after a rotation")
		}
		for _, step := range []struct {
			name  string
			do    func() error
			works bool
		}{
			{"rotated", func() error { return nil }, true},
			{"deactivated", func() error { return keys.Deactivate(t.Context(), key.ID) }, false},
			{"activated", func() error { return keys.Activate(t.Context(), key.ID) }, true},
			{"deactivated with others", func() error { return keys.DeactivateBatch(t.Context(), []string{key.ID}) }, false},
			{"activated with others", func() error { return keys.ActivateBatch(t.Context(), []string{key.ID}) }, true},
			{"updated", func() error {
				_, err := keys.Update(t.Context(), key.ID, "the till", nil, nil, nil, nil, nil, nil)
				return err
			}, true},
			{"deleted", func() error { return keys.Delete(t.Context(), key.ID) }, false},
		} {
			if err := step.do(); err != nil {
				t.Errorf("%s: %v", step.name, err)
			}
			if _, _, err := p.Auth.ExchangeAccessKey(t.Context(), newer, nil); (err == nil) != step.works {
				t.Errorf("%s: %v", step.name, err)
			}
		}
		list, err := keys.SearchAll(t.Context(), nil)
		if err != nil || len(list) != 0 {
			t.Errorf("left: %v, %v", list, err)
		}
		_, again, err := keys.Create(t.Context(), "scales", "", 0, nil, nil, "", nil, nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := keys.Load(t.Context(), again.ID); err != nil || got.Name != "scales" {
			t.Errorf("load: %+v, %v", got, err)
		}
		if err := keys.DeleteBatch(t.Context(), []string{again.ID}); err != nil {
			t.Error(err)
		}
	})
}
