package api

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"postern/internal/snapshot"
	"postern/internal/testkit"
)

// every lets people sign up and in by every method.
func (b *bundle) every(t *testing.T) {
	t.Helper()
	b.open(t, snapshot.Files{
		"auth/password.json": []byte(passwordPolicyFile), "auth/otp.json": []byte(`{"enabled":true,"rateLimitRetries":50}`), "auth/totp.json": []byte(`{"enabled":true}`),
		"auth/magiclink.json":     []byte(`{"enabled":true,"rateLimitRetries":50,"redirectUrl":"https://shop.example/in"}`),
		"auth/enchantedlink.json": []byte(`{"enabled":true,"redirectUrl":"https://shop.example/in"}`), "auth/webauthn.json": []byte(`{"enabled":true}`),
		"auth/embeddedlink.json":      []byte(`{"enabled":true}`),
		"auth/securityquestions.json": []byte(`{"enabled":true,"setupQuestionsCount":1,"verifyQuestionsCount":1,"securityQuestions":[{"id":"q1","text":"Which ink?"}]}`),
	})
}

const (
	owner     = "vera@shop.example" // whose address it is
	ownerBody = `{"loginId":"` + owner + `"}`
	signInVia = `{"loginId":"` + owner + `","password":"Secret no 1"}`
)

// squatter signs up with a password under the address of somebody else.
func (b *bundle) squatter(t *testing.T) (in wireTokens) {
	t.Helper()
	b.answer(t, &in, "POST", passwordPath+"signup", `{"loginId":"`+owner+`","password":"Secret no 1","user":{"phone":"+12025550143"}}`, b.as("")...)
	return in
}

// byMail signs in with a code that reached the address of a login id.
func (b *bundle) byMail(t *testing.T, loginID, shown string) wireTokens {
	t.Helper()
	answered[maskedAnswer](t, b.person(t, "/v1/auth/otp/signin/email", `{"loginId":"`+loginID+`"}`, ""))
	return answered[wireTokens](t, b.person(t, "/v1/auth/otp/verify/email", `{"loginId":"`+loginID+`","code":"`+b.lastCode(t)+`"}`, shown))
}

