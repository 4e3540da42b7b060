package api

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"

	"postern/internal/testkit"
)

// bearer makes the header of a call of somebody with a token.
func (b *bundle) bearer(token string) string {
	if token == "" {
		return "Bearer " + b.project
	}
	return "Bearer " + b.project + ":" + token
}

// imports imports members of project.json.
func (b *bundle) imports(t *testing.T, members string) {
	t.Helper()
	if w := b.send(t, "POST", importPath, `{"files":{"project.json":`+members+`}}`); w.Code != http.StatusOK {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
}

// The calls of somebody who has signed in, as the SDKs read the answers.
func TestSessionOnTheWire(t *testing.T) {
	t.Parallel()
	testkit.Databases(t, func(t *testing.T, url string) {
		b := setup(t, url)
		in := b.join(t, "ada@example.com")
		ask := func(method, path, body string) *httptest.ResponseRecorder {
			return b.send(t, method, path, body, "Authorization", b.bearer(in.Refresh))
		}
		out := read[map[string]any](t, ask("POST", "/v1/auth/refresh", ""))
		for _, name := range []string{"sessionJwt", "sessionExpiration", "cookieExpiration", "cookieMaxAge", "cookiePath", "user", "claims", "firstSeen", "nextRefreshSeconds"} {
			if out[name] == nil {
				t.Errorf("a refresh lacks %s", name)
			}
		}
		if _, is := out["sessionExpiration"].(float64); !is {
			t.Errorf("sessionExpiration is %T", out["sessionExpiration"])
		}
		if me := read[map[string]any](t, ask("GET", "/v1/auth/me", "")); me["userId"] != in.User["userId"] || me["email"] != "ada@example.com" {
			t.Errorf("me = %v", me)
		}
		list := read[[]map[string]any](t, ask("GET", "/v1/auth/me/history", ""))
		if len(list) != 1 || list[0]["userId"] != in.User["userId"] || list[0]["ip"] == nil || list[0]["loginTime"].(float64) < 1 {
			t.Errorf("history = %v", list)
		}
		if tenants := read[map[string][]any](t, ask("POST", "/v1/auth/me/tenants", `{"dct":false,"ids":[]}`)); tenants["tenants"] == nil || len(tenants["tenants"]) != 0 {
			t.Errorf("tenants = %v", tenants)
		}
		wantFault(t, ask("POST", "/v1/auth/tenant/select", `{"tenant":"T1"}`), 403, "P40311")
		w := b.send(t, "POST", "/v1/auth/validate", "{}", "Authorization", b.bearer(in.Session))
		if parsed := read[map[string]map[string]any](t, w); parsed["parsedJWT"]["sub"] != in.User["userId"] {
			t.Errorf("validate = %v", parsed)
		}
		wantFault(t, b.send(t, "POST", "/v1/auth/validate", "{}", "Authorization", b.bearer(in.Refresh)), 401, "P40106")
		if out := read[map[string]any](t, ask("POST", "/v1/auth/try-refresh?dcs=t&dcr=t", "{}")); out["sessionJwt"] == nil {
			t.Errorf("try-refresh = %v", out)
		}
		for name, token := range map[string]string{"no token": "", "another token": "x", "a session token": in.Session} {
			w := b.send(t, "POST", "/v1/auth/try-refresh", "{}", "Authorization", b.bearer(token))
			if w.Code != http.StatusOK || strings.TrimSpace(w.Body.String()) != "{}" {
				t.Errorf("try-refresh with %s: %d %s", name, w.Code, w.Body)
			}
		}
		if out := read[map[string]any](t, ask("POST", "/v1/auth/logout", "")); out["cookiePath"] != "/" {
			t.Errorf("logout = %v", out)
		}
		for _, call := range []string{"POST /v1/auth/refresh", "GET /v1/auth/me", "POST /v1/auth/logoutall", "POST /v1/auth/logoutprevious", "GET /v1/auth/me/history"} {
			method, path, _ := strings.Cut(call, " ")
			wantFault(t, ask(method, path, ""), 401, "E064001")
		}
	})
}

// Cookies have exactly the attributes that the settings say, and a token that goes
// by cookie is not in the body.
func TestCookies(t *testing.T) {
	t.Parallel()
	const cookies = `"tokenResponseMethod":"cookie","sessionTokenResponseMethod":"cookie","trustedDomains":"shop.example.com"`
	for _, tt := range []struct {
		name, settings, host string
		want                 map[string][]string // cookie → attributes that it must have
		not                  []string
	}{
		{"in the body by default", `{}`, "id.example.com", nil, nil},
		{
			"as strict cookies", `{` + cookies + `,"cookiePolicy":"strict","sessionTokenCookiePolicy":"strict"}`, "id.example.com",
			map[string][]string{"DS": {"HttpOnly", "Secure", "SameSite=Strict", "Path=/"}, "DSR": {"HttpOnly", "Secure", "SameSite=Strict", "Path=/"}},
			[]string{"Domain"},
		},
		{
			"lax, of a domain", `{` + cookies + `,"cookiePolicy":"lax","domain":"example.com","sessionTokenCookiePolicy":"none","sessionTokenCookieDomain":"shop.example.com"}`, "id.example.com",
			map[string][]string{"DS": {"SameSite=None", "Domain=shop.example.com", "Secure"}, "DSR": {"SameSite=Lax", "Domain=example.com", "Secure"}},
			nil,
		},
		{"the refresh token alone", `{"tokenResponseMethod":"cookie"}`, "id.example.com", map[string][]string{"DSR": {"HttpOnly", "Secure", "Max-Age=2419200"}}, nil},
		{"without TLS on this machine", `{` + cookies + `}`, "localhost:8787", map[string][]string{"DS": {"HttpOnly", "SameSite=Lax"}, "DSR": {"HttpOnly", "SameSite=Lax"}}, []string{"Secure"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) { // whose clock stands still: a second more is a second less of age
				b := setup(t, t.TempDir()+"/test.db")
				b.imports(t, `{"rotateJwt":true}`)
				in := b.join(t, "ada@example.com")
				b.imports(t, tt.settings)
				w := b.send(t, "POST", "http://"+tt.host+"/v1/auth/refresh", "{}", "Authorization", b.bearer(in.Refresh))
				out := read[tokensOfWire](t, w)
				set := map[string][]string{}
				for _, line := range w.Header().Values("Set-Cookie") {
					parts := strings.Split(line, "; ")
					name, _, _ := strings.Cut(parts[0], "=")
					set[name] = parts
					for _, not := range tt.not {
						if strings.Contains(line, "; "+not) {
							t.Errorf("%s has %s", name, not)
						}
					}
				}
				for name, token := range map[string]string{"DS": out.Session, "DSR": out.Refresh} {
					wanted, cookie := tt.want[name]
					if cookie != (set[name] != nil) || cookie != (token == "") {
						t.Errorf("%s: cookie %v, in the body %v", name, set[name], token != "")
					}
					for _, attribute := range wanted {
						if !slices.Contains(set[name], attribute) {
							t.Errorf("%s lacks %s: %v", name, attribute, set[name][1:])
						}
					}
				}
			})
		})
	}
}

