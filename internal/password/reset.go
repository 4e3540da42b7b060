package password

import (
	"context"
	"crypto/sha256"
	"net/url"
	"strings"
	"time"

	"postern/internal/challenge"
	"postern/internal/fault"
	"postern/internal/ident"
	"postern/internal/message"
	"postern/internal/project"
	"postern/internal/secret"
	"postern/internal/session"
)

// What callers are told of a link to reset a password.
var (
	ErrLinkExpired = fault.New(fault.Unauthenticated, "E062504", "The link has expired; ask for a new one")
	ErrLinkGone    = fault.New(fault.Unauthenticated, "E063010", "The link is not known, or was used before; ask for a new one")
	ErrNoRedirect  = fault.New(fault.Invalid, "E011002", "Request is invalid: the redirectUrl is missing, and the project has none for magic links")
)

// resetPrefix tells the tokens of these links from those of magic links, which the
// same call takes.
const resetPrefix = "reset-"

// IsResetToken reports whether a token is one of a link to reset a password.
func IsResetToken(token string) bool { return strings.HasPrefix(token, resetPrefix) }

// resets are how many links one user may ask for, where magic links have no bound.
const (
	mostResets   = 5
	resetsWithin = 10 * time.Minute
)

// reset is how a link to reset a password proves who somebody is: as a magic link
// does, with the messages of passwords.
func reset(c *project.Config) challenge.Method {
	p, link := c.Methods.Password, c.Methods.MagicLink
	m := challenge.Method{
		Name: "password", Enabled: p.Enabled, Lifetime: link.Lifetime, Rate: link.Rate, Purpose: message.PasswordReset, Masks: p.MaskErrors,
		Messages: func(message.Kind) project.Messages { return p.Email },
	}
	if m.Rate.Messages <= 0 || m.Rate.Within <= 0 {
		m.Rate = project.Rate{Messages: mostResets, Within: resetsWithin}
	}
	return m
}

// Reset is somebody who has forgotten the password.
type Reset struct {
	Config      *project.Config
	LoginID     string
	RedirectURL string // of the page that takes the link; empty for that of magic links
	Choice      challenge.Choice
	Recovery    bool // to the second address
}

// SendReset sends a link that signs in once, so that a new password can be set. It
// returns where it went, as an answer may show it. Where the policy masks errors
// that is the same for nobody, and nothing is sent.
func (s *Service) SendReset(ctx context.Context, in Reset) (masked string, err error) {
	if !in.Config.Methods.Password.Enabled {
		return "", project.ErrMethodOff
	}
	page, err := in.Config.Redirect(in.RedirectURL, in.Config.Methods.MagicLink.RedirectURL)
	switch {
	case err != nil:
		return "", err
	case page == "":
		return "", ErrNoRedirect
	}
	request := challenge.Request{
		Config: in.Config, Method: reset(in.Config), Act: challenge.SignIn, Kind: message.Email, LoginID: in.LoginID, Choice: in.Choice, Recovery: in.Recovery,
	}
	begun, err := s.Challenges.Begin(ctx, request, func(p *challenge.Pending) (*message.Values, error) {
		token := resetPrefix + ident.Random(43)
		digest := sha256.Sum256([]byte(token))
		p.ID, p.Digest = challenge.Name(token), digest[:]
		link, err := withToken(page, token)
		return &message.Values{RedirectURL: link, Token: token}, err
	})
	if err != nil {
		return "", err
	}
	return begun.Masked, nil
}

// withToken adds a token to the address of a page, as clients of the wire look for
// it.
func withToken(page, token string) (string, error) {
	u, err := url.Parse(page)
	if err != nil {
		return "", project.ErrUntrusted
	}
	q := u.Query()
	q.Set("t", token)
	u.RawQuery = q.Encode()
	return u.String(), nil
}

// VerifyReset signs in whoever shows the token of a link. It works once.
func (s *Service) VerifyReset(ctx context.Context, c *project.Config, token secret.Text, client session.Client) (*session.Tokens, error) {
	if !c.Methods.Password.Enabled {
		return nil, project.ErrMethodOff
	}
	p, err := s.Challenges.Find(ctx, c.Project, reset(c).Name, challenge.Name(token.Reveal()))
	switch {
	case err != nil:
		return nil, err
	case p == nil || p.Nobody:
		return nil, ErrLinkGone
	case !time.Now().Before(p.Expires):
		return nil, ErrLinkExpired
	}
	return s.Challenges.SignIn(ctx, p, client, ErrLinkGone)
}
