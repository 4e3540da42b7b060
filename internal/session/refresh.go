package session

import (
	"context"
	"fmt"
	"time"

	"github.com/go-json-experiment/json"

	"postern/internal/fault"
	"postern/internal/key"
	"postern/internal/project"
	"postern/internal/secret"
	"postern/internal/store"
	"postern/internal/user"
)

// Current is who shows the refresh token of a session that lives.
type Current struct {
	Session *Session
	User    *user.User        // nil for an anonymous visitor
	Tenants []user.Membership // that count, with the roles that are inherited there; sorted
}

// ErrImpersonated is a change of how somebody signs in, asked for in their name.
var ErrImpersonated = fault.New(fault.Forbidden, "P40382", "whoever impersonates a user may not change how the user signs in")

// Own returns nil where it is the user's own session: an impersonator must not make
// a way in that lasts.
func (c *Current) Own() error {
	if c.Session.Extra.Actor != "" {
		return ErrImpersonated
	}
	return nil
}

// Current returns whose refresh token it is that somebody shows. It refuses one that was
// used up, one whose session has ended or expired, and one of a user who may not sign in.
func (s *Service) Current(ctx context.Context, c *project.Config, token secret.Text, from Client) (*Current, error) {
	out, err := s.current(ctx, c, token, from)
	if err != nil {
		return nil, err
	}
	return &Current{Session: out.session, User: out.user, Tenants: out.tenants}, nil
}

// current is Current with what the next tokens are made of.
func (s *Service) current(ctx context.Context, c *project.Config, token secret.Text, from Client) (*found, error) {
	b, ring, err := s.read(ctx, c, token, drnRefresh)
	if err != nil {
		return nil, err
	}
	out := &found{shown: b}
	err = s.DB.ReadCommitted(ctx, func(_ context.Context, tx *store.Tx) error {
		out.made, err = s.lookUp(tx, c, b.Session, time.Now().UTC().Truncate(time.Second))
		return err
	})
	if err != nil {
		return nil, err
	}
	out.ring = ring
	if b.Generation != out.session.Generation {
		return nil, s.replayed(ctx, out.session, b.Generation, from)
	}
	return out, nil
}

// A found session is one whose token was shown.
type found struct {
	made
	shown bearer
}

// lookUp reads a session that lives, and its user, who may sign in. One statement
// reads both; a tenant, roles of its own and an impersonator take one more each.
func (s *Service) lookUp(tx *store.Tx, c *project.Config, id string, now time.Time) (m made, err error) {
	m = made{config: c, now: now}
	if m.session, m.user, err = loadWithUser(tx, c.Project, id); err != nil {
		return m, err
	}
	if m.lifetimes, err = obey(tx, c, m.session, false); err != nil {
		return m, err
	}
	if err := m.session.lives(m.lifetimes, now); err != nil {
		return m, err
	}
	if m.user == nil {
		m.roles = s.rolesOf(c)
		return m, nil
	}
	if err := m.user.MaySignIn(now); err != nil {
		return m, err
	}
	if m.session.Extra.Actor != "" {
		if err := s.stillImpersonates(tx, m); err != nil {
			return m, err
		}
	}
	return m, s.stand(tx, &m)
}

// replayed ends a session whose refresh token is shown again after it was used:
// either the one who shows it or the one who used it stole it, and nobody can tell
// which (RFC 9700 §4.14.2).
func (s *Service) replayed(ctx context.Context, sess *Session, generation int64, from Client) error {
	if generation > sess.Generation { // of the future: a database that was restored
		return key.ErrToken
	}
	if err := s.stolen(ctx, sess, from); err != nil {
		return err
	}
	return ErrReplayed
}

// Refresh gives another session token for a refresh token and, where the settings
// rotate them, another refresh token: the one before is used up then.
//
// Of those who use a token at the same time one wins. The others replay it, which
// ends the session.
func (s *Service) Refresh(ctx context.Context, c *project.Config, token secret.Text, from Client) (*Tokens, error) {
	return s.renew(ctx, c, token, from, nil)
}

// renew makes further tokens of a session, after change where there is one.
func (s *Service) renew(ctx context.Context, c *project.Config, token secret.Text, from Client, change func(*made) error) (*Tokens, error) {
	f, err := s.current(ctx, c, token, from)
	if err != nil {
		return nil, err
	}
	f.base = from.Base
	rotate := c.Settings.RotateRefreshTokens
	touched := f.session.touched(f.lifetimes, f.now)
	if change != nil {
		if err := change(&f.made); err != nil {
			return nil, err
		}
		touched = true
	}
	reclassified, err := f.classify()
	if err != nil {
		return nil, err
	}
	if rotate || touched || reclassified {
		if err := s.use(ctx, f.session, f.now, rotate, from); err != nil {
			return nil, err
		}
	}
	// A lifetime that became shorter shows in the refresh token, too.
	f.refresh = rotate || change != nil || f.shown.Expires > f.session.until(f.lifetimes).Unix()
	return s.tokens(f.made)
}

// use writes down that a session is in use and, where the refresh token is used up
// by it, that the next generation of it is the one that counts. It is one statement:
// of those who show one token at the same time one finds the generation that it was.
func (s *Service) use(ctx context.Context, sess *Session, now time.Time, rotate bool, from Client) error {
	step := int64(0)
	if rotate {
		step = 1
	}
	extra, err := json.Marshal(sess.Extra, json.Deterministic(true))
	if err != nil {
		return err
	}
	n, err := s.DB.Exec(ctx, `UPDATE sessions SET generation = generation + $4, refreshed_at = $5, tenant = $6, kind = $7, claims = $8
		WHERE project = $1 AND id = $2 AND generation = $3 AND ended_at = 0`,
		sess.Project, sess.ID, sess.Generation, step, now.Unix(), sess.Tenant, sess.Kind, string(extra))
	if err != nil {
		return fmt.Errorf("refresh session: %w", err)
	}
	if n != 1 {
		return s.lostTo(ctx, sess, from)
	}
	sess.Generation += step
	sess.RefreshedAt = now
	return nil
}

// lostTo says why a session that was read a moment ago is not so any more: it was
// ended, or the token was used by somebody else.
func (s *Service) lostTo(ctx context.Context, sess *Session, from Client) error {
	ended := int64(1)
	err := s.DB.One(ctx, func(row store.Scanner) error { return row.Scan(&ended) },
		`SELECT ended_at FROM sessions WHERE project = $1 AND id = $2`, sess.Project, sess.ID)
	if err := noSession(err); err != nil {
		return err
	}
	if ended != 0 {
		return ErrEnded
	}
	return s.replayed(ctx, sess, sess.Generation, from)
}
