package challenge

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"

	"postern/internal/project"
	"postern/internal/secret"
	"postern/internal/store"
)

// A pepper is the key under which codes are hashed: whoever has the rows alone
// cannot try them all. It is made once for a project, and sealed like a secret.
type pepper [sha256.Size]byte

// prepare makes sure that the project has a pepper, and that it is at hand.
func (s *Service) prepare(ctx context.Context, id string) error {
	_, err := s.pepper(ctx, id)
	return err
}

func (s *Service) pepper(ctx context.Context, id string) (pepper, error) {
	if v, ok := s.peppers.Load(id); ok {
		return v.(pepper), nil
	}
	place := project.Place{Project: id, Kind: "pepper", Entity: "codes"}
	value, err := s.Projects.Kept(ctx, place)
	if errors.Is(err, project.ErrNotKept) {
		err = s.DB.Write(ctx, func(_ context.Context, tx *store.Tx) (err error) {
			if value, err = s.Projects.KeptIn(tx, place); !errors.Is(err, project.ErrNotKept) {
				return err
			}
			var key pepper
			_, _ = rand.Read(key[:]) // never fails: crypto/rand ends the program instead
			value = secret.New(hex.EncodeToString(key[:]))
			return s.Projects.Keep(tx, place, value)
		})
	}
	if err != nil {
		return pepper{}, fmt.Errorf("key of codes: %w", err)
	}
	raw, err := hex.DecodeString(value.Reveal())
	if err != nil || len(raw) != len(pepper{}) {
		return pepper{}, errors.New("key of codes: it is not one")
	}
	key := pepper(raw)
	s.peppers.Store(id, key)
	return key, nil
}

// Seal returns what is stored of a code: a hash under the key of the project, and of
// this one proof.
func (s *Service) Seal(p *Pending, code string) ([]byte, error) {
	v, ok := s.peppers.Load(p.Project)
	if !ok {
		return nil, errors.New("the key of codes is not at hand")
	}
	key := v.(pepper)
	h := hmac.New(sha256.New, key[:])
	for _, part := range []string{p.Project, p.Method, p.ID, string(p.Salt), code} {
		_, _ = fmt.Fprintf(h, "%d:%s", len(part), part) // a hash takes everything
	}
	return h.Sum(nil), nil
}
