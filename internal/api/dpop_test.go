package api

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"net/http/httptest"
	"strconv"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-json-experiment/json"

	"postern/internal/dpop"
	"postern/internal/snapshot"
	"postern/internal/testkit"
)

// A prover signs proofs for the calls of a client.
type prover struct {
	signer     jose.Signer
	thumbprint string
	n          int
	nonce      string // of the server
}

func newProver(t *testing.T) *prover {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: key}, (&jose.SignerOptions{EmbedJWK: true}).WithType("dpop+jwt"))
	if err != nil {
		t.Fatal(err)
	}
	sum, err := (&jose.JSONWebKey{Key: key}).Thumbprint(crypto.SHA256)
	if err != nil {
		t.Fatal(err)
	}
	return &prover{signer: signer, thumbprint: base64.RawURLEncoding.EncodeToString(sum)}
}

// proof makes the proof of a call; token is that which it shows, or empty.
func (p *prover) proof(t *testing.T, method, path, token string) string {
	t.Helper()
	p.n++
	claims := map[string]any{"jti": strconv.Itoa(p.n), "htm": method, "htu": "http://example.com" + path, "iat": time.Now().Unix()}
	if p.nonce != "" {
		claims["nonce"] = p.nonce
	}
	if token != "" {
		sum := sha256.Sum256([]byte(token))
		claims["ath"] = base64.RawURLEncoding.EncodeToString(sum[:])
	}
	payload, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	jws, err := p.signer.Sign(payload)
	if err != nil {
		t.Fatal(err)
	}
	out, err := jws.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// A session that began with a proof goes on with proofs of the same key only.
func TestBoundSessions(t *testing.T) {
	t.Parallel()
	testkit.Databases(t, func(t *testing.T, url string) {
		b := setup(t, url)
		b.open(t, snapshot.Files{"auth/otp.json": []byte(`{"enabled":true,"rateLimitRetries":50}`)})
		mine, other := newProver(t), newProver(t)
		call := func(method, path, body, token string, proofs ...string) *httptest.ResponseRecorder {
			t.Helper()
			headers := b.as(token)
			for _, proof := range proofs {
				headers = append(headers, "DPoP", proof)
			}
			return b.send(t, method, path, body, headers...)
		}
		const verify = "/v1/auth/otp/verify/sms"
		answered[maskedAnswer](t, b.person(t, "/v1/auth/otp/signup/sms", `{"phone":"+12025550143","loginId":"ada","user":{"email":"ada@a.example"}}`, ""))
		code := `{"loginId":"ada","code":"` + b.lastCode(t) + `"}`
		wantFault(t, call("POST", verify, code, "", mine.proof(t, "GET", verify, "")), 401, "P40115")
		first := answered[wireTokens](t, call("POST", verify, code, "", mine.proof(t, "POST", verify, "")))
		if cnf, _ := first.Claims["cnf"].(map[string]any); cnf["jkt"] != mine.thumbprint {
			t.Fatalf("%v", first.Claims)
		}

		const me, refresh, validate = "/v1/auth/me", "/v1/auth/refresh", "/v1/auth/validate"
		wantFault(t, call("GET", me, "", first.Refresh), 401, "P40117")
		wantFault(t, call("GET", me, "", first.Refresh, other.proof(t, "GET", me, first.Refresh)), 401, "P40115")
		wantFault(t, call("GET", me, "", first.Refresh, mine.proof(t, "GET", me, "")), 401, "P40115")
		proof := mine.proof(t, "GET", me, first.Refresh)
		answered[wireUser](t, call("GET", me, "", first.Refresh, proof))
		wantFault(t, call("GET", me, "", first.Refresh, proof), 401, "P40116")

		wantFault(t, call("POST", refresh, `{}`, first.Refresh), 401, "P40117")
		second := answered[wireTokens](t, call("POST", refresh, `{}`, first.Refresh, mine.proof(t, "POST", refresh, "")))
		if cnf, _ := second.Claims["cnf"].(map[string]any); cnf["jkt"] != mine.thumbprint {
			t.Errorf("%v", second.Claims)
		}
		// Without a proof the token is as good as none where none is needed.
		if w := call("POST", "/v1/auth/try-refresh", `{}`, first.Refresh); w.Code != 200 || w.Body.String() != "{}\n" && w.Body.String() != "{}" {
			t.Errorf("%d %s", w.Code, w.Body)
		}
		if got := answered[wireTokens](t, call("POST", "/v1/auth/try-refresh", `{}`, first.Refresh, mine.proof(t, "POST", "/v1/auth/try-refresh", ""))); got.Session == "" {
			t.Errorf("%+v", got)
		}
		// Who asks what a token says is not who holds it.
		answered[validAnswer](t, call("POST", validate, `{}`, second.Session))

		// A further factor is for the same key, though its code shows no token.
		const signIn, factor = "/v1/auth/otp/signin/email", "/v1/auth/otp/verify/email"
		answered[maskedAnswer](t, call("POST", signIn, `{"loginId":"ada","loginOptions":{"mfa":true}}`, first.Refresh, mine.proof(t, "POST", signIn, first.Refresh)))
		code = `{"loginId":"ada","code":"` + b.lastCode(t) + `"}`
		wantFault(t, call("POST", factor, code, ""), 401, "P40118")
		wantFault(t, call("POST", factor, code, "", other.proof(t, "POST", factor, "")), 401, "P40118")
		answered[wireTokens](t, call("POST", factor, code, "", mine.proof(t, "POST", factor, "")))

		// Who brings no proof gets tokens that take none.
		answered[maskedAnswer](t, b.person(t, signIn, `{"loginId":"ada"}`, ""))
		free := answered[wireTokens](t, b.person(t, factor, `{"loginId":"ada","code":"`+b.lastCode(t)+`"}`, ""))
		answered[wireUser](t, call("GET", me, "", free.Refresh))
		if free.Claims["cnf"] != nil {
			t.Errorf("%v", free.Claims)
		}
	})
}

// A server that asks for nonces says so to a proof without, and takes the next one.
func TestProofsWithNonces(t *testing.T) {
	t.Parallel()
	testkit.Databases(t, func(t *testing.T, url string) {
		b := setup(t, url)
		b.DPoP.Nonces = &dpop.Nonces{Master: b.Projects.Master}
		b.open(t, snapshot.Files{"auth/otp.json": []byte(`{"enabled":true}`)})
		answered[maskedAnswer](t, b.person(t, "/v1/auth/otp/signup/sms", `{"phone":"+12025550143","loginId":"ada"}`, ""))
		const verify = "/v1/auth/otp/verify/sms"
		code := `{"loginId":"ada","code":"` + b.lastCode(t) + `"}`
		mine := newProver(t)
		call := func() *httptest.ResponseRecorder {
			return b.send(t, "POST", verify, code, append(b.as(""), "DPoP", mine.proof(t, "POST", verify, ""))...)
		}
		for _, nonce := range []string{"", "made up"} {
			mine.nonce = nonce
			w := call()
			wantFault(t, w, 401, "P40119")
			if w.Header().Get("WWW-Authenticate") != `DPoP error="use_dpop_nonce"` || w.Header().Get("DPoP-Nonce") == "" {
				t.Errorf("%v", w.Header())
			}
			mine.nonce = w.Header().Get("DPoP-Nonce")
		}
		in := answered[wireTokens](t, call())
		// It counts for further calls, and who brings no proof is not asked for one.
		answered[wireUser](t, b.send(t, "GET", "/v1/auth/me", "", append(b.as(in.Refresh), "DPoP", mine.proof(t, "GET", "/v1/auth/me", in.Refresh))...))
		w := b.person(t, "/v1/auth/otp/signin/sms", `{"loginId":"ada"}`, "")
		answered[maskedAnswer](t, w)
		if len(w.Header().Values("DPoP-Nonce")) > 0 {
			t.Errorf("%v", w.Header())
		}
	})
}
