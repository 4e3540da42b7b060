package tenant

import (
	"context"
	"slices"

	"postern/internal/project"
	"postern/internal/store"
)

// Effects says what a plan does to tenants: which give a role that it removes to new
// members, and which have a value of a custom attribute that it removes or makes
// another type.
func (s *Service) Effects() project.Effects {
	return project.Effects{Owner: "tenants", Of: s.foresee}
}

func (s *Service) foresee(ctx context.Context, p project.Planned) ([]project.Told, error) {
	roles, err := p.RoleHolders(func(role string) (n int, err error) {
		err = s.DB.Read(ctx, func(_ context.Context, tx *store.Tx) error {
			list, err := all(tx, p.Project)
			for _, t := range list {
				if slices.Contains(t.Settings.DefaultRoles, role) {
					n++
				}
			}
			return err
		})
		return n, err
	}, "tenant gives new members", "tenants give new members")
	if err != nil {
		return nil, err
	}
	values, err := p.AttributeValues("tenant attribute", func(name string) (int, error) {
		return project.CountCustom(ctx, s.DB, name, `SELECT custom FROM tenants WHERE project = $1`, p.Project)
	}, "tenant has", "tenants have")
	return slices.Concat(roles, values), err
}
