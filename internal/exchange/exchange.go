// Package exchange owns the move of sessions from a former identity service: a token
// that the service signed for somebody becomes a session of ours, without another
// sign-in. It verifies the token (RFC 7519, with the rules of OpenID Connect Core 1.0
// §3.1.3.7), asks the service about its user, and finds or makes the user here.
//
// What is configured is project.Migration; sessions are package session's.
package exchange

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"postern/internal/fault"
	"postern/internal/project"
	"postern/internal/safehttp"
	"postern/internal/secret"
	"postern/internal/session"
	"postern/internal/store"
	"postern/internal/user"
)

// What callers are told. ErrToken is one answer for a token that does not count and for
// a user whom nobody here matches.
var (
	ErrOff     = fault.New(fault.Invalid, "P40007", "the call takes no externalToken: the project takes over the sessions of no other service")
	ErrToken   = fault.New(fault.Unauthenticated, "P40181", "the token of the former service is not valid, or no user here matches it")
	ErrSilence = fault.New(fault.Unavailable, "P50342", "the former service did not answer; try again")
)

// Service exchanges tokens of former services.
type Service struct {
	DB       *store.DB
	Projects *project.Service // opens the API token of the former service
	Sessions *session.Service
	HTTP     *safehttp.Client // reaches only what the operator allows
	Log      *slog.Logger
	// Bases are where services are called instead of their usual addresses, by their
	// names, without a slash at the end.
	Bases map[string]string

	keys keyring
}

// A person is a user of the former service: fields by their names there.
type person struct {
	fields  map[string]any
	vouched bool // the service has verified the address
}

// text is a field as text; blank where it is none.
func (p *person) text(name string) string {
	s, _ := p.fields[name].(string)
	return s
}

// SignIn makes a session of a token of the former service.
func (s *Service) SignIn(ctx context.Context, c *project.Config, token secret.Text, client session.Client) (*session.Tokens, error) {
	m := c.Settings.Migration
	if m == nil {
		return nil, ErrOff
	}
	who, err := s.person(ctx, c, m, token)
	if err != nil {
		return nil, err
	}
	names := loginIDs(m, who)
	if len(names) == 0 {
		return nil, ErrToken
	}
	out, err := s.Sessions.SignIn(ctx, s.login(c, client, func(tx *store.Tx) (*user.User, bool, error) {
		u, err := found(tx, c, who, names)
		return u, false, err
	}))
	if !m.Create || !errors.Is(err, user.ErrNotFound) {
		return out, told(err)
	}
	made, err := newUser(c, m, who, names[0])
	if err != nil {
		return nil, err
	}
	if err := s.Sessions.Admit(ctx, c.Project, client); err != nil {
		return nil, err
	}
	return s.Sessions.SignIn(ctx, s.login(c, client, func(tx *store.Tx) (*user.User, bool, error) {
		u := *made // the transaction may run again
		if err := session.Settle(tx, c, &u); err != nil {
			return nil, false, err
		}
		return &u, true, user.Create(tx, &u)
	}))
}

func (s *Service) login(c *project.Config, client session.Client, prove func(*store.Tx) (*user.User, bool, error)) session.Login {
	return session.Login{Config: c, Method: session.AMRFederated, Client: client, Prove: prove}
}

// told is an error as callers are told it.
func told(err error) error {
	if errors.Is(err, user.ErrNotFound) {
		return ErrToken
	}
	return err
}

// loginIDs are the login ids that a person may have here, the first one first. An
// address that the service itself calls unverified is somebody else's, for all it knows.
func loginIDs(m *project.Migration, who *person) (out []string) {
	for _, source := range m.Sources {
		if _, said := who.fields["email_verified"]; source == "email" && said && !who.vouched {
			continue
		}
		if id, err := user.LoginID(who.text(source)); err == nil {
			out = append(out, id)
		}
	}
	return out
}

// found returns the user who has one of some login ids, as part of tx. Somebody who
// signed up with an address that nobody has shown to be theirs is not whoever has it:
// where the service has verified it, what they made goes, and else nobody is found.
func found(tx *store.Tx, c *project.Config, who *person, names []string) (*user.User, error) {
	for _, id := range names {
		u, err := user.Find(tx, c.Project, "", id)
		switch {
		case errors.Is(err, user.ErrNotFound):
			continue
		case err != nil || !u.Unproven:
			return u, err
		}
		email, err := user.LoginID(who.text("email"))
		if err != nil || !who.vouched || email != id || !u.Proves(email, false) {
			return nil, user.ErrNotFound
		}
		u.Email, u.VerifiedEmail = email, true
		return u, user.Reclaim(tx, u, email)
	}
	return nil, user.ErrNotFound
}

// newUser returns who is made of a person, with what the project maps.
func newUser(c *project.Config, m *project.Migration, who *person, loginID string) (*user.User, error) {
	u, err := user.Prepare(c, "", loginID, user.Profile{})
	if err != nil {
		return nil, err
	}
	change := mapped(c, m, who)
	if err := change.Apply(c, u); err != nil {
		return nil, fmt.Errorf("what userMapping makes of a user: %w", err)
	}
	u.VerifiedEmail = who.vouched && u.Email != "" && u.Email == lower(who.text("email"))
	return u, nil
}

// warn tells the operator why nobody was let in by a service: it may be misconfigured.
func (s *Service) warn(ctx context.Context, c *project.Config, err error) {
	s.Log.WarnContext(ctx, "a token of the former service was not taken", "project", c.Project, "err", err)
}

// leeway is how far the clocks of the two services may be apart.
const leeway = time.Minute