// A browser sends a cookie by itself: it counts for pages that the project trusts,
// and for none else. What such a page is told it may read.
func TestCookieOfAPage(t *testing.T) {
	t.Parallel()
	b := setup(t, t.TempDir()+"/test.db")
	in := b.join(t, "ada@example.com")
	b.imports(t, `{"trustedDomains":"shop.example.com","tokenResponseMethod":"cookie"}`)
	for _, tt := range []struct {
		name, origin, cookie, header string
		status                       int
		readable                     bool
	}{
		{"a page that is trusted", "https://shop.example.com", "DSR", "", 200, true},
		{"a program", "", "DSR", "", 200, false},
		{"a page of the server itself", "http://example.com", "DSR", "", 200, true},
		{"a page of somebody else", "https://evil.example", "DSR", "", 403, false},
		{"a page that looks alike", "https://shop.example.com.evil.example", "DSR", "", 403, false},
		{"a page in a box", "null", "DSR", "", 403, false},
		{"a cookie of the name that the client chose", "https://shop.example.com", "MINE", "MINE", 200, true},
		{"a cookie of another name", "https://shop.example.com", "MINE", "", 401, true},
		{"a name that is the session's", "https://shop.example.com", "DS", "DS", 401, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := b.send(t, "GET", "http://example.com/v1/auth/me", "", "Authorization", b.bearer(""), "Origin", tt.origin,
				"Cookie", tt.cookie+"="+in.Refresh, "X-Descope-Refresh-Cookie-Name", tt.header)
			if w.Code != tt.status {
				t.Errorf("%d %s", w.Code, w.Body)
			}
			if got := w.Header().Get("Access-Control-Allow-Origin"); (got != "") != tt.readable || tt.readable && got != tt.origin {
				t.Errorf("the answer may be read by %q", got)
			}
		})
	}
}

