package challenge

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"strings"
	"time"

	"postern/internal/fault"
	"postern/internal/message"
	"postern/internal/project"
	"postern/internal/session"
)

// What callers are told of a link.
var (
	ErrLinkExpired = fault.New(fault.Unauthenticated, "E062504", "The link has expired; ask for a new one")
	ErrNoLink      = fault.New(fault.Unauthenticated, "E063010", "The link is not known, or was used before; ask for a new one")
)

// ErrNoTarget is a link that leads nowhere.
var ErrNoTarget = fault.New(fault.Invalid, "E011002", "neither the request nor the project says where the link leads; redirectUrl is missing")

// Target returns where the links of a method lead: to what the request names, if
// the project trusts it, or where its configuration says.
func Target(c *project.Config, requested, fallback string) (string, error) {
	at, err := c.Redirect(requested, fallback)
	if err == nil && at == "" {
		err = ErrNoTarget
	}
	return at, err
}

// Link adds a token to where a link leads, as the parameter t, and keeps all that is
// there.
func Link(target, token string) string {
	at, fragment, marked := strings.Cut(target, "#")
	switch {
	case !strings.Contains(at, "?"):
		at += "?"
	case !strings.HasSuffix(at, "?") && !strings.HasSuffix(at, "&"):
		at += "&"
	}
	at += "t=" + token
	if marked {
		at += "#" + fragment
	}
	return at
}

// Draw makes the token of a proof: 256 random bits after a prefix.
func Draw(p *Pending, prefix string) string {
	var raw [32]byte
	_, _ = rand.Read(raw[:]) // never fails: crypto/rand ends the program instead
	token := prefix + base64.RawURLEncoding.EncodeToString(raw[:])
	digest := sha256.Sum256([]byte(token))
	p.ID, p.Digest = Name(token), digest[:]
	return token
}

// BeginLink sends one link that signs in, to target or to where the project says for
// magic links. Its token begins with prefix. It returns the link, too.
func (s *Service) BeginLink(ctx context.Context, in Request, target, prefix string) (b *Begun, link string, err error) {
	if !in.Method.Enabled {
		return nil, "", project.ErrMethodOff
	}
	if target, err = Target(in.Config, target, in.Config.Methods.MagicLink.RedirectURL); err != nil {
		return nil, "", err
	}
	b, err = s.Begin(ctx, in, func(p *Pending) (*message.Values, error) {
		token := Draw(p, prefix)
		link = Link(target, token)
		return &message.Values{Token: token, RedirectURL: link}, nil
	})
	return b, link, err
}

// VerifyLink makes a session of the token of a link, which works once. Where it was
// asked for with a code challenge, verifier is that of it.
func (s *Service) VerifyLink(ctx context.Context, projectID, method, token, verifier string, client session.Client) (*session.Tokens, error) {
	p, err := s.Find(ctx, projectID, method, Name(token))
	switch {
	case err != nil:
		return nil, err
	case p == nil || p.Nobody:
		return nil, ErrNoLink
	case !time.Now().Before(p.Expires):
		return nil, ErrLinkExpired
	case !p.Shows(verifier):
		return nil, ErrVerifier
	}
	return s.SignIn(ctx, p, client, ErrNoLink)
}
