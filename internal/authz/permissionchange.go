package authz

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"postern/internal/audit"
	"postern/internal/ident"
	"postern/internal/project"
	"postern/internal/store"
)

// A PermissionChange says which permission is to be what: by its id, or else by its
// name.
type PermissionChange struct {
	ID, Name             string
	NewName, Description string
}

var errBuiltIn = ErrInvalid.WithMessage("Request is invalid: every project has this permission as it is")

// CreatePermissions makes permissions, all or none.
func (s *Service) CreatePermissions(ctx context.Context, by audit.Origin, c *project.Config, list []Permission) error {
	list = slices.Clone(list)
	var names []string
	for i := range list {
		p := &list[i]
		p.Name, p.ID = strings.TrimSpace(p.Name), ident.New("PERM")
		if err := checkWords("permission", p.Name, p.Description); err != nil {
			return err
		}
		names = append(names, p.Name)
	}
	err := s.change(ctx, by, c.Project, "permission.create "+strings.Join(names, ", "), func(d *draft) error {
		for _, p := range list {
			if of(d.permissions.List, "", p.Name) >= 0 || slices.Contains(BuiltIn(), p.Name) {
				return ErrPermissionExists
			}
			item := project.Item{}
			if err := p.into(item); err != nil {
				return err
			}
			d.permissions.List = append(d.permissions.List, item)
		}
		return d.permissions.Into(d.changed)
	}, recordPermissions(by, c.Project, "permission.create", &list))
	if err != nil {
		return fmt.Errorf("create permissions: %w", err)
	}
	return nil
}

func (p *Permission) into(item project.Item) error {
	for member, v := range map[string]string{"id": p.ID, "name": p.Name, "description": p.Description} {
		if err := item.Set(member, v); err != nil {
			return err
		}
	}
	return nil
}

// recordPermissions writes what was done to permissions. The list is that of the
// last attempt.
func recordPermissions(by audit.Origin, project, action string, list *[]Permission) func(*store.Tx) error {
	return func(tx *store.Tx) error {
		for _, p := range *list {
			e := by.Event(action, audit.Done)
			e.Project, e.Details = project, map[string]any{"id": p.ID, "name": p.Name}
			if err := audit.Record(tx, e); err != nil {
				return err
			}
		}
		return nil
	}
}

// UpdatePermissions gives permissions other names and descriptions, all or none.
// Roles and attributes follow a new name.
func (s *Service) UpdatePermissions(ctx context.Context, by audit.Origin, c *project.Config, changes []PermissionChange) error {
	var names []string
	for i := range changes {
		changes[i].NewName = strings.TrimSpace(changes[i].NewName)
		if err := checkWords("permission", changes[i].NewName, changes[i].Description); err != nil {
			return err
		}
		names = append(names, changes[i].NewName)
	}
	var done []Permission
	err := s.change(ctx, by, c.Project, "permission.update "+strings.Join(names, ", "), func(d *draft) error {
		done = nil
		for _, change := range changes {
			p, err := d.updatePermission(change)
			if err != nil {
				return err
			}
			done = append(done, p)
		}
		return d.permissions.Into(d.changed)
	}, recordPermissions(by, c.Project, "permission.update", &done))
	if err != nil {
		return fmt.Errorf("update permissions: %w", err)
	}
	return nil
}

func (d *draft) updatePermission(change PermissionChange) (Permission, error) {
	i, err := d.permission(change.ID, change.Name)
	if err != nil {
		return Permission{}, err
	}
	if j := of(d.permissions.List, "", change.NewName); j >= 0 && j != i || slices.Contains(BuiltIn(), change.NewName) {
		return Permission{}, ErrPermissionExists
	}
	item := d.permissions.List[i]
	was := item.Text("name")
	p := Permission{ID: item.Text("id"), Name: change.NewName, Description: change.Description}
	if err := p.into(item); err != nil || was == p.Name {
		return p, err
	}
	err = d.each(func(list []string) []string {
		for i := range list {
			if list[i] == was {
				list[i] = p.Name
			}
		}
		return list
	}, true)
	return p, err
}

// permission returns the place of a permission that may change.
func (d *draft) permission(id, name string) (int, error) {
	i := of(d.permissions.List, id, name)
	switch {
	case id == "" && slices.Contains(BuiltIn(), name), i >= 0 && slices.Contains(BuiltIn(), d.permissions.List[i].Text("name")):
		return 0, errBuiltIn
	case i < 0:
		return 0, ErrNoPermission
	}
	return i, nil
}

// each changes the lists of permissions in the roles and, where it is said, in the
// attributes.
func (d *draft) each(change func([]string) []string, attributes bool) error {
	if err := renamed(d.roles, change, "permissions"); err != nil {
		return err
	}
	if len(d.roles.List) > 0 {
		if err := d.roles.Into(d.changed); err != nil {
			return err
		}
	}
	if _, there := d.files[project.AttributesFile]; !there || !attributes {
		return nil
	}
	for _, member := range []string{"user", "tenant", "accessKey"} {
		from := d.files
		if _, ok := d.changed[project.AttributesFile]; ok {
			from = d.changed
		}
		items, err := project.ItemsOf(from, project.AttributesFile, member)
		if err != nil {
			return err
		}
		if err := renamed(items, change, "viewPermissions", "editPermissions"); err != nil {
			return err
		}
		if len(items.List) > 0 {
			if err := items.Into(d.changed); err != nil {
				return err
			}
		}
	}
	return nil
}

func renamed(items *project.Items, change func([]string) []string, members ...string) error {
	for _, item := range items.List {
		for _, member := range members {
			if names := item.Texts(member); len(names) > 0 {
				if err := item.Set(member, list(change(names))); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// DeletePermissions deletes permissions by ids and names, all or none. Roles lose
// them; one that an attribute needs is not deleted, for without it everybody would
// see the value.
func (s *Service) DeletePermissions(ctx context.Context, by audit.Origin, c *project.Config, ids, names []string) error {
	var done []Permission
	err := s.change(ctx, by, c.Project, "permission.delete "+strings.Join(slices.Concat(names, ids), ", "), func(d *draft) error {
		done = nil
		for _, id := range ids {
			if err := d.deletePermission(id, "", &done); err != nil {
				return err
			}
		}
		for _, name := range names {
			if err := d.deletePermission("", name, &done); err != nil {
				return err
			}
		}
		if len(done) == 0 {
			return nil
		}
		return d.permissions.Into(d.changed)
	}, recordPermissions(by, c.Project, "permission.delete", &done))
	if err != nil {
		return fmt.Errorf("delete permissions: %w", err)
	}
	return nil
}

func (d *draft) deletePermission(id, name string, done *[]Permission) error {
	i, err := d.permission(id, name)
	if err != nil {
		return err
	}
	item := d.permissions.List[i]
	p := Permission{ID: item.Text("id"), Name: item.Text("name")}
	d.permissions.List = slices.Delete(d.permissions.List, i, i+1)
	*done = append(*done, p)
	return d.each(func(list []string) []string {
		return slices.DeleteFunc(list, func(s string) bool { return s == p.Name })
	}, false)
}
