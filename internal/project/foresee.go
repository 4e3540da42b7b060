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

// Counted writes a number and what is counted: "1 user", "2 users".
func Counted(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
