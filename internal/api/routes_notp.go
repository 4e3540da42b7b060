package api

import (
	"net/http"

	"postern/internal/challenge"
	"postern/internal/mgmtkey"
)

// notpRoutes sign people in by a message that they send.
func (s *Server) notpRoutes() []route {
	const base = "/v1/auth/notp/"
	return []route{
		{http.MethodPost, base + "{provider}/signup", asking(), beginNOTP[notpSignUp](s, challenge.SignUp), "A link that opens WhatsApp with a text; who is new and sends it becomes a user."},
		{http.MethodPost, base + "{provider}/signin", asking(), beginNOTP[notpSignIn](s, challenge.SignIn), "A link that opens WhatsApp with a text; the user who sends it signs in. Without a login id that is whoever does."},
		{http.MethodPost, base + "{provider}/signup-in", asking(), beginNOTP[notpSignIn](s, challenge.SignUpOrIn), "The same for a user, or somebody new."},
		{http.MethodPost, base + "{provider}/update", signedIn(), beginNOTP[notpUpdate](s, challenge.Update), "A link that opens WhatsApp with a text; sent from a new number, it makes that the user's."},
		{http.MethodPost, base + "pending-session", waiting(), signing(s, s.pendingNOTP), "The session of who waits for a message; until it came and was confirmed, E066103."},
		{http.MethodPost, "/v1/notp/receive/{projectId}/{connectorId}", public(), raw[inboundRequest, empty](s.receiveMessage), "Where the service of a connector hands in messages, signed by it: Twilio's form, or the members below with the header x-descope-webhook-s256."},
		{http.MethodPost, "/v1/mgmt/outbox/receive", in(mgmtkey.Admin), call(s.simulateMessage), "Take a message as if somebody had sent it to the built-in provider; never in production."},
	}
}
