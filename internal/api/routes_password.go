package api

import (
	"net/http"

	"postern/internal/mgmtkey"
)

// passwordRoutes sign people in with a password, and manage what one must be like.
func (s *Server) passwordRoutes() []route {
	return []route{
		{http.MethodPost, "/v1/auth/password/signup", anyone(), signing(s, s.passwordSignUp), "Sign up with a password."},
		{http.MethodPost, "/v1/auth/password/signin", anyone(), signing(s, s.passwordSignIn), "Sign in with a password."},
		{http.MethodPost, "/v1/auth/password/replace", anyone(), signing(s, s.passwordReplace), "Set a new password for one that is known, or has expired, and sign in."},
		{http.MethodPost, "/v1/auth/password/update", signedIn(), call(s.passwordUpdate), "Set the password of whoever is signed in."},
		{http.MethodGet, "/v1/auth/password/policy", anyone(), call(s.passwordPolicy), "What a password must be like."},

		{http.MethodGet, "/v1/mgmt/password/settings", in(mgmtkey.Read), call(s.getPasswordSettings), "The password policy of the project."},
		{http.MethodPost, "/v1/mgmt/password/settings", in(mgmtkey.Import), call(s.setPasswordSettings), "Change what the body has of the password policy, as a revision of the project."},
	}
}
