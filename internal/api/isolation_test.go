package api

import (
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"

	"postern/internal/snapshot"
	"postern/internal/testkit"
)

// isolated makes the tenants north and south in a project whose tenants have users of
// their own, with every method that a stranger can begin.
func (b *bundle) isolated(t *testing.T) {
	t.Helper()
	const on = `{"enabled":true,"rateLimitRetries":50,"rateLimitTimeframe":1,"rateLimitTimeframeUnit":"hours"}`
	b.open(t, snapshot.Files{
		"project.json":  []byte(`{"tenantUserIsolation":true,"trustedDomains":"shop.example"}`),
		"auth/otp.json": []byte(on), "auth/magiclink.json": []byte(on), "auth/enchantedlink.json": []byte(on),
		"auth/password.json": []byte(`{"enabled":true}`), "auth/totp.json": []byte(`{"enabled":true}`), "auth/webauthn.json": []byte(`{"enabled":true}`),
	})
	for _, id := range []string{"north", "south"} {
		b.post(t, "tenant/create", `{"id":"`+id+`","name":"`+id+`"}`)
	}
}

// atTenant are login options that name a tenant.
func atTenant(tenant string) string { return `,"loginOptions":{"tenantId":"` + tenant + `"}` }

// refused is the status and the code of a refusal.
func refused(w *httptest.ResponseRecorder) string {
	text := w.Body.String()
	_, code, _ := strings.Cut(text, `"errorCode":"`)
	code, _, _ = strings.Cut(code, `"`)
	return fmt.Sprint(w.Code, " ", code)
}

// With each method somebody signs up in one tenant and in the other with one login id,
// and is two users, each with credentials of their own and with that tenant alone. Who
// names no tenant is a third one.
func TestEachMethodKeepsTenantsApart(t *testing.T) {
	t.Parallel()
	testkit.Databases(t, func(t *testing.T, url string) {
		b := setup(t, url)
		b.isolated(t)
		const page = `"origin":"https://shop.example"`
		devices := map[string]*testkit.Authenticator{}
		seeds := map[string]string{}
		type way func(id, tenant, options string) wireTokens
		mail := func(path, more string) way {
			return func(id, _, options string) wireTokens {
				answered[map[string]any](t, b.person(t, path, `{"loginId":"`+id+`"`+more+options+`}`, ""))
				if strings.Contains(path, "otp") {
					return answered[wireTokens](t, b.person(t, "/v1/auth/otp/verify/email", `{"loginId":"`+id+`","code":"`+b.lastCode(t)+`"}`, ""))
				}
				return answered[wireTokens](t, b.person(t, "/v1/auth/magiclink/verify", `{"token":"`+b.lastToken(t)+`"}`, ""))
			}
		}
		const redirect = `,"redirectUrl":"https://shop.example"`
		for name, ways := range map[string]struct{ up, in way }{
			"otp":          {mail("/v1/auth/otp/signup/email", ""), mail("/v1/auth/otp/signin/email", "")},
			"otpsuori":     {mail("/v1/auth/otp/signup-in/email", ""), mail("/v1/auth/otp/signup-in/email", "")},
			"magic":        {mail("/v1/auth/magiclink/signup/email", redirect), mail("/v1/auth/magiclink/signin/email", redirect)},
			"magicsuori":   {mail("/v1/auth/magiclink/signup-in/email", redirect), mail("/v1/auth/magiclink/signup-in/email", redirect)},
			"passwordthen": {up: passwordWay(t, b, "signup"), in: passwordWay(t, b, "signin")},
			"app": {
				up: func(id, tenant, options string) wireTokens {
					seeds[tenant] = answered[seedAnswer](t, b.person(t, "/v1/auth/totp/signup", `{"loginId":"`+id+`"`+options+`}`, "")).Key
					return answered[wireTokens](t, b.person(t, "/v1/auth/totp/verify", `{"loginId":"`+id+`","code":"`+appCode(t, seeds[tenant], 0)+`"`+options+`}`, ""))
				},
				in: func(id, tenant, options string) wireTokens {
					return answered[wireTokens](t, b.person(t, "/v1/auth/totp/verify", `{"loginId":"`+id+`","code":"`+appCode(t, seeds[tenant], 1)+`"`+options+`}`, ""))
				},
			},
			"passkey": {
				up: func(id, tenant, options string) wireTokens {
					devices[tenant] = &testkit.Authenticator{Origin: "https://shop.example"}
					start := answered[passkeyStarted](t, b.person(t, "/v1/auth/webauthn/signup/start", `{"user":{"loginId":"`+id+`"},`+page+options+`}`, ""))
					return answered[wireTokens](t, b.person(t, "/v1/auth/webauthn/signup/finish", ended(t, start.TransactionID, devices[tenant].Create(t, start.Options)), ""))
				},
				in: func(id, tenant, options string) wireTokens {
					start := answered[passkeyStarted](t, b.person(t, "/v1/auth/webauthn/signin/start", `{"loginId":"`+id+`",`+page+options+`}`, ""))
					return answered[wireTokens](t, b.person(t, "/v1/auth/webauthn/signin/finish", ended(t, start.TransactionID, devices[tenant].Get(t, start.Options)), ""))
				},
			},
		} {
			ids := map[string]string{}
			login := name + "@shop.example"
			for _, tenant := range []string{"north", "south", ""} {
				options := ""
				if tenant != "" {
					options = atTenant(tenant)
				}
				ids[tenant] = ways.up(login, tenant, options).User.ID
			}
			for _, tenant := range []string{"north", "south", ""} {
				options, dct := "", any(nil)
				if tenant != "" {
					options, dct = atTenant(tenant), any(tenant)
				}
				got := ways.in(login, tenant, options)
				tenants, _ := got.Claims["tenants"].(map[string]any)
				if got.User.ID != ids[tenant] || got.Claims["dct"] != dct || got.FirstSeen || tenant != "" && (len(tenants) != 1 || tenants[tenant] == nil) {
					t.Errorf("%s in %q: user %s of %v, claims %v", name, tenant, got.User.ID, ids, got.Claims)
				}
			}
			if ids["north"] == ids["south"] || ids["north"] == ids[""] || ids["south"] == ids[""] {
				t.Errorf("%s: %v are not three users", name, ids)
			}
		}
	})
}

