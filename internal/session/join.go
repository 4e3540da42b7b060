package session

import (
	"fmt"
	"slices"
	"strings"

	"postern/internal/authz"
	"postern/internal/project"
	"postern/internal/store"
	"postern/internal/tenant"
	"postern/internal/user"
)

// JoinByDomain makes a user a member of the tenants whose people join by themselves,
// as part of tx: those of the domain of the address, if it is a verified one and the
// project lets people come by themselves. It changes u alone. Whoever finds that an
// address is somebody's calls it then, and not at every sign-in: who was removed
// from a tenant must not be back the next day.
func JoinByDomain(tx *store.Tx, c *project.Config, u *user.User) error {
	_, domain, ok := strings.Cut(u.Email, "@")
	if !ok || !u.VerifiedEmail || !c.Settings.SelfProvisioning {
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
