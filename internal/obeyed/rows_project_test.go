package obeyed

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

const (
	settings = "project.json"
	page     = "https://shop.lantern.example"
)

// ofProject is a document of settings.
func ofProject(members string) docs { return docs{settings: "{" + members + "}"} }

// redirect is whether a link may lead to the page.
func redirect(p *place) string {
	who, _ := p.user()
	return status(p.as("", "/v1/auth/magiclink/signin/email", object{"loginId": who, "redirectUrl": page + "/in"}))
}

// origin is whether a script of the page may call with the cookie of somebody.
func origin(p *place) string {
	_, in := p.user()
	return status(p.call("GET", "/v1/auth/me", p.project, nil, "Origin", page, "Cookie", "DSR="+in.word("refreshJwt")))
}

// readable is which page may read an answer.
func readable(p *place) string {
	return p.as("", "/v1/auth/try-refresh", object{}, "Origin", page).header.Get("Access-Control-Allow-Origin")
}

func trustRows() []row {
	trusted := ofProject(`"trustedDomains":"shop.lantern.example"`)
	other := ofProject(`"trustedDomains":"other.example"`)
	app := ofProject(`"appUrl":"` + page + `"`)
	otherApp := ofProject(`"appUrl":"https://other.example"`)
	custom := docs{settings: `{"customDomain":"shop.lantern.example"}`}
	under := ofProject(`"appUrl":"https://lantern.example"`)
	refused := "400 E011003"
	return []row{
		{says: "links lead to a domain once it is trusted", before: other, after: trusted, look: redirect, want: [2]string{refused, "taken"}},
		{says: "links lead to a domain no more once it is not trusted", before: trusted, after: other, look: redirect, want: [2]string{"taken", refused}},
		{says: "pages of a domain may call once it is trusted", before: other, after: trusted, look: origin, want: [2]string{"403 P40307", "taken"}},
		{says: "pages of a domain may read answers once it is trusted", before: other, after: trusted, look: readable, want: [2]string{"", page}},
		{says: "links lead to the application", before: otherApp, after: app, look: redirect, want: [2]string{refused, "taken"}},
		{says: "pages of the application may call", before: otherApp, after: app, look: origin, want: [2]string{"403 P40307", "taken"}},
		{says: "links lead to the custom domain", given: under, before: ofProject(`"customDomain":""`), after: custom, look: redirect, want: [2]string{refused, "taken"}},
		{says: "pages of the custom domain may call", given: under, before: ofProject(`"customDomain":""`), after: custom, look: origin, want: [2]string{"403 P40307", "taken"}},
		{
			says: "other pages may show the sign-in page in a frame", before: ofProject(`"allowAuthHostingIframeEmbedding":false`), after: ofProject(`"allowAuthHostingIframeEmbedding":true`),
			look: func(p *place) string {
				return p.call("GET", "/.well-known/project-configuration/"+p.project, "", nil).text
			},
			want: [2]string{"{\"allowAuthHostingIframeEmbedding\":false}\n", "{\"allowAuthHostingIframeEmbedding\":true}\n"},
		},
	}
}

// cookies are the two tokens of a sign-in as they travel: each "body" or the
// attributes of its cookie, without what is drawn and what time it is.
func cookies(names ...string) func(p *place) string {
	return func(p *place) string {
		_, in := p.user() // who signs in by a call of a backend has tokens in the body
		out := p.as(in.word("refreshJwt"), "/v1/auth/refresh", object{})
		seen := map[string]string{"DS": "body " + fmt.Sprint(out.word("sessionJwt") != ""), "DSR": "body " + fmt.Sprint(out.word("refreshJwt") != "")}
		for _, line := range out.header.Values("Set-Cookie") {
			parts := strings.Split(line, "; ")
			name, _, _ := strings.Cut(parts[0], "=")
			parts = slices.DeleteFunc(parts[1:], func(s string) bool { return strings.HasPrefix(s, "Expires=") || strings.HasPrefix(s, "Max-Age=") })
			seen[name] = strings.TrimPrefix(seen[name], "body true") + strings.Join(parts, " ")
		}
		var list []string
		for _, name := range names {
			list = append(list, seen[name])
		}
		return strings.Join(list, " | ")
	}
}

