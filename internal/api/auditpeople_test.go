package api

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"postern/internal/mgmtkey"
	"postern/internal/snapshot"
	"postern/internal/testkit"
)

const firefox = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"

// The audit knows what people do, and where they fail to sign in, and finds it by every
// filter of the wire.
func TestAuditOfPeople(t *testing.T) {
	t.Parallel()
	testkit.Databases(t, func(t *testing.T, url string) {
		b := setup(t, url)
		b.open(t, snapshot.Files{
			"project.json": []byte(`{"rotateJwt":true}`), "auth/otp.json": []byte(`{"enabled":true}`), "auth/password.json": []byte(`{"enabled":true,"maskError":true}`),
		})
		b.open(t, snapshot.Files{
			"auth/totp.json": []byte(`{"enabled":true}`), "auth/webauthn.json": []byte(`{"enabled":true}`),
			"auth/securityquestions.json": []byte(`{"enabled":true,"setupQuestionsCount":1,"verifyQuestionsCount":1,"securityQuestions":[{"id":"q","text":"Which ink?"}]}`),
		})
		b.post(t, "tenant/create", `{"id":"T1","name":"One"}`)
		ada := b.byCode(t, "signup", "ada@a.example", "")
		b.post(t, "user/update/tenant/add", `{"loginId":"ada@a.example","tenantId":"T1"}`)
		b.post(t, "user/password/set/active", `{"loginId":"ada@a.example","password":"Correct-horse-12"}`)
		withPassword := func(loginID, password string, status int) (out wireTokens) {
			t.Helper()
			w := b.send(t, "POST", "/v1/auth/password/signin", `{"loginId":"`+loginID+`","password":"`+password+`","loginOptions":{"tenantId":""}}`,
				"Authorization", "Bearer "+b.project, "User-Agent", firefox)
			if w.Code != status {
				t.Fatalf("%s: %d %s", loginID, w.Code, w.Body)
			}
			if status == 200 {
				out = answered[wireTokens](t, w)
			}
			return out
		}
		withPassword("ada@a.example", "wrong", 401)
		withPassword("what I meant to type as the password", "wrong", 401)
		first := withPassword("Ada@A.example", "Correct-horse-12", 200)
		answer[map[string]any](t, b, "POST", "/v1/auth/tenant/select", `{"tenant":"T1"}`, b.as(first.Refresh)...)
		for range 2 { // the second time the session is over already
			w := b.send(t, "POST", "/v1/auth/refresh", `{}`, "Authorization", "Bearer "+b.project+":"+first.Refresh, "User-Agent", "robber/1")
			if w.Code != 401 {
				t.Fatalf("%d %s", w.Code, w.Body)
			}
		}
		second := withPassword("ada@a.example", "Correct-horse-12", 200)
		answer[map[string]any](t, b, "POST", "/v1/auth/logout", `{}`, b.as(second.Refresh)...)

		all := b.acts(t, `{"methods":[]}`)
		for _, want := range []string{
			"UserCreated info  [ada@a.example]", "LoginSucceed info email [ada@a.example]", "LoginFailed warn password [ada@a.example] P40131", "LoginFailed warn password [] P40131",
			"LoginSucceed info password [ada@a.example]", "RefreshTokenReplayed warn  [ada@a.example] T1", "Logout info  [ada@a.example]",
		} {
			n := 0
			for _, got := range all {
				if got == want {
					n++
				}
			}
			if times := map[string]int{"LoginSucceed info password [ada@a.example]": 2}[want]; n != max(times, 1) {
				t.Errorf("%q is there %d times: %q", want, n, all)
			}
		}
		if out := b.send(t, "POST", auditPath, `{}`).Body.String(); strings.Contains(out, "what I meant") {
			t.Error("what was typed in the place of a login id is kept")
		}
		id := ada.User.ID
		for body, want := range map[string]int{
			`{"actions":["LoginFailed"]}`:  2,
			`{"actions":["LoginSucceed"]}`: 3,
			`{"actions":["LoginSucceed","LoginFailed"],"excludedActions":["LoginFailed"]}`:          3,
			`{"actions":["LoginFailed"],"userIds":["` + id + `"]}`:                                  1,
			`{"actorIds":["` + id + `"],"actions":["Logout"]}`:                                      1,
			`{"methods":["password"]}`:                                                              4,
			`{"methods":["pwd"]}`:                                                                   4,
			`{"methods":["email"]}`:                                                                 1,
			`{"methods":["sms"]}`:                                                                   0,
			`{"devices":["Desktop"]}`:                                                               4,
			`{"devices":["Unknown"],"actions":["LoginSucceed"]}`:                                    1,
			`{"devices":["Mobile","Tablet","Bot"]}`:                                                 0,
			`{"externalIds":["ADA@a.example"],"actions":["LoginFailed"]}`:                           1,
			`{"externalIds":["bob@a.example"]}`:                                                     0,
			`{"loginIdsContain":["A@A"],"actions":["LoginSucceed"]}`:                                3,
			`{"loginIdsContain":["no","a@a"],"actions":["LoginSucceed"]}`:                           3,
			`{"loginIdsNotContain":["a@a"],"actions":["LoginSucceed","LoginFailed"]}`:               1,
			`{"excludedExternalIds":["ada@a.example"],"actions":["LoginSucceed","LoginFailed"]}`:    1,
			`{"tenants":["T1"],"actions":["RefreshTokenReplayed","LoginSucceed"]}`:                  1,
			`{"tenants":["T1"],"noTenants":true,"actions":["RefreshTokenReplayed","LoginSucceed"]}`: 4,
			`{"auditTypes":["warn"]}`:                                                               3,
			`{"geos":["US"]}`:                                                                       0,
			`{"text":"FIREFOX"}`:                                                                    4,
			`{"text":"p40131"}`:                                                                     2,
			`{"remoteAddresses":["192.0.2.1"],"actions":["LoginSucceed"]}`:                          3,
			`{"from":"1","to":9999999999999,"actions":["LoginSucceed"]}`:                            3,
			`{"to":1000,"actions":["LoginSucceed"]}`:                                                0,
			`{"remoteAddresses":["192.0.2.1"],"actions":["RefreshTokenReplayed"]}`:                  1,
			`{"text":"robber/1","actions":["RefreshTokenReplayed"]}`:                                1,
			`{"searchFields":[{"field":"action","valStr":"LoginFailed"}]}`:                          2,
			`{"searchFields":[{"field":"action","valArr":["LoginFailed","Logout"]},{"field":"method","valStr":"password"}]}`:                       2,
			`{"searchFields":[{"field":"action","valArr":["LoginFailed","LoginSucceed"]},{"field":"method","valStr":"password","negative":true}]}`: 1,
			`{"searchFields":[{"field":"action","valStr":"LoginSucceed"},{"field":"device","valArr":["Desktop"],"negative":true}]}`:                1,
			`{"searchFields":[{"field":"externalIds","valStr":"ada@a.example","negative":true},{"field":"action","valArr":["LoginFailed"]}]}`:      1,
			`{"actions":["LoginFailed"],"searchFields":[{"field":"action","valStr":"Logout"}]}`:                                                    0,
			`{"actions":["LoginSucceed","LoginFailed"],"size":2,"page":2,"oldestFirst":true}`:                                                      1,
		} {
			if got := b.acts(t, body); len(got) != want {
				t.Errorf("%s finds %d, want %d: %q", body, len(got), want, got)
			}
		}
		reader := b.makeKey(t, mgmtkey.Grant{Role: mgmtkey.Import, Projects: []string{b.project}})
		for body, some := range map[string]bool{`{}`: true, `{"loginIdsContain":["a@a"]}`: false, `{"externalIds":["ada@a.example"]}`: false, `{"actions":["LoginSucceed"]}`: false} {
			found := answered[auditAnswer](t, b.send(t, "POST", auditPath, body, "Authorization", "Bearer "+b.project+":"+reader))
			if some != (len(found.Audits) > 0) || strings.Contains(fmt.Sprint(found), "ada@a.example") || strings.Contains(fmt.Sprint(found), "Login") {
				t.Errorf("a key of a pipeline asks for %s and sees %+v", body, found)
			}
		}
		wantFault(t, b.send(t, "POST", auditPath, `{"searchFields":[{"field":"shoe size","valStr":"44"}]}`), 400, "E011003")
		counts := answer[analyticsAnswer](t, b, "POST", "/v1/mgmt/analytics/search", `{"groupByAction":true,"groupByMethod":true}`).Counts
		for _, want := range []string{"LoginFailed password 2", "LoginSucceed password 2", "UserCreated  1", "Logout  1"} {
			if !slices.ContainsFunc(counts, func(c wireCount) bool { return c.Action+" "+c.Method+" "+c.N == want }) {
				t.Errorf("%s is not counted: %v", want, counts)
			}
		}
		third := withPassword("ada@a.example", "Correct-horse-12", 200)
		b.changesHowAdaSignsIn(t, third.Refresh)
		changes := b.acts(t, `{"actions":["CredentialAdded","AddressChanged"],"oldestFirst":true}`)
		if diff := cmp.Diff([]string{
			"CredentialAdded info totp [ada@a.example]", "CredentialAdded info webauthn [ada@a.example]", "CredentialAdded info kba [ada@a.example]", "AddressChanged info sms [ada@a.example]",
		}, changes); diff != "" {
			t.Errorf("what she changed (-want +got):\n%s", diff)
		}
		other := b.other(t)
		if got := other.acts(t, `{"actions":["LoginSucceed","LoginFailed","Logout"]}`); len(got) != 0 {
			t.Errorf("another project sees %q", got)
		}
		b.post(t, "user/delete", `{"loginId":"ada@a.example"}`)
		if got := b.acts(t, `{"actions":["LoginSucceed","LoginFailed","Logout"]}`); len(got) != 1 {
			t.Errorf("of somebody who was deleted there is %q", got)
		}
	})
}

