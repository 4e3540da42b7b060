// Package dpop verifies that whoever makes a call has the private key that a token is
// bound to (RFC 9449): a token that was stolen is of no use without it.
//
// Which tokens are bound, and which calls need a proof, is for those above.
package dpop

import (
	"context"
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"net/url"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-json-experiment/json"

	"postern/internal/fault"
	"postern/internal/limit"
	"postern/internal/secret"
)

// What callers are told.
var (
	ErrProof = fault.New(fault.Unauthenticated, "P40115", "the DPoP proof of the call does not count").
			WithHint("it is a JWT of the type dpop+jwt, signed anew for each call, with jwk, htm, htu, iat, jti, and ath where a token is shown")
	ErrReplayed = fault.New(fault.Unauthenticated, "P40116", "the DPoP proof was used before; make a new one for each call")
	ErrNoProof  = fault.New(fault.Unauthenticated, "P40117", "the token is bound to a key: the call needs a DPoP proof by that key")
)

// How old a proof may be, and how far ahead of this clock.
const (
	oldest = 60 * time.Second
	ahead  = 5 * time.Second
)

// The bounds of a proof, in bytes, and of an RSA key, in bits.
const (
	maxProof = 8 << 10
	maxID    = 128
	minRSA   = 2048
)

// once lets each proof count one time for as long as it could.
func once() limit.Rule { return limit.Rule{Scope: "dpop", Max: 1, Within: 2 * (oldest + ahead)} }

// algorithms are those that a proof may be signed with: no symmetric one, and not
// "none".
func algorithms() []jose.SignatureAlgorithm {
	return []jose.SignatureAlgorithm{
		jose.ES256, jose.ES384, jose.ES512, jose.RS256, jose.RS384, jose.RS512, jose.PS256, jose.PS384, jose.PS512, jose.EdDSA,
	}
}

// Service verifies proofs.
type Service struct {
	Limits *limit.Service // keeps in mind which proofs were used
	Nonces *Nonces        // that proofs must bring; nil asks for none
}

// A Call is what a proof must be for.
type Call struct {
	Project string
	Method  string
	URL     string      // of the call; query and fragment do not count
	Token   secret.Text // that is shown beside the proof; empty for none
	// Bound is the thumbprint that the token is bound to; empty for none.
	Bound string
	// Renews says that the call is one that gives tokens: the proof need not name the
	// one that is shown (RFC 9449 §5).
	Renews bool
}

// Verify checks a proof and returns the thumbprint of its key (RFC 7638). It takes
// each one time, on all servers together; one that does not count is not kept in mind.
func (s *Service) Verify(ctx context.Context, proof string, c Call) (thumbprint string, err error) {
	now := time.Now()
	thumbprint, in, err := check(proof, c, now)
	if err != nil {
		return "", err
	}
	if c.Bound != "" && subtle.ConstantTimeCompare([]byte(c.Bound), []byte(thumbprint)) != 1 {
		return "", ErrProof
	}
	if err := s.Nonces.check(c.Project, in.Nonce, now); err != nil {
		return "", err
	}
	err = s.Limits.Hit(ctx, c.Project, once(), thumbprint+" "+in.ID)
	if errors.Is(err, limit.ErrExceeded) {
		return "", ErrReplayed
	}
	return thumbprint, err
}

// claims are those of a proof (RFC 9449 §4.2).
type claims struct {
	ID       string  `json:"jti"`
	Method   string  `json:"htm"`
	URL      string  `json:"htu"`
	IssuedAt float64 `json:"iat"`
	Token    string  `json:"ath"`
	Nonce    string  `json:"nonce"`
}

// check does all that RFC 9449 §4.3 asks for but to see whether the proof is new.
func check(proof string, c Call, now time.Time) (thumbprint string, in claims, err error) {
	if len(proof) > maxProof {
		return "", in, ErrProof
	}
	payload, thumbprint, ok := opened(proof)
	if !ok || json.Unmarshal(payload, &in) != nil {
		return "", in, ErrProof
	}
	age := now.Sub(time.UnixMilli(int64(in.IssuedAt * 1000)))
	switch {
	case in.ID == "" || len(in.ID) > maxID,
		in.Method != c.Method,
		!same(in.URL, c.URL),
		in.IssuedAt <= 0 || age >= oldest || age <= -ahead,
		!in.names(c):
		return "", in, ErrProof
	}
	return thumbprint, in, nil
}

// names reports whether a proof is for the token that is shown.
func (in *claims) names(c Call) bool {
	if c.Token.IsZero() || in.Token == "" && c.Renews {
		return true
	}
	sum := sha256.Sum256([]byte(c.Token.Reveal()))
	return subtle.ConstantTimeCompare([]byte(base64.RawURLEncoding.EncodeToString(sum[:])), []byte(in.Token)) == 1
}

// opened verifies the signature of a proof by the public key in its header, and
// returns what it says and the thumbprint of that key.
func opened(proof string) (payload []byte, thumbprint string, ok bool) {
	jws, err := jose.ParseSignedCompact(proof, algorithms())
	if err != nil || len(jws.Signatures) != 1 {
		return nil, "", false
	}
	header := jws.Signatures[0].Protected
	key := header.JSONWebKey
	if header.ExtraHeaders[jose.HeaderType] != "dpop+jwt" || key == nil || !key.Valid() { // a private one is refused above
		return nil, "", false
	}
	if weak, isRSA := key.Key.(*rsa.PublicKey); isRSA && weak.N.BitLen() < minRSA {
		return nil, "", false
	}
	if payload, err = jws.Verify(key); err != nil {
		return nil, "", false
	}
	sum, err := key.Thumbprint(crypto.SHA256)
	return payload, base64.RawURLEncoding.EncodeToString(sum), err == nil
}

// same reports whether two addresses are one, query and fragment apart. Hosts are
// compared without case, and a port that is the usual one is as good as none (RFC
// 9449 §4.3, RFC 3986 §6.2).
func same(a, b string) bool {
	x, ok := normal(a)
	y, also := normal(b)
	return ok && also && x == y
}

func normal(s string) (string, bool) {
	u, err := url.Parse(s)
	if err != nil || u.Scheme == "" || u.Hostname() == "" || u.User != nil {
		return "", false
	}
	if strings.Contains(u.Hostname(), ":") && !strings.HasPrefix(u.Host, "[") {
		return "", false // RFC 3986 §3.2.2: an address of IPv6 has brackets
	}
	scheme, host := strings.ToLower(u.Scheme), strings.TrimSuffix(strings.ToLower(u.Host), ":") // a port that is blank is none
	for _, usual := range [][2]string{{"https", ":443"}, {"http", ":80"}} {
		if scheme == usual[0] {
			host = strings.TrimSuffix(host, usual[1])
		}
	}
	path := "/" + strings.TrimLeft(u.EscapedPath(), "/") // clients put a second slash there
	return scheme + "://" + host + path, true
}
