package api

import (
	"net/http"

	"postern/internal/mgmtkey"
)

// totpRoutes are those of authenticator apps.
func (s *Server) totpRoutes() []route {
	return []route{
		{http.MethodPost, "/v1/auth/totp/signup", asking(), call(s.totpSignUp), "Sign up with an authenticator app: the seed, to show once. The first code makes the user."},
		{http.MethodPost, "/v1/auth/totp/update", signedIn(), call(s.totpUpdate), "Give the user who is signed in another authenticator app; it counts from its first code on."},
		{http.MethodPost, "/v1/auth/totp/verify", anyone(), signing(s, s.totpVerify), "Sign in with a code of an authenticator app."},
	}
}

// passkeyRoutes are those of passkeys.
func (s *Server) passkeyRoutes() []route {
	return []route{
		{http.MethodPost, "/v1/auth/webauthn/signup/start", asking(), call(s.passkeySignUp), "Begin a sign-up with a passkey."},
		{http.MethodPost, "/v1/auth/webauthn/signup/finish", anyone(), signing(s, s.passkeySignedUp), "End a sign-up with a passkey; it makes the user."},
		{http.MethodPost, "/v1/auth/webauthn/signin/start", asking(), call(s.passkeySignIn), "Begin a sign-in with a passkey: of a user, or without a login id of whoever has one."},
		{http.MethodPost, "/v1/auth/webauthn/signin/finish", anyone(), signing(s, s.passkeySignedIn), "End a sign-in with a passkey."},
		{http.MethodPost, "/v1/auth/webauthn/signup-in/start", asking(), call(s.passkeySignUpOrIn), "Begin a sign-in of a user, or a sign-up of a stranger; create says which."},
		{http.MethodPost, "/v1/auth/webauthn/update/start", signedIn(), call(s.passkeyUpdate), "Begin one more passkey of the user who is signed in."},
		{http.MethodPost, "/v1/auth/webauthn/update/finish", anyone(), raw[passkeyEnd, passkeyUpdated](s.passkeyUpdateEnd), "End it; with tokens where the start asked for a further factor."},
	}
}

// questionRoutes are those of security questions and recovery codes.
func (s *Server) questionRoutes() []route {
	return []route{
		{http.MethodPost, "/v1/auth/security-questions/setup", signedIn(), call(s.setQuestions), "Replace the answers of the user who is signed in."},
		{http.MethodGet, "/v1/auth/security-questions/verify", signedIn(), call(s.askQuestions), "The questions that the user who is signed in must answer."},
		{http.MethodPost, "/v1/auth/security-questions/verify", guessing(signedIn()), signing(s, s.verifyQuestions), "Take the answers as a step-up or a further factor of the session."},
		{http.MethodPost, "/v1/auth/recovery-codes", signedIn(), call(s.makeRecoveryCodes), "Ten new recovery codes of the user who is signed in, to show once; those before end."},
		{http.MethodPost, "/v1/auth/recovery-codes/signin", anyone(), signing(s, s.recoverySignIn), "Sign in with a recovery code; each works once."},
	}
}

// factorRoutes manage what users have of all that.
func (s *Server) factorRoutes() []route {
	admin := in(mgmtkey.Admin)
	return []route{
		{http.MethodPost, "/v1/mgmt/user/totp/delete", admin, call(s.deleteTOTP), "Take the authenticator app of a user away."},
		{http.MethodPost, "/v1/mgmt/user/passkeys/list", admin, call(s.listPasskeys), "The passkeys of a user, the oldest first."},
		{http.MethodPost, "/v1/mgmt/user/passkey/delete", admin, call(s.deletePasskey), "Take one passkey of a user away."},
		{http.MethodPost, "/v1/mgmt/user/passkeys/delete", delegable(admin), call(s.deletePasskeys), "Take all passkeys of a user away."},
		{http.MethodPost, "/v1/mgmt/user/passkeys/import", admin, call(s.importPasskeys), "Give a user passkeys that were made elsewhere, all or none."},
		{http.MethodPost, "/v1/mgmt/user/recovery-codes/delete", admin, call(s.deleteRecoveryCodes), "Take the recovery codes of a user away."},
	}
}
