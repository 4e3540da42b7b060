package accesskey

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"time"

	"postern/internal/authz"
	"postern/internal/limit"
	"postern/internal/project"
	"postern/internal/secret"
	"postern/internal/store"
	"postern/internal/tenant"
	"postern/internal/user"
)

// Get returns a key by id.
func (s *Service) Get(ctx context.Context, project, id string) (k *Key, err error) {
	err = s.DB.Read(ctx, func(_ context.Context, tx *store.Tx) error {
		k, err = load(tx, project, id)
		return err
	})
	return k, err
}

// A Filter chooses keys. What is not set chooses all; of a list one must fit.
type Filter struct {
	Tenants   []string
	Text      string // a part of the name, the description or the id
	BoundUser string
	CreatedBy string
	Custom    map[string]any // custom attributes, each with this value
}

// Search returns the keys that a filter chooses, the oldest first.
func (s *Service) Search(ctx context.Context, project string, f Filter) (list []*Key, err error) {
	err = s.DB.Read(ctx, func(_ context.Context, tx *store.Tx) error {
		list, err = all(tx, project, f.Tenants)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("search access keys: %w", err)
	}
	return slices.DeleteFunc(list, func(k *Key) bool { return !f.fits(k) }), nil
}

// fits says of a key in one of the tenants whether all else fits.
func (f *Filter) fits(k *Key) bool {
	text := strings.ToLower(f.Text)
	says := func(s string) bool { return strings.Contains(strings.ToLower(s), text) }
	return (says(k.Name) || says(k.Description) || says(k.ID)) && (f.BoundUser == "" || f.BoundUser == k.BoundUser) &&
		(f.CreatedBy == "" || f.CreatedBy == k.CreatedBy) && project.Holds(k.Custom, f.Custom)
}

// Authenticate returns the key whose cleartext is given, if it works now from
// remote, with what there is of roles. Tenants that are disabled are not among
// those of the key then, and those are in which its roles are inherited. Keys that are
// none are counted for each address, and
// refused with limit.ErrExceeded where they are too many; a right one always works.
func (s *Service) Authenticate(ctx context.Context, c *project.Config, clear secret.Text, remote netip.Addr) (k *Key, known *authz.Roles, err error) {
	text := clear.Reveal()
	err = ErrUnknown
	if len(text) >= shortest && len(text) <= longest {
		err = s.DB.Read(ctx, func(_ context.Context, tx *store.Tx) error {
			k, known, err = recognise(tx, c, hash(text), remote)
			return err
		})
	}
	if !errors.Is(err, ErrUnknown) {
		return k, known, err
	}
	if err := s.Limits.Hit(ctx, c.Project, wrongKeys, limit.Address(remote)); err != nil {
		return nil, nil, err
	}
	return nil, nil, ErrUnknown
}

func recognise(tx *store.Tx, c *project.Config, hash []byte, remote netip.Addr) (*Key, *authz.Roles, error) {
	now := time.Now()
	k, err := byHash(tx, c.Project, hash)
	if errors.Is(err, ErrNotFound) {
		return nil, nil, ErrUnknown
	}
	if err != nil {
		return nil, nil, err
	}
	if !k.usable(now, remote) {
		return nil, nil, ErrUnknown
	}
	if k.BoundUser != "" {
		u, err := user.Load(tx, c.Project, k.BoundUser)
		if errors.Is(err, user.ErrNotFound) || err == nil && u.MaySignIn(now) != nil {
			return nil, nil, ErrUnknown
		}
		if err != nil {
			return nil, nil, err
		}
	}
	heir := tenant.KeyHeir
	if c.Settings.TenantUserIsolation {
		heir = tenant.NoHeir // a user who manages a tenant makes keys, and is to stay in it
	}
	given := user.Roles(k.Tenants)
	reached, err := tenant.Reach(tx, c.Project, given, heir)
	if err != nil {
		return nil, nil, err
	}
	known, err := authz.Load(tx, c, slices.Sorted(maps.Keys(given))...)
	if err != nil {
		return nil, nil, err
	}
	k.Tenants = user.Memberships(known.Standing(reached, given))
	return k, known, nil
}
