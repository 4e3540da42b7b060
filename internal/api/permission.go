package api

import (
	"context"

	"postern/internal/authz"
)

type wirePermission struct {
	ID          string `json:"id"` // blank where every project has it
	Name        string `json:"name"`
	Description string `json:"description"`
	BuiltIn     bool   `json:"systemDefault"`
}

type permissionsAnswer struct {
	Permissions []wirePermission `json:"permissions"`
}

func (s *Server) allPermissions(ctx context.Context, _ *empty) (*permissionsAnswer, error) {
	c, err := s.configOf(ctx)
	if err != nil {
		return nil, err
	}
	out := &permissionsAnswer{Permissions: []wirePermission{}}
	for _, p := range authz.Permissions(c) {
		if d := delegateOf(ctx); d != nil && !d.permits([]string{p.Name}) {
			continue // nobody gives what they have not
		}
		out.Permissions = append(out.Permissions, wirePermission{p.ID, p.Name, p.Description, p.BuiltIn})
	}
	return out, nil
}

// newPermissionRequest is a new permission, or with an id or a name what one is to be.
type newPermissionRequest struct {
	ID          string `json:"id"`
	Name        string `json:"name"`
	NewName     string `json:"newName"`
	Description string `json:"description"`
}

type permissionsRequest struct {
	Permissions []newPermissionRequest `json:"permissions"`
}

func (s *Server) createPermission(ctx context.Context, in *newPermissionRequest) (*empty, error) {
	return s.createPermissions(ctx, &permissionsRequest{Permissions: []newPermissionRequest{*in}})
}

func (s *Server) createPermissions(ctx context.Context, in *permissionsRequest) (*empty, error) {
	c, err := s.configOf(ctx)
	if err != nil {
		return nil, err
	}
	var made []authz.Permission
	for _, p := range in.Permissions {
		made = append(made, authz.Permission{Name: p.Name, Description: p.Description})
	}
	if len(made) == 0 {
		return nil, errMember.WithMessage("Request is invalid: permissions is required")
	}
	return &empty{}, s.Roles.CreatePermissions(ctx, callerOf(ctx).Origin, c, made)
}

func (s *Server) updatePermission(ctx context.Context, in *newPermissionRequest) (*empty, error) {
	return s.updatePermissions(ctx, &permissionsRequest{Permissions: []newPermissionRequest{*in}})
}

func (s *Server) updatePermissions(ctx context.Context, in *permissionsRequest) (*empty, error) {
	c, err := s.configOf(ctx)
	if err != nil {
		return nil, err
	}
	var changes []authz.PermissionChange
	for _, p := range in.Permissions {
		changes = append(changes, authz.PermissionChange{ID: p.ID, Name: p.Name, NewName: p.NewName, Description: p.Description})
	}
	if len(changes) == 0 {
		return nil, errMember.WithMessage("Request is invalid: permissions is required")
	}
	return &empty{}, s.Roles.UpdatePermissions(ctx, callerOf(ctx).Origin, c, changes)
}

type deletePermissionRequest struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

func (s *Server) deletePermission(ctx context.Context, in *deletePermissionRequest) (*empty, error) {
	ids, names := oneOf(in.ID, in.Name)
	return s.deletePermissions(ctx, &deletePermissionsRequest{IDs: ids, Names: names})
}

type deletePermissionsRequest struct {
	IDs   []string `json:"ids"`
	Names []string `json:"names"`
}

func (s *Server) deletePermissions(ctx context.Context, in *deletePermissionsRequest) (*empty, error) {
	if len(in.IDs)+len(in.Names) == 0 {
		return nil, errMember.WithMessage("Request is invalid: a name or an id is required")
	}
	c, err := s.configOf(ctx)
	if err != nil {
		return nil, err
	}
	return &empty{}, s.Roles.DeletePermissions(ctx, callerOf(ctx).Origin, c, in.IDs, in.Names)
}
