package session

import (
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"postern/internal/audit"
	"postern/internal/ident"
	"postern/internal/store"
	"postern/internal/user"
)

// A Session is what a proof made: it lives until it ends or is ended, whatever
// becomes of its tokens.
type Session struct {
	Project     string
	ID          string
	User        string // id; empty for an anonymous visitor
	CreatedAt   time.Time
	RefreshedAt time.Time // at most a little earlier than it was; see touched
	ExpiresAt   time.Time
	EndedAt     time.Time     // zero for not ended
	Generation  int64         // of the refresh token that counts
	Lifetime    time.Duration // that a management call asked for; 0 for that of the settings
	AMR         []string      // methods of authentication, in the order in which they were used
	Tenant      string        // the current one; empty for none
	Kind        string        // what its tokens say in the claim dtt; see classify
	Extra       Extra
	Client      Client
}

// Extra is what the tokens of a session hold because somebody asked for it.
type Extra struct {
	Trusted   map[string]any `json:"trusted,omitempty"`   // claims that a management key asked for
	Untrusted map[string]any `json:"untrusted,omitempty"` // claims that whoever signed in asked for
	App       string         `json:"app,omitempty"`       // id of an SSO application
	Actor     string         `json:"actor,omitempty"`     // the id of the user who impersonates this one
	Consent   bool           `json:"consent,omitempty"`   // whether the impersonation lasts only as long as the user's consent
	Key       string         `json:"key,omitempty"`       // the thumbprint of the key that its tokens are bound to (RFC 9449)
	Device    string         `json:"device,omitempty"`    // id of the trusted device that it began on
	Roles     []string       `json:"roles,omitempty"`     // ids of roles, of an anonymous visitor
}

const (
	columns = `project, id, user_id, ` + content
	content = `created_at, refreshed_at, expires_at, ended_at, generation, lifetime, amr, tenant, kind, claims, address, agent`
)

const one = `SELECT ` + columns + ` FROM sessions WHERE project = $1 AND id = $2`

// oneOfUser reads nothing twice: PostgreSQL spends as much on telling forty columns as
// on finding them.
var oneOfUser = `SELECT ` + store.Of("s", content) + `, ` + user.Columns() + `
	FROM sessions s JOIN users u ON u.project = s.project AND u.id = s.user_id WHERE s.project = $1 AND s.id = $2`

// A row takes the content of a session.
type row struct {
	s                                            Session
	created, refreshed, expires, ended, lifetime int64
	amr, claims                                  string
}

// into returns where the columns go, for Scan.
func (r *row) into() []any {
	s := &r.s
	return []any{
		&r.created, &r.refreshed, &r.expires, &r.ended, &s.Generation, &r.lifetime, &r.amr, &s.Tenant, &s.Kind, &r.claims,
		&s.Client.Address, &s.Client.UserAgent,
	}
}

// session returns the session once the columns are there.
func (r *row) session(project, id, user string) (*Session, error) {
	s := &r.s
	s.Project, s.ID, s.User = project, id, user
	s.CreatedAt, s.RefreshedAt, s.ExpiresAt = time.Unix(r.created, 0).UTC(), time.Unix(r.refreshed, 0).UTC(), time.Unix(r.expires, 0).UTC()
	if r.ended != 0 {
		s.EndedAt = time.Unix(r.ended, 0).UTC()
	}
	s.Lifetime, s.AMR = time.Duration(r.lifetime)*time.Second, strings.Fields(r.amr)
	if err := json.Unmarshal([]byte(r.claims), &s.Extra); err != nil {
		return nil, fmt.Errorf("read session %s: %w", s.ID, err)
	}
	return s, nil
}

func scan(from store.Scanner) (*Session, error) {
	var r row
	var project, id string
	var who sql.NullString
	if err := from.Scan(append([]any{&project, &id, &who}, r.into()...)...); err != nil {
		return nil, err
	}
	return r.session(project, id, who.String)
}

// noSession makes the absence of a row a session that has ended: its user was
// deleted, or it ended so long ago that nobody remembers.
func noSession(err error) error {
	if errors.Is(err, sql.ErrNoRows) {
		return ErrEnded
	}
	return err
}

func load(tx *store.Tx, project, id string) (*Session, error) {
	s, err := scan(tx.QueryRow(one, project, id))
	return s, noSession(err)
}

