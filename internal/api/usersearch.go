package api

import (
	"context"
	"maps"
	"slices"
	"time"

	"postern/internal/authz"
	"postern/internal/project"
	"postern/internal/store"
	"postern/internal/tenant"
	"postern/internal/user"
)

// searchUsersRequest is a search as clients send it. Times are Unix milliseconds, as
// numbers or as text; what is null, empty or 0 does not matter.
type searchUsersRequest struct {
	LoginID  string        `json:"loginId"`
	LoginIDs []string      `json:"loginIds"`
	UserIDs  []string      `json:"userIds"`
	Emails   []string      `json:"emails"`
	Phones   []string      `json:"phones"`
	Text     string        `json:"text"`
	Statuses []user.Status `json:"statuses"`

	TenantIDs       []string            `json:"tenantIds"`
	SubTenants      bool                `json:"includeSubTenants"`
	RoleNames       []string            `json:"roleNames"` // in the project or in a tenant
	TenantRoleIDs   map[string]roleList `json:"tenantRoleIds"`
	TenantRoleNames map[string]roleList `json:"tenantRoleNames"`
	Apps            []string            `json:"ssoAppIds"`
	Custom          map[string]any      `json:"customAttributes"` // a value, or a list of which one is enough

	WithTest bool `json:"withTestUser"`
	TestOnly bool `json:"testUsersOnly"`

	SSOOnly  bool  `json:"ssoOnly"`
	SCIMOnly bool  `json:"scimOnly"`
	Password *bool `json:"password"`
	TOTP     *bool `json:"totp"`
	Passkey  *bool `json:"webauthn"`
	SCIM     *bool `json:"scim"`

	VerifiedEmail         *bool    `json:"verifiedEmail"`
	VerifiedPhone         *bool    `json:"verifiedPhone"`
	RecoveryEmails        []string `json:"recoveryEmails"`
	RecoveryPhones        []string `json:"recoveryPhones"`
	VerifiedRecoveryEmail *bool    `json:"verifiedRecoveryEmail"`
	VerifiedRecoveryPhone *bool    `json:"verifiedRecoveryPhone"`

	FromCreated  number `json:"fromCreatedTime"`
	ToCreated    number `json:"toCreatedTime"`
	FromModified number `json:"fromModifiedTime"`
	ToModified   number `json:"toModifiedTime"`

	Sort   []userSort `json:"sort"`
	Limit  number     `json:"limit"` // at most 1,000; 0 is 100
	Page   number     `json:"page"`  // from 0
	Offset number     `json:"offset"`
}

type roleList struct {
	Values []string `json:"values"`
	And    bool     `json:"and"` // each of them, not one
}

type userSort struct {
	Field string `json:"field"`
	Desc  bool   `json:"desc"`
}

func (s *Server) searchUsers(ctx context.Context, in *searchUsersRequest) (*usersAnswer, error) {
	config, err := s.configOf(ctx)
	if err != nil {
		return nil, err
	}
	if some, err := delegateOf(ctx).search(in); err != nil || !some {
		return &usersAnswer{Users: []wireUser{}}, err
	}
	q, err := in.search()
	if err != nil {
		return nil, err
	}
	some, err := s.searchNames(ctx, config, in, &q)
	if err != nil {
		return nil, err
	}
	if !some {
		return &usersAnswer{Users: []wireUser{}}, nil
	}
	users, total, err := s.Users.Search(ctx, config.Project, q)
	if err != nil {
		return nil, err
	}
	wire, err := s.usersOnWire(ctx, config, users...)
	return &usersAnswer{wire, total}, err
}

func (s *Server) searchTestUsers(ctx context.Context, in *searchUsersRequest) (*usersAnswer, error) {
	in.WithTest, in.TestOnly = true, true
	return s.searchUsers(ctx, in)
}

