package mgmtkey

import (
	"context"
	"fmt"
	"slices"
)

// A Role is what a key may do. Each includes those before it; the zero value
// may do nothing.
type Role int

// The roles, from the weakest.
const (
	None   Role = iota
	Read        // export, list, compare
	Plan        // see what an import would change
	Import      // change configuration
	Admin       // everything, keys and stored secrets included
)

var roleNames = [...]string{"none", "read", "plan", "import", "admin"}

// String returns the name of r.
func (r Role) String() string {
	if r < None || r > Admin {
		return fmt.Sprintf("role %d", int(r))
	}
	return roleNames[r]
}

// ParseRole returns the role that is called name. There is no name for None: a
// grant that grants nothing is a mistake.
func ParseRole(name string) (Role, error) {
	r := Role(slices.Index(roleNames[:], name))
	if r <= None {
		return None, ErrInvalid.WithMessage("a role is one of read, plan, import, admin")
	}
	return r, nil
}

// A Grant gives a role in some projects.
type Grant struct {
	// Projects are the ids of the projects, or empty for the company: all
	// projects, those to come, and what belongs to none, such as keys.
	Projects []string
	Role     Role
}

func (g Grant) covers(project string) bool {
	return len(g.Projects) == 0 || project != "" && slices.Contains(g.Projects, project)
}

// RoleIn returns what k may do in project.
func (k *Key) RoleIn(project string) Role {
	best := None
	if k != nil {
		for _, g := range k.Grants {
			if g.covers(project) {
				best = max(best, g.Role)
			}
		}
	}
	return best
}

// CompanyRole returns what k may do in all projects and outside of them.
func (k *Key) CompanyRole() Role { return k.RoleIn("") }

// Projects returns the ids of the projects that k may do something in, sorted,
// or that these are all.
func (k *Key) Projects() (ids []string, all bool) {
	if k.CompanyRole() > None {
		return nil, true
	}
	if k != nil {
		for _, g := range k.Grants {
			if g.Role > None {
				ids = append(ids, g.Projects...)
			}
		}
	}
	slices.Sort(ids)
	return slices.Compact(ids), false
}

// Require returns ErrTooWeak unless k has at least role in project. An empty
// project asks for the whole company. Nobody has None, so asking for it is
// refused: a route that forgot its role serves nobody.
func (k *Key) Require(project string, role Role) error {
	if role <= None || k.RoleIn(project) < role {
		return ErrTooWeak
	}
	return nil
}

// Manages reports whether k may make, see, change and revoke a key with these
// grants: one that is at most as strong as k in each place.
func (k *Key) Manages(grants []Grant) bool {
	for _, g := range grants {
		if len(g.Projects) == 0 && k.CompanyRole() < Admin {
			return false
		}
		for _, id := range g.Projects {
			if k.RoleIn(id) < Admin {
				return false
			}
		}
	}
	return len(grants) > 0
}

// Visible returns a key that by may manage. Others do not exist for it.
func (s *Service) Visible(ctx context.Context, by *Key, id string) (Key, error) {
	k, err := s.Get(ctx, id)
	if err != nil {
		return k, err
	}
	if !by.Manages(k.Grants) {
		return Key{}, ErrNotFound
	}
	return k, nil
}
