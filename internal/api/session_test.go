package api

import (
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/go-json-experiment/json"
)

// An answer is what the wire says of tokens.
type tokensOfWire struct {
	Session string         `json:"sessionJwt"`
	Refresh string         `json:"refreshJwt"`
	User    map[string]any `json:"user"`
	Claims  map[string]any `json:"claims"`
}

// read reads a body, of a call that must have worked.
func read[T any](t *testing.T, w *httptest.ResponseRecorder) (out T) {
	t.Helper()
	if w.Code != http.StatusOK {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	if err := json.Unmarshal(w.Body.Bytes(), &out); err != nil {
		t.Fatal(err)
	}
	return out
}

// join makes a user by the word of a backend.
func (b *bundle) join(t *testing.T, loginID string) tokensOfWire {
	t.Helper()
	return read[tokensOfWire](t, b.send(t, "POST", "/v1/mgmt/auth/signup-in", `{"loginId":"`+loginID+`"}`))
}

// bodyOf is what a route needs to get as far as its work, and makes what it acts on.
func bodyOf(t *testing.T, b *bundle, path string) string {
	t.Helper()
	const ada, bob = "ada@example.com", "bob@example.com"
	if body := b.messageBody(t, path); body != "" {
		return body
	}
	switch path {
	case "/v1/mgmt/auth/signup", "/v1/mgmt/auth/signup-in":
		return `{"loginId":"` + ada + `"}`
	case "/v1/mgmt/auth/signin", "/v1/mgmt/user/logout":
		b.join(t, ada)
		return `{"loginId":"` + ada + `"}`
	case "/v1/mgmt/jwt/templates/validate", "/v1/mgmt/jwt/templates/create":
		return `{"template":{"name":"till","type":"user","template":{"shop":"one"}}}`
	case "/v1/mgmt/jwt/templates/update", "/v1/mgmt/jwt/templates/delete", "/v1/mgmt/jwt/templates/load":
		made := read[templateAnswer](t, b.send(t, "POST", "/v1/mgmt/jwt/templates/create", `{"template":{"name":"till","type":"user","template":{}}}`))
		return `{"id":"` + made.Template.id() + `","template":{"id":"` + made.Template.id() + `","name":"other","type":"user","template":{}}}`
	case "/v1/mgmt/jwt/templates/library/load", "/v1/mgmt/jwt/templates/library/apply":
		return `{"id":"small","libraryEntryId":"small"}`
	case "/v1/mgmt/token/clientassertion":
		return `{"issuer":"i","subject":"s","audience":["a"],"expiresIn":60}`
	case "/v1/mgmt/user/history":
		return `[]`
	case "/v1/mgmt/jwt/update":
		return `{"jwt":"` + b.join(t, ada).Session + `","customClaims":{"a":1}}`
	case "/v1/mgmt/impersonate", "/v1/mgmt/impersonate/stepup", "/v1/mgmt/stop/impersonation":
		body := b.impersonation(t, ada, bob)
		if path != "/v1/mgmt/stop/impersonation" {
			return body
		}
		token := read[struct {
			Token string `json:"jwt"`
		}](t, b.send(t, "POST", "/v1/mgmt/impersonate", body))
		return `{"jwt":"` + token.Token + `"}`
	}
	return bodies[path]
}

// impersonation makes two users, of whom the second may impersonate, and returns
// the body that asks for it.
func (b *bundle) impersonation(t *testing.T, whom, actor string) string {
	t.Helper()
	if w := b.send(t, "POST", importPath, `{"files":{"roles.json":{"roles":[{"name":"support","permissions":["Impersonate"],"default":true}]}}}`); w.Code != http.StatusOK {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	b.join(t, whom)
	id := b.join(t, actor).User["userId"].(string)
	return `{"loginId":"` + whom + `","impersonatorId":"` + id + `"}`
}

func base64url(s string) ([]byte, error) { return base64.RawURLEncoding.DecodeString(s) }
