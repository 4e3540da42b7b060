package api

import (
	"context"

	"postern/internal/challenge"
	"postern/internal/message"
	"postern/internal/session"
)

// enchantedAnswer is what who waits for an enchanted link is given.
type enchantedAnswer struct {
	Pending string `json:"pendingRef"` // to ask for the session with
	Number  string `json:"linkId"`     // of the right link, to be shown
	Email   string `json:"maskedEmail"`
}

// pendingRequest is the body of who waits.
type pendingRequest struct {
	Pending  string `json:"pendingRef"`
	Verifier string `json:"pkceVerifier,omitempty"` // of the challenge that it began with; of nOTP alone
}

// sendEnchanted makes the operation that sends three links.
func sendEnchanted[In any, P interface {
	*In
	asked
}](s *Server, act challenge.Act) operation {
	return call(func(ctx context.Context, in *In) (*enchantedAnswer, error) {
		b, err := s.EnchantedLinks.Begin(ctx, requestOf(ctx, P(in), act, message.Email), P(in).target())
		if err != nil {
			return nil, err
		}
		return &enchantedAnswer{Pending: b.Pending, Number: b.Number, Email: b.Masked}, nil
	})
}

// verifyEnchanted takes the token of a link that was opened, wherever that was.
func (s *Server) verifyEnchanted(ctx context.Context, in *linkRequest) (*struct{}, error) {
	if in.Token == "" {
		return nil, errMember
	}
	return &struct{}{}, s.EnchantedLinks.Verify(ctx, callerOf(ctx).Project, in.Token, in.Verifier)
}

// pendingSession gives the session to who waits, once the right link was opened.
func (s *Server) pendingSession(ctx context.Context, in *pendingRequest) (*session.Tokens, error) {
	if in.Pending == "" {
		return nil, errMember
	}
	c := s.loginOf(ctx, "", nil)
	return s.EnchantedLinks.Session(ctx, c.Config.Project, in.Pending, c.Client)
}

// testEnchanted gives the right link of a test user.
func (s *Server) testEnchanted(ctx context.Context, in *testRequest) (*testAnswer, error) {
	request, err := s.testUser(ctx, in)
	if err != nil {
		return nil, err
	}
	b, err := s.EnchantedLinks.Generate(ctx, request, first(in.RedirectURL, in.URI))
	if err != nil {
		return nil, err
	}
	return &testAnswer{LoginID: in.LoginID, Link: b.Link, Pending: b.Pending}, nil
}
