package user

import (
	"context"
	"errors"
	"time"

	"postern/internal/audit"
	"postern/internal/fault"
	"postern/internal/ident"
	"postern/internal/store"
)

// A Who names a user: by an id, or by a login id, for which an id may stand too.
type Who struct {
	ID      string
	LoginID string
	Home    string // where the login id counts
	// Anywhere is for who manages all users: where nobody has the login id in the home,
	// it is the only one who has it anywhere.
	Anywhere bool
	// Member is for who manages the users of one tenant: nobody else is there. A login id
	// may count in the home, or in the whole project.
	Member string
}

// Find returns the user who is named, as part of tx. What looks like an id is one:
// nobody can take it from its owner by signing up with it. ErrSeveral is a login id that
// several have Anywhere.
func (w Who) Find(tx *store.Tx, project string) (*User, error) {
	u, err := w.find(tx, project)
	if err != nil || w.Member == "" {
		return u, err
	}
	if _, ok := u.In(w.Member); !ok {
		return nil, ErrNotFound
	}
	return u, nil
}

func (w Who) find(tx *store.Tx, project string) (*User, error) {
	if w.ID != "" {
		return Load(tx, project, w.ID)
	}
	if ident.Valid("U", w.LoginID) {
		if u, err := Load(tx, project, w.LoginID); !errors.Is(err, ErrNotFound) {
			return u, err
		}
	}
	u, err := Find(tx, project, w.Home, w.LoginID)
	if w.Member != "" && errors.Is(err, ErrNotFound) {
		u, err = Find(tx, project, "", w.LoginID)
	}
	if !w.Anywhere || !errors.Is(err, ErrNotFound) {
		return u, err
	}
	return onlyOne(tx, project, w.LoginID)
}

// A Result is what became of one user of several.
type Result struct {
	User    *User // also a draft that failed, as far as it is known; or nil
	Created bool
	Err     error // a fault of this one alone
}

// A Draft is a user to be made.
type Draft struct {
	// Make returns who it is to be. It writes nothing.
	Make func(tx *store.Tx) (*User, error)
	// Beside stores what else the new user has, such as a credential. It may be nil.
	Beside func(tx *store.Tx, u *User) error
	// Again lets a user stay as they are who has the first login id, or the id, already.
	Again *Who
	// Renew changes who is there already; nil changes nothing.
	Renew func(u *User)
	// CreatedAt is when somebody came who moves in from elsewhere; zero is now.
	CreatedAt time.Time
}

// idLength is how long the ids of users are: a login id may look like one, too, and
// be shorter.
const idLength = 28

// batch is how many users one transaction makes or changes: others wait for it.
const batch = 100

// Create makes users, each with its record in the audit. A fault of one leaves the
// others alone. After another error those of earlier transactions are made.
func (s *Service) Create(ctx context.Context, by audit.Origin, project string, drafts ...Draft) ([]Result, error) {
	step := batch
	for _, d := range drafts {
		if d.Beside != nil {
			step = 1 // so that what it refuses takes back its own user alone
		}
	}
	return s.each(ctx, len(drafts), step, func(tx *store.Tx, i int) Result {
		d := drafts[i]
		if d.Again != nil {
			if u, err := d.Again.Find(tx, project); !errors.Is(err, ErrNotFound) {
				return renewed(tx, by, u, d.Renew, err)
			}
			if len(d.Again.LoginID) == idLength && ident.Valid("U", d.Again.LoginID) {
				return Result{Err: ErrNotFound}
			}
		}
		u, err := d.Make(tx)
		if err == nil {
			err = free(tx, u)
		}
		if err != nil {
			return Result{User: u, Err: err}
		}
		u.CreatedAt = d.CreatedAt
		if err := Create(tx, u); err != nil {
			return Result{User: u, Err: half{err}}
		}
		if d.Beside != nil {
			if err := d.Beside(tx, u); err != nil {
				return Result{User: u, Err: half{err}}
			}
		}
		return Result{User: u, Created: true, Err: recorded(tx, by, project, "user.create", map[string]any{"user": u.ID, "test": u.Test, "status": u.Status})}
	})
}

