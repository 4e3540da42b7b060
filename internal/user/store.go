package user

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/go-json-experiment/json"

	"postern/internal/ident"
	"postern/internal/store"
)

// LoginID returns a login id as it is compared and stored: without space around it,
// and one that is an address in lower case.
func LoginID(s string) (string, error) {
	s = strings.TrimSpace(s)
	if strings.Contains(s, "@") {
		s = strings.ToLower(s)
	}
	if s == "" || len(s) > 254 || !utf8.ValidString(s) || strings.ContainsFunc(s, unicode.IsControl) {
		return "", ErrLoginID
	}
	return s, nil
}

const columns = `project, id, status, name, given_name, middle_name, family_name, email, email_verified, phone, phone_verified,
	recovery, picture, test, custom, apps, methods, created_at, modified_at, last_login_at, expires_at, consent_until, unproven, home`

// Columns are what a SELECT reads a user u by, with what the user has in other
// tables, in one statement: a Row takes them. Texts of several rows stand one after
// the other, each with its length in bytes before it, so that any text may be one.
// Login ids have their positions before that, and are sorted when they were read: for
// the few of a user both databases would set up a sort as if they were many. The last
// are pairs of a tenant and "=" with a role, or nothing where the user belongs to the
// tenant; without a tenant the role counts in the whole project.
func Columns() string {
	return store.Of("u", columns) + `,
	COALESCE((SELECT string_agg(position || ':' || octet_length(login_id) || ':' || login_id, '') FROM login_ids WHERE project = u.project AND user_id = u.id), ''),
	COALESCE((SELECT string_agg(octet_length(tenant) || ':' || tenant || octet_length(role) || ':' || role, '') FROM (
		SELECT tenant, '' AS role FROM memberships WHERE project = u.project AND user_id = u.id
		UNION ALL SELECT tenant, '=' || role FROM user_roles WHERE project = u.project AND user_id = u.id) has), '')`
}

// A Row takes the Columns of a user.
type Row struct {
	u                                          User
	created, modified, login, expires, consent int64
	email, phone, test, unproven               int64
	recovery, custom, apps, loginIDs, grants   string
}

// Into returns where the columns go, for Scan.
func (r *Row) Into() []any {
	u := &r.u
	return []any{
		&u.Project, &u.ID, &u.Status, &u.Name, &u.GivenName, &u.MiddleName, &u.FamilyName, &u.Email, &r.email, &u.Phone, &r.phone,
		&r.recovery, &u.Picture, &r.test, &r.custom, &r.apps, &u.Methods, &r.created, &r.modified, &r.login, &r.expires, &r.consent, &r.unproven, &u.Home,
		&r.loginIDs, &r.grants,
	}
}

// User returns the user once the columns are there.
func (r *Row) User() (*User, error) {
	u := &r.u
	u.VerifiedEmail, u.VerifiedPhone, u.Test, u.Unproven = r.email != 0, r.phone != 0, r.test != 0, r.unproven != 0
	u.CreatedAt, u.ModifiedAt, u.LastLoginAt, u.ExpiresAt, u.ConsentUntil = at(r.created), at(r.modified), at(r.login), at(r.expires), at(r.consent)
	err := errors.Join(json.Unmarshal([]byte(r.recovery), &u.Recovery), json.Unmarshal([]byte(r.custom), &u.Custom), json.Unmarshal([]byte(r.apps), &u.Apps), r.rest())
	if err != nil {
		return nil, fmt.Errorf("read user %s: %w", u.ID, err)
	}
	return u, nil
}

// rest reads what the user has in other tables.
func (r *Row) rest() error {
	loginIDs, err1 := inOrder(r.loginIDs)
	grants, err2 := texts(r.grants)
	r.u.LoginIDs = loginIDs
	for i := 0; i+1 < len(grants); i += 2 {
		if grants[i+1] == "" {
			r.u.Tenants = append(r.u.Tenants, Membership{Tenant: grants[i]})
		}
	}
	for i := 0; i+1 < len(grants); i += 2 { // after all tenants
		if role, ok := strings.CutPrefix(grants[i+1], "="); ok {
			r.u.grant(grants[i], role)
		}
	}
	r.u.sort()
	return errors.Join(err1, err2)
}

// texts takes apart what stands one after the other: "1:a3:bcd".
func texts(all string) (list []string, err error) {
	for all != "" {
		var text string
		if text, all, err = first(all); err != nil {
			return nil, err
		}
		list = append(list, text)
	}
	return list, nil
}

