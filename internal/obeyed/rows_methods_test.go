package obeyed

import (
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base32"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"net/url"
	"strings"
	"time"

	"postern/internal/testkit"
)

const (
	totpFile      = "auth/totp.json"
	passkeyFile   = "auth/webauthn.json"
	questionsFile = "auth/securityquestions.json"
)

// off is what a method answers that is switched off.
const off = "403 P40309"

func methodRows() []row {
	toPage := `"redirectUrl":"` + page + `/in"`
	signUp := func(path string, more object) func(p *place) string {
		return func(p *place) string {
			return status(p.as("", path, merged(object{"loginId": p.someone()}, more)))
		}
	}
	var out []row
	for _, m := range []struct {
		says, file, given string
		look              func(p *place) string
		taken             string
	}{
		{"one-time codes", otpFile, "", signUp("/v1/auth/otp/signup/email", nil), "taken"},
		{"magic links", magicFile, toPage, signUp("/v1/auth/magiclink/signup/email", nil), "taken"},
		{"enchanted links", enchantedFile, toPage, signUp("/v1/auth/enchantedlink/signup/email", nil), "taken"},
		{"authenticator apps", totpFile, "", signUp("/v1/auth/totp/signup", nil), "taken"},
		{"passwords", passwordFile, "", signUp("/v1/auth/password/signup", object{"password": "Lantern-oil-7"}), "taken"},
		{"embedded links", embeddedFile, "", func(p *place) string {
			who, _ := p.user()
			return status(p.manage("POST", "/v1/mgmt/user/signin/embeddedlink", object{"loginId": who}))
		}, "taken"},
		{"passkeys", passkeyFile, "", func(p *place) string { return status(passkeyStart(p, page)) }, "taken"},
		{"security questions", questionsFile, `"securityQuestions":[{"id":"SQone","text":"One?"}]`, func(p *place) string {
			_, in := p.user()
			return status(answers(p, in.word("refreshJwt"), 1))
		}, "taken"},
	} {
		given := docs{m.file: "{" + m.given + "}", settings: `{"trustedDomains":"shop.lantern.example"}`}
		out = append(out,
			row{says: m.says + " are switched off", given: given, before: docs{m.file: `{"enabled":true}`}, after: docs{m.file: `{"enabled":false}`}, look: m.look, want: [2]string{m.taken, off}},
			row{says: m.says + " are switched on", given: given, before: docs{m.file: `{"enabled":false}`}, after: docs{m.file: `{"enabled":true}`}, look: m.look, want: [2]string{off, m.taken}})
	}
	return append(out, []row{
		{says: "what a text message binds its code to", given: docs{otpFile: `{"rateLimitRetries":50}`}, before: docs{otpFile: `{"domain":""}`}, after: docs{otpFile: `{"domain":"shop.lantern.example"}`}, look: func(p *place) string {
			to := byPhone("/v1/auth/otp/signup/sms")(p)
			text, _ := p.message(to)["text"].(string)
			return fmt.Sprint(strings.Contains(text, "@shop.lantern.example #"+p.code(to)))
		}, want: [2]string{"false", "true"}},
		{says: "one-time codes do not tell who is a user", before: docs{otpFile: `{"maskError":false}`}, after: docs{otpFile: `{"maskError":true}`}, look: stranger("/v1/auth/otp/signin/email"), want: [2]string{"404 E062108", "taken"}},
	}...)
}

// stranger is what somebody is told who is no user.
func stranger(path string) func(p *place) string {
	return func(p *place) string { return status(p.as("", path, object{"loginId": p.someone()})) }
}

// taken signs somebody up who is a user already.
func taken(path string, more object) func(p *place) string {
	return func(p *place) string {
		who, _ := p.user()
		return status(p.as("", path, merged(object{"loginId": who}, more)))
	}
}

// span is an expiry of a file.
func span(file string, n int, unit string) docs {
	return docs{file: fmt.Sprintf(`{"expirationTime":%d,"expirationTimeUnit":%q}`, n, unit)}
}

