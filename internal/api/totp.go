package api

import (
	"context"
	"encoding/base64"

	"postern/internal/secret"
	"postern/internal/session"
	"postern/internal/totp"
	"postern/internal/user"
)

type totpSignUpRequest struct {
	LoginID string            `json:"loginId"`
	User    wireSignUp        `json:"user"`
	Options *wireLoginOptions `json:"loginOptions"` // ours: of it the tenant that the login id comes with
}

// seedAnswer is what an authenticator app is set up with.
type seedAnswer struct {
	URL   string `json:"provisioningURL"`
	Image string `json:"image"` // PNG, in base64
	Key   string `json:"key"`   // base32
}

func seedOnWire(e *totp.Enrolment, err error) (*seedAnswer, error) {
	if err != nil {
		return nil, err
	}
	return &seedAnswer{URL: e.URL.Reveal(), Image: base64.StdEncoding.EncodeToString(e.Image), Key: e.Key.Reveal()}, nil
}

func (s *Server) totpSignUp(ctx context.Context, in *totpSignUpRequest) (*seedAnswer, error) {
	c := callerOf(ctx).Config
	return seedOnWire(s.TOTP.SignUp(ctx, c, user.Home(c, in.Options.options().Tenant), in.LoginID, in.User.profile()))
}

type totpUpdateRequest struct {
	LoginID string `json:"loginId"` // one of the user who is signed in
}

func (s *Server) totpUpdate(ctx context.Context, in *totpUpdateRequest) (*seedAnswer, error) {
	now, err := s.current(ctx, in.LoginID)
	if err != nil {
		return nil, err
	}
	return seedOnWire(s.TOTP.Update(ctx, callerOf(ctx).Config, now))
}

type totpVerifyRequest struct {
	LoginID string            `json:"loginId"`
	Code    string            `json:"code"`
	Options *wireLoginOptions `json:"loginOptions"`
}

func (s *Server) totpVerify(ctx context.Context, in *totpVerifyRequest) (*session.Tokens, error) {
	claims(ctx, session.AMRTOTP, in.LoginID)
	return s.TOTP.Verify(ctx, totp.Verification{Login: s.loginOf(ctx, session.AMRTOTP, in.Options), LoginID: in.LoginID, Code: secret.New(in.Code)})
}
