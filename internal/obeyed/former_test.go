package obeyed

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-json-experiment/json"
)

// A former is an identity service that people come from. It publishes its keys, says
// who the user of an access token is as Auth0 does, and hands out users to whoever has
// its API token as Okta does.
type former struct {
	url  string
	sign jose.Signer
	keys jose.JSONWebKeySet

	mu    sync.Mutex
	users map[string]object // by their ids there
}

const formerKey = "to-read-users"

func newFormer(t *testing.T) *former {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	f := &former{users: map[string]object{}}
	f.sign, err = jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: jose.JSONWebKey{Key: key, KeyID: "k1"}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	f.keys.Keys = []jose.JSONWebKey{{Key: key.Public(), KeyID: "k1", Use: "sig"}}
	at := httptest.NewServer(f)
	t.Cleanup(at.Close)
	f.url = at.URL
	return f
}

func (f *former) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	id, ofAPI := strings.CutPrefix(r.URL.Path, "/api/v1/users/")
	switch {
	case r.URL.Path == "/.well-known/jwks.json", r.URL.Path == "/oauth2/default/v1/keys", r.URL.Path == "/oauth2/v1/keys":
		_ = json.MarshalWrite(w, f.keys)
		return
	case r.URL.Path == "/userinfo": // the token is ours: what it says is so
		id, _ = claimsOf(strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer "))["sub"].(string)
	case !ofAPI || r.Header.Get("Authorization") != "SSWS "+formerKey:
		w.WriteHeader(http.StatusForbidden)
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if about, ok := f.users[id]; ok {
		_ = json.MarshalWrite(w, about)
		return
	}
	w.WriteHeader(http.StatusNotFound)
}

// knows lets the service know a user.
func (f *former) knows(id string, about object) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.users[id] = about
}

