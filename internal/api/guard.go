package api

import (
	"context"
	"net/http"

	"postern/internal/edge"
	"postern/internal/fault"
	"postern/internal/limit"
)

// A Guard limits what people do in a project from one address before anybody knows
// who they are. A rule whose Max is 0 limits nothing.
type Guard struct {
	Attempts *limit.Service
	Failures limit.Rule // of proofs: codes, passwords, login ids that are none
	Asks     limit.Rule // for codes, links, seeds and ceremonies, each of which is kept for a while
}

// guarded serves a call that a person makes, unless the address has failed or asked too
// often. A backend that calls with its key answers for its own people.
func (s *Server) guarded(w http.ResponseWriter, r *http.Request, row route) error {
	c := callerOf(r.Context())
	if c == nil || c.Key != nil || c.Counted == "" || !row.access.Guess || row.access.Waits {
		return row.serve.serve(w, r)
	}
	g := s.Guard
	if row.access.Asks && g.Asks.Max > 0 {
		if err := g.Attempts.Hit(r.Context(), c.Project, g.Asks, c.Counted); err != nil {
			return err
		}
	}
	if g.Failures.Max <= 0 {
		return row.serve.serve(w, r)
	}
	if err := g.Attempts.Check(r.Context(), c.Project, g.Failures, c.Counted); err != nil {
		return err
	}
	err := row.serve.serve(w, r)
	if !failed(err) {
		return err
	}
	// Whoever hangs up when the answer is late must not be spared.
	if over := g.Attempts.Hit(context.WithoutCancel(r.Context()), c.Project, g.Failures, c.Counted); over != nil {
		return over
	}
	return err
}

// failed reports whether a call was a wrong guess: of a secret, or of who is a user.
func failed(err error) bool {
	if err == nil {
		return false
	}
	switch fault.From(err).Kind {
	case fault.Unauthenticated, fault.NotFound, fault.Conflict:
		return true
	default:
		return false
	}
}

// waiting makes the need of a call of who waits for the session of a proof that is
// given elsewhere.
func waiting() edge.Need {
	n := anyone()
	n.Waits = true
	return n
}

// asking makes the need of a call of a person who is about to sign in, and that keeps
// or sends something for each.
func asking() edge.Need {
	n := anyone()
	n.Asks = true
	return n
}

// guessing is a need of a call that takes what may be guessed.
func guessing(n edge.Need) edge.Need {
	n.Guess = true
	return n
}
