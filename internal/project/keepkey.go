package project

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"

	"postern/internal/secret"
	"postern/internal/store"
)

// A Pepper is a key of a project for hashes of what is too short to be hashed without
// one: answers, codes. It is kept sealed, so whoever has only the database cannot try
// all there are.
type Pepper struct{ key secret.Text }

// Pepper returns the one that is kept at a place. It is made at its first use.
func (s *Service) Pepper(ctx context.Context, at Place) (Pepper, error) {
	key, err := s.Kept(ctx, at)
	if !errors.Is(err, ErrNotKept) {
		return Pepper{key}, err
	}
	err = s.DB.Write(ctx, func(_ context.Context, tx *store.Tx) error {
		if key, err = s.KeptIn(tx, at); !errors.Is(err, ErrNotKept) {
			return err // another was quicker
		}
		var fresh [32]byte
		_, _ = rand.Read(fresh[:]) // never fails: crypto/rand ends the program instead
		key = secret.New(base64.StdEncoding.EncodeToString(fresh[:]))
		return s.Keep(tx, at, key)
	})
	return Pepper{key}, err
}

// Hash returns the HMAC-SHA-256 of parts. The parts ("a", "bc") and ("ab", "c")
// differ.
func (p Pepper) Hash(parts ...string) []byte {
	mac := hmac.New(sha256.New, []byte(p.key.Reveal()))
	for _, part := range parts {
		_, _ = fmt.Fprintf(mac, "%d:%s", len(part), part) // a hash takes everything
	}
	return mac.Sum(nil)
}
