package api

import (
	"slices"
	"strings"

	"postern/internal/authz"
)

// newRole confines a role that is to be made to the tenant. It permits nothing that the
// delegate may not do, nobody has it by themselves, and it has no name that the project
// has given: applications know roles by their names.
func (d *delegate) newRole(in *newRoleRequest) error {
	if d == nil {
		return nil
	}
	if in.Tenant != "" && in.Tenant != d.tenant || in.Private || in.Default || !d.permitsAll(in.Permissions) || d.taken(in.Name) {
		return errBeyond
	}
	in.Tenant = d.tenant
	return nil
}

// taken reports whether the project has a role with a name.
func (d *delegate) taken(name string) bool {
	return slices.ContainsFunc(d.roles.List(), func(r authz.Role) bool { return r.Tenant == "" && strings.EqualFold(r.Name, strings.TrimSpace(name)) })
}

// roleToBe confines what a role of the tenant is to be. Whether new members have it stays.
func (d *delegate) roleToBe(in *newRoleRequest) error {
	if d == nil {
		return nil
	}
	if in.Tenant != "" && in.Tenant != d.tenant {
		return authz.ErrRoleNotFound
	}
	was, err := d.roleHere(in.ID, in.Name)
	if err != nil {
		return err
	}
	if in.Private || !d.permitsAll(in.Permissions) || in.NewName != was.Name && d.taken(in.NewName) {
		return errBeyond
	}
	in.ID, in.Tenant, in.Default = was.ID, d.tenant, was.Default
	return nil
}

// rolesToDrop confines roles that are to be deleted to those of the tenant.
func (d *delegate) rolesToDrop(in *deleteRolesRequest) error {
	if d == nil {
		return nil
	}
	if in.Tenant != "" && in.Tenant != d.tenant {
		return authz.ErrRoleNotFound
	}
	var ids []string
	for _, id := range in.IDs {
		r, err := d.roleHere(id, "")
		if err != nil {
			return err
		}
		ids = append(ids, r.ID)
	}
	for _, name := range in.Names {
		r, err := d.roleHere("", name)
		if err != nil {
			return err
		}
		ids = append(ids, r.ID)
	}
	in.IDs, in.Names, in.Tenant = ids, nil, d.tenant
	return nil
}

// roleHere is a role of the tenant itself, by its id or else its name, which the delegate
// may change: one that permits nothing more.
func (d *delegate) roleHere(id, name string) (authz.Role, error) {
	list := d.seen.List()
	i := slices.IndexFunc(list, func(r authz.Role) bool {
		return r.Tenant == d.tenant && (id != "" && r.ID == id || id == "" && r.Name == name)
	})
	switch {
	case i < 0:
		return authz.Role{}, authz.ErrRoleNotFound
	case !d.grants(list[i].ID):
		return authz.Role{}, errBeyond
	}
	return list[i], nil
}

// showTenant takes out of a tenant as clients read it what is of others.
func (d *delegate) showTenant(out *wireTenant) {
	if d == nil {
		return
	}
	out.Parent, out.Successors, out.Apps = "", []string{}, []string{}
	for _, a := range d.config.Attributes.Tenant {
		if !d.sees(a) {
			delete(out.Custom, a.Name)
		}
	}
}
