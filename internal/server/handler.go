package server

import (
	"context"
	"net/http"
	"strings"

	"github.com/go-json-experiment/json"

	"postern/internal/fault"
	"postern/internal/ident"
	"postern/internal/web"
)

// A page is a route beside the API.
type page struct {
	pattern string
	serve   http.HandlerFunc
}

// pages are the routes beside the API, by path. All of them are read only.
func (s *Server) pages() map[string]page {
	return map[string]page{
		"/":        {"GET /{$}", s.home},
		"/healthz": {"GET /healthz", s.health},
		"/readyz":  {"GET /readyz", s.ready},
		"/metrics": {"GET /metrics", s.metrics.handler.ServeHTTP},
	}
}

// Handler returns all of the server's HTTP. Paths are compared as they are,
// never cleaned and redirected: clients do not follow redirects.
func (s *Server) Handler() http.Handler {
	pages := s.pages()
	return s.observe(rescue(s.log, s.forwarded(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if ofAPI(r.URL.Path) {
			s.api.ServeHTTP(w, r)
			return
		}
		if r.URL.Path == web.Root || strings.HasPrefix(r.URL.Path, web.Root+"/") {
			s.console.ServeHTTP(w, r)
			return
		}
		p, ok := pages[r.URL.Path]
		switch {
		case !ok:
			refuse(w, http.StatusNotFound, "P40401", "there is nothing at this path", "the API is under /v1/")
		case r.Method != http.MethodGet && r.Method != http.MethodHead:
			w.Header().Set("Allow", "GET, HEAD")
			refuse(w, http.StatusMethodNotAllowed, "P40501", "this path answers GET only", "")
		default:
			r.Pattern = p.pattern
			p.serve(w, r)
		}
	}))))
}

// ofAPI reports whether a path is one of the API: that of a version, or of a
// document that clients look for at a well-known place (RFC 8615).
func ofAPI(path string) bool {
	first, rest, _ := strings.Cut(strings.TrimLeft(path, "/"), "/")
	switch first {
	case "v1", "v2", ".well-known":
		return true
	}
	return strings.HasPrefix(rest, ".well-known/") && ident.Valid("P", first)
}

// health says that the process lives.
func (s *Server) health(w http.ResponseWriter, _ *http.Request) {
	answer(w, http.StatusOK, map[string]string{"status": "ok"})
}

// ready says whether requests can be served now.
func (s *Server) ready(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), readyWithin)
	defer cancel()
	err := s.db.Ping(ctx)
	switch {
	case s.stopping.Load():
		answer(w, http.StatusServiceUnavailable, map[string]string{"status": "stopping"})
	case err != nil:
		s.log.WarnContext(r.Context(), "not ready", "err", err)
		answer(w, http.StatusServiceUnavailable, map[string]string{"status": "unavailable", "database": "unreachable"})
	default:
		answer(w, http.StatusOK, map[string]string{"status": "ready", "database": "reachable"})
	}
}

// refuse answers the wire's error envelope.
func refuse(w http.ResponseWriter, status int, code, message, hint string) {
	body := map[string]string{"errorCode": code, "errorDescription": message, "errorMessage": message, "message": message}
	if hint != "" {
		body["hint"] = hint
	}
	if id := w.Header().Get(requestIDHeader); id != "" {
		body["requestId"] = id
	}
	answer(w, status, body)
}

// internalError answers that something went wrong, and no more.
func internalError(w http.ResponseWriter) {
	refuse(w, http.StatusInternalServerError, fault.ErrInternal.Code, fault.ErrInternal.Message, "")
}

func answer(w http.ResponseWriter, status int, body map[string]string) {
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_ = json.MarshalWrite(w, body, json.Deterministic(true)) // the client may have gone
}
