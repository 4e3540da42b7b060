package passkey

import (
	"context"

	"postern/internal/project"
	"postern/internal/user"
)

// decoys returns what stands for the passkeys of a login id that has none: the same
// each time, for no answer must tell who is a user.
func (s *Service) decoys(ctx context.Context, projectID, rpID, home, loginID string) ([]descriptor, error) {
	pepper, err := s.Projects.Pepper(ctx, project.Place{Project: projectID, Kind: "passkey", Entity: "decoy", Field: "key"})
	if err != nil {
		return nil, err
	}
	if id, err := user.LoginID(loginID); err == nil {
		loginID = id
	}
	return []descriptor{{Type: publicKey, ID: encode(pepper.Hash(rpID, user.Key(home, loginID)))}}, nil
}
