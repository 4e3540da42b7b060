package api

import (
	"net/http"

	"postern/internal/challenge"
	"postern/internal/message"
	"postern/internal/mgmtkey"
)

// otpRoutes sign people in with one-time codes.
func (s *Server) otpRoutes() []route {
	const at = "/v1/auth/otp/"
	var out []route
	for _, d := range deliveries() {
		update := "update/phone/" + d.name
		if d.kind == message.Email {
			update = "update/email"
		}
		out = append(out,
			route{http.MethodPost, at + "signup/" + d.name, asking(), sendCode[messageSignUp](s, challenge.SignUp, d.kind), "Send a code to somebody new; the right one makes the user."},
			route{http.MethodPost, at + "signin/" + d.name, asking(), sendCode[messageSignIn](s, challenge.SignIn, d.kind), "Send a code to a user. A step-up or a further factor needs the refresh token here."},
			route{http.MethodPost, at + "signup-in/" + d.name, asking(), sendCode[messageSignIn](s, challenge.SignUpOrIn, d.kind), "Send a code to a user, or to somebody new."},
			route{http.MethodPost, at + "verify/" + d.name, anyone(), s.verifyCode(d.kind), "Sign in with the code that came this way."},
			route{http.MethodPost, at + update, signedIn(), sendCode[messageUpdate](s, challenge.Update, d.kind), "Send a code to a new address, which the right one makes that of the user."},
		)
	}
	return append(out,
		route{http.MethodPost, "/v1/mgmt/tests/generate/otp", in(mgmtkey.Admin), call(s.testCode), "The code of a test user, who is never sent one."},
	)
}
