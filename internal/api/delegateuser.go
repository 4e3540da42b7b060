package api

import (
	"context"
	"fmt"
	"reflect"
	"slices"

	"postern/internal/project"
	"postern/internal/user"
)

// members are users by their ids, as far as they belong to the tenant.
func (d *delegate) members(ids []string) (list []user.Who) {
	for _, id := range ids {
		list = append(list, user.Who{ID: id, Member: d.tenant})
	}
	return list
}

// reaches reports whether all of a user is the delegate's to change: nothing of them is of
// another tenant, and they have no role that the delegate could not give and has not, so
// that whoever signs in as them gains nothing.
func (d *delegate) reaches(u *user.User) bool {
	member, _ := u.In(d.tenant)
	if d.user.Home != "" && u.Home == "" {
		return false // who is at home in a tenant inherits nothing, and the other may
	}
	if len(u.Tenants) != 1 || u.Tenants[0].Tenant != d.tenant || !d.matches(member.Roles) {
		return false
	}
	return !slices.ContainsFunc(u.Roles, func(id string) bool {
		r, ok := d.roles.Role(id)
		return ok && !r.Default && !slices.Contains(d.user.Roles, id)
	})
}

// matches reports whether the delegate has, or may give, each of some roles in the
// tenant. What is no role any more permits nothing.
func (d *delegate) matches(roles []string) bool {
	return !slices.ContainsFunc(roles, func(id string) bool {
		return d.roles.Has(id) && !slices.Contains(d.own, id) && !d.grants(id)
	})
}

// dismisses refuses members whom the delegate may not take out of the tenant.
func (d *delegate) dismisses(u *user.User) error {
	member, _ := u.In(d.tenant)
	if len(u.Tenants) > 1 && d.matches(member.Roles) || d.reaches(u) {
		return nil
	}
	return errOutOfReach
}

// userReached is userNamed for calls that change how somebody signs in.
func (s *Server) userReached(ctx context.Context, in whoBody) (*user.User, error) {
	u, err := s.userNamed(ctx, in)
	if d := delegateOf(ctx); err == nil && d != nil && !d.reaches(u) {
		return nil, errOutOfReach
	}
	return u, err
}

// show takes out of a user as clients read it what is not of the tenant. The roles are
// those in it: clients that manage a tenant look for them beside the name.
func (d *delegate) show(u *user.User, out *wireUser) {
	if d == nil {
		return
	}
	member, _ := u.In(d.tenant)
	out.Roles, out.Permissions = d.seen.Names(member.Roles), d.seen.Permissions(member.Roles)
	out.Tenants = slices.DeleteFunc(out.Tenants, func(t wireUserTenant) bool { return t.ID != d.tenant })
	for i := range out.Tenants {
		out.Tenants[i].Roles, out.Tenants[i].Permissions = out.Roles, out.Permissions
	}
	out.Apps, out.Consent, out.Editable = []string{}, 0, d.reaches(u)
	if !out.Editable {
		out.RecoveryEmail, out.RecoveryPhone, out.VerifiedRecovery, out.VerifiedRecoveryTel = "", "", false, false
	}
	for _, a := range d.config.Attributes.User {
		if !d.sees(a) {
			delete(out.Custom, a.Name)
		}
	}
}

// search confines a search to the tenant. It refuses what would tell something of what
// the answer does not show, and reports false where nobody can be found.
func (d *delegate) search(in *searchUsersRequest) (some bool, err error) {
	if d == nil {
		return true, nil
	}
	hidden := in.SubTenants || len(in.TenantRoleIDs)+len(in.TenantRoleNames)+len(in.Apps)+len(in.RecoveryEmails)+len(in.RecoveryPhones) > 0 ||
		in.VerifiedRecoveryEmail != nil || in.VerifiedRecoveryPhone != nil || slices.ContainsFunc(in.TenantIDs, func(id string) bool { return id != d.tenant })
	for name := range in.Custom {
		a, ok := d.attribute(name)
		hidden = hidden || !ok || !d.sees(a)
	}
	if hidden {
		return false, errBeyond
	}
	in.TenantIDs = []string{d.tenant}
	in.Limit = min(in.Limit, user.MostLoaded) // clients ask for 10,000
	if len(in.RoleNames) == 0 {
		return true, nil
	}
	var ids []string
	for _, name := range in.RoleNames {
		if found, err := d.seen.IDsIn(d.tenant, []string{name}); err == nil {
			ids = append(ids, found...)
		}
	}
	in.RoleNames, in.TenantRoleIDs = nil, map[string]roleList{d.tenant: {Values: ids}}
	return len(ids) > 0, nil
}

func (d *delegate) attribute(name string) (project.Attribute, bool) {
	i := slices.IndexFunc(d.config.Attributes.User, func(a project.Attribute) bool { return a.Name == name })
	if i < 0 {
		return project.Attribute{}, false
	}
	return d.config.Attributes.User[i], true
}

