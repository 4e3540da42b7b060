package server

import (
	"time"

	"postern/internal/api"
	"postern/internal/challenge"
	"postern/internal/dpop"
	"postern/internal/enchantedlink"
	"postern/internal/magiclink"
	"postern/internal/notp"
	"postern/internal/otp"
)

// linger is how long after a masked answer its message leaves, about. The answer has gone
// long before, and nobody who waits for a message notices.
const linger = 100 * time.Millisecond

// newChallenges builds what proves that a message reached somebody.
func (s *Server) newChallenges() *challenge.Service {
	return &challenge.Service{DB: s.db, Projects: s.Projects, Sessions: s.Sessions, Limits: s.Attempts, Log: s.log, Send: s.Messages.Send, Linger: linger}
}

// byMessage gives the API the sign-ins by message, and plans what they do to them.
func (s *Server) byMessage(edge *api.Server) {
	s.Projects.Effects = append(s.Projects.Effects, s.challenges.Effects())
	edge.OTP = &otp.Service{Challenges: s.challenges}
	edge.MagicLinks = &magiclink.Service{Challenges: s.challenges}
	edge.EnchantedLinks = &enchantedlink.Service{Challenges: s.challenges}
	edge.DPoP = &dpop.Service{Limits: s.Attempts}
	if s.config.DPoPNonce {
		edge.DPoP.Nonces = &dpop.Nonces{Master: s.Projects.Master}
	}
	edge.NOTP = &notp.Service{Challenges: s.challenges, Messages: s.Messages}
}
