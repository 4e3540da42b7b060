package session

import (
	"context"

	"postern/internal/limit"
)

// SignUps bound how many strangers become users of a project. A rule whose Max is 0
// bounds nothing.
type SignUps struct {
	Project limit.Rule // all of them
	Address limit.Rule // those from one address
}

// Admit counts a stranger who is about to become a user, or refuses one too many with
// limit.ErrExceeded. Methods call it before the work and the transaction of a sign-up.
func (s *Service) Admit(ctx context.Context, projectID string, client Client) error {
	var attempts []limit.Attempt
	if s.SignUps.Project.Max > 0 {
		attempts = append(attempts, limit.Attempt{Rule: s.SignUps.Project, Subject: "all"})
	}
	if s.SignUps.Address.Max > 0 && client.Counted != "" {
		attempts = append(attempts, limit.Attempt{Rule: s.SignUps.Address, Subject: client.Counted})
	}
	if len(attempts) == 0 {
		return nil
	}
	return s.Limits.HitAll(ctx, projectID, attempts...)
}