// inOrder is texts for those that have their positions before them: "1:3:bcd0:1:a".
func inOrder(all string) (list []string, err error) {
	type placed struct {
		at   int
		text string
	}
	var found []placed
	for all != "" {
		position, rest, _ := strings.Cut(all, ":")
		var p placed
		if p.at, err = strconv.Atoi(position); err != nil {
			return nil, fmt.Errorf("%.20q is no position of what follows", position)
		}
		if p.text, all, err = first(rest); err != nil {
			return nil, err
		}
		found = append(found, p)
	}
	slices.SortFunc(found, func(a, b placed) int { return cmp.Compare(a.at, b.at) })
	for _, p := range found {
		list = append(list, p.text)
	}
	return list, nil
}

// first takes one text from the begin of several.
func first(all string) (text, rest string, err error) {
	length, rest, _ := strings.Cut(all, ":")
	n, err := strconv.Atoi(length)
	if err != nil || n < 0 || n > len(rest) {
		return "", "", fmt.Errorf("%.20q is no length of what follows", length)
	}
	return rest[:n], rest[n:], nil
}

func scan(row store.Scanner) (*User, error) {
	r := &Row{}
	if err := row.Scan(r.Into()...); err != nil {
		return nil, err
	}
	return r.User()
}

func at(unix int64) time.Time {
	if unix == 0 {
		return time.Time{}
	}
	return time.Unix(unix, 0).UTC()
}

func unix(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.Unix()
}

