package server

import (
	"postern/internal/accesskey"
	"postern/internal/api"
	"postern/internal/authz"
	"postern/internal/session"
	"postern/internal/store"
	"postern/internal/tenant"
	"postern/internal/user"
)

// manage gives an edge what manages a project beside its configuration and its
// users. When a tenant is deleted, the owners of its members say what becomes of
// those.
func (s *Server) manage(edge *api.Server) {
	edge.Tenants = &tenant.Service{DB: s.db, Leave: []func(*store.Tx, string, string, bool) error{user.LeaveTenant, accesskey.LeaveTenant}}
	edge.Roles = &authz.Service{
		DB: s.db, Projects: s.Projects, HasTenant: tenant.Exists, Drop: []func(*store.Tx, string, []string) error{user.DropRoles, accesskey.DropRoles},
	}
	edge.Users = &user.Service{DB: s.db, EndSessions: session.EndAll}
	s.bound(s.config.PendingRows)
	edge.Guard = s.config.guard(s.Attempts, s.acts)
	edge.AccessKeys = &accesskey.Service{DB: s.db, Limits: s.Attempts}
}
