package api

import (
	"context"
	"time"

	"postern/internal/authz"
	"postern/internal/project"
	"postern/internal/user"
)

// wireUser is a user as clients read it. Lists are never null, times are Unix
// seconds, and the case of the flags is that of the wire: programs in JavaScript
// tell TOTP from totp.
type wireUser struct {
	LoginIDs    []string         `json:"loginIds"`
	ID          string           `json:"userId"`
	Name        string           `json:"name"`
	GivenName   string           `json:"givenName"`
	MiddleName  string           `json:"middleName"`
	FamilyName  string           `json:"familyName"`
	Email       string           `json:"email"`
	Phone       string           `json:"phone"`
	Verified    bool             `json:"verifiedEmail"`
	VerifiedTel bool             `json:"verifiedPhone"`
	Roles       []string         `json:"roleNames"`
	Permissions []string         `json:"permissions"` // of the roles in the whole project
	Tenants     []wireUserTenant `json:"userTenants"`
	Status      string           `json:"status"`
	ExternalIDs []string         `json:"externalIds"` // the login ids once more
	Picture     string           `json:"picture"`
	Test        bool             `json:"test"`
	Custom      map[string]any   `json:"customAttributes"`
	Created     int64            `json:"createdTime"`
	Modified    int64            `json:"modifiedTime"`
	Consent     int64            `json:"consentExpiration"` // to impersonation; 0 for none
	Apps        []string         `json:"ssoAppIds"`
	Editable    bool             `json:"editable"`

	RecoveryEmail       string `json:"recoveryEmail"`
	RecoveryPhone       string `json:"recoveryPhone"`
	VerifiedRecovery    bool   `json:"verifiedRecoveryEmail"`
	VerifiedRecoveryTel bool   `json:"verifiedRecoveryPhone"`

	TOTP     bool            `json:"TOTP"`
	SAML     bool            `json:"SAML"`
	SCIM     bool            `json:"SCIM"`
	OIDC     bool            `json:"OIDC"`
	OAuth    map[string]bool `json:"OAuth"` // by provider
	Passkey  bool            `json:"webauthn"`
	Password bool            `json:"password"`
	Push     bool            `json:"push"`
}

// wireUserTenant is a tenant that a user belongs to.
type wireUserTenant struct {
	ID          string   `json:"tenantId"`
	Name        string   `json:"tenantName"`
	Roles       []string `json:"roleNames"`
	Permissions []string `json:"permissions"`
}

// userOnWire writes a user with the names that roles and tenants have now.
func (s *Server) userOnWire(ctx context.Context, c *project.Config, u *user.User) (*wireUser, error) {
	list, err := s.usersOnWire(ctx, c, u)
	if err != nil {
		return nil, err
	}
	return &list[0], nil
}

// usersOnWire is userOnWire for some users. It reads the names of tenants once, and
// nothing where no user has a tenant.
func (s *Server) usersOnWire(ctx context.Context, c *project.Config, users ...*user.User) ([]wireUser, error) {
	known, names, err := s.namesOf(ctx, c, users)
	if err != nil {
		return nil, err
	}
	out, now := []wireUser{}, time.Now()
	for _, u := range users {
		w := writeUser(c, u, known, names, now)
		delegateOf(ctx).show(u, &w)
		out = append(out, w)
	}
	return out, nil
}

// writeUser writes a user. Values of custom attributes that the project has no more
// are kept and not shown: a rollback brings them back.
func writeUser(c *project.Config, u *user.User, known *authz.Roles, tenants map[string]string, now time.Time) wireUser {
	out := wireUser{
		LoginIDs: list(u.LoginIDs), ID: u.ID, Name: u.Name, GivenName: u.GivenName, MiddleName: u.MiddleName, FamilyName: u.FamilyName,
		Email: u.Email, Phone: u.Phone, Verified: u.VerifiedEmail, VerifiedTel: u.VerifiedPhone,
		Roles: known.Names(u.Roles), Permissions: known.Permissions(u.Roles), Tenants: []wireUserTenant{},
		Status: string(u.StatusAt(now)), ExternalIDs: list(u.LoginIDs), Picture: u.Picture, Test: u.Test, Custom: map[string]any{},
		Created: seconds(u.CreatedAt), Modified: seconds(u.ModifiedAt), Consent: seconds(u.ConsentUntil),
		Apps: list(u.Apps), Editable: true,
		RecoveryEmail: u.Recovery.Email, RecoveryPhone: u.Recovery.Phone,
		VerifiedRecovery: u.Recovery.VerifiedEmail, VerifiedRecoveryTel: u.Recovery.VerifiedPhone,
		TOTP: u.Has(user.TOTP), SAML: u.Has(user.SAML), SCIM: u.Has(user.SCIM), OIDC: u.Has(user.OIDC), OAuth: map[string]bool{},
		Passkey: u.Has(user.Passkey), Password: u.Has(user.Password), Push: u.Has(user.Push),
	}
	for _, a := range c.Attributes.User {
		if v, ok := u.Custom[a.Name]; ok {
			out.Custom[a.Name] = v
		}
	}
	for _, m := range u.Tenants {
		out.Tenants = append(out.Tenants, wireUserTenant{m.Tenant, tenants[m.Tenant], known.Names(m.Roles), known.Permissions(m.Roles)})
	}
	return out
}

// list is a list that is never null on the wire.
func list[T any](l []T) []T {
	if l == nil {
		return []T{}
	}
	return l
}

// seconds writes a time; 0 is none.
func seconds(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.Unix()
}