// changesHowAdaSignsIn gives somebody who has signed in an app, a passkey, answers and a
// number, in this order.
func (b *bundle) changesHowAdaSignsIn(t *testing.T, refresh string) {
	t.Helper()
	const ada = `"loginId":"ada@a.example"`
	seed := answered[seedAnswer](t, b.person(t, "/v1/auth/totp/update", `{`+ada+`}`, refresh))
	answered[wireTokens](t, b.person(t, "/v1/auth/totp/verify", `{`+ada+`,"code":"`+appCode(t, seed.Key, 0)+`"}`, ""))
	device := &testkit.Authenticator{Origin: "https://shop.example"}
	started := answered[passkeyStarted](t, b.person(t, "/v1/auth/webauthn/update/start", `{`+ada+`,"origin":"https://shop.example"}`, refresh))
	answered[map[string]any](t, b.person(t, "/v1/auth/webauthn/update/finish", ended(t, started.TransactionID, device.Create(t, started.Options)), ""))
	answered[map[string]any](t, b.person(t, "/v1/auth/security-questions/setup", `{`+ada+`,"answers":[{"id":"q","answer":"Blue"}]}`, refresh))
	answered[map[string]any](t, b.person(t, "/v1/auth/otp/update/phone/sms", `{`+ada+`,"phone":"+12025550143"}`, refresh))
	answered[wireTokens](t, b.person(t, "/v1/auth/otp/verify/sms", `{`+ada+`,"code":"`+b.lastCode(t)+`"}`, ""))
}

