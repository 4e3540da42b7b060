package authz

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"postern/internal/audit"
	"postern/internal/ident"
	"postern/internal/project"
	"postern/internal/store"
)

// A RoleChange says which role is to be what: by its id, or else by its name in its
// place.
type RoleChange struct {
	ID   string
	Name string
	Role // what it is to be; ID and CreatedAt do not count
}

// holdings are what roles of tenants hold of their permissions.
func holdings(c *project.Config, names []string) ([]string, error) {
	held := map[string]string{}
	for _, p := range permissions(c) {
		held[p.Name] = p.heldAs()
	}
	out := []string{}
	for _, name := range names {
		h, ok := held[name]
		if !ok {
			return nil, ErrInvalid.WithMessage(fmt.Sprintf("Request is invalid: there is no permission %.100q", name))
		}
		if !slices.Contains(out, h) {
			out = append(out, h)
		}
	}
	return out, nil
}

// prepare says what is wrong with what a role is to be, and brings it into its form.
func (r *Role) prepare(c *project.Config) (hold []string, err error) {
	r.Name = strings.TrimSpace(r.Name)
	if err := checkWords("role", r.Name, r.Description); err != nil {
		return nil, err
	}
	r.Permissions = slices.Compact(slices.Sorted(slices.Values(r.Permissions)))
	return holdings(c, r.Permissions)
}

