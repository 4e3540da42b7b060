package api

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"strings"

	"postern/internal/authz"
)

// wireRole is a role. Those of the project have no time: a configuration has none.
type wireRole struct {
	ID          string   `json:"id"`
	Name        string   `json:"name"`
	Description string   `json:"description"`
	Permissions []string `json:"permissionNames"`
	Created     int64    `json:"createdTime"` // Unix seconds; 0 for a role of the project
	Tenant      string   `json:"tenantId"`
	Default     bool     `json:"default"`
	Private     bool     `json:"private"`
}

func roleOnTheWire(r authz.Role) wireRole {
	out := wireRole{
		ID: r.ID, Name: r.Name, Description: r.Description, Permissions: list(r.Permissions), Tenant: r.Tenant, Default: r.Default, Private: r.Private,
	}
	if !r.CreatedAt.IsZero() {
		out.Created = r.CreatedAt.Unix()
	}
	return out
}

// newRoleRequest is a new role, or with an id or a name what one is to be, whole.
type newRoleRequest struct {
	ID          string   `json:"id"`
	Name        string   `json:"name"`
	NewName     string   `json:"newName"`
	Description string   `json:"description"`
	Permissions []string `json:"permissionNames"`
	Tenant      string   `json:"tenantId"`
	Default     bool     `json:"default"`
	Private     bool     `json:"private"`
}

func (in *newRoleRequest) role(name string) authz.Role {
	return authz.Role{
		Name: name, Tenant: in.Tenant, Description: in.Description, Permissions: in.Permissions, Default: in.Default, Private: in.Private,
	}
}

type rolesRequest struct {
	Roles []newRoleRequest `json:"roles"`
}

type rolesAnswer struct {
	Roles []wireRole `json:"roles"`
}

func rolesOnWire(roles []authz.Role) *rolesAnswer {
	out := &rolesAnswer{Roles: []wireRole{}}
	for _, r := range roles {
		out.Roles = append(out.Roles, roleOnTheWire(r))
	}
	return out
}

func (s *Server) createRole(ctx context.Context, in *newRoleRequest) (*wireRole, error) {
	made, err := s.createRoles(ctx, &rolesRequest{Roles: []newRoleRequest{*in}})
	if err != nil {
		return nil, err
	}
	return &made.Roles[0], nil
}

func (s *Server) createRoles(ctx context.Context, in *rolesRequest) (*rolesAnswer, error) {
	c, err := s.configOf(ctx)
	if err != nil {
		return nil, err
	}
	var roles []authz.Role
	for _, r := range in.Roles {
		if err := s.newRole(ctx, &r); err != nil {
			return nil, err
		}
		roles = append(roles, r.role(r.Name))
	}
	if len(roles) == 0 {
		return nil, errMember.WithMessage("Request is invalid: roles is required")
	}
	made, err := s.Roles.CreateRoles(ctx, callerOf(ctx).Origin, c, roles)
	if err != nil {
		return nil, err
	}
	return rolesOnWire(made), nil
}

func (s *Server) updateRole(ctx context.Context, in *newRoleRequest) (*wireRole, error) {
	done, err := s.updateRoles(ctx, &rolesRequest{Roles: []newRoleRequest{*in}})
	if err != nil {
		return nil, err
	}
	return &done.Roles[0], nil
}

func (s *Server) updateRoles(ctx context.Context, in *rolesRequest) (*rolesAnswer, error) {
	c, err := s.configOf(ctx)
	if err != nil {
		return nil, err
	}
	var changes []authz.RoleChange
	for _, r := range in.Roles {
		if err := s.roleToBe(ctx, &r); err != nil {
			return nil, err
		}
		changes = append(changes, authz.RoleChange{ID: r.ID, Name: r.Name, Role: r.role(r.NewName)})
	}
	if len(changes) == 0 {
		return nil, errMember.WithMessage("Request is invalid: roles is required")
	}
	done, err := s.Roles.UpdateRoles(ctx, callerOf(ctx).Origin, c, changes)
	if err != nil {
		return nil, err
	}
	return rolesOnWire(done), nil
}

type deleteRoleRequest struct {
	ID     string `json:"id"`
	Name   string `json:"name"`
	Tenant string `json:"tenantId"`
}

func (s *Server) deleteRole(ctx context.Context, in *deleteRoleRequest) (*empty, error) {
	ids, names := oneOf(in.ID, in.Name)
	return s.deleteRoles(ctx, &deleteRolesRequest{IDs: ids, Names: names, Tenant: in.Tenant})
}

// oneOf makes lists of an id or else a name.
func oneOf(id, name string) (ids, names []string) {
	if id != "" {
		return []string{id}, nil
	}
	if name != "" {
		return nil, []string{name}
	}
	return nil, nil
}

type deleteRolesRequest struct {
	IDs    []string `json:"roleIds"`
	Names  []string `json:"roleNames"`
	Tenant string   `json:"tenantId"`
}

