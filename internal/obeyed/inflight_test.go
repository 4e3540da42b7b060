package obeyed

import (
	"testing"

	"postern/internal/testkit"
)

// A proof that was begun is ended by the settings that it began under: the import in
// between switches every method off, shuts strangers out, and makes the lifetimes of
// codes, links and session tokens others.
func TestWhatBeganEndsByTheOldRules(t *testing.T) {
	t.Parallel()
	testkit.Databases(t, func(t *testing.T, url string) {
		h := open(t, url)
		for says, begin := range begun() {
			t.Run(says, func(t *testing.T) {
				t.Parallel()
				p := h.newPlace(t)
				p.imports(oldRules()).ok(t)
				end := begin(p)
				p.imports(newRules()).ok(t)
				out := end()
				out.ok(t)
				if got := lasts(out.word("sessionJwt")); got != "20 minutes" {
					t.Errorf("its session token lasts %s, which is not the rule that it began under", got)
				}
			})
		}
	})
}

// enabled are all methods, on or off.
func enabled(on bool, minutes int) files {
	out := files{"snapshot.json": object{"version": 5}}
	for _, file := range []string{otpFile, magicFile, enchantedFile, embeddedFile, totpFile, passkeyFile, passwordFile} {
		out[file] = object{"enabled": on}
	}
	out[notpFile] = object{"enabled": on, "expirationTime": minutes, "expirationTimeUnit": "minutes"}
	for _, file := range []string{otpFile, magicFile, enchantedFile, embeddedFile} {
		out[file] = object{"enabled": on, "expirationTime": minutes, "expirationTimeUnit": "minutes", "redirectUrl": page}
	}
	out[otpFile] = object{"enabled": on, "expirationTime": minutes, "expirationTimeUnit": "minutes"}
	out[passwordFile] = object{"enabled": on, "maskError": false}
	return out
}

func oldRules() files {
	out := enabled(true, 60)
	out[settings] = object{"projectSelfProvisioning": true, "trustedDomains": "shop.lantern.example", "sessionTokenExpiration": 20, "sessionTokenExpirationUnit": "minutes"}
	return out
}

func newRules() files {
	out := enabled(false, 1)
	out[settings] = object{"projectSelfProvisioning": false, "trustedDomains": "other.example", "sessionTokenExpiration": 50, "sessionTokenExpirationUnit": "minutes"}
	return out
}