// loadWithUser reads a session and its user, in one statement. Of an anonymous
// visitor there is no user.
func loadWithUser(tx *store.Tx, project, id string) (*Session, *user.User, error) {
	var of row
	var who user.Row
	err := tx.QueryRow(oneOfUser, project, id).Scan(append(of.into(), who.Into()...)...)
	if err == nil {
		u, err1 := who.User()
		if err1 != nil {
			return nil, nil, err1
		}
		s, err2 := of.session(project, id, u.ID)
		return s, u, err2
	}
	if !errors.Is(err, sql.ErrNoRows) {
		return nil, nil, err
	}
	s, err := load(tx, project, id)
	if err == nil && s.User != "" {
		err = ErrEnded // the user was deleted just now
	}
	return s, nil, err
}

// insert stores a new session, as part of tx.
func (s *Session) insert(tx *store.Tx) error {
	extra, err := json.Marshal(s.Extra, json.Deterministic(true))
	if err != nil {
		return err
	}
	err = tx.Later(`INSERT INTO sessions (`+columns+`) VALUES ($1, $2, $3, $4, $5, $6, 0, $7, $8, $9, $10, $11, $12, $13, $14)`,
		s.Project, s.ID, sql.NullString{String: s.User, Valid: s.User != ""}, s.CreatedAt.Unix(), s.RefreshedAt.Unix(), s.ExpiresAt.Unix(), s.Generation, int64(s.Lifetime/time.Second),
		strings.Join(s.AMR, " "), s.Tenant, s.Kind, string(extra), s.Client.Address, s.Client.UserAgent)
	if err != nil {
		return fmt.Errorf("make session: %w", err)
	}
	return nil
}

// save stores what may change of a session that has not ended, as part of tx.
func (s *Session) save(tx *store.Tx) error {
	extra, err := json.Marshal(s.Extra, json.Deterministic(true))
	if err != nil {
		return err
	}
	res, err := tx.Exec(`UPDATE sessions SET refreshed_at = $3, expires_at = $4, generation = $5, lifetime = $6, amr = $7, tenant = $8, kind = $9, claims = $10
		WHERE project = $1 AND id = $2 AND ended_at = 0`,
		s.Project, s.ID, s.RefreshedAt.Unix(), s.ExpiresAt.Unix(), s.Generation, int64(s.Lifetime/time.Second), strings.Join(s.AMR, " "), s.Tenant, s.Kind, string(extra))
	if err != nil {
		return fmt.Errorf("save session: %w", err)
	}
	if n, err := res.RowsAffected(); err != nil || n != 1 {
		return errors.Join(ErrEnded, err)
	}
	return nil
}

// record writes down that a user signed in, as part of tx.
func record(tx *store.Tx, s *Session, method string, from Client, now time.Time) error {
	err := tx.Later(`INSERT INTO logins (project, id, user_id, login_at, method, tenant, address, agent, number) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, `+audit.Unnumbered+`)`,
		s.Project, ident.New("L"), s.User, now.Unix(), method, s.Tenant, from.Address, from.UserAgent)
	if err != nil {
		return fmt.Errorf("record login: %w", err)
	}
	return nil
}

// lives says why a session is over, or nil. Its settings are those of now: a
// shorter lifetime counts for sessions that were made before.
func (s *Session) lives(l lifetimes, now time.Time) error {
	switch {
	case !s.EndedAt.IsZero():
		return ErrEnded
	case !now.Before(s.until(l)):
		return ErrExpired
	case l.inactivity > 0 && now.Sub(s.RefreshedAt) > l.inactivity:
		return ErrExpired
	}
	return nil
}

// until returns when a session ends by itself.
func (s *Session) until(l lifetimes) time.Time {
	if s.Lifetime > 0 {
		return s.ExpiresAt
	}
	if by := s.CreatedAt.Add(l.refresh); by.Before(s.ExpiresAt) {
		return by
	}
	return s.ExpiresAt
}

// touched reports whether a refresh now must be written down. Where sessions end of
// inactivity the time is exact to a sixtieth of it, at the cost of a session whose
// last refreshes came one after another in that time; where they do not, it is exact
// to ten minutes, so that the setting finds something to go by when it is switched on.
func (s *Session) touched(l lifetimes, now time.Time) bool {
	grain := 10 * time.Minute
	if l.inactivity > 0 {
		grain = min(grain, l.inactivity/60)
	}
	return now.Sub(s.RefreshedAt) >= grain
}