// renewed changes a user who was to be made and is there.
func renewed(tx *store.Tx, by audit.Origin, u *User, renew func(*User), err error) Result {
	if err != nil || renew == nil {
		return Result{User: u, Err: err}
	}
	was := u.Copy()
	renew(u)
	fields := was.Differs(u)
	if len(fields) == 0 {
		return Result{User: u}
	}
	if err := Save(tx, u); err != nil {
		return Result{User: was, Err: half{err}}
	}
	return Result{User: u, Err: recorded(tx, by, u.Project, "user.update", map[string]any{"user": u.ID, "fields": fields})}
}

// An Edit is a user to be changed. Make changes it and writes nothing; Beside, where
// there is one, stores what Save does not.
type Edit struct {
	Who    Who
	Make   func(tx *store.Tx, u *User) error
	Beside func(tx *store.Tx, u *User) (fields []string, err error)
}

// Change changes users, each with its record in the audit, which names the fields
// and no value. A user who is as before is not written. Errors are as with Create.
func (s *Service) Change(ctx context.Context, by audit.Origin, project string, edits ...Edit) ([]Result, error) {
	return s.each(ctx, len(edits), batch, func(tx *store.Tx, i int) Result {
		u, err := edits[i].Who.Find(tx, project)
		if err != nil {
			return Result{Err: err}
		}
		was := u.Copy()
		if err := edits[i].Make(tx, u); err != nil {
			return Result{User: was, Err: err}
		}
		fields := was.Differs(u)
		if len(fields) > 0 {
			if err := free(tx, u); err != nil {
				return Result{User: was, Err: err}
			}
			if err := Save(tx, u); err != nil {
				return Result{User: was, Err: half{err}}
			}
		}
		if edits[i].Beside != nil {
			more, err := edits[i].Beside(tx, u)
			if err != nil {
				return Result{User: was, Err: half{err}}
			}
			fields = append(fields, more...)
		}
		if len(fields) == 0 {
			return Result{User: u}
		}
		return Result{User: u, Err: s.changed(tx, by, was, u, fields)}
	})
}

var errNoSessions = errors.New("nothing ends the sessions of a user who is disabled")

// changed records a change of a user, and logs them out where it disables them: what
// they had is not there again when they are enabled.
func (s *Service) changed(tx *store.Tx, by audit.Origin, was, u *User, fields []string) error {
	if err := recorded(tx, by, u.Project, "user.update", map[string]any{"user": u.ID, "fields": fields}); err != nil {
		return err
	}
	if was.Status == Disabled || u.Status != Disabled {
		return nil
	}
	if s.EndSessions == nil {
		return half{errNoSessions}
	}
	n, err := s.EndSessions(tx, u.Project, u.ID)
	if err != nil {
		return half{err}
	}
	if n == 0 {
		return nil
	}
	return recorded(tx, by, u.Project, "user.logout", map[string]any{"user": u.ID})
}

// Remove deletes users with everything that is theirs, and returns how many there
// were. Those who are not there are passed over.
func (s *Service) Remove(ctx context.Context, by audit.Origin, project string, list ...Who) (int, error) {
	results, err := s.each(ctx, len(list), batch, func(tx *store.Tx, i int) Result {
		u, err := list[i].Find(tx, project)
		if err != nil {
			return Result{Err: err}
		}
		return remove(tx, by, u)
	})
	n := 0
	for _, r := range results {
		switch {
		case r.Err == nil:
			n++
		case !errors.Is(r.Err, ErrNotFound):
			return n, r.Err
		}
	}
	return n, err
}

func remove(tx *store.Tx, by audit.Origin, u *User) Result {
	if err := Delete(tx, u.Project, u.ID); err != nil {
		return Result{Err: half{err}}
	}
	return Result{User: u, Err: recorded(tx, by, u.Project, "user.delete", map[string]any{"user": u.ID})}
}

