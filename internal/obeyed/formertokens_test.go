package obeyed

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"postern/internal/testkit"
)

// A token of the former service counts for its own user while it counts there, and for
// nobody else; what is wrong with it is not told.
func TestTokensOfAFormerService(t *testing.T) {
	t.Parallel()
	testkit.Databases(t, func(t *testing.T, url string) {
		h := open(t, url)
		p := h.newPlace(t)
		p.imports(p.outside(t, files{"snapshot.json": object{"version": 5}, settings: object{"externalAuthConfig": object{
			"auth0": object{"clientId": "client1", "domain": "lantern.auth0.example"}, "loginIdExternalUserSources": []string{"sub", "email"},
		}}, otpFile: object{"enabled": true, "rateLimitRetries": 50}, passwordFile: object{"enabled": true, "maskError": false}})).ok(t)
		who, _ := p.user()
		other, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		stranger := &former{}
		if stranger.sign, err = jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: jose.JSONWebKey{Key: other, KeyID: "k1"}}, nil); err != nil {
			t.Fatal(err)
		}
		shared := &former{}
		if shared.sign, err = jose.NewSigner(jose.SigningKey{Algorithm: jose.HS256, Key: jose.JSONWebKey{Key: []byte("a secret that both have, of 32 bytes"), KeyID: "k1"}}, nil); err != nil {
			t.Fatal(err)
		}
		made := func(f *former) string {
			return f.token(t, object{"iss": "https://lantern.auth0.example/", "aud": "client1", "sub": "x", "email": who, "email_verified": true})
		}
		right := p.auth0(who, nil)
		parts := strings.Split(right, ".")
		for name, tt := range map[string][2]string{
			"a right one":                  {right, `["fed"] ["` + who + `"]`},
			"once more":                    {right, `["fed"] ["` + who + `"]`},
			"for several":                  {p.auth0(who, object{"aud": []string{"client2", "client1"}}), `["fed"] ["` + who + `"]`},
			"no token":                     {"former-session-1", unknown},
			"no signature":                 {"eyJhbGciOiJub25lIn0." + parts[1] + ".", unknown},
			"signed by somebody else":      {made(stranger), unknown},
			"signed with a shared key":     {made(shared), unknown},
			"an unverified address":        {p.auth0(who, object{"email_verified": false}), unknown},
			"one that a text says so of":   {p.auth0(who, object{"email_verified": "false"}), unknown},
			"expired":                      {p.auth0(who, object{"exp": time.Now().Add(-2 * time.Minute).Unix()}), unknown},
			"without an end":               {p.auth0(who, object{"exp": nil}), unknown},
			"not yet":                      {p.auth0(who, object{"nbf": time.Now().Add(5 * time.Minute).Unix()}), unknown},
			"another issuer":               {p.auth0(who, object{"iss": "https://lantern.auth0.example"}), unknown},
			"another client":               {p.auth0(who, object{"aud": []string{"client2"}}), unknown},
			"somebody who is not here":     {p.auth0(p.someone(), nil), unknown},
			"a login id that is no text":   {p.auth0(who, object{"email": []string{who}}), unknown},
			"too long":                     {right + strings.Repeat("a", 20<<10), unknown},
			"our own token":                {p.manage("POST", "/v1/mgmt/auth/signin", object{"loginId": who}).word("sessionJwt"), unknown},
			"a key that is not among them": {"eyJhbGciOiJFUzI1NiIsImtpZCI6ImsyIn0." + parts[1] + "." + parts[2], unknown},
		} {
			if got := moves(p, tt[0]); got != tt[1] {
				t.Errorf("%s: %s, want %s", name, got, tt[1])
			}
		}

		// A page that opens is told nothing else than by other tokens that do not count.
		if a := p.as("", "/v1/auth/try-refresh", object{"externalToken": "former"}); a.status != http.StatusOK || len(a.body) != 0 {
			t.Errorf("a page that opens with a wrong token: %s", a.text)
		}
		in := p.as("", "/v1/auth/try-refresh", object{"externalToken": right})
		in.ok(t)
		// Our own token goes before that of the former service, and the other way where it counts no more.
		own := p.as(in.word("refreshJwt"), "/v1/auth/refresh", object{"externalToken": "former"})
		if own.ok(t); claimsOf(own.word("sessionJwt"))["sid"] != claimsOf(in.word("sessionJwt"))["sid"] {
			t.Errorf("beside our own token: %s", own.text)
		}
		p.as(in.word("refreshJwt"), "/v1/auth/logout", object{}).ok(t)
		p.as(in.word("refreshJwt"), "/v1/auth/refresh", object{"externalToken": right}).ok(t)

		// Whoever signed up with somebody's address does not share it with them.
		victim := p.someone()
		p.as("", "/v1/auth/password/signup", object{"loginId": victim, "password": "Squat-here-7"}).ok(t)
		if got := moves(p, p.auth0(victim, object{"email_verified": nil})); got != unknown {
			t.Errorf("an address that nobody has shown: %s", got)
		}
		if got := moves(p, p.auth0(victim, nil)); got != `["fed"] ["`+victim+`"]` {
			t.Errorf("whose address it is: %s", got)
		}
		if got := signsIn(p, victim, "Squat-here-7"); got != "401 P40131" {
			t.Errorf("who signed up with it: %s", got)
		}

		p.manage("POST", "/v1/mgmt/user/update/status", object{"loginId": who, "status": "disabled"}).ok(t)
		if got := moves(p, right); got != "403 P40306" {
			t.Errorf("of a disabled user: %s", got)
		}
		if got := moves(h.newPlace(t), right); got != "400 P40007" {
			t.Errorf("in a project that takes none over: %s", got)
		}
	})
}

