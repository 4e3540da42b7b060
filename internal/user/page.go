package user

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"postern/internal/store"
)

// MostLoaded bounds how many users are read at once.
const MostLoaded = 1000

// LoadAll returns users by their ids, those that there are, in the order of the ids.
// It takes as many statements for a thousand users as for one.
func LoadAll(tx *store.Tx, project string, ids []string) ([]*User, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	args := []any{project}
	users, err := store.Collect(tx, scan, `SELECT `+columns+` FROM users WHERE project = $1 AND id IN `+among(&args, ids), args...)
	if err != nil {
		return nil, err
	}
	place := map[string]int{}
	for i, id := range ids {
		place[id] = i
	}
	slices.SortFunc(users, func(a, b *User) int { return cmp.Compare(place[a.ID], place[b.ID]) })
	return users, fill(tx, project, users)
}

// fill reads what users have in other tables, with one statement.
func fill(tx *store.Tx, project string, users []*User) error {
	if len(users) == 0 {
		return nil
	}
	byID, args := map[string]*User{}, []any{project}
	var ids []string
	for _, u := range users {
		byID[u.ID] = u
		ids = append(ids, u.ID)
	}
	in := " WHERE project = $1 AND user_id IN " + among(&args, ids)
	rows, err := store.Collect(tx, func(row store.Scanner) (r rest, err error) {
		return r, row.Scan(&r.user, &r.kind, &r.place, &r.a, &r.b)
	},
		`SELECT user_id, 0, position, login_id, '' FROM login_ids`+in+
			` UNION ALL SELECT user_id, 1, 0, tenant, '' FROM memberships`+in+
			` UNION ALL SELECT user_id, 2, 0, tenant, role FROM user_roles`+in, args...)
	if err != nil {
		return err
	}
	slices.SortFunc(rows, func(a, b rest) int { return cmp.Or(cmp.Compare(a.kind, b.kind), cmp.Compare(a.place, b.place)) })
	for _, r := range rows {
		switch u := byID[r.user]; r.kind {
		case 0:
			u.LoginIDs = append(u.LoginIDs, r.a)
		case 1:
			u.Tenants = append(u.Tenants, Membership{Tenant: r.a})
		default:
			u.grant(r.a, r.b)
		}
	}
	for _, u := range users {
		u.sort()
	}
	return nil
}

// rest is a row of another table: a login id and its place, a tenant, or a tenant and
// a role there.
type rest struct {
	user        string
	kind, place int
	a, b        string
}

// grant adds a role. What is of a tenant that the user does not belong to counts for
// nothing.
func (u *User) grant(tenant, role string) {
	if tenant == "" {
		u.Roles = append(u.Roles, role)
		return
	}
	for i := range u.Tenants {
		if u.Tenants[i].Tenant == tenant {
			u.Tenants[i].Roles = append(u.Tenants[i].Roles, role)
		}
	}
}

// sort puts tenants and roles into their order, each once.
func (u *User) sort() {
	slices.Sort(u.Roles)
	u.Roles = slices.Compact(u.Roles)
	slices.SortFunc(u.Tenants, func(a, b Membership) int { return strings.Compare(a.Tenant, b.Tenant) })
	for i := range u.Tenants {
		slices.Sort(u.Tenants[i].Roles)
		u.Tenants[i].Roles = slices.Compact(u.Tenants[i].Roles)
	}
}

// among adds values to the arguments of a statement and returns what stands for
// them: "($2, $3)".
func among(args *[]any, values []string) string {
	var b strings.Builder
	b.WriteByte('(')
	for i, v := range values {
		if i > 0 {
			b.WriteString(", ")
		}
		*args = append(*args, v)
		b.WriteString("$" + strconv.Itoa(len(*args)))
	}
	if len(values) == 0 {
		b.WriteString("NULL") // nothing is in it
	}
	b.WriteByte(')')
	return b.String()
}
