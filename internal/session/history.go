package session

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"postern/internal/audit"
	"postern/internal/store"
)

// A Past is one login of the past.
type Past struct {
	ID      string
	User    string
	At      time.Time
	Method  string // one of AMR…, or another word for what made the session
	Tenant  string // that was chosen by it
	Address string
	Agent   string
}

// The bounds of the history.
const (
	pastShown = 100                  // logins of a user, the newest
	pastKept  = 365 * 24 * time.Hour // how long a login is remembered
)

// Logins are the logins of people, as a source of a search of the audit.
func Logins() audit.Source {
	return audit.Source{
		Table: "logins", Project: "project", ID: "id", Actor: "user_id", Action: "'" + LoggedIn + "'", Outcome: "'" + audit.Done + "'", At: "login_at", Step: 1000,
		Remote: "address", User: "logins.user_id", Tenant: "tenant", Method: "method", Agent: "agent",
	}
}

// LoggedIn is what the audit calls a login: a session that was made, raised or begun.
const LoggedIn = "LoginSucceed"

// History returns the last hundred logins of a user, the newest first.
func (s *Service) History(ctx context.Context, project, user string) ([]Past, error) {
	list, err := store.Rows(ctx, s.DB, func(row store.Scanner) (p Past, err error) {
		var at int64
		err = row.Scan(&p.ID, &p.User, &at, &p.Method, &p.Tenant, &p.Address, &p.Agent)
		p.At = time.Unix(at, 0).UTC()
		return p, err
	}, `SELECT id, user_id, login_at, method, tenant, address, agent FROM logins WHERE project = $1 AND user_id = $2
		ORDER BY login_at DESC LIMIT $3`, project, user, pastShown)
	if err != nil {
		return nil, fmt.Errorf("read logins: %w", err)
	}
	slices.SortStableFunc(list, func(a, b Past) int { return cmp.Or(b.At.Compare(a.At), cmp.Compare(b.ID, a.ID)) })
	return list, nil
}

// endedKept is how long a session is remembered that is over, so that whoever shows
// a token of it learns why it does not work.
const endedKept = 24 * time.Hour

// Collect forgets sessions that are over and logins of long ago, and returns how
// many sessions those were. Several servers may do so at once.
func (s *Service) Collect(ctx context.Context) (int, error) {
	now := time.Now()
	// The longest that a token of an ended session could be shown is what its row
	// says, so the row stays until then: a replay must be told from a forgery.
	n, err := s.DB.Prune(ctx, `DELETE FROM sessions WHERE (project, id) IN (SELECT project, id FROM sessions WHERE expires_at < $1 LIMIT $2)`,
		now.Add(-endedKept).Unix())
	if err == nil {
		_, err = s.DB.Prune(ctx, `DELETE FROM logins WHERE (project, id) IN (SELECT project, id FROM logins WHERE login_at < $1 LIMIT $2)`,
			now.Add(-pastKept).Unix())
	}
	if err != nil {
		return n, fmt.Errorf("collect sessions: %w", err)
	}
	return n, nil
}
