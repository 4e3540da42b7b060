package user

import (
	"context"
	"fmt"

	"postern/internal/project"
	"postern/internal/snapshot"
	"postern/internal/store"
)

// Effects says what a plan does to people: who holds a role that it removes or lets
// permit less, and who has a value of a custom attribute that it removes or makes another type.
func (s *Service) Effects() project.Effects {
	return project.Effects{Owner: "users", Of: s.foresee}
}

func (s *Service) foresee(ctx context.Context, p project.Planned) ([]project.Told, error) {
	var out []project.Told
	for i, d := range p.Differences {
		if told, ok, err := s.valuesOf(ctx, p.Project, d); err != nil {
			return nil, err
		} else if ok {
			out = append(out, project.Told{Difference: i, Effect: told})
		}
		removed := d.Action == snapshot.Removed && d.Field == ""
		less := d.Field == "permissions" && len(d.Removed) > 0
		if d.Kind != "role" || !removed && !less {
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
		told := snapshot.Effect{Code: "role_holders", Count: n, Message: project.Counted(n, "person has", "people have") + " this role, and what it permits, no more."}
		if less {
			told.Code, told.Message = "role_permits_less", project.Counted(n, "person has", "people have")+" this role, and may do less by it."
		}
		out = append(out, project.Told{Difference: i, Effect: told})
	}
	return out, nil
}

// valuesOf says how many users have a value of a custom attribute that is removed,
// or becomes one of another type.
func (s *Service) valuesOf(ctx context.Context, projectID string, d snapshot.Difference) (told snapshot.Effect, ok bool, err error) {
	removed := d.Action == snapshot.Removed && d.Field == ""
	if d.Kind != "user attribute" || !removed && d.Field != "type" {
		return told, false, nil
	}
	err = s.DB.One(ctx, func(row store.Scanner) error { return row.Scan(&told.Count) },
		`SELECT COUNT(DISTINCT user_id) FROM user_attributes WHERE project = $1 AND name = $2`, projectID, d.ID)
	if err != nil {
		return told, false, fmt.Errorf("count values of %s: %w", d.ID, err)
	}
	who := project.Counted(told.Count, "person has", "people have")
	told.Code, told.Message = "attribute_values", who+" a value of it, which is kept and shown no more."
	if !removed {
		told.Message = who + " a value of it, which stays of the old type until it is set again."
	}
	return told, told.Count > 0, nil
}
