package session

import (
	"context"
	"errors"
	"time"

	"postern/internal/authz"
	"postern/internal/fault"
	"postern/internal/project"
	"postern/internal/secret"
	"postern/internal/store"
	"postern/internal/tenant"
	"postern/internal/user"
)

// ErrTenantOff is a tenant that is disabled, where it is asked for as the current
// one.
var ErrTenantOff = fault.New(fault.Forbidden, "P40381", "the tenant is disabled")

// lifetimes are those that a session obeys.
type lifetimes struct {
	refresh, session, stepUp, inactivity time.Duration
}

// lifetimesOf returns what settings say.
func lifetimesOf(s project.Settings) lifetimes {
	return lifetimes{s.RefreshTokenLifetime, s.SessionTokenLifetime, s.StepUpTokenLifetime, s.Inactivity}
}

// obey returns the lifetimes of a session, as part of tx: those of its current
// tenant where that has some. A tenant that is disabled is none; which was asked for
// now is refused.
func obey(tx *store.Tx, c *project.Config, sess *Session, asked bool) (lifetimes, error) {
	if sess.Tenant == "" {
		return lifetimesOf(c.Settings), nil
	}
	own, err := tenant.SettingsOf(tx, c.Project, sess.Tenant)
	switch {
	case errors.Is(err, tenant.ErrNotFound) && asked:
		return lifetimes{}, ErrNotMember
	case own.Disabled && asked:
		return lifetimes{}, ErrTenantOff
	case errors.Is(err, tenant.ErrNotFound), err == nil && own.Disabled:
		sess.Tenant = ""
		return lifetimesOf(c.Settings), nil
	case err != nil:
		return lifetimes{}, err
	}
	return lifetimesOf(own.Over(c.Settings)), nil
}

// A known configuration is one whose roles were looked up.
type known struct {
	config *project.Config
	roles  *authz.Roles // read only
}

// rolesOf returns the roles of a configuration, made once.
func (s *Service) rolesOf(c *project.Config) *authz.Roles {
	if v, ok := s.known.Load(c.Project); ok && v.(known).config == c {
		return v.(known).roles
	}
	r := authz.Of(c)
	s.known.Store(c.Project, known{c, r})
	return r
}

// stand finds out what a user is in the project, as part of tx: the roles that there
// are, which are those of the project and of the tenants in which the user has a role
// of the tenant itself; and the tenants that count, which those that are disabled do not
// and those do in which roles are inherited. Who is at home in a tenant is there alone.
func (s *Service) stand(tx *store.Tx, m *made) error {
	m.roles, m.tenants = s.rolesOf(m.config), nil
	if len(m.user.Tenants) == 0 {
		return nil
	}
	heir := tenant.UserHeir
	if m.user.Home != "" {
		heir = tenant.NoHeir
	}
	given := user.Roles(m.user.Tenants)
	reached, err := tenant.Reach(tx, m.config.Project, given, heir)
	if err != nil {
		return err
	}
	if m.roles, err = s.rolesIn(tx, m.config, m.user.Tenants); err != nil {
		return err
	}
	m.tenants = user.Memberships(m.roles.Standing(reached, given)) // another list: the user is who they are, whatever becomes of a tenant
	return nil
}

func tenantsOf(list []user.Membership) []string {
	out := []string{}
	for _, in := range list {
		out = append(out, in.Tenant)
	}
	return out
}

// rolesIn returns the roles of a project, with those of tenants in which somebody has
// a role of the tenant itself, as part of tx.
func (s *Service) rolesIn(tx *store.Tx, c *project.Config, tenants []user.Membership) (*authz.Roles, error) {
	all := s.rolesOf(c)
	var own []string
	for _, in := range tenants {
		for _, id := range in.Roles {
			if !all.Has(id) {
				own = append(own, in.Tenant)
				break
			}
		}
	}
	if own == nil {
		return all, nil
	}
	return authz.Load(tx, c, own...)
}

// SelectTenant is Refresh with another current tenant, which the user must reach. No
// tenant is none.
func (s *Service) SelectTenant(ctx context.Context, c *project.Config, token secret.Text, from Client, id string) (*Tokens, error) {
	return s.renew(ctx, c, token, from, func(m *made) error {
		if m.user == nil {
			return ErrNotMember
		}
		m.session.Tenant = id
		if err := m.mayChoose(id); err != nil {
			return err
		}
		return s.DB.Read(ctx, func(_ context.Context, tx *store.Tx) (err error) {
			m.lifetimes, err = obey(tx, c, m.session, true)
			return err
		})
	})
}

// mayChoose returns an error where a user neither belongs to a tenant nor has inherited
// roles there; no tenant is one that everybody may choose. That it is disabled is for
// obey to say.
func (m *made) mayChoose(id string) error {
	if _, member := m.user.In(id); id == "" || member {
		return nil
	}
	for _, in := range m.tenants {
		if in.Tenant == id {
			return nil
		}
	}
	return ErrNotMember
}
