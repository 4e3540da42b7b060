package password

import (
	"context"
	"strings"
	"time"

	"postern/internal/challenge"
	"postern/internal/message"
	"postern/internal/project"
	"postern/internal/secret"
	"postern/internal/session"
	"postern/internal/store"
	"postern/internal/user"
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
		Bars: func(tx *store.Tx, u *user.User) error {
			own, err := policyOf(tx, c, u)
			if err == nil && !own.Enabled {
				err = project.ErrMethodOff
			}
			return err
		},
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
	Tenant      string // that the login id comes with; blank for none
	RedirectURL string // of the page that takes the link; empty for that of magic links
	Choice      challenge.Choice
	Recovery    bool // to the second address
}

// SendReset sends a link that signs in once, so that a new password can be set. It
// returns where it went, as an answer may show it. Where the policy masks errors
// that is the same for nobody, and nothing is sent.
func (s *Service) SendReset(ctx context.Context, in Reset) (masked string, err error) {
	begun, _, err := s.Challenges.BeginLink(ctx, challenge.Request{
		Config: in.Config, Method: reset(in.Config), Act: challenge.SignIn, Kind: message.Email, LoginID: in.LoginID, Choice: in.Choice, Recovery: in.Recovery,
		Options: session.Options{Tenant: in.Tenant},
	}, in.RedirectURL, resetPrefix)
	if err != nil {
		return "", err
	}
	return begun.Masked, nil
}

// VerifyReset signs in whoever shows the token of a link. It works once, and by the
// configuration that it was sent under.
func (s *Service) VerifyReset(ctx context.Context, c *project.Config, token secret.Text, client session.Client) (*session.Tokens, error) {
	return s.Challenges.VerifyLink(ctx, c.Project, reset(c).Name, token.Reveal(), "", client)
}