// Whoever signed up with the address of somebody else has nothing any more once that
// one comes: no session, no credential, no way to be reached.
func TestTheOwnerOfAnAddressTakesTheUserOver(t *testing.T) {
	t.Parallel()
	testkit.Databases(t, func(t *testing.T, url string) {
		b := setup(t, url)
		b.every(t)
		thief := b.squatter(t)
		const page = `"origin":"https://shop.example"`
		d := &testkit.Authenticator{Origin: "https://shop.example"}
		var s, late passkeyStarted
		var seed seedAnswer
		var codes recoveryAnswer
		var more wireTokens
		b.answer(t, &s, "POST", "/v1/auth/webauthn/update/start", `{"loginId":"`+owner+`",`+page+`}`, b.as(thief.Refresh)...)
		b.answer(t, &map[string]any{}, "POST", "/v1/auth/webauthn/update/finish", ended(t, s.TransactionID, d.Create(t, s.Options)), b.as("")...)
		b.answer(t, &late, "POST", "/v1/auth/webauthn/update/start", `{"loginId":"`+owner+`",`+page+`}`, b.as(thief.Refresh)...)
		b.answer(t, &seed, "POST", "/v1/auth/totp/update", ownerBody, b.as(thief.Refresh)...)
		app := func(later int64) string {
			return `{"loginId":"` + owner + `","code":"` + appCode(t, seed.Key, later) + `"}`
		}
		b.answer(t, &more, "POST", "/v1/auth/totp/verify", app(0), b.as("")...)
		b.answer(t, &codes, "POST", "/v1/auth/recovery-codes", ownerBody, b.as(thief.Refresh)...)
		b.answer(t, &empty{}, "POST", "/v1/auth/security-questions/setup", `{"loginId":"`+owner+`","answers":[{"id":"q1","answer":"Green"}]}`, b.as(thief.Refresh)...)
		// A number of the thief's own proves nothing about the address.
		answered[maskedAnswer](t, b.person(t, "/v1/auth/otp/signin/sms", ownerBody, ""))
		byPhone := answered[wireTokens](t, b.person(t, "/v1/auth/otp/verify/sms", `{"loginId":"`+owner+`","code":"`+b.lastCode(t)+`"}`, ""))
		if !byPhone.User.VerifiedTel || !byPhone.User.Password {
			t.Fatalf("before: %+v", byPhone.User)
		}

		in := b.byMail(t, owner, "")
		u := in.User
		if u.ID != thief.User.ID || !u.Verified || u.Phone != "" || u.VerifiedTel || u.Password || u.TOTP || u.Passkey || in.Session == "" {
			t.Errorf("the owner has %+v", u)
		}
		for name, token := range map[string]string{"of the sign-up": thief.Refresh, "of the app": more.Refresh, "of the number": byPhone.Refresh} {
			if w := b.send(t, "GET", "/v1/auth/me", "", b.as(token)...); w.Code != 401 {
				t.Errorf("the session %s lives: %d %s", name, w.Code, w.Body)
			}
		}
		wantFault(t, b.person(t, passwordPath+"signin", signInVia, ""), 401, "P40131")
		wantFault(t, b.person(t, "/v1/auth/totp/verify", app(1), ""), 401, "E061102")
		wantFault(t, b.person(t, "/v1/auth/recovery-codes/signin", `{"loginId":"`+owner+`","code":"`+codes.Codes[0].Code+`"}`, ""), 401, "E061102")
		wantFault(t, b.send(t, "GET", "/v1/auth/security-questions/verify", "", b.as(in.Refresh)...), 409, "P40972")
		wantFault(t, b.person(t, "/v1/auth/otp/signin/sms", ownerBody, ""), 400, "E011003")
		wantFault(t, b.person(t, "/v1/auth/webauthn/update/finish", ended(t, late.TransactionID, d.Create(t, late.Options)), ""), 401, "E064001")
		b.answer(t, &s, "POST", "/v1/auth/webauthn/signin/start", `{`+page+`}`, b.as("")...)
		wantFault(t, b.person(t, "/v1/auth/webauthn/signin/finish", ended(t, s.TransactionID, d.Get(t, s.Options)), ""), 401, "P40171")
		if done := b.audited(t); !slices.Contains(done, "user.reclaim") {
			t.Errorf("the audit has %v", done)
		}

		// From then on it is the owner's, wherever the owner comes from.
		b.answer(t, &empty{}, "POST", passwordPath+"update", `{"newPassword":"Secret no 1"}`, b.as(in.Refresh)...)
		b.byMail(t, owner, "")
		answered[wireTokens](t, b.person(t, passwordPath+"signin", signInVia, ""))
	})
}

