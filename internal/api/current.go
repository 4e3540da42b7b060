package api

import (
	"context"
	"slices"

	"postern/internal/session"
	"postern/internal/user"
)

// current returns who calls with a refresh token. A login id in the body of such a
// call says for whom it is meant: it must be one of theirs, or their user id.
func (s *Server) current(ctx context.Context, loginID string) (*session.Current, error) {
	now := currentOf(ctx)
	if now == nil || now.User == nil {
		return nil, errNobody
	}
	if err := now.Own(); err != nil {
		return nil, err
	}
	return now, theirs(now, loginID)
}

// shown is current for calls that need a token only for a step-up or a further factor;
// nil where none is shown.
func (s *Server) shown(ctx context.Context, loginID string) (*session.Current, error) {
	c := callerOf(ctx)
	if c.Token.IsZero() {
		return nil, nil
	}
	now, err := s.Sessions.Current(ctx, c.Config, c.Token, clientOf(c))
	if err != nil {
		return nil, err
	}
	if now.User == nil {
		return nil, errNobody
	}
	return now, theirs(now, loginID)
}

// theirs refuses a login id that is not of who is signed in.
func theirs(now *session.Current, loginID string) error {
	if loginID == "" || loginID == now.User.ID {
		return nil
	}
	id, err := user.LoginID(loginID)
	if err != nil {
		return err
	}
	if !slices.Contains(now.User.LoginIDs, id) {
		return session.ErrOtherUser
	}
	return nil
}
