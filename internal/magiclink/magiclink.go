// Package magiclink signs people in with a link in a message, or with a token that
// the customer's own system delivers (an embedded link). Invitations and resets of
// passwords are such links, too.
//
// A link holds a token of 256 bits that counts once. Opening it changes nothing:
// the page that it leads to shows the token. Who it goes to, and what it makes of
// the right token, is package challenge's.
package magiclink

import (
	"context"

	"postern/internal/challenge"
	"postern/internal/message"
	"postern/internal/project"
	"postern/internal/session"
)

// Method is the name under which its proofs are kept.
const Method = "magiclink"

// Service makes links and takes their tokens.
type Service struct {
	Challenges *challenge.Service
}

func method(c *project.Config) challenge.Method {
	m := c.Methods.MagicLink
	return challenge.Method{
		Name: Method, Enabled: m.Enabled, Lifetime: m.Lifetime, Rate: m.Rate, Purpose: message.MagicLink, Masks: m.MaskErrors,
		Messages: func(kind message.Kind) project.Messages {
			if kind == message.Email {
				return m.Email
			}
			return m.Text
		},
	}
}

// Begin sends a link to target, or to where the project says. It returns where it
// went, as an answer may show it.
func (s *Service) Begin(ctx context.Context, in challenge.Request, target string) (masked string, err error) {
	in.Method = method(in.Config)
	b, _, err := s.Challenges.BeginLink(ctx, in, target, "")
	if err != nil {
		return "", err
	}
	return b.Masked, nil
}

// Generate returns the link of a test user, which is sent nowhere.
func (s *Service) Generate(ctx context.Context, in challenge.Request, target string) (link string, err error) {
	in.Method, in.Managed, in.OnlyTest = method(in.Config), true, true
	_, link, err = s.Challenges.BeginLink(ctx, in, target, "")
	return link, err
}

// An Embedded link is a token that the customer's own system delivers.
type Embedded struct {
	Token  string
	Masked struct{ Email, Phone string } // the addresses of a user who is one already
}

// Embed makes an embedded link. Lifetime of the request shortens that of the
// project, and never makes it longer.
func (s *Service) Embed(ctx context.Context, in challenge.Request) (*Embedded, error) {
	m := in.Config.Methods.EmbeddedLink
	in.Method, in.Managed, in.Kind = challenge.Method{Name: Method, Enabled: m.Enabled, Lifetime: m.Lifetime}, true, ""
	in.Options.Trusted = true
	out := &Embedded{}
	b, err := s.Challenges.Begin(ctx, in, func(p *challenge.Pending) (*message.Values, error) {
		out.Token = challenge.Draw(p, "")
		return &message.Values{}, nil
	})
	if err != nil {
		return nil, err
	}
	if b.User != nil {
		out.Masked.Email, out.Masked.Phone = message.MaskEmail(b.User.Email), message.MaskPhone(b.User.Phone)
	}
	return out, nil
}

// Verify makes a session of the token of a link. verifier is of the code challenge
// that it was asked for with, if there was one.
func (s *Service) Verify(ctx context.Context, projectID, token, verifier string, client session.Client) (*session.Tokens, error) {
	return s.Challenges.VerifyLink(ctx, projectID, Method, token, verifier, client)
}
