package key

import (
	"bytes"
	"crypto/sha256"
	"sync"
)

// mostKnown bounds the tokens of each of two generations that are remembered; a
// token has some hundred bytes.
const mostKnown = 4096

// known is tokens whose signatures were verified, by their SHA-256: who shows one
// token with each request is not verified each time, which costs more than all else
// of such a request. That its key still verifies is looked up each time, and when it
// ends is for who reads it. The zero value knows none.
type known struct {
	mu         sync.Mutex
	young, old map[[sha256.Size]byte]verified
}

// A verified token is what its payload is and which key signed it.
type verified struct {
	kid     string
	payload []byte
}

func fingerprint(project, token string) [sha256.Size]byte {
	return sha256.Sum256([]byte(project + " " + token)) // an id has no spaces
}

func (k *known) find(sum [sha256.Size]byte) (verified, bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	v, ok := k.young[sum]
	if !ok {
		if v, ok = k.old[sum]; ok {
			k.keep(sum, v)
		}
	}
	v.payload = bytes.Clone(v.payload)
	return v, ok
}

func (k *known) add(sum [sha256.Size]byte, v verified) {
	v.payload = bytes.Clone(v.payload)
	k.mu.Lock()
	defer k.mu.Unlock()
	k.keep(sum, v)
}

// keep puts v among the young; where these are too many, the old are forgotten.
func (k *known) keep(sum [sha256.Size]byte, v verified) {
	if k.young == nil || len(k.young) >= mostKnown {
		k.old, k.young = k.young, map[[sha256.Size]byte]verified{}
	}
	k.young[sum] = v
}
