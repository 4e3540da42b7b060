package server

import (
	"postern/internal/passkey"
	"postern/internal/questions"
	"postern/internal/recovery"
	"postern/internal/totp"
)

// factors are what users have beside passwords and messages.
type factors struct {
	totp      *totp.Service
	passkeys  *passkey.Service
	questions *questions.Service
	recovery  *recovery.Service
}

// newFactors builds them, and lets plans ask them what an import does to users.
func (s *Server) newFactors() factors {
	f := factors{
		totp:      &totp.Service{DB: s.db, Projects: s.Projects, Sessions: s.Sessions, Attempts: s.Attempts},
		passkeys:  &passkey.Service{DB: s.db, Projects: s.Projects, Sessions: s.Sessions},
		questions: &questions.Service{DB: s.db, Projects: s.Projects, Sessions: s.Sessions, Attempts: s.Attempts},
		recovery:  &recovery.Service{DB: s.db, Projects: s.Projects, Sessions: s.Sessions, Attempts: s.Attempts},
	}
	s.Projects.Effects = append(s.Projects.Effects, f.totp.Effects(), f.passkeys.Effects(), f.questions.Effects(), f.recovery.Effects())
	return f
}
