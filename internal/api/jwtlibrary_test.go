package api

import (
	"cmp"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-json-experiment/json"

	"postern/internal/ident"
	"postern/internal/testkit"
)

const templatesPath = "/v1/mgmt/jwt/templates/"

// What the library has can be added to a configuration, as it is or with parts of
// one's own, and tokens follow it.
func TestJWTTemplatesOfTheLibrary(t *testing.T) {
	t.Parallel()
	testkit.Databases(t, func(t *testing.T, url string) {
		b := setup(t, url)
		all := read[libraryAnswer](t, b.send(t, "POST", templatesPath+"library/list", `{}`)).Entries
		if len(all) < 3 {
			t.Fatalf("the library has %v", all)
		}
		for _, e := range all {
			one := read[libraryEntryAnswer](t, b.send(t, "POST", templatesPath+"library/load", `{"id":"`+e.id()+`"}`)).Entry
			if fmt.Sprint(one) != fmt.Sprint(e) {
				t.Errorf("one: %v, in the list %v", one, e)
			}
			made := read[templateAnswer](t, b.send(t, "POST", templatesPath+"library/apply", `{"libraryEntryId":"`+e.id()+`"}`)).Template
			if string(made["source"]) != `"`+e.id()+`"` || string(made["name"]) != string(e["name"]) || string(made["template"]) == "" || made.id() == e.id() {
				t.Errorf("applied %s: %s", e.id(), made)
			}
			if n := len(read[checkTemplateAnswer](t, b.send(t, "POST", templatesPath+"validate", `{"id":"`+made.id()+`"}`)).Issues); n > 0 {
				t.Errorf("%s is not valid", e.id())
			}
		}
		own := read[templateAnswer](t, b.send(t, "POST", templatesPath+"library/apply",
			`{"libraryEntryId":"small","nameOverride":"Mine","descriptionOverride":"Ours","tagsOverride":["a"],"templateOverride":{"shop":"one"}}`)).Template
		if string(own["name"]) != `"Mine"` || string(own["description"]) != `"Ours"` || string(own["tags"]) != `["a"]` || string(own["template"]) != `{"shop":"one"}` || string(own["authSchema"]) != `"none"` {
			t.Errorf("with parts of one's own: %s", own)
		}
		b.imports(t, `{"userTemplateId":"`+own.id()+`"}`)
		if claims := b.join(t, "ada@example.com").Claims; claims["shop"] != "one" {
			t.Errorf("claims = %v", claims)
		}
		for _, call := range []string{"load", "apply"} {
			wantFault(t, b.send(t, "POST", templatesPath+"library/"+call, `{"id":"none","libraryEntryId":"none"}`), 404, "P40425")
		}
		wantFault(t, b.send(t, "POST", templatesPath+"library/apply", `{"libraryEntryId":"small","nameOverride":"Mine"}`), 400, "E113007")
	})
}

// A template is judged as an import would, all at once, and nothing is changed.
func TestJWTTemplatesAreValidated(t *testing.T) {
	t.Parallel()
	testkit.Databases(t, func(t *testing.T, url string) {
		b := setup(t, url)
		id := read[templateAnswer](t, b.send(t, "POST", templatesPath+"create", `{"template":{"name":"till","type":"user","template":{}}}`)).Template.id()
		for _, c := range []struct{ name, body, want string }{
			{"one that is there", `{"id":"` + id + `","template":null}`, ""},
			{"a new one", `{"id":"","template":{"name":"desk","type":"key","template":{"a":"{{key.name}}"}}}`, ""},
			{"another state of one that is there", `{"id":"` + id + `","template":{"id":"` + id + `","name":"till","type":"key"}}`, ""},
			{"several faults", `{"template":{"name":"desk","type":"robot","template":[],"addJti":"yes"}}`, "addJti template type"},
			{"a name that another one has", `{"template":{"name":"till","type":"user"}}`, "(all of it)"},
			{"no name", `{"template":{"type":"user"}}`, "name"},
		} {
			got := read[checkTemplateAnswer](t, b.send(t, "POST", templatesPath+"validate", c.body))
			var fields []string
			for _, issue := range got.Issues {
				fields = append(fields, cmp.Or(issue.Field, "(all of it)"))
				if issue.Code == "" || issue.Message == "" {
					t.Errorf("%s: %+v", c.name, issue)
				}
			}
			if s := strings.Join(fields, " "); s != c.want || got.Valid != (len(got.Issues) == 0) {
				t.Errorf("%s: %+v, want %q", c.name, got, c.want)
			}
		}
		if all := read[templatesAnswer](t, b.send(t, "POST", templatesPath+"list", `{}`)); len(all.Templates) != 1 || string(all.Templates[0]["type"]) != `"user"` {
			t.Errorf("left are %s", all)
		}
		wantFault(t, b.send(t, "POST", templatesPath+"validate", `{}`), 400, "E011002")
		wantFault(t, b.send(t, "POST", templatesPath+"validate", `{"id":"none"}`), 404, "P40481")
	})
}

