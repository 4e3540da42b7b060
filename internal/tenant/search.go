package tenant

import (
	"context"
	"fmt"
	"slices"

	"postern/internal/project"
	"postern/internal/store"
)

// A Filter chooses tenants. What is not set chooses all; of a list one must fit.
type Filter struct {
	IDs           []string
	Names         []string
	SignUpDomains []string
	SSODomains    []string
	Custom        map[string]any // custom attributes, each with this value
	AuthType      string
	Parent        string
	TopLevel      bool // those under none
}

// Get returns a tenant by id.
func (s *Service) Get(ctx context.Context, project, id string) (t *Tenant, err error) {
	err = s.DB.Read(ctx, func(_ context.Context, tx *store.Tx) error {
		t, err = Load(tx, project, id)
		return err
	})
	return t, err
}

// Settings is SettingsOf in a transaction of its own.
func (s *Service) Settings(ctx context.Context, project, id string) (out Settings, err error) {
	err = s.DB.Read(ctx, func(_ context.Context, tx *store.Tx) error {
		out, err = SettingsOf(tx, project, id)
		return err
	})
	return out, err
}

// Below returns the ids of a tenant and of all that are under it, sorted. What is no
// tenant has none.
func (s *Service) Below(ctx context.Context, project, id string) (out []string, err error) {
	err = s.DB.Read(ctx, func(_ context.Context, tx *store.Tx) error {
		out, err = Below(tx, project, []string{id})
		return err
	})
	return out, err
}

// Search returns the tenants that a filter chooses, by name.
func (s *Service) Search(ctx context.Context, project string, f Filter) ([]*Tenant, error) {
	var list []*Tenant
	err := s.DB.Read(ctx, func(_ context.Context, tx *store.Tx) (err error) {
		list, err = all(tx, project)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("search tenants: %w", err)
	}
	return slices.DeleteFunc(list, func(t *Tenant) bool { return !f.fits(t) }), nil
}

func (f *Filter) fits(t *Tenant) bool {
	auth := t.Settings.AuthType
	if auth == "" {
		auth = AuthNone
	}
	ids, ok1 := settleDomains(f.SignUpDomains)
	sso, ok2 := settleDomains(f.SSODomains)
	return ok1 && ok2 && among(f.IDs, t.ID) && among(f.Names, t.Name) && among(ids, t.SignUpDomains...) && among(sso, t.SSODomains...) &&
		project.Holds(t.Custom, f.Custom) && (f.AuthType == "" || f.AuthType == auth) &&
		(f.Parent == "" || f.Parent == t.Parent) && (!f.TopLevel || t.Parent == "")
}

// among reports whether one of the values is wanted; an empty list wants all.
func among(wanted []string, values ...string) bool {
	return len(wanted) == 0 || slices.ContainsFunc(values, func(v string) bool { return slices.Contains(wanted, v) })
}
