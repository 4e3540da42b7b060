package key

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-json-experiment/json"
)

// A signer signs with one key. What all of its tokens begin with is written once.
type signer struct {
	private *ecdsa.PrivateKey
	begin   string // the header, encoded, and the dot after it
}

var errCurve = errors.New("the key is not one of the curve P-256")

func newSigner(whole jose.JSONWebKey) (*signer, error) {
	private, ok := whole.Key.(*ecdsa.PrivateKey)
	if !ok || private.Curve != elliptic.P256() {
		return nil, errCurve
	}
	header, err := json.Marshal(struct {
		Algorithm string `json:"alg"`
		Kid       string `json:"kid"`
		Type      string `json:"typ"`
	}{string(Algorithm), whole.KeyID, tokenType})
	if err != nil {
		return nil, err
	}
	return &signer{private, base64.RawURLEncoding.EncodeToString(header) + "."}, nil
}

// half is the length of each of the two numbers of a signature (RFC 7518 §3.4).
const half = 32

// compact returns a payload in the compact form of a signed token (RFC 7515 §7.1).
func (s *signer) compact(payload []byte) (string, error) {
	enc := base64.RawURLEncoding
	token := make([]byte, 0, len(s.begin)+enc.EncodedLen(len(payload))+1+enc.EncodedLen(2*half))
	token = enc.AppendEncode(append(token, s.begin...), payload)
	sum := sha256.Sum256(token)
	x, y, err := ecdsa.Sign(rand.Reader, s.private, sum[:])
	if err != nil {
		return "", err
	}
	var signature [2 * half]byte
	x.FillBytes(signature[:half])
	y.FillBytes(signature[half:])
	return string(enc.AppendEncode(append(token, '.'), signature[:])), nil
}
