package user

import (
	"context"
	"fmt"
	"slices"

	"postern/internal/project"
	"postern/internal/snapshot"
	"postern/internal/store"
)

// Effects says what a plan does to people: who holds a role that it removes or lets
// permit less, who has a value of a custom attribute that it removes or makes another
// type, and whom nobody finds by a login id once tenants have users of their own, or
// have none any more.
func (s *Service) Effects() project.Effects {
	return project.Effects{Owner: "users", Of: s.foresee}
}

func (s *Service) foresee(ctx context.Context, p project.Planned) ([]project.Told, error) {
	const one, many = "person has", "people have"
	count := func(query string) func(string) (int, error) {
		return func(of string) (n int, err error) {
			return n, s.DB.One(ctx, func(row store.Scanner) error { return row.Scan(&n) }, query, p.Project, of)
		}
	}
	roles, err := p.RoleHolders(count(`SELECT COUNT(DISTINCT user_id) FROM user_roles WHERE project = $1 AND role = $2`), one, many)
	if err != nil {
		return nil, err
	}
	values, err := p.AttributeValues("user attribute", count(`SELECT COUNT(DISTINCT user_id) FROM user_attributes WHERE project = $1 AND name = $2`), one, many)
	if err != nil {
		return nil, err
	}
	homes, err := s.foreseeHomes(ctx, p)
	return slices.Concat(roles, values, homes), err
}

// foreseeHomes tells of people who are found in another way, or in none.
func (s *Service) foreseeHomes(ctx context.Context, p project.Planned) ([]project.Told, error) {
	at := p.In(project.SettingsFile, "tenantUserIsolation")
	if at == project.Whole && p.In(project.SettingsFile) == project.Whole {
		return nil, nil
	}
	before, after, err := p.Configs()
	if err != nil || after == nil || before.Settings.TenantUserIsolation == after.Settings.TenantUserIsolation {
		return nil, err
	}
	looked := []struct{ code, query, one, many, text string }{
		{"users_not_found", `SELECT COUNT(*) FROM users WHERE project = $1 AND home <> ''`, "person is", "people are", "not found by a login id any more: they belong to a single tenant."},
		{
			"login_ids_shared", `SELECT COUNT(DISTINCT l.login_id) FROM login_ids l WHERE l.project = $1 AND l.home <> ''
				AND EXISTS (SELECT 1 FROM login_ids o WHERE o.project = $1 AND o.login_id = l.login_id AND o.home <> l.home)`,
			"login id is that of", "login ids are each that of", "several people, of whom only the one of the whole project is found, if there is one.",
		},
	}
	if after.Settings.TenantUserIsolation {
		looked = looked[:0]
		looked = append(looked, struct{ code, query, one, many, text string }{
			"users_not_in_tenants", `SELECT COUNT(DISTINCT m.user_id) FROM memberships m JOIN users u ON u.project = m.project AND u.id = m.user_id WHERE m.project = $1 AND u.home = ''`,
			"member of a tenant is", "members of tenants are", "not found any more where a sign-in names the tenant.",
		})
	}
	var out []project.Told
	for _, l := range looked {
		var n int
		if err := s.DB.One(ctx, func(row store.Scanner) error { return row.Scan(&n) }, l.query, p.Project); err != nil {
			return nil, fmt.Errorf("count people by their home: %w", err)
		}
		if n > 0 {
			text := project.Counted(n, l.one, l.many) + " " + l.text
			out = append(out, project.Told{Difference: at, Effect: snapshot.Effect{Code: l.code, Message: text, Count: n}})
		}
	}
	return out, nil
}
