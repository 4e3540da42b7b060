package api

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"postern/internal/audit"
	"postern/internal/testkit"
)

// A new password ends the other sessions of the user, whoever sets it; the one that
// sets it goes on.
func TestANewPasswordEndsOtherSessions(t *testing.T) {
	t.Parallel()
	const ann = `"loginId":"ann@shop.example"`
	signIn := func(t *testing.T, b *bundle, password string) string {
		t.Helper()
		return answered[wireTokens](t, b.person(t, passwordPath+"signin", `{`+ann+`,"password":"`+password+`"}`, "")).Refresh
	}
	testkit.Databases(t, func(t *testing.T, url string) {
		b := setup(t, url)
		b.every(t)
		now := answered[wireTokens](t, b.person(t, passwordPath+"signup", `{`+ann+`,"password":"Secret no 0"}`, "")).Refresh
		lives := func(token string) bool { return b.send(t, "GET", "/v1/auth/me", "", b.as(token)...).Code == 200 }
		for i, way := range []struct {
			name string
			set  func(old, password string) (mine string)
		}{
			{"an update", func(old, password string) string {
				mine := signIn(t, b, old)
				b.answer(t, &empty{}, "POST", passwordPath+"update", `{"newPassword":"`+password+`"}`, b.as(mine)...)
				return mine
			}},
			{"a reset", func(_, password string) string {
				answered[passwordResetAnswer](t, b.person(t, passwordPath+"reset", `{`+ann+`}`, ""))
				mine := answered[wireTokens](t, b.person(t, "/v1/auth/magiclink/verify", `{"token":"`+b.lastToken(t)+`"}`, now)).Refresh
				b.answer(t, &empty{}, "POST", passwordPath+"update", `{"newPassword":"`+password+`"}`, b.as(mine)...)
				return mine
			}},
			{"a replacement", func(old, password string) string {
				return answered[wireTokens](t, b.person(t, passwordPath+"replace", `{`+ann+`,"oldPassword":"`+old+`","newPassword":"`+password+`"}`, "")).Refresh
			}},
			{"the management", func(_, password string) string {
				b.answer(t, &setPasswordAnswer{}, "POST", "/v1/mgmt/user/password/set/active", `{`+ann+`,"password":"`+password+`"}`)
				return signIn(t, b, password)
			}},
		} {
			password := "Secret no " + string(rune('1'+i))
			mine := way.set("Secret no "+string(rune('0'+i)), password)
			if lives(now) || !lives(mine) {
				t.Errorf("%s: the other session lives: %v, the one that set it: %v", way.name, lives(now), lives(mine))
			}
			now = signIn(t, b, password)
			if !lives(now) || !lives(mine) {
				t.Errorf("%s: a sign-in ended sessions", way.name)
			}
			b.answer(t, &map[string]any{}, "POST", "/v1/auth/logoutprevious", "", b.as(now)...)
		}
		var ended []any
		list, _, err := audit.Find(t.Context(), b.Projects.DB, audit.Search{Project: b.project, Limit: 1000})
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range slices.Backward(list) {
			if e.Action == "user.password.set" {
				ended = append(ended, e.Details["sessionsEnded"])
			}
		}
		if diff := cmp.Diff([]any{0.0, 1.0, 1.0, 1.0, 1.0}, ended); diff != "" {
			t.Errorf("sessions that ended, as the audit has them (-want +got):\n%s", diff)
		}
	})
}

// Whoever had a session cannot end what it began once a new password has ended it: no
// passkey, no authenticator app, no other address.
func TestWhatASessionBeganEndsWithIt(t *testing.T) {
	t.Parallel()
	testkit.Databases(t, func(t *testing.T, url string) {
		b := setup(t, url)
		b.every(t)
		const page = `"origin":"https://shop.example"`
		thief := b.squatter(t)
		b.byMail(t, owner, thief.Refresh)
		d := &testkit.Authenticator{Origin: "https://shop.example"}
		var begun passkeyStarted
		var seed seedAnswer
		b.answer(t, &begun, "POST", "/v1/auth/webauthn/update/start", `{"loginId":"`+owner+`",`+page+`}`, b.as(thief.Refresh)...)
		b.answer(t, &seed, "POST", "/v1/auth/totp/update", ownerBody, b.as(thief.Refresh)...)
		answered[maskedAnswer](t, b.person(t, "/v1/auth/otp/update/email", `{"loginId":"`+owner+`","email":"thief@shop.example"}`, thief.Refresh))
		code := b.lastCode(t)

		answered[wireTokens](t, b.person(t, passwordPath+"replace", `{"loginId":"`+owner+`","oldPassword":"Secret no 1","newPassword":"Secret no 2"}`, ""))
		wantFault(t, b.person(t, "/v1/auth/webauthn/update/finish", ended(t, begun.TransactionID, d.Create(t, begun.Options)), ""), 401, "E064001")
		wantFault(t, b.person(t, "/v1/auth/totp/verify", `{"loginId":"`+owner+`","code":"`+appCode(t, seed.Key, 0)+`"}`, ""), 401, "E061102")
		wantFault(t, b.person(t, "/v1/auth/otp/verify/email", `{"loginId":"`+owner+`","code":"`+code+`"}`, ""), 401, "E064001")
		in := answered[wireTokens](t, b.person(t, passwordPath+"signin", `{"loginId":"`+owner+`","password":"Secret no 2"}`, ""))
		if u := in.User; u.Passkey || u.TOTP || u.Email != owner {
			t.Errorf("after all: %+v", u)
		}
	})
}
