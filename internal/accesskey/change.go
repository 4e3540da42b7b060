package accesskey

import (
	"context"
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"
	"time"

	"postern/internal/audit"
	"postern/internal/authz"
	"postern/internal/ident"
	"postern/internal/mgmtkey"
	"postern/internal/project"
	"postern/internal/secret"
	"postern/internal/store"
	"postern/internal/tenant"
	"postern/internal/user"
)

// A Grant is what a key is to have: the names of roles in the project, and tenants
// with the names of roles there.
type Grant struct {
	Roles   []string
	Tenants []GrantIn
}

// A GrantIn is what a key is to have in a tenant.
type GrantIn struct {
	Tenant string
	Roles  []string // names
}

// A New key is what one is made of.
type New struct {
	Key               // without what Grant says
	Grant Grant       // what it has
	Clear secret.Text // its cleartext, where it was made elsewhere
}

// set gives a key what a grant says.
func (k *Key) set(tx *store.Tx, c *project.Config, g Grant) (err error) {
	var ids []string
	for _, in := range g.Tenants {
		if slices.Contains(ids, in.Tenant) {
			return ErrInvalid.WithMessage("Request is invalid: keyTenants has a tenant twice")
		}
		ids = append(ids, in.Tenant)
		if err := tenant.Exists(tx, c.Project, in.Tenant); err != nil {
			return err
		}
	}
	known, err := authz.Load(tx, c, ids...)
	if err != nil {
		return err
	}
	if k.Roles, err = known.IDs(g.Roles); err != nil {
		return err
	}
	k.Tenants = nil
	for _, in := range g.Tenants {
		m := user.Membership{Tenant: in.Tenant}
		if m.Roles, err = known.IDsIn(in.Tenant, in.Roles); err != nil {
			return err
		}
		k.Tenants = append(k.Tenants, m)
	}
	return nil
}