func linkRows() []row {
	// late opens what was sent after five minutes.
	late := func(send func(p *place) (verify func() answer)) func(p *place) string {
		return func(p *place) string {
			verify := send(p)
			p.later(5 * time.Minute)
			return status(verify())
		}
	}
	code := func(p *place) func() answer {
		who := byMail("/v1/auth/otp/signin/email")(p)
		return func() answer {
			return p.as("", "/v1/auth/otp/verify/email", object{"loginId": who, "code": p.code(who)})
		}
	}
	magic := func(p *place) func() answer {
		who := byMail("/v1/auth/magiclink/signin/email")(p)
		return func() answer { return p.as("", "/v1/auth/magiclink/verify", object{"token": p.link(who)}) }
	}
	reset := func(p *place) func() answer {
		who := forgets(p)
		return func() answer { return p.as("", "/v1/auth/magiclink/verify", object{"token": p.link(who)}) }
	}
	embedded := func(p *place) func() answer {
		who, _ := p.user()
		tok := p.manage("POST", "/v1/mgmt/user/signin/embeddedlink", object{"loginId": who}).word("token")
		return func() answer { return p.as("", "/v1/auth/magiclink/verify", object{"token": tok}) }
	}
	enchanted := func(p *place) func() answer { return enchantedOf(p) }
	toPage := `"redirectUrl":"` + page + `/in"`
	out := []row{
		{says: "how long a one-time code works", given: docs{otpFile: `{"rateLimitRetries":50}`}, before: span(otpFile, 2, "hours"), after: span(otpFile, 3, "minutes"), look: late(code), want: [2]string{"taken", "401 E061104"}},
		{says: "how long a magic link works", given: docs{magicFile: "{" + toPage + "}"}, before: span(magicFile, 2, "hours"), after: span(magicFile, 3, "minutes"), look: late(magic), want: [2]string{"taken", "401 E062504"}},
		{says: "how long a link to reset a password works", given: docs{passwordFile: `{"maskError":false}`, magicFile: "{" + toPage + "}", settings: `{"trustedDomains":"shop.lantern.example"}`}, before: span(magicFile, 2, "hours"), after: span(magicFile, 3, "minutes"), look: late(reset), want: [2]string{"taken", "401 E062504"}},
		{says: "how long an enchanted link works", given: docs{enchantedFile: "{" + toPage + "}"}, before: span(enchantedFile, 2, "hours"), after: span(enchantedFile, 3, "minutes"), look: late(enchanted), want: [2]string{"taken", "401 E062504"}},
		{says: "how long an embedded link works", before: span(embeddedFile, 2, "hours"), after: span(embeddedFile, 3, "minutes"), look: late(embedded), want: [2]string{"taken", "401 E062504"}},
	}
	for _, m := range []struct{ says, file, path, given string }{
		{"codes", otpFile, "/v1/auth/otp/signin/email", ""},
		{"magic links", magicFile, "/v1/auth/magiclink/signin/email", toPage + ","},
		{"enchanted links", enchantedFile, "/v1/auth/enchantedlink/signin/email", toPage + ","},
	} {
		// asks asks three times, and once more after two minutes.
		asks := func(p *place) string {
			who, _ := p.user()
			var seen []string
			for i := range 4 {
				if i == 3 {
					p.later(2 * time.Minute)
				}
				seen = append(seen, status(p.as("", m.path, object{"loginId": who})))
			}
			return strings.Join(seen, ", ")
		}
		given := func(members string) docs { return docs{m.file: "{" + m.given + members + "}"} }
		out = append(out,
			row{says: "how many " + m.says + " somebody may ask for", given: given(`"rateLimitTimeframe":60`), before: given(`"rateLimitRetries":3`), after: given(`"rateLimitRetries":2`), look: asks, want: [2]string{"taken, taken, taken, taken", "taken, taken, 429 E130429, taken"}},
			row{says: "in which time somebody may ask for so many " + m.says, given: given(`"rateLimitRetries":2`), before: given(`"rateLimitTimeframe":60`), after: given(`"rateLimitTimeframe":600`), look: asks, want: [2]string{"taken, taken, 429 E130429, taken", "taken, taken, 429 E130429, 429 E130429"}},
		)
		if m.file == otpFile {
			continue
		}
		out = append(out,
			row{says: "where " + m.says + " lead", before: docs{m.file: `{"redirectUrl":"https://one.example/in"}`}, after: docs{m.file: `{"redirectUrl":"https://two.example/in"}`}, look: func(p *place) string {
				who, _ := p.user()
				p.as("", m.path, object{"loginId": who}).ok(p.t)
				text, _ := p.message(who)["text"].(string)
				return fmt.Sprint(strings.Contains(text, "https://one.example/in?t="), strings.Contains(text, "https://two.example/in?t="))
			}, want: [2]string{"true false", "false true"}},
			row{says: m.says + " do not tell who is a user", given: given(`"rateLimitRetries":3`), before: docs{m.file: `{"maskError":false}`}, after: docs{m.file: `{"maskError":true}`}, look: stranger(m.path), want: [2]string{"404 E062108", "taken"}})
	}
	return out
}

// enchantedOf sends somebody three links, and returns what opens the right one.
func enchantedOf(p *place) func() answer {
	who, _ := p.user()
	begun := p.as("", "/v1/auth/enchantedlink/signin/email", object{"loginId": who})
	begun.ok(p.t)
	return func() answer {
		right := begun.word("linkId")
		text, _ := p.message(who)["text"].(string)
		for line := range strings.Lines(text) {
			if found := token.FindStringSubmatch(line); found != nil && strings.HasPrefix(line, right+": ") {
				if a := p.as("", "/v1/auth/enchantedlink/verify", object{"token": found[1]}); a.status != 200 {
					return a
				}
				return p.as("", "/v1/auth/enchantedlink/pending-session", object{"pendingRef": begun.word("pendingRef")})
			}
		}
		p.t.Fatalf("no link beside the number %s in %q", right, text)
		return answer{}
	}
}

