package api

import (
	"context"
	"net/http"

	"postern/internal/audit"
	"postern/internal/edge"
	"postern/internal/fault"
	"postern/internal/ident"
	"postern/internal/limit"
	"postern/internal/store"
	"postern/internal/user"
)

// A Guard limits what people do in a project from one address before anybody knows
// who they are. A rule whose Max is 0 limits nothing.
type Guard struct {
	Attempts *limit.Service
	Failures limit.Rule // of proofs: codes, passwords, login ids that are none
	Asks     limit.Rule // for codes, links, seeds and ceremonies, each of which is kept for a while
	Acts     *store.Cap // of what is noted; nil is no bound
}

// guarded serves a call that a person makes, unless the address has failed or asked too
// often, and notes where somebody failed to sign in. A backend that calls with its key
// answers for its own people.
func (s *Server) guarded(w http.ResponseWriter, r *http.Request, row route) error {
	err := s.limited(w, r, row)
	if noted := s.noteFailure(r, err); noted != nil {
		s.Log.WarnContext(r.Context(), "failed sign-in not noted", "route", r.Pattern, "err", noted)
	}
	return err
}

// claims says who is to be proven, for the note of a proof that is refused.
func claims(ctx context.Context, method, loginID string) {
	c := &edge.Claim{Method: method, LoginID: loginID}
	if ident.Valid("U", loginID) {
		c.UserID = loginID
	} else if id, err := user.LoginID(loginID); err == nil {
		c.LoginID = id
	}
	callerOf(ctx).Claim = c
}

// noteFailure writes down that somebody did not prove who they are. A login id that is
// nobody's is not kept: people type passwords there.
func (s *Server) noteFailure(r *http.Request, err error) error {
	c := callerOf(r.Context())
	if err == nil || c == nil || c.Claim == nil {
		return nil
	}
	f := fault.From(err)
	switch f.Kind { // what else goes wrong says nothing about who it is; and who is over a limit was noted until then
	case fault.Unauthenticated, fault.Forbidden, fault.NotFound:
	default:
		return nil
	}
	ctx := context.WithoutCancel(r.Context()) // whoever hangs up when the answer is late must not be spared
	failed := audit.Act{
		Project: c.Project, User: c.Claim.UserID, LoginID: c.Claim.LoginID, Action: audit.LoginFailed, Outcome: audit.Refused, Method: c.Claim.Method, Reason: f.Code,
		Remote: c.Origin.Remote, Agent: c.Agent, Request: c.Origin.Request,
	}
	err = s.Projects.DB.WriteCommitted(ctx, func(_ context.Context, tx *store.Tx) error { return audit.Note(tx, failed) })
	if err != nil {
		return err
	}
	return s.Guard.Acts.Added(ctx, c.Project, 1)
}

// limited serves a call unless there are too many of it.
func (s *Server) limited(w http.ResponseWriter, r *http.Request, row route) error {
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

// inviting is a need of a call that sends something to somebody for a user.
func inviting(n edge.Need) edge.Need {
	n.Asks = true
	return n
}

// guessing is a need of a call that takes what may be guessed.
func guessing(n edge.Need) edge.Need {
	n.Guess = true
	return n
}
