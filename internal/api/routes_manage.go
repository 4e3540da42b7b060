package api

import (
	"net/http"

	"postern/internal/mgmtkey"
)

// manageRoutes manage what a project has beside its configuration and its users.
func (s *Server) manageRoutes() []route {
	return []route{
		{http.MethodPost, "/v1/mgmt/tenant/create", in(mgmtkey.Admin), call(s.createTenant), "Make a tenant, with an id of your own or a new one."},
		{http.MethodPost, "/v1/mgmt/tenant/update", in(mgmtkey.Admin), call(s.updateTenant), "Make a tenant what is sent: a blank member empties it."},
		{http.MethodPost, "/v1/mgmt/tenant/delete", in(mgmtkey.Admin), call(s.deleteTenant), "Delete a tenant; with cascade also the users and keys of no other tenant, and the tenants under it."},
		{http.MethodGet, "/v1/mgmt/tenant", in(mgmtkey.Admin), call(s.getTenant), "One tenant, in no envelope."},
		{http.MethodGet, "/v1/mgmt/tenant/all", in(mgmtkey.Admin), call(s.allTenants), "All tenants, by name."},
		{http.MethodPost, "/v1/mgmt/tenant/search", in(mgmtkey.Admin), call(s.searchTenants), "The tenants that have all that is asked for."},
		{http.MethodGet, "/v1/mgmt/tenant/settings", in(mgmtkey.Admin), call(s.getTenantSettings), "What a tenant has otherwise than its project."},
		{http.MethodPost, "/v1/mgmt/tenant/settings", in(mgmtkey.Admin), call(s.setTenantSettings), "Set what a tenant has otherwise than its project: what is not sent stays."},
		{http.MethodPost, "/v1/mgmt/tenant/updateDefaultRoles", in(mgmtkey.Admin), call(s.setTenantRoles), "Say which roles a new member of a tenant gets, by name."},
	}
}