func cookieRows() []row {
	const strict, lax, none = "body falsePath=/ HttpOnly Secure SameSite=Strict", "body falsePath=/ HttpOnly Secure SameSite=Lax", "body falsePath=/ HttpOnly Secure SameSite=None"
	const both = `"rotateJwt":true,"appUrl":"https://lantern.example","customDomain":"id.lantern.example","tokenResponseMethod":"cookie","sessionTokenResponseMethod":"cookie"`
	domain := func(s string) string { return strings.Replace(s, "Path=/", "Path=/ Domain=lantern.example", 1) }
	return []row{
		{
			says: "the refresh token goes by cookie, and the session token does not", given: ofProject(`"rotateJwt":true,"cookiePolicy":"strict"`),
			before: ofProject(`"tokenResponseMethod":"onBody"`), after: ofProject(`"tokenResponseMethod":"cookie"`),
			look: cookies("DS", "DSR"), want: [2]string{"body true | body true", "body true | " + strict},
		},
		{
			says: "the session token goes by cookie, and the refresh token does not", given: ofProject(`"rotateJwt":true,"sessionTokenCookiePolicy":"strict"`),
			before: ofProject(`"sessionTokenResponseMethod":"onBody"`), after: ofProject(`"sessionTokenResponseMethod":"cookie"`),
			look: cookies("DS", "DSR"), want: [2]string{"body true | body true", strict + " | body true"},
		},
		{
			says: "the policy of the refresh cookie, as a word", given: ofProject(both), before: ofProject(`"cookiePolicy":"strict"`), after: ofProject(`"cookiePolicy":"lax"`),
			look: cookies("DSR"), want: [2]string{strict, lax},
		},
		{
			says: "the policy of the refresh cookie, as a number", given: ofProject(both), before: ofProject(`"cookiePolicy":4`), after: ofProject(`"cookiePolicy":3`),
			look: cookies("DSR"), want: [2]string{none, strict},
		},
		{
			says: "the policy of the session cookie", given: ofProject(both), before: ofProject(`"sessionTokenCookiePolicy":"none"`), after: ofProject(`"sessionTokenCookiePolicy":"lax"`),
			look: cookies("DS"), want: [2]string{none, lax},
		},
		{
			says: "the domain of the refresh cookie", given: ofProject(both + `,"cookiePolicy":"lax"`), before: ofProject(`"domain":""`), after: ofProject(`"domain":"lantern.example"`),
			look: cookies("DSR"), want: [2]string{lax, domain(lax)},
		},
		{
			says: "the domain of the session cookie", given: ofProject(both + `,"sessionTokenCookiePolicy":"lax"`), before: ofProject(`"sessionTokenCookieDomain":""`), after: ofProject(`"sessionTokenCookieDomain":"lantern.example"`),
			look: cookies("DS"), want: [2]string{lax, domain(lax)},
		},
	}
}

// lasts is how long a token is good for, in minutes.
func lasts(tok string) string {
	claims := claimsOf(tok)
	return fmt.Sprint((claims["exp"].(float64)-claims["iat"].(float64))/60, " minutes")
}

// fresh is the token of that name of somebody who signs in now.
func fresh(name string) func(p *place) string {
	return func(p *place) string {
		_, in := p.user()
		return lasts(in.word(name))
	}
}

// stepsUp is the session token of somebody who proves an address once more.
func stepsUp(p *place) string {
	who, in := p.user()
	p.as(in.word("refreshJwt"), "/v1/auth/otp/signin/email", object{"loginId": who, "loginOptions": object{"stepup": true}}).ok(p.t)
	out := p.as("", "/v1/auth/otp/verify/email", object{"loginId": who, "code": p.code(who)})
	out.ok(p.t)
	return lasts(out.word("sessionJwt"))
}

// trusts signs somebody in with a further factor at a device that they trust, and
// returns who it is and the token that the device keeps.
func trusts(p *place) (who, device string) {
	p.t.Helper()
	who, _ = p.user()
	p.as("", "/v1/auth/otp/signin/email", object{"loginId": who}).ok(p.t)
	in := p.as("", "/v1/auth/otp/verify/email", object{"loginId": who, "code": p.code(who)})
	in.ok(p.t)
	phone := p.number()
	p.manage("POST", "/v1/mgmt/user/update/phone", object{"loginId": who, "phone": phone, "verified": true}).ok(p.t)
	p.as(in.word("refreshJwt"), "/v1/auth/otp/signin/sms", object{"loginId": who, "loginOptions": object{"mfa": true, "trustDevice": true}}).ok(p.t)
	out := p.as("", "/v1/auth/otp/verify/sms", object{"loginId": who, "code": p.code(phone)})
	out.ok(p.t)
	return who, out.word("trustedDeviceJwt")
}

