package tenant

import (
	"context"
	"fmt"
	"slices"
	"time"

	"postern/internal/audit"
	"postern/internal/fault"
	"postern/internal/ident"
	"postern/internal/project"
	"postern/internal/store"
)

// Service keeps tenants.
type Service struct {
	DB *store.DB
	// Leave are what the owners of members (users, keys, roles) do when a tenant is
	// deleted, in the same transaction; cascade deletes those who belong to no other
	// tenant. They are set before the service is used.
	Leave []func(tx *store.Tx, project, tenant string, cascade bool) error
}

// errNoID is a tenant that nobody can have made.
var errNoID = fault.New(fault.Invalid, "E011002", "Request is invalid: the id of the tenant is required")

// Create makes a tenant in the project of a configuration, with an id of its own
// where it has none. ErrExists is an id or a name that another one has.
func (s *Service) Create(ctx context.Context, by audit.Origin, c *project.Config, t Tenant) (*Tenant, error) {
	if t.ID == "" {
		t.ID = ident.New("TEN")
	}
	t.Project, t.Successors = c.Project, nil
	t.CreatedAt = time.Now().UTC().Truncate(time.Second)
	t.ModifiedAt = t.CreatedAt
	if err := t.prepare(c, &Tenant{}); err != nil {
		return nil, err
	}
	err := s.DB.Write(ctx, func(_ context.Context, tx *store.Tx) error {
		if t.Parent != "" {
			if _, err := row(tx, t.Project, t.Parent); err != nil {
				return err
			}
		}
		if err := t.insert(tx); err != nil {
			return err
		}
		return audit.Record(tx, t.event(by, "tenant.create"))
	})
	if err != nil {
		return nil, fmt.Errorf("create tenant: %w", err)
	}
	return &t, nil
}

// prepare brings a tenant into the form that is stored; before is what it was.
func (t *Tenant) prepare(c *project.Config, before *Tenant) error {
	custom, err := project.Retyped(c.Attributes.Tenant, before.Custom, t.Custom)
	if err != nil {
		return err
	}
	if err := c.CheckApps(t.Settings.Apps, before.Settings.Apps); err != nil {
		return err
	}
	t.Custom = custom
	return t.settle()
}

// Update changes a tenant: change is given what it is, and makes it what it is to
// be, but for its id and its parent. It may be called again.
func (s *Service) Update(ctx context.Context, by audit.Origin, c *project.Config, id string, change func(t *Tenant) error) (*Tenant, error) {
	return s.update(ctx, by, c, id, "tenant.update", func(_ *store.Tx, t *Tenant) error { return change(t) })
}

// SetDefaultRoles says which roles a new member of a tenant gets; ids returns
// those, and is run in the transaction.
func (s *Service) SetDefaultRoles(ctx context.Context, by audit.Origin, c *project.Config, id string, ids func(tx *store.Tx) ([]string, error)) error {
	_, err := s.update(ctx, by, c, id, "tenant.defaultRoles", func(tx *store.Tx, t *Tenant) (err error) {
		t.Settings.DefaultRoles, err = ids(tx)
		return err
	})
	return err
}

func (s *Service) update(ctx context.Context, by audit.Origin, c *project.Config, id, action string, change func(*store.Tx, *Tenant) error) (*Tenant, error) {
	if id == "" {
		return nil, errNoID
	}
	var t *Tenant
	err := s.DB.Write(ctx, func(_ context.Context, tx *store.Tx) (err error) {
		if t, err = Load(tx, c.Project, id); err != nil {
			return err
		}
		before := *t
		if err := change(tx, t); err != nil {
			return err
		}
		t.ID, t.Parent, t.CreatedAt = before.ID, before.Parent, before.CreatedAt
		t.ModifiedAt = time.Now().UTC().Truncate(time.Second)
		if err := t.prepare(c, &before); err != nil {
			return err
		}
		if err := t.save(tx); err != nil {
			return err
		}
		return audit.Record(tx, t.event(by, action))
	})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", action, err)
	}
	return t, nil
}

// Delete removes a tenant with the roles of its own. Members lose their roles in
// it; with cascade those who belong to no other tenant are deleted, and so are the
// tenants under it, in the same way.
func (s *Service) Delete(ctx context.Context, by audit.Origin, project, id string, cascade bool) error {
	if id == "" {
		return errNoID
	}
	err := s.DB.Write(ctx, func(_ context.Context, tx *store.Tx) error {
		t, err := row(tx, project, id)
		if err != nil {
			return err
		}
		ids, err := Below(tx, project, []string{id})
		if err != nil {
			return err
		}
		if len(ids) > 1 && !cascade {
			return ErrParent
		}
		for _, id := range ids {
			if err := s.remove(tx, project, id, cascade); err != nil {
				return err
			}
		}
		e := t.event(by, "tenant.delete")
		e.Details["cascade"] = cascade
		if under := slices.DeleteFunc(ids, func(other string) bool { return other == id }); len(under) > 0 {
			e.Details["under"] = under
		}
		return audit.Record(tx, e)
	})
	if err != nil {
		return fmt.Errorf("delete tenant: %w", err)
	}
	return nil
}

// remove takes one tenant away.
func (s *Service) remove(tx *store.Tx, project, id string, cascade bool) error {
	for _, leave := range s.Leave {
		if err := leave(tx, project, id, cascade); err != nil {
			return err
		}
	}
	_, err := tx.Exec(`DELETE FROM tenants WHERE project = $1 AND id = $2`, project, id)
	return err
}

func (t *Tenant) event(by audit.Origin, action string) audit.Event {
	e := by.Event(action, audit.Done)
	e.Project, e.Details = t.Project, map[string]any{"id": t.ID, "name": t.Name}
	if t.Disabled {
		e.Details["disabled"] = true
	}
	return e
}
