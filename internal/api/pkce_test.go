package api

import (
	"regexp"
	"strings"
	"testing"

	"postern/internal/snapshot"
	"postern/internal/testkit"
)

// What was asked for with a code challenge is for who has the verifier (the example
// of RFC 7636), by every method that asks and answers apart.
func TestCodeChallengesOverTheWire(t *testing.T) {
	t.Parallel()
	testkit.Databases(t, func(t *testing.T, url string) {
		b := setup(t, url)
		b.open(t, snapshot.Files{
			"auth/magiclink.json": []byte(`{"enabled":true,"rateLimitRetries":50}`), "auth/enchantedlink.json": []byte(`{"enabled":true}`),
			"auth/otp.json": []byte(`{"enabled":true,"rateLimitRetries":50}`), "auth/notp.json": []byte(`{"enabled":true}`),
		})
		const (
			options  = `"loginOptions":{"pkceChallenge":"E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"}`
			verifier = `"pkceVerifier":"dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"`
			other    = `"pkceVerifier":"dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXl"`
			in       = `{"loginId":"ada@a.example","redirectUrl":"https://shop.example/in",` + options + `}`
		)
		wantFault(t, b.person(t, "/v1/auth/magiclink/signin/email", strings.Replace(in, "E9Mel", "", 1), ""), 400, "E011003")

		answered[maskedAnswer](t, b.person(t, "/v1/auth/magiclink/signup/email", strings.Replace(in, `"loginId"`, `"email":"ada@a.example","loginId"`, 1), ""))
		token := `{"token":"` + b.lastToken(t) + `",`
		wantFault(t, b.person(t, "/v1/auth/magiclink/verify", token+other+`}`, ""), 401, "P40114")
		wantFault(t, b.person(t, "/v1/auth/magiclink/verify", strings.TrimSuffix(token, ",")+`}`, ""), 401, "P40114")
		answered[wireTokens](t, b.person(t, "/v1/auth/magiclink/verify", token+verifier+`}`, ""))

		enchanted := answered[enchantedAnswer](t, b.person(t, "/v1/auth/enchantedlink/signin/email", in, ""))
		right := regexp.MustCompile(`\b` + enchanted.Number + `\b\W+(https://\S+)`).FindStringSubmatch(b.lastMessage(t).Text)
		token = `{"token":"` + tokenIn(t, right[1]) + `",`
		wantFault(t, b.person(t, "/v1/auth/enchantedlink/verify", token+other+`}`, ""), 401, "P40114")
		answered[struct{}](t, b.person(t, "/v1/auth/enchantedlink/verify", token+verifier+`}`, ""))
		answered[wireTokens](t, b.person(t, "/v1/auth/enchantedlink/pending-session", `{"pendingRef":"`+enchanted.Pending+`"}`, ""))

		answered[maskedAnswer](t, b.person(t, "/v1/auth/otp/signin/email", in, ""))
		code := `{"loginId":"ada@a.example","code":"` + b.lastCode(t) + `",`
		wantFault(t, b.person(t, "/v1/auth/otp/verify/email", code+other+`}`, ""), 401, "E061102")
		answered[wireTokens](t, b.person(t, "/v1/auth/otp/verify/email", code+verifier+`}`, ""))

		begun := answered[notpAnswer](t, b.person(t, "/v1/auth/notp/whatsapp/signup-in", `{"loginId":"+12025550143",`+options+`}`, ""))
		for _, text := range []string{textOf(t, begun), "yes"} {
			answered[empty](t, b.send(t, "POST", "/v1/mgmt/outbox/receive", `{"from":"+12025550143","text":"`+text+`"}`))
		}
		pending := `{"pendingRef":"` + begun.Pending + `",`
		wantFault(t, b.person(t, "/v1/auth/notp/pending-session", pending+other+`}`, ""), 401, "P40114")
		answered[wireTokens](t, b.person(t, "/v1/auth/notp/pending-session", pending+verifier+`}`, ""))
	})
}
