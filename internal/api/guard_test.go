package api

import (
	"errors"
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"postern/internal/edge"
	"postern/internal/fault"
	"postern/internal/limit"
	"postern/internal/project"
	"postern/internal/session"
	"postern/internal/snapshot"
	"postern/internal/testkit"
)

// from makes a request of a person from an address; headers are more of them.
func (b *bundle) from(t *testing.T, address, path, body string, headers ...string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), "POST", path, strings.NewReader(body))
	r.RemoteAddr = address
	r.Header.Set("Authorization", "Bearer "+b.project)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	b.handler.ServeHTTP(w, r)
	return w
}

// crowded opens a project with all methods, in which strangers may sign up.
func crowded(t *testing.T, url string) *bundle {
	t.Helper()
	b := setup(t, url)
	b.open(t, snapshot.Files{
		"auth/otp.json": []byte(`{"enabled":true,"rateLimitRetries":50}`), "auth/magiclink.json": []byte(`{"enabled":true}`),
		"auth/enchantedlink.json": []byte(`{"enabled":true}`), "auth/totp.json": []byte(`{"enabled":true}`),
		"auth/webauthn.json": []byte(`{"enabled":true}`), "auth/password.json": []byte(`{"enabled":true,"minLength":4}`),
	})
	return b
}

// limited wants the answer that the wire has for too many tries.
func limited(t *testing.T, what string, w *httptest.ResponseRecorder) {
	t.Helper()
	if w.Code != 429 || w.Header().Get("Retry-After") == "" || !strings.Contains(w.Body.String(), `"errorCode":"E130429"`) {
		t.Errorf("%s: %d, Retry-After %q, %s", what, w.Code, w.Header().Get("Retry-After"), w.Body)
	}
}

func TestFailuresOfAnAddressAreLimited(t *testing.T) {
	t.Parallel()
	testkit.Databases(t, func(t *testing.T, url string) {
		b := crowded(t, url)
		b.Guard = Guard{Attempts: b.TOTP.Attempts, Failures: limit.Rule{Scope: "address.failures", Max: 1, Within: time.Hour}}
		for i, tt := range []struct{ name, path, body string }{
			{"a password", "/v1/auth/password/signin", `{"loginId":"nobody%d","password":"x"}`},
			{"another password for one", "/v1/auth/password/replace", `{"loginId":"nobody%d","oldPassword":"x","newPassword":"y"}`},
			{"a code", "/v1/auth/otp/verify/email", `{"loginId":"nobody%d@a.example","code":"000000"}`},
			{"a code of an app", "/v1/auth/totp/verify", `{"loginId":"nobody%d","code":"000000"}`},
			{"a recovery code", "/v1/auth/recovery-codes/signin", `{"loginId":"nobody%d","code":"0000-0000-0000-0000"}`},
			{"a link", "/v1/auth/magiclink/verify", `{"token":"x%d"}`},
			{"an enchanted link", "/v1/auth/enchantedlink/verify", `{"token":"x%d"}`},
			{"a passkey", "/v1/auth/webauthn/signin/finish", `{"transactionId":"x%d","response":"{}"}`},
			{"an access key", "/v1/auth/accesskey/exchange", `{}`},
			{"who is a user", "/v1/auth/otp/signin/email", `{"loginId":"nobody%d@a.example"}`},
		} {
			body := func(n int) string {
				if strings.Contains(tt.body, "%d") {
					return fmt.Sprintf(tt.body, n)
				}
				return tt.body
			}
			address := fmt.Sprintf("203.0.113.%d:1000", i+1)
			if w := b.from(t, address, tt.path, body(1)); w.Code != 401 && w.Code != 404 {
				t.Errorf("%s: the first: %d %s", tt.name, w.Code, w.Body)
			}
			limited(t, tt.name, b.from(t, address, tt.path, body(2)))
		}
	})
}

