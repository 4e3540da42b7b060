package session

import (
	"context"
	"errors"
	"time"

	"postern/internal/key"
	"postern/internal/project"
	"postern/internal/secret"
	"postern/internal/store"
	"postern/internal/user"
)

// Current is who shows the refresh token of a session that lives.
type Current struct {
	Session *Session
	User    *user.User
}

// Current returns whose refresh token it is. It refuses one that was used up, one
// whose session has ended or expired, and one of a user who may not sign in.
func (s *Service) Current(ctx context.Context, c *project.Config, token secret.Text) (*Current, error) {
	out, _, err := s.current(ctx, c, token)
	return out, err
}

func (s *Service) current(ctx context.Context, c *project.Config, token secret.Text) (*Current, *seenToken, error) {
	b, ring, _, err := s.read(ctx, c, token, drnRefresh)
	if err != nil {
		return nil, nil, err
	}
	seen := &seenToken{bearer: b, ring: ring, now: time.Now().UTC().Truncate(time.Second)}
	out := &Current{}
	err = s.DB.Read(ctx, func(_ context.Context, tx *store.Tx) error {
		out.Session, out.User, seen.lifetimes, err = s.lookUp(tx, c, b.Session, seen.now)
		return err
	})
	if err != nil {
		return nil, nil, err
	}
	if b.Generation != out.Session.Generation {
		return nil, nil, s.replayed(ctx, out.Session, b.Generation)
	}
	return out, seen, nil
}

// A seenToken is a refresh token that was verified.
type seenToken struct {
	bearer
	ring      *key.Ring
	lifetimes lifetimes
	now       time.Time
}

// lookUp reads a session that lives, and its user, who may sign in.
func (s *Service) lookUp(tx *store.Tx, c *project.Config, id string, now time.Time) (*Session, *user.User, lifetimes, error) {
	sess, err := load(tx, c.Project, id)
	if err != nil {
		return nil, nil, lifetimes{}, err
	}
	l, err := s.lifetimes(tx, c, sess)
	if err != nil {
		return nil, nil, lifetimes{}, err
	}
	if err := sess.lives(l, now); err != nil {
		return nil, nil, lifetimes{}, err
	}
	u, err := user.Load(tx, c.Project, sess.User)
	if errors.Is(err, user.ErrNotFound) {
		return nil, nil, lifetimes{}, ErrEnded
	}
	if err != nil {
		return nil, nil, lifetimes{}, err
	}
	if err := u.MaySignIn(now); err != nil {
		return nil, nil, lifetimes{}, err
	}
	return sess, u, l, nil
}

// replayed ends a session whose refresh token is shown again after it was used:
// either the one who shows it or the one who used it stole it, and nobody can tell
// which (RFC 9700 §4.14.2).
func (s *Service) replayed(ctx context.Context, sess *Session, generation int64) error {
	if generation > sess.Generation { // of the future: a restored database
		return key.ErrToken
	}
	if err := s.end(ctx, sess.Project, sess.ID); err != nil {
		return err
	}
	return ErrReplayed
}

// Refresh gives another session token for a refresh token and, where the settings
// rotate them, another refresh token: the one before is used up then. base is the
// URL that the request came to.
//
// Of those who use a token at the same time one wins. The others replay it, which
// ends the session.
func (s *Service) Refresh(ctx context.Context, c *project.Config, token secret.Text, base string) (*Tokens, error) {
	cur, seen, err := s.current(ctx, c, token)
	if err != nil {
		return nil, err
	}
	sess, l := cur.Session, seen.lifetimes
	rotate := c.Settings.RotateRefreshTokens
	switch {
	case rotate:
		err = s.use(ctx, sess, seen.now)
	case sess.touched(l, seen.now):
		err = s.touch(ctx, sess, seen.now)
	}
	if err != nil {
		return nil, err
	}
	return s.mint(minting{
		ring: seen.ring, config: c, user: cur.User, session: sess, lifetimes: l, base: base, now: seen.now,
		refresh: rotate || seen.Expires != sess.until(l).Unix(), // a shorter lifetime shows in the token, too
	})
}

// use makes the next generation of a session the one that counts.
func (s *Service) use(ctx context.Context, sess *Session, now time.Time) error {
	won := false
	err := s.DB.Write(ctx, func(_ context.Context, tx *store.Tx) error {
		res, err := tx.Exec(`UPDATE sessions SET generation = generation + 1, refreshed_at = $4
			WHERE project = $1 AND id = $2 AND generation = $3 AND ended_at = 0`, sess.Project, sess.ID, sess.Generation, now.Unix())
		if err != nil {
			return err
		}
		n, err := res.RowsAffected()
		won = n == 1
		return err
	})
	if err != nil {
		return err
	}
	if !won {
		return s.replayed(ctx, sess, sess.Generation)
	}
	sess.Generation++
	sess.RefreshedAt = now
	return nil
}

// touch records that a session is in use.
func (s *Service) touch(ctx context.Context, sess *Session, now time.Time) error {
	err := s.DB.Write(ctx, func(_ context.Context, tx *store.Tx) error {
		_, err := tx.Exec(`UPDATE sessions SET refreshed_at = $3 WHERE project = $1 AND id = $2 AND ended_at = 0 AND refreshed_at < $3`, sess.Project, sess.ID, now.Unix())
		return err
	})
	sess.RefreshedAt = now
	return err
}
