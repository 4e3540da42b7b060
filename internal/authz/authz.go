// Package authz says what roles are: which there are, by which names and ids, and
// which permissions they give.
//
// Who has a role is kept by package user. The roles of a whole project are part of
// its configuration.
package authz

import (
	"fmt"
	"slices"

	"postern/internal/fault"
	"postern/internal/project"
)

// ErrNoRole is a name that no role has where it is asked for.
var ErrNoRole = fault.New(fault.Invalid, "E011003", "Request is invalid: there is no such role")

// Roles are those that there are in a project, read once for a request.
type Roles struct {
	byID   map[string]project.Role
	byName map[string]string // name → id
	list   []project.Role
}

// Of returns the roles of a configuration.
func Of(c *project.Config) *Roles {
	r := &Roles{byID: map[string]project.Role{}, byName: map[string]string{}, list: c.Roles}
	for _, role := range c.Roles {
		r.byID[role.ID], r.byName[role.Name] = role, role.ID
	}
	return r
}

// IDs returns the ids of roles by their names, sorted. A name that there is not is
// ErrNoRole.
func (r *Roles) IDs(names []string) ([]string, error) {
	var out []string
	for _, name := range names {
		id, ok := r.byName[name]
		if !ok {
			return nil, ErrNoRole.WithMessage(fmt.Sprintf("Request is invalid: there is no role %q", name))
		}
		out = append(out, id)
	}
	slices.Sort(out)
	return slices.Compact(out), nil
}

// Names returns the names of roles by their ids, sorted. What is no role any more
// gives nothing.
func (r *Roles) Names(ids []string) []string {
	out := []string{}
	for _, id := range ids {
		if role, ok := r.byID[id]; ok {
			out = append(out, role.Name)
		}
	}
	slices.Sort(out)
	return out
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

// Default returns the ids of the roles that every new user has, sorted.
func (r *Roles) Default() []string {
	var out []string
	for _, role := range r.list {
		if role.Default {
			out = append(out, role.ID)
		}
	}
	slices.Sort(out)
	return out
}
