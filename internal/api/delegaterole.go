package api

import (
	"context"
	"slices"
	"strings"

	"postern/internal/authz"
	"postern/internal/store"
	"postern/internal/tenant"
)

// newRole confines a role that is to be made to the tenant. It permits nothing that the
// delegate may not do, nobody has it by themselves, and its name is free.
func (s *Server) newRole(ctx context.Context, in *newRoleRequest) error {
	d := delegateOf(ctx)
	if d == nil {
		return nil
	}
	if in.Tenant != "" && in.Tenant != d.tenant || in.Private || in.Default || !d.permitsAll(in.Permissions) {
		return errBeyond
	}
	in.Tenant = d.tenant
	return s.freeName(ctx, d, in.Name)
}

// freeName refuses the name of a role of the project, and of a tenant that is over or
// under that of the delegate, where roles are inherited: applications know roles by their
// names.
func (s *Server) freeName(ctx context.Context, d *delegate, name string) error {
	var known *authz.Roles
	err := s.Projects.DB.Read(ctx, func(_ context.Context, tx *store.Tx) error {
		line, err := tenant.Line(tx, d.config.Project, d.tenant)
		if err != nil {
			return err
		}
		known, err = authz.Load(tx, d.config, line...)
		return err
	})
	if err != nil {
		return err
	}
	if slices.ContainsFunc(known.List(), func(r authz.Role) bool {
		return r.Tenant != d.tenant && strings.EqualFold(r.Name, strings.TrimSpace(name))
	}) {
		return errBeyond
	}
	return nil
}

// roleToBe confines what a role of the tenant is to be. Whether new members have it stays.
func (s *Server) roleToBe(ctx context.Context, in *newRoleRequest) error {
	d := delegateOf(ctx)
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
	if in.Private || !d.permitsAll(in.Permissions) {
		return errBeyond
	}
	in.ID, in.Tenant, in.Default = was.ID, d.tenant, was.Default
	if in.NewName == was.Name {
		return nil
	}
	return s.freeName(ctx, d, in.NewName)
}

// rolesToDrop confines roles that are to be deleted to those of the tenant.
func (d *delegate) rolesToDrop(in *deleteRolesRequest) error {
	if d == nil {
		return nil
	}
	if in.Tenant != "" && in.Tenant != d.tenant {
		return authz.ErrRoleNotFound
	}
	if len(in.IDs)+len(in.Names) > mostDelegated {
		return errManyDelegated
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