func TestWhoseFailuresCount(t *testing.T) {
	t.Parallel()
	testkit.Databases(t, func(t *testing.T, url string) {
		b := crowded(t, url)
		answered[wireTokens](t, b.person(t, "/v1/auth/password/signup", `{"loginId":"ann","password":"Secret no 1!"}`, ""))
		b.Guard = Guard{Attempts: b.TOTP.Attempts, Failures: limit.Rule{Scope: "address.failures", Max: 2, Within: time.Hour}}
		const path, wrong, right = "/v1/auth/password/signin", `{"loginId":"ann","password":"wrong"}`, `{"loginId":"ann","password":"Secret no 1!"}`
		for range 5 {
			answered[wireTokens](t, b.from(t, "203.0.113.1:1", path, right))
		}
		for port := range 2 {
			wantFault(t, b.from(t, fmt.Sprintf("203.0.113.1:%d", 1000+port), path, wrong), 401, "P40131")
		}
		limited(t, "a wrong one more", b.from(t, "203.0.113.1:1", path, wrong))
		limited(t, "a right one", b.from(t, "203.0.113.1:1", path, right))
		limited(t, "the same address as IPv6", b.from(t, "[::ffff:203.0.113.1]:1", path, right))
		limited(t, "another method", b.from(t, "203.0.113.1:1", "/v1/auth/otp/verify/email", `{"loginId":"a@a.example","code":"1"}`))
		answered[wireTokens](t, b.from(t, "203.0.113.2:1", path, right))

		for n := range 2 {
			wantFault(t, b.from(t, fmt.Sprintf("[2001:db8:1:1::%d]:1", n), path, wrong), 401, "P40131")
		}
		limited(t, "another address of a network", b.from(t, "[2001:db8:1:1:ffff::1]:1", path, right))
		answered[wireTokens](t, b.from(t, "[2001:db8:1:2::1]:1", path, right))

		const many = 4
		for range many { // who cannot be told apart by address is not counted by it
			wantFault(t, b.from(t, "127.0.0.1:1", path, wrong), 401, "P40131")
			wantFault(t, b.from(t, "10.0.0.1:1", path, wrong, edge.ForwardedFor, "198.51.100.1"), 401, "P40131")
			wantFault(t, b.from(t, "198.51.100.9:1", path, wrong, "Authorization", "Bearer "+b.project+":"+b.key), 401, "P40131")
		}
		for range 2 {
			wantFault(t, b.from(t, "10.0.0.2:1", path, wrong), 401, "P40131")
			wantFault(t, b.from(t, "198.51.100.7:1", path, wrong, edge.ForwardedFor, "10.0.0.1"), 401, "P40131")
		}
		limited(t, "a private address without a proxy", b.from(t, "10.0.0.2:1", path, wrong))
		limited(t, "who says to be a proxy", b.from(t, "198.51.100.7:1", path, wrong, edge.ForwardedFor, "10.0.0.1"))
	})
}

// Who waits for a link asks every second, and guesses nothing.
func TestWaitingForALinkIsNoFailure(t *testing.T) {
	t.Parallel()
	b := crowded(t, t.TempDir()+"/test.db")
	b.Guard = Guard{Attempts: b.TOTP.Attempts, Failures: limit.Rule{Scope: "address.failures", Max: 2, Within: time.Hour}}
	const address = "203.0.113.1:1"
	begun := answered[enchantedAnswer](t, b.from(t, address, "/v1/auth/enchantedlink/signup/email",
		`{"email":"a@a.example","loginId":"a@a.example","redirectUrl":"https://shop.example/in"}`))
	for range 5 {
		wantFault(t, b.from(t, address, "/v1/auth/enchantedlink/pending-session", `{"pendingRef":"`+begun.Pending+`"}`), 401, "E062503")
	}
}

func TestWhatCountsAsAFailure(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		err  error
		want bool
	}{
		"nothing":                       {nil, false},
		"a wrong code":                  {fault.New(fault.Unauthenticated, "E061102", "x"), true},
		"nobody":                        {fault.New(fault.NotFound, "E062108", "x"), true},
		"somebody who is there already": {fault.New(fault.Conflict, "E062107", "x"), true},
		"a body that is wrong":          {fault.New(fault.Invalid, "E011003", "x"), false},
		"a method that is off":          {project.ErrMethodOff, false},
		"a failure of ours":             {errors.New("x"), false},
	} {
		if got := failed(tt.err); got != tt.want {
			t.Errorf("%s: %t", name, got)
		}
	}
}

