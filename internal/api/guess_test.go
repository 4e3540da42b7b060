package api

import (
	"fmt"
	"net/http/httptest"
	"testing"

	"postern/internal/snapshot"
	"postern/internal/testkit"
)

const (
	home     = "192.0.2.1:1234"
	newPlace = "192.0.2.2:1234" // where the owner was never before
	guesser  = "198.51.100.1:1234"
)

// stranger is somebody else at every number.
func stranger(i int) string { return fmt.Sprintf("203.0.113.%d:1234", i) }

// Whoever guesses is refused soon, at one address and at many. The one whose code it is
// uses it meanwhile, from where they have signed in before and, while the guesser is
// one, from anywhere.
func TestAGuesserLocksNobodyOut(t *testing.T) {
	t.Parallel()
	const (
		send   = "/v1/auth/otp/signin/email"
		verify = "/v1/auth/otp/verify/email"
		vera   = `"loginId":"vera@shop.example"`
	)
	testkit.Databases(t, func(t *testing.T, url string) {
		b := setup(t, url)
		b.open(t, snapshot.Files{"auth/otp.json": []byte(`{"enabled":true,"rateLimitRetries":500}`)})
		code := func(path string) string {
			answered[maskedAnswer](t, b.from(t, guesser, path, `{`+vera+`,"email":"vera@shop.example"}`))
			return b.lastCode(t)
		}
		show := func(at, code string) *httptest.ResponseRecorder {
			return b.from(t, at, verify, `{`+vera+`,"code":"`+code+`"}`)
		}
		answered[wireTokens](t, show(home, code("/v1/auth/otp/signup/email")))

		// Of one code a guesser has five tries, and who it was sent to as many.
		right := code(send)
		for range 5 {
			wantFault(t, show(guesser, "x"), 401, "E061102")
		}
		wantFault(t, show(guesser, right), 401, "E061103")
		answered[wireTokens](t, show(newPlace, right))

		// A new code is no new beginning for the guesser.
		for range 5 {
			code(send)
			for range 5 {
				wantFault(t, show(guesser, "x"), 401, "E061102")
			}
		}
		right = code(send)
		wantFault(t, show(guesser, right), 429, "E130429")
		answered[wireTokens](t, show(newPlace, right))

		// Of many guessers sixty answers are looked at, whoever they are.
		right = code(send)
		for i := range 60 {
			wantFault(t, show(stranger(i), "x"), 401, "E061102")
		}
		wantFault(t, show(stranger(60), right), 429, "E130429")
		wantFault(t, show("[2001:db8::1]:1", right), 429, "E130429")
		answered[wireTokens](t, show(home, right))
	})
}

// noCode is none that an authenticator app shows around now.
func noCode(t *testing.T, key string) string {
	t.Helper()
	near := map[string]bool{}
	for later := int64(-5); later <= 5; later++ {
		near[appCode(t, key, later)] = true
	}
	out := 0
	for near[fmt.Sprintf("%06d", out)] {
		out++
	}
	return fmt.Sprintf("%06d", out)
}

// The same for authenticator apps, recovery codes and passwords.
func TestAGuesserLocksNobodyOutOfOtherMethods(t *testing.T) {
	t.Parallel()
	testkit.Databases(t, func(t *testing.T, url string) {
		b := setup(t, url)
		b.every(t)
		key, in := b.appUser(t, "ann")
		var codes recoveryAnswer
		b.answer(t, &codes, "POST", "/v1/auth/recovery-codes", `{"loginId":"ann"}`, b.as(in.Refresh)...)
		b.answer(t, &empty{}, "POST", passwordPath+"update", `{"newPassword":"Secret no 1"}`, b.as(in.Refresh)...)
		for name, tt := range map[string]struct {
			path, wrong, right string
			most               int
			code               string
		}{
			"an app":          {"/v1/auth/totp/verify", `"code":"` + noCode(t, key) + `"`, `"code":"` + appCode(t, key, 1) + `"`, 5, "E061102"},
			"a recovery code": {"/v1/auth/recovery-codes/signin", `"code":"x"`, `"code":"` + codes.Codes[0].Code + `"`, 10, "E061102"},
			"a password":      {passwordPath + "signin", `"password":"x"`, `"password":"Secret no 1"`, 25, "P40131"},
		} {
			for range tt.most {
				wantFault(t, b.from(t, guesser, tt.path, `{"loginId":"ann",`+tt.wrong+`}`), 401, tt.code)
			}
			wantFault(t, b.from(t, guesser, tt.path, `{"loginId":"ann",`+tt.right+`}`), 429, "E130429")
			if w := b.from(t, newPlace, tt.path, `{"loginId":"ann",`+tt.right+`}`); w.Code != 200 {
				t.Errorf("%s: the owner is told %d %s", name, w.Code, w.Body)
			}
		}
	})
}