// acts returns the records that a search finds, each as its action, type, method,
// login ids, code and tenants.
func (b *bundle) acts(t *testing.T, body string) (list []string) {
	t.Helper()
	for _, a := range answer[auditAnswer](t, b, "POST", auditPath, body).Audits {
		code, _ := a.Data["code"].(string)
		line := fmt.Sprintf("%s %s %s %v %s %s", a.Action, a.Type, a.Method, a.ExternalIDs, code, strings.Join(a.Tenants, ","))
		list = append(list, strings.TrimSpace(strings.ReplaceAll(line, "]  ", "] ")))
	}
	return list
}

// A failed sign-in with a passkey names the user whom it is about: whose login id it began
// with, or else whose passkey was shown; nobody where it is nobody's.
func TestAuditOfFailedPasskeys(t *testing.T) {
	t.Parallel()
	testkit.Databases(t, func(t *testing.T, url string) {
		b := setup(t, url)
		b.open(t, snapshot.Files{"auth/webauthn.json": []byte(`{"enabled":true,"maskError":true}`)})
		const page = `"origin":"https://shop.example"`
		signUp := func(loginID string) *testkit.Authenticator {
			t.Helper()
			d := &testkit.Authenticator{Origin: "https://shop.example"}
			s := answered[passkeyStarted](t, b.person(t, "/v1/auth/webauthn/signup/start", `{"loginId":"`+loginID+`",`+page+`}`, ""))
			answered[wireTokens](t, b.person(t, "/v1/auth/webauthn/signup/finish", ended(t, s.TransactionID, d.Create(t, s.Options)), ""))
			return d
		}
		ada, ben := signUp("ada"), signUp("ben")
		forged := func(d *testkit.Authenticator) *testkit.Authenticator { // a page that is another's
			return &testkit.Authenticator{Origin: "https://evil.example", Held: d.Held}
		}
		unknown := &testkit.Authenticator{Origin: "https://shop.example", Held: []*testkit.Held{{ID: []byte("of nobody"), Handle: []byte("nobody"), Key: ben.Held[0].Key}}}
		want := []string{}
		for _, tt := range []struct {
			loginID string
			shows   *testkit.Authenticator
			whose   string
		}{
			{"ada", forged(ada), "ada"}, {"", forged(ada), "ada"}, {"ada", unknown, "ada"}, {"ada", ben, "ada"}, {"", unknown, ""}, {"nobody", unknown, ""}, {"nobody", ben, ""},
		} {
			s := answered[passkeyStarted](t, b.person(t, "/v1/auth/webauthn/signin/start", `{"loginId":"`+tt.loginID+`",`+page+`}`, ""))
			open := testkit.ReadPasskeyOptions(t, s.Options).PublicKey
			response := tt.shows.Sign(t, tt.shows.Held[0], open.RPID, open.Challenge)
			wantFault(t, b.person(t, "/v1/auth/webauthn/signin/finish", ended(t, s.TransactionID, response), ""), 401, "P40171")
			want = append(want, "LoginFailed warn webauthn ["+tt.whose+"] P40171")
		}
		if diff := cmp.Diff(want, b.acts(t, `{"actions":["LoginFailed"],"oldestFirst":true}`)); diff != "" {
			t.Errorf("failed (-want +got):\n%s", diff)
		}
	})
}
