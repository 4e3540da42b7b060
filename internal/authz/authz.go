// Package authz says what roles are: which there are, by which names and ids, and
// which permissions they give. It changes them.
//
// Who has a role is kept by the packages of those who may: user, accesskey. The
// roles of a whole project and the permissions are part of its configuration, and
// change as revisions of it; the roles that a tenant has of its own are rows of this
// package.
package authz

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"postern/internal/fault"
	"postern/internal/project"
)

// ErrNoRole is a name that no role has where it is asked for.
var ErrNoRole = fault.New(fault.Invalid, "E011003", "Request is invalid: there is no such role")

// A Role is one role: of the project, or of one tenant.
type Role struct {
	ID          string
	Name        string // unique in the project, or in the tenant
	Tenant      string // whose it is; empty for the project
	Description string
	Permissions []string  // names, sorted
	Default     bool      // every new user has it, or every new member
	Private     bool      // tenants do not see it
	CreatedAt   time.Time // zero for those of the project: a configuration has no times
}

// Roles are those that there are, read once for a request.
type Roles struct {
	byID   map[string]Role
	byName map[place]string // → id
	list   []Role
}

// A place is where a name is looked for: in a tenant, or in the whole project.
type place struct{ tenant, name string }

// Of returns the roles of a configuration, without those of tenants. Roles of an
// application are not among them: nobody has them by themselves.
func Of(c *project.Config) *Roles {
	r := &Roles{byID: map[string]Role{}, byName: map[place]string{}}
	for _, role := range c.Roles {
		if role.App != "" {
			continue
		}
		r.add(Role{
			ID: role.ID, Name: role.Name, Description: role.Description, Permissions: slices.Sorted(slices.Values(role.Permissions)),
			Default: role.Default, Private: role.Private,
		})
	}
	return r
}

func (r *Roles) add(role Role) {
	if _, known := r.byID[role.ID]; known && role.ID != "" {
		return // found by its id and by its tenant
	}
	r.byID[role.ID], r.byName[place{role.Tenant, role.Name}] = role, role.ID
	r.list = append(r.list, role)
}

// IDs returns the ids of roles of the project by their names, sorted. A name that
// there is not is ErrNoRole.
func (r *Roles) IDs(names []string) ([]string, error) { return r.IDsIn("", names) }

// IDsIn returns the ids of the roles that somebody may have in a tenant, by their
// names, sorted: those of the tenant, else those of the project.
func (r *Roles) IDsIn(tenant string, names []string) ([]string, error) {
	var out []string
	for _, name := range names {
		id, ok := r.byName[place{tenant, name}]
		if !ok {
			id, ok = r.byName[place{"", name}]
		}
		if !ok {
			return nil, NoRole(name)
		}
		out = append(out, id)
	}
	slices.Sort(out)
	return slices.Compact(out), nil
}

// NoRole is ErrNoRole for a name.
func NoRole(name string) error {
	return ErrNoRole.WithMessage(fmt.Sprintf("Request is invalid: there is no role %.100q", name))
}

// Has reports whether there is a role with the id.
func (r *Roles) Has(id string) bool {
	_, ok := r.byID[id]
	return ok
}

// Standing leaves out the tenants in which somebody has roles only that are none any more,
// of those that they were not given. Both are the ids of roles by tenant.
func (r *Roles) Standing(reached, given map[string][]string) map[string][]string {
	maps.DeleteFunc(reached, func(id string, roles []string) bool {
		_, member := given[id]
		return !member && !slices.ContainsFunc(roles, r.Has)
	})
	return reached
}

// Role returns the role with an id.
func (r *Roles) Role(id string) (Role, bool) {
	role, ok := r.byID[id]
	return role, ok
}

// Seen returns those that tenants see: all but the private ones.
func (r *Roles) Seen() *Roles {
	out := &Roles{byID: map[string]Role{}, byName: map[place]string{}}
	for _, role := range r.list {
		if !role.Private {
			out.add(role)
		}
	}
	return out
}

// Names returns the names of roles by their ids, sorted, each once. What is no role any
// more gives nothing.
func (r *Roles) Names(ids []string) []string {
	out := []string{}
	for _, id := range ids {
		if role, ok := r.byID[id]; ok {
			out = append(out, role.Name)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// Permissions returns the names of what roles give, sorted.
func (r *Roles) Permissions(ids []string) []string {
	out := []string{}
	for _, id := range ids {
		out = append(out, r.byID[id].Permissions...)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// DefaultIn returns the ids of the roles of its own that every new member of a
// tenant has, sorted.
func (r *Roles) DefaultIn(tenant string) []string {
	var out []string
	for _, role := range r.list {
		if role.Default && role.Tenant == tenant {
			out = append(out, role.ID)
		}
	}
	slices.Sort(out)
	return out
}

// List returns the roles: those of the project first, by name.
func (r *Roles) List() []Role {
	out := slices.Clone(r.list)
	slices.SortFunc(out, func(a, b Role) int {
		if a.Tenant != b.Tenant {
			return strings.Compare(a.Tenant, b.Tenant)
		}
		return strings.Compare(a.Name, b.Name)
	})
	return out
}
