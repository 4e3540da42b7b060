package passkey

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"

	"postern/internal/project"
	"postern/internal/secret"
	"postern/internal/store"
	"postern/internal/user"
)

// decoys returns what stands for the passkeys of a login id that has none: the same
// each time, for no answer must tell who is a user.
func (s *Service) decoys(ctx context.Context, projectID, rpID, loginID string) ([]descriptor, error) {
	key, err := s.decoyKey(ctx, projectID)
	if err != nil {
		return nil, err
	}
	if id, err := user.LoginID(loginID); err == nil {
		loginID = id
	}
	mac := hmac.New(sha256.New, []byte(key.Reveal()))
	_, _ = fmt.Fprintf(mac, "%d:%s%s", len(rpID), rpID, loginID) // a hash takes everything
	return []descriptor{{Type: publicKey, ID: encode(mac.Sum(nil))}}, nil
}

// decoyKey returns the key that decoys of a project are made with.
func (s *Service) decoyKey(ctx context.Context, projectID string) (secret.Text, error) {
	at := project.Place{Project: projectID, Kind: "passkey", Entity: "decoy", Field: "key"}
	key, err := s.Projects.Kept(ctx, at)
	if !errors.Is(err, project.ErrNotKept) {
		return key, err
	}
	err = s.DB.Write(ctx, func(_ context.Context, tx *store.Tx) error {
		if key, err = s.Projects.KeptIn(tx, at); !errors.Is(err, project.ErrNotKept) {
			return err // another was quicker
		}
		var fresh [32]byte
		_, _ = rand.Read(fresh[:]) // never fails: crypto/rand ends the program instead
		key = secret.New(base64.StdEncoding.EncodeToString(fresh[:]))
		return s.Projects.Keep(tx, at, key)
	})
	return key, err
}