// make confines a new user to the tenant. The new one has not shown yet whose the login
// id is, and comes as a stranger does.
func (d *delegate) make(in *createUserRequest) error {
	if d == nil {
		return nil
	}
	secret := in.Password != "" || in.Hashed != nil || in.Seed != ""
	written := in.Template != "" || len(in.Options) > 0 || in.Locale != ""
	if secret || written || in.Test || in.Created != 0 || in.Status != nil {
		return errBeyond
	}
	roles, err := d.confine(&in.userBody)
	if err != nil {
		return err
	}
	if slices.ContainsFunc(roles, func(id string) bool { return !d.grants(id) }) {
		return errBeyond
	}
	if err := d.allowsCustom(nil, in.Custom); err != nil {
		return err
	}
	in.Tenants = &[]userTenantBody{{ID: d.tenant}}
	in.member = func(u *user.User) {
		u.Join(d.tenant, roles...)
		u.Unproven = true
	}
	return nil
}

// confine takes the roles out of a body, which are meant for the tenant: nil where it has
// none. It refuses what is not of the tenant, and takes nobody's word for an address.
func (d *delegate) confine(in *userBody) (roles []string, err error) {
	if in.Apps != nil && len(*in.Apps) > 0 {
		return nil, errBeyond
	}
	for name := range in.Custom {
		if a, ok := d.attribute(name); !ok || !d.sees(a) {
			return nil, errBeyond // it is as if there were none
		}
	}
	var names []string
	given := in.Roles != nil
	if given {
		names = append(names, *in.Roles...)
	}
	for _, t := range *or(in.Tenants, &[]userTenantBody{}) {
		if t.ID != d.tenant {
			return nil, errBeyond
		}
		given, names = true, append(names, t.Roles...)
	}
	in.Roles, in.Tenants, in.Apps = nil, nil, nil
	in.VerifiedEmail, in.VerifiedPhone, in.VerifiedRecoveryEmail, in.VerifiedRecoveryPhone = nil, nil, nil, nil
	if !given {
		return nil, nil
	}
	roles, err = d.named(names)
	return append([]string{}, roles...), err
}

// patchMember is patchUser for who manages the tenant. Roles that tenants do not see stay;
// whose a new login id is has still to be shown.
func (s *Server) patchMember(ctx context.Context, d *delegate, in *patchUserBody) (*userAnswer, error) {
	if in.SCIM != nil {
		return nil, errBeyond
	}
	roles, err := d.confine(&in.userBody)
	if err != nil {
		return nil, err
	}
	return s.changeUser(ctx, in.whoBody, func(names *directory, u *user.User) error {
		change, err := in.change(names, u)
		if err != nil {
			return err
		}
		if roles != nil {
			tenants := slices.Clone(u.Tenants)
			for i, m := range tenants {
				if m.Tenant == d.tenant {
					hidden := slices.DeleteFunc(slices.Clone(m.Roles), d.seen.Has)
					tenants[i].Roles = append(hidden, roles...)
				}
			}
			change.Tenants = &tenants
		}
		before := u.LoginIDs
		err = change.Apply(names.config, u)
		u.Unproven = u.Unproven || slices.ContainsFunc(u.LoginIDs, func(id string) bool { return !slices.Contains(before, id) })
		return err
	})
}

// allows refuses a change of a member that is not the delegate's to make. Whatever it
// does not know is refused.
func (d *delegate) allows(was, now *user.User) error {
	if d == nil {
		return nil
	}
	for _, field := range was.Differs(now) {
		switch field {
		case "userTenants":
			if err := d.allowsRoles(was, now); err != nil {
				return err
			}
		case "customAttributes":
			if err := d.allowsCustom(was.Custom, now.Custom); err != nil {
				return err
			}
			fallthrough
		case "loginIds", "name", "givenName", "middleName", "familyName", "picture", "email", "phone", "verifiedEmail", "verifiedPhone",
			"recoveryEmail", "recoveryPhone", "verifiedRecoveryEmail", "verifiedRecoveryPhone", "status", "expires":
			if !d.reaches(was) {
				return errOutOfReach
			}
		default:
			return errBeyond
		}
	}
	return nil
}

// allowsRoles refuses a change of memberships but that of roles in the tenant that the
// delegate may give.
func (d *delegate) allowsRoles(was, now *user.User) error {
	before, _ := was.In(d.tenant)
	after, ok := now.In(d.tenant)
	elsewhere := func(u *user.User) string {
		return fmt.Sprint(slices.DeleteFunc(slices.Clone(u.Tenants), func(m user.Membership) bool { return m.Tenant == d.tenant }))
	}
	if !ok || elsewhere(was) != elsewhere(now) {
		return errBeyond
	}
	for _, list := range [][2][]string{{before.Roles, after.Roles}, {after.Roles, before.Roles}} {
		for _, id := range list[0] {
			if !slices.Contains(list[1], id) && !d.grants(id) {
				return errBeyond
			}
		}
	}
	return nil
}

// allowsCustom refuses a change of custom attributes that the delegate may not change.
func (d *delegate) allowsCustom(was, now map[string]any) error {
	for _, values := range []map[string]any{was, now} {
		for name := range values {
			a, ok := d.attribute(name)
			if !reflect.DeepEqual(was[name], now[name]) && !(ok && d.edits(a)) {
				return errBeyond
			}
		}
	}
	return nil
}
