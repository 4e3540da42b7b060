package api

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strconv"
	"strings"

	"postern/internal/dpop"
	"postern/internal/edge"
	"postern/internal/fault"
	"postern/internal/ident"
	"postern/internal/infra"
	"postern/internal/password"
	"postern/internal/project"
	"postern/internal/snapshot"
)

// An envelope is how the wire carries an error. Clients show the code and the
// message; the details are ours.
type envelope struct {
	Code        string               `json:"errorCode"`
	Description string               `json:"errorDescription"`
	Message     string               `json:"errorMessage"`
	Short       string               `json:"message"`
	Details     []snapshot.Problem   `json:"details,omitempty"`
	Missing     *missingSecrets      `json:"missingSecrets,omitempty"`
	Rules       []password.Violation `json:"passwordRules,omitempty"` // that a new password breaks
	Request     string               `json:"requestId,omitempty"`
}

// logOf returns the log of a request: its lines carry the id that the answer
// carries and, once the key is recognised, whose request it is. What stands
// before the colon is written where it may be a project only: it could be the
// key, by mistake.
func (s *Server) logOf(w http.ResponseWriter, r *http.Request) *slog.Logger {
	log := s.Log.With("request", w.Header().Get("X-Request-Id"), "route", r.Pattern)
	c := callerOf(r.Context())
	if c == nil {
		return log
	}
	if ident.Valid("P", c.Project) {
		log = log.With("project", c.Project)
	}
	if c.Key == nil {
		return log
	}
	return log.With("key", c.Key.ID)
}

// fail is the only place where the API turns an error into an answer.
func (s *Server) fail(w http.ResponseWriter, r *http.Request, err error) {
	f := fault.From(err)
	code := edge.Status(f)
	log := s.logOf(w, r)
	if errors.Is(err, context.Canceled) || f.Code == errHangUp.Code {
		log.InfoContext(r.Context(), "client went away")
		code, f = http.StatusBadRequest, errHangUp // nobody reads it
	} else {
		level := slog.LevelInfo
		if code >= http.StatusInternalServerError {
			level = slog.LevelError
		}
		log.Log(r.Context(), level, "request failed", "code", f.Code, "err", err)
	}
	out := envelope{
		Code: f.Code, Description: f.Message, Message: f.Message, Short: f.Message, Request: w.Header().Get("X-Request-Id"),
	}
	if report, ok := f.Details.(*project.Report); ok {
		out.Details = report.Problems
		out.Missing = missing(report.Missing)
		out.Message = strings.Join(failures(report.Problems, maxInMessage), "; ")
		out.Short = out.Message
	}
	if report, ok := f.Details.(*infraReport); ok {
		out.Details = report.problems
		out.Missing = missing(report.missing)
		out.Message = infra.Text(report.problems, maxInMessage)
		out.Short = out.Message
	}
	edge.RetryAfter(w.Header(), f)
	if want, ok := f.Details.(dpop.Wanted); ok { // RFC 9449 §9
		w.Header().Set("DPoP-Nonce", want.Nonce)
		w.Header().Set("WWW-Authenticate", `DPoP error="use_dpop_nonce"`)
		w.Header().Add("Access-Control-Expose-Headers", "dpop-nonce, www-authenticate")
	}
	out.Rules, _ = f.Details.([]password.Violation)
	if err := writeJSON(w, code, out); err != nil {
		log.ErrorContext(r.Context(), "error not written", "err", err)
	}
}

// maxInMessage bounds the problems in the text of an error; all of them are in
// its details.
const maxInMessage = 20

// failures writes the problems that are errors, one a text.
func failures(list []snapshot.Problem, most int) []string {
	out := []string{}
	more := 0
	for _, p := range list {
		switch {
		case p.Level != snapshot.Error:
		case most > 0 && len(out) >= most:
			more++
		default:
			out = append(out, p.String())
		}
	}
	if more > 0 {
		out = append(out, "and "+strconv.Itoa(more)+" more")
	}
	return out
}