// The message may be any that the owner answers, and what a session of the thief asked
// for is none of the thief's when the owner completes it.
func TestEveryProofOfTheOwnerTakesTheUserOver(t *testing.T) {
	t.Parallel()
	verify := func(t *testing.T, b *bundle) wireTokens {
		t.Helper()
		return answered[wireTokens](t, b.person(t, "/v1/auth/magiclink/verify", `{"token":"`+b.lastToken(t)+`"}`, ""))
	}
	ways := map[string]func(t *testing.T, b *bundle, thief wireTokens) wireTokens{
		"a magic link": func(t *testing.T, b *bundle, _ wireTokens) wireTokens {
			t.Helper()
			answered[maskedAnswer](t, b.person(t, "/v1/auth/magiclink/signin/email", ownerBody, ""))
			return verify(t, b)
		},
		"a reset of the password": func(t *testing.T, b *bundle, _ wireTokens) wireTokens {
			t.Helper()
			answered[passwordResetAnswer](t, b.person(t, passwordPath+"reset", ownerBody, ""))
			return verify(t, b)
		},
		"an enchanted link": func(t *testing.T, b *bundle, _ wireTokens) wireTokens {
			t.Helper()
			begun := answered[enchantedAnswer](t, b.person(t, "/v1/auth/enchantedlink/signin/email", ownerBody, ""))
			_, rest, _ := strings.Cut(b.lastMessage(t).Text, begun.Number+": ")
			answered[struct{}](t, b.person(t, "/v1/auth/enchantedlink/verify", `{"token":"`+tokenIn(t, anyLink.FindString(rest))+`"}`, ""))
			return answered[wireTokens](t, b.person(t, "/v1/auth/enchantedlink/pending-session", `{"pendingRef":"`+begun.Pending+`"}`, ""))
		},
		"a factor that the thief asked for": func(t *testing.T, b *bundle, thief wireTokens) wireTokens {
			t.Helper()
			answered[maskedAnswer](t, b.person(t, "/v1/auth/magiclink/signin/email", `{"loginId":"`+owner+`","loginOptions":{"mfa":true}}`, thief.Refresh))
			return verify(t, b)
		},
		"a change of the address that the thief asked for": func(t *testing.T, b *bundle, thief wireTokens) wireTokens {
			t.Helper()
			answered[maskedAnswer](t, b.person(t, "/v1/auth/magiclink/update/email", `{"loginId":"`+owner+`","email":"`+owner+`"}`, thief.Refresh))
			return verify(t, b)
		},
		"one that shows the session of another user": func(t *testing.T, b *bundle, _ wireTokens) wireTokens {
			t.Helper()
			var other wireTokens
			b.answer(t, &other, "POST", passwordPath+"signup", `{"loginId":"other","password":"Secret no 1"}`, b.as("")...)
			return b.byMail(t, owner, other.Refresh)
		},
	}
	testkit.Databases(t, func(t *testing.T, url string) {
		b := setup(t, url)
		b.every(t)
		for name, way := range ways {
			thief := b.squatter(t)
			in := way(t, b, thief)
			if in.User.ID != thief.User.ID || !in.User.Verified || in.User.Password || in.Refresh == "" {
				t.Errorf("%s: %+v", name, in.User)
			}
			if w := b.send(t, "GET", "/v1/auth/me", "", b.as(in.Refresh)...); w.Code != 200 {
				t.Errorf("%s: the owner has no session: %d %s", name, w.Code, w.Body)
			}
			if w := b.send(t, "GET", "/v1/auth/me", "", b.as(thief.Refresh)...); w.Code != 401 {
				t.Errorf("%s: the session of the thief lives: %d %s", name, w.Code, w.Body)
			}
			wantFault(t, b.person(t, passwordPath+"signin", signInVia, ""), 401, "P40131")
			b.answer(t, &empty{}, "POST", "/v1/mgmt/user/delete", ownerBody)
		}
	})
}

// Who signed up and then shows that the address is theirs keeps what they have: the
// call that completes it shows a token of theirs. So do those whom management made.
func TestWhoSignedUpKeepsWhatTheyHave(t *testing.T) {
	t.Parallel()
	testkit.Databases(t, func(t *testing.T, url string) {
		b := setup(t, url)
		b.every(t)
		signedUp := b.squatter(t)
		in := b.byMail(t, owner, signedUp.Refresh)
		if !in.User.Verified || !in.User.Password || in.User.Phone == "" {
			t.Errorf("verified: %+v", in.User)
		}
		answered[wireTokens](t, b.person(t, passwordPath+"signin", signInVia, ""))
		b.byMail(t, owner, "")
		answered[wireTokens](t, b.person(t, passwordPath+"signin", signInVia, ""))
		if w := b.send(t, "GET", "/v1/auth/me", "", b.as(signedUp.Refresh)...); w.Code != 200 {
			t.Errorf("the session of the sign-up: %d %s", w.Code, w.Body)
		}

		// A further factor raises the session that it was asked for in.
		var ann wireTokens
		b.answer(t, &ann, "POST", passwordPath+"signup", `{"loginId":"ann@shop.example","password":"Secret no 1"}`, b.as("")...)
		answered[maskedAnswer](t, b.person(t, "/v1/auth/otp/signin/email", `{"loginId":"ann@shop.example","loginOptions":{"mfa":true}}`, ann.Refresh))
		raised := answered[wireTokens](t, b.person(t, "/v1/auth/otp/verify/email", `{"loginId":"ann@shop.example","code":"`+b.lastCode(t)+`"}`, ann.Refresh))
		if diff := cmp.Diff([]any{"pwd", "email", "mfa"}, raised.Claims["amr"]); diff != "" || !raised.User.Verified || !raised.User.Password {
			t.Errorf("raised: %+v, amr (-want +got):\n%s", raised.User, diff)
		}

		// Somebody with a name for a login id adds an address, on whichever device.
		var bob wireTokens
		b.answer(t, &bob, "POST", passwordPath+"signup", `{"loginId":"bob","password":"Secret no 1"}`, b.as("")...)
		answered[maskedAnswer](t, b.person(t, "/v1/auth/magiclink/update/email", `{"loginId":"bob","email":"bob@shop.example"}`, bob.Refresh))
		got := answered[wireTokens](t, b.person(t, "/v1/auth/magiclink/verify", `{"token":"`+b.lastToken(t)+`"}`, ""))
		if !got.User.Verified || !got.User.Password {
			t.Errorf("bob: %+v", got.User)
		}

		b.answer(t, &map[string]any{}, "POST", "/v1/mgmt/user/create", `{"loginId":"made@shop.example","email":"made@shop.example","password":"Secret no 1"}`)
		if made := b.byMail(t, "made@shop.example", ""); !made.User.Verified || !made.User.Password {
			t.Errorf("made by management: %+v", made.User)
		}
		answered[wireTokens](t, b.person(t, passwordPath+"signin", `{"loginId":"made@shop.example","password":"Secret no 1"}`, ""))
	})
}