// keepsDevice trusts a device, and lets time pass.
func keepsDevice(p *place) {
	p.kept["who"], p.kept["device"] = trusts(p)
	p.later(3 * time.Hour)
}

// knownAgain is whether the device is trusted still at another sign-in.
func knownAgain(p *place) string {
	p.as("", "/v1/auth/otp/signin/email", object{"loginId": p.kept["who"]}).ok(p.t)
	out := p.as("", "/v1/auth/otp/verify/email", object{"loginId": p.kept["who"], "code": p.code(p.kept["who"])}, "X-Descope-Trusted-Device-Token", p.kept["device"])
	out.ok(p.t)
	return compact(claimsOf(out.word("sessionJwt"))["trustedDevice"])
}

// exchanged is the session token of an access key.
func exchanged(p *place) answer {
	made := p.manage("POST", "/v1/mgmt/accesskey/create", object{"name": "till", "expireTime": 0})
	made.ok(p.t)
	out := p.as(made.word("cleartext"), "/v1/auth/accesskey/exchange", object{})
	out.ok(p.t)
	return out
}

// oldSession signs somebody in, and lets time pass.
func oldSession(d time.Duration) func(p *place) {
	return func(p *place) {
		_, in := p.user()
		p.kept["refresh"] = in.word("refreshJwt")
		p.later(d)
	}
}

// still is what a refresh is told of a session that lay still for an hour.
func still(p *place) string {
	p.later(time.Hour)
	return refreshed(p)
}

// refreshed is what a refresh of the session that was kept is told.
func refreshed(p *place) string {
	return status(p.as(p.kept["refresh"], "/v1/auth/refresh", object{}))
}

func lifetimeRows() []row {
	life := func(key, n, unit string) docs {
		return ofProject(fmt.Sprintf(`%q:%s,%q:%q`, key, n, key+"Unit", unit))
	}
	lazy := `"inactivityTime":30,"inactivityTimeUnit":"minutes"`
	return []row{
		{says: "how long a refresh token lasts", before: life("refreshTokenExpiration", "4", "weeks"), after: life("refreshTokenExpiration", "90", "minutes"), look: fresh("refreshJwt"), want: [2]string{"40320 minutes", "90 minutes"}},
		{says: "a live session follows a shorter lifetime at its next refresh", before: life("refreshTokenExpiration", "4", "weeks"), after: life("refreshTokenExpiration", "90", "minutes"), prepare: oldSession(2 * time.Hour), look: refreshed, want: [2]string{"taken", "401 P40107"}},
		{says: "how long a session token lasts", before: life("sessionTokenExpiration", "10", "minutes"), after: life("sessionTokenExpiration", "2", "hours"), look: fresh("sessionJwt"), want: [2]string{"10 minutes", "120 minutes"}},
		{says: "the next refresh of a live session gives a session token of the new length", before: life("sessionTokenExpiration", "10", "minutes"), after: life("sessionTokenExpiration", "3", "minutes"), prepare: oldSession(0), look: func(p *place) string {
			return lasts(p.as(p.kept["refresh"], "/v1/auth/refresh", object{}).word("sessionJwt"))
		}, want: [2]string{"10 minutes", "3 minutes"}},
		{says: "how long a step-up counts", given: docs{"auth/otp.json": `{"rateLimitRetries":50}`}, before: life("stepupTokenExpiration", "1", "hours"), after: life("stepupTokenExpiration", "3", "minutes"), look: stepsUp, want: [2]string{"60 minutes", "3 minutes"}},
		{says: "how long the token of an access key lasts", before: life("keySessionTokenExpiration", "10", "minutes"), after: life("keySessionTokenExpiration", "1", "hours"), look: func(p *place) string {
			return lasts(exchanged(p).word("sessionJwt"))
		}, want: [2]string{"10 minutes", "60 minutes"}},
		{says: "how long a device is trusted", before: life("trustedDeviceTokenExpiration", "1", "days"), after: life("trustedDeviceTokenExpiration", "90", "minutes"), look: func(p *place) string {
			_, device := trusts(p)
			return lasts(device)
		}, want: [2]string{"1440 minutes", "90 minutes"}},
		{says: "a device is trusted for no longer than the settings of now say", given: docs{"auth/otp.json": `{"rateLimitRetries":50}`}, before: life("trustedDeviceTokenExpiration", "1", "days"), after: life("trustedDeviceTokenExpiration", "90", "minutes"), prepare: keepsDevice, look: knownAgain, want: [2]string{"true", "absent"}},
		{says: "a session that lay still ends where sessions do", given: ofProject(lazy), before: ofProject(`"enableInactivity":false`), after: ofProject(`"enableInactivity":true`), prepare: oldSession(0), look: still, want: [2]string{"taken", "401 P40107"}},
		{says: "how long a session may lie still", given: ofProject(`"enableInactivity":true`), before: life("inactivityTime", "2", "hours"), after: life("inactivityTime", "30", "minutes"), prepare: oldSession(0), look: still, want: [2]string{"taken", "401 P40107"}},
		{
			says: "a refresh gives another refresh token, and a used one is refused and ends the session", before: ofProject(`"rotateJwt":false`), after: ofProject(`"rotateJwt":true`),
			look: func(p *place) string {
				_, in := p.user()
				first := in.word("refreshJwt")
				second := p.as(first, "/v1/auth/refresh", object{}).word("refreshJwt")
				again := p.as(first, "/v1/auth/refresh", object{})
				if second == "" {
					return "the same, " + status(again)
				}
				return fmt.Sprint("another, ", status(again), ", ", status(p.as(second, "/v1/auth/refresh", object{})))
			},
			want: [2]string{"the same, taken", "another, 401 P40108, 401 E064001"},
		},
	}
}

