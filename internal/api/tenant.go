package api

import (
	"context"
	"net/http"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"postern/internal/authz"
	"postern/internal/project"
	"postern/internal/store"
	"postern/internal/tenant"
)

// wireTenant is a tenant. Lists are never null, and times are Unix seconds.
type wireTenant struct {
	ID              string         `json:"id"`
	Name            string         `json:"name"`
	SignUpDomains   []string       `json:"selfProvisioningDomains"`
	Custom          map[string]any `json:"customAttributes"`
	AuthType        string         `json:"authType"`
	Domains         []string       `json:"domains"`
	Created         int64          `json:"createdTime"`
	Disabled        bool           `json:"disabled"`
	EnforceSSO      bool           `json:"enforceSSO"`
	SSOExclusions   []string       `json:"enforceSSOExclusions"`
	Apps            []string       `json:"federatedAppIds"`
	Parent          string         `json:"parent"`
	Successors      []string       `json:"successors"`
	DefaultRoles    []string       `json:"defaultRoles"`
	RoleInheritance string         `json:"roleInheritance"`
}

func tenantOnWire(c *project.Config, roles *authz.Roles, t *tenant.Tenant) *wireTenant {
	return &wireTenant{
		ID: t.ID, Name: t.Name, SignUpDomains: list(t.SignUpDomains), Custom: project.Defined(c.Attributes.Tenant, t.Custom),
		AuthType: authOnWire(t.Settings), Domains: list(t.SSODomains), Created: t.CreatedAt.Unix(), Disabled: t.Disabled,
		EnforceSSO: t.Settings.EnforceSSO, SSOExclusions: list(t.Settings.SSOExclusions), Apps: list(t.Settings.Apps), Parent: t.Parent,
		Successors: list(t.Successors), DefaultRoles: roles.Names(t.Settings.DefaultRoles), RoleInheritance: t.Settings.RoleInheritance,
	}
}

func authOnWire(s tenant.Settings) string {
	if s.AuthType == "" {
		return tenant.AuthNone
	}
	return s.AuthType
}

type newTenantRequest struct {
	ID              string         `json:"id"`
	Name            string         `json:"name"`
	SignUpDomains   []string       `json:"selfProvisioningDomains"`
	Custom          map[string]any `json:"customAttributes"`
	AuthType        string         `json:"authType"`
	Disabled        bool           `json:"disabled"`
	EnforceSSO      bool           `json:"enforceSSO"`
	SSOExclusions   []string       `json:"enforceSSOExclusions"`
	Apps            []string       `json:"federatedAppIds"`
	Parent          string         `json:"parent"`
	RoleInheritance string         `json:"roleInheritance"`
}

type newTenantAnswer struct {
	ID string `json:"id"`
}

func (s *Server) createTenant(ctx context.Context, in *newTenantRequest) (*newTenantAnswer, error) {
	c, err := s.configOf(ctx)
	if err != nil {
		return nil, err
	}
	t, err := s.Tenants.Create(ctx, callerOf(ctx).Origin, c, tenant.Tenant{
		ID: in.ID, Name: in.Name, Parent: in.Parent, Disabled: in.Disabled, Custom: in.Custom, SignUpDomains: in.SignUpDomains,
		Settings: tenant.Settings{
			AuthType: in.AuthType, EnforceSSO: in.EnforceSSO, SSOExclusions: in.SSOExclusions, Apps: in.Apps, RoleInheritance: in.RoleInheritance,
		},
	})
	if err != nil {
		return nil, err
	}
	return &newTenantAnswer{ID: t.ID}, nil
}

// updateTenantRequest is what a tenant is to be, whole. What the SDKs do not all
// send stays where it is not said, so that an update of a name turns nothing off.
type updateTenantRequest struct {
	ID              string         `json:"id"`
	Name            string         `json:"name"`
	SignUpDomains   []string       `json:"selfProvisioningDomains"`
	Custom          map[string]any `json:"customAttributes"`
	AuthType        *string        `json:"authType"`
	Disabled        *bool          `json:"disabled"`
	EnforceSSO      *bool          `json:"enforceSSO"`
	SSOExclusions   sent           `json:"enforceSSOExclusions"`
	Apps            *[]string      `json:"federatedAppIds"`
	RoleInheritance *string        `json:"roleInheritance"`
}

func (s *Server) updateTenant(ctx context.Context, in *updateTenantRequest) (*empty, error) {
	c, err := s.configOf(ctx)
	if err != nil {
		return nil, err
	}
	_, err = s.Tenants.Update(ctx, callerOf(ctx).Origin, c, in.ID, func(t *tenant.Tenant) error {
		t.Name, t.SignUpDomains, t.Custom = in.Name, in.SignUpDomains, in.Custom
		replace(&t.Settings.RoleInheritance, in.RoleInheritance)
		replace(&t.Settings.AuthType, in.AuthType)
		replace(&t.Disabled, in.Disabled)
		replace(&t.Settings.EnforceSSO, in.EnforceSSO)
		in.SSOExclusions.replace(&t.Settings.SSOExclusions)
		replace(&t.Settings.Apps, in.Apps)
		return nil
	})
	return &empty{}, err
}