// appCode is the code of an authenticator app now (RFC 6238).
func appCode(p *place, seed string) string {
	key, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(strings.TrimRight(seed, "="))
	if err != nil {
		p.t.Fatal(err)
	}
	mac := hmac.New(sha1.New, key)
	_ = binary.Write(mac, binary.BigEndian, time.Now().Unix()/30) // a hash takes everything
	sum := mac.Sum(nil)
	at := sum[len(sum)-1] & 0xf
	return fmt.Sprintf("%06d", (binary.BigEndian.Uint32(sum[at:])&0x7fffffff)%1_000_000)
}

func totpRows() []row {
	label := func(text string) docs { return docs{totpFile: fmt.Sprintf(`{"issuerLabelTemplate":%q}`, text)} }
	return []row{{
		says: "what an authenticator app shows", before: label(""), after: label("The {{projectName}} shop"),
		look: func(p *place) string {
			u, err := url.Parse(p.as("", "/v1/auth/totp/signup", object{"loginId": p.someone()}).word("provisioningURL"))
			if err != nil {
				p.t.Fatal(err)
			}
			return u.Query().Get("issuer")
		},
		want: [2]string{"Lantern", "The Lantern shop"},
	}, {
		says: "authenticator apps do not tell who is a user", before: docs{totpFile: `{"maskError":false}`}, after: docs{totpFile: `{"maskError":true}`},
		look: taken("/v1/auth/totp/signup", nil), want: [2]string{"409 E062107", "taken"},
	}}
}

// passkeyStart begins a sign-up with a passkey at an origin.
func passkeyStart(p *place, origin string) answer {
	return p.as("", "/v1/auth/webauthn/signup/start", object{"loginId": p.someone(), "origin": origin})
}

const fingerprint = "0A:1B:2C:3D:4E:5F:60:71:82:93:A4:B5:C6:D7:E8:F9:0A:1B:2C:3D:4E:5F:60:71:82:93:A4:B5:C6:D7:E8:F9"

func passkeyRows() []row {
	given := docs{settings: `{"trustedDomains":"shop.lantern.example"}`}
	party := func(pick func(o testkit.PasskeyOptions) string) func(p *place) string {
		return func(p *place) string {
			return pick(testkit.ReadPasskeyOptions(p.t, passkeyStart(p, page).word("options")))
		}
	}
	sum, _ := hex.DecodeString(strings.ReplaceAll(fingerprint, ":", ""))
	app := "android:apk-key-hash:" + base64.RawURLEncoding.EncodeToString(sum)
	withID := docs{settings: given[settings], passkeyFile: `{"relyingPartyId":"lantern.example"}`}
	return []row{
		{says: "what a browser calls the site", given: given, before: docs{passkeyFile: `{"name":""}`}, after: docs{passkeyFile: `{"name":"The shop"}`}, look: party(func(o testkit.PasskeyOptions) string { return o.PublicKey.RP.Name }), want: [2]string{"Lantern", "The shop"}},
		{says: "what passkeys are bound to", given: given, before: docs{passkeyFile: `{"relyingPartyId":""}`}, after: docs{passkeyFile: `{"relyingPartyId":"lantern.example"}`}, look: party(func(o testkit.PasskeyOptions) string { return o.PublicKey.RP.ID }), want: [2]string{"shop.lantern.example", "lantern.example"}},
		{
			says: "a passkey of another relying party is taken no more", given: given, before: docs{passkeyFile: `{"relyingPartyId":"shop.lantern.example"}`}, after: docs{passkeyFile: `{"relyingPartyId":"lantern.example"}`},
			prepare: func(p *place) { p.kept["loginId"] = makePasskey(p, passkeyOwner(p)) },
			look: func(p *place) string {
				o := testkit.ReadPasskeyOptions(p.t, p.as("", "/v1/auth/webauthn/signin/start", object{"loginId": p.kept["loginId"], "origin": page}).word("options"))
				return o.PublicKey.RPID
			},
			want: [2]string{"shop.lantern.example", "lantern.example"},
		},
		{says: "passkeys do not tell who is a user", given: given, before: docs{passkeyFile: `{"maskError":false}`}, after: docs{passkeyFile: `{"maskError":true}`}, look: taken("/v1/auth/webauthn/signup/start", object{"origin": page}), want: [2]string{"409 E062107", "taken"}},
		{says: "which apps of Android may use passkeys", given: withID, before: docs{passkeyFile: `{"androidFingerprints":[]}`}, after: docs{passkeyFile: `{"androidFingerprints":["` + fingerprint + `"]}`}, look: func(p *place) string { return status(passkeyStart(p, app)) }, want: [2]string{"400 P40071", "taken"}},
	}
}

// passkeyOwner is somebody who is about to have a passkey.
func passkeyOwner(p *place) string { return p.someone() }

// makePasskey signs somebody up with a passkey of the page.
func makePasskey(p *place, who string) string {
	device := &testkit.Authenticator{Origin: page}
	begun := p.as("", "/v1/auth/webauthn/signup/start", object{"loginId": who, "origin": page})
	begun.ok(p.t)
	p.as("", "/v1/auth/webauthn/signup/finish", object{"transactionId": begun.word("transactionId"), "response": device.Create(p.t, begun.word("options"))}).ok(p.t)
	return who
}
