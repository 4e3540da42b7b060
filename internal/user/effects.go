package user

import (
	"context"
	"fmt"

	"postern/internal/project"
	"postern/internal/snapshot"
	"postern/internal/store"
)

// Effects says what a plan does to people: who holds a role that it removes.
func (s *Service) Effects() project.Effects {
	return project.Effects{Owner: "users", Of: s.foresee}
}

func (s *Service) foresee(ctx context.Context, p project.Planned) ([]project.Told, error) {
	var out []project.Told
	for i, d := range p.Differences {
		if d.Kind != "role" || d.Action != snapshot.Removed || d.Field != "" {
			continue
		}
		var n int
		err := s.DB.One(ctx, func(row store.Scanner) error { return row.Scan(&n) },
			`SELECT COUNT(DISTINCT user_id) FROM user_roles WHERE project = $1 AND role = $2`, p.Project, d.ID)
		if err != nil {
			return nil, fmt.Errorf("count holders of %s: %w", d.ID, err)
		}
		if n == 0 {
			continue
		}
		text := fmt.Sprintf("%d people have this role, and what it permits, no more.", n)
		if n == 1 {
			text = "1 person has this role, and what it permits, no more."
		}
		out = append(out, project.Told{Difference: i, Effect: snapshot.Effect{Code: "role_holders", Message: text, Count: n}})
	}
	return out, nil
}
