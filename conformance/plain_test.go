package conformance

import (
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/descope/go-sdk/descope"
	"github.com/descope/go-sdk/descope/api"
	"github.com/descope/go-sdk/descope/client"
)

// caller calls routes that the SDKs have no method for, by the HTTP client of the Go SDK.
type caller struct {
	*place
	t   *testing.T
	api *api.Client
	key string // a management key, or a token of somebody, or nothing

	headers map[string]string
}

func (p *place) caller(t *testing.T, s *server, key string) *caller {
	t.Helper()
	return &caller{place: p, t: t, api: api.NewClient(api.ClientParams{ProjectID: p.id, BaseURL: s.url, DefaultClient: watch}), key: key}
}

// as is the same caller with another key or token.
func (c *caller) as(key string) *caller {
	other := *c
	other.key = key
	return &other
}

func (c *caller) try(verb, path string, body any) (map[string]any, error) {
	out := map[string]any{}
	options := &api.HTTPRequest{ResBodyObj: &out, Headers: maps.Clone(c.headers)}
	if verb == http.MethodGet {
		_, err := c.api.DoGetRequest(c.t.Context(), path, options, c.key)
		return out, err
	}
	_, err := c.api.DoPostRequest(c.t.Context(), path, body, options, c.key)
	return out, err
}

func (c *caller) get(path string) map[string]any {
	c.t.Helper()
	return c.must(http.MethodGet, path, nil)
}

func (c *caller) post(path string, body any) map[string]any {
	c.t.Helper()
	return c.must(http.MethodPost, path, body)
}

func (c *caller) must(verb, path string, body any) map[string]any {
	c.t.Helper()
	out, err := c.try(verb, path, body)
	if err != nil {
		c.t.Fatalf("%s %s: %v", verb, path, err)
	}
	return out
}

// session checks the tokens of an answer as the SDK does.
func (c *caller) session(answer map[string]any, user string, amr ...string) *descope.Token {
	c.t.Helper()
	text, _ := answer["sessionJwt"].(string)
	ok, tok, err := c.Auth.ValidateSessionWithToken(c.t.Context(), text)
	if err != nil || !ok || tok.ID != user {
		c.t.Fatalf("%v: %v, %v", answer, tok, err)
	}
	for _, want := range amr {
		if !contains(tok.Claims["amr"], want) {
			c.t.Errorf("amr is %v, without %s", tok.Claims["amr"], want)
		}
	}
	return tok
}

func TestSecurityQuestionsAndRecoveryCodes(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		p := s.newPlace(t)
		const ann = "ann@shop.example"
		info := p.otpUser(t, ann)
		c := p.caller(t, s, info.RefreshToken.JWT)
		answers := func(text string) map[string]any {
			return map[string]any{"loginId": ann, "answers": []any{map[string]any{"id": "SQ1", "answer": text}}}
		}
		c.post("/v1/auth/security-questions/setup", answers("Midnight"))
		if asked := c.get("/v1/auth/security-questions/verify"); len(asked["questions"].([]any)) != 1 {
			t.Errorf("asked: %v", asked)
		}
		if _, err := c.try(http.MethodPost, "/v1/auth/security-questions/verify", answers("Noon")); err == nil {
			t.Error("a wrong answer is taken")
		}
		c.session(c.post("/v1/auth/security-questions/verify", answers("midnight")), info.User.UserID, "email", "mfa")

		app, err := p.Auth.TOTP().UpdateUser(t.Context(), ann, as(info)) // the codes are for when it is lost
		if err != nil {
			t.Fatal(err)
		}
		s.plant(app.Key)
		info, err = p.Auth.TOTP().SignInCode(t.Context(), ann, totp(t, app.Key, 0), nil, nil, nil)
		c = p.caller(t, s, p.wantSession(t, info, err, ann, "totp").RefreshToken.JWT)
		list := c.post("/v1/auth/recovery-codes", map[string]any{"loginId": ann})["codes"].([]any)
		code := list[0].(map[string]any)["code"].(string)
		s.plant(code)
		signIn := map[string]any{"loginId": ann, "code": code}
		c.session(c.as("").post("/v1/auth/recovery-codes/signin", signIn), info.User.UserID)
		if _, err := c.as("").try(http.MethodPost, "/v1/auth/recovery-codes/signin", signIn); err == nil {
			t.Error("a recovery code works twice")
		}
		signIn["code"] = list[1].(map[string]any)["code"]
		c.as(s.key).post("/v1/mgmt/user/recovery-codes/delete", map[string]any{"loginId": ann})
		if _, err := c.as("").try(http.MethodPost, "/v1/auth/recovery-codes/signin", signIn); err == nil {
			t.Error("a recovery code works that was taken away")
		}
	})
}

