package api

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"

	"postern/internal/edge"
	"postern/internal/snapshot"
)

// FuzzPeople calls every route that people call, with whatever they send. No answer is
// one of a server that is at fault, and each is of the wire.
func FuzzPeople(f *testing.F) {
	b := setup(f, inMemory(f)+"/test.db")
	files := snapshot.Files{"snapshot.json": []byte(`{"version":5}`), "project.json": []byte(`{"projectSelfProvisioning":true,"trustedDomains":"shop.example","rotateJwt":true}`)}
	for _, method := range []string{"otp", "password", "totp", "webauthn", "magiclink", "enchantedlink", "notp", "securityquestions"} {
		files["auth/"+method+".json"] = []byte(`{"enabled":true}`)
	}
	e := &endpoint{bundle: b}
	if w := e.do("POST", importPath, e.body(files, nil)); w.Code != http.StatusOK {
		f.Fatal(w.Body)
	}
	person := func(method, path string, body []byte, token string) *httptest.ResponseRecorder {
		r := httptest.NewRequestWithContext(context.Background(), method, path, strings.NewReader(string(body)))
		r.Header.Set("Authorization", "Bearer "+strings.TrimSuffix(b.project+":"+token, ":"))
		r.Header.Set("Content-Type", "application/json")
		w := httptest.NewRecorder()
		b.handler.ServeHTTP(w, r)
		return w
	}
	people := 0
	join := func(t testing.TB) (tokens wireTokens) {
		people++
		w := person("POST", "/v1/auth/password/signup", fmt.Appendf(nil, `{"loginId":"ada%d","password":"Correct-horse-12"}`, people), "")
		if w.Code != http.StatusOK || json.Unmarshal(w.Body.Bytes(), &tokens) != nil {
			t.Fatal(w.Body)
		}
		return tokens
	}
	tokens := join(f)
	var calls []route
	for _, row := range b.routes() {
		if row.access.OfPerson() || row.access.Scope == edge.Public {
			row.path = strings.ReplaceAll(row.path, "{projectId}", b.project)
			row.path = regexp.MustCompile(`\{[A-Za-z]*\}`).ReplaceAllString(row.path, "email")
			calls = append(calls, row)
		}
	}
	for i, body := range []string{
		`{"loginId":"ada1","password":"Correct-horse-12","user":{"email":"ada@a.example","phone":"+12025550143","name":"Ada"}}`,
		`{"loginId":"ada","code":"123456","loginOptions":{"stepup":true,"mfa":true,"customClaims":{"a":[1]},"templateOptions":{"x":"y"},"tenantId":"T1"}}`,
		`{"loginId":"ada@a.example","email":"ada@a.example","phone":"+12025550143","addToLoginIDs":true,"onMergeUseExisting":true,"redirectUrl":"https://shop.example/a?b#c"}`,
		`{"loginId":"ada","origin":"https://shop.example","transactionId":"x","response":"{\"id\":\"AA\",\"rawId\":\"AA\",\"type\":\"public-key\",\"response\":{}}"}`,
		`{"token":"t","pendingRef":"p","tenant":"T1","answers":[{"id":"q","answer":"blue"}],"identifiers":["ada"]}`,
		`{"externalToken":"a.b.c","ssoAppId":"","tenants":true,"ids":["a"],"refreshJwt":"x"}`, `[]`, ``,
	} {
		for which := range calls {
			if which%8 == i || i == 0 { // each call with a few of them
				f.Add(uint16(which), []byte(body), which%2 == 0)
			}
		}
	}
	f.Fuzz(func(t *testing.T, which uint16, body []byte, known bool) {
		b.logs.Reset()
		row, token := calls[int(which)%len(calls)], ""
		if known {
			token = tokens.Refresh
		}
		w := person(row.method, row.path, body, token)
		if known && w.Code == http.StatusUnauthorized { // the session is over, or was never of such a call
			tokens = join(t)
		}
		if w.Code >= 500 && w.Code != http.StatusNotImplemented {
			t.Fatalf("%s %s: %d %s\n%s", row.method, row.path, w.Code, w.Body, b.logs)
		}
		var out envelope
		if w.Code >= 400 && (json.Unmarshal(w.Body.Bytes(), &out) != nil || out.Code == "" || out.Message == "") {
			t.Fatalf("%s %s: %d %q", row.method, row.path, w.Code, w.Body)
		}
	})
}
