package session

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"maps"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-json-experiment/json"

	"postern/internal/key"
	"postern/internal/secret"
	"postern/internal/store"
	"postern/internal/testkit"
)

func part(v any) string {
	b, err := json.Marshal(v, json.Deterministic(true))
	if err != nil {
		panic(err)
	}
	return base64.RawURLEncoding.EncodeToString(b)
}

func headerOf(t *testing.T, token secret.Text) map[string]any {
	t.Helper()
	first, _, _ := strings.Cut(token.Reveal(), ".")
	raw, err := base64.RawURLEncoding.DecodeString(first)
	if err != nil {
		t.Fatal(err)
	}
	header := map[string]any{}
	if err := json.Unmarshal(raw, &header); err != nil {
		t.Fatal(err)
	}
	return header
}

// Tokens that somebody made who has no key of the project, from one that is real
// (RFC 8725 §2).
func TestForgedTokens(t *testing.T) {
	t.Parallel()
	testkit.Stores(t, func(t *testing.T, db *store.DB) {
		b := setup(t, db)
		real := b.signIn(t)
		claims := b.payload(t, real.Refresh)
		kid := kidOf(t, real.Refresh)
		ring, err := b.Keys.Ring(t.Context(), b.project)
		if err != nil {
			t.Fatal(err)
		}
		signing, err := ring.Signing()
		if err != nil {
			t.Fatal(err)
		}
		public, err := signing.MarshalJSON()
		if err != nil {
			t.Fatal(err)
		}
		own, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		signedBy := func(k any, kid string, more map[jose.HeaderKey]any) string {
			signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: jose.JSONWebKey{Key: k, KeyID: kid}}, (&jose.SignerOptions{ExtraHeaders: more}).WithType("JWT"))
			if err != nil {
				t.Fatal(err)
			}
			payload, err := json.Marshal(claims)
			if err != nil {
				t.Fatal(err)
			}
			out, err := signer.Sign(payload)
			if err != nil {
				t.Fatal(err)
			}
			text, err := out.CompactSerialize()
			if err != nil {
				t.Fatal(err)
			}
			return text
		}
		hs256 := func(secret []byte) string {
			text := part(map[string]any{"alg": "HS256", "kid": kid, "typ": "JWT"}) + "." + part(claims)
			mac := hmac.New(sha256.New, secret)
			mac.Write([]byte(text))
			return text + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
		}
		resigned := func(change map[string]any) string {
			altered := maps.Clone(claims)
			maps.Copy(altered, change)
			parts := strings.Split(real.Refresh.Reveal(), ".")
			return parts[0] + "." + part(altered) + "." + parts[2]
		}
		ours := func(change map[string]any) string { // the key of the project signed it
			altered := maps.Clone(claims)
			maps.Copy(altered, change)
			token, err := sign(ring.Sign, altered)
			if err != nil {
				t.Fatal(err)
			}
			return token.Reveal()
		}
		foreign := *b
		foreign.project, foreign.user = b.another(t)
		der, err := x509.MarshalPKIXPublicKey(signing.Key)
		if err != nil {
			t.Fatal(err)
		}
		foreignKid := kidOf(t, foreign.signIn(t).Refresh)
		parts := strings.Split(real.Refresh.Reveal(), ".")
		for name, token := range map[string]string{
			"nothing":                                   "",
			"no token":                                  "x",
			"alg none without a signature":              part(map[string]any{"alg": "none", "kid": kid}) + "." + parts[1] + ".",
			"alg none with the signature":               part(map[string]any{"alg": "none", "kid": kid}) + "." + parts[1] + "." + parts[2],
			"alg None in other letters":                 part(map[string]any{"alg": "nOnE", "kid": kid}) + "." + parts[1] + ".",
			"the public key as a secret":                hs256(public),
			"the public key as a secret, in DER":        hs256(der),
			"the public key as a secret, in PEM":        hs256(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})),
			"no secret":                                 hs256(nil),
			"a key of the attacker under our kid":       signedBy(own, kid, nil),
			"a key of the attacker under their kid":     signedBy(own, "SKattacker", nil),
			"a key of the attacker under no kid":        signedBy(own, "", nil),
			"a key of the attacker under a foreign kid": signedBy(own, foreignKid, nil),
			"a kid that is a path":                      signedBy(own, "../../dev/null", nil),
			"a kid that is a statement":                 signedBy(own, "' OR '1'='1", nil),
			"a kid that ends a text":                    signedBy(own, kid+"\x00", nil),
			"a certificate of the attacker":             signedBy(own, "SKattacker", map[jose.HeaderKey]any{"x5u": "https://evil.example/cert", "x5t": "AAAA"}),
			"a key of the attacker in the header":       signedBy(own, kid, map[jose.HeaderKey]any{"jwk": jose.JSONWebKey{Key: own.Public()}}),
			"a URL of keys in the header":               signedBy(own, "SKattacker", map[jose.HeaderKey]any{"jku": "https://evil.example/keys"}),
			"a header that must be understood":          signedBy(own, kid, map[jose.HeaderKey]any{"crit": []string{"exp"}}),
			"another subject under the same signature":  resigned(map[string]any{"sub": "Uother"}),
			"a signature that was cut off":              parts[0] + "." + parts[1] + ".",
			"a token of another project":                foreign.signIn(t).Refresh.Reveal(),
			"a session token in the place of a refresh": real.Session.Reveal(),
			"a token that says it is of another issuer": ours(map[string]any{"iss": foreign.project}),
			"an issuer that ends like ours":             ours(map[string]any{"iss": "https://evil.example/x" + b.project}),
			"a token without an end":                    ours(map[string]any{"exp": 0}),
			"a token of tomorrow":                       ours(map[string]any{"iat": claims["iat"].(float64) + 86400}),
			"a token that does not count yet":           ours(map[string]any{"nbf": claims["iat"].(float64) + 86400}),
			"a token that has ended":                    ours(map[string]any{"exp": claims["iat"].(float64) - 1}),
			"a token of no session":                     ours(map[string]any{"sid": ""}),
			"a token of no kind":                        ours(map[string]any{"drn": ""}),
			"a generation that was not yet":             ours(map[string]any{"gen": 5}),
			"very much text":                            strings.Repeat("a", 1<<20),
		} {
			if _, err := b.refresh(t, secret.New(token)); !errorIs(err, key.ErrToken) {
				t.Errorf("%s: %v", name, err)
			}
		}
		if _, err := b.refresh(t, real.Refresh); err != nil {
			t.Errorf("the session ended by an attack: %v", err)
		}
		_, err = b.refresh(t, secret.New(ours(map[string]any{"sid": "SEother"})))
		wantErr(t, err, ErrEnded)
		for name, token := range map[string]secret.Text{"a refresh token in the place of a session token": real.Refresh, "a foreign session token": foreign.signIn(t).Session} {
			if _, err := b.Validate(t.Context(), b.config(t), token); !errorIs(err, key.ErrToken) {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
}
