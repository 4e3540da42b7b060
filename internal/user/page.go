package user

import (
	"cmp"
	"context"
	"slices"
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
	users, err := store.Collect(tx, scan, `SELECT `+Columns()+` FROM users u WHERE u.project = $1 AND u.id IN `+store.Among(&args, ids), args...)
	if err != nil {
		return nil, err
	}
	place := map[string]int{}
	for i, id := range ids {
		place[id] = i
	}
	slices.SortFunc(users, func(a, b *User) int { return cmp.Compare(place[a.ID], place[b.ID]) })
	return users, nil
}

// LoginIDs returns what users are found by, by their ids.
func (s *Service) LoginIDs(ctx context.Context, project string, ids []string) (map[string][]string, error) {
	out := map[string][]string{}
	err := s.DB.Read(ctx, func(_ context.Context, tx *store.Tx) error {
		users, err := LoadAll(tx, project, ids)
		for _, u := range users {
			out[u.ID] = u.LoginIDs
		}
		return err
	})
	return out, err
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