func passwordWay(t *testing.T, b *bundle, call string) func(id, tenant, options string) wireTokens {
	return func(id, tenant, options string) wireTokens {
		return answered[wireTokens](t, b.person(t, "/v1/auth/password/"+call, `{"loginId":"`+id+`","password":"Correct-horse-`+tenant+`1"`+options+`}`, ""))
	}
}

// Who is at home in a tenant stays there, is changed there alone, and goes with it.
func TestUsersOfOneTenant(t *testing.T) {
	t.Parallel()
	testkit.Databases(t, func(t *testing.T, url string) {
		b := setup(t, url)
		b.isolated(t)
		up := func(id, tenant string) wireTokens {
			answered[maskedAnswer](t, b.person(t, "/v1/auth/otp/signup/email", `{"loginId":"`+id+`"`+atTenant(tenant)+`}`, ""))
			return answered[wireTokens](t, b.person(t, "/v1/auth/otp/verify/email", `{"loginId":"`+id+`","code":"`+b.lastCode(t)+`"}`, ""))
		}
		ada, twin := up("ada@shop.example", "north"), up("ada@shop.example", "south")
		up("bob@shop.example", "south")

		for name, call := range map[string][3]string{
			"a second sign-up":           {"/v1/auth/otp/signup/email", `{"loginId":"ada@shop.example"` + atTenant("north") + `}`, "409 E062107"},
			"a sign-in in another place": {"/v1/auth/otp/signin/email", `{"loginId":"bob@shop.example"` + atTenant("north") + `}`, "404 E062108"},
			"a sign-in without a tenant": {"/v1/auth/otp/signin/email", `{"loginId":"bob@shop.example"}`, "404 E062108"},
			"a tenant that is none":      {"/v1/auth/otp/signup/email", `{"loginId":"eve@shop.example"` + atTenant("west") + `}`, "403 P40311"},
			"a password in no tenant":    {"/v1/auth/password/signup", `{"loginId":"eve@shop.example","password":"Correct-horse-1"` + atTenant("west") + `}`, "403 P40311"},
		} {
			if got := refused(b.person(t, call[0], call[1], "")); got != call[2] {
				t.Errorf("%s: %s, want %s", name, got, call[2])
			}
		}

		// What is added to a session, or asked of one, is of its user, named without a tenant.
		answered[map[string]any](t, b.person(t, "/v1/auth/password/update", `{"loginId":"ada@shop.example","newPassword":"Correct-horse-12"}`, ada.Refresh))
		more := answered[wireTokens](t, b.person(t, "/v1/auth/password/signin", `{"loginId":"ada@shop.example","password":"Correct-horse-12","loginOptions":{"stepup":true}}`, ada.Refresh))
		if more.User.ID != ada.User.ID || more.Claims["su"] != true {
			t.Errorf("a step-up: %v", more.Claims)
		}
		answered[maskedAnswer](t, b.person(t, "/v1/auth/otp/signin/email", `{"loginId":"ada@shop.example","loginOptions":{"stepup":true}}`, twin.Refresh))
		if got := answered[wireTokens](t, b.person(t, "/v1/auth/otp/verify/email", `{"loginId":"ada@shop.example","code":"`+b.lastCode(t)+`"}`, "")); got.User.ID != twin.User.ID {
			t.Errorf("a step-up by message: %v", got.Claims)
		}
		if got := refused(b.person(t, "/v1/auth/password/signin", `{"loginId":"ada@shop.example","password":"Correct-horse-12"`+atTenant("south")+`}`, "")); got != "401 P40131" {
			t.Errorf("the password of another tenant: %s", got)
		}
		if got := refused(b.person(t, "/v1/auth/tenant/select", `{"tenant":"south"}`, ada.Refresh)); got != "403 P40311" {
			t.Errorf("another tenant is selected: %s", got)
		}

		// An address may be the login id of one user in each tenant.
		answered[maskedAnswer](t, b.person(t, "/v1/auth/otp/update/email", `{"loginId":"ada@shop.example","email":"bob@shop.example","addToLoginIDs":true,"failOnConflict":true}`, ada.Refresh))
		answered[wireTokens](t, b.person(t, "/v1/auth/otp/verify/email", `{"loginId":"ada@shop.example","code":"`+b.lastCode(t)+`"}`, ""))
		if got := answered[wireTokens](t, b.person(t, "/v1/auth/password/signin", `{"loginId":"bob@shop.example","password":"Correct-horse-12"`+atTenant("north")+`}`, "")); got.User.ID != ada.User.ID {
			t.Errorf("by the new login id: %v", got.Claims)
		}

		who := `"userId":"` + ada.User.ID + `"`
		for name, call := range map[string][3]string{
			"several have the login id": {"user/update/name", `{"loginId":"ada@shop.example","displayName":"Ada"}`, "409 P40967"},
			"one more tenant":           {"user/update/tenant/add", `{"loginId":"` + ada.User.ID + `","tenantId":"south"}`, "409 P40968"},
			"no tenant":                 {"user/update/tenant/remove", `{"loginId":"` + ada.User.ID + `","tenantId":"north"}`, "409 P40968"},
			"the tenant goes":           {"tenant/delete", `{"id":"north"}`, "409 P40969"},
		} {
			if got := refused(b.send(t, "POST", "/v1/mgmt/"+call[0], call[1])); got != call[2] {
				t.Errorf("%s: %s, want %s", name, got, call[2])
			}
		}
		b.post(t, "tenant/delete", `{"id":"north","cascade":true}`)
		if got := refused(b.send(t, "GET", "/v1/mgmt/user?"+strings.NewReplacer(`"`, "", ":", "=").Replace(who), "")); got != "404 E112102" {
			t.Errorf("a user of a tenant that is gone: %s", got)
		}
		if got := refused(b.person(t, "/v1/auth/refresh", `{}`, ada.Refresh)); !strings.HasPrefix(got, "401") {
			t.Errorf("a session of a user of a tenant that is gone: %s", got)
		}
		up("ann@shop.example", "south") // and the other one goes on
	})
}
