package api

import (
	"context"
	"time"

	"postern/internal/challenge"
	"postern/internal/message"
	"postern/internal/password"
	"postern/internal/secret"
	"postern/internal/session"
)

// linkRequest is the token of a link that somebody opened.
type linkRequest struct {
	Token    string `json:"token"`
	Verifier string `json:"pkceVerifier,omitempty"` // of the challenge that it was asked for with
}

// sendLink makes the operation that sends a magic link.
func sendLink[In any, P interface {
	*In
	asked
}](s *Server, act challenge.Act, kind message.Kind) operation {
	return call(func(ctx context.Context, in *In) (*maskedAnswer, error) {
		masked, err := s.MagicLinks.Begin(ctx, requestOf(ctx, P(in), act, kind), P(in).target())
		if err != nil {
			return nil, err
		}
		out := maskedAs(kind, masked)
		return &out, nil
	})
}

// verifyLink signs in with the token of a magic link or of an embedded one.
func (s *Server) verifyLink(ctx context.Context, in *linkRequest) (*session.Tokens, error) {
	if in.Token == "" {
		return nil, errMember
	}
	c := s.loginOf(ctx, "", nil)
	if password.IsResetToken(in.Token) {
		return s.Passwords.VerifyReset(ctx, c.Config, secret.New(in.Token), c.Client)
	}
	return s.MagicLinks.Verify(ctx, c.Config.Project, in.Token, in.Verifier, c.Client)
}

// embeddedSignIn is the body that makes an embedded link of a user.
type embeddedSignIn struct {
	LoginID string         `json:"loginId"`
	Claims  map[string]any `json:"customClaims,omitempty"`
	Tenant  string         `json:"tenantId,omitempty"` // that the login id comes with
	Timeout number         `json:"timeout,omitempty"`  // seconds; the setting is the most
}

// embeddedSignUp is the body that makes an embedded link of somebody new.
type embeddedSignUp struct {
	LoginID       string            `json:"loginId"`
	User          wireSignUp        `json:"user"`
	EmailVerified bool              `json:"emailVerified,omitempty"`
	PhoneVerified bool              `json:"phoneVerified,omitempty"`
	Options       *wireLoginOptions `json:"loginOptions,omitempty"`
	Timeout       number            `json:"timeout,omitempty"`
}

// embeddedAnswer is an embedded link, and where its user could be reached.
type embeddedAnswer struct {
	Token string `json:"token"`
	Email string `json:"maskedEmail,omitempty"`
	Phone string `json:"maskedPhone,omitempty"`
}

func (s *Server) embedSignIn(ctx context.Context, in *embeddedSignIn) (*embeddedAnswer, error) {
	return s.embed(ctx, challenge.Request{Act: challenge.SignIn, LoginID: in.LoginID, Options: session.Options{CustomClaims: in.Claims, Tenant: in.Tenant}}, in.Timeout)
}

func (s *Server) embedSignUp(ctx context.Context, in *embeddedSignUp) (*embeddedAnswer, error) {
	request := challenge.Request{Act: challenge.SignUp, LoginID: first(in.LoginID, in.User.LoginID), Profile: in.User.profile(), Options: in.Options.options()}
	request.Verified.Email, request.Verified.Phone = in.EmailVerified, in.PhoneVerified
	return s.embed(ctx, request, in.Timeout)
}

func (s *Server) embed(ctx context.Context, request challenge.Request, timeout number) (*embeddedAnswer, error) {
	c, err := s.configOf(ctx)
	if err != nil {
		return nil, err
	}
	request.Config = c
	if timeout > 0 {
		request.Lifetime = time.Duration(timeout) * time.Second
	}
	link, err := s.MagicLinks.Embed(ctx, request)
	if err != nil {
		return nil, err
	}
	return &embeddedAnswer{Token: link.Token, Email: link.Masked.Email, Phone: link.Masked.Phone}, nil
}

// testLink gives the magic link of a test user.
func (s *Server) testLink(ctx context.Context, in *testRequest) (*testAnswer, error) {
	request, err := s.testUser(ctx, in)
	if err != nil {
		return nil, err
	}
	link, err := s.MagicLinks.Generate(ctx, request, first(in.RedirectURL, in.URI))
	if err != nil {
		return nil, err
	}
	return &testAnswer{LoginID: in.LoginID, Link: link}, nil
}
