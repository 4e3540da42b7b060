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

// roles returns the roles that a user may have, as part of tx: those of the project,
// and of the tenants in which the user has a role of the tenant itself.
func (s *Service) roles(tx *store.Tx, c *project.Config, u *user.User) (*authz.Roles, error) {
	all := s.rolesOf(c)
	var own []string
	for _, in := range u.Tenants {
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

// SelectTenant is Refresh with another current tenant, of which the user must be a
// member. No tenant is none.
func (s *Service) SelectTenant(ctx context.Context, c *project.Config, token secret.Text, base, id string) (*Tokens, error) {
	return s.renew(ctx, c, token, base, func(m *made) error {
		if m.user == nil {
			return ErrNotMember
		}
		m.session.Tenant = id
		if err := member(m.user, id); err != nil {
			return err
		}
		return s.DB.Read(ctx, func(_ context.Context, tx *store.Tx) (err error) {
			m.lifetimes, err = obey(tx, c, m.session, true)
			return err
		})
	})
}
