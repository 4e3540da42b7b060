package api

import (
	"strings"
	"testing"

	"postern/internal/snapshot"
	"postern/internal/testkit"
)

// Where errors are masked, a sign-up is answered alike for who is a user and for who is
// none, as far as it can be without making one; where they are not, it says so.
func TestWhoSignsUpAgain(t *testing.T) {
	t.Parallel()
	const page = `"origin":"https://shop.example"`
	testkit.Databases(t, func(t *testing.T, url string) {
		b := setup(t, url)
		files := func(mask string) {
			b.open(t, snapshot.Files{
				"auth/password.json": []byte(strings.Replace(passwordPolicyFile, `"maskError":true`, `"maskError":`+mask, 1)),
				"auth/totp.json":     []byte(`{"enabled":true,"maskError":` + mask + `}`), "auth/webauthn.json": []byte(`{"enabled":true,"maskError":` + mask + `}`),
			})
		}
		files("false")
		ann := answered[wireTokens](t, b.person(t, passwordPath+"signup", `{"loginId":"ann","password":"Secret no 1"}`, ""))
		for path, body := range map[string]string{
			passwordPath + "signup":          `{"loginId":"ann","password":"short"}`,
			"/v1/auth/totp/signup":           `{"loginId":"ann"}`,
			"/v1/auth/webauthn/signup/start": `{"loginId":"ann",` + page + `}`,
		} {
			wantFault(t, b.person(t, path, body, ""), 409, "E062107")
		}
		d := &testkit.Authenticator{Origin: "https://shop.example"}
		begun := answered[passkeyStarted](t, b.person(t, "/v1/auth/webauthn/signup/start", `{"loginId":"late",`+page+`}`, ""))
		answered[wireTokens](t, b.person(t, passwordPath+"signup", `{"loginId":"late","password":"Secret no 1"}`, ""))
		wantFault(t, b.person(t, "/v1/auth/webauthn/signup/finish", ended(t, begun.TransactionID, d.Create(t, begun.Options)), ""), 409, "E062107")

		files("true")
		// A password that nobody may have asks for nobody; another one is wrong, or the sign-in.
		for _, who := range []string{"ann", "nobody"} {
			wantFault(t, b.person(t, passwordPath+"signup", `{"loginId":"`+who+`","password":"short"}`, ""), 400, "E011003")
		}
		wantFault(t, b.person(t, passwordPath+"signup", `{"loginId":"ann","password":"Secret no 2"}`, ""), 401, "P40131")
		in := answered[wireTokens](t, b.person(t, passwordPath+"signup", `{"loginId":"ann","password":"Secret no 1"}`, ""))
		if in.User.ID != ann.User.ID || in.FirstSeen || in.Refresh == "" {
			t.Errorf("ann signs up again: %+v", in)
		}
		// A seed is given to each, and signs nobody in who is there already.
		for _, who := range []string{"ann", "nobody"} {
			seed := answered[seedAnswer](t, b.person(t, "/v1/auth/totp/signup", `{"loginId":"`+who+`"}`, ""))
			w := b.person(t, "/v1/auth/totp/verify", `{"loginId":"`+who+`","code":"`+appCode(t, seed.Key, 0)+`"}`, "")
			if who == "ann" {
				wantFault(t, w, 401, "E061102")
			} else if answered[wireTokens](t, w).User.LoginIDs[0] != who {
				t.Errorf("%s did not sign up: %s", who, w.Body)
			}
		}
		for _, who := range []string{"ann", "somebody new"} {
			s := answered[passkeyStarted](t, b.person(t, "/v1/auth/webauthn/signup/start", `{"loginId":"`+who+`",`+page+`}`, ""))
			w := b.person(t, "/v1/auth/webauthn/signup/finish", ended(t, s.TransactionID, (&testkit.Authenticator{Origin: d.Origin}).Create(t, s.Options)), "")
			if who == "ann" {
				wantFault(t, w, 401, "P40171")
			} else if answered[wireTokens](t, w).User.LoginIDs[0] != who {
				t.Errorf("%s did not sign up: %s", who, w.Body)
			}
		}
		for _, who := range []string{"ann", "unheard of"} {
			s := answered[passkeyStarted](t, b.person(t, "/v1/auth/webauthn/signup-in/start", `{"loginId":"`+who+`",`+page+`}`, ""))
			if o := testkit.ReadPasskeyOptions(t, s.Options).PublicKey; s.Create || !strings.Contains(s.Options, "allowCredentials") || o.RP.ID != "" {
				t.Errorf("%s: %+v", who, s)
			}
		}
		if w := b.send(t, "GET", "/v1/auth/me", "", b.as(ann.Refresh)...); w.Code != 200 || strings.Contains(w.Body.String(), `"webauthn":true`) || strings.Contains(w.Body.String(), `"TOTP":true`) {
			t.Errorf("ann: %d %s", w.Code, w.Body)
		}
	})
}

// Where nOTP masks errors, a sign-in of nobody begins, waits and is answered as that of a
// user does who has another number than the one that writes; and users sign in as before.
func TestWhoSignsInByMessage(t *testing.T) {
	t.Parallel()
	testkit.Databases(t, func(t *testing.T, url string) {
		b := setup(t, url)
		b.open(t, snapshot.Files{"auth/notp.json": []byte(`{"enabled":true,"maskError":true}`)})
		b.post(t, "user/create", `{"loginId":"ann","phone":"+12025550143","verifiedPhone":true}`)
		b.post(t, "user/create", `{"loginId":"without a number"}`)
		b.post(t, "user/create", `{"loginId":"disabled","phone":"+12025550145","verifiedPhone":true}`)
		b.post(t, "user/update/status", `{"loginId":"disabled","status":"disabled"}`)
		write := func(from, text string) string {
			t.Helper()
			answered[empty](t, b.send(t, "POST", "/v1/mgmt/outbox/receive", `{"from":"`+from+`","text":"`+text+`"}`))
			return b.lastMessage(t).Text
		}
		said := map[string]string{}
		for _, who := range []string{"ann", "nobody", "without a number", "disabled"} {
			begun := answered[notpAnswer](t, b.person(t, "/v1/auth/notp/whatsapp/signin", `{"loginId":"`+who+`"}`, ""))
			pending := `{"pendingRef":"` + begun.Pending + `"}`
			wantFault(t, b.person(t, "/v1/auth/notp/pending-session", pending, ""), 401, "E066103")
			said[write("+12025550199", textOf(t, begun))] = who
			wantFault(t, b.person(t, "/v1/auth/notp/pending-session", pending, ""), 401, "E066103")
		}
		if len(said) != 1 {
			t.Errorf("whoever writes learns who is a user: %v", said)
		}
		// Whoever signs up again signs in.
		for _, path := range []string{"signin", "signup"} {
			begun := answered[notpAnswer](t, b.person(t, "/v1/auth/notp/whatsapp/"+path, `{"loginId":"ann","phone":"+12025550143"}`, ""))
			write("+12025550143", textOf(t, begun))
			write("+12025550143", "yes")
			if in := answered[wireTokens](t, b.person(t, "/v1/auth/notp/pending-session", `{"pendingRef":"`+begun.Pending+`"}`, "")); in.User.LoginIDs[0] != "ann" || in.FirstSeen {
				t.Errorf("%s: %+v", path, in.User)
			}
		}
	})
}
