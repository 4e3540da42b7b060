package session

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"postern/internal/authz"
	"postern/internal/project"
	"postern/internal/store"
	"postern/internal/tenant"
	"postern/internal/user"
)

// Settle makes a user who is to be stored for the first time a member of the tenant
// that is their home, with the roles of every new member, as part of tx; else it is
// JoinByDomain. It changes u alone.
func Settle(tx *store.Tx, c *project.Config, u *user.User) error {
	if u.Home == "" {
		return JoinByDomain(tx, c, u)
	}
	if err := Hosts(tx, c, u.Home); err != nil {
		return err
	}
	roles, err := MemberRoles(tx, c, u.Home)
	u.Join(u.Home, roles...)
	return err
}

// Home returns where the login id counts of who signs in: where that does which comes
// with the tenant that is asked for. What is added to a session is of its user.
func (s *Service) Home(ctx context.Context, in Login) (string, error) {
	if !in.Options.StepUp && !in.Options.MFA {
		return user.Home(in.Config, in.Options.Tenant), nil
	}
	if in.Current.IsZero() {
		return "", ErrNoSession
	}
	current, err := s.Current(ctx, in.Config, in.Current, in.Client)
	switch {
	case err != nil:
		return "", err
	case current.User == nil: // an anonymous visitor, who has nothing to add to
		return "", ErrOtherUser
	}
	return current.User.Home, nil
}

// Hosts refuses a tenant that takes nobody in, as part of tx: one that there is not,
// or that is disabled. A blank one is the whole project.
func Hosts(tx *store.Tx, c *project.Config, home string) error {
	if home == "" {
		return nil
	}
	settings, err := tenant.SettingsOf(tx, c.Project, home)
	switch {
	case errors.Is(err, tenant.ErrNotFound):
		return ErrNotMember
	case err == nil && settings.Disabled:
		return ErrTenantOff
	}
	return err
}

// JoinByDomain makes a user a member of the tenants whose people join by themselves,
// as part of tx: those of the domain of the address, if it is a verified one and the
// project lets people come by themselves. It changes u alone. Whoever finds that an
// address is somebody's calls it then, and not at every sign-in: who was removed
// from a tenant must not be back the next day. Who is at home in a tenant joins none.
func JoinByDomain(tx *store.Tx, c *project.Config, u *user.User) error {
	_, domain, ok := strings.Cut(u.Email, "@")
	if u.Home != "" || !ok || !u.VerifiedEmail || !c.Settings.SelfProvisioning {
		return nil
	}
	ids, err := tenant.OfSignUps(tx, c.Project, domain)
	if err != nil {
		return err
	}
	for _, id := range ids {
		if _, member := u.In(id); member {
			continue
		}
		roles, err := MemberRoles(tx, c, id)
		if err != nil {
			return err
		}
		u.Join(id, roles...)
	}
	return nil
}

// MemberRoles returns the ids of the roles that every new member of a tenant gets,
// sorted, as part of tx: those that the tenant names, and its own that are default.
func MemberRoles(tx *store.Tx, c *project.Config, id string) ([]string, error) {
	settings, err := tenant.SettingsOf(tx, c.Project, id)
	if err != nil {
		return nil, err
	}
	known, err := authz.Load(tx, c, id)
	if err != nil {
		return nil, fmt.Errorf("read the roles of a new member: %w", err)
	}
	out := known.DefaultIn(id)
	for _, role := range settings.DefaultRoles {
		if known.Has(role) { // or it was removed meanwhile
			out = append(out, role)
		}
	}
	slices.Sort(out)
	return slices.Compact(out), nil
}
