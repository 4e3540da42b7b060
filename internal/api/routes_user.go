package api

import (
	"net/http"

	"postern/internal/mgmtkey"
)

// userRoutes manage users. Their data is not for keys of CI.
func (s *Server) userRoutes() []route {
	admin := in(mgmtkey.Admin)
	tenant := delegable(admin)
	return []route{
		{http.MethodGet, "/v1/mgmt/user", admin, call(s.loadUser), "One user, by loginId, which may be an id, or by userId."},
		{http.MethodPost, "/v1/mgmt/users/load", admin, call(s.loadUsers), "Some users by their ids, at most 1,000."},
		{http.MethodPost, "/v1/mgmt/user/search", tenant, call(s.searchUsers), "A page of the users that are so, and how many there are; the oldest first unless sort says otherwise."},
		{http.MethodPost, "/v2/mgmt/user/search", admin, call(s.searchUsers), "The same, as the SDKs call it."},
		{http.MethodPost, "/v2/mgmt/user/search/test", admin, call(s.searchTestUsers), "The same among test users."},

		{http.MethodPost, "/v1/mgmt/user/create", inviting(tenant), call(s.createUser), "Make a user, or with invite tell somebody that they may come."},
		{http.MethodPost, "/v1/mgmt/user/create/test", admin, call(s.createTestUser), "Make a test user, to whom nothing is ever delivered."},
		{http.MethodPost, "/v1/mgmt/user/create/batch", admin, call(s.createUsers), "Make users, at most 1,000; those with whom it does not work are listed with the reason."},
		{http.MethodPost, "/v1/mgmt/user/update", admin, call(s.updateUser), "Make a user what the body says; what it leaves out is taken away."},
		{http.MethodPatch, "/v1/mgmt/user/patch", tenant, call(s.patchUser), "Change of a user what the body says, and nothing else."},
		{http.MethodPatch, "/v1/mgmt/user/patch/batch", admin, call(s.patchUsers), "The same for at most 1,000 users; those with whom it does not work are listed with the reason."},
		{http.MethodPost, "/v1/mgmt/user/delete", admin, call(s.deleteUser), "Delete a user with everything that is theirs."},
		{http.MethodPost, "/v1/mgmt/user/delete/batch", tenant, call(s.deleteUsers), "Delete users by their ids; those who are not there are passed over."},
		{http.MethodDelete, "/v1/mgmt/user/test/delete/all", admin, call(s.deleteTestUsers), "Delete every test user."},

		{http.MethodPost, "/v1/mgmt/user/update/name", admin, call(s.updateUserName), "Change the names that the body has."},
		{http.MethodPost, "/v1/mgmt/user/update/email", admin, call(s.updateUserEmail), "Set or remove the address of a user, and say whether it is verified."},
		{http.MethodPost, "/v1/mgmt/user/update/phone", admin, call(s.updateUserPhone), "Set or remove the phone number of a user, and say whether it is verified."},
		{http.MethodPost, "/v1/mgmt/user/update/recovery/email", admin, call(s.updateUserRecovery), "Set or remove the second address of a user."},
		{http.MethodPost, "/v1/mgmt/user/update/recovery/phone", admin, call(s.updateUserRecovery), "Set or remove the second phone number of a user."},
		{http.MethodPost, "/v1/mgmt/user/update/loginid", admin, call(s.updateUserLoginID), "Put a login id in the place of another one, or remove one that is not the last."},
		{http.MethodPost, "/v1/mgmt/user/update/picture", admin, call(s.updateUserPicture), "Set or remove the picture of a user."},
		{http.MethodPost, "/v1/mgmt/user/update/status", tenant, call(s.updateUserStatus), "Enable or disable a user."},
		{http.MethodPost, "/v1/mgmt/user/update/customAttribute", admin, call(s.updateUserAttribute), "Set a custom attribute of a user, or remove it with null."},
		{http.MethodPost, "/v1/mgmt/user/update/impersonationConsent", admin, call(s.updateUserConsent), "Set until when a user consents to impersonation."},
		{http.MethodPost, "/v1/mgmt/user/update/role/add", admin, call(s.updateUserRoles(addTo)), "Give a user roles, in the project or in a tenant."},
		{http.MethodPost, "/v2/mgmt/user/update/role/add", admin, call(s.updateUserRoles(addTo)), "The same, as the SDKs call it."},
		{http.MethodPost, "/v1/mgmt/user/update/role/set", admin, call(s.updateUserRoles(setTo)), "Replace the roles of a user, in the project or in a tenant."},
		{http.MethodPost, "/v1/mgmt/user/update/role/remove", admin, call(s.updateUserRoles(removeFrom)), "Take roles from a user, in the project or in a tenant."},
		{http.MethodPost, "/v1/mgmt/user/update/tenant/add", admin, call(s.addUserTenant), "Make a user a member of a tenant."},
		{http.MethodPost, "/v1/mgmt/user/update/tenant/remove", admin, call(s.removeUserTenant), "End the membership of a user in a tenant, with the roles there."},
		{http.MethodPost, "/v1/mgmt/user/update/ssoapp/add", admin, call(s.updateUserApps(addTo)), "Give a user SSO applications."},
		{http.MethodPost, "/v1/mgmt/user/update/ssoapp/set", admin, call(s.updateUserApps(setTo)), "Replace the SSO applications of a user."},
		{http.MethodPost, "/v1/mgmt/user/update/ssoapp/remove", admin, call(s.updateUserApps(removeFrom)), "Take SSO applications from a user."},

		{http.MethodGet, "/v1/mgmt/user/customattributes", tenant, call(s.userAttributes), "The custom attributes that users may have."},
		{http.MethodPost, "/v1/mgmt/user/customattribute/create", admin, call(s.createUserAttributes), "Add custom attributes of users, as a revision of the project."},
		{http.MethodPost, "/v1/mgmt/user/customattribute/delete", admin, call(s.deleteUserAttributes), "Remove custom attributes of users, as a revision of the project."},

		{http.MethodPost, "/v1/mgmt/user/import", admin, call(s.importUsers), "Users from files of another service (auth0, cognito, descope, firebase), with the hashes of their passwords, at most 1,000; who cannot be taken is listed with the reason, and who is there already stays as they are. dryrun changes nothing."},
		{http.MethodGet, "/v1/mgmt/user/provider/token", admin, call(s.providerToken), "A token of an outside provider; none are kept yet."},
		{http.MethodPost, "/v1/mgmt/user/trusteddevices/list", admin, call(s.listDevices), "The trusted devices of users."},
		{http.MethodPost, "/v1/mgmt/user/trusteddevices/remove", admin, call(s.removeDevices), "Remove trusted devices of a user."},

		{http.MethodPost, "/v1/mgmt/group/all", admin, call(s.groups), "The groups of a tenant; none are known yet."},
		{http.MethodPost, "/v1/mgmt/group/member/all", admin, call(s.groups), "The groups of users in a tenant; none are known yet."},
		{http.MethodPost, "/v1/mgmt/group/members", admin, call(s.groups), "A group with its members; none are known yet."},
	}
}
