package password

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/go-json-experiment/json"

	"postern/internal/project"
	"postern/internal/store"
	"postern/internal/tenant"
	"postern/internal/user"
)

// A record is the password of a user, as it is stored.
type record struct {
	hash        string
	history     []string // former hashes, the newest first
	setAt       time.Time
	expired     bool // must be replaced, whatever its age
	attempts    int  // wrong ones since the last right one
	lockedUntil time.Time
}

// load reads the password of a user; nil for none.
func load(tx *store.Tx, project, id string) (*record, error) {
	r := &record{}
	var history string
	var set, expired, until int64
	err := tx.QueryRow(`SELECT hash, history, set_at, expired, attempts, locked_until FROM passwords WHERE project = $1 AND user_id = $2`,
		project, id).Scan(&r.hash, &history, &set, &expired, &r.attempts, &until)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal([]byte(history), &r.history); err != nil {
		return nil, fmt.Errorf("read former passwords of %s: %w", id, err)
	}
	r.setAt, r.expired, r.lockedUntil = time.Unix(set, 0), expired != 0, time.Unix(until, 0)
	return r, nil
}

// save stores the password of a user, in place of the one before.
func (r *record) save(tx *store.Tx, project, id string) error {
	if r.history == nil {
		r.history = []string{}
	}
	history, err := json.Marshal(r.history)
	if err != nil {
		return err
	}
	var expired int64
	if r.expired {
		expired = 1
	}
	_, err = tx.Exec(`
		INSERT INTO passwords (project, user_id, hash, history, set_at, expired, attempts, locked_until)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
		ON CONFLICT (project, user_id) DO UPDATE SET hash = $3, history = $4, set_at = $5, expired = $6, attempts = $7, locked_until = $8`,
		project, id, r.hash, string(history), r.setAt.Unix(), expired, r.attempts, max(r.lockedUntil.Unix(), 0))
	if err != nil {
		return fmt.Errorf("save password: %w", err)
	}
	return user.SetMethod(tx, project, id, user.Password, true)
}

// wrong counts a wrong try, if the password is not locked.
func (r *record) wrong(p project.PasswordMethod, now time.Time) {
	if r.locked(p, now) {
		return
	}
	r.attempts++
	if p.TempLockAttempts > 0 && r.attempts%p.TempLockAttempts == 0 {
		r.lockedUntil = now.Add(p.TempLockFor)
	}
}

// locked reports whether no password signs in now: after too many wrong ones, for
// a time or until it is set anew.
func (r *record) locked(p project.PasswordMethod, now time.Time) bool {
	return p.LockAttempts > 0 && r.attempts >= p.LockAttempts || p.TempLockAttempts > 0 && now.Before(r.lockedUntil)
}

// over reports whether the password has to be replaced before it signs in.
func (r *record) over(p project.PasswordMethod, now time.Time) bool {
	return r.expired || p.ExpireAfter > 0 && !now.Before(r.setAt.Add(p.ExpireAfter))
}

// former are the hashes that a new password must not match: those that the policy
// remembers, the one in use first.
func (r *record) former(p project.PasswordMethod) []string {
	if r == nil || p.Reuse == 0 {
		return nil
	}
	all := append([]string{r.hash}, r.history...)
	return all[:min(len(all), p.Reuse)]
}

// next is the record after a password was set.
func (r *record) next(p project.PasswordMethod, hash string, expired bool, now time.Time) *record {
	out := &record{hash: hash, setAt: now, expired: expired}
	if r != nil && p.Reuse > 1 {
		all := append([]string{r.hash}, r.history...)
		out.history = all[:min(len(all), p.Reuse-1)] // with the new one as many as are remembered
	}
	return out
}

// A standing is how it stands with the password of somebody.
type standing struct {
	user   *user.User // nil for nobody
	record *record    // nil for none
	policy project.PasswordMethod
}

// standingOf returns how it stands with the password of u, as part of tx.
func standingOf(tx *store.Tx, c *project.Config, u *user.User) (*standing, error) {
	r, err := load(tx, u.Project, u.ID)
	if err != nil {
		return nil, err
	}
	p, err := policyOf(tx, c, u)
	return &standing{u, r, p}, err
}

// homePolicy returns the policy of who belongs to a tenant that is their home, or to
// none where it is blank, as part of tx.
func homePolicy(tx *store.Tx, c *project.Config, home string) (project.PasswordMethod, error) {
	if home == "" {
		return c.Methods.Password, nil
	}
	return tenant.PasswordsOf(tx, c, home)
}

// policyOf returns the policy that a user obeys, as part of tx: that of the tenants
// that they belong to.
func policyOf(tx *store.Tx, c *project.Config, u *user.User) (project.PasswordMethod, error) {
	ids := make([]string, len(u.Tenants))
	for i, m := range u.Tenants {
		ids[i] = m.Tenant
	}
	return tenant.PasswordsOf(tx, c, ids...)
}

// standing is standingOf in a transaction of its own.
func (s *Service) standing(ctx context.Context, c *project.Config, u *user.User) (out *standing, err error) {
	err = s.DB.Read(ctx, func(_ context.Context, tx *store.Tx) error {
		out, err = standingOf(tx, c, u)
		return err
	})
	return out, err
}

// find returns how it stands with the password of the user who has a login id; with
// nobody's, under the policy of the home.
func (s *Service) find(ctx context.Context, c *project.Config, home, loginID string) (out *standing, err error) {
	err = s.DB.Read(ctx, func(_ context.Context, tx *store.Tx) error {
		u, err := user.Find(tx, c.Project, home, loginID)
		if errors.Is(err, user.ErrNotFound) {
			out = &standing{}
			out.policy, err = homePolicy(tx, c, home)
			return err
		}
		if err != nil {
			return err
		}
		out, err = standingOf(tx, c, u)
		return err
	})
	return out, err
}
