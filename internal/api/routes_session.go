package api

import (
	"net/http"

	"postern/internal/mgmtkey"
	"postern/internal/session"
)

// sessionRoutes are what somebody may ask who has signed in.
func (s *Server) sessionRoutes() []route {
	return []route{
		{http.MethodPost, "/v1/auth/refresh", exchanging(renewing(withToken())), signing(s, s.refresh), "Another session token; where refresh tokens rotate, another one of these, too."},
		{http.MethodPost, "/v1/auth/try-refresh", renewing(anyone()), raw[refreshRequest, wireTokens](s.tryRefresh), "The same for a page that opens: without a token that counts the answer is empty, and no error."},
		{http.MethodPost, "/v1/auth/validate", carried(), call(s.validateToken), "The claims of a session token, which is shown in the place of the refresh token."},
		{http.MethodGet, "/v1/auth/me", signedIn(), call(s.me), "The user whose session it is."},
		{http.MethodGet, "/v1/auth/me/history", signedIn(), call(s.myHistory), "The last hundred logins of the user, the newest first."},
		{http.MethodPost, "/v1/auth/me/tenants", signedIn(), call(s.myTenants), "The current tenant, some or all of those that the user belongs to."},
		{http.MethodPost, "/v1/auth/tenant/select", withToken(), signing(s, s.selectTenant), "Make a tenant the current one of the session."},
		{http.MethodPost, "/v1/auth/logout", withToken(), raw[logoutRequest, wireTokens](s.logout(session.This)), "End the session, and others of the types that are named."},
		{http.MethodPost, "/v1/auth/logoutall", withToken(), raw[logoutRequest, wireTokens](s.logout(session.All)), "End all sessions of the user; where types are named, this one and those of these types."},
		{http.MethodPost, "/v1/auth/logoutprevious", withToken(), raw[logoutRequest, wireTokens](s.logout(session.Previous)), "End the other sessions of the user; where types are named, those of these types."},
	}
}

// tokenRoutes are what a project's backend does with tokens of its users.
func (s *Server) tokenRoutes() []route {
	admin := in(mgmtkey.Admin)
	return []route{
		{http.MethodPost, "/v1/mgmt/jwt/update", admin, call(s.updateToken), "Another token with further claims, which the session keeps."},
		{http.MethodPost, "/v1/mgmt/impersonate", admin, call(s.impersonate), "A refresh token of a user for another one, who is permitted to impersonate."},
		{http.MethodPost, "/v1/mgmt/impersonate/stepup", admin, call(s.impersonateStepUp), "The same as a session token that is a step-up."},
		{http.MethodPost, "/v1/mgmt/stop/impersonation", admin, call(s.stopImpersonation), "End an impersonation; a refresh token of the one who impersonated."},
		{http.MethodPost, "/v1/mgmt/auth/signin", admin, call(s.backendSignIn), "Sign a user in whose proof the backend has seen."},
		{http.MethodPost, "/v1/mgmt/auth/signup", admin, call(s.backendSignUp), "Make a user whose proof the backend has seen, and sign them in."},
		{http.MethodPost, "/v1/mgmt/auth/signup-in", admin, call(s.backendSignUpOrIn), "The same for a user who may be there already."},
		{http.MethodPost, "/v1/mgmt/auth/anonymous", admin, call(s.anonymous), "A session of a visitor who is no user."},
		{http.MethodPost, "/v1/mgmt/user/logout", admin, call(s.forceLogout), "End all sessions of a user."},
		{http.MethodPost, "/v1/mgmt/user/history", admin, call(s.history), "The last logins of some users, whose ids are the body, a list."},
		{http.MethodPost, "/v2/mgmt/user/history", admin, call(s.historyV2), "The same, with an object around each list."},
		{http.MethodPost, "/v1/mgmt/jwt/templates/create", in(mgmtkey.Import), call(s.createTemplate), "Add a JWT template to the configuration."},
		{http.MethodPost, "/v1/mgmt/jwt/templates/update", in(mgmtkey.Import), call(s.updateTemplate), "Replace a JWT template."},
		{http.MethodPost, "/v1/mgmt/jwt/templates/delete", in(mgmtkey.Import), call(s.deleteTemplate), "Remove a JWT template."},
		{http.MethodPost, "/v1/mgmt/jwt/templates/load", in(mgmtkey.Read), call(s.loadTemplate), "One JWT template."},
		{http.MethodPost, "/v1/mgmt/jwt/templates/list", in(mgmtkey.Read), call(s.listTemplates), "The JWT templates of the configuration."},
		{http.MethodPost, "/v1/mgmt/jwt/templates/validate", in(mgmtkey.Plan), call(s.validateTemplate), "Say what is wrong with a JWT template, one of the configuration or one to be, and change nothing."},
		{http.MethodPost, "/v1/mgmt/jwt/templates/library/list", in(mgmtkey.Read), call(s.listLibrary), "JWT templates to begin with."},
		{http.MethodPost, "/v1/mgmt/jwt/templates/library/load", in(mgmtkey.Read), call(s.loadLibraryEntry), "One JWT template to begin with."},
		{http.MethodPost, "/v1/mgmt/jwt/templates/library/apply", in(mgmtkey.Import), call(s.applyLibrary), "Add a JWT template of the library to the configuration."},
		{http.MethodPost, "/v1/mgmt/token/clientassertion", admin, call(s.clientAssertion), "A signed assertion by which a client says to another server who it is (RFC 7523)."},
		{http.MethodPost, "/v1/mgmt/project/signingkey/rotate", admin, call(s.rotateSigningKey), "Make a new key that signs tokens; no session ends by it."},
	}
}

// keyRoutes are the documents that verifiers of tokens read.
func (s *Server) keyRoutes() []route {
	return []route{
		{http.MethodGet, "/v2/keys/{projectId}", public(), raw[projectPath, wireJWKS](s.keys), "The public keys of a project, as a JSON Web Key Set."},
		{http.MethodGet, "/v1/keys/{projectId}", public(), raw[projectPath, wireJWK](s.signingKey), "The public key that signs now."},
		{http.MethodGet, "/{projectId}/.well-known/jwks.json", public(), raw[projectPath, wireJWKS](s.keys), "The public keys, where OpenID Connect has them."},
		{http.MethodGet, "/{projectId}/.well-known/openid-configuration", public(), raw[projectPath, wireDiscovery](s.discovery), "Who issues tokens, and where its keys are."},
		{http.MethodGet, "/v1/apps/{projectId}/.well-known/openid-configuration", public(), raw[projectPath, wireDiscovery](s.discovery), "The same, beside the issuer that is a URL."},
		{http.MethodGet, "/.well-known/oauth-authorization-server/{projectId}", public(), raw[projectPath, wireServer](s.authorizationServer), "What there is of an OAuth authorization server: who issues tokens, and where its keys are (RFC 8414)."},
		{http.MethodGet, "/{projectId}/.well-known/oauth-authorization-server", public(), raw[projectPath, wireServer](s.authorizationServer), "The same, where older clients look."},
		{http.MethodGet, "/v1/apps/{projectId}/.well-known/oauth-authorization-server", public(), raw[projectPath, wireServer](s.authorizationServer), "The same, beside the issuer that is a URL."},
		{http.MethodGet, "/.well-known/project-configuration/{projectId}", public(), raw[projectPath, wireProjectConfiguration](s.projectConfiguration), "What pages of a project must know before anybody signs in."},
	}
}
