package authz

import (
	"cmp"
	"slices"

	"postern/internal/project"
)

// A Permission is what roles are made of.
type Permission struct {
	ID          string // empty for those that every project has
	Name        string
	Description string
	BuiltIn     bool // every project has it
}

// heldAs is what a row holds of a permission: its id, so that another name changes
// nothing.
func (p Permission) heldAs() string {
	if p.BuiltIn || p.ID == "" {
		return p.Name
	}
	return p.ID
}

// permissions returns those of a project: what every project has, and then what its
// configuration has, without that of applications.
func permissions(c *project.Config) []Permission {
	var out []Permission
	builtIn := BuiltIn()
	for _, name := range builtIn {
		out = append(out, Permission{Name: name, BuiltIn: true})
	}
	for _, p := range c.Permissions {
		switch i := slices.Index(builtIn, p.Name); {
		case p.App != "":
		case i >= 0:
			out[i].ID, out[i].Description = p.ID, p.Description
		default:
			out = append(out, Permission{ID: p.ID, Name: p.Name, Description: p.Description})
		}
	}
	return out
}

// Permissions returns those of a configuration: what every project has, and then
// its own, each by name.
func Permissions(c *project.Config) []Permission {
	out := permissions(c)
	slices.SortFunc(out, func(a, b Permission) int {
		if a.BuiltIn != b.BuiltIn {
			return cmp.Compare(flag(b.BuiltIn), flag(a.BuiltIn))
		}
		return cmp.Compare(a.Name, b.Name)
	})
	return out
}
