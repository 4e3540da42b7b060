// Package signature signs snapshots, and says whether a signature fits the files
// that it came with.
//
// A signature is a file of the snapshot, so it travels wherever the files do.
// Which keys a project trusts, and whether it takes anything that is not signed,
// is left to its policy in package project.
package signature

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"

	"postern/internal/secret"
)

// A PublicKey names who signs: "ed25519:" and 32 bytes in base64.
type PublicKey string

const algorithm = "ed25519:"

// ParsePublicKey reads a public key as it is written in policies and in
// signatures. There is one spelling of each.
func ParsePublicKey(text string) (PublicKey, error) {
	if _, err := PublicKey(text).bytes(); err != nil {
		return "", err
	}
	return PublicKey(text), nil
}

func (k PublicKey) bytes() (ed25519.PublicKey, error) {
	encoded, is := strings.CutPrefix(string(k), algorithm)
	b, err := base64.StdEncoding.Strict().DecodeString(encoded)
	if !is || err != nil || len(b) != ed25519.PublicKeySize || publicKey(b) != k {
		return nil, fmt.Errorf("it is no public key: one is %q and 32 bytes in base64", algorithm)
	}
	return b, nil
}

func publicKey(b []byte) PublicKey {
	return PublicKey(algorithm + base64.StdEncoding.EncodeToString(b))
}

// A Key signs. It never prints. The zero value signs nothing.
type Key struct{ seed secret.Text }

// blockType is what a file with a private key says of itself (RFC 5958).
const blockType = "PRIVATE KEY"

var errKey = errors.New("it holds no private key: one is Ed25519, as PKCS#8 in PEM")

// NewKey makes a key, and what the file that keeps it holds.
func NewKey() (Key, secret.Text, error) {
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return Key{}, secret.Text{}, err
	}
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return Key{}, secret.Text{}, err
	}
	text := pem.EncodeToMemory(&pem.Block{Type: blockType, Bytes: der})
	return Key{secret.New(string(private.Seed()))}, secret.New(string(text)), nil
}

// ReadKey reads the file that keeps a key. Its errors never quote it.
func ReadKey(file []byte) (Key, error) {
	block, rest := pem.Decode(file)
	if block == nil || block.Type != blockType || strings.TrimSpace(string(rest)) != "" {
		return Key{}, errKey
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	private, is := parsed.(ed25519.PrivateKey)
	if err != nil || !is {
		return Key{}, errKey
	}
	return Key{secret.New(string(private.Seed()))}, nil
}

func (k Key) private() (ed25519.PrivateKey, error) {
	if seed := k.seed.Reveal(); len(seed) == ed25519.SeedSize {
		return ed25519.NewKeyFromSeed([]byte(seed)), nil
	}
	return nil, errKey
}

// Public is the key that others know the signer by.
func (k Key) Public() (PublicKey, error) {
	private, err := k.private()
	if err != nil {
		return "", err
	}
	public, _ := private.Public().(ed25519.PublicKey)
	return publicKey(public), nil
}
