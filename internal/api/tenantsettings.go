package api

import (
	"context"

	"postern/internal/tenant"
)

// tenantSettings are the settings of a tenant. A number of 0 is that of the project.
type tenantSettings struct {
	Domains       []string     `json:"domains"`
	SignUpDomains []string     `json:"selfProvisioningDomains"`
	AuthType      string       `json:"authType"`
	Enabled       bool         `json:"enabled"` // whether the lifetimes count
	Refresh       int64        `json:"refreshTokenExpiration"`
	RefreshUnit   string       `json:"refreshTokenExpirationUnit"`
	Session       int64        `json:"sessionTokenExpiration"`
	SessionUnit   string       `json:"sessionTokenExpirationUnit"`
	StepUp        int64        `json:"stepupTokenExpiration"`
	StepUpUnit    string       `json:"stepupTokenExpirationUnit"`
	InactiveOn    bool         `json:"enableInactivity"`
	Inactive      int64        `json:"inactivityTime"`
	InactiveUnit  string       `json:"inactivityTimeUnit"`
	NoJIT         bool         `json:"JITDisabled"`
	Suite         tenant.Suite `json:"ssoSetupSuiteSettings"`
}

func (s *Server) getTenantSettings(ctx context.Context, in *tenantRequest) (*tenantSettings, error) {
	t, err := s.Tenants.Get(ctx, callerOf(ctx).Project, in.ID)
	if err != nil {
		return nil, err
	}
	own := t.Settings.Sessions
	return &tenantSettings{
		Domains: list(t.SSODomains), SignUpDomains: list(t.SignUpDomains), AuthType: authOnWire(t.Settings), Enabled: own.Enabled,
		Refresh: own.Refresh.N, RefreshUnit: own.Refresh.Unit, Session: own.Session.N, SessionUnit: own.Session.Unit,
		StepUp: own.StepUp.N, StepUpUnit: own.StepUp.Unit, InactiveOn: own.Inactive, Inactive: own.Inactivity.N, InactiveUnit: own.Inactivity.Unit,
		NoJIT: t.Settings.NoProvisioning, Suite: t.Settings.Suite,
	}, nil
}

// tenantSettingsRequest is what to set: what is not sent stays.
type tenantSettingsRequest struct {
	ID            string        `json:"tenantId"`
	Domains       sent          `json:"domains"`
	SignUpDomains sent          `json:"selfProvisioningDomains"`
	AuthType      *string       `json:"authType"`
	Enabled       *bool         `json:"enabled"`
	Refresh       *number       `json:"refreshTokenExpiration"`
	RefreshUnit   *string       `json:"refreshTokenExpirationUnit"`
	Session       *number       `json:"sessionTokenExpiration"`
	SessionUnit   *string       `json:"sessionTokenExpirationUnit"`
	StepUp        *number       `json:"stepupTokenExpiration"`
	StepUpUnit    *string       `json:"stepupTokenExpirationUnit"`
	InactiveOn    *bool         `json:"enableInactivity"`
	Inactive      *number       `json:"inactivityTime"`
	InactiveUnit  *string       `json:"inactivityTimeUnit"`
	NoJIT         *bool         `json:"JITDisabled"`
	Suite         *tenant.Suite `json:"ssoSetupSuiteSettings"`
}

func (s *Server) setTenantSettings(ctx context.Context, in *tenantSettingsRequest) (*empty, error) {
	c, err := s.configOf(ctx)
	if err != nil {
		return nil, err
	}
	_, err = s.Tenants.Update(ctx, callerOf(ctx).Origin, c, in.ID, func(t *tenant.Tenant) error {
		in.Domains.replace(&t.SSODomains)
		in.SignUpDomains.replace(&t.SignUpDomains)
		replace(&t.Settings.AuthType, in.AuthType)
		replace(&t.Settings.NoProvisioning, in.NoJIT)
		replace(&t.Settings.Suite, in.Suite)
		own := &t.Settings.Sessions
		replace(&own.Enabled, in.Enabled)
		replace(&own.Inactive, in.InactiveOn)
		replaceLifetime(&own.Refresh, in.Refresh, in.RefreshUnit)
		replaceLifetime(&own.Session, in.Session, in.SessionUnit)
		replaceLifetime(&own.StepUp, in.StepUp, in.StepUpUnit)
		replaceLifetime(&own.Inactivity, in.Inactive, in.InactiveUnit)
		return nil
	})
	return &empty{}, err
}

func replaceLifetime(l *tenant.Lifetime, n *number, unit *string) {
	if n != nil {
		l.N = int64(*n)
	}
	replace(&l.Unit, unit)
}
