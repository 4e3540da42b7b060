// Package totp owns sign-in by authenticator apps: the seeds that users have, the
// codes that apps make of them (RFC 6238, HMAC-SHA-1, six digits, thirty seconds),
// and who signs up with one.
//
// A code of the step before, of this one or of the next is taken, and each step once.
// A seed that is new counts from its first right code on; until then the one before
// does, and somebody who signs up is no user.
//
// It leaves sessions to package session, the count of tries to package limit, and how
// a seed is sealed to package project.
package totp

import (
	"context"
	"errors"
	"fmt"
	"time"

	"postern/internal/audit"
	"postern/internal/fault"
	"postern/internal/limit"
	"postern/internal/project"
	"postern/internal/secret"
	"postern/internal/session"
	"postern/internal/store"
	"postern/internal/user"
)

// What callers are told.
var (
	// ErrCode is one answer for a code that is wrong, one that was used, and a user
	// whom there is not.
	ErrCode = session.ErrCode
	ErrSeed = fault.New(fault.Invalid, "E011003", "Request is invalid: the seed of an authenticator app must be base32 of 10 to 64 bytes")
)

// confirmWithin is how long a new seed waits for its first right code. Whoever had a
// session for a moment cannot come back with the seed later.
const confirmWithin = time.Hour

// Of a million codes three are right at any time. So guessers who never rest find one
// within a day with a chance of 1 in 3,700, however many they are.
var (
	fewTries  = session.Bound{Scope: "totp.verify", Here: 5, Within: 5 * time.Minute}
	manyTries = session.Bound{Scope: "totp.verify.day", Here: 30, All: 60, Within: 24 * time.Hour}
)

// Service keeps seeds and takes codes.
type Service struct {
	DB       *store.DB
	Projects *project.Service
	Sessions *session.Service
	Attempts *limit.Service
	Rows     *store.Cap // of Bounded; nil is no bound
}

// SignUp gives somebody who is no user yet a seed. The first right code, within an
// hour, makes the user. Of two who sign up with one login id the later one has it. Home
// is where it counts.
// Where the settings mask errors, who signs up with the login id of a user is given a
// seed like others, and no code of it is right.
func (s *Service) SignUp(ctx context.Context, cfg *project.Config, home, loginID string, p user.Profile) (*Enrolment, error) {
	if !cfg.Methods.TOTP.Enabled {
		return nil, project.ErrMethodOff
	}
	u, err := user.New(cfg, home, loginID, p)
	if err != nil {
		return nil, err
	}
	loginID, key := u.LoginIDs[0], user.Key(home, u.LoginIDs[0])
	e, err := enrolment(cfg, u, loginID)
	if err != nil {
		return nil, err
	}
	err = s.DB.Write(ctx, func(_ context.Context, tx *store.Tx) error {
		switch _, err := user.Find(tx, cfg.Project, home, loginID); {
		case err == nil && !cfg.Methods.TOTP.MaskErrors:
			return user.ErrExists
		case err == nil:
		case !errors.Is(err, user.ErrNotFound):
			return err
		}
		if err := insertSignUp(tx, u, cfg.Revision, key, time.Now().Add(confirmWithin)); err != nil {
			return err
		}
		return s.Projects.Keep(tx, signUpPlace(cfg.Project, key), e.Key)
	})
	if err != nil {
		return nil, fmt.Errorf("sign up with an authenticator app: %w", err)
	}
	return e, s.Rows.Added(ctx, cfg.Project, 1)
}

// Update gives a user who is signed in a seed. It takes the place of the one that
// counts with its first right code, within an hour and as long as nobody ends the
// session.
func (s *Service) Update(ctx context.Context, cfg *project.Config, now *session.Current) (*Enrolment, error) {
	if !cfg.Methods.TOTP.Enabled {
		return nil, project.ErrMethodOff
	}
	u := now.User
	account := u.ID
	if len(u.LoginIDs) > 0 {
		account = u.LoginIDs[0]
	}
	e, err := enrolment(cfg, u, account)
	if err != nil {
		return nil, err
	}
	err = s.DB.Write(ctx, func(_ context.Context, tx *store.Tx) error {
		if err := expectNext(tx, cfg.Project, u.ID, now.Session.ID, time.Now().Add(confirmWithin)); err != nil {
			return err
		}
		return s.Projects.Keep(tx, place(cfg.Project, u.ID, fieldNext), e.Key)
	})
	if err != nil {
		return nil, fmt.Errorf("give a user an authenticator app: %w", err)
	}
	return e, nil
}

// Import makes a seed the one that counts, as part of tx: one that comes with a user
// from elsewhere, in base32.
func (s *Service) Import(tx *store.Tx, project, userID string, seed secret.Text) error {
	key, err := keyOf(seed)
	if err != nil {
		return err
	}
	if err := s.Projects.Keep(tx, place(project, userID, fieldSeed), seedOf(key)); err != nil {
		return err
	}
	if err := activate(tx, project, userID, 0); err != nil {
		return err
	}
	return user.SetMethod(tx, project, userID, user.TOTP, true)
}

// Delete takes the seeds of a user away.
func (s *Service) Delete(ctx context.Context, by audit.Origin, project, userID string) error {
	err := s.DB.Write(ctx, func(_ context.Context, tx *store.Tx) error {
		if _, err := user.Load(tx, project, userID); err != nil {
			return err
		}
		if err := remove(tx, project, userID); err != nil {
			return err
		}
		if err := s.Projects.Drop(tx, project, kind, userID); err != nil {
			return err
		}
		if err := user.SetMethod(tx, project, userID, user.TOTP, false); err != nil {
			return err
		}
		e := by.Event("user.totp.delete", audit.Done)
		e.Project, e.Details = project, map[string]any{"user": userID}
		return audit.Record(tx, e)
	})
	if err != nil {
		return fmt.Errorf("take the authenticator app of a user away: %w", err)
	}
	return nil
}

// Expire forgets those who signed up and did not show a code in time, and returns how
// many they were.
func (s *Service) Expire(ctx context.Context) (int, error) {
	n, err := s.forget(ctx, `SELECT project, login_id FROM totp_signups WHERE expires_at <= $1 LIMIT $2`, time.Now().Unix(), expireAtOnce)
	if err != nil {
		return 0, fmt.Errorf("forget those who did not sign up: %w", err)
	}
	return n, nil
}

// Bounded bounds those of a project who sign up and have shown no code yet.
func (s *Service) Bounded(most int) *store.Cap {
	return &store.Cap{Most: most, Trim: func(ctx context.Context, project string, most int) error {
		for n := expireAtOnce; n == expireAtOnce; {
			var err error
			if n, err = s.forget(ctx, `SELECT project, login_id FROM totp_signups WHERE project = $1 ORDER BY expires_at DESC LIMIT $3 OFFSET $2`, project, most, expireAtOnce); err != nil {
				return fmt.Errorf("bound those who sign up: %w", err)
			}
		}
		return nil
	}}
}

// forget takes away those whom a query chooses by project and login id, and their
// seeds.
func (s *Service) forget(ctx context.Context, query string, args ...any) (n int, err error) {
	err = s.DB.Write(ctx, func(_ context.Context, tx *store.Tx) error {
		gone, err := store.Collect(tx, func(row store.Scanner) (r [2]string, err error) { return r, row.Scan(&r[0], &r[1]) }, query, args...)
		n = len(gone)
		for _, g := range gone {
			if err == nil {
				err = errors.Join(removeSignUp(tx, g[0], g[1]), s.Projects.Drop(tx, g[0], kindSignUp, g[1]))
			}
		}
		return err
	})
	return n, err
}
