package conformance

import (
	"crypto/rand"
	"encoding/json"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/descope/go-sdk/descope"
	"github.com/descope/go-sdk/descope/client"
)

// place is a project that people sign in to: its clients, and whom its messages come from.
type place struct {
	*client.DescopeClient
	id     string
	sender string
}

const signInLink = "https://shop.example/come-in"

// placeFile is the import that makes a place of a project. The Node suite uses it, too.
const placeFile = "place.json"

// newPlace makes a project whose methods all send to the post office.
func (s *server) newPlace(t *testing.T) *place {
	t.Helper()
	p := &place{id: s.newProject(t), sender: "door" + strings.ToLower(rand.Text())}
	text, err := os.ReadFile(placeFile)
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(post.mail.Addr().String())
	filled := strings.NewReplacer("SENDER", p.sender, `"MAIL_PORT"`, port, "POST_URL", post.url()).Replace(string(text))
	var in descope.ImportSnapshotRequest
	if err := json.Unmarshal([]byte(filled), &in); err != nil {
		t.Fatal(err)
	}
	s.plant(secretValues(in.InputSecrets)...)
	mustImport(t, s.admin(t, p.id), &in)
	p.DescopeClient = dial(t, &client.Config{ProjectID: p.id, ManagementKey: s.key, DescopeBaseURL: s.url})
	return p
}

// as is the request of a browser that has the cookies of a session.
func as(info *descope.AuthenticationInfo) *http.Request {
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.AddCookie(&http.Cookie{Name: descope.SessionCookieName, Value: info.SessionToken.JWT})
	r.AddCookie(&http.Cookie{Name: descope.RefreshCookieName, Value: info.RefreshToken.JWT})
	return r
}

// wantSession checks tokens as the SDK does, with the keys of the project, and looks who they are of.
func (p *place) wantSession(t *testing.T, info *descope.AuthenticationInfo, err error, loginID string, amr ...string) *descope.AuthenticationInfo {
	t.Helper()
	if err != nil {
		t.Fatalf("no session for %s: %v", loginID, err)
	}
	if info.SessionToken == nil || info.RefreshToken == nil || info.User == nil {
		t.Fatalf("a session without a part: %+v", info)
	}
	ok, tok, err := p.Auth.ValidateSessionWithToken(t.Context(), info.SessionToken.JWT)
	if err != nil || !ok || tok.ID != info.User.UserID {
		t.Errorf("the session token of %s: %v %v", loginID, tok, err)
	}
	if len(info.User.LoginIDs) == 0 || info.User.LoginIDs[0] != loginID {
		t.Errorf("the user is %v", info.User.LoginIDs)
	}
	for _, want := range amr {
		if !contains(tok.Claims["amr"], want) {
			t.Errorf("amr is %v, without %s", tok.Claims["amr"], want)
		}
	}
	return info
}

func contains(list any, want string) bool {
	all, _ := list.([]any)
	for _, v := range all {
		if v == want {
			return true
		}
	}
	return false
}

// otpUser signs somebody up by a code.
func (p *place) otpUser(t *testing.T, address string) *descope.AuthenticationInfo {
	t.Helper()
	if _, err := p.Auth.OTP().SignUp(t.Context(), descope.MethodEmail, address, &descope.User{Name: "Ann", Email: address}, nil); err != nil {
		t.Fatalf("sign up: %v", err)
	}
	info, err := p.Auth.OTP().VerifyCode(t.Context(), descope.MethodEmail, address, p.code(t, address), nil)
	return p.wantSession(t, info, err, address, "email")
}

