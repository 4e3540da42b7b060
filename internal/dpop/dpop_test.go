package dpop

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"maps"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-json-experiment/json"

	"postern/internal/limit"
	"postern/internal/secret"
	"postern/internal/store"
	"postern/internal/testkit"
)

// A holder has a private key.
type holder struct {
	signer     jose.Signer
	thumbprint string
}

func newHolder(t testing.TB, algorithm jose.SignatureAlgorithm, private any, header map[jose.HeaderKey]any) holder {
	t.Helper()
	options := &jose.SignerOptions{EmbedJWK: true, ExtraHeaders: map[jose.HeaderKey]any{jose.HeaderType: "dpop+jwt"}}
	maps.Copy(options.ExtraHeaders, header)
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: algorithm, Key: private}, options)
	if err != nil {
		t.Fatal(err)
	}
	sum, err := (&jose.JSONWebKey{Key: private}).Thumbprint(crypto.SHA256)
	if err != nil {
		t.Fatal(err)
	}
	return holder{signer, base64.RawURLEncoding.EncodeToString(sum)}
}

func (h holder) proof(t testing.TB, claims map[string]any) string {
	t.Helper()
	payload, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	jws, err := h.signer.Sign(payload)
	if err != nil {
		t.Fatal(err)
	}
	out, err := jws.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func ec(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

const target = "https://id.example/v1/auth/me"

// told is what a proof for the call below says.
func told(change map[string]any) map[string]any {
	sum := sha256.Sum256([]byte("token"))
	out := map[string]any{"jti": "one", "htm": "GET", "htu": target, "iat": time.Now().Unix(), "ath": base64.RawURLEncoding.EncodeToString(sum[:])}
	for name, v := range change {
		out[name] = v
		if v == nil {
			delete(out, name)
		}
	}
	return out
}

func ofCall() Call {
	return Call{Project: "P1", Method: "GET", URL: target, Token: secret.New("token")}
}

func TestProofs(t *testing.T) {
	t.Parallel()
	h := newHolder(t, jose.ES256, ec(t), nil)
	now := time.Now().Unix()
	for name, c := range map[string]struct {
		claims map[string]any
		call   func(*Call)
		ok     bool
	}{
		"right":                              {nil, nil, true},
		"with a query, which does not count": {map[string]any{"htu": target + "?a=b#c"}, nil, true},
		"another spelling of the address":    {map[string]any{"htu": "HTTPS://ID.example:443//v1/auth/me"}, nil, true},
		"a while ago":                        {map[string]any{"iat": now - 50}, nil, true},
		"too long ago":                       {map[string]any{"iat": now - 61}, nil, false},
		"from the future":                    {map[string]any{"iat": now + 60}, nil, false},
		"without a time":                     {map[string]any{"iat": nil}, nil, false},
		"of a time that is no number":        {map[string]any{"iat": "now"}, nil, false},
		"without an id":                      {map[string]any{"jti": nil}, nil, false},
		"an id without end":                  {map[string]any{"jti": strings.Repeat("x", 129)}, nil, false},
		"for another method":                 {map[string]any{"htm": "POST"}, nil, false},
		"for another path":                   {map[string]any{"htu": target + "/tenants"}, nil, false},
		"for another host":                   {map[string]any{"htu": "https://evil.example/v1/auth/me"}, nil, false},
		"over plain HTTP":                    {map[string]any{"htu": "http://id.example/v1/auth/me"}, nil, false},
		"for a path alone":                   {map[string]any{"htu": "/v1/auth/me"}, nil, false},
		"for another token":                  {nil, func(c *Call) { c.Token = secret.New("other") }, false},
		"for no token where one is shown":    {map[string]any{"ath": nil}, nil, false},
		"for no token where it is renewed":   {map[string]any{"ath": nil}, func(c *Call) { c.Renews = true }, true},
		"for another where it is renewed":    {nil, func(c *Call) { c.Renews, c.Token = true, secret.New("other") }, false},
		"where no token is shown":            {map[string]any{"ath": nil}, func(c *Call) { c.Token = secret.Text{} }, true},
	} {
		call := ofCall()
		if c.call != nil {
			c.call(&call)
		}
		thumbprint, in, err := check(h.proof(t, told(c.claims)), call, time.Now())
		if c.ok && (err != nil || thumbprint != h.thumbprint || in.ID != "one") || !c.ok && !errors.Is(err, ErrProof) {
			t.Errorf("%s: %q %q %v", name, thumbprint, in.ID, err)
		}
	}
}

func TestKeysOfProofs(t *testing.T) {
	t.Parallel()
	weak, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	strong, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	other := ec(t)
	symmetric, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.HS256, Key: []byte(strings.Repeat("k", 32))}, (&jose.SignerOptions{}).WithType("dpop+jwt").WithHeader("jwk", jose.JSONWebKey{Key: []byte(strings.Repeat("k", 32))}))
	if err != nil {
		t.Fatal(err)
	}
	bare, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: other}, (&jose.SignerOptions{}).WithType("dpop+jwt"))
	if err != nil {
		t.Fatal(err)
	}
	with := func(jwk any) holder {
		signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: other}, (&jose.SignerOptions{}).WithType("dpop+jwt").WithHeader("jwk", jwk))
		if err != nil {
			t.Fatal(err)
		}
		return holder{signer: signer}
	}
	for name, c := range map[string]struct {
		holder holder
		ok     bool
	}{
		"RSA":                         {newHolder(t, jose.PS256, strong, nil), true},
		"Ed25519":                     {newHolder(t, jose.EdDSA, ed, nil), true},
		"RSA that is too short":       {newHolder(t, jose.RS256, weak, nil), false},
		"another type of token":       {newHolder(t, jose.ES256, other, map[jose.HeaderKey]any{jose.HeaderType: "JWT"}), false},
		"a symmetric key":             {holder{signer: symmetric}, false},
		"no key":                      {holder{signer: bare}, false},
		"the public key of another":   {with(jose.JSONWebKey{Key: ec(t).Public()}), false},
		"a private key in the header": {with(jose.JSONWebKey{Key: other}), false},
	} {
		_, _, err := check(c.holder.proof(t, told(nil)), ofCall(), time.Now())
		if c.ok != (err == nil) || err != nil && !errors.Is(err, ErrProof) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, proof := range []string{"", "x", "a.b.c", strings.Repeat("x", maxProof+1)} {
		if _, _, err := check(proof, ofCall(), time.Now()); !errors.Is(err, ErrProof) {
			t.Errorf("%.10q: %v", proof, err)
		}
	}
}

