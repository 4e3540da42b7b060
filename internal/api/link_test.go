package api

import (
	"net/url"
	"regexp"
	"strings"
	"testing"

	"postern/internal/snapshot"
	"postern/internal/testkit"
)

// messageBody makes what the management routes of this concern act on, and returns
// the body that they need.
func (b *bundle) messageBody(t *testing.T, path string) string {
	t.Helper()
	switch path {
	case "/v1/mgmt/user/signin/embeddedlink", "/v1/mgmt/user/signup/embeddedlink":
		b.open(t, snapshot.Files{"auth/embeddedlink.json": []byte(`{"enabled":true}`)})
		if strings.Contains(path, "signup") {
			return `{"loginId":"new"}`
		}
	case "/v1/mgmt/tests/generate/otp", "/v1/mgmt/tests/generate/magiclink", "/v1/mgmt/tests/generate/enchantedlink":
	default:
		return ""
	}
	b.people(t)
	return `{"loginId":"robot","redirectUrl":"http://localhost/in"}`
}

var anyLink = regexp.MustCompile(`https?://[^\s"<>]+`)

// lastToken is the token in the link of the last message.
func (b *bundle) lastToken(t *testing.T) string {
	t.Helper()
	return tokenIn(t, anyLink.FindString(b.lastMessage(t).Text))
}

func tokenIn(t *testing.T, link string) string {
	t.Helper()
	u, err := url.Parse(link)
	if err != nil || u.Query().Get("t") == "" {
		t.Fatalf("no token in %q: %v", link, err)
	}
	return u.Query().Get("t")
}

func TestLinksOverTheWire(t *testing.T) {
	t.Parallel()
	testkit.Databases(t, func(t *testing.T, url string) {
		b := setup(t, url)
		b.open(t, snapshot.Files{
			"auth/magiclink.json": []byte(`{"enabled":true,"rateLimitRetries":50}`), "auth/enchantedlink.json": []byte(`{"enabled":true}`), "auth/embeddedlink.json": []byte(`{"enabled":true}`),
		})
		// The Go SDK calls the redirect URI.
		w := b.person(t, "/v1/auth/magiclink/signup/email", `{"email":"ada@a.example","loginId":"ada@a.example","user":{"name":"Ada"},"loginOptions":{},"URI":"https://shop.example/in"}`, "")
		if body := strings.TrimSpace(w.Body.String()); body != `{"maskedEmail":"a***@a***.example"}` {
			t.Errorf("%d %s", w.Code, body)
		}
		token := b.lastToken(t)
		wantFault(t, b.send(t, "GET", "/v1/auth/magiclink/verify?t="+token, "", "Authorization", "Bearer "+b.project), 405, "P40501")
		first := answered[wireTokens](t, b.person(t, "/v1/auth/magiclink/verify", `{"token":"`+token+`"}`, ""))
		if !first.FirstSeen || first.User.Name != "Ada" || !first.User.Verified {
			t.Errorf("%+v", first)
		}
		wantFault(t, b.person(t, "/v1/auth/magiclink/verify", `{"token":"`+token+`"}`, ""), 401, "E063010")
		wantFault(t, b.person(t, "/v1/auth/magiclink/verify", `{}`, ""), 400, "E011002")
		wantFault(t, b.person(t, "/v1/auth/magiclink/signin/email", `{"loginId":"ada@a.example","redirectUrl":"https://evil.example"}`, ""), 400, "E011003")

		answered[maskedAnswer](t, b.person(t, "/v1/auth/magiclink/update/phone/im", `{"loginId":"ada@a.example","phone":"+12025550143","redirectUrl":"https://shop.example/in"}`, first.Refresh))
		second := answered[wireTokens](t, b.person(t, "/v1/auth/magiclink/verify", `{"token":"`+b.lastToken(t)+`"}`, ""))
		if second.User.Phone != "+12025550143" || !second.User.VerifiedTel || second.User.ID != first.User.ID {
			t.Errorf("%+v", second.User)
		}

		enchanted := answered[enchantedAnswer](t, b.person(t, "/v1/auth/enchantedlink/signin/email", `{"loginId":"ada@a.example","redirectUrl":"https://shop.example/in"}`, ""))
		pending := `{"pendingRef":"` + enchanted.Pending + `"}`
		wantFault(t, b.person(t, "/v1/auth/enchantedlink/pending-session", pending, ""), 401, "E062503")
		text := b.lastMessage(t).Text
		right := regexp.MustCompile(`\b` + enchanted.Number + `\b\W+(https://\S+)`).FindStringSubmatch(text)
		if right == nil {
			t.Fatalf("no %s in %q", enchanted.Number, text)
		}
		if w := b.person(t, "/v1/auth/enchantedlink/verify", `{"token":"`+tokenIn(t, right[1])+`"}`, ""); strings.TrimSpace(w.Body.String()) != `{}` {
			t.Errorf("%d %s", w.Code, w.Body)
		}
		answered[wireTokens](t, b.person(t, "/v1/auth/enchantedlink/pending-session", pending, ""))
		wantFault(t, b.person(t, "/v1/auth/enchantedlink/pending-session", pending, ""), 401, "E063010")

		embedded := answered[embeddedAnswer](t, b.send(t, "POST", "/v1/mgmt/user/signin/embeddedlink", `{"loginId":"ada@a.example","customClaims":{"plan":"gold"},"timeout":"60"}`))
		third := answered[wireTokens](t, b.person(t, "/v1/auth/magiclink/verify", `{"token":"`+embedded.Token+`"}`, ""))
		if embedded.Email != "a***@a***.example" || third.Claims["plan"] != "gold" {
			t.Errorf("%+v %v", embedded, third.Claims)
		}
	})
}

func TestLinksOfATestUser(t *testing.T) {
	t.Parallel()
	b := setup(t, t.TempDir()+"/test.db")
	b.people(t)
	got := answered[testAnswer](t, b.send(t, "POST", "/v1/mgmt/tests/generate/magiclink", `{"loginId":"robot","deliveryMethod":"email","URI":"http://localhost/in"}`))
	answered[wireTokens](t, b.person(t, "/v1/auth/magiclink/verify", `{"token":"`+tokenIn(t, got.Link)+`"}`, ""))
	got = answered[testAnswer](t, b.send(t, "POST", "/v1/mgmt/tests/generate/enchantedlink", `{"loginId":"robot","redirectUrl":"http://localhost/in"}`))
	answered[struct{}](t, b.person(t, "/v1/auth/enchantedlink/verify", `{"token":"`+tokenIn(t, got.Link)+`"}`, ""))
	answered[wireTokens](t, b.person(t, "/v1/auth/enchantedlink/pending-session", `{"pendingRef":"`+got.Pending+`"}`, ""))
	for _, kind := range []string{"magiclink", "enchantedlink"} {
		wantFault(t, b.send(t, "POST", "/v1/mgmt/tests/generate/"+kind, `{"loginId":"ada","redirectUrl":"http://localhost/in"}`), 400, "E011003")
	}
	if len(b.messages) != 0 {
		t.Errorf("%d sent", len(b.messages))
	}
}
