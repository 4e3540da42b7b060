package api

import (
	"context"
	"fmt"
	"slices"

	"postern/internal/authz"
	"postern/internal/fault"
	"postern/internal/project"
	"postern/internal/session"
	"postern/internal/store"
	"postern/internal/tenant"
	"postern/internal/user"
)

// errNoTenant is a tenant that the project does not have.
var errNoTenant = fault.New(fault.Invalid, "E011003", "Request is invalid: there is no such tenant")

// userBody is what clients say of a user that they make, replace or patch. Each
// member has all the names by which SDKs send it; one that is missing, or null, is
// not given.
type userBody struct {
	Name        *string `json:"name"`
	DisplayName *string `json:"displayName"` // the same, as SDKs call it
	GivenName   *string `json:"givenName"`
	MiddleName  *string `json:"middleName"`
	FamilyName  *string `json:"familyName"`
	Picture     *string `json:"picture"`

	Email                 *string `json:"email"`
	Phone                 *string `json:"phone"`
	VerifiedEmail         *bool   `json:"verifiedEmail"`
	VerifiedPhone         *bool   `json:"verifiedPhone"`
	RecoveryEmail         *string `json:"recoveryEmail"`
	RecoveryPhone         *string `json:"recoveryPhone"`
	VerifiedRecoveryEmail *bool   `json:"verifiedRecoveryEmail"`
	VerifiedRecoveryPhone *bool   `json:"verifiedRecoveryPhone"`

	Status   *user.Status      `json:"status"`
	Custom   map[string]any    `json:"customAttributes"`
	Roles    *[]string         `json:"roleNames"`
	Tenants  *[]userTenantBody `json:"userTenants"`
	Apps     *[]string         `json:"ssoAppIds"` // as SDKs in Go call it, ssoAppIDs
	LoginIDs *[]string         `json:"additionalIdentifiers"`
	Logins   *[]string         `json:"additionalLoginIds"` // the same, as SDKs call it
}

type userTenantBody struct {
	ID    string   `json:"tenantId"`
	Roles []string `json:"roleNames"`
}

// change is what a body makes of a user, u as they are; names finds roles and tenants.
func (in *userBody) change(names *directory, u *user.User) (user.Change, error) {
	out := user.Change{
		Name: or(in.DisplayName, in.Name), GivenName: in.GivenName, MiddleName: in.MiddleName, FamilyName: in.FamilyName, Picture: in.Picture,
		Email: in.Email, Phone: in.Phone, VerifiedEmail: in.VerifiedEmail, VerifiedPhone: in.VerifiedPhone,
		RecoveryEmail: in.RecoveryEmail, RecoveryPhone: in.RecoveryPhone,
		VerifiedRecoveryEmail: in.VerifiedRecoveryEmail, VerifiedRecoveryPhone: in.VerifiedRecoveryPhone,
		Status: in.Status, Custom: in.Custom, Apps: in.Apps, MoreLoginIDs: or(in.LoginIDs, in.Logins),
	}
	if in.Roles != nil {
		ids, err := names.roles("", *in.Roles)
		if err != nil {
			return out, err
		}
		out.Roles = &ids
	}
	if in.Tenants != nil {
		list := []user.Membership{}
		for _, t := range *in.Tenants {
			if err := names.tenant(t.ID); err != nil {
				return out, err
			}
			ids, err := names.roles(t.ID, t.Roles)
			if err != nil {
				return out, err
			}
			if ids, err = names.joining(u, t.ID, ids); err != nil {
				return out, err
			}
			list = append(list, user.Membership{Tenant: t.ID, Roles: ids})
		}
		out.Tenants = &list
	}
	return out, nil
}

// replacement is change for a body that is the whole of a user: what is not given is
// taken away. Login ids, the status, what is verified and the second addresses stay,
// since SDKs have no word to keep them.
func (in *userBody) replacement(names *directory, u *user.User) (user.Change, error) {
	whole := *in
	blank, none, nowhere := "", []string{}, []userTenantBody{}
	whole.Name = or(in.DisplayName, in.Name, &blank)
	whole.DisplayName = whole.Name
	whole.GivenName, whole.MiddleName, whole.FamilyName = or(in.GivenName, &blank), or(in.MiddleName, &blank), or(in.FamilyName, &blank)
	whole.Picture, whole.Email, whole.Phone = or(in.Picture, &blank), or(in.Email, &blank), or(in.Phone, &blank)
	whole.Roles, whole.Apps, whole.Tenants = or(in.Roles, &none), or(in.Apps, &none), or(in.Tenants, &nowhere)
	out, err := whole.change(names, u)
	out.WholeCustom = true
	return out, err
}

// or returns the first value that is given.
func or[T any](values ...*T) *T {
	for _, v := range values {
		if v != nil {
			return v
		}
	}
	return nil
}

// A directory finds what users belong to by what clients call it, in one transaction.
type directory struct {
	tx      *store.Tx
	config  *project.Config
	tenants map[string]*authz.Roles // by id; those of the project by none
}

func newDirectory(tx *store.Tx, c *project.Config) *directory {
	return &directory{tx: tx, config: c, tenants: map[string]*authz.Roles{"": authz.Of(c)}}
}

// roles returns the ids of roles in a tenant, or with a blank one in the project.
func (d *directory) roles(id string, names []string) ([]string, error) {
	if err := d.tenant(id); err != nil {
		return nil, err
	}
	return d.tenants[id].IDsIn(id, names)
}

// joining returns the roles of a user in a tenant: those that are named, and of who is
// no member yet also those that every new one gets.
func (d *directory) joining(u *user.User, id string, named []string) ([]string, error) {
	if _, member := u.In(id); member {
		return named, nil
	}
	if id == "" {
		return nil, errNoTenant
	}
	more, err := session.MemberRoles(d.tx, d.config, id)
	return append(more, named...), err
}

// tenant refuses a tenant that there is not.
func (d *directory) tenant(id string) error {
	if d.tenants[id] != nil {
		return nil
	}
	names, err := tenant.Names(d.tx, d.config.Project, []string{id})
	if err != nil {
		return err
	}
	if _, ok := names[id]; !ok {
		return errNoTenant.WithMessage(fmt.Sprintf("Request is invalid: there is no tenant %.60q", id))
	}
	d.tenants[id], err = authz.Load(d.tx, d.config, id)
	return err
}

// fewTenants is how many tenants are asked for their roles one by one.
const fewTenants = 3

// namesOf returns the roles that users may have, and the names of their tenants.
func (s *Server) namesOf(ctx context.Context, c *project.Config, users []*user.User) (roles *authz.Roles, names map[string]string, err error) {
	var ids []string
	for _, u := range users {
		for _, m := range u.Tenants {
			if !slices.Contains(ids, m.Tenant) {
				ids = append(ids, m.Tenant)
			}
		}
	}
	if len(ids) == 0 {
		return authz.Of(c), nil, nil
	}
	err = s.Projects.DB.Read(ctx, func(_ context.Context, tx *store.Tx) (err error) {
		if names, err = tenant.Names(tx, c.Project, ids); err != nil {
			return err
		}
		if len(ids) > fewTenants {
			roles, err = authz.LoadAll(tx, c)
		} else {
			roles, err = authz.Load(tx, c, ids...)
		}
		return err
	})
	return roles, names, err
}