func peopleRows() []row {
	const robots = `"testUserRegex":"^robot","testUserFixedAuthVerifierRegex":"^robot","testUserFixedAuthToken":"424242","testUserAllowFixedAuth":true`
	// robot is what becomes of the fixed code for a test user.
	robot := func(p *place) string {
		who := fmt.Sprintf("robot%d@lantern.example", p.people.Add(1))
		p.as("", "/v1/auth/otp/signup/email", object{"loginId": who}).ok(p.t)
		return fmt.Sprint(status(p.as("", "/v1/auth/otp/verify/email", object{"loginId": who, "code": "424242"})), ", sent: ", p.code(who) != "")
	}
	return []row{
		{
			says: "strangers sign up", before: ofProject(`"projectSelfProvisioning":true`), after: ofProject(`"projectSelfProvisioning":false`),
			look: func(p *place) string {
				var out []string
				for _, path := range []string{"/v1/auth/otp/signup/email", "/v1/auth/otp/signup-in/email"} {
					out = append(out, status(p.as("", path, object{"loginId": p.someone()})))
				}
				out = append(out, status(p.as("", "/v1/auth/password/signup", object{"loginId": p.someone(), "password": "Lantern-oil-7"})))
				return strings.Join(out, ", ")
			},
			want: [2]string{"taken, taken, taken", "403 P40308, 403 P40308, 403 P40308"},
		},
		{says: "who is a test user is sent nothing", given: ofProject(robots), before: ofProject(`"testUserRegex":"^nobody"`), after: ofProject(`"testUserRegex":"^robot"`), look: robot, want: [2]string{"401 E061102, sent: true", "taken, sent: false"}},
		{says: "which test users may use the fixed code", given: ofProject(robots), before: ofProject(`"testUserFixedAuthVerifierRegex":"^other"`), after: ofProject(`"testUserFixedAuthVerifierRegex":"^robot"`), look: robot, want: [2]string{"401 E061102, sent: false", "taken, sent: false"}},
		{says: "the fixed code", given: ofProject(robots), before: ofProject(`"testUserFixedAuthToken":"111111"`), after: ofProject(`"testUserFixedAuthToken":"424242"`), look: robot, want: [2]string{"401 E061102, sent: false", "taken, sent: false"}},
		{says: "whether there is a fixed code", given: ofProject(robots), before: ofProject(`"testUserAllowFixedAuth":false`), after: ofProject(`"testUserAllowFixedAuth":true`), look: robot, want: [2]string{"401 E061102, sent: false", "taken, sent: false"}},
	}
}
