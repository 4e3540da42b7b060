package api

import (
	"context"

	"postern/internal/challenge"
	"postern/internal/message"
	"postern/internal/otp"
	"postern/internal/session"
)

// codeRequest is a code that somebody shows.
type codeRequest struct {
	LoginID  string `json:"loginId"`
	Code     string `json:"code"`
	Verifier string `json:"pkceVerifier,omitempty"` // of the challenge that it was asked for with
}

// sendCode makes the operation that sends a code. In is one of the bodies of
// messages.
func sendCode[In any, P interface {
	*In
	asked
}](s *Server, act challenge.Act, kind message.Kind) operation {
	return call(func(ctx context.Context, in *In) (*maskedAnswer, error) {
		masked, err := s.OTP.Begin(ctx, requestOf(ctx, P(in), act, kind))
		if err != nil {
			return nil, err
		}
		out := maskedAs(kind, masked)
		out.Attempts = otp.Attempts
		return &out, nil
	})
}

// verifyCode makes the operation that signs in with a code.
func (s *Server) verifyCode(kind message.Kind) operation {
	return signing(s, func(ctx context.Context, in *codeRequest) (*session.Tokens, error) {
		if in.LoginID == "" || in.Code == "" {
			return nil, errMember
		}
		claims(ctx, challenge.AMR(kind), in.LoginID)
		c := s.loginOf(ctx, "", nil)
		return s.OTP.Verify(ctx, otp.Answer{Project: c.Config.Project, Kind: kind, LoginID: in.LoginID, Code: in.Code, Verifier: in.Verifier, Client: c.Client})
	})
}

// testCode gives the code of a test user.
func (s *Server) testCode(ctx context.Context, in *testRequest) (*testAnswer, error) {
	request, err := s.testUser(ctx, in)
	if err != nil {
		return nil, err
	}
	code, err := s.OTP.Generate(ctx, request)
	if err != nil {
		return nil, err
	}
	return &testAnswer{LoginID: in.LoginID, Code: code}, nil
}
