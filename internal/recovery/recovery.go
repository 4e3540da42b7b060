// Package recovery owns recovery codes: look-up secrets (NIST SP 800-63B §3.1.2) for
// users who have lost their authenticator. There are ten, each works once, and they
// are shown once.
package recovery

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
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
	ErrCode     = session.ErrCode
	ErrNoFactor = fault.New(fault.Conflict, "P40973", "recovery codes are for users who have an authenticator app or a passkey")
)

// AMR is the method in the claim amr.
const AMR = "recovery"

const (
	codes    = 10
	letters  = 16                                 // of a code, five bits each: 80 bits
	alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ" // Crockford's: no I, L, O, U
	group    = 4                                  // letters between two dashes
)

// Tries are few, although nobody guesses 80 bits: a mistyped code costs less than a
// flood of them.
var tries = session.Bound{Scope: "recovery.signin", Here: 10, Within: 10 * time.Minute}

// Service keeps recovery codes.
type Service struct {
	DB       *store.DB
	Projects *project.Service
	Sessions *session.Service
	Attempts *limit.Service
}

// Make gives a user who is signed in new codes. Those before do not work any more.
func (s *Service) Make(ctx context.Context, by audit.Origin, cfg *project.Config, u *user.User) ([]secret.Text, error) {
	if !enabled(cfg) {
		return nil, project.ErrMethodOff
	}
	if !u.Has(user.TOTP | user.Passkey) {
		return nil, ErrNoFactor
	}
	pepper, err := s.pepper(ctx, cfg.Project)
	if err != nil {
		return nil, err
	}
	var out []secret.Text
	for range codes {
		out = append(out, secret.New(draw()))
	}
	err = s.DB.Write(ctx, func(_ context.Context, tx *store.Tx) error {
		if err := remove(tx, cfg.Project, u.ID); err != nil {
			return err
		}
		for _, code := range out {
			if _, err := tx.Exec(`INSERT INTO recovery_codes (project, user_id, code) VALUES ($1, $2, $3)`,
				cfg.Project, u.ID, pepper.Hash(u.ID, normal(code))); err != nil {
				return err
			}
		}
		if err := user.SetMethod(tx, cfg.Project, u.ID, user.RecoveryCodes, true); err != nil {
			return err
		}
		return record(tx, by, cfg.Project, u.ID, "user.recoverycodes.make")
	})
	if err != nil {
		return nil, fmt.Errorf("make recovery codes: %w", err)
	}
	return out, nil
}

// enabled says whether there is an authenticator to lose: recovery codes have no
// setting of their own.
func enabled(cfg *project.Config) bool {
	return cfg.Methods.TOTP.Enabled || cfg.Methods.Passkey.Enabled
}

// draw returns a new code, such as "7Q2M-0VXK-RT8D-4HJS".
func draw() string {
	var raw [letters]byte
	_, _ = rand.Read(raw[:]) // never fails: crypto/rand ends the program instead
	var b strings.Builder
	for i, v := range raw {
		if i > 0 && i%group == 0 {
			b.WriteByte('-')
		}
		b.WriteByte(alphabet[v%32])
	}
	return b.String()
}

// normal returns a code as it is compared: what looks alike is alike.
func normal(code secret.Text) string {
	return strings.NewReplacer("-", "", " ", "", "O", "0", "I", "1", "L", "1").Replace(strings.ToUpper(code.Reveal()))
}

// SignIn takes a code. It works once: of those who show it at the same time one gets
// a session.
func (s *Service) SignIn(ctx context.Context, login session.Login, loginID string, code secret.Text) (*session.Tokens, error) {
	cfg := login.Config
	if !enabled(cfg) {
		return nil, project.ErrMethodOff
	}
	home, err := s.Sessions.Home(ctx, login)
	if err != nil {
		return nil, err
	}
	u, err := (&user.Service{DB: s.DB}).Find(ctx, cfg.Project, home, loginID)
	guess := session.Guess{Project: cfg.Project, Client: login.Client, Subjects: []string{"login id " + user.Key(home, strings.ToLower(strings.TrimSpace(loginID)))}}
	switch {
	case errors.Is(err, user.ErrNotFound):
	case err != nil:
		return nil, err
	default:
		guess.User, guess.Subjects = u.ID, []string{"user " + u.ID}
	}
	err = s.DB.WriteCommitted(ctx, func(_ context.Context, tx *store.Tx) error { return guess.Count(tx, s.Attempts, tries) })
	if err != nil {
		return nil, err
	}
	if u == nil {
		return nil, ErrCode
	}
	pepper, err := s.pepper(ctx, cfg.Project)
	if err != nil {
		return nil, err
	}
	hash := pepper.Hash(u.ID, normal(code))
	login.Method = AMR
	login.Prove = func(tx *store.Tx) (*user.User, bool, error) {
		if err := take(tx, cfg.Project, u.ID, hash); err != nil {
			return nil, false, err
		}
		now, err := user.Load(tx, cfg.Project, u.ID)
		if err != nil {
			return nil, false, err
		}
		return now, now.LastLoginAt.IsZero(), guess.Forget(tx, s.Attempts, tries)
	}
	return s.Sessions.SignIn(ctx, login)
}

// take uses a code up.
func take(tx *store.Tx, project, userID string, hash []byte) error {
	res, err := tx.Exec(`DELETE FROM recovery_codes WHERE project = $1 AND user_id = $2 AND code = $3`, project, userID, hash)
	if err != nil {
		return err
	}
	if n, err := res.RowsAffected(); err != nil || n != 1 {
		return errors.Join(ErrCode, err)
	}
	var left int
	if err := tx.QueryRow(`SELECT COUNT(*) FROM recovery_codes WHERE project = $1 AND user_id = $2`, project, userID).Scan(&left); err != nil || left > 0 {
		return err
	}
	return user.SetMethod(tx, project, userID, user.RecoveryCodes, false)
}

// Delete takes the codes of a user away.
func (s *Service) Delete(ctx context.Context, by audit.Origin, project, userID string) error {
	err := s.DB.Write(ctx, func(_ context.Context, tx *store.Tx) error {
		if _, err := user.Load(tx, project, userID); err != nil {
			return err
		}
		if err := remove(tx, project, userID); err != nil {
			return err
		}
		if err := user.SetMethod(tx, project, userID, user.RecoveryCodes, false); err != nil {
			return err
		}
		return record(tx, by, project, userID, "user.recoverycodes.delete")
	})
	if err != nil {
		return fmt.Errorf("delete recovery codes: %w", err)
	}
	return nil
}

func remove(tx *store.Tx, project, userID string) error {
	_, err := tx.Exec(`DELETE FROM recovery_codes WHERE project = $1 AND user_id = $2`, project, userID)
	return err
}

func record(tx *store.Tx, by audit.Origin, project, userID, action string) error {
	e := by.Event(action, audit.Done)
	e.Project, e.Details = project, map[string]any{"user": userID}
	return audit.Record(tx, e)
}

func (s *Service) pepper(ctx context.Context, projectID string) (project.Pepper, error) {
	return s.Projects.Pepper(ctx, project.Place{Project: projectID, Kind: "recovery", Entity: "codes", Field: "key"})
}