// replace sets a value that was said.
func replace[T any](into *T, said *T) {
	if said != nil {
		*into = *said
	}
}

// sent is a list that may be missing, which is nil, or null, which is empty.
type sent []string

func (l *sent) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	var said []string
	if err := json.UnmarshalDecode(dec, &said); err != nil {
		return err
	}
	*l = append(sent{}, said...)
	return nil
}

// replace sets a list that was sent.
func (l sent) replace(into *[]string) {
	if l != nil {
		*into = l
	}
}

type deleteTenantRequest struct {
	ID      string `json:"id"`
	Cascade bool   `json:"cascade"`
}

func (s *Server) deleteTenant(ctx context.Context, in *deleteTenantRequest) (*empty, error) {
	c := callerOf(ctx)
	return &empty{}, s.Tenants.Delete(ctx, c.Origin, c.Project, in.ID, in.Cascade)
}

type tenantRequest struct {
	ID string `json:"id"`
}

func (t *tenantRequest) query(r *http.Request) error { //nolint:unparam // others fail
	t.ID = r.URL.Query().Get("id")
	return nil
}

// getTenant answers the tenant itself, in no envelope: so the clients read it.
func (s *Server) getTenant(ctx context.Context, in *tenantRequest) (*wireTenant, error) {
	c, err := s.configOf(ctx)
	if err != nil {
		return nil, err
	}
	d := delegateOf(ctx)
	if d != nil && in.ID != d.tenant {
		return nil, errNotDelegate
	}
	var t *tenant.Tenant
	var roles *authz.Roles
	err = s.Tenants.DB.Read(ctx, func(_ context.Context, tx *store.Tx) (err error) {
		if t, err = tenant.Load(tx, c.Project, in.ID); err != nil {
			return err
		}
		roles, err = authz.Load(tx, c, t.ID)
		return err
	})
	if err != nil {
		return nil, err
	}
	if d != nil {
		roles = d.seen
	}
	out := tenantOnWire(c, roles, t)
	d.showTenant(out)
	return out, nil
}

type tenantsAnswer struct {
	Tenants []*wireTenant `json:"tenants"`
}

func (s *Server) allTenants(ctx context.Context, _ *empty) (*tenantsAnswer, error) {
	return s.findTenants(ctx, tenant.Filter{})
}

type searchTenantsRequest struct {
	IDs           []string       `json:"tenantIds"`
	Names         []string       `json:"tenantNames"`
	SignUpDomains []string       `json:"tenantSelfProvisioningDomains"`
	SSODomains    []string       `json:"tenantSSODomains"`
	Custom        map[string]any `json:"customAttributes"`
	AuthType      string         `json:"authType"`
	Parent        string         `json:"parentTenantId"`
	TopLevel      bool           `json:"topLevelOnly"`
}

func (s *Server) searchTenants(ctx context.Context, in *searchTenantsRequest) (*tenantsAnswer, error) {
	return s.findTenants(ctx, tenant.Filter{
		IDs: in.IDs, Names: in.Names, SignUpDomains: in.SignUpDomains, SSODomains: in.SSODomains, Custom: in.Custom, AuthType: in.AuthType,
		Parent: in.Parent, TopLevel: in.TopLevel,
	})
}

func (s *Server) findTenants(ctx context.Context, f tenant.Filter) (*tenantsAnswer, error) {
	c, err := s.configOf(ctx)
	if err != nil {
		return nil, err
	}
	found, err := s.Tenants.Search(ctx, c.Project, f)
	if err != nil {
		return nil, err
	}
	var roles *authz.Roles
	err = s.Tenants.DB.Read(ctx, func(_ context.Context, tx *store.Tx) (err error) {
		roles, err = authz.LoadAll(tx, c)
		return err
	})
	out := &tenantsAnswer{Tenants: []*wireTenant{}}
	for _, t := range found {
		out.Tenants = append(out.Tenants, tenantOnWire(c, roles, t))
	}
	return out, err
}

type tenantRolesRequest struct {
	ID    string   `json:"id"`
	Roles []string `json:"defaultRoles"` // names of the project's and of the tenant's own
}

func (s *Server) setTenantRoles(ctx context.Context, in *tenantRolesRequest) (*empty, error) {
	c, err := s.configOf(ctx)
	if err != nil {
		return nil, err
	}
	err = s.Tenants.SetDefaultRoles(ctx, callerOf(ctx).Origin, c, in.ID, func(tx *store.Tx) ([]string, error) {
		roles, err := authz.Load(tx, c, in.ID)
		if err != nil {
			return nil, err
		}
		return roles.IDsIn(in.ID, in.Roles)
	})
	return &empty{}, err
}
