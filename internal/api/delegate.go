package api

import (
	"context"
	"net/http"
	"slices"
	"strings"

	"postern/internal/audit"
	"postern/internal/authz"
	"postern/internal/edge"
	"postern/internal/fault"
	"postern/internal/ident"
	"postern/internal/project"
	"postern/internal/store"
	"postern/internal/tenant"
	"postern/internal/user"
)

// userAdmin is the permission that every project has for managing the users of a tenant.
const userAdmin = "User Admin"

// What a user who manages a tenant is told. Whether there is no such tenant, or it is
// disabled, or the user has no place or not the permission there, is one answer.
var (
	errNoTenantNamed = fault.New(fault.Invalid, "E011002", "Request is invalid: a call with the token of a user needs ?tenant= with the id of one tenant")
	errNotDelegate   = fault.New(fault.Forbidden, "P40321", "the user may not manage this tenant")
	errBeyond        = fault.New(fault.Forbidden, "P40322", "whoever manages a tenant may not do this")
	errOutOfReach    = fault.New(fault.Forbidden, "P40323", "the user also belongs to another tenant, or has roles that whoever manages the tenant may not give")
	errImpersonator  = fault.New(fault.Forbidden, "P40324", "whoever impersonates a user manages no tenant in their name")
)

// mostDelegated bounds what a user names in one call, each of which is looked up.
const mostDelegated = 1000

var errManyDelegated = fault.New(fault.Invalid, "E011003", "Request is invalid: a user names at most 1000 in one call")

// A delegate is a user who manages a tenant that they belong to: whoever calls the
// management with the token of a user. It is what the user is at the time of the call,
// and says what the call may see and change. None, which is nil, sees and may do all.
type delegate struct {
	config *project.Config
	user   *user.User
	tenant string
	own    []string     // the ids of the user's roles in the tenant
	may    []string     // what those permit
	roles  *authz.Roles // those that can be had in the tenant
	seen   *authz.Roles // and of these what tenants see
}

type delegateKey struct{}

// delegateOf returns who manages a tenant with a call; nil where a key makes it.
func delegateOf(ctx context.Context) *delegate {
	d, _ := ctx.Value(delegateKey{}).(*delegate)
	return d
}

// ofUser reports whether a call of the management comes with the token of a user in the
// place of a key, or by a cookie.
func ofUser(r *http.Request) bool {
	_, value, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	id, token, key := parts(value)
	switch {
	case !ident.Valid("P", id) || key != "":
		return false
	case token != "": // a JWT has three parts, and no key has a dot
		return strings.Count(token, ".") == 2
	}
	_, err := r.Cookie(refreshName(r))
	return err == nil && !strings.Contains(value, ":")
}

// delegated checks the token of a user who makes a call of the management, and what the
// user may do in the tenant that the call names.
func (s *Server) delegated(need edge.Need, r *http.Request) (*http.Request, error) {
	r, err := s.person(signedIn(), r)
	if err != nil {
		return r, err
	}
	now, c := currentOf(r.Context()), callerOf(r.Context())
	if now.User == nil {
		return r, errNobody
	}
	if now.Own() != nil {
		return r, errImpersonator
	}
	c.Origin.Actor = now.User.ID
	named := r.URL.Query()["tenant"]
	if len(named) != 1 || named[0] == "" {
		return r, errNoTenantNamed
	}
	d, err := s.delegateIn(r.Context(), c.Config, now.User, named[0])
	if err != nil {
		return r, err
	}
	if !slices.Contains(d.may, need.InTenant) {
		return r, errNotDelegate
	}
	return r.WithContext(context.WithValue(r.Context(), delegateKey{}, d)), nil
}

// delegateIn reads what a user may do in a tenant. Roles in the whole project are of no
// account: they say nothing of one tenant.
func (s *Server) delegateIn(ctx context.Context, c *project.Config, u *user.User, id string) (*delegate, error) {
	member, ok := u.In(id)
	if !ok {
		return nil, errNotDelegate
	}
	d := &delegate{config: c, user: u, tenant: id, own: member.Roles}
	err := s.Projects.DB.Read(ctx, func(_ context.Context, tx *store.Tx) error {
		settings, err := tenant.SettingsOf(tx, c.Project, id)
		if err != nil {
			return err
		}
		if settings.Disabled {
			return errNotDelegate
		}
		d.roles, err = authz.Load(tx, c, id)
		return err
	})
	if err != nil {
		return nil, err
	}
	d.seen, d.may = d.roles.Seen(), d.roles.Permissions(d.own)
	return d, nil
}

// permits reports whether the delegate has one of some permissions; where none is needed,
// everybody has.
func (d *delegate) permits(oneOf []string) bool {
	return len(oneOf) == 0 || slices.ContainsFunc(oneOf, func(p string) bool { return slices.Contains(d.may, p) })
}

// permitsAll reports whether the delegate has all of some permissions.
func (d *delegate) permitsAll(list []string) bool {
	return !slices.ContainsFunc(list, func(p string) bool { return !slices.Contains(d.may, p) })
}

// grants reports whether the delegate may give a role in the tenant, and take it: one
// that tenants see, and that permits nothing that the delegate may not do.
func (d *delegate) grants(role string) bool {
	r, ok := d.seen.Role(role)
	return ok && d.permitsAll(r.Permissions)
}

// named are the ids of roles that can be had in the tenant, by their names. A name that
// means a role that tenants do not see means none.
func (d *delegate) named(names []string) ([]string, error) {
	for _, name := range names {
		if r, err := d.roles.IDsIn(d.tenant, []string{name}); err == nil && !d.seen.Has(r[0]) {
			return nil, authz.NoRole(name)
		}
	}
	return d.seen.IDsIn(d.tenant, names)
}

// sees reports whether the delegate may see the values of a custom attribute.
func (d *delegate) sees(a project.Attribute) bool { return d == nil || d.permits(a.ViewPermissions) }

// edits reports whether the delegate may change them.
func (d *delegate) edits(a project.Attribute) bool {
	return d == nil || d.permits(a.ViewPermissions) && d.permits(a.EditPermissions)
}

// noteBeyond writes down that a user asked the management for what they may not do. The
// chain is for those who have keys: people could make it grow.
func (s *Server) noteBeyond(r *http.Request, need edge.Need, err error) error {
	c := callerOf(r.Context())
	if need.InTenant == "" || c == nil || c.Key != nil || c.Origin.Actor == "" || fault.From(err).Kind != fault.Forbidden {
		return nil
	}
	act := audit.Act{
		Project: c.Project, User: c.Origin.Actor, Action: audit.CallRefused, Outcome: audit.Refused, Reason: fault.From(err).Code,
		Remote: c.Origin.Remote, Agent: c.Agent, Request: c.Origin.Request,
	}
	if d := delegateOf(r.Context()); d != nil {
		act.Tenant = d.tenant
	}
	ctx := context.WithoutCancel(r.Context())
	if err := s.Projects.DB.WriteCommitted(ctx, func(_ context.Context, tx *store.Tx) error { return audit.Note(tx, act) }); err != nil {
		return err
	}
	return s.Guard.Acts.Added(ctx, c.Project, 1)
}
