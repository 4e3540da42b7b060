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
	if loginID == "" || loginID == now.User.ID {
		return now, nil
	}
	id, err := user.LoginID(loginID)
	if err != nil {
		return nil, err
	}
	if !slices.Contains(now.User.LoginIDs, id) {
		return nil, session.ErrOtherUser
	}
	return now, nil
}
