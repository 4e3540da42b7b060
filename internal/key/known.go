package key

import (
	"crypto/sha256"
	"sync"
)

// mostKnown bounds the tokens of each of two generations that are remembered; one
// takes about a hundred bytes, so all of them some megabytes.
const mostKnown = 32 << 10

// known is tokens whose signatures are right, by their SHA-256, with the key that
// signed them: this process verified them, or made them. Who shows one token with
// each request is not verified each time, which costs more than all else of such a
// request; nor is who brings back a refresh token that was made here. That the key
// still verifies is looked up each time, and when a token ends is for who reads it.
// The zero value knows none.
type known struct {
	mu         sync.Mutex
	young, old map[[sha256.Size]byte]string // → kid
}

func fingerprint(project, token string) [sha256.Size]byte {
	return sha256.Sum256([]byte(project + " " + token)) // an id has no spaces
}

func (k *known) find(sum [sha256.Size]byte) (kid string, ok bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	kid, ok = k.young[sum]
	if !ok {
		if kid, ok = k.old[sum]; ok {
			k.keep(sum, kid)
		}
	}
	return kid, ok
}

func (k *known) add(sum [sha256.Size]byte, kid string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.keep(sum, kid)
}

// keep puts a token among the young; where these are too many, the old are forgotten.
func (k *known) keep(sum [sha256.Size]byte, kid string) {
	if k.young == nil || len(k.young) >= mostKnown {
		k.old, k.young = k.young, map[[sha256.Size]byte]string{}
	}
	k.young[sum] = kid
}
