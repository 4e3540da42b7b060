package user

import (
	"context"
	"slices"

	"postern/internal/project"
	"postern/internal/store"
)

// Effects says what a plan does to people: who holds a role that it removes or lets
// permit less, and who has a value of a custom attribute that it removes or makes another type.
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
	return slices.Concat(roles, values), err
}