func TestOTP(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		p := s.newPlace(t)
		otp := p.Auth.OTP()
		const ann = "ann@shop.example"
		info := p.otpUser(t, ann)
		if !info.FirstSeen || info.User.Name != "Ann" || !info.User.VerifiedEmail {
			t.Errorf("the first time: %+v %+v", info, info.User)
		}
		if !p.Auth.ValidateRoles(t.Context(), info.SessionToken, []string{"Reader"}) || !p.Auth.ValidatePermissions(t.Context(), info.SessionToken, []string{"books:read"}) {
			t.Errorf("roles and permissions: %v", info.SessionToken.Claims)
		}
		if _, err := otp.SignUp(t.Context(), descope.MethodEmail, ann, &descope.User{Email: ann}, nil); !descope.IsError(err, "E062107") {
			t.Errorf("a second sign-up: %v", err)
		}
		if _, err := otp.SignIn(t.Context(), descope.MethodEmail, ann, nil, nil); err != nil {
			t.Fatal(err)
		}
		code := p.code(t, ann)
		wrong := "000000"
		if code == wrong {
			wrong = "000001"
		}
		if _, err := otp.VerifyCode(t.Context(), descope.MethodEmail, ann, wrong, nil); !descope.IsError(err, "E061102") {
			t.Errorf("a wrong code: %v", err)
		}
		info, err := otp.VerifyCode(t.Context(), descope.MethodEmail, ann, code, nil)
		p.wantSession(t, info, err, ann, "email")
		if info.FirstSeen {
			t.Error("the second time is the first one, too")
		}
		if _, err := otp.VerifyCode(t.Context(), descope.MethodEmail, ann, code, nil); err == nil {
			t.Error("a code works twice")
		}
		const bob = "bob@shop.example"
		if _, err := otp.SignUpOrIn(t.Context(), descope.MethodEmail, bob, nil); err != nil {
			t.Fatal(err)
		}
		info, err = otp.VerifyCode(t.Context(), descope.MethodEmail, bob, p.code(t, bob), nil)
		p.wantSession(t, info, err, bob, "email")

		const newer = "ann.other@shop.example"
		info, err = otp.VerifyCode(t.Context(), descope.MethodEmail, ann, signInCode(t, p, ann), nil)
		p.wantSession(t, info, err, ann)
		if _, err := otp.UpdateUserEmail(t.Context(), ann, newer, &descope.UpdateOptions{AddToLoginIDs: true}, as(info)); err != nil {
			t.Fatalf("update: %v", err)
		}
		info, err = otp.VerifyCode(t.Context(), descope.MethodEmail, ann, p.code(t, newer), nil)
		p.wantSession(t, info, err, ann)
		if info.User.Email != newer || !info.User.VerifiedEmail || len(info.User.LoginIDs) != 2 {
			t.Errorf("after the update: %+v", info.User)
		}
	})
}

func signInCode(t *testing.T, p *place, address string) string {
	t.Helper()
	if _, err := p.Auth.OTP().SignIn(t.Context(), descope.MethodEmail, address, nil, nil); err != nil {
		t.Fatal(err)
	}
	return p.code(t, address)
}

func TestMagicLink(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		p := s.newPlace(t)
		link := p.Auth.MagicLink()
		const ann = "ann@shop.example"
		if _, err := link.SignUp(t.Context(), descope.MethodEmail, ann, signInLink+"?shelf=2", &descope.User{Email: ann}, nil); err != nil {
			t.Fatal(err)
		}
		sent := p.token(t, ann)
		info, err := link.Verify(t.Context(), sent, nil)
		p.wantSession(t, info, err, ann, "email")
		if _, err := link.Verify(t.Context(), sent, nil); err == nil {
			t.Error("a link works twice")
		}
		if _, err := link.SignIn(t.Context(), descope.MethodEmail, ann, "https://evil.test/", nil, nil); err == nil {
			t.Error("a link leads anywhere")
		}
		for name, begin := range map[string]func() (string, error){
			"sign in":       func() (string, error) { return link.SignIn(t.Context(), descope.MethodEmail, ann, "", nil, nil) },
			"sign up or in": func() (string, error) { return link.SignUpOrIn(t.Context(), descope.MethodEmail, ann, "", nil) },
		} {
			if _, err := begin(); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			info, err := link.Verify(t.Context(), p.token(t, ann), nil)
			p.wantSession(t, info, err, ann, "email")
		}
		const newer = "newer@shop.example"
		if _, err := link.UpdateUserEmail(t.Context(), ann, newer, "", nil, as(info)); err != nil {
			t.Fatal(err)
		}
		info, err = link.Verify(t.Context(), p.token(t, newer), nil)
		p.wantSession(t, info, err, ann)
		if info.User.Email != newer {
			t.Errorf("after the update: %+v", info.User)
		}
	})
}

