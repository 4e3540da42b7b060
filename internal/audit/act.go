package audit

import (
	"context"
	"errors"
	"fmt"
	"time"

	"postern/internal/ident"
	"postern/internal/store"
)

// What people do, and what happens to them. The names are those of the hosted service
// where it has one.
const (
	LoginFailed   = "LoginFailed" // a proof that was refused
	SignedUp      = "UserCreated" // by themselves
	LoggedOut     = "Logout"
	TokenReplayed = "RefreshTokenReplayed" // a refresh token was shown again after its use; the session has ended
	NewCredential = "CredentialAdded"      //nolint:gosec // the name of an act; of the method: a further or another passkey, seed or set of answers
	CallRefused   = "CallRefused"          // of the management, to a user who manages a tenant or would
	NewAddress    = "AddressChanged"       // of the method: another mail address or number, which was proven
)

// An Act is something that a person did, or tried. It is beside the chain: people do
// more at once than one chain takes, each waiting for the one before.
type Act struct {
	Project string
	User    string // id; empty for nobody who is known
	LoginID string // of the user, where the id is not known; it is not kept
	Action  string
	Outcome string // Done, Refused or Failed
	Method  string // of authentication
	Tenant  string // the current one
	Reason  string // the code of an error
	Remote  string
	Agent   string // what the client calls itself
	Request string
}

// Note writes a, now, as part of tx. It takes as long for a login id of nobody as for one
// of somebody; a user who is not there any more is nobody, and so is who has a login id that
// is also another's, each in a tenant of their own.
func Note(tx *store.Tx, a Act) error {
	_, err := tx.Exec(`INSERT INTO acts (project, id, user_id, action, outcome, acted_at, method, tenant, reason, remote, agent, request, number)
		VALUES ($1, $2, COALESCE((SELECT id FROM users WHERE project = $1 AND id = $3), (SELECT MIN(user_id) FROM login_ids WHERE project = $1 AND login_id = $4 HAVING COUNT(*) = 1)), $5, $6, $7, $8, $9, $10, $11, $12, $13, `+Unnumbered+`)`,
		a.Project, ident.New("A"), storable(a.User), storable(a.LoginID), a.Action, a.Outcome, time.Now().UnixMilli(),
		a.Method, a.Tenant, a.Reason, a.Remote, storable(a.Agent), a.Request)
	if err != nil {
		return fmt.Errorf("note %q: %w", a.Action, err)
	}
	return nil
}

// ActsKept is how long acts are remembered, as logins are.
const ActsKept = 365 * 24 * time.Hour

// ExpireActs forgets acts of long ago, and returns how many. Several servers may do so
// at once.
func ExpireActs(ctx context.Context, db *store.DB) (int, error) {
	n, err := db.Prune(ctx, `DELETE FROM acts WHERE (project, id) IN (SELECT project, id FROM acts WHERE acted_at < $1 LIMIT $2)`,
		time.Now().Add(-ActsKept).UnixMilli())
	if err != nil {
		return n, fmt.Errorf("forget acts: %w", err)
	}
	return n, nil
}

// spared is how many times as many acts a project may have, while some wait for a
// connector that takes them.
const spared = 4

// Bounded bounds the acts of a project: a guesser makes one with each guess. The
// oldest give way, and of those that go out the ones that have gone; not all of those that
// are too many are looked at each time. Where they are too many all the same, forgotten is
// told how many went before each connector had them.
func Bounded(db *store.DB, most int, forgotten func(n int)) *store.Cap {
	gone := db.Cap(most, "acts that have gone out", `DELETE FROM acts WHERE (project, id) IN (
		SELECT project, id FROM (SELECT project, id, number FROM acts WHERE project = $1 ORDER BY acted_at DESC LIMIT 100000 OFFSET $2) old
		WHERE number IS NULL OR (number > 0 AND NOT EXISTS (SELECT 1 FROM audit_streams s WHERE s.project = $1 AND s.acted < old.number)) LIMIT $3)`)
	return &store.Cap{Most: most, Trim: func(ctx context.Context, project string, most int) error {
		err := gone.Trim(ctx, project, most)
		n, failed := db.Prune(ctx, `DELETE FROM acts WHERE (project, id) IN (
			SELECT project, id FROM acts WHERE project = $1 ORDER BY acted_at DESC LIMIT $3 OFFSET $2)`, project, spared*most)
		forgotten(n)
		if failed != nil {
			err = errors.Join(err, fmt.Errorf("bound the acts of people: %w", failed))
		}
		return err
	}}
}

// Acts counts the acts of a project from one time to another. fn is given each tally
// once.
func Acts(ctx context.Context, db *store.DB, project string, from, to time.Time, fn func(Tally)) error {
	err := db.Read(ctx, func(_ context.Context, tx *store.Tx) error {
		return store.Each(tx, func(row store.Scanner) (t Tally, err error) {
			var hour int64
			err = row.Scan(&hour, &t.Action, &t.Method, &t.Tenant, &t.Agent, &t.N)
			t.Hour = time.Unix(hour*3600, 0).UTC()
			return t, err
		}, func(t Tally) error { fn(t); return nil },
			`SELECT acted_at / 3600000, action, method, tenant, agent, COUNT(*) FROM acts WHERE project = $1 AND acted_at >= $2 AND acted_at <= $3
			GROUP BY acted_at / 3600000, action, method, tenant, agent`, project, from.UnixMilli(), to.UnixMilli())
	})
	if err != nil {
		return fmt.Errorf("count acts: %w", err)
	}
	return nil
}
