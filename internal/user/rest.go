package user

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"

	"github.com/go-json-experiment/json"

	"postern/internal/store"
)

// A part is what a user has in one table beside users: rows of text, each with the
// columns after project and user_id.
type part struct {
	table   string
	columns []string
	rows    func(u *User) ([][]string, error)
}

func parts() []part {
	return []part{
		{"memberships", []string{"tenant"}, func(u *User) (rows [][]string, err error) {
			for _, m := range u.Tenants {
				rows = append(rows, []string{m.Tenant})
			}
			return rows, nil
		}},
		{"user_roles", []string{"tenant", "role"}, func(u *User) (rows [][]string, err error) {
			for _, role := range u.Roles {
				rows = append(rows, []string{"", role})
			}
			for _, m := range u.Tenants {
				for _, role := range m.Roles {
					rows = append(rows, []string{m.Tenant, role})
				}
			}
			return rows, nil
		}},
		{"user_attributes", []string{"name", "value"}, func(u *User) (rows [][]string, err error) {
			for name, v := range u.Custom {
				keys, err := attributeKeys(v)
				if err != nil {
					return nil, err
				}
				for _, key := range keys {
					rows = append(rows, []string{name, key})
				}
			}
			return rows, nil
		}},
	}
}

// longestKey is how long a value may be, in bytes, to be an index's as it is.
const longestKey = 256

// attributeKeys returns what the values of a custom attribute are found by: the JSON
// of each, or a digest where it is too long for an index.
func attributeKeys(v any) ([]string, error) {
	list, ok := v.([]any)
	if !ok {
		list = []any{v}
	}
	var out []string
	for _, v := range list {
		b, err := json.Marshal(v, json.Deterministic(true))
		if err != nil {
			return nil, err
		}
		key := string(b)
		if len(key) > longestKey {
			sum := sha256.Sum256(b)
			key = "#" + hex.EncodeToString(sum[:])
		}
		if !slices.Contains(out, key) {
			out = append(out, key)
		}
	}
	return out, nil
}

// writeRest stores what the user has beside the row in users. What is stored already
// is not written again.
func (u *User) writeRest(tx *store.Tx) error {
	if err := u.writeLoginIDs(tx); err != nil {
		return err
	}
	u.sort()
	for _, p := range parts() {
		want, err := p.rows(u)
		if err != nil {
			return err
		}
		if err := p.write(tx, u, want); err != nil {
			return fmt.Errorf("write %s of user: %w", p.table, err)
		}
	}
	return nil
}

func (p part) write(tx *store.Tx, u *User, want [][]string) error {
	list, places, match := "", "", ""
	for i, column := range p.columns {
		list += ", " + column
		places += fmt.Sprintf(", $%d", i+3)
		match += fmt.Sprintf(" AND %s = $%d", column, i+3)
	}
	have, err := store.Collect(tx, func(row store.Scanner) ([]string, error) {
		r, into := make([]string, len(p.columns)), []any{}
		for i := range r {
			into = append(into, &r[i])
		}
		return r, row.Scan(into...)
	}, `SELECT `+list[2:]+` FROM `+p.table+` WHERE project = $1 AND user_id = $2`, u.Project, u.ID)
	if err != nil {
		return err
	}
	each := func(rows, but [][]string, statement string) error {
		for _, r := range rows {
			if slices.ContainsFunc(but, func(o []string) bool { return slices.Equal(o, r) }) {
				continue
			}
			args := []any{u.Project, u.ID}
			for _, v := range r {
				args = append(args, v)
			}
			if _, err := tx.Exec(statement, args...); err != nil {
				return err
			}
		}
		return nil
	}
	if err := each(have, want, `DELETE FROM `+p.table+` WHERE project = $1 AND user_id = $2`+match); err != nil {
		return err
	}
	return each(want, have, `INSERT INTO `+p.table+` (project, user_id`+list+`) VALUES ($1, $2`+places+`)`)
}

// writeLoginIDs stores the login ids in their order. ErrExists is one that another
// user has.
func (u *User) writeLoginIDs(tx *store.Tx) error {
	var want []string
	for _, id := range u.LoginIDs {
		id, err := LoginID(id)
		if err != nil {
			return err
		}
		if !slices.Contains(want, id) {
			want = append(want, id)
		}
	}
	u.LoginIDs = want
	have, err := store.Collect(tx, func(row store.Scanner) (id string, err error) { return id, row.Scan(&id) },
		`SELECT login_id FROM login_ids WHERE project = $1 AND user_id = $2 ORDER BY position`, u.Project, u.ID)
	if err != nil || slices.Equal(have, want) {
		return err
	}
	if _, err := tx.Exec(`DELETE FROM login_ids WHERE project = $1 AND user_id = $2`, u.Project, u.ID); err != nil {
		return err
	}
	for i, id := range want {
		res, err := tx.Exec(`INSERT INTO login_ids (project, login_id, home, user_id, position) VALUES ($1, $2, $3, $4, $5) ON CONFLICT (project, login_id, home) DO NOTHING`,
			u.Project, id, u.Home, u.ID, i)
		if err != nil {
			return err
		}
		if n, err := res.RowsAffected(); err != nil || n != 1 {
			return errors.Join(ErrExists, err)
		}
	}
	return nil
}