// A logout takes the cookies away, where the settings use some or did when they were set.
func TestLogoutTakesCookies(t *testing.T) {
	t.Parallel()
	b := setup(t, t.TempDir()+"/test.db")
	in := b.join(t, "ada@example.com")
	b.imports(t, `{"tokenResponseMethod":"cookie","sessionTokenResponseMethod":"cookie","domain":"example.com"}`)
	w := b.send(t, "POST", "/v1/auth/logout", "", "Authorization", b.bearer(""), "Cookie", "DSR="+in.Refresh)
	lines := w.Header().Values("Set-Cookie")
	if w.Code != http.StatusOK || len(lines) != 2 {
		t.Fatalf("%d %s, %v", w.Code, w.Body, lines)
	}
	for _, line := range lines {
		if !strings.Contains(line, "Max-Age=0") || !strings.Contains(line, "Path=/") {
			t.Errorf("%s", line)
		}
	}
	in = b.join(t, "bob@example.com")
	b.imports(t, `{"tokenResponseMethod":"onBody","sessionTokenResponseMethod":"onBody","domain":"example.com"}`)
	w = b.send(t, "POST", "/v1/auth/logout", "", "Authorization", b.bearer(""), "Cookie", "DSR="+in.Refresh)
	if lines = w.Header().Values("Set-Cookie"); w.Code != http.StatusOK || len(lines) != 1 || !strings.HasPrefix(lines[0], "DSR=;") || !strings.Contains(lines[0], "Max-Age=0") {
		t.Errorf("with a cookie from before: %d %s, %v", w.Code, w.Body, lines)
	}
}

// What a backend says with its management key is trusted; a key of another project
// says nothing.
func TestClaimsOfABackend(t *testing.T) {
	t.Parallel()
	b := setup(t, t.TempDir()+"/test.db")
	in := b.join(t, "ada@example.com")
	for name, header := range map[string]string{"before the token ends": b.bearer(in.Refresh) + ":" + b.key, "alone": b.bearer("") + ":" + b.key} {
		w := b.send(t, "POST", "/v1/auth/try-refresh", "{}", "Authorization", header)
		if w.Code != http.StatusOK {
			t.Errorf("%s: %d %s", name, w.Code, w.Body)
		}
	}
	wantFault(t, b.send(t, "GET", "/v1/auth/me", "", "Authorization", b.bearer(in.Refresh)+":Kwrong"), 401, "E111003")
}