// What the former service says of its users counts: who may not sign in there does not
// come in here. One that does not answer, or that may not be reached, lets in nobody.
func TestFormerServiceIsAsked(t *testing.T) {
	t.Parallel()
	h := open(t, t.TempDir()+"/obeyed.db")
	taking := func(issuer string) *place {
		p := h.newPlace(t)
		p.imports(p.outside(t, files{"snapshot.json": object{"version": 5}, settings: object{"externalAuthConfig": object{
			"okta": object{"clientId": "client1", "issuer": issuer, "apiToken": formerKey}, "loginIdExternalUserSources": []string{"email"},
		}}})).ok(t)
		return p
	}
	p := taking("FORMER/oauth2/default")
	for name, tt := range map[string]struct {
		about object
		want  string
	}{
		"who may sign in":           {nil, moved},
		"whose password is too old": {object{"status": "PASSWORD_EXPIRED"}, moved},
		"who is suspended":          {object{"status": "SUSPENDED"}, unknown},
		"who is locked out":         {object{"status": "LOCKED_OUT"}, unknown},
		"who is gone":               {object{"status": "DEPROVISIONED"}, unknown},
		"of whom nothing is said":   {object{"status": nil}, unknown},
	} {
		if got := mover(func(p *place, who string) string { return p.okta(who, tt.about) })(p); got != tt.want {
			t.Errorf("%s: %s, want %s", name, got, tt.want)
		}
	}
	who, _ := p.user()
	if got := moves(p, p.former.token(t, object{"iss": p.former.url + "/oauth2/default", "cid": "client1", "uid": "../../api/v1/users/00u", "sub": who})); got != unknown {
		t.Errorf("an id that is a path: %s", got)
	}
	for name, issuer := range map[string]string{
		"no such server": "http://127.0.0.1:1/oauth2/default", "the metadata of a cloud": "http://169.254.169.254/oauth2/default",
		"a private network": "https://10.0.0.1/oauth2/default", "no URL": "okta", "a file": "file:///etc/passwd",
	} {
		p := taking(issuer)
		if got := moves(p, p.former.token(t, object{"iss": issuer, "cid": "client1", "uid": "00u1", "sub": "a"})); got != "503 P50342" {
			t.Errorf("%s: %s", name, got)
		}
	}
}
