package password

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"postern/internal/project"
	"postern/internal/secret"
	"postern/internal/store"
)

// The hashes of a Firebase project are made with a key of that project. It is the
// same for all of its users, and whoever has it and a row can guess offline, so it
// is sealed once, and what is stored of a hash names it by its digest.

// signerPlace is where the key with a digest is kept.
func signerPlace(projectID string, digest []byte) project.Place {
	return project.Place{Project: projectID, Kind: "passwordSigner", Entity: hex.EncodeToString(digest)}
}

// withoutSigner takes the key out of an encoded hash, if there is one.
func withoutSigner(encoded string) (stored string, signer secret.Text, err error) {
	f, ok, err := asFirebase(encoded)
	if !ok || err != nil {
		return encoded, secret.Text{}, err
	}
	signer = secret.New(string(f.signer))
	digest := sha256.Sum256(f.signer)
	f.signer = digest[:]
	return f.String(), signer, nil
}

// keepSigner seals the key of a stored hash, as part of tx, unless it is there.
func (s *Service) keepSigner(tx *store.Tx, projectID, stored string, signer secret.Text) error {
	f, ok, err := asFirebase(stored)
	if !ok || err != nil {
		return err
	}
	at := signerPlace(projectID, f.signer)
	if _, err := s.Projects.KeptIn(tx, at); !errors.Is(err, project.ErrNotKept) {
		return err
	}
	return s.Projects.Keep(tx, at, signer)
}

// verify is Hasher.Verify for what is stored of a user.
func (s *Service) verify(ctx context.Context, projectID string, password secret.Text, stored string) (ok, stale bool, err error) {
	f, is, err := asFirebase(stored)
	if err != nil {
		return false, false, err
	}
	if is {
		signer, err := s.Projects.Kept(ctx, signerPlace(projectID, f.signer))
		if err != nil {
			return false, false, fmt.Errorf("open the key of an imported hash: %w", err)
		}
		f.signer = []byte(signer.Reveal())
		stored = f.String()
	}
	return s.Hasher.Verify(ctx, projectID, password, stored)
}

func asFirebase(text string) (f firebase, ok bool, err error) {
	if !strings.HasPrefix(text, "$firebase$") {
		return firebase{}, false, nil
	}
	v, err := parse(text)
	if err != nil {
		return firebase{}, false, err
	}
	f, ok = v.(firebase)
	return f, ok, nil
}