// begun are the ways to begin a proof, each of which returns how it ends.
func begun() map[string]func(p *place) func() answer {
	mailed := func(path string, verify func(p *place, who string) answer) func(p *place) func() answer {
		return func(p *place) func() answer {
			who := p.someone()
			p.as("", path, object{"loginId": who}).ok(p.t)
			return func() answer { return verify(p, who) }
		}
	}
	code := func(p *place, who string) answer {
		return p.as("", "/v1/auth/otp/verify/email", object{"loginId": who, "code": p.code(who)})
	}
	link := func(p *place, who string) answer {
		return p.as("", "/v1/auth/magiclink/verify", object{"token": p.link(who)})
	}
	passkey := func(p *place, kind, who string, finish func(d *testkit.Authenticator, options string) string, d *testkit.Authenticator) func() answer {
		start := p.as("", "/v1/auth/webauthn/"+kind+"/start", object{"loginId": who, "origin": page})
		start.ok(p.t)
		response := finish(d, start.word("options"))
		return func() answer {
			return p.as("", "/v1/auth/webauthn/"+kind+"/finish", object{"transactionId": start.word("transactionId"), "response": response})
		}
	}
	return map[string]func(p *place) func() answer{
		"a sign-up with a code":       mailed("/v1/auth/otp/signup/email", code),
		"a sign-up with a magic link": mailed("/v1/auth/magiclink/signup/email", link),
		"a sign-in with a code": func(p *place) func() answer {
			who := byMail("/v1/auth/otp/signin/email")(p)
			return func() answer { return code(p, who) }
		},
		"a step-up with a code": func(p *place) func() answer {
			who, in := p.user()
			p.as(in.word("refreshJwt"), "/v1/auth/otp/signin/email", object{"loginId": who, "loginOptions": object{"mfa": true}}).ok(p.t)
			return func() answer { return code(p, who) }
		},
		"a sign-in with a magic link": func(p *place) func() answer {
			who := byMail("/v1/auth/magiclink/signin/email")(p)
			return func() answer { return link(p, who) }
		},
		"a sign-in with an enchanted link": enchantedOf,
		"a sign-in with an embedded link": func(p *place) func() answer {
			who, _ := p.user()
			tok := p.manage("POST", "/v1/mgmt/user/signin/embeddedlink", object{"loginId": who}).word("token")
			return func() answer { return p.as("", "/v1/auth/magiclink/verify", object{"token": tok}) }
		},
		"a sign-up with a message of one's own": func(p *place) func() answer {
			w := writes(p)
			return func() answer {
				w.show()
				w.send("yes")
				return w.ends()
			}
		},
		"a forgotten password": func(p *place) func() answer {
			who := forgets(p)
			return func() answer { return link(p, who) }
		},
		"a sign-up with an authenticator app": func(p *place) func() answer {
			who := p.someone()
			seed := p.as("", "/v1/auth/totp/signup", object{"loginId": who}).word("key")
			return func() answer {
				return p.as("", "/v1/auth/totp/verify", object{"loginId": who, "code": appCode(p, seed)})
			}
		},
		"a sign-up with a passkey": func(p *place) func() answer {
			return passkey(p, "signup", p.someone(), func(d *testkit.Authenticator, options string) string { return d.Create(p.t, options) }, &testkit.Authenticator{Origin: page})
		},
		"a sign-in with a passkey": func(p *place) func() answer {
			who, device := p.someone(), &testkit.Authenticator{Origin: page}
			passkey(p, "signup", who, func(d *testkit.Authenticator, options string) string { return d.Create(p.t, options) }, device)().ok(p.t)
			return passkey(p, "signin", who, func(d *testkit.Authenticator, options string) string { return d.Get(p.t, options) }, device)
		},
	}
}

// What begins after the import obeys it: nothing of the old rules is left.
func TestWhatBeginsObeysTheNewRules(t *testing.T) {
	t.Parallel()
	testkit.Databases(t, func(t *testing.T, url string) {
		p := open(t, url).newPlace(t)
		p.imports(oldRules()).ok(t)
		p.imports(newRules()).ok(t)
		who, _ := p.user()
		for path, body := range map[string]object{
			"otp/signin/email": {}, "magiclink/signin/email": {}, "enchantedlink/signin/email": {}, "totp/signup": {}, "notp/whatsapp/signin": {}, "webauthn/signin/start": {"origin": page},
			"password/signin": {"password": right}, "password/reset": {}, "totp/verify": {"code": "123456"},
		} {
			if got := p.as("", "/v1/auth/"+path, merged(object{"loginId": who}, body)).String(); got != off {
				t.Errorf("%s: %s", path, got)
			}
		}
	})
}

// A page is trusted by the settings of now, also where it began a sign-in before: whoever
// takes a domain away means at once. From a page that is trusted the same sign-in ends.
func TestAPageIsTrustedByTheSettingsOfNow(t *testing.T) {
	t.Parallel()
	testkit.Databases(t, func(t *testing.T, url string) {
		p := open(t, url).newPlace(t)
		p.imports(oldRules()).ok(t)
		who := p.someone()
		p.as("", "/v1/auth/otp/signup/email", object{"loginId": who}, "Origin", "https://shop.lantern.example").ok(t)
		p.imports(newRules()).ok(t)
		code := object{"loginId": who, "code": p.code(who)}
		if got := status(p.as("", "/v1/auth/otp/verify/email", code, "Origin", "https://shop.lantern.example")); got != "403 P40307" {
			t.Errorf("a page that is not trusted any more: %s", got)
		}
		p.as("", "/v1/auth/otp/verify/email", code, "Origin", "https://other.example").ok(t)
	})
}
