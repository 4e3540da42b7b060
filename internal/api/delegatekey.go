package api

import (
	"context"
	"slices"

	"postern/internal/accesskey"
	"postern/internal/user"
)

// hasKey reports whether an access key is of the tenant alone.
func (d *delegate) hasKey(k *accesskey.Key) bool {
	return d == nil || len(k.Roles) == 0 && len(k.Tenants) == 1 && k.Tenants[0].Tenant == d.tenant
}

// newKey confines an access key that is to be made to the tenant, with roles that the
// delegate may give. What an application reads in its tokens is not theirs to say.
func (s *Server) newKey(ctx context.Context, in *newAccessKeyRequest) error {
	d := delegateOf(ctx)
	if d == nil {
		return nil
	}
	names := slices.Clone(in.Roles)
	for _, t := range in.Tenants {
		if t.Tenant != d.tenant {
			return errBeyond
		}
		names = append(names, t.Roles...)
	}
	if len(in.Claims) > 0 || len(in.Custom) > 0 {
		return errBeyond
	}
	ids, err := d.named(names)
	if err != nil {
		return err
	}
	if slices.ContainsFunc(ids, func(id string) bool { return !d.grants(id) }) {
		return errBeyond
	}
	if in.User != "" {
		if _, err := s.userReached(ctx, whoBody{UserID: in.User}); err != nil {
			return err
		}
	}
	in.Roles, in.Tenants = nil, []wireKeyTenant{{Tenant: d.tenant, Roles: names}}
	return nil
}

// carries reports whether the tokens of a key say more than its roles: claims and
// attributes are for keys of the management to give.
func carries(k *accesskey.Key) bool { return len(k.Claims) > 0 || len(k.Custom) > 0 }

// keysHere refuses access keys that are not of the tenant, as what there is not, and
// those whose tokens permit more than the delegate may do.
func (s *Server) keysHere(ctx context.Context, ids ...string) error {
	d := delegateOf(ctx)
	if d == nil {
		return nil
	}
	if len(ids) > mostDelegated {
		return errManyDelegated
	}
	for _, id := range ids {
		k, err := s.AccessKeys.Get(ctx, d.config.Project, id)
		switch {
		case err != nil:
			return err
		case !d.hasKey(k):
			return accesskey.ErrNotFound
		case !d.matches(k.Tenants[0].Roles), carries(k):
			return errBeyond
		}
		if k.BoundUser == "" {
			continue
		}
		if _, err := s.userReached(ctx, whoBody{UserID: k.BoundUser}); err != nil {
			return errBeyond
		}
	}
	return nil
}

// showKey takes out of an access key as clients read it what is not of the tenant.
func (d *delegate) showKey(k *accesskey.Key, out *wireAccessKey) {
	if d == nil {
		return
	}
	member, _ := (&user.User{Tenants: k.Tenants}).In(d.tenant)
	out.Tenants = slices.DeleteFunc(out.Tenants, func(t wireUserTenant) bool { return t.ID != d.tenant })
	out.Roles = d.seen.Names(member.Roles)
	for i := range out.Tenants {
		out.Tenants[i].Roles, out.Tenants[i].Permissions = out.Roles, d.seen.Permissions(member.Roles)
	}
	out.Claims, out.Custom, out.Editable = map[string]any{}, map[string]any{}, d.matches(member.Roles) && !carries(k)
}

// searchKeys confines a search of access keys to the tenant, and refuses one by what the
// answer does not show. Of what is found hasKey leaves what is of no other tenant.
func (d *delegate) searchKeys(in *searchAccessKeysRequest) error {
	if d == nil {
		return nil
	}
	if len(in.Custom) > 0 || slices.ContainsFunc(in.Tenants, func(id string) bool { return id != d.tenant }) {
		return errBeyond
	}
	in.Tenants = []string{d.tenant}
	return nil
}
