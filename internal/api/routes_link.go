package api

import (
	"net/http"

	"postern/internal/challenge"
	"postern/internal/message"
	"postern/internal/mgmtkey"
)

// linkRoutes sign people in with links.
func (s *Server) linkRoutes() []route {
	const magic, enchanted = "/v1/auth/magiclink/", "/v1/auth/enchantedlink/"
	var out []route
	for _, d := range deliveries() {
		if d.kind == message.Voice {
			continue // nobody opens a link of a call
		}
		update := "update/phone/" + d.name
		if d.kind == message.Email {
			update = "update/email"
		}
		out = append(out, route{http.MethodPost, magic + update, signedIn(), sendLink[messageUpdate](s, challenge.Update, d.kind), "Send a link to a new address, which it makes that of the user."})
		if d.name == "im" {
			continue // the wire has it for updates alone
		}
		out = append(out,
			route{http.MethodPost, magic + "signup/" + d.name, asking(), sendLink[messageSignUp](s, challenge.SignUp, d.kind), "Send a link to somebody new; its token makes the user."},
			route{http.MethodPost, magic + "signin/" + d.name, asking(), sendLink[messageSignIn](s, challenge.SignIn, d.kind), "Send a link to a user. A step-up or a further factor needs the refresh token here."},
			route{http.MethodPost, magic + "signup-in/" + d.name, asking(), sendLink[messageSignIn](s, challenge.SignUpOrIn, d.kind), "Send a link to a user, or to somebody new."},
		)
	}
	return append(out,
		route{http.MethodPost, magic + "verify", anyone(), signing(s, s.verifyLink), "Sign in with the token of a magic link or of an embedded one, on any device."},
		route{http.MethodPost, enchanted + "signup/email", asking(), sendEnchanted[messageSignUp](s, challenge.SignUp), "Send three links to somebody new; the right one makes the user."},
		route{http.MethodPost, enchanted + "signin/email", asking(), sendEnchanted[messageSignIn](s, challenge.SignIn), "Send three links to a user, one of them with the number in the answer."},
		route{http.MethodPost, enchanted + "signup-in/email", asking(), sendEnchanted[messageSignIn](s, challenge.SignUpOrIn), "Send three links to a user, or to somebody new."},
		route{http.MethodPost, enchanted + "update/email", signedIn(), sendEnchanted[messageUpdate](s, challenge.Update), "Send three links to a new address, which the right one makes that of the user."},
		route{http.MethodPost, enchanted + "verify", anyone(), call(s.verifyEnchanted), "Take the token of a link that was opened, on any device; a wrong one ends the proof."},
		route{http.MethodPost, enchanted + "pending-session", waiting(), signing(s, s.pendingSession), "The session of who waits for an enchanted link; until it was opened, E062503."},
		route{http.MethodPost, "/v1/mgmt/user/signin/embeddedlink", in(mgmtkey.Admin), call(s.embedSignIn), "A token that signs a user in, for your own system to deliver."},
		route{http.MethodPost, "/v1/mgmt/user/signup/embeddedlink", in(mgmtkey.Admin), call(s.embedSignUp), "A token that signs somebody new up, for your own system to deliver."},
		route{http.MethodPost, "/v1/mgmt/tests/generate/magiclink", in(mgmtkey.Admin), call(s.testLink), "The magic link of a test user, who is never sent one."},
		route{http.MethodPost, "/v1/mgmt/tests/generate/enchantedlink", in(mgmtkey.Admin), call(s.testEnchanted), "The right enchanted link of a test user, and what its session is asked for with."},
	)
}
