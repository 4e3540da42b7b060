package project

import (
	"fmt"
	"slices"

	"postern/internal/snapshot"
)

// Configs returns the configurations before and after, for owners of data that
// settings decide about. They are of no revision, and have no name of the project.
// Both are nil where nobody can know what the import would make.
func (p Planned) Configs() (before, after *Config, err error) {
	if before, err = foresee(p.before); before == nil || err != nil {
		return nil, nil, err
	}
	if after, err = foresee(p.after); after == nil || err != nil {
		return nil, nil, err
	}
	before.Project, after.Project = p.Project, p.Project
	return before, after, nil
}

// foresee compiles a tree, or returns nil where that would be refused.
func foresee(b snapshot.Base) (*Config, error) {
	c := &Config{Digest: b.Tree.Digest()}
	problems, err := c.fill(b, nil)
	if err != nil || len(problems) > 0 {
		return nil, err
	}
	return c, nil
}

// In returns the first difference in a file that is of the whole of it or in one of
// some fields, or Whole where there is none. Without fields any difference counts.
func (p Planned) In(file string, fields ...string) int {
	return slices.IndexFunc(p.Differences, func(d snapshot.Difference) bool {
		return d.File == file && (d.Field == "" || len(fields) == 0 || slices.Contains(fields, d.Field))
	})
}

// The codes of effects that several owners of data tell.
const (
	effectRole   = "role_holders"
	effectLess   = "role_permits_less"
	effectValues = "attribute_values"
)

// RoleHolders says of each role that would be removed, or permit less, how many have
// it, in words such as "person has" and "people have"; count counts them.
func (p Planned) RoleHolders(count func(role string) (int, error), one, many string) ([]Told, error) {
	var out []Told
	for i, d := range p.Differences {
		removed := d.Action == snapshot.Removed && d.Field == ""
		less := d.Field == "permissions" && len(d.Removed) > 0
		if d.Kind != "role" || !removed && !less {
			continue
		}
		n, err := count(d.ID)
		if err != nil {
			return nil, fmt.Errorf("count holders of %s: %w", d.ID, err)
		}
		if n == 0 {
			continue
		}
		told := snapshot.Effect{Code: effectRole, Count: n, Message: Counted(n, one, many) + " this role, and what it permits, no more."}
		if less {
			told.Code, told.Message = effectLess, Counted(n, one, many)+" this role, and may do less by it."
		}
		out = append(out, Told{i, told})
	}
	return out, nil
}

// AttributeValues says of each custom attribute of a kind, such as "user attribute",
// that would be removed, or become one of another type, how many have a value of it;
// count counts them.
func (p Planned) AttributeValues(kind string, count func(name string) (int, error), one, many string) ([]Told, error) {
	var out []Told
	for i, d := range p.Differences {
		removed := d.Action == snapshot.Removed && d.Field == ""
		if d.Kind != kind || !removed && d.Field != "type" {
			continue
		}
		n, err := count(d.ID)
		if err != nil {
			return nil, fmt.Errorf("count values of %s: %w", d.ID, err)
		}
		if n == 0 {
			continue
		}
		text := Counted(n, one, many) + " a value of it, which is kept and shown no more."
		if !removed {
			text = Counted(n, one, many) + " a value of it, which stays of the old type until it is set again."
		}
		out = append(out, Told{i, snapshot.Effect{Code: effectValues, Message: text, Count: n}})
	}
	return out, nil
}

// Counted writes a number and what is counted: "1 user", "2 users".
func Counted(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