func (s *Server) deleteRoles(ctx context.Context, in *deleteRolesRequest) (*empty, error) {
	if len(in.IDs)+len(in.Names) == 0 {
		return nil, errMember.WithMessage("Request is invalid: a name or an id is required")
	}
	c, err := s.configOf(ctx)
	if err != nil {
		return nil, err
	}
	if err := delegateOf(ctx).rolesToDrop(in); err != nil {
		return nil, err
	}
	return &empty{}, s.Roles.DeleteRoles(ctx, callerOf(ctx).Origin, c, in.Tenant, in.IDs, in.Names)
}

func (s *Server) allRoles(ctx context.Context, _ *empty) (*rolesAnswer, error) {
	return s.findRoles(ctx, func(authz.Role) bool { return true })
}

func (s *Server) findRoles(ctx context.Context, wanted func(authz.Role) bool) (*rolesAnswer, error) {
	c, err := s.configOf(ctx)
	if err != nil {
		return nil, err
	}
	var known *authz.Roles
	if d := delegateOf(ctx); d != nil {
		known = d.seen // those of other tenants are not read
	} else if known, err = s.Roles.All(ctx, c); err != nil {
		return nil, err
	}
	return rolesOnWire(slices.DeleteFunc(known.List(), func(r authz.Role) bool { return !wanted(r) })), nil
}

// searchRolesRequest chooses roles: of a list one must fit, but of permissions all.
// Roles of some tenants come with those of the project where that is asked for.
type searchRolesRequest struct {
	Tenants      []string    `json:"tenantIds"`
	Names        []string    `json:"roleNames"`
	NameLike     string      `json:"roleNameLike"`
	Text         string      `json:"text"`
	Permissions  []string    `json:"permissionNames"`
	IDs          []string    `json:"roleIds"`
	ProjectRoles bool        `json:"includeProjectRoles"`
	Sort         []wireOrder `json:"sort"`
}

// wireOrder is one thing to sort by.
type wireOrder struct {
	Field string `json:"field"`
	Desc  bool   `json:"desc"`
}

// sortBy sorts a list as a search asks for. Fields are how two compare by each, in lower
// case; by others nothing is sorted.
func sortBy[T any](list []T, order []wireOrder, fields map[string]func(a, b T) int) {
	for _, by := range slices.Backward(order) { // the first says most
		compare, ok := fields[strings.ToLower(by.Field)]
		if !ok {
			continue
		}
		slices.SortStableFunc(list, func(a, b T) int {
			if by.Desc {
				return -compare(a, b)
			}
			return compare(a, b)
		})
	}
}

func (in *searchRolesRequest) fits(r authz.Role) bool {
	place := len(in.Tenants) == 0 || slices.Contains(in.Tenants, r.Tenant) || r.Tenant == "" && in.ProjectRoles
	lacks := func(p string) bool { return !slices.Contains(r.Permissions, p) }
	return place && (len(in.Names) == 0 || slices.Contains(in.Names, r.Name)) && (len(in.IDs) == 0 || slices.Contains(in.IDs, r.ID)) &&
		contains(r.Name, in.NameLike) && (contains(r.Name, in.Text) || contains(r.Description, in.Text)) && !slices.ContainsFunc(in.Permissions, lacks)
}

// contains reports whether a text has a part, in whatever case.
func contains(text, part string) bool {
	return strings.Contains(strings.ToLower(text), strings.ToLower(part))
}

func (s *Server) searchRoles(ctx context.Context, in *searchRolesRequest) (*rolesAnswer, error) {
	out, err := s.findRoles(ctx, in.fits)
	if err != nil {
		return nil, err
	}
	sortBy(out.Roles, in.Sort, map[string]func(a, b wireRole) int{
		"name":        func(a, b wireRole) int { return cmp.Compare(a.Name, b.Name) },
		"description": func(a, b wireRole) int { return cmp.Compare(a.Description, b.Description) },
		"createdtime": func(a, b wireRole) int { return cmp.Compare(a.Created, b.Created) },
	})
	return out, nil
}

type tenantRolesQuery struct {
	Tenant string `json:"tenant"`
}

func (q *tenantRolesQuery) query(r *http.Request) error { //nolint:unparam // others fail
	q.Tenant = r.URL.Query().Get("tenant")
	return nil
}

// subtenantRoles are those that an administrator of a tenant may give: of the tenant
// and those under it, and of the project what is not private.
func (s *Server) subtenantRoles(ctx context.Context, in *tenantRolesQuery) (*rolesAnswer, error) {
	below, err := s.Tenants.Below(ctx, callerOf(ctx).Project, in.Tenant)
	if err != nil {
		return nil, err
	}
	return s.findRoles(ctx, func(r authz.Role) bool {
		return r.Tenant == "" && !r.Private || slices.Contains(below, r.Tenant)
	})
}
