package tenant

import (
	"fmt"
	"slices"

	"github.com/go-json-experiment/json"

	"postern/internal/store"
)

// An Heir is who inherits roles in the tenants under those that they have them in. The
// zero value inherits none.
type Heir int

// The heirs.
const (
	NoHeir   Heir = iota
	UserHeir      // a user
	KeyHeir       // an access key
)

// What a tenant says of the roles that are had in its parent; blank is that users and
// keys have them in it, too.
const (
	InheritNone  = "none"
	InheritUsers = "userOnly"
)

// inherits reports whether somebody has the roles of the parent in a tenant, too.
func (s Settings) inherits(who Heir) bool {
	switch s.RoleInheritance {
	case "":
		return who == UserHeir || who == KeyHeir
	case InheritUsers:
		return who == UserHeir
	}
	return false
}

// Reach returns in which tenants somebody is, with the ids of their roles in each,
// sorted, as part of tx. held is what they were given: the tenants that they belong to.
// Tenants that are disabled are not among them, and pass nothing on; tenants under
// those are, where the roles are inherited and there are some.
func Reach(tx *store.Tx, project string, held map[string][]string, who Heir) (map[string][]string, error) {
	r := reach{held: held, who: who, found: map[string]Settings{}, parent: map[string]string{}, roles: map[string][]string{}}
	if err := r.read(tx, project); err != nil {
		return nil, fmt.Errorf("read which tenants somebody reaches: %w", err)
	}
	out := map[string][]string{}
	for id, settings := range r.found {
		roles := r.rolesIn(id)
		if _, member := held[id]; !settings.Disabled && (member || len(roles) > 0) {
			out[id] = roles
		}
	}
	return out, nil
}

// A reach is what Reach has found out until now.
type reach struct {
	held   map[string][]string
	who    Heir
	found  map[string]Settings
	parent map[string]string
	roles  map[string][]string // of the tenants that were looked at
}

// read reads the tenants that somebody was given, and for an heir all under them.
func (r *reach) read(tx *store.Tx, project string) error {
	ids := make([]string, 0, len(r.held))
	for id := range r.held {
		ids = append(ids, id)
	}
	slices.Sort(ids) // the same text each time
	list, args := listed(project, ids)
	if list == "" {
		return nil
	}
	from := `SELECT id, parent, disabled, settings FROM tenants WHERE project = $1 AND id IN (` + list + `)`
	if r.who != NoHeir {
		from = `WITH RECURSIVE below (id) AS (
				SELECT id FROM tenants WHERE project = $1 AND id IN (` + list + `)
				UNION SELECT t.id FROM tenants t JOIN below b ON t.parent = b.id WHERE t.project = $1
			) SELECT t.id, t.parent, t.disabled, t.settings FROM tenants t JOIN below b ON t.id = b.id WHERE t.project = $1`
	}
	return store.Each(tx, func(row store.Scanner) (t Tenant, err error) {
		var settings string
		var disabled int64
		if err := row.Scan(&t.ID, &t.Parent, &disabled, &settings); err != nil {
			return t, err
		}
		err = json.Unmarshal([]byte(settings), &t.Settings)
		t.Settings.Disabled = disabled != 0
		return t, err
	}, func(t Tenant) error {
		r.found[t.ID], r.parent[t.ID] = t.Settings, t.Parent
		return nil
	}, from, args...)
}

// rolesIn returns the ids of the roles in a tenant: those that were given there, and
// those in its parent, which may have inherited them itself.
func (r *reach) rolesIn(id string) []string {
	if known, ok := r.roles[id]; ok {
		return known
	}
	settings, ok := r.found[id]
	if !ok || settings.Disabled {
		return nil
	}
	out := slices.Clone(r.held[id])
	r.roles[id] = out
	if settings.inherits(r.who) {
		out = append(out, r.rolesIn(r.parent[id])...)
	}
	slices.Sort(out)
	out = slices.Compact(out)
	r.roles[id] = out
	return out
}
