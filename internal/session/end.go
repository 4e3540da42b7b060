package session

import (
	"context"
	"errors"
	"fmt"
	"time"

	"postern/internal/audit"
	"postern/internal/fault"
	"postern/internal/project"
	"postern/internal/secret"
	"postern/internal/store"
	"postern/internal/user"
)

// Which says which sessions of a user a logout ends.
type Which int

// The sessions of a user, seen from the one whose token is shown. Where types are named,
// the others that end are those of these types, for each of the three.
const (
	This     Which = iota // it alone
	All                   // it and all others
	Previous              // all others
)

// Logout ends sessions of whoever shows a refresh token, and returns whose it was. Types
// say which others end; that token's own session is not asked for its type, because its
// client takes it for ended.
func (s *Service) Logout(ctx context.Context, c *project.Config, token secret.Text, which Which, types []string, from Client) (*Current, error) {
	cur, err := s.Current(ctx, c, token, from)
	if err != nil {
		return nil, err
	}
	err = s.DB.Write(ctx, func(_ context.Context, tx *store.Tx) error {
		if err := audit.Note(tx, cur.Session.act(audit.LoggedOut, audit.Done, from)); err != nil {
			return err
		}
		if which != Previous {
			if _, err := endOne(tx, c.Project, cur.Session.ID); err != nil {
				return err
			}
		}
		if cur.User == nil || which == This && len(types) == 0 {
			return nil
		}
		_, err := EndOthers(tx, c.Project, cur.User.ID, cur.Session.ID, types...)
		return err
	})
	return cur, err
}

// Stands returns nil where a session that something was begun in has not been ended,
// as part of tx. That it expired meanwhile is no matter.
func Stands(tx *store.Tx, project, id string) error {
	s, err := load(tx, project, id)
	if err == nil && !s.EndedAt.IsZero() {
		err = ErrEnded
	}
	return err
}

// Holds reports whether a client shows the refresh token of a session of a user that
// lives, and not for an impersonator.
func (s *Service) Holds(ctx context.Context, c *project.Config, client Client, userID string) (bool, error) {
	if client.Shown.IsZero() || userID == "" {
		return false, nil
	}
	b, _, err := s.read(ctx, c, client.Shown, drnRefresh)
	if err != nil {
		return false, notHeld(err)
	}
	var m made
	err = s.DB.Read(ctx, func(_ context.Context, tx *store.Tx) error {
		m, err = s.lookUp(tx, c, b.Session, time.Now().UTC().Truncate(time.Second))
		return err
	})
	if err != nil {
		return false, notHeld(err)
	}
	return m.user != nil && m.user.ID == userID && m.session.Generation == b.Generation && m.session.Extra.Actor == "", nil
}

// notHeld keeps of an error what is none of the token's.
func notHeld(err error) error {
	switch fault.From(err).Kind { //nolint:exhaustive // the others say nothing about the token
	case fault.Unauthenticated, fault.Forbidden:
		return nil
	}
	return err
}

// ForceLogout ends all sessions of a user, or those of some types, for whoever manages
// the project.
func (s *Service) ForceLogout(ctx context.Context, by audit.Origin, types []string, find func(tx *store.Tx) (*user.User, error)) error {
	return s.DB.Write(ctx, func(_ context.Context, tx *store.Tx) error {
		u, err := find(tx)
		if err != nil {
			return err
		}
		e := by.Event("user.logout", audit.Done)
		e.Project, e.Details = u.Project, map[string]any{"user": u.ID}
		if len(types) > 0 {
			e.Details["types"] = types
		}
		_, err = EndOthers(tx, u.Project, u.ID, "", types...)
		return errors.Join(err, audit.Record(tx, e))
	})
}

// EndAll ends all sessions of a user, as part of tx, and returns how many those were:
// for what takes the right to them away.
func EndAll(tx *store.Tx, project, user string) (int64, error) {
	return EndOthers(tx, project, user, "")
}

// EndOthers ends the sessions of a user but one, as part of tx, and returns how many
// those were: where types are named, those of these types. The blank id is of none: all
// of them end.
func EndOthers(tx *store.Tx, project, user, but string, types ...string) (int64, error) {
	args, among := []any{project, user, but, time.Now().Unix()}, ``
	if len(types) > 0 {
		among = ` AND kind IN ` + store.Among(&args, types)
	}
	res, err := tx.Exec(`UPDATE sessions SET ended_at = $4 WHERE project = $1 AND user_id = $2 AND id <> $3 AND ended_at = 0`+among, args...)
	if err != nil {
		return 0, fmt.Errorf("end sessions: %w", err)
	}
	return res.RowsAffected()
}

// endOne ends a session, as part of tx, and returns how many that was: none if it had
// ended before.
func endOne(tx *store.Tx, project, id string) (int64, error) {
	res, err := tx.Exec(`UPDATE sessions SET ended_at = $3 WHERE project = $1 AND id = $2 AND ended_at = 0`, project, id, time.Now().Unix())
	if err != nil {
		return 0, fmt.Errorf("end session: %w", err)
	}
	return res.RowsAffected()
}

// stolen ends a session one of whose tokens somebody else has, and notes that once, with
// who showed it last: the thief, or who was robbed.
func (s *Service) stolen(ctx context.Context, sess *Session, from Client) error {
	return s.DB.Write(ctx, func(_ context.Context, tx *store.Tx) error {
		n, err := endOne(tx, sess.Project, sess.ID)
		if err != nil || n == 0 {
			return err
		}
		return audit.Note(tx, sess.act(audit.TokenReplayed, audit.Refused, from))
	})
}

// Changed notes that a user changed how they sign in, as part of tx.
func Changed(tx *store.Tx, u *user.User, action, method string, from Client) error {
	return audit.Note(tx, audit.Act{
		Project: u.Project, User: u.ID, Action: action, Outcome: audit.Done, Method: method, Remote: from.Address, Agent: from.UserAgent, Request: from.Request,
	})
}

// act is what somebody did with a session, from where.
func (s *Session) act(action, outcome string, from Client) audit.Act {
	return audit.Act{Project: s.Project, User: s.User, Action: action, Outcome: outcome, Tenant: s.Tenant, Remote: from.Address, Agent: from.UserAgent, Request: from.Request}
}
