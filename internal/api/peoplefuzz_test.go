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

// FuzzManagement calls every route of management, but for those that take files, with
// whatever is sent. No answer is one of a server that is at fault, and each is of the wire.
func FuzzManagement(f *testing.F) {
	b := setup(f, inMemory(f)+"/test.db")
	e := &endpoint{bundle: b}
	files := snapshot.Files{
		"snapshot.json": []byte(`{"version":5}`), "project.json": []byte(`{"trustedDomains":"shop.example"}`), "auth/password.json": []byte(`{"enabled":true}`),
		"roles.json": []byte(`{"roles":[{"name":"Clerk","permissions":[]}]}`), "attributes.json": []byte(`{"attributes":{"user":[{"name":"team","type":"string"}]}}`),
	}
	if w := e.do("POST", importPath, e.body(files, nil)); w.Code != http.StatusOK {
		f.Fatal(w.Body)
	}
	// Those that would end the project or the key; files have targets of their own.
	others := regexp.MustCompile(`^/v1/mgmt/(project/(delete|(snapshot/)?(import|validate|plan|export)|drift)|infra|managementkey/)`)
	var calls []route
	for _, row := range b.routes() {
		if !row.access.OfPerson() && row.access.Scope != edge.Public && !others.MatchString(row.path) {
			row.path = strings.ReplaceAll(row.path, "{projectId}", b.project)
			row.path = regexp.MustCompile(`\{[A-Za-z]*\}`).ReplaceAllString(row.path, "1")
			calls = append(calls, row)
		}
	}
	bodies := []string{
		`{"loginId":"ada","email":"ada@a.example","phone":"+12025550143","name":"Ada","roleNames":["Clerk"],"userTenants":[{"tenantId":"T1","roleNames":["Clerk"]}],"customAttributes":{"team":"a"},"verifiedEmail":true,"additionalLoginIds":["b"],"test":true,"invite":false,"status":"enabled","password":"Correct-horse-12"}`,
		`{"users":[{"loginId":"ada","hashedPassword":{"bcrypt":{"hash":"$2a$04$"}}},{"loginId":"","seed":"A"}],"loginIds":["ada"],"userIds":["U1"],"returnDetails":true}`,
		`{"text":"a","limit":10,"page":1,"sort":[{"field":"name","desc":true}],"tenantIds":["T1"],"roleNames":["Clerk"],"statuses":["enabled"],"customAttributes":{"team":["a"]},"fromCreatedTime":1,"toModifiedTime":9007199254740993,"ssoOnly":false,"withTestUser":true,"emails":["a"],"phones":["+1"]}`,
		`{"id":"T1","name":"Acme","selfProvisioningDomains":["acme.example"],"customAttributes":{},"parent":"T1","tenantId":"T1","domains":["a.example"],"enabled":true,"sessionTokenExpiration":3,"sessionTokenExpirationUnit":"minutes"}`,
		`{"id":"R1","name":"Clerk","newName":"Teller","description":"x","permissionNames":["a"],"default":true,"tenantId":"","roles":[{"name":"Clerk"}],"names":["Clerk"],"ids":["R1"],"permissions":[{"name":"a"}]}`,
		`{"jwt":"a.b.c","customClaims":{"a":{"b":[1,null]}},"refreshDuration":-1,"impersonatorId":"ada","loginId":"ada","validateConsent":true,"stepup":true,"uri":"https://shop.example/a","timeout":1}`,
		`{"name":"key","expireTime":1,"roleNames":["Clerk"],"keyTenants":[{"tenantId":"T1"}],"permittedIps":["10.0.0.0/8"],"customClaims":{},"userId":"","id":"K1","status":"inactive"}`,
		`{"from":"1","to":"2","actions":["a"],"excludedActions":["b"],"devices":["Desktop"],"tenants":["T1"],"limit":0,"size":-1,"action":"a","type":"info","data":{"a":1}}`, `[]`, `null`, ``,
	}
	for which := range calls {
		for i, body := range bodies {
			if i == 0 || which%len(bodies) == i { // each call with a few of them
				f.Add(uint16(which), []byte(body))
			}
		}
	}
	f.Fuzz(func(t *testing.T, which uint16, body []byte) {
		b.logs.Reset()
		row := calls[int(which)%len(calls)]
		w := e.do(row.method, row.path, body)
		if w.Code >= 500 && w.Code != http.StatusNotImplemented {
			t.Fatalf("%s %s: %d %s\n%s", row.method, row.path, w.Code, w.Body, b.logs)
		}
		var out envelope
		if w.Code >= 400 && (json.Unmarshal(w.Body.Bytes(), &out) != nil || out.Code == "" || out.Message == "") || w.Body.Len() == 0 {
			t.Fatalf("%s %s: %d %q", row.method, row.path, w.Code, w.Body)
		}
	})
}
