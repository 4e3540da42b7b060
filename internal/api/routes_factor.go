package api

import (
	"net/http"
)

// totpRoutes are those of authenticator apps.
func (s *Server) totpRoutes() []route {
	return []route{
		{http.MethodPost, "/v1/auth/totp/signup", anyone(), call(s.totpSignUp), "Sign up with an authenticator app: the seed, to show once. The first code makes the user."},
		{http.MethodPost, "/v1/auth/totp/update", signedIn(), call(s.totpUpdate), "Give the user who is signed in another authenticator app; it counts from its first code on."},
		{http.MethodPost, "/v1/auth/totp/verify", anyone(), signing(s, s.totpVerify), "Sign in with a code of an authenticator app."},
	}
}
