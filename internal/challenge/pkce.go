package challenge

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"strings"

	"postern/internal/fault"
)

// What callers are told of the proof key of a sign-in (RFC 7636).
var (
	ErrCodeChallenge = fault.New(fault.Invalid, "E011003", "Request is invalid: pkceChallenge must be the SHA-256 of the verifier in base64url, 43 characters")
	ErrVerifier      = fault.New(fault.Unauthenticated, "P40114", "The sign-in was begun elsewhere: pkceVerifier is missing, or not the one of pkceChallenge")
)

// The characters of a verifier (RFC 7636 §4.1).
const unreserved = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~"

// checkCodeChallenge refuses what cannot be the SHA-256 of a verifier. The method
// "plain" of the RFC is not taken: it hides nothing.
func checkCodeChallenge(s string) error {
	if s == "" {
		return nil
	}
	if raw, err := base64.RawURLEncoding.Strict().DecodeString(s); err != nil || len(raw) != sha256.Size {
		return ErrCodeChallenge
	}
	return nil
}

// Shows reports whether who completes a proof is who began it: where that one gave a
// code challenge, the verifier of it must be shown (RFC 7636 §4.6).
func (p *Pending) Shows(verifier string) bool {
	if p.CodeChallenge == "" {
		return true
	}
	if len(verifier) < 43 || len(verifier) > 128 || strings.Trim(verifier, unreserved) != "" {
		return false
	}
	sum := sha256.Sum256([]byte(verifier))
	return subtle.ConstantTimeCompare([]byte(base64.RawURLEncoding.EncodeToString(sum[:])), []byte(p.CodeChallenge)) == 1
}
