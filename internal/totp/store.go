package totp

import (
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/go-json-experiment/json"

	"postern/internal/project"
	"postern/internal/store"
	"postern/internal/user"
)

// Where seeds are kept.
const (
	kind       = "totp"       // those of users, by id
	kindSignUp = "totpSignUp" // those of who signs up, by user.Key of the login id
	fieldSeed  = "seed"       // that counts
	fieldNext  = "next"       // that waits for its first code
)

func place(id, userID, field string) project.Place {
	return project.Place{Project: id, Kind: kind, Entity: userID, Field: field, User: userID}
}

func signUpPlace(id, key string) project.Place {
	return project.Place{Project: id, Kind: kindSignUp, Entity: key, Field: fieldSeed}
}

// A state is what there is of a user beside the seeds.
type state struct {
	active    bool
	lastStep  int64
	nextUntil time.Time
	nextBy    string // id of the session that asked for the next seed
}

func load(tx *store.Tx, project, userID string) (state, error) {
	var st state
	var active, until int64
	err := tx.QueryRow(`SELECT active, last_step, next_until, next_session FROM totp WHERE project = $1 AND user_id = $2`, project, userID).
		Scan(&active, &st.lastStep, &until, &st.nextBy)
	if errors.Is(err, sql.ErrNoRows) {
		return state{}, nil
	}
	st.active, st.nextUntil = active == 1, time.Unix(until, 0)
	return st, err
}

// take makes a step the newest one. Of two who show one code the second finds it
// taken.
func take(tx *store.Tx, project, userID string, at int64) error {
	res, err := tx.Exec(`UPDATE totp SET last_step = $3 WHERE project = $1 AND user_id = $2 AND active = 1 AND last_step < $3`, project, userID, at)
	if err != nil {
		return err
	}
	if n, err := res.RowsAffected(); err != nil || n != 1 {
		return errors.Join(ErrCode, err)
	}
	return nil
}

// activate says that the seed counts which is kept as such, and that no other waits.
func activate(tx *store.Tx, project, userID string, at int64) error {
	_, err := tx.Exec(`INSERT INTO totp (project, user_id, active, last_step, next_until) VALUES ($1, $2, 1, $3, 0)
		ON CONFLICT (project, user_id) DO UPDATE SET active = 1, last_step = $3, next_until = 0`, project, userID, at)
	return err
}

// expectNext says that a seed waits for its first code, and which session asked.
func expectNext(tx *store.Tx, project, userID, session string, until time.Time) error {
	_, err := tx.Exec(`INSERT INTO totp (project, user_id, active, last_step, next_until, next_session) VALUES ($1, $2, 0, 0, $3, $4)
		ON CONFLICT (project, user_id) DO UPDATE SET next_until = $3, next_session = $4`, project, userID, until.Unix(), session)
	return err
}

func remove(tx *store.Tx, project, userID string) error {
	_, err := tx.Exec(`DELETE FROM totp WHERE project = $1 AND user_id = $2`, project, userID)
	return err
}

// A pending sign-up is the user that there will be, and the revision that it began
// under.
type pending struct {
	user.User `json:",embed"`
	Revision  int64 `json:"revision"`
}

func insertSignUp(tx *store.Tx, u *user.User, revision int64, key string, until time.Time) error {
	data, err := json.Marshal(pending{*u, revision})
	if err != nil {
		return fmt.Errorf("write a sign-up: %w", err)
	}
	_, err = tx.Exec(`INSERT INTO totp_signups (project, login_id, user_data, expires_at) VALUES ($1, $2, $3, $4)
		ON CONFLICT (project, login_id) DO UPDATE SET user_data = $3, expires_at = $4`, u.Project, key, string(data), until.Unix())
	return err
}

// readSignUp returns a sign-up, or nil where nobody signs up.
func readSignUp(tx *store.Tx, project, key string, now time.Time) (*pending, error) {
	var data string
	err := tx.QueryRow(`SELECT user_data FROM totp_signups WHERE project = $1 AND login_id = $2 AND expires_at > $3`, project, key, now.Unix()).Scan(&data)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	p := &pending{}
	if err := json.Unmarshal([]byte(data), p); err != nil {
		return nil, fmt.Errorf("read a sign-up: %w", err)
	}
	return p, nil
}

func removeSignUp(tx *store.Tx, project, key string) error {
	_, err := tx.Exec(`DELETE FROM totp_signups WHERE project = $1 AND login_id = $2`, project, key)
	return err
}

// expireAtOnce bounds the rows that one transaction deletes: others wait for it.
const expireAtOnce = 1000
