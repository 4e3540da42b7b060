package web

import (
	"bytes"
	"context"
	"errors"
	"html/template"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"postern/internal/audit"
	"postern/internal/edge"
	"postern/internal/fault"
	"postern/internal/ident"
	"postern/internal/project"
	"postern/internal/snapshot"
)

// A page is what every page has.
type page struct {
	Title   string
	Problem string // what went wrong, shown first
	Done    string // what was done, shown first

	SignedIn bool
	KeyName  string
	Until    time.Time
	Version  string
	Project  *project.Project
	Tab      string // which of the project's pages it is
	Can      map[string]bool
}

func (p *page) base() *page { return p }

// abilities are the words by which pages ask what the visitor may do.
var abilities = map[string]string{
	"plan": callPlan, "import": callImport, "rollback": callRollback, "approve": callApprove, "confirm": callConfirm, "setPolicy": callSetPolicy, "export": callExport, "outbox": callOutbox,
}

// show writes a page, whole or not at all.
func (s *Server) show(w http.ResponseWriter, v *visit, status int, name string, data interface{ base() *page }) error {
	p := data.base()
	p.Version = s.Version
	if v.caller != nil {
		p.SignedIn, p.KeyName, p.Until = true, v.caller.Key.Name, v.until
		p.Can = map[string]bool{}
		for word, call := range abilities {
			p.Can[word] = v.may(call)
		}
	}
	var out bytes.Buffer
	if err := s.templates.ExecuteTemplate(&out, name, data); err != nil {
		return err
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(out.Bytes()) // whoever does not read any more has gone
	return nil
}

type failPage struct {
	page
	Code, Message, Hint, Request string
	Problems                     []snapshot.Problem
}

// log returns the log of a visit, with who makes it.
func (s *Server) log(v *visit) *slog.Logger {
	log := s.Log.With("request", v.r.Header.Get("X-Request-Id"), "route", v.r.Pattern)
	if v.caller == nil {
		return log
	}
	if ident.Valid("P", v.caller.Project) {
		log = log.With("project", v.caller.Project)
	}
	return log.With("key", v.caller.Key.ID)
}

// fail is the only place where the console turns an error into a page.
func (s *Server) fail(w http.ResponseWriter, v *visit, err error) {
	f := fault.From(err)
	status := edge.Status(f)
	level := slog.LevelInfo
	if status >= http.StatusInternalServerError && !errors.Is(err, context.Canceled) {
		level = slog.LevelError
	}
	s.log(v).Log(v.r.Context(), level, "request failed", "code", f.Code, "err", err)
	p := failPage{page: page{Title: title(status)}, Code: f.Code, Message: f.Message, Hint: f.Hint, Request: v.r.Header.Get("X-Request-Id")}
	if report, ok := f.Details.(*project.Report); ok {
		p.Problems = report.Problems
	}
	edge.RetryAfter(w.Header(), f)
	if err := s.show(w, v, status, "fail", &p); err != nil {
		s.log(v).ErrorContext(v.r.Context(), "page of an error not written", "err", err)
		http.Error(w, fault.ErrInternal.Message, http.StatusInternalServerError)
	}
}

func title(status int) string {
	switch {
	case status == http.StatusNotFound:
		return "Not found"
	case status == http.StatusForbidden:
		return "Not allowed"
	case status == http.StatusUnauthorized:
		return "Not signed in"
	case status == http.StatusConflict || status == http.StatusPreconditionFailed:
		return "Something changed meanwhile"
	case status >= http.StatusInternalServerError:
		return "Something went wrong"
	default:
		return "This cannot be done"
	}
}

// functions are what pages may call.
var functions = template.FuncMap{
	"root":  func() string { return Root },
	"when":  when,
	"short": func(text string) string { return text[:min(12, len(text))] },
	"join":  strings.Join,
	"left":  left, "swatch": swatch, "clip": clip,
	"waits":    func() []string { return []string{"10m", "1h", "24h"} },
	"outcomes": func() []string { return []string{audit.Done, audit.Refused, audit.Failed} },
	"plural": func(n int, one, many string) string {
		if n == 1 {
			return one
		}
		return many
	},
}

// when writes a time; pages show it in UTC, as the command line and the log do.
func when(t time.Time) template.HTML {
	if t.IsZero() {
		return "never"
	}
	t = t.UTC()
	return template.HTML(`<time datetime="` + t.Format(time.RFC3339) + `">` + t.Format("2 Jan 2006, 15:04") + ` UTC</time>`) //nolint:gosec // it is made of a time alone
}
