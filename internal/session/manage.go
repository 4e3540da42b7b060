package session

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"postern/internal/audit"
	"postern/internal/fault"
	"postern/internal/ident"
	"postern/internal/key"
	"postern/internal/project"
	"postern/internal/secret"
	"postern/internal/store"
	"postern/internal/user"
)

// What management is told.
var (
	ErrClaim      = fault.New(fault.Invalid, "E011003", "Request is invalid: the claim is reserved")
	ErrNoPower    = fault.New(fault.Forbidden, "P40312", `the impersonator has no role with the permission "Impersonate"`)
	ErrNoConsent  = fault.New(fault.Forbidden, "P40313", "the user has not consented to be impersonated")
	ErrNoActor    = fault.New(fault.Invalid, "P40005", "the token is not one of an impersonation")
	ErrOwnSession = fault.New(fault.Invalid, "P40006", "nobody impersonates themselves")
)

// impersonate is the permission that it takes: a built-in one.
const impersonate = "Impersonate"

// checkClaims refuses claims that are the server's to say.
func checkClaims(claims map[string]any) error {
	for name := range claims {
		if reserved(name) {
			return ErrClaim.WithMessage(fmt.Sprintf("Request is invalid: the claim %q is reserved", name))
		}
	}
	return nil
}

// Change is what management asks of a token.
type Change struct {
	Claims   map[string]any // to be added
	Tenant   string         // to be the current one
	Lifetime time.Duration  // of the token; 0 leaves it
	Base     string         // the URL that the request came to
}

// UpdateToken returns a token with further claims, of the kind that it was: of a
// session token another one of the same session, of a refresh token another one
// that counts. The session keeps the claims.
func (s *Service) UpdateToken(ctx context.Context, by audit.Origin, c *project.Config, token secret.Text, in Change) (secret.Text, error) {
	if err := checkClaims(in.Claims); err != nil {
		return secret.Text{}, err
	}
	b, ring, err := s.read(ctx, c, token, "")
	if err != nil {
		return secret.Text{}, err
	}
	if b.Session == "" {
		return secret.Text{}, key.ErrToken // that of an access key is made again from the key
	}
	var m made
	err = s.DB.Write(ctx, func(_ context.Context, tx *store.Tx) error {
		if m, err = s.lookUp(tx, c, b.Session, time.Now().UTC().Truncate(time.Second)); err != nil {
			return err
		}
		if b.Kind == drnRefresh && b.Generation != m.session.Generation {
			return ErrReplayed
		}
		m.ring, m.base, m.refresh = ring, in.Base, true
		m.session.Extra.ask(Options{CustomClaims: in.Claims, Trusted: true})
		if b.Kind == drnRefresh && in.Lifetime > 0 {
			m.session.Lifetime, m.session.ExpiresAt = in.Lifetime, m.now.Add(in.Lifetime)
		}
		if _, err := m.classify(); err != nil {
			return err
		}
		e := by.Event("jwt.update", audit.Done)
		e.Project, e.Details = c.Project, map[string]any{"user": m.session.User, "session": m.session.ID}
		return errors.Join(m.session.save(tx), audit.Record(tx, e))
	})
	if err != nil {
		return secret.Text{}, err
	}
	m.lifetimes.session = time.Unix(b.Expires, 0).Sub(m.now)
	if in.Lifetime > 0 {
		m.lifetimes.session = in.Lifetime
	}
	m.stepUp, m.lifetimes.stepUp = b.StepUp, m.lifetimes.session
	out, err := s.tokens(m)
	if err != nil {
		return secret.Text{}, err
	}
	if b.Kind == drnRefresh {
		return out.Refresh, nil
	}
	return out.Session, nil
}

// An Impersonation is a session of a user for somebody else.
type Impersonation struct {
	Config  *project.Config
	Actor   string                                 // id of the user who impersonates
	Find    func(tx *store.Tx) (*user.User, error) // who is impersonated
	Consent bool                                   // whether the user must have consented
	StepUp  bool                                   // a step-up token
	Client  Client
	Change
}

// Impersonate makes a session of a user for another one, who must be permitted to.
// Its tokens say who it really is.
func (s *Service) Impersonate(ctx context.Context, by audit.Origin, in Impersonation) (*Tokens, error) {
	if err := checkClaims(in.Claims); err != nil {
		return nil, err
	}
	ring, err := s.Keys.Ring(ctx, in.Config.Project)
	if err != nil {
		return nil, err
	}
	m := made{ring: ring, config: in.Config, base: in.Base, stepUp: in.StepUp, refresh: true}
	err = s.DB.Write(ctx, func(_ context.Context, tx *store.Tx) error {
		m.now = time.Now().UTC().Truncate(time.Second)
		if m.user, err = in.Find(tx); err != nil {
			return err
		}
		if m.user.ID == in.Actor {
			return ErrOwnSession
		}
		if err := s.mayImpersonate(tx, in.Config, in.Actor, m.now); err != nil {
			return err
		}
		if in.Consent && !m.now.Before(m.user.ConsentUntil) {
			return ErrNoConsent
		}
		m.session = &Session{
			Lifetime: in.Lifetime, Tenant: in.Tenant, Client: in.Client, Extra: Extra{Actor: in.Actor, Consent: in.Consent},
		}
		m.session.Extra.ask(Options{CustomClaims: in.Claims, Trusted: true})
		if err := s.open(tx, &m, "impersonation"); err != nil {
			return err
		}
		e := by.Event("user.impersonate", audit.Done)
		e.Project, e.Details = in.Config.Project, map[string]any{"user": m.user.ID, "actor": in.Actor, "session": m.session.ID}
		return audit.Record(tx, e)
	})
	if err != nil {
		return nil, err
	}
	return s.tokens(m)
}

