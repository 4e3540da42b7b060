package api

import (
	"maps"
	"regexp"
	"slices"
	"testing"

	"postern/internal/snapshot"
	"postern/internal/testkit"
)

// What a sign-in may ask for is the same for every method: claims that stand apart, a
// current tenant, that the other sessions of a type end, and that the device is trusted.
func TestLoginOptionsOfEveryMethod(t *testing.T) {
	t.Parallel()
	b := setup(t, t.TempDir()+"/test.db")
	const on = `{"enabled":true,"rateLimitRetries":50}`
	b.open(t, snapshot.Files{
		"auth/otp.json": []byte(on), "auth/magiclink.json": []byte(on), "auth/enchantedlink.json": []byte(on), "auth/notp.json": []byte(`{"enabled":true}`),
		"auth/password.json": []byte(`{"enabled":true}`), "auth/totp.json": []byte(`{"enabled":true}`), "auth/webauthn.json": []byte(`{"enabled":true}`),
	})
	const ada = `"loginId":"ada@a.example"`
	answered[maskedAnswer](t, b.person(t, "/v1/auth/otp/signup/email", `{`+ada+`,"email":"ada@a.example","user":{"phone":"+12025550143"}}`, ""))
	answered[wireTokens](t, b.person(t, "/v1/auth/otp/verify/email", `{`+ada+`,"code":"`+b.lastCode(t)+`"}`, ""))
	answered[map[string]any](t, b.send(t, "POST", "/v1/mgmt/tenant/create", `{"id":"T1","name":"One"}`))
	answered[map[string]any](t, b.send(t, "POST", "/v1/mgmt/user/update/tenant/add", `{`+ada+`,"tenantId":"T1"}`))
	answered[map[string]any](t, b.send(t, "POST", "/v1/mgmt/user/password/set/active", `{`+ada+`,"password":"Correct-horse-12"}`))
	first := answered[tokensOfWire](t, b.send(t, "POST", "/v1/mgmt/auth/signin", `{`+ada+`}`)) // a new password ended the one before
	device := &testkit.Authenticator{Origin: "https://shop.example"}
	const page = `"origin":"https://shop.example"`
	started := answered[passkeyStarted](t, b.person(t, "/v1/auth/webauthn/update/start", `{`+ada+`,`+page+`}`, first.Refresh))
	answered[map[string]any](t, b.person(t, "/v1/auth/webauthn/update/finish", ended(t, started.TransactionID, device.Create(t, started.Options)), ""))
	seed := answered[seedAnswer](t, b.person(t, "/v1/auth/totp/update", `{`+ada+`}`, first.Refresh))

	// Each gives the tokens of a sign-in with options, which may need a token.
	step := int64(-2)
	methods := map[string]func(options, token string) wireTokens{
		"otp": func(options, token string) wireTokens {
			answered[maskedAnswer](t, b.person(t, "/v1/auth/otp/signin/email", `{`+ada+options+`}`, token))
			return answered[wireTokens](t, b.person(t, "/v1/auth/otp/verify/email", `{`+ada+`,"code":"`+b.lastCode(t)+`"}`, ""))
		},
		"magic link": func(options, token string) wireTokens {
			answered[maskedAnswer](t, b.person(t, "/v1/auth/magiclink/signin/email", `{`+ada+`,"redirectUrl":"https://shop.example"`+options+`}`, token))
			return answered[wireTokens](t, b.person(t, "/v1/auth/magiclink/verify", `{"token":"`+b.lastToken(t)+`"}`, ""))
		},
		"enchanted link": func(options, token string) wireTokens {
			begun := answered[enchantedAnswer](t, b.person(t, "/v1/auth/enchantedlink/signin/email", `{`+ada+`,"redirectUrl":"https://shop.example"`+options+`}`, token))
			right := regexp.MustCompile(`\b` + begun.Number + `\b\W+(https://\S+)`).FindStringSubmatch(b.lastMessage(t).Text)
			answered[struct{}](t, b.person(t, "/v1/auth/enchantedlink/verify", `{"token":"`+tokenIn(t, right[1])+`"}`, ""))
			return answered[wireTokens](t, b.person(t, "/v1/auth/enchantedlink/pending-session", `{"pendingRef":"`+begun.Pending+`"}`, ""))
		},
		"nOTP": func(options, token string) wireTokens {
			begun := answered[notpAnswer](t, b.person(t, "/v1/auth/notp/whatsapp/signin", `{`+ada+options+`}`, token))
			for _, text := range []string{textOf(t, begun), "yes"} {
				answered[empty](t, b.send(t, "POST", "/v1/mgmt/outbox/receive", `{"from":"+12025550143","text":"`+text+`"}`))
			}
			return answered[wireTokens](t, b.person(t, "/v1/auth/notp/pending-session", `{"pendingRef":"`+begun.Pending+`"}`, ""))
		},
		"password": func(options, token string) wireTokens {
			return answered[wireTokens](t, b.person(t, "/v1/auth/password/signin", `{`+ada+`,"password":"Correct-horse-12"`+options+`}`, token))
		},
		"TOTP": func(options, token string) wireTokens {
			step++
			return answered[wireTokens](t, b.person(t, "/v1/auth/totp/verify", `{`+ada+`,"code":"`+appCode(t, seed.Key, step)+`"`+options+`}`, token))
		},
		"passkey": func(options, token string) wireTokens {
			start := answered[passkeyStarted](t, b.person(t, "/v1/auth/webauthn/signin/start", `{`+ada+`,`+page+options+`}`, token))
			return answered[wireTokens](t, b.person(t, "/v1/auth/webauthn/signin/finish", ended(t, start.TransactionID, device.Get(t, start.Options)), ""))
		},
	}
	// The app comes first: its seed counts as long as the session that asked for it.
	for _, name := range slices.Sorted(maps.Keys(methods)) { // capitals stand before the others
		signIn := methods[name]
		before := answered[tokensOfWire](t, b.send(t, "POST", "/v1/mgmt/auth/signin", `{`+ada+`,"customClaims":{"dtt":"web"}}`))
		spared := answered[tokensOfWire](t, b.send(t, "POST", "/v1/mgmt/auth/signin", `{`+ada+`,"customClaims":{"dtt":"tv"}}`))
		got := signIn(`,"loginOptions":{"customClaims":{"plan":"gold"},"tenantId":"T1","revokeOtherSessions":true,"revokeOtherSessionsTypes":["web"]}`, "")
		apart, _ := got.Claims["nsec"].(map[string]any)
		if apart["plan"] != "gold" || got.Claims["plan"] != nil || got.Claims["dct"] != "T1" || got.Claims["su"] != nil {
			t.Errorf("%s: %v", name, got.Claims)
		}
		if w := b.person(t, "/v1/auth/refresh", `{}`, before.Refresh); w.Code != 401 {
			t.Errorf("%s: the other session lives: %d %s", name, w.Code, w.Body)
		}
		if w := b.person(t, "/v1/auth/refresh", `{}`, spared.Refresh); w.Code != 200 {
			t.Errorf("%s: a session of another type ended: %d %s", name, w.Code, w.Body)
		}
		other := "password"
		if name == other {
			other = "otp"
		}
		below := methods[other]("", "")
		more := signIn(`,"loginOptions":{"stepup":true,"mfa":true,"trustDevice":true}`, below.Refresh)
		if more.Claims["su"] != true || more.Claims["sid"] != below.Claims["sid"] || more.Claims["trustedDevice"] != true || more.Device == "" {
			t.Errorf("%s, on top: %v", name, more.Claims)
		}
		// A backend shows its key beside the id of the project, as SDKs do.
		vouched := signIn(`,"loginOptions":{"customClaims":{"plan":"gold"}}`, b.key)
		if vouched.Claims["plan"] != "gold" || vouched.Claims["nsec"] != nil {
			t.Errorf("%s, by a backend: %v", name, vouched.Claims)
		}
	}
}