func TestEnchantedLink(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		p := s.newPlace(t)
		link, ctx := p.Auth.EnchantedLink(), t.Context()
		const ann, bob, newer = "ann@shop.example", "bob@shop.example", "newer@shop.example"
		var info *descope.AuthenticationInfo
		for _, step := range []struct {
			name, who, to string
			start         func() (*descope.EnchantedLinkResponse, error)
		}{
			{"sign up", ann, ann, func() (*descope.EnchantedLinkResponse, error) {
				return link.SignUp(ctx, ann, "", &descope.User{Name: "Ann", Email: ann}, nil)
			}},
			{"sign up or in: up", bob, bob, func() (*descope.EnchantedLinkResponse, error) { return link.SignUpOrIn(ctx, bob, "", nil) }},
			{"sign up or in: in", bob, bob, func() (*descope.EnchantedLinkResponse, error) { return link.SignUpOrIn(ctx, bob, "", nil) }},
			{"sign in", ann, ann, func() (*descope.EnchantedLinkResponse, error) { return link.SignIn(ctx, ann, "", nil, nil) }},
			{"update", ann, newer, func() (*descope.EnchantedLinkResponse, error) {
				return link.UpdateUserEmail(ctx, ann, newer, "", nil, as(info))
			}},
		} {
			res, err := step.start()
			if err != nil {
				t.Fatalf("%s: %v", step.name, err)
			}
			if _, err := link.GetSession(ctx, res.PendingRef, nil); !descope.IsError(err, "E062503") {
				t.Errorf("%s, before the link: %v", step.name, err)
			}
			p.verifyRight(t, p.message(t, step.to), res)
			info, err = link.GetSession(ctx, res.PendingRef, nil)
			p.wantSession(t, info, err, step.who, "email")
			if info.User.Email != step.to || !info.User.VerifiedEmail {
				t.Errorf("%s: %+v", step.name, info.User)
			}
		}
	})
}

func TestPassword(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		p := s.newPlace(t)
		pass := p.Auth.Password()
		const ann, first, second, third = "ann@shop.example", "Lantern&Quill-1", "Lantern&Quill-2", "Lantern&Quill-3"
		s.plant(first, second, third)
		if _, err := pass.SignUp(t.Context(), ann, &descope.User{Name: "Ann"}, "short", nil); err == nil {
			t.Error("a short password was taken")
		}
		info, err := pass.SignUp(t.Context(), ann, &descope.User{Name: "Ann", Email: ann}, first, nil)
		p.wantSession(t, info, err, ann, "pwd")
		if _, err := pass.SignIn(t.Context(), ann, second, nil); err == nil {
			t.Error("a wrong password works")
		}
		info, err = pass.SignIn(t.Context(), ann, first, nil)
		p.wantSession(t, info, err, ann, "pwd")
		info, err = pass.ReplaceUserPassword(t.Context(), ann, first, second, nil)
		p.wantSession(t, info, err, ann, "pwd")
		if err := pass.UpdateUserPassword(t.Context(), ann, third, as(info)); err != nil {
			t.Fatal(err)
		}
		info, err = pass.SignIn(t.Context(), ann, third, nil)
		p.wantSession(t, info, err, ann, "pwd")
		if err := pass.SendPasswordReset(t.Context(), ann, signInLink, nil); err != nil {
			t.Fatal(err)
		}
		info, err = p.Auth.MagicLink().Verify(t.Context(), p.token(t, ann), nil)
		p.wantSession(t, info, err, ann)
		policy, err := pass.GetPasswordPolicy(t.Context())
		if err != nil || policy.MinLength != 8 || !policy.Lowercase {
			t.Errorf("policy: %+v, %v", policy, err)
		}
	})
}

// verifyRight follows the link of a mail that has the number which was shown.
func (p *place) verifyRight(t *testing.T, text string, res *descope.EnchantedLinkResponse) {
	t.Helper()
	link := numbered(t, text, res.LinkID)
	if err := p.Auth.EnchantedLink().Verify(t.Context(), token(t, link)); err != nil {
		t.Fatalf("the right link: %v", err)
	}
}
