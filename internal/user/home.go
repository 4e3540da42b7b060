package user

import (
	"fmt"

	"postern/internal/fault"
	"postern/internal/project"
	"postern/internal/store"
)

// What of users who are at home in a tenant is refused.
var (
	ErrSeveral = fault.New(fault.Conflict, "P40967", "several users have this login id, each in a tenant of their own").
			WithHint("name the user by userId")
	ErrAtHome = fault.New(fault.Conflict, "P40968", "the user is one of a single tenant, and cannot leave it or join another one")
	ErrHosts  = fault.New(fault.Conflict, "P40969", "the tenant has users of its own, who go with it").
			WithHint("delete it with cascade")
)

// Home returns where login ids count that come with the name of a tenant: in that tenant alone
// where the project separates the users of tenants, and else, or where no tenant is
// named, in the whole project.
func Home(c *project.Config, tenant string) string {
	if !c.Settings.TenantUserIsolation {
		return ""
	}
	return tenant
}

// Key is a login id with where it counts, as one text: that of somebody else who has
// the login id elsewhere is another one. No login id has a line feed.
func Key(home, loginID string) string {
	if home == "" {
		return loginID
	}
	return home + "\n" + loginID
}

// settled refuses a user who belongs to another tenant than their home, or not to it.
func (u *User) settled() error {
	if u.Home != "" && (len(u.Tenants) != 1 || u.Tenants[0].Tenant != u.Home) {
		return ErrAtHome
	}
	return nil
}

// onlyOne returns the user who has a login id, wherever it counts.
func onlyOne(tx *store.Tx, project, loginID string) (*User, error) {
	loginID, err := LoginID(loginID)
	if err != nil {
		return nil, ErrNotFound
	}
	ids, err := store.Collect(tx, func(row store.Scanner) (id string, err error) { return id, row.Scan(&id) },
		`SELECT user_id FROM login_ids WHERE project = $1 AND login_id = $2 LIMIT 2`, project, loginID)
	switch {
	case err != nil:
		return nil, fmt.Errorf("find who has a login id: %w", err)
	case len(ids) == 0:
		return nil, ErrNotFound
	case len(ids) > 1:
		return nil, ErrSeveral
	}
	return Load(tx, project, ids[0])
}

// hosts reports whether users are at home in a tenant.
func hosts(tx *store.Tx, project, tenant string) (bool, error) {
	var n int
	err := tx.QueryRow(`SELECT COUNT(*) FROM users WHERE project = $1 AND home <> '' AND home = $2`, project, tenant).Scan(&n)
	return n > 0, err
}
