package api

import (
	"fmt"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/google/go-cmp/cmp"

	"postern/internal/snapshot"
	"postern/internal/testkit"
)

// ended is the body of the end of a ceremony, as the Go SDK spells it.
func ended(t *testing.T, id, response string) string {
	t.Helper()
	text, err := json.Marshal(response)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf(`{"transactionID":%q,"response":%s}`, id, text)
}

func TestPasskeysOnTheWire(t *testing.T) {
	t.Parallel()
	testkit.Databases(t, func(t *testing.T, url string) {
		b := setup(t, url)
		b.open(t, snapshot.Files{"auth/webauthn.json": []byte(`{"enabled":true}`)})
		const page = `"origin":"https://shop.example"`
		d := &testkit.Authenticator{Origin: "https://shop.example"}
		var s passkeyStarted
		var in, more wireTokens

		// As JavaScript signs up: the login id in the user.
		b.answer(t, &s, "POST", "/v1/auth/webauthn/signup/start", `{"user":{"loginId":"ann","name":"Ann"},`+page+`,"passkeyOptions":{"authenticatorSelection":{"authenticatorAttachment":"any","residentKey":"required"}}}`, b.as("")...)
		if o := testkit.ReadPasskeyOptions(t, s.Options).PublicKey; !s.Create || o.RP.ID != "shop.example" || o.User.Name != "ann" || o.Selection["residentKey"] != "required" {
			t.Errorf("the start answers %+v", s)
		}
		b.answer(t, &in, "POST", "/v1/auth/webauthn/signup/finish", ended(t, s.TransactionID, d.Create(t, s.Options)), b.as("")...)
		if in.Session == "" || in.Refresh == "" || !in.FirstSeen || !in.User.Passkey || in.User.Name != "Ann" {
			t.Errorf("the sign-up answers %+v", in)
		}
		// As Go signs in; and without a login id, as a browser fills in.
		for _, who := range []string{`"loginId":"ann",`, `"loginId":"",`} {
			b.answer(t, &s, "POST", "/v1/auth/webauthn/signin/start", `{`+who+page+`,"loginOptions":null}`, b.as("")...)
			end := ended(t, s.TransactionID, d.Get(t, s.Options))
			b.answer(t, &in, "POST", "/v1/auth/webauthn/signin/finish", end, b.as("")...)
			wantFault(t, b.send(t, "POST", "/v1/auth/webauthn/signin/finish", end, b.as("")...), 401, "P40172")
			if s.Create || in.FirstSeen || in.User.LoginIDs[0] != "ann" {
				t.Errorf("the sign-in answers %+v, %+v", s, in)
			}
		}
		b.answer(t, &s, "POST", "/v1/auth/webauthn/signup-in/start", `{"loginId":"bob",`+page+`}`, b.as("")...)
		if !s.Create {
			t.Error("a stranger does not sign up")
		}
		// The token of a further factor comes with the start.
		b.answer(t, &s, "POST", "/v1/auth/webauthn/signin/start", `{"loginId":"ann",`+page+`,"loginOptions":{"stepup":true}}`, b.as(in.Refresh)...)
		b.answer(t, &more, "POST", "/v1/auth/webauthn/signin/finish", ended(t, s.TransactionID, d.Get(t, s.Options)), b.as("")...)
		if more.Session == "" {
			t.Errorf("a step-up answers %+v", more)
		}
		wantFault(t, b.send(t, "POST", "/v1/auth/webauthn/signin/start", `{"loginId":"ann",`+page+`,"loginOptions":{"stepup":true}}`, b.as("")...), 401, "P40109")
		wantFault(t, b.send(t, "POST", "/v1/auth/webauthn/signin/start", `{"loginId":"bob",`+page+`,"loginOptions":{"stepup":true}}`, b.as(in.Refresh)...), 403, "P40310")

		// One more passkey: nothing, or tokens of the same session.
		var updated map[string]any
		update := func(more string) string {
			b.answer(t, &s, "POST", "/v1/auth/webauthn/update/start", `{"loginId":"ann",`+page+more+`}`, b.as(in.Refresh)...)
			return ended(t, s.TransactionID, (&testkit.Authenticator{Origin: d.Origin}).Create(t, s.Options))
		}
		b.answer(t, &updated, "POST", "/v1/auth/webauthn/update/finish", update(""), b.as("")...)
		if diff := cmp.Diff(map[string]any{}, updated); diff != "" {
			t.Errorf("one more passkey (-want +got):\n%s", diff)
		}
		var with passkeyUpdated
		for _, ask := range []string{`,"mfa":true`, `,"loginOptions":{"mfa":true}`} {
			b.answer(t, &with, "POST", "/v1/auth/webauthn/update/finish", update(ask), b.as("")...)
			if diff := cmp.Diff([]any{"webauthn"}, with.JWT.Claims["amr"]); diff != "" || with.JWT.Session == "" {
				t.Errorf("%s: amr (-want +got):\n%s", ask, diff)
			}
		}
		for body, want := range map[string]string{
			`{"loginId":"x","origin":"https://evil.example"}`:                              "P40071",
			`{"loginId":"x",` + page + `,"passkeyOptions":{"attestation":"who"}}`:          "E011003",
			`{"loginId":"x",` + page + `,"passkeyOptions":{"attestation":7}}`:              "E011001",
			`{"loginId":"x",` + page + `,"passkeyOptions":{"extensionsJSON":"{"}}`:         "E011003",
			`{"loginId":"","origin":"https://shop.example","user":{"email":"no address"}}`: "E011003",
		} {
			wantFault(t, b.send(t, "POST", "/v1/auth/webauthn/signup/start", body, b.as("")...), 400, want)
		}
		b.open(t, snapshot.Files{"auth/webauthn.json": []byte(`{"enabled":false}`)})
		wantFault(t, b.send(t, "POST", "/v1/auth/webauthn/signin/start", `{"loginId":"ann",`+page+`}`, b.as("")...), 403, "P40309")
		if strings.Contains(b.logs.String(), s.TransactionID) {
			t.Error("the log has a transaction")
		}
	})
}
