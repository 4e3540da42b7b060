package tenant

import (
	"context"
	"fmt"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"postern/internal/audit"
	"postern/internal/project"
	"postern/internal/store"
)

// PasswordsOf returns the policy that the members of tenants obey, as part of tx: in
// a tenant its own, or that of the project, and of several the stricter rules. Who
// is a member of none obeys the project. What is no tenant is left out.
func PasswordsOf(tx *store.Tx, c *project.Config, ids ...string) (project.PasswordMethod, error) {
	p := c.Methods.Password
	list, args := listed(c.Project, ids)
	if list == "" {
		return p, nil
	}
	settings, err := store.Collect(tx, func(row store.Scanner) (s Settings, err error) {
		var text string
		if err := row.Scan(&text); err != nil {
			return s, err
		}
		return s, json.Unmarshal([]byte(text), &s)
	}, `SELECT settings FROM tenants WHERE project = $1 AND id IN (`+list+`)`, args...)
	if err != nil {
		return p, fmt.Errorf("read the password settings of tenants: %w", err)
	}
	out, known := p, false
	for _, s := range settings {
		one := p
		if len(s.Passwords) > 0 {
			if one, err = p.Own(s.Passwords); err != nil {
				return p, err
			}
		}
		if known {
			one = out.And(one)
		}
		out, known = one, true
	}
	return out, nil
}

// SetPasswords gives a tenant a policy of its own, as auth/password.json would have
// it, whole: change is given the one that it has, or nil, and returns what it is to
// be. None is that of the project.
func (s *Service) SetPasswords(ctx context.Context, by audit.Origin, c *project.Config, id string, change func(now []byte) ([]byte, error)) error {
	_, err := s.update(ctx, by, c, id, "tenant.passwordSettings", func(_ *store.Tx, t *Tenant) error {
		next, err := change(t.Settings.Passwords)
		if err != nil {
			return err
		}
		if t.Settings.Passwords = jsontext.Value(next); next == nil {
			return nil
		}
		return project.CheckPasswordPolicy(next)
	})
	return err
}