func TestAsksOfAnAddressAreLimited(t *testing.T) {
	t.Parallel()
	testkit.Databases(t, func(t *testing.T, url string) {
		b := crowded(t, url)
		b.Guard = Guard{Attempts: b.TOTP.Attempts, Asks: limit.Rule{Scope: "address.asks", Max: 1, Within: time.Hour}}
		for i, tt := range []struct{ path, body string }{
			{"/v1/auth/otp/signup/email", `{"loginId":"a%d@a.example","email":"a%d@a.example"}`},
			{"/v1/auth/otp/signup-in/email", `{"loginId":"b%d@a.example"}`},
			{"/v1/auth/otp/signin/email", `{"loginId":"c%d@a.example"}`},
			{"/v1/auth/magiclink/signup-in/email", `{"loginId":"d%d@a.example","redirectUrl":"https://shop.example"}`},
			{"/v1/auth/enchantedlink/signup-in/email", `{"loginId":"e%d@a.example","redirectUrl":"https://shop.example"}`},
			{"/v1/auth/totp/signup", `{"loginId":"f%d"}`},
			{"/v1/auth/webauthn/signup/start", `{"loginId":"g%d","origin":"https://shop.example"}`},
			{"/v1/auth/webauthn/signin/start", `{"loginId":"h%d","origin":"https://shop.example"}`},
			{"/v1/auth/webauthn/signup-in/start", `{"loginId":"i%d","origin":"https://shop.example"}`},
			{"/v1/auth/password/signup", `{"loginId":"j%d","password":"Secret no 1!"}`},
			{"/v1/auth/password/reset", `{"loginId":"k%d","redirectUrl":"https://shop.example"}`},
		} {
			address := fmt.Sprintf("203.0.113.%d:1000", i+1)
			if w := b.from(t, address, tt.path, strings.ReplaceAll(tt.body, "%d", "1")); w.Code != 200 && w.Code != 404 {
				t.Errorf("%s: the first: %d %s", tt.path, w.Code, w.Body)
			}
			limited(t, tt.path, b.from(t, address, tt.path, strings.ReplaceAll(tt.body, "%d", "2")))
		}
	})
}

// Whoever signs up leaves a user behind, whatever the method.
func TestSignUpsAreLimited(t *testing.T) {
	t.Parallel()
	testkit.Databases(t, func(t *testing.T, url string) {
		b := crowded(t, url)
		b.Sessions.Limits = b.TOTP.Attempts
		join := func(address, who string) map[string]*httptest.ResponseRecorder {
			d := &testkit.Authenticator{Origin: "https://shop.example"}
			out := map[string]*httptest.ResponseRecorder{"password": b.from(t, address, "/v1/auth/password/signup", `{"loginId":"p`+who+`","password":"Secret no 1!"}`)}
			mail := who + "@a.example"
			answered[maskedAnswer](t, b.from(t, address, "/v1/auth/otp/signup-in/email", `{"loginId":"`+mail+`"}`))
			out["a code"] = b.from(t, address, "/v1/auth/otp/verify/email", `{"loginId":"`+mail+`","code":"`+b.lastCode(t)+`"}`)
			seed := answered[seedAnswer](t, b.from(t, address, "/v1/auth/totp/signup", `{"loginId":"t`+who+`"}`))
			out["an app"] = b.from(t, address, "/v1/auth/totp/verify", `{"loginId":"t`+who+`","code":"`+appCode(t, seed.Key, 0)+`"}`)
			s := answered[passkeyStarted](t, b.from(t, address, "/v1/auth/webauthn/signup/start", `{"loginId":"k`+who+`","origin":"https://shop.example"}`))
			out["a passkey"] = b.from(t, address, "/v1/auth/webauthn/signup/finish", ended(t, s.TransactionID, d.Create(t, s.Options)))
			return out
		}
		b.Sessions.SignUps.Address = limit.Rule{Scope: "address.signups", Max: 4, Within: time.Hour}
		for name, w := range join("203.0.113.1:1", "1") {
			if w.Code != 200 {
				t.Errorf("%s: %d %s", name, w.Code, w.Body)
			}
		}
		for name, w := range join("203.0.113.1:1", "2") {
			limited(t, name, w)
		}
		answered[wireTokens](t, b.from(t, "203.0.113.1:1", "/v1/auth/password/signin", `{"loginId":"p1","password":"Secret no 1!"}`))
		answered[wireTokens](t, b.from(t, "203.0.113.2:1", "/v1/auth/password/signup", `{"loginId":"p3","password":"Secret no 1!"}`))

		b.Sessions.SignUps = session.SignUps{Project: limit.Rule{Scope: "project.signups", Max: 1, Within: time.Hour}}
		answered[wireTokens](t, b.from(t, "203.0.113.3:1", "/v1/auth/password/signup", `{"loginId":"p4","password":"Secret no 1!"}`))
		limited(t, "one more in the project", b.from(t, "127.0.0.1:1", "/v1/auth/password/signup", `{"loginId":"p5","password":"Secret no 1!"}`))
	})
}

// What a person calls before anybody knows who they are is guarded, whoever wrote the
// row.
func TestCallsOfStrangersAreGuarded(t *testing.T) {
	t.Parallel()
	n := 0
	for _, r := range (&Server{}).routes() {
		if r.access.Scope == edge.Anyone && !r.access.Guess {
			t.Errorf("%s %s may be tried without end", r.method, r.path)
		}
		if r.access.Asks {
			n++
		}
	}
	if n < 20 {
		t.Errorf("only %d calls keep something", n)
	}
}