func service(t *testing.T, db *store.DB) *Service {
	t.Helper()
	err := db.Write(t.Context(), func(_ context.Context, tx *store.Tx) error {
		_, err := tx.Exec(`INSERT INTO projects (id, name, created_at) VALUES ('P1', 'P1', 1)`)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return &Service{Limits: &limit.Service{DB: db}}
}

// Of those who use a proof at the same time one may; and nobody may later.
func TestProofsCountOnce(t *testing.T) {
	t.Parallel()
	testkit.Databases(t, func(t *testing.T, url string) {
		s := service(t, testkit.Open(t, url))
		h := newHolder(t, jose.ES256, ec(t), nil)
		call := ofCall()
		call.Bound = h.thumbprint
		proof := h.proof(t, told(nil))
		stolen := call
		stolen.Bound = "another"
		if _, err := s.Verify(t.Context(), proof, stolen); !errors.Is(err, ErrProof) {
			t.Errorf("by another key: %v", err)
		}
		var group sync.WaitGroup
		var mu sync.Mutex
		ok := 0
		for range 20 {
			group.Go(func() {
				thumbprint, err := s.Verify(t.Context(), proof, call)
				mu.Lock()
				defer mu.Unlock()
				if err == nil && thumbprint == h.thumbprint {
					ok++
				} else if !errors.Is(err, ErrReplayed) {
					t.Error(err)
				}
			})
		}
		if group.Wait(); ok != 1 {
			t.Errorf("%d calls by one proof", ok)
		}
		if _, err := s.Verify(t.Context(), h.proof(t, told(map[string]any{"jti": "two"})), call); err != nil {
			t.Errorf("another proof: %v", err)
		}
	})
}

// As long as a proof counts, it is kept in mind that it was used.
func TestProofsAreKeptInMind(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := service(t, testkit.Store(t))
		h := newHolder(t, jose.ES256, ec(t), nil)
		proof := h.proof(t, told(map[string]any{"iat": time.Now().Add(ahead - time.Second).Unix()}))
		if _, err := s.Verify(t.Context(), proof, ofCall()); err != nil {
			t.Fatal(err)
		}
		for range 13 {
			time.Sleep(5 * time.Second)
			if _, err := s.Verify(t.Context(), proof, ofCall()); err == nil {
				t.Fatal("a proof counts again")
			}
		}
	})
}
