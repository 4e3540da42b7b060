package api

import (
	"net/http"
	"strings"
	"testing"

	"postern/internal/snapshot"
	"postern/internal/testkit"
)

// A device is trusted with a further factor, and known by what it keeps: the header,
// or a cookie.
func TestTrustedDevicesOverTheWire(t *testing.T) {
	t.Parallel()
	testkit.Databases(t, func(t *testing.T, url string) {
		b := setup(t, url)
		b.open(t, snapshot.Files{"auth/otp.json": []byte(`{"enabled":true,"rateLimitRetries":50}`)})
		answered[maskedAnswer](t, b.person(t, "/v1/auth/otp/signup/sms", `{"phone":"+12025550143","loginId":"ada","user":{"email":"ada@a.example"}}`, ""))
		first := answered[wireTokens](t, b.person(t, "/v1/auth/otp/verify/sms", `{"loginId":"ada","code":"`+b.lastCode(t)+`"}`, ""))
		verify := func(options string, headers ...string) wireTokens {
			t.Helper()
			answered[maskedAnswer](t, b.person(t, "/v1/auth/otp/signin/email", `{"loginId":"ada","loginOptions":`+options+`}`, first.Refresh))
			w := b.send(t, "POST", "/v1/auth/otp/verify/email", `{"loginId":"ada","code":"`+b.lastCode(t)+`"}`, append(headers, "Authorization", "Bearer "+b.project)...)
			out := answered[wireTokens](t, w)
			for _, c := range w.Result().Cookies() {
				if c.Name == "DTD" && c.HttpOnly && c.MaxAge > 0 {
					out.Device = "cookie " + c.Value
				}
			}
			return out
		}
		const both = `{"mfa":true,"trustDevice":true}`
		const firefox = "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0"
		trusted := verify(both, "User-Agent", firefox)
		if trusted.Device == "" || strings.HasPrefix(trusted.Device, "cookie") || trusted.Claims["trustedDevice"] != true {
			t.Fatalf("%+v", trusted)
		}
		if got := verify(`{}`, "X-Descope-Trusted-Device-Token", trusted.Device); got.Claims["trustedDevice"] != true || got.Device != "" {
			t.Errorf("%+v", got)
		}
		if got := verify(`{}`); got.Claims["trustedDevice"] != nil {
			t.Errorf("without what it keeps: %v", got.Claims)
		}
		list := answered[devicesAnswer](t, b.send(t, "POST", "/v1/mgmt/user/trusteddevices/list", `{"identifiers":["ada"]}`))
		if len(list.Devices) != 1 || list.Devices[0].Name != "Firefox on Linux" || list.Devices[0].Kind != "desktop" || list.Devices[0].User != first.User.ID || len(list.Devices[0].LastAt) != 10 {
			t.Errorf("%+v", list)
		}
		answered[empty](t, b.send(t, "POST", "/v1/mgmt/user/trusteddevices/remove", `{"identifier":"ada","deviceIds":["`+list.Devices[0].ID+`"]}`))
		if got := verify(`{}`, "X-Descope-Trusted-Device-Token", trusted.Device); got.Claims["trustedDevice"] != nil {
			t.Errorf("after it was removed: %v", got.Claims)
		}
		b.open(t, snapshot.Files{"project.json": []byte(`{"projectSelfProvisioning":true,"tokenResponseMethod":"cookie"}`)})
		verify(both)
		trusted = verify(both) // anew, and the one before is forgotten
		if list = answered[devicesAnswer](t, b.send(t, "POST", "/v1/mgmt/user/trusteddevices/list", `{"identifiers":["ada"]}`)); len(list.Devices) != 1 {
			t.Errorf("trusted twice it is %d devices", len(list.Devices))
		}
		value, ok := strings.CutPrefix(trusted.Device, "cookie ")
		if !ok {
			t.Fatalf("%+v", trusted)
		}
		kept := (&http.Cookie{Name: "DTD", Value: value}).String()
		if got := verify(`{}`, "Cookie", kept); got.Claims["trustedDevice"] != true {
			t.Errorf("%+v", got)
		}
		b.answer(t, &setPasswordAnswer{}, "POST", "/v1/mgmt/user/password/set/active", `{"loginId":"ada","password":"Lantern-oil-7"}`)
		first = verify(`{}`, "Cookie", kept)
		if first.Claims["trustedDevice"] != nil {
			t.Errorf("after a new password: %v", first.Claims)
		}
	})
}

func TestAgents(t *testing.T) {
	t.Parallel()
	for agent, want := range map[string][2]string{
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36 Edg/142.0":               {"Edge on Windows", "desktop"},
		"Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Mobile/15E148 Safari/604.1": {"Safari on iOS", "mobile"},
		"Mozilla/5.0 (Linux; Android 15; Tablet) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36":                           {"Chrome on Android", "tablet"},
		"curl/8.0": {"Unknown", "desktop"}, "Mozilla (Linux)": {"Linux", "desktop"},
	} {
		if name, kind := agentIn(agent); [2]string{name, kind} != want {
			t.Errorf("%s: %s, %s", agent, name, kind)
		}
	}
}
