package secret

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"fmt"

	"github.com/tink-crypto/tink-go/v2/aead/aesgcm"
	"github.com/tink-crypto/tink-go/v2/insecuresecretdataaccess"
	"github.com/tink-crypto/tink-go/v2/keyset"
)

// Fingerprint returns what tells whether two values for one binding are the same,
// to whoever compares fingerprints and does not know the key. It is HMAC-SHA-256
// under a key that is derived from the data key (RFC 5869): without that key
// values cannot be guessed and tried, and equal values of two projects have
// different fingerprints.
func (k *DataKey) Fingerprint(b Binding, value Text) ([]byte, error) {
	if err := k.check(b); err != nil {
		return nil, err
	}
	if value.IsZero() {
		return nil, errNoSecret
	}
	mac := hmac.New(sha256.New, k.mark)
	mac.Write(b.context())
	mac.Write([]byte(value.Reveal()))
	return mac.Sum(nil), nil
}

// markKey derives the key of fingerprints from a data key.
func markKey(h *keyset.Handle, project string) ([]byte, error) {
	entry, err := h.Primary()
	if err != nil {
		return nil, err
	}
	key, ok := entry.Key().(*aesgcm.Key)
	if !ok {
		return nil, fmt.Errorf("a data key is of the type %T", entry.Key())
	}
	// Tink's own keys for this cannot be derived from another key.
	raw := key.KeyBytes().Data(insecuresecretdataaccess.Token{})
	return hkdf.Key(sha256.New, raw, nil, string(join("postern fingerprint 1", project)), sha256.Size)
}
