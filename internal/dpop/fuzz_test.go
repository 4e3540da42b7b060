package dpop

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-json-experiment/json"
)

// FuzzProof reads proofs: whole ones, and what those would say that are signed. One that
// counts is by a key that signed it, and says what the call asks for.
func FuzzProof(f *testing.F) {
	// The same keys each time, as every process that runs the target makes them anew.
	private, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), bytes.Repeat([]byte{7}, 32))
	if err != nil {
		f.Fatal(err)
	}
	holders := []holder{newHolder(f, jose.ES256, private, nil), newHolder(f, jose.EdDSA, ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, 32)), nil)}
	var thumbprints []string
	for _, h := range holders {
		thumbprints = append(thumbprints, h.thumbprint)
		f.Add(h.proof(f, told(nil)))
	}
	for _, claims := range []map[string]any{told(nil), told(map[string]any{"iat": 1e300}), told(map[string]any{"iat": -1.5, "nonce": "n"}), told(map[string]any{"htu": "https://id.example:443/v1//auth/me?a#b"})} {
		text, err := json.Marshal(claims)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(text))
	}
	began := time.Now()
	f.Fuzz(func(t *testing.T, text string) {
		for _, proof := range []string{text, signed(t, holders[0], text)} {
			thumbprint, in, err := check(proof, ofCall(), began)
			switch {
			case err != nil && (!errors.Is(err, ErrProof) || thumbprint != ""):
				t.Errorf("%q: %q, %v", proof, thumbprint, err)
			case err == nil && (!slices.Contains(thumbprints, thumbprint) || in.Method != "GET" || in.ID == "" || !same(in.URL, target) || in.IssuedAt < float64(began.Unix()-60)):
				t.Errorf("%q counts: %q, %+v", proof, thumbprint, in)
			}
		}
	})
}

func signed(t *testing.T, h holder, payload string) string {
	t.Helper()
	jws, err := h.signer.Sign([]byte(payload))
	if err != nil {
		t.Fatal(err)
	}
	out, err := jws.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// FuzzURL compares the URL that a proof names with that of a call. One that is
// written in another way is read again as the same, and two are one or not whichever
// comes first.
func FuzzURL(f *testing.F) {
	for _, seed := range [][2]string{{target, target + "?a=b#c"}, {"HTTPS://ID.example:443//v1/auth/me", target}, {"http://[::1]:80/a%2Fb", "http://[::1]/a/b"}, {"https://u@id.example/", "//id.example"}, {"https://id.example:4430:443/", ""}} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		if same(a, b) != same(b, a) {
			t.Errorf("%q and %q are one in one order", a, b)
		}
		if text, ok := normal(a); ok {
			if again, ok := normal(text); !ok || again != text {
				t.Errorf("%q is %q, and that is %q", a, text, again)
			}
		}
	})
}