// stillImpersonates says why a session of an impersonation is over, or nil: the one
// who impersonates may no more, or the consent has ended.
func (s *Service) stillImpersonates(tx *store.Tx, m made) error {
	extra := m.session.Extra
	if extra.Consent && !m.now.Before(m.user.ConsentUntil) {
		return ErrNoConsent
	}
	return s.mayImpersonate(tx, m.config, extra.Actor, m.now)
}

// mayImpersonate says why a user may not impersonate others, or nil.
func (s *Service) mayImpersonate(tx *store.Tx, c *project.Config, actor string, now time.Time) error {
	u, err := user.Load(tx, c.Project, actor)
	if err != nil {
		return err
	}
	if err := u.MaySignIn(now); err != nil {
		return err
	}
	if !slices.Contains(s.rolesOf(c).Permissions(u.Roles), impersonate) {
		return ErrNoPower
	}
	return nil
}

// open makes the session of a minting that no proof began, as part of tx.
func (s *Service) open(tx *store.Tx, m *made, method string) (err error) {
	sess := m.session
	sess.Project, sess.ID, sess.CreatedAt, sess.RefreshedAt, sess.AMR = m.config.Project, ident.New("SE"), m.now, m.now, []string{}
	m.roles = s.rolesOf(m.config)
	if m.user != nil {
		sess.User = m.user.ID
		if err := m.user.MaySignIn(m.now); err != nil {
			return err
		}
		if err = s.stand(tx, m); err != nil {
			return err
		}
		if err := m.mayChoose(sess.Tenant); err != nil {
			return err
		}
	}
	if m.lifetimes, err = obey(tx, m.config, sess, true); err != nil {
		return err
	}
	sess.ExpiresAt = m.now.Add(m.lifetimes.refresh)
	if sess.Lifetime > 0 {
		sess.ExpiresAt = m.now.Add(sess.Lifetime)
	}
	if _, err := m.classify(); err != nil {
		return err
	}
	if err := sess.insert(tx); err != nil || m.user == nil {
		return err
	}
	return record(tx, sess, method, sess.Client, m.now)
}

// StopImpersonation ends a session of an impersonation, and makes one of the user
// who impersonated.
func (s *Service) StopImpersonation(ctx context.Context, by audit.Origin, c *project.Config, token secret.Text, in Change, from Client) (*Tokens, error) {
	if err := checkClaims(in.Claims); err != nil {
		return nil, err
	}
	b, ring, err := s.read(ctx, c, token, "")
	if err != nil {
		return nil, err
	}
	m := made{ring: ring, config: c, base: in.Base, refresh: true}
	err = s.DB.Write(ctx, func(_ context.Context, tx *store.Tx) error {
		was, err := load(tx, c.Project, b.Session)
		if err != nil {
			return err
		}
		if was.Extra.Actor == "" {
			return ErrNoActor
		}
		if !was.EndedAt.IsZero() {
			return ErrEnded
		}
		m.now = time.Now().UTC().Truncate(time.Second)
		if _, err := endOne(tx, c.Project, was.ID); err != nil {
			return err
		}
		if m.user, err = user.Load(tx, c.Project, was.Extra.Actor); err != nil {
			return err
		}
		m.session = &Session{Lifetime: in.Lifetime, Tenant: in.Tenant, Client: from}
		m.session.Extra.ask(Options{CustomClaims: in.Claims, Trusted: true})
		e := by.Event("user.impersonate.stop", audit.Done)
		e.Project, e.Details = c.Project, map[string]any{"user": was.User, "actor": m.user.ID, "session": was.ID}
		return errors.Join(s.open(tx, &m, "impersonation"), audit.Record(tx, e))
	})
	if err != nil {
		return nil, err
	}
	return s.tokens(m)
}

// Anonymous makes a session of nobody, with roles by their ids.
func (s *Service) Anonymous(ctx context.Context, c *project.Config, roles []string, in Change, from Client) (*Tokens, error) {
	if err := checkClaims(in.Claims); err != nil {
		return nil, err
	}
	ring, err := s.Keys.Ring(ctx, c.Project)
	if err != nil {
		return nil, err
	}
	m := made{ring: ring, config: c, base: in.Base, refresh: true}
	err = s.DB.Write(ctx, func(_ context.Context, tx *store.Tx) error {
		m.now = time.Now().UTC().Truncate(time.Second)
		m.session = &Session{Lifetime: in.Lifetime, Tenant: in.Tenant, Client: from, Extra: Extra{Roles: roles}}
		m.session.Extra.ask(Options{CustomClaims: in.Claims, Trusted: true})
		return s.open(tx, &m, "anonymous")
	})
	if err != nil {
		return nil, err
	}
	return s.tokens(m)
}