// Dismiss takes members out of a tenant, all or none: who belongs to no other one is
// deleted, the others leave it. may refuses what must not be. Those who are not there
// are passed over.
func (s *Service) Dismiss(ctx context.Context, by audit.Origin, project, tenant string, may func(*User) error, list ...Who) error {
	results, err := s.each(ctx, len(list), max(1, len(list)), func(tx *store.Tx, i int) Result {
		u, err := list[i].Find(tx, project)
		if err != nil {
			return Result{Err: err}
		}
		if err := may(u); err != nil {
			return Result{Err: half{err}}
		}
		if len(u.Tenants) == 1 {
			return remove(tx, by, u)
		}
		u.Leave(tenant)
		if err := Save(tx, u); err != nil {
			return Result{Err: half{err}}
		}
		return Result{User: u, Err: recorded(tx, by, project, "user.update", map[string]any{"user": u.ID, "fields": []string{"userTenants"}})}
	})
	for _, r := range results {
		if r.Err != nil && !errors.Is(r.Err, ErrNotFound) {
			return r.Err
		}
	}
	return err
}

// RemoveTest deletes every test user of a project, and returns how many there were.
func (s *Service) RemoveTest(ctx context.Context, by audit.Origin, project string) (n int64, err error) {
	err = s.DB.Write(ctx, func(_ context.Context, tx *store.Tx) error {
		res, err := tx.Exec(`DELETE FROM users WHERE project = $1 AND test = 1`, project)
		if err != nil {
			return err
		}
		if n, err = res.RowsAffected(); err != nil || n == 0 {
			return err
		}
		return recorded(tx, by, project, "user.deleteTest", map[string]any{"count": n})
	})
	return n, err
}

// half is an error after something was written: it takes the transaction back.
type half struct{ error }

func (h half) Unwrap() error { return h.error }

// each does something with each of n users, some in a transaction. Before a fault
// nothing may be written, or the error must be half.
func (s *Service) each(ctx context.Context, n, step int, do func(tx *store.Tx, i int) Result) ([]Result, error) {
	out := make([]Result, n)
	for from := 0; from < n; from += step {
		err := s.DB.Write(ctx, func(_ context.Context, tx *store.Tx) error {
			for i := from; i < min(from+step, n); i++ {
				out[i] = do(tx, i)
				_, isHalf := errors.AsType[half](out[i].Err)
				if _, isFault := errors.AsType[*fault.Error](out[i].Err); out[i].Err != nil && (isHalf || !isFault) {
					return out[i].Err
				}
			}
			return nil
		})
		if _, isFault := errors.AsType[*fault.Error](err); isFault && step == 1 && !errors.Is(err, store.ErrOutcomeUnknown) {
			out[from].Err, out[from].Created = err, false
			continue
		}
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

func recorded(tx *store.Tx, by audit.Origin, project, action string, details map[string]any) error {
	e := by.Event(action, audit.Done)
	e.Project, e.Details = project, details
	if err := audit.Record(tx, e); err != nil {
		return half{err}
	}
	return nil
}

// Foreign refuses what is the login id of another user than u.
func Foreign(tx *store.Tx, u *User, loginID string) error {
	other := *u
	other.LoginIDs = []string{loginID}
	return free(tx, &other)
}

// free refuses login ids that another user has, before anything is written.
func free(tx *store.Tx, u *User) error {
	ids := make([]string, 0, len(u.LoginIDs))
	for _, id := range u.LoginIDs {
		id, err := LoginID(id)
		if err != nil {
			return err
		}
		ids = append(ids, id)
	}
	if err := u.settled(); err != nil {
		return err
	}
	args := []any{u.Project, u.ID, u.Home}
	var taken int
	err := tx.QueryRow(`SELECT COUNT(*) FROM login_ids WHERE project = $1 AND user_id <> $2 AND home = $3 AND login_id IN `+store.Among(&args, ids), args...).Scan(&taken)
	if err == nil && taken > 0 {
		return ErrExists
	}
	return err
}
