package server

import (
	"log/slog"
	"net/http"
	"runtime/debug"
	"strings"
	"time"

	"postern/internal/ident"
)

const (
	// requestIDHeader carries the id of a request, in both directions.
	requestIDHeader = "X-Request-Id"
	longestID       = 64
	readyWithin     = 2 * time.Second
)

// observe gives each request its id, logs it and counts it. The log holds the
// pattern of the route and never the path, a query, a header or a body: any of
// them may carry a secret.
func (s *Server) observe(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		began := time.Now()
		id := r.Header.Get(requestIDHeader)
		if !validID(id) {
			id = ident.New("R")
		}
		r.Header.Set(requestIDHeader, id) // where the layers below read it
		w.Header().Set(requestIDHeader, id)
		seen := &recorder{ResponseWriter: w}
		done := s.metrics.begin()
		defer func() { // also when the handler gives up on the connection
			route, took := routeOf(r), time.Since(began)
			done(route, r.Method, seen.code(), took)
			s.log.LogAttrs(r.Context(), levelOf(route, seen.code()), "request",
				slog.String("method", methodOf(r.Method)), slog.String("route", route), slog.Int("status", seen.code()),
				slog.Int64("bytes", seen.bytes), slog.Duration("duration", took), slog.String("request", id))
		}()
		next.ServeHTTP(seen, r)
	})
}

// levelOf keeps what went wrong on our side visible, and what machines ask every
// few seconds out of sight.
func levelOf(route string, status int) slog.Level {
	switch {
	case status >= http.StatusInternalServerError:
		return slog.LevelError
	case route == "/healthz", route == "/readyz", route == "/metrics":
		return slog.LevelDebug
	default:
		return slog.LevelInfo
	}
}

// validID takes ids of callers that are short and plain, so that they cannot
// forge log lines.
func validID(id string) bool {
	return id != "" && len(id) <= longestID && strings.Trim(id, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.:") == ""
}

// routeOf returns the pattern that r matched, without its method.
func routeOf(r *http.Request) string {
	route := r.Pattern
	if _, path, ok := strings.Cut(route, " "); ok {
		route = path
	}
	if route == "" {
		return "none"
	}
	return route
}

// methodOf bounds what a caller can put into the log and the metrics.
func methodOf(method string) string {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions:
		return method
	}
	return "other"
}

// rescue answers a request whose handler panics, instead of dropping the
// connection. The panic is logged with its stack, which holds no values.
func rescue(log *slog.Logger, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			cause := recover()
			if cause == nil {
				return
			}
			if cause == http.ErrAbortHandler { //nolint:errorlint // it is panicked with as it is
				panic(cause)
			}
			log.ErrorContext(r.Context(), "panic", "kind", panicKind(cause), "request", r.Header.Get(requestIDHeader), "stack", string(debug.Stack()))
			if seen, ok := w.(*recorder); ok && seen.status == 0 {
				internalError(w)
				return
			}
			panic(http.ErrAbortHandler) // half an answer must not look like a whole one
		}()
		next.ServeHTTP(w, r)
	})
}

// panicKind says what kind of panic it was. The text of one that is not the
// runtime's may hold anything.
func panicKind(cause any) string {
	if err, ok := cause.(interface {
		error
		RuntimeError()
	}); ok {
		return err.Error()
	}
	return "panic in our own code"
}

// recorder remembers what was answered.
type recorder struct {
	http.ResponseWriter
	status int
	bytes  int64
}

// WriteHeader implements http.ResponseWriter.
func (r *recorder) WriteHeader(status int) {
	if r.status == 0 && status >= http.StatusOK {
		r.status = status
	}
	r.ResponseWriter.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (r *recorder) Write(b []byte) (int, error) {
	if r.status == 0 {
		r.status = http.StatusOK
	}
	n, err := r.ResponseWriter.Write(b)
	r.bytes += int64(n)
	return n, err
}

// Unwrap lets http.ResponseController reach the connection.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }

func (r *recorder) code() int {
	if r.status == 0 {
		return http.StatusOK
	}
	return r.status
}