// token signs claims that count for a while, but for those that are given.
func (f *former) token(t *testing.T, claims object) string {
	t.Helper()
	now := time.Now()
	b, err := json.Marshal(merged(object{"iat": now.Unix(), "exp": now.Add(time.Hour).Unix()}, claims))
	if err != nil {
		t.Fatal(err)
	}
	signed, err := f.sign.Sign(b)
	if err != nil {
		t.Fatal(err)
	}
	text, err := signed.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// auth0 is a token of somebody of Auth0, with further claims.
func (p *place) auth0(who string, claims object) string {
	return p.former.token(p.t, merged(object{
		"iss": "https://lantern.auth0.example/", "aud": "client1", "sub": "auth0|" + who, "email": who, "email_verified": true,
	}, claims))
}

// okta is an access token of somebody of Okta, whom the service has.
func (p *place) okta(who string, about object) string {
	id := "00u" + strings.Split(who, "@")[0]
	p.former.knows(id, merged(object{"id": id, "status": "ACTIVE", "profile": object{"email": who, "login": who, "firstName": "Ada"}}, about))
	return p.former.token(p.t, object{"iss": p.former.url + "/oauth2/default", "aud": "api://default", "cid": "client1", "uid": id, "sub": who})
}

// moves is what somebody is told who shows a token of the former service, and who they
// are here.
func moves(p *place, token string) string {
	in := p.as("", "/v1/auth/refresh", object{"externalToken": token})
	if in.status != http.StatusOK {
		return in.String()
	}
	ids, _ := in.body["user"].(object)["loginIds"].([]any)
	return fmt.Sprint(compact(claimsOf(in.word("sessionJwt"))["amr"]), " ", compact(ids))
}

// mover is somebody who is here already, and comes with a token that is made of who
// they are.
func mover(token func(p *place, who string) string) func(p *place) string {
	return func(p *place) string {
		who, _ := p.user()
		return strings.ReplaceAll(moves(p, token(p, who)), who, "WHO")
	}
}

// newcomer is mover of somebody who is not here.
func newcomer(token func(p *place, who string) string) func(p *place) string {
	return func(p *place) string {
		who := p.someone()
		return strings.ReplaceAll(moves(p, token(p, who)), who, "WHO")
	}
}

const (
	fromAuth0 = `"auth0":{"clientId":"client1","domain":"lantern.auth0.example"},"loginIdExternalUserSources":["email"]`
	unknown   = "401 P40181"
	moved     = `["fed"] ["WHO"]`
)

// migrating is a document of settings that takes sessions over.
func migrating(members string) docs {
	return ofProject(`"externalAuthConfig":{` + members + `}`)
}

func migrationRows() []row {
	plain := func(p *place, who string) string { return p.auth0(who, nil) }
	with := func(claims object) func(p *place, who string) string {
		return func(p *place, who string) string { return p.auth0(who, claims) }
	}
	okta := func(p *place, who string) string { return p.okta(who, nil) }
	// fromOkta has the address of the service that there is; the API token is a secret.
	fromOkta := func(client, issuer, key string) docs {
		return migrating(fmt.Sprintf(`"okta":{"clientId":%q,"issuer":%q,"apiToken":%q},"loginIdExternalUserSources":["email"]`, client, issuer, key))
	}
	auth0 := func(client, domain, audience string) docs {
		return migrating(fmt.Sprintf(`"auth0":{"clientId":%q,"domain":%q,"audience":%q},"loginIdExternalUserSources":["email"]`, client, domain, audience))
	}
	const home = "lantern.auth0.example"
	access := func(p *place, who string) string {
		p.former.knows("auth0|"+who, object{"sub": "auth0|" + who, "email": who, "email_verified": true})
		return p.former.token(p.t, object{"iss": "https://" + home + "/", "aud": []string{"api", "userinfo"}, "azp": "client1", "sub": "auth0|" + who})
	}
	jit := func(mapping string) docs {
		return migrating(`"auth0":{"clientId":"client1","domain":"lantern.auth0.example"},"userSyncType":"jit","loginIdExternalUserSources":["email"],"userMapping":` + mapping)
	}
	named := func(p *place) string {
		who := p.someone()
		in := p.as("", "/v1/auth/refresh", object{"externalToken": p.auth0(who, object{"nickname": "Ada", "tier": "gold"})})
		in.ok(p.t)
		user, _ := in.body["user"].(object)
		return compact(user["name"]) + " " + compact(user["customAttributes"])
	}
	const issuer = "FORMER/oauth2/default"
	return []row{
		{says: "which client of Auth0 tokens are of", before: auth0("client2", home, ""), after: auth0("client1", home, ""), look: mover(plain), want: [2]string{unknown, moved}},
		{says: "which domain of Auth0 tokens are of", before: auth0("client1", "other.auth0.example", ""), after: auth0("client1", home, ""), look: mover(plain), want: [2]string{unknown, moved}},
		{says: "which audience access tokens of Auth0 are for", before: auth0("client1", home, ""), after: auth0("client1", home, "api"), look: mover(access), want: [2]string{unknown, moved}},
		{says: "which client of Okta tokens are of", before: fromOkta("client2", issuer, formerKey), after: fromOkta("client1", issuer, formerKey), look: mover(okta), want: [2]string{unknown, moved}},
		{says: "which issuer of Okta tokens are of", before: fromOkta("client1", "FORMER", formerKey), after: fromOkta("client1", issuer, formerKey), look: mover(okta), want: [2]string{unknown, moved}},
		{says: "the key that reads users of Okta", before: fromOkta("client1", issuer, "another"), after: fromOkta("client1", issuer, formerKey), look: mover(okta), want: [2]string{unknown, moved}},
		{
			says: "which field there is the login id here", before: migrating(`"auth0":{"clientId":"client1","domain":"lantern.auth0.example"},"loginIdExternalUserSources":["nickname"]`), after: migrating(fromAuth0),
			look: mover(with(object{"nickname": "nobody"})), want: [2]string{unknown, moved},
		},
		{
			says: "users are made who are not here yet", before: migrating(fromAuth0 + `,"userSyncType":"matchOnly"`), after: migrating(fromAuth0 + `,"userSyncType":"jit"`),
			look: newcomer(plain), want: [2]string{unknown, moved},
		},
		{
			says: "which field of a former user a field here is", given: docs{attributes: `{"user":[{"name":"plan","displayName":"Plan","type":"string"}]}`},
			before: jit(`[{"externalKey":"tier","descopeKey":"name"}]`), after: jit(`[{"externalKey":"nickname","descopeKey":"name"}]`),
			look: named, want: [2]string{`"gold" {}`, `"Ada" {}`},
		},
		{
			says: "which field here a field of a former user is", given: docs{attributes: `{"user":[{"name":"plan","displayName":"Plan","type":"string"}]}`},
			before: jit(`[{"externalKey":"tier","descopeKey":"name"}]`), after: jit(`[{"externalKey":"tier","descopeKey":"customAttributes.plan"}]`),
			look: named, want: [2]string{`"gold" {}`, `"" {"plan":"gold"}`},
		},
	}
}
