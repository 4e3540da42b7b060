package challenge

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/go-json-experiment/json"

	"postern/internal/store"
)

const columns = `project, method, id, user_id, poll, digest, tries, verified, revision, data, created_at, expires_at`

func scan(row store.Scanner) (*Pending, error) {
	p := &Pending{}
	var user, poll sql.NullString
	var tries, verified, created, expires int64
	var data string
	if err := row.Scan(&p.Project, &p.Method, &p.ID, &user, &poll, &p.Digest, &tries, &verified, &p.Revision, &data, &created, &expires); err != nil {
		return nil, err
	}
	p.User, p.Poll, p.Tries, p.Verified = user.String, poll.String, int(tries), verified != 0
	p.Created, p.Expires = time.Unix(created, 0), time.Unix(expires, 0)
	if err := json.Unmarshal([]byte(data), &p.Data); err != nil {
		return nil, fmt.Errorf("read challenge: %w", err)
	}
	return p, nil
}

// put stores a pending proof, in place of the one before of the same name.
func put(tx *store.Tx, p *Pending) error {
	data, err := json.Marshal(p.Data, json.Deterministic(true))
	if err != nil {
		return err
	}
	managed := 0
	if p.Managed {
		managed = 1
	}
	_, err = tx.Exec(`INSERT INTO challenges (`+columns+`, managed, subject) VALUES ($1, $2, $3, $4, $5, $6, $7, 0, $8, $9, $10, $11, $12, $13)
		ON CONFLICT (project, method, id) DO UPDATE SET user_id = $4, poll = $5, digest = $6, tries = $7, verified = 0, revision = $8, data = $9, created_at = $10, expires_at = $11, managed = $12, subject = $13`,
		p.Project, p.Method, p.ID, null(p.User), null(p.Poll), p.Digest, p.Tries, p.Revision, string(data), p.Created.Unix(), p.Expires.Unix(), managed, Name(p.subject()))
	if err != nil || p.Managed || p.Tries > 0 { // of what has tries, a code, there is one of a name
		return err
	}
	_, err = tx.Exec(`DELETE FROM challenges WHERE (project, method, id) IN (
		SELECT project, method, id FROM challenges WHERE project = $1 AND method = $2 AND subject = $3 AND managed = 0 AND id <> $4
		ORDER BY created_at DESC LIMIT $5 OFFSET $6)`,
		p.Project, p.Method, Name(p.subject()), p.ID, mostWaiting, mostWaiting-1)
	return err
}

// mostWaiting is how many links of a method one user, or one login id of nobody, waits
// for: the oldest give way. Whoever keeps asking in the name of somebody does not fill
// the table where the settings let them ask, and what lies in a mailbox is bounded.
const mostWaiting = 20

// Bounded bounds the proofs of a project that are not answered. Those that the
// customer's own system began, such as invitations, are not counted and never give way.
func Bounded(db *store.DB, most int) *store.Cap {
	return db.Cap(most, "challenges", `DELETE FROM challenges WHERE (project, method, id) IN (
		SELECT project, method, id FROM challenges WHERE project = $1 AND managed = 0 ORDER BY created_at DESC LIMIT $3 OFFSET $2)`)
}

func null(s string) sql.NullString { return sql.NullString{String: s, Valid: s != ""} }

// Find returns a pending proof by its name; nil where there is none.
func (s *Service) Find(ctx context.Context, project, method, id string) (*Pending, error) {
	return s.find(ctx, `SELECT `+columns+` FROM challenges WHERE project = $1 AND method = $2 AND id = $3`, project, method, id)
}

// Polled returns a pending proof by what is waited with; nil where there is none.
func (s *Service) Polled(ctx context.Context, project, method, poll string) (*Pending, error) {
	return s.find(ctx, `SELECT `+columns+` FROM challenges WHERE project = $1 AND method = $2 AND poll = $3`, project, method, poll)
}

func (s *Service) find(ctx context.Context, query string, args ...any) (p *Pending, err error) {
	err = s.DB.One(ctx, func(row store.Scanner) error {
		p, err = scan(row)
		return err
	}, query, args...)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	return p, err
}

// take removes a pending proof, which thereby works once, and reports whether it
// was still there. Another one of the same name is not taken for it.
func take(tx *store.Tx, p *Pending) (bool, error) {
	var n int64
	err := tx.Together(taking(p, &n))
	return n == 1, err
}

// taking is the statement of take, to be run together with others.
func taking(p *Pending, taken *int64) store.Ask {
	return store.Changing(taken, `DELETE FROM challenges WHERE project = $1 AND method = $2 AND id = $3 AND digest = $4`, p.Project, p.Method, p.ID, p.Digest)
}

// Forget removes what is pending of a user by a method, as part of tx: whoever
// changed a password must not leave a link behind that changes it once more.
func Forget(tx *store.Tx, project, userID, method string) error {
	_, err := tx.Exec(`DELETE FROM challenges WHERE project = $1 AND user_id = $2 AND method = $3`, project, userID, method)
	return err
}

// Drop forgets a pending proof, and reports whether it was still there.
func (s *Service) Drop(ctx context.Context, p *Pending) (gone bool, err error) {
	err = s.DB.WriteCommitted(ctx, func(_ context.Context, tx *store.Tx) (err error) {
		gone, err = take(tx, p)
		return err
	})
	return gone, err
}

// Verify marks a pending proof as answered, for whoever waits for it, and reports
// whether it still waited.
func (s *Service) Verify(ctx context.Context, p *Pending) (waited bool, err error) {
	err = s.DB.WriteCommitted(ctx, func(_ context.Context, tx *store.Tx) (err error) {
		waited, err = p.move(tx, p.ID, true)
		return err
	})
	return waited, err
}

// move gives a pending proof another name, as part of tx, with what is known of it
// by now and whether it is answered. It reports whether it still waited.
func (p *Pending) move(tx *store.Tx, id string, verified bool) (bool, error) {
	data, err := json.Marshal(p.Data, json.Deterministic(true))
	if err != nil {
		return false, err
	}
	answered := 0
	if verified {
		answered = 1
	}
	res, err := tx.Exec(`UPDATE challenges SET id = $5, user_id = $6, data = $7, verified = $8
		WHERE project = $1 AND method = $2 AND id = $3 AND digest = $4 AND verified = 0`,
		p.Project, p.Method, p.ID, p.Digest, id, null(p.User), string(data), answered)
	if err != nil {
		return false, err
	}
	n, err := res.RowsAffected()
	return n == 1, err
}

// keptFor is how long a proof that is over stays, so that who comes late is told
// that it expired.
const keptFor = 24 * time.Hour

// Expire deletes what has long been over, and returns how many it were. Several
// servers may do so at once.
func (s *Service) Expire(ctx context.Context) (int, error) {
	n, err := s.DB.Prune(ctx, `DELETE FROM challenges WHERE (project, method, id) IN (
		SELECT project, method, id FROM challenges WHERE expires_at < $1 LIMIT $2)`, time.Now().Add(-keptFor).Unix())
	if err != nil {
		return n, fmt.Errorf("forget old challenges: %w", err)
	}
	return n, nil
}