// CreateRoles makes roles, all or none, and returns them.
func (s *Service) CreateRoles(ctx context.Context, by audit.Origin, c *project.Config, roles []Role) ([]Role, error) {
	roles = slices.Clone(roles)
	hold := make([][]string, len(roles))
	var names []string
	for i := range roles {
		var err error
		if hold[i], err = roles[i].prepare(c); err != nil {
			return nil, err
		}
		roles[i].ID, roles[i].CreatedAt = ident.New("ROL"), time.Time{}
		if roles[i].Tenant != "" {
			roles[i].CreatedAt = time.Now().UTC().Truncate(time.Second)
		}
		names = append(names, roles[i].Name)
	}
	err := s.change(ctx, by, c.Project, "role.create "+strings.Join(names, ", "), func(d *draft) error {
		for _, r := range roles {
			if r.Tenant != "" {
				continue
			}
			if of(d.roles.List, "", r.Name) >= 0 {
				return ErrRoleExists
			}
			item := project.Item{}
			if err := r.into(item); err != nil {
				return err
			}
			d.roles.List = append(d.roles.List, item)
		}
		return d.keepRoles(slices.ContainsFunc(roles, func(r Role) bool { return r.Tenant == "" }))
	}, func(tx *store.Tx) error {
		for i, r := range roles {
			if r.Tenant != "" {
				if err := s.HasTenant(tx, c.Project, r.Tenant); err != nil {
					return err
				}
				if err := r.insert(tx, c.Project, hold[i]); err != nil {
					return err
				}
			}
			if err := audit.Record(tx, r.event(by, c.Project, "role.create")); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("create roles: %w", err)
	}
	return roles, nil
}

// into writes a role of the project as its configuration has it.
func (r *Role) into(item project.Item) error {
	for member, v := range map[string]any{
		"id": r.ID, "name": r.Name, "description": r.Description, "permissions": r.Permissions, "default": r.Default, "private": r.Private,
	} {
		if list, ok := v.([]string); ok && list == nil {
			v = []string{}
		}
		if err := item.Set(member, v); err != nil {
			return err
		}
	}
	return nil
}

// keepRoles makes the roles of the draft those of the configuration, where some
// changed.
func (d *draft) keepRoles(changed bool) error {
	if !changed {
		return nil
	}
	return d.roles.Into(d.changed)
}

func (r *Role) event(by audit.Origin, project, action string) audit.Event {
	e := by.Event(action, audit.Done)
	e.Project, e.Details = project, map[string]any{"id": r.ID, "name": r.Name, "permissions": list(r.Permissions)}
	if r.Tenant != "" {
		e.Details["tenant"] = r.Tenant
	}
	return e
}

func list(l []string) []string {
	if l == nil {
		return []string{}
	}
	return l
}

// find returns a role by its id, or else by its name in a place.
func (r *Roles) find(id, tenant, name string) (Role, error) {
	if id == "" {
		id = r.byName[place{tenant, name}]
	}
	role, ok := r.byID[id]
	if !ok || tenant != "" && role.Tenant != tenant {
		return Role{}, ErrRoleNotFound
	}
	return role, nil
}

// UpdateRoles makes roles what is said, all or none, and returns them.
func (s *Service) UpdateRoles(ctx context.Context, by audit.Origin, c *project.Config, changes []RoleChange) ([]Role, error) {
	var ids, tenants []string
	for _, change := range changes {
		ids, tenants = append(ids, change.ID), append(tenants, change.Tenant)
	}
	known, err := s.named(ctx, c, ids, tenants)
	if err != nil {
		return nil, err
	}
	var out []Role
	var hold [][]string
	var names []string
	for _, change := range changes {
		was, err := known.find(change.ID, change.Tenant, change.Name)
		if err != nil {
			return nil, err
		}
		r := change.Role
		r.ID, r.Tenant, r.CreatedAt = was.ID, was.Tenant, was.CreatedAt
		held, err := r.prepare(c)
		if err != nil {
			return nil, err
		}
		out, hold, names = append(out, r), append(hold, held), append(names, was.Name)
	}
	err = s.change(ctx, by, c.Project, "role.update "+strings.Join(names, ", "), func(d *draft) error {
		for i := range out {
			if err := d.updateRole(&out[i]); err != nil {
				return err
			}
		}
		return d.keepRoles(slices.ContainsFunc(out, func(r Role) bool { return r.Tenant == "" }))
	}, func(tx *store.Tx) error {
		for i, r := range out {
			if r.Tenant != "" {
				if err := r.save(tx, c.Project, hold[i]); err != nil {
					return err
				}
			}
			if err := audit.Record(tx, r.event(by, c.Project, "role.update")); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("update roles: %w", err)
	}
	return out, nil
}

func (d *draft) updateRole(r *Role) error {
	if r.Tenant != "" {
		return nil
	}
	i := of(d.roles.List, r.ID, "")
	if i < 0 {
		return ErrRoleNotFound
	}
	if j := of(d.roles.List, "", r.Name); j >= 0 && j != i {
		return ErrRoleExists
	}
	return r.into(d.roles.List[i])
}

// DeleteRoles deletes roles by their ids and by their names in a place, all or none,
// and takes them from all who have them.
func (s *Service) DeleteRoles(ctx context.Context, by audit.Origin, c *project.Config, tenant string, ids, names []string) error {
	known, err := s.named(ctx, c, ids, []string{tenant})
	if err != nil {
		return err
	}
	var gone []Role
	add := func(id, name string) error {
		r, err := known.find(id, tenant, name)
		if err == nil && !slices.ContainsFunc(gone, func(g Role) bool { return g.ID == r.ID }) {
			gone = append(gone, r)
		}
		return err
	}
	for _, id := range ids {
		if err := add(id, ""); err != nil {
			return err
		}
	}
	for _, name := range names {
		if err := add("", name); err != nil {
			return err
		}
	}
	var all, called []string
	for _, r := range gone {
		all, called = append(all, r.ID), append(called, r.Name)
	}
	err = s.change(ctx, by, c.Project, "role.delete "+strings.Join(called, ", "), func(d *draft) error {
		before := len(d.roles.List)
		d.roles.List = slices.DeleteFunc(d.roles.List, func(i project.Item) bool { return i.Text("appId") == "" && slices.Contains(all, i.Text("id")) })
		return d.keepRoles(len(d.roles.List) < before)
	}, func(tx *store.Tx) error { return s.drop(tx, by, c.Project, gone, all) })
	if err != nil {
		return fmt.Errorf("delete roles: %w", err)
	}
	return nil
}

// drop takes the rows of deleted roles away, and from all who have them.
func (s *Service) drop(tx *store.Tx, by audit.Origin, project string, gone []Role, ids []string) error {
	for _, drop := range s.Drop {
		if err := drop(tx, project, ids); err != nil {
			return err
		}
	}
	for _, r := range gone {
		if _, err := tx.Exec(`DELETE FROM tenant_roles WHERE project = $1 AND id = $2`, project, r.ID); err != nil {
			return err
		}
		if err := audit.Record(tx, r.event(by, project, "role.delete")); err != nil {
			return err
		}
	}
	return nil
}