func flag(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

// Find returns the user who has a login id in a home.
func (s *Service) Find(ctx context.Context, project, home, loginID string) (u *User, err error) {
	err = s.DB.ReadCommitted(ctx, func(_ context.Context, tx *store.Tx) error {
		u, err = Find(tx, project, home, loginID)
		return err
	})
	return u, err
}

// Find is Service.Find as part of tx.
func Find(tx *store.Tx, project, home, loginID string) (*User, error) {
	loginID, err := LoginID(loginID)
	if err != nil {
		return nil, ErrNotFound
	}
	return one(tx, byLoginID, project, loginID, home)
}

// FindAlike is Find for where nobody may learn from the time that it takes who is a user.
// For nobody it reads somebody else of the project, the stand-in: what is asked of a user is
// asked of them, and thrown away. Without any users there is no stand-in.
func FindAlike(tx *store.Tx, project, home, loginID string) (u, standIn *User, err error) {
	loginID, err = LoginID(loginID)
	if err != nil {
		return nil, nil, ErrNotFound
	}
	found, err := one(tx, byLoginIDOrAny, project, loginID, home)
	switch {
	case err != nil:
		return nil, nil, err
	case found.Home == home && slices.Contains(found.LoginIDs, loginID):
		return found, nil, nil
	}
	return nil, found, ErrNotFound
}

// Load returns a user by id, as part of tx.
func Load(tx *store.Tx, project, id string) (*User, error) {
	return one(tx, byID, project, id)
}

var (
	byID      = `SELECT ` + Columns() + ` FROM users u WHERE u.project = $1 AND u.id = $2`
	byLoginID = `SELECT ` + Columns() + ` FROM users u WHERE u.project = $1 AND u.id = (SELECT user_id FROM login_ids WHERE project = $1 AND login_id = $2 AND home = $3)`
	// The first whose id is not before the one that the login id is of, or before none.
	byLoginIDOrAny = `SELECT ` + Columns() + ` FROM users u WHERE u.project = $1 AND u.id = (SELECT id FROM users WHERE project = $1
		AND id >= COALESCE((SELECT user_id FROM login_ids WHERE project = $1 AND login_id = $2 AND home = $3), '') ORDER BY id LIMIT 1)`
)

func one(tx *store.Tx, query string, args ...any) (*User, error) {
	u, err := scan(tx.QueryRow(query, args...))
	if errors.Is(err, sql.ErrNoRows) {
		return nil, ErrNotFound
	}
	return u, err
}

// Ask returns the statement that loads a user by id, to be run together with others,
// and how to read what it found.
func Ask(project, id string) (ask store.Ask, found func() (*User, error)) {
	var row *Row
	ask = store.One(func(from store.Scanner) error {
		r := &Row{}
		if err := from.Scan(r.Into()...); err != nil {
			return err
		}
		row = r
		return nil
	}, byID, project, id)
	return ask, func() (*User, error) {
		if row == nil {
			return nil, ErrNotFound
		}
		return row.User()
	}
}

// Create stores a new user, as part of tx, and gives it an id where it has none, and
// now as the time of its creation. ErrExists is a login id that somebody has.
func Create(tx *store.Tx, u *User) error {
	if u.ID == "" {
		u.ID = ident.New("U")
	}
	if u.Status == "" {
		u.Status = Enabled
	}
	u.ModifiedAt = time.Now().UTC().Truncate(time.Second)
	if u.CreatedAt.IsZero() {
		u.CreatedAt = u.ModifiedAt
	}
	return u.insert(tx)
}

func (u *User) insert(tx *store.Tx) error {
	v, err := u.values()
	if err != nil {
		return err
	}
	if _, err := tx.Exec(`INSERT INTO users (`+columns+`) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24)`, v...); err != nil {
		return fmt.Errorf("create user: %w", err)
	}
	return u.writeRest(tx)
}

// Save stores what a user is now, as part of tx: all of it but the credentials.
func Save(tx *store.Tx, u *User) error {
	u.ModifiedAt = time.Now().UTC().Truncate(time.Second)
	v, err := u.values()
	if err != nil {
		return err
	}
	res, err := tx.Exec(`UPDATE users SET status = $3, name = $4, given_name = $5, middle_name = $6, family_name = $7, email = $8, email_verified = $9,
		phone = $10, phone_verified = $11, recovery = $12, picture = $13, test = $14, custom = $15, apps = $16, modified_at = $17, last_login_at = $18,
		expires_at = $19, consent_until = $20, unproven = $21 WHERE project = $1 AND id = $2`, slices.Concat(v[:16], v[18:23])...)
	if err != nil {
		return fmt.Errorf("save user: %w", err)
	}
	if n, err := res.RowsAffected(); err != nil || n != 1 {
		return errors.Join(ErrNotFound, err)
	}
	return u.writeRest(tx)
}

func (u *User) values() ([]any, error) {
	if err := u.settled(); err != nil {
		return nil, err
	}
	if u.Custom == nil {
		u.Custom = map[string]any{}
	}
	if u.Apps == nil {
		u.Apps = []string{}
	}
	u.Unproven = u.Unproven && !u.shown()
	recovery, err1 := json.Marshal(u.Recovery)
	custom, err2 := json.Marshal(u.Custom, json.Deterministic(true))
	apps, err3 := json.Marshal(u.Apps)
	return []any{
		u.Project, u.ID, u.Status, u.Name, u.GivenName, u.MiddleName, u.FamilyName, u.Email, flag(u.VerifiedEmail), u.Phone, flag(u.VerifiedPhone),
		string(recovery), u.Picture, flag(u.Test), string(custom), string(apps), int64(u.Methods), unix(u.CreatedAt), unix(u.ModifiedAt), unix(u.LastLoginAt),
		unix(u.ExpiresAt), unix(u.ConsentUntil), flag(u.Unproven), u.Home,
	}, errors.Join(err1, err2, err3)
}

// Delete removes a user with everything that is theirs, as part of tx.
func Delete(tx *store.Tx, project, id string) error {
	res, err := tx.Exec(`DELETE FROM users WHERE project = $1 AND id = $2`, project, id)
	if err != nil {
		return err
	}
	if n, err := res.RowsAffected(); err != nil || n != 1 {
		return errors.Join(ErrNotFound, err)
	}
	return nil
}

// SetMethod says that a user has a credential now, or has it no more, as part of
// tx. Its owner calls it.
func SetMethod(tx *store.Tx, project, id string, m Methods, has bool) error {
	statement := `UPDATE users SET methods = methods | $3 WHERE project = $1 AND id = $2`
	if !has {
		statement = `UPDATE users SET methods = methods & ~ CAST($3 AS BIGINT) WHERE project = $1 AND id = $2`
	}
	_, err := tx.Exec(statement, project, id, int64(m))
	return err
}

// SignedIn records that a user was here, as part of tx. An invited one is enabled
// by it.
func SignedIn(tx *store.Tx, u *User) error {
	now := time.Now().UTC().Truncate(time.Second)
	u.LastLoginAt, u.ExpiresAt = now, time.Time{}
	if u.Status == Invited {
		u.Status = Enabled
	}
	return tx.Later(`UPDATE users SET last_login_at = $3, status = $4, expires_at = 0 WHERE project = $1 AND id = $2`, u.Project, u.ID, now.Unix(), u.Status)
}