// search reads all but the roles.
func (in *searchUsersRequest) search() (user.Search, error) {
	q := user.Search{
		LoginIDs: in.LoginIDs, IDs: in.UserIDs, Emails: in.Emails, Phones: in.Phones, Text: in.Text, Statuses: in.Statuses,
		Tenants: in.TenantIDs, Apps: in.Apps, Custom: map[string][]any{},
		VerifiedEmail: in.VerifiedEmail, VerifiedPhone: in.VerifiedPhone, RecoveryEmails: in.RecoveryEmails, RecoveryPhones: in.RecoveryPhones,
		VerifiedRecoveryEmail: in.VerifiedRecoveryEmail, VerifiedRecoveryPhone: in.VerifiedRecoveryPhone,
		CreatedFrom: sinceSecond(in.FromCreated), CreatedTo: milliseconds(in.ToCreated),
		ModifiedFrom: sinceSecond(in.FromModified), ModifiedTo: milliseconds(in.ToModified),
	}
	if in.LoginID != "" {
		q.LoginIDs = append(q.LoginIDs, in.LoginID)
	}
	for name, v := range in.Custom {
		if list, ok := v.([]any); ok {
			q.Custom[name] = list
		} else {
			q.Custom[name] = []any{v}
		}
	}
	for _, by := range in.Sort {
		q.Sort = append(q.Sort, user.Sort(by))
	}
	if in.TestOnly || !in.WithTest {
		q.Test = &in.TestOnly
	}
	for _, f := range []struct {
		want *bool
		bit  user.Methods
	}{{in.Password, user.Password}, {in.TOTP, user.TOTP}, {in.Passkey, user.Passkey}, {in.SCIM, user.SCIM}, {given(in.SCIMOnly), user.SCIM}} {
		switch {
		case f.want == nil:
		case *f.want:
			q.Has |= f.bit
		default:
			q.Lacks |= f.bit
		}
	}
	if in.SSOOnly {
		q.HasAny = user.SAML | user.OIDC
	}
	limit := in.Limit
	if limit == 0 {
		limit = user.DefaultPage
	}
	if limit < 0 || limit > user.MostLoaded || in.Page < 0 || in.Page > mostPages || in.Offset < 0 || in.Offset > mostPages*user.MostLoaded {
		return q, user.ErrPage
	}
	q.Limit, q.Offset = int(limit), int(in.Page)*int(limit)+int(in.Offset)
	return q, nil
}

// given is a flag that counts only where it is set.
func given(b bool) *bool {
	if !b {
		return nil
	}
	return &b
}

// sinceSecond is the first whole second that is not before n, in milliseconds: users
// are known to the second.
func sinceSecond(n number) time.Time {
	if n <= 0 {
		return time.Time{}
	}
	return milliseconds(n + 999).Truncate(time.Second)
}

// searchNames adds the roles and the tenants under tenants to a search. It reports
// false where what is asked for is nobody's, such as a role that there is not.
func (s *Server) searchNames(ctx context.Context, c *project.Config, in *searchUsersRequest, q *user.Search) (some bool, err error) {
	if len(in.RoleNames)+len(in.TenantRoleIDs)+len(in.TenantRoleNames) == 0 && !in.SubTenants {
		return true, nil
	}
	err = s.Projects.DB.Read(ctx, func(_ context.Context, tx *store.Tx) error {
		known, err := named(tx, c, in)
		if err != nil {
			return err
		}
		if in.SubTenants && len(in.TenantIDs) > 0 {
			if q.Tenants, err = tenant.Below(tx, c.Project, in.TenantIDs); err != nil {
				return err
			}
			if len(q.Tenants) == 0 {
				return nil // some is false: there are no such tenants
			}
		}
		some = searchRoles(known, in, q)
		return nil
	})
	return some, err
}

// named are the roles of the project, and of the tenants in which a search names some.
func named(tx *store.Tx, c *project.Config, in *searchUsersRequest) (*authz.Roles, error) {
	if len(in.RoleNames) > 0 || len(in.TenantRoleNames) > fewTenants {
		return authz.LoadAll(tx, c)
	}
	return authz.Load(tx, c, slices.Collect(maps.Keys(in.TenantRoleNames))...)
}

// searchRoles adds the roles to a search.
func searchRoles(known *authz.Roles, in *searchUsersRequest, q *user.Search) bool {
	q.Roles, q.RolesIn = nil, nil
	if len(in.RoleNames) > 0 {
		for _, r := range known.List() {
			if slices.Contains(in.RoleNames, r.Name) {
				q.Roles = append(q.Roles, r.ID)
			}
		}
		if len(q.Roles) == 0 {
			return false
		}
	}
	for tenant, list := range in.TenantRoleIDs {
		q.RolesIn = append(q.RolesIn, user.TenantHas{Tenant: tenant, Roles: list.Values, All: list.And})
	}
	for tenant, list := range in.TenantRoleNames {
		var ids []string
		for _, name := range list.Values {
			if found, err := known.IDsIn(tenant, []string{name}); err == nil {
				ids = append(ids, found...)
			}
		}
		if len(list.Values) > 0 && (len(ids) == 0 || list.And && len(ids) < len(list.Values)) {
			continue
		}
		q.RolesIn = append(q.RolesIn, user.TenantHas{Tenant: tenant, Roles: ids, All: list.And})
	}
	return len(q.RolesIn) > 0 || len(in.TenantRoleIDs)+len(in.TenantRoleNames) == 0
}
