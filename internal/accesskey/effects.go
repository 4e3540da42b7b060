package accesskey

import (
	"context"
	"slices"

	"postern/internal/project"
	"postern/internal/store"
)

// Effects says what a plan does to keys: which hold a role that it removes, and which
// have a value of a custom attribute that it removes or makes another type.
func (s *Service) Effects() project.Effects {
	return project.Effects{Owner: "access keys", Of: s.foresee}
}

func (s *Service) foresee(ctx context.Context, p project.Planned) ([]project.Told, error) {
	const one, many = "access key has", "access keys have"
	roles, err := p.RoleHolders(func(role string) (n int, err error) {
		return n, s.DB.One(ctx, func(row store.Scanner) error { return row.Scan(&n) },
			`SELECT COUNT(DISTINCT key_id) FROM access_key_roles WHERE project = $1 AND role = $2`, p.Project, role)
	}, one, many)
	if err != nil {
		return nil, err
	}
	values, err := p.AttributeValues("access key attribute", func(name string) (int, error) {
		return project.CountCustom(ctx, s.DB, name, `SELECT custom FROM access_keys WHERE project = $1`, p.Project)
	}, one, many)
	return slices.Concat(roles, values), err
}