func TestRoutesOfSessionsWithoutAMethod(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		p := s.newPlace(t)
		const ann = "ann@shop.example"
		before, info := p.otpUser(t, ann), (*descope.AuthenticationInfo)(nil)
		info, err := p.Auth.OTP().VerifyCode(t.Context(), descope.MethodEmail, ann, signInCode(t, p, ann), nil)
		p.wantSession(t, info, err, ann)
		c := p.caller(t, s, info.RefreshToken.JWT)
		if claims := c.as(info.SessionToken.JWT).post("/v1/auth/validate", nil)["parsedJWT"]; claims.(map[string]any)["sub"] != info.User.UserID {
			t.Errorf("validated: %v", claims)
		}
		c.post("/v1/auth/logoutprevious", nil)
		if _, _, err := p.Auth.RefreshSessionWithToken(t.Context(), before.RefreshToken.JWT); err == nil {
			t.Error("the session before goes on")
		}
		c.session(c.post("/v1/auth/try-refresh", nil), info.User.UserID)
		if answer := c.as("").post("/v1/auth/try-refresh", nil); answer["sessionJwt"] != nil {
			t.Errorf("nobody has a session: %v", answer)
		}

		admin := c.as(s.key)
		user := map[string]any{"loginId": ann, "impersonationConsent": time.Now().Add(time.Hour).Unix()}
		if u := admin.post("/v1/mgmt/user/update/impersonationConsent", user)["user"].(map[string]any); u["consentExpiration"] == float64(0) {
			t.Errorf("consent: %v", u)
		}
		if found := admin.post("/v1/mgmt/user/search", map[string]any{"loginIds": []string{ann}}); found["total"] != float64(1) {
			t.Errorf("found: %v", found)
		}
		if past := admin.post("/v2/mgmt/user/history", map[string]any{"userIds": []string{info.User.UserID}}); len(past) == 0 {
			t.Errorf("history: %v", past)
		}
		added := admin.post("/v1/mgmt/user/update/role/add", map[string]any{"loginId": ann, "roleNames": []string{"Writer"}})["user"].(map[string]any)
		if roles := added["roleNames"].([]any); len(roles) != 2 {
			t.Errorf("roles: %v", roles)
		}
		admin.post("/v1/mgmt/project/import", map[string]any{"files": admin.post("/v1/mgmt/project/export", map[string]any{})["files"]})
		if err := p.Management.Tenant().CreateWithID(t.Context(), "hill", &descope.TenantRequest{Name: "Hill"}); err != nil {
			t.Fatal(err)
		}
		if roles := admin.get("/v1/mgmt/role/subtenant/all?tenantId=hill")["roles"].([]any); len(roles) < 2 {
			t.Errorf("roles: %v", roles)
		}
	})
}

// Passkeys and access keys that were made elsewhere go on working.
func TestKeysAreImported(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		p := s.newPlace(t)
		if _, err := p.Management.User().Create(t.Context(), "ann", &descope.UserRequest{}); err != nil {
			t.Fatal(err)
		}
		const origin, text = "https://shop.example", "made-elsewhere-2f6d1c9b7a40"
		held := newAuthenticator(t, origin)
		admin := p.caller(t, s, s.key)
		admin.post("/v1/mgmt/user/passkeys/import", map[string]any{"loginId": "ann", "devices": []any{map[string]any{"descope": map[string]any{
			"credentialId": b64(held.id), "rpId": "shop.example", "publicKey": held.public(t), // in base64, as JSON has bytes
		}}}})
		start, err := p.Auth.WebAuthn().SignInStart(t.Context(), "ann", origin, nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		info, err := p.Auth.WebAuthn().SignInFinish(t.Context(), &descope.WebAuthnFinishRequest{TransactionID: start.TransactionID, Response: held.get(t, start.Options)}, nil)
		p.wantSession(t, info, err, "ann", "webauthn")

		s.plant(text)
		admin.post("/v1/mgmt/accesskey/import", map[string]any{"keys": []any{map[string]any{"name": "till", "cleartext": text, "roleNames": []string{"Writer"}}}})
		if ok, tok, err := p.Auth.ExchangeAccessKey(t.Context(), text, nil); err != nil || !ok || !p.Auth.ValidateRoles(t.Context(), tok, []string{"Writer"}) {
			t.Errorf("an access key: %v, %v", tok, err)
		}
	})
}

// Verifiers find the keys at each place, and a new key takes over without that a token of the one before is refused.
func TestKeysAndTheirRotation(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		p := s.newPlace(t)
		info := p.otpUser(t, "ann@shop.example")
		c := p.caller(t, s, "")
		newKeys := func() *client.DescopeClient { return dial(t, &client.Config{ProjectID: p.id, DescopeBaseURL: s.url}) }
		issuer := ""
		for _, path := range []string{
			"/{}/.well-known/openid-configuration", "/v1/apps/{}/.well-known/openid-configuration", "/{}/.well-known/jwks.json", "/v1/keys/{}",
			"/v2/keys/{}", "/.well-known/project-configuration/{}", "/.well-known/oauth-authorization-server/{}",
			"/{}/.well-known/oauth-authorization-server", "/v1/apps/{}/.well-known/oauth-authorization-server",
		} {
			answer := c.get(strings.Replace(path, "{}", p.id, 1))
			if found, ok := answer["issuer"].(string); ok {
				issuer = found
			}
			if len(answer) == 0 {
				t.Errorf("%s: %v", path, answer)
			}
		}
		if !strings.HasSuffix(issuer, p.id) {
			t.Errorf("the issuer is %q", issuer)
		}
		c.as(s.key).post("/v1/mgmt/project/signingkey/rotate", map[string]any{})
		ok, tok, err := newKeys().Auth.RefreshSessionWithToken(t.Context(), info.RefreshToken.JWT)
		if err != nil || !ok {
			t.Fatalf("a refresh token of the key before: %v", err)
		}
		for name, text := range map[string]string{"before": info.SessionToken.JWT, "after": tok.JWT} {
			for which, verifier := range map[string]*client.DescopeClient{"an old": p.DescopeClient, "a new": newKeys()} {
				if ok, _, err := verifier.Auth.ValidateSessionWithToken(t.Context(), text); err != nil || !ok {
					t.Errorf("a token from %s the rotation, by %s verifier: %v", name, which, err)
				}
			}
		}
	})
}