// An assertion says what was asked for, verifies by the published keys, and signs
// nobody in.
func TestClientAssertions(t *testing.T) {
	t.Parallel()
	testkit.Databases(t, func(t *testing.T, url string) {
		const path = "/v1/mgmt/token/clientassertion"
		b := setup(t, url)
		keys := read[jose.JSONWebKeySet](t, b.send(t, "GET", "/v2/keys/"+b.project, "", b.as("")...))
		for _, c := range [][2]string{
			{`"audience":["https://a.example/token","b"],"flattenAudience":true`, `["https://a.example/token","b"]`},
			{`"audience":["https://a.example/token"],"flattenAudience":true,"algorithm":"ES256"`, `"https://a.example/token"`},
			{`"audience":["https://a.example/token"],"expiresIn":"300"`, `["https://a.example/token"]`},
		} {
			body := `{"issuer":"client-1","subject":"client-1","expiresIn":300,` + c[0] + `}`
			if strings.Contains(c[0], "expiresIn") {
				body = `{"issuer":"client-1","subject":"client-1",` + c[0] + `}`
			}
			token := read[tokenAnswer](t, b.send(t, "POST", path, body)).Token
			parsed, err := jose.ParseSignedCompact(token, []jose.SignatureAlgorithm{jose.ES256})
			if err != nil {
				t.Fatal(err)
			}
			payload, err := parsed.Verify(keys.Key(parsed.Signatures[0].Header.KeyID)[0])
			if err != nil {
				t.Fatal(err)
			}
			var claims struct {
				Issuer   string `json:"iss"`
				Subject  string `json:"sub"`
				Audience any    `json:"aud"`
				Issued   int64  `json:"iat"`
				Expires  int64  `json:"exp"`
				ID       string `json:"jti"`
			}
			if err := json.Unmarshal(payload, &claims); err != nil {
				t.Fatal(err)
			}
			audience, err := json.Marshal(claims.Audience)
			if err != nil || string(audience) != c[1] || claims.Issuer != "client-1" || claims.Subject != "client-1" || claims.Expires-claims.Issued != 300 ||
				claims.Issued > time.Now().Unix() || claims.ID == "" {
				t.Errorf("%s: %s", c[0], payload)
			}
			wantFault(t, b.send(t, "POST", "/v1/auth/validate", `{}`, b.as(token)...), 401, "P40106")
			wantFault(t, b.send(t, "POST", "/v1/auth/refresh", `{}`, b.as(token)...), 401, "P40106")
		}
		for _, body := range []string{
			`{}`, `{"issuer":"a","subject":"b","expiresIn":60}`, `{"issuer":"a","subject":"b","audience":[""],"expiresIn":60}`, `{"issuer":"a","subject":"b\nc","audience":["c"],"expiresIn":60}`,
			`{"issuer":"a","subject":"b","audience":["c"]}`, `{"issuer":"a","subject":"b","audience":["c"],"expiresIn":-1}`, `{"issuer":"a","subject":"b","audience":["c"],"expiresIn":9223372036854775807}`,
		} {
			wantFault(t, b.send(t, "POST", path, body), 400, "E011003")
		}
		wantFault(t, b.send(t, "POST", path, `{"issuer":"a","subject":"b","audience":["c"],"expiresIn":60,"algorithm":"RS256"}`), 400, "P40025")
		user, _ := b.join(t, "ada@example.com").User["userId"].(string)
		for _, subject := range []string{user, "ada@example.com", "Ada@example.com", ident.New("U"), ident.New("K")} { // whom a backend would take for signed in
			wantFault(t, b.send(t, "POST", path, `{"issuer":"a","subject":"`+subject+`","audience":["c"],"expiresIn":60}`), 400, "P40027")
		}
		if done := strings.Join(b.audited(t), " "); strings.Count(done, "token.assertion") != 3 {
			t.Errorf("the audit has %s", done)
		}
	})
}
