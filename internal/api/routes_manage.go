package api

import (
	"net/http"
	"slices"

	"postern/internal/mgmtkey"
)

// manageRoutes manage what a project has beside its configuration and its users.
func (s *Server) manageRoutes() []route {
	return slices.Concat(s.tenantRoutes(), s.roleRoutes(), s.accessKeyRoutes())
}

// tenantRoutes manage tenants.
func (s *Server) tenantRoutes() []route {
	return []route{
		{http.MethodPost, "/v1/mgmt/tenant/create", in(mgmtkey.Admin), call(s.createTenant), "Make a tenant, with an id of your own or a new one."},
		{http.MethodPost, "/v1/mgmt/tenant/update", in(mgmtkey.Admin), call(s.updateTenant), "Make a tenant what is sent: a blank member empties it."},
		{http.MethodPost, "/v1/mgmt/tenant/delete", in(mgmtkey.Admin), call(s.deleteTenant), "Delete a tenant; with cascade also the users and keys of no other tenant, and the tenants under it."},
		{http.MethodGet, "/v1/mgmt/tenant", delegable(in(mgmtkey.Admin)), call(s.getTenant), "One tenant, in no envelope."},
		{http.MethodGet, "/v1/mgmt/tenant/all", in(mgmtkey.Admin), call(s.allTenants), "All tenants, by name."},
		{http.MethodPost, "/v1/mgmt/tenant/search", in(mgmtkey.Admin), call(s.searchTenants), "The tenants that have all that is asked for."},
		{http.MethodGet, "/v1/mgmt/tenant/settings", in(mgmtkey.Admin), call(s.getTenantSettings), "What a tenant has otherwise than its project."},
		{http.MethodPost, "/v1/mgmt/tenant/settings", in(mgmtkey.Admin), call(s.setTenantSettings), "Set what a tenant has otherwise than its project: what is not sent stays."},
		{http.MethodPost, "/v1/mgmt/tenant/updateDefaultRoles", in(mgmtkey.Admin), call(s.setTenantRoles), "Say which roles a new member of a tenant gets, by name."},
	}
}

// roleRoutes manage roles and permissions. Those of the project are part of its
// configuration.
func (s *Server) roleRoutes() []route {
	return []route{
		{http.MethodGet, "/v1/mgmt/permission/all", delegable(in(mgmtkey.Read)), call(s.allPermissions), "The permissions that there are; those that every project has first."},
		{http.MethodPost, "/v1/mgmt/permission/create", in(mgmtkey.Import), call(s.createPermission), "Make a permission, as a revision of the configuration."},
		{http.MethodPost, "/v1/mgmt/permission/create/batch", in(mgmtkey.Import), call(s.createPermissions), "Make permissions, all or none."},
		{http.MethodPost, "/v1/mgmt/permission/update", in(mgmtkey.Import), call(s.updatePermission), "Give a permission another name and description; roles follow."},
		{http.MethodPost, "/v1/mgmt/permission/update/batch", in(mgmtkey.Import), call(s.updatePermissions), "The same for several, all or none."},
		{http.MethodPost, "/v1/mgmt/permission/delete", in(mgmtkey.Import), call(s.deletePermission), "Delete a permission, and take it from all roles."},
		{http.MethodPost, "/v1/mgmt/permission/delete/batch", in(mgmtkey.Import), call(s.deletePermissions), "The same for several, all or none."},

		{http.MethodGet, "/v1/mgmt/role/all", delegable(in(mgmtkey.Read)), call(s.allRoles), "The roles of the project, and those of its tenants."},
		{http.MethodPost, "/v1/mgmt/role/search", delegable(in(mgmtkey.Read)), call(s.searchRoles), "The roles that have all that is asked for."},
		{http.MethodGet, "/v1/mgmt/role/subtenant/all", in(mgmtkey.Read), call(s.subtenantRoles), "The roles that can be had in a tenant and those under it."},
		{http.MethodPost, "/v1/mgmt/role/create", delegable(in(mgmtkey.Import)), call(s.createRole), "Make a role: of the project as a revision of the configuration, or of a tenant."},
		{http.MethodPost, "/v1/mgmt/role/create/batch", in(mgmtkey.Import), call(s.createRoles), "Make roles, all or none."},
		{http.MethodPost, "/v1/mgmt/role/update", delegable(in(mgmtkey.Import)), call(s.updateRole), "Make a role what is sent, whole."},
		{http.MethodPost, "/v1/mgmt/role/update/batch", in(mgmtkey.Import), call(s.updateRoles), "The same for several, all or none."},
		{http.MethodPost, "/v1/mgmt/role/delete", in(mgmtkey.Import), call(s.deleteRole), "Delete a role, and take it from all who have it."},
		{http.MethodPost, "/v1/mgmt/role/delete/batch", delegable(in(mgmtkey.Import)), call(s.deleteRoles), "The same for several, all or none."},
	}
}

// accessKeyRoutes manage the keys of machines, and give tokens for them.
func (s *Server) accessKeyRoutes() []route {
	return []route{
		{http.MethodPost, "/v1/auth/accesskey/exchange", anyone(), call(s.exchangeAccessKey), "Give a session token for the access key that stands in the header."},

		{http.MethodPost, "/v1/mgmt/accesskey/create", delegable(in(mgmtkey.Admin)), call(s.createAccessKey), "Make an access key; its cleartext is in this answer only."},
		{http.MethodPost, "/v1/mgmt/accesskey/import", in(mgmtkey.Admin), call(s.importAccessKeys), "Make access keys whose cleartexts were made elsewhere, all or none."},
		{http.MethodGet, "/v1/mgmt/accesskey", in(mgmtkey.Admin), call(s.getAccessKey), "One access key."},
		{http.MethodPost, "/v1/mgmt/accesskey/search", delegable(in(mgmtkey.Admin)), call(s.searchAccessKeys), "The access keys that have all that is asked for."},
		{http.MethodPost, "/v1/mgmt/accesskey/update", in(mgmtkey.Admin), call(s.updateAccessKey), "Change an access key: what is not sent stays."},
		{http.MethodPost, "/v1/mgmt/accesskey/activate", in(mgmtkey.Admin), s.onKeys(s.activateAccessKeys), "Turn an access key on."},
		{http.MethodPost, "/v1/mgmt/accesskey/activate/batch", delegable(in(mgmtkey.Admin)), s.onKeys(s.activateAccessKeys), "Turn access keys on, all or none."},
		{http.MethodPost, "/v1/mgmt/accesskey/deactivate", in(mgmtkey.Admin), s.onKeys(s.deactivateAccessKeys), "Turn an access key off."},
		{http.MethodPost, "/v1/mgmt/accesskey/deactivate/batch", delegable(in(mgmtkey.Admin)), s.onKeys(s.deactivateAccessKeys), "Turn access keys off, all or none."},
		{http.MethodPost, "/v1/mgmt/accesskey/delete", in(mgmtkey.Admin), s.onKeys(s.deleteAccessKeys), "Delete an access key, at once and for ever."},
		{http.MethodPost, "/v1/mgmt/accesskey/delete/batch", delegable(in(mgmtkey.Admin)), s.onKeys(s.deleteAccessKeys), "Delete access keys, all or none."},
		{http.MethodPost, "/v1/mgmt/accesskey/rotate", delegable(in(mgmtkey.Admin)), call(s.rotateAccessKey), "Give an access key another cleartext; the one before works no more."},
	}
}
