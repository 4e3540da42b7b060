package api

import (
	"context"

	"postern/internal/secret"
)

type setPasswordRequest struct {
	LoginID  string `json:"loginId"` // or a user id
	Password string `json:"password"`
	Active   bool   `json:"setActive"`
}

// setPasswordAnswer has the password where the server made it up: it is in this
// answer only.
type setPasswordAnswer struct {
	Cleartext string `json:"cleartext"`
}

func (s *Server) setPassword(ctx context.Context, in *setPasswordRequest) (*setPasswordAnswer, error) {
	return s.givePassword(ctx, in, !in.Active)
}

func (s *Server) setActivePassword(ctx context.Context, in *setPasswordRequest) (*setPasswordAnswer, error) {
	return s.givePassword(ctx, in, false)
}

func (s *Server) setTemporaryPassword(ctx context.Context, in *setPasswordRequest) (*setPasswordAnswer, error) {
	return s.givePassword(ctx, in, true)
}

// givePassword sets the password of a user, or one that it makes up.
func (s *Server) givePassword(ctx context.Context, in *setPasswordRequest, temporary bool) (*setPasswordAnswer, error) {
	u, err := s.userReached(ctx, whoBody{LoginID: in.LoginID})
	if err != nil {
		return nil, err
	}
	c, err := s.configOf(ctx)
	if err != nil {
		return nil, err
	}
	out, text := &setPasswordAnswer{}, secret.New(in.Password)
	if text.IsZero() {
		if text, err = s.Passwords.Generate(ctx, c, u); err != nil {
			return nil, err
		}
		out.Cleartext = text.Reveal()
	}
	return out, s.Passwords.Set(ctx, callerOf(ctx).Origin, c, u, text, temporary)
}

type expirePasswordRequest struct {
	LoginID string `json:"loginId"` // or a user id
}

func (s *Server) expirePassword(ctx context.Context, in *expirePasswordRequest) (*empty, error) {
	u, err := s.userReached(ctx, whoBody{LoginID: in.LoginID})
	if err != nil {
		return nil, err
	}
	return &empty{}, s.Passwords.Expire(ctx, callerOf(ctx).Origin, u)
}