// Create makes keys, all or none, and returns them with their cleartexts, which
// nothing can bring back later.
func (s *Service) Create(ctx context.Context, by audit.Origin, c *project.Config, list ...New) ([]*Key, []secret.Text, error) {
	now := time.Now().UTC().Truncate(time.Second)
	var keys []*Key
	var clear []secret.Text
	action := "accesskey.create"
	for _, in := range list {
		k := in.Key
		k.Project, k.ID, k.Status, k.CreatedBy, k.CreatedAt = c.Project, ident.New(prefix), Active, by.Actor, now
		token := in.Clear
		if token.IsZero() {
			token = secret.New(k.ID + ident.Random(secretSize))
		} else if action = "accesskey.import"; !importable(token.Reveal()) {
			return nil, nil, ErrInvalid.WithMessage("Request is invalid: a cleartext has 20 to 512 characters without blanks and colons, and is no management key")
		}
		if !k.ExpiresAt.IsZero() && !k.ExpiresAt.After(now) {
			return nil, nil, ErrInvalid.WithMessage("Request is invalid: the access key would expire at once")
		}
		keys, clear = append(keys, &k), append(clear, token)
	}
	err := s.DB.Write(ctx, func(_ context.Context, tx *store.Tx) error {
		for i, k := range keys {
			if err := k.set(tx, c, list[i].Grant); err != nil {
				return err
			}
			if err := k.settle(c, nil); err != nil {
				return err
			}
			if k.BoundUser != "" {
				u, err := user.Load(tx, c.Project, k.BoundUser)
				if err != nil {
					return err
				}
				k.BoundUser = u.ID
			}
			if err := k.insert(tx, hash(clear[i].Reveal())); err != nil {
				return err
			}
			if err := audit.Record(tx, k.event(by, action)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, nil, fmt.Errorf("create access keys: %w", err)
	}
	return keys, clear, nil
}

// importable reports whether a cleartext that was made elsewhere may be a key here.
func importable(clear string) bool {
	return len(clear) >= shortest && store.Plain(clear, longest, "") && !strings.ContainsAny(clear, " :") && !mgmtkey.Looks(clear)
}

func hash(clear string) []byte {
	sum := sha256.Sum256([]byte(clear))
	return sum[:]
}

// An Update is what to change in a key; nil leaves a thing as it is.
type Update struct {
	Name        *string
	Description *string
	Status      *string
	Roles       *[]string // names
	Tenants     *[]GrantIn
	Claims      map[string]any
	Custom      map[string]any // in place of those that it has
	Addresses   *[]string
}

// Update changes a key.
func (s *Service) Update(ctx context.Context, by audit.Origin, c *project.Config, id string, in Update) (k *Key, err error) {
	err = s.DB.Write(ctx, func(_ context.Context, tx *store.Tx) error {
		if k, err = load(tx, c.Project, id); err != nil {
			return err
		}
		stored := k.Custom
		if err := k.change(tx, c, in); err != nil {
			return err
		}
		if err := k.settle(c, stored); err != nil {
			return err
		}
		if err := k.save(tx); err != nil {
			return err
		}
		return audit.Record(tx, k.event(by, "accesskey.update"))
	})
	if err != nil {
		return nil, fmt.Errorf("update access key: %w", err)
	}
	return k, nil
}

func (k *Key) change(tx *store.Tx, c *project.Config, in Update) (err error) {
	if in.Name != nil {
		k.Name = *in.Name
	}
	if in.Description != nil {
		k.Description = *in.Description
	}
	if in.Status != nil {
		if k.Status = *in.Status; k.Status != Active && k.Status != Inactive {
			return ErrInvalid.WithMessage("Request is invalid: the status of an access key is active or inactive")
		}
	}
	if in.Claims != nil {
		k.Claims = in.Claims
	}
	if in.Custom != nil {
		k.Custom = in.Custom
	}
	if in.Addresses != nil {
		if k.PermittedIPs, err = ParseAddresses(*in.Addresses); err != nil {
			return err
		}
	}
	had := *k
	if in.Roles != nil || in.Tenants != nil {
		var g Grant
		if in.Roles != nil {
			g.Roles = *in.Roles
		}
		if in.Tenants != nil {
			g.Tenants = *in.Tenants
		}
		if err := k.set(tx, c, g); err != nil {
			return err
		}
	}
	if in.Roles == nil {
		k.Roles = had.Roles
	}
	if in.Tenants == nil {
		k.Tenants = had.Tenants
	}
	return nil
}

// SetStatus turns keys on or off, all or none.
func (s *Service) SetStatus(ctx context.Context, by audit.Origin, project, status string, ids []string) error {
	action := "accesskey.activate"
	if status != Active {
		action = "accesskey.deactivate"
	}
	return s.each(ctx, by, project, action, ids, func(tx *store.Tx, k *Key) error {
		k.Status = status
		_, err := tx.Exec(`UPDATE access_keys SET status = $3 WHERE project = $1 AND id = $2`, project, k.ID, status)
		return err
	})
}

// Delete deletes keys, all or none.
func (s *Service) Delete(ctx context.Context, by audit.Origin, project string, ids []string) error {
	return s.each(ctx, by, project, "accesskey.delete", ids, func(tx *store.Tx, k *Key) error {
		_, err := tx.Exec(`DELETE FROM access_keys WHERE project = $1 AND id = $2`, project, k.ID)
		return err
	})
}

func (s *Service) each(ctx context.Context, by audit.Origin, project, action string, ids []string, do func(*store.Tx, *Key) error) error {
	err := s.DB.Write(ctx, func(_ context.Context, tx *store.Tx) error {
		for _, id := range slices.Compact(slices.Sorted(slices.Values(ids))) {
			k, err := load(tx, project, id)
			if err != nil {
				return err
			}
			if err := do(tx, k); err != nil {
				return err
			}
			if err := audit.Record(tx, k.event(by, action)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("%s: %w", action, err)
	}
	return nil
}

// Rotate gives a key another cleartext; the one before works no more.
func (s *Service) Rotate(ctx context.Context, by audit.Origin, project, id string) (k *Key, clear secret.Text, err error) {
	clear = secret.New(id + ident.Random(secretSize))
	err = s.each(ctx, by, project, "accesskey.rotate", []string{id}, func(tx *store.Tx, found *Key) error {
		k = found
		_, err := tx.Exec(`UPDATE access_keys SET hash = $3 WHERE project = $1 AND id = $2`, project, id, hash(clear.Reveal()))
		return err
	})
	return k, clear, err
}
