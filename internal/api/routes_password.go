package api

import (
	"net/http"

	"postern/internal/mgmtkey"
)

// passwordRoutes sign people in with a password, and manage what one must be like.
func (s *Server) passwordRoutes() []route {
	return []route{
		{http.MethodPost, "/v1/auth/password/signup", asking(), signing(s, s.passwordSignUp), "Sign up with a password."},
		{http.MethodPost, "/v1/auth/password/signin", anyone(), signing(s, s.passwordSignIn), "Sign in with a password."},
		{http.MethodPost, "/v1/auth/password/reset", asking(), call(s.passwordReset), "Send a link to set a new password. What verifies magic links takes it."},
		{http.MethodPost, "/v1/auth/password/replace", anyone(), signing(s, s.passwordReplace), "Set a new password for one that is known, or has expired, and sign in."},
		{http.MethodPost, "/v1/auth/password/update", signedIn(), call(s.passwordUpdate), "Set the password of whoever is signed in."},
		{http.MethodGet, "/v1/auth/password/policy", anyone(), call(s.passwordPolicy), "What a password must be like."},

		{http.MethodPost, "/v1/mgmt/user/password/set", in(mgmtkey.Admin), call(s.setPassword), "Give a user a password: a temporary one, or with setActive one to stay. Without one, it is made up and in the answer."},
		{http.MethodPost, "/v1/mgmt/user/password/set/active", in(mgmtkey.Admin), call(s.setActivePassword), "Give a user a password."},
		{http.MethodPost, "/v1/mgmt/user/password/set/temporary", delegable(in(mgmtkey.Admin)), call(s.setTemporaryPassword), "Give a user a password that must be replaced before it signs in."},
		{http.MethodPost, "/v1/mgmt/user/password/expire", in(mgmtkey.Admin), call(s.expirePassword), "Let a user replace the password before it signs in again."},

		{http.MethodGet, "/v1/mgmt/password/settings", in(mgmtkey.Read), call(s.getPasswordSettings), "The password policy of the project; or with tenantId, for an admin, that of the members of a tenant."},
		{http.MethodPost, "/v1/mgmt/password/settings", in(mgmtkey.Import), call(s.setPasswordSettings), "Change what the body has of the password policy, as a revision of the project; or with tenantId, for an admin, of a tenant."},
		{http.MethodDelete, "/v1/mgmt/password/settings", in(mgmtkey.Admin), call(s.dropPasswordSettings), "Let the members of the tenant in tenantId obey the password policy of the project again."},
	}
}