// The documents that verifiers read, in exactly their form.
func TestPublicKeys(t *testing.T) {
	t.Parallel()
	testkit.Databases(t, func(t *testing.T, url string) {
		b := setup(t, url)
		get := func(path string) *httptest.ResponseRecorder {
			return b.send(t, "GET", "http://id.example.com"+strings.ReplaceAll(path, "PID", b.project), "", "Authorization", "")
		}
		for _, path := range []string{"/v2/keys/PID", "/v2/keys/PID?certs=true", "/PID/.well-known/jwks.json", "//v2/keys/PID"} {
			set := read[map[string][]map[string]string](t, get(path)) // as the SDK in Go does
			if len(set) != 1 || len(set["keys"]) != 1 {
				t.Fatalf("%s: %v", path, set)
			}
			k := set["keys"][0]
			if k["alg"] != "ES256" || k["use"] != "sig" || k["kid"] == "" || k["kty"] != "EC" || k["crv"] != "P-256" || k["d"] != "" {
				t.Errorf("%s: %v", path, k)
			}
		}
		if k := read[map[string]string](t, get("/v1/keys/PID")); k["kid"] == "" || k["d"] != "" || len(k) != 7 {
			t.Errorf("%v", k)
		}
		for _, path := range []string{"/PID/.well-known/openid-configuration", "/v1/apps/PID/.well-known/openid-configuration"} {
			d := read[map[string]any](t, get(path))
			if d["issuer"] != "http://id.example.com/v1/apps/"+b.project || d["jwks_uri"] != "http://id.example.com/"+b.project+"/.well-known/jwks.json" {
				t.Errorf("%s: %v", path, d)
			}
		}
		for _, path := range []string{"/.well-known/oauth-authorization-server/PID", "/PID/.well-known/oauth-authorization-server", "/v1/apps/PID/.well-known/oauth-authorization-server"} {
			d := read[map[string]any](t, get(path))
			want := map[string]any{
				"issuer": "http://id.example.com/v1/apps/" + b.project, "jwks_uri": "http://id.example.com/" + b.project + "/.well-known/jwks.json",
				"response_types_supported": []any{}, "grant_types_supported": []any{}, // nothing of OAuth is there to be named
			}
			if diff := cmp.Diff(want, d); diff != "" {
				t.Errorf("%s (-want +got):\n%s", path, diff)
			}
		}
		if c := read[map[string]bool](t, get("/.well-known/project-configuration/PID")); c["allowAuthHostingIframeEmbedding"] {
			t.Errorf("%v", c)
		}
		before := get("/v1/keys/PID").Body.String()
		rotated := read[map[string]any](t, b.send(t, "POST", "/v1/mgmt/project/signingkey/rotate", ""))
		set := read[map[string][]map[string]string](t, get("/v2/keys/PID"))
		if len(set["keys"]) != 2 || set["keys"][1]["kid"] != rotated["kid"] || get("/v1/keys/PID").Body.String() != before {
			t.Errorf("after a rotation: %v", set)
		}
	})
}

// A token that the server signs is one that a verifier takes who knows nothing but
// the public keys: the header names a key of the set.
func TestTokensNameTheirKey(t *testing.T) {
	t.Parallel()
	b := setup(t, t.TempDir()+"/test.db")
	in := b.join(t, "ada@example.com")
	set := read[map[string][]map[string]string](t, b.send(t, "GET", "/v2/keys/"+b.project, ""))
	for _, token := range []string{in.Session, in.Refresh} {
		var header struct {
			Algorithm string `json:"alg"`
			Kid       string `json:"kid"`
			Type      string `json:"typ"`
		}
		raw, err := base64url(strings.Split(token, ".")[0])
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(raw, &header); err != nil || header.Algorithm != "ES256" || header.Kid != set["keys"][0]["kid"] || header.Type != "JWT" {
			t.Errorf("%s: %v", jsontext.Value(raw), err)
		}
	}
}

// A template that is made over the API is part of the configuration: tokens follow
// it, an export has it, and one that is in use stays.
func TestJWTTemplatesAreManaged(t *testing.T) {
	t.Parallel()
	b := setup(t, t.TempDir()+"/test.db")
	const base = "/v1/mgmt/jwt/templates/"
	made := read[templateAnswer](t, b.send(t, "POST", base+"create", `{"template":{"name":"till","type":"user","template":{"shop":"one"}}}`))
	id := made.Template.id()
	b.imports(t, `{"userTemplateId":"`+id+`"}`)
	if claims := b.join(t, "ada@example.com").Claims; claims["shop"] != "one" {
		t.Errorf("claims = %v", claims)
	}
	read[templateAnswer](t, b.send(t, "POST", base+"update", `{"template":{"id":"`+id+`","name":"till","type":"user","template":{"shop":"two"}}}`))
	if claims := b.join(t, "ada@example.com").Claims; claims["shop"] != "two" {
		t.Errorf("after an update claims = %v", claims)
	}
	if w := b.send(t, "POST", base+"delete", `{"id":"`+id+`"}`); w.Code != http.StatusBadRequest {
		t.Errorf("a template in use was removed: %d %s", w.Code, w.Body)
	}
	b.imports(t, `{"userTemplateId":""}`)
	read[empty](t, b.send(t, "POST", base+"delete", `{"id":"`+id+`"}`))
	if all := read[templatesAnswer](t, b.send(t, "POST", base+"list", `{}`)); len(all.Templates) != 0 {
		t.Errorf("left are %v", all)
	}
	for _, call := range []string{"load", "delete"} {
		wantFault(t, b.send(t, "POST", base+call, `{"id":"`+id+`"}`), 404, "P40481")
	}
	wantFault(t, b.send(t, "POST", base+"update", `{"template":{"id":"`+id+`"}}`), 404, "P40481")
}
