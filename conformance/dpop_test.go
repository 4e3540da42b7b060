package conformance

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
)

// A prover has a key that its tokens are bound to (RFC 9449).
type prover struct{ key *ecdsa.PrivateKey }

func newProver(t *testing.T) prover {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return prover{key}
}

// proof is for one call, and for the token that the call has, if any.
func (p prover) proof(t *testing.T, verb, url, token string) string {
	t.Helper()
	public, err := p.key.PublicKey.Bytes() // 4, x, y
	if err != nil {
		t.Fatal(err)
	}
	claims := map[string]any{"jti": rand.Text(), "htm": verb, "htu": url, "iat": time.Now().Unix()}
	if token != "" {
		hash := sha256.Sum256([]byte(token))
		claims["ath"] = b64(hash[:])
	}
	part := func(in map[string]any) string {
		out, _ := json.Marshal(in)
		return base64.RawURLEncoding.EncodeToString(out)
	}
	text := part(map[string]any{
		"typ": "dpop+jwt", "alg": "ES256", "jwk": map[string]any{"kty": "EC", "crv": "P-256", "x": b64(public[1:33]), "y": b64(public[33:])},
	}) + "." + part(claims)
	digest := sha256.Sum256([]byte(text))
	r, s, err := ecdsa.Sign(rand.Reader, p.key, digest[:])
	if err != nil {
		t.Fatal(err)
	}
	return text + "." + b64(append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...))
}

// A sign-in that proves a key gives tokens that the SDK takes from nobody else.
func TestTokensAreBoundToAKey(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		p := s.newPlace(t)
		const ann, verify = "ann@shop.example", "/v1/auth/otp/verify/email"
		user := p.otpUser(t, ann).User.UserID
		owner, thief := newProver(t), newProver(t)
		c := p.caller(t, s, "")
		c.headers = map[string]string{"DPoP": owner.proof(t, http.MethodPost, s.url+verify, "")}
		token := c.session(c.post(verify, map[string]any{"loginId": ann, "code": signInCode(t, p, ann)}), user).JWT
		const orders = "http://shop.example/orders"
		for name, tt := range map[string]struct {
			proof string
			works bool
		}{
			"its key":           {owner.proof(t, http.MethodGet, orders, token), true},
			"another key":       {thief.proof(t, http.MethodGet, orders, token), false},
			"for another place": {owner.proof(t, http.MethodGet, "http://evil.test/", token), false},
			"nothing":           {"", false},
		} {
			r := httptest.NewRequest(http.MethodGet, orders, nil)
			r.Header.Set("Authorization", "DPoP "+token)
			if tt.proof != "" {
				r.Header.Set("DPoP", tt.proof)
			}
			if ok, _, err := p.Auth.ValidateSessionWithRequest(r); ok != tt.works {
				t.Errorf("with the proof of %s: %t, %v", name, ok, err)
			}
		}
	})
}