// Two users become one only for whoever completes it in a session of the one who asked:
// not for whom that one has open a link.
func TestAMergeNeedsTheSession(t *testing.T) {
	t.Parallel()
	testkit.Databases(t, func(t *testing.T, url string) {
		b := setup(t, url)
		b.every(t)
		answered[maskedAnswer](t, b.person(t, "/v1/auth/otp/signup/email", ownerBody, ""))
		vera := answered[wireTokens](t, b.person(t, "/v1/auth/otp/verify/email", `{"loginId":"`+owner+`","code":"`+b.lastCode(t)+`"}`, ""))
		thief := answered[wireTokens](t, b.person(t, passwordPath+"signup", `{"loginId":"thief","password":"Secret no 1"}`, ""))
		ask := func() string {
			answered[maskedAnswer](t, b.person(t, "/v1/auth/magiclink/update/email", `{"loginId":"thief","email":"`+owner+`","addToLoginIDs":true}`, thief.Refresh))
			return `{"token":"` + b.lastToken(t) + `"}`
		}
		for name, shown := range map[string]string{"nobody's session": "", "the owner's session": vera.Refresh} {
			w := b.person(t, "/v1/auth/magiclink/verify", ask(), shown)
			if w.Code != 409 {
				t.Errorf("%s: %d %s", name, w.Code, w.Body)
			}
		}
		if me := answered[wireUser](t, b.send(t, "GET", "/v1/auth/me", "", b.as(vera.Refresh)...)); me.ID != vera.User.ID || me.Email != owner {
			t.Errorf("the owner is %+v", me)
		}
		in := answered[wireTokens](t, b.person(t, "/v1/auth/magiclink/verify", ask(), thief.Refresh))
		if in.User.ID != thief.User.ID || !slices.Contains(in.User.LoginIDs, owner) {
			t.Errorf("in the session of the one who asked: %+v", in.User)
		}
	})
}

// A user who was signed up with somebody's address becomes part of theirs without what
// a stranger has made, and is in nobody's way.
func TestAMergeTakesNoStrangerAlong(t *testing.T) {
	t.Parallel()
	testkit.Databases(t, func(t *testing.T, url string) {
		b := setup(t, url)
		b.every(t)
		thief := b.squatter(t)
		answered[maskedAnswer](t, b.person(t, "/v1/auth/otp/signup/sms", `{"loginId":"vera","phone":"+12025550144"}`, ""))
		vera := answered[wireTokens](t, b.person(t, "/v1/auth/otp/verify/sms", `{"loginId":"vera","code":"`+b.lastCode(t)+`"}`, ""))
		body := `{"loginId":"vera","email":"` + owner + `","addToLoginIDs":true,"onMergeUseExisting":true}`
		answered[maskedAnswer](t, b.person(t, "/v1/auth/otp/update/email", body, vera.Refresh))
		in := answered[wireTokens](t, b.person(t, "/v1/auth/otp/verify/email", `{"loginId":"vera","code":"`+b.lastCode(t)+`"}`, vera.Refresh))
		if u := in.User; u.ID != thief.User.ID || u.Password || u.Phone != "+12025550144" || !slices.Contains(u.LoginIDs, "vera") || !slices.Contains(u.LoginIDs, owner) {
			t.Errorf("merged: %+v", u)
		}
		wantFault(t, b.person(t, passwordPath+"signin", signInVia, ""), 401, "P40131")
		if w := b.send(t, "GET", "/v1/auth/me", "", b.as(thief.Refresh)...); w.Code != 401 {
			t.Errorf("the session of the thief lives: %d %s", w.Code, w.Body)
		}
	})
}
