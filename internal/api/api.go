// Package api serves the JSON API of the wire. Its surface is the table in
// routes.go.
//
// The package owns what is of HTTP and of the wire: paths, headers, limits of a
// body, who a caller is, names of members, and how an error looks. What a call
// does is in the packages below.
package api

import (
	"log/slog"
	"net/http"
	"strings"

	"postern/internal/accesskey"
	"postern/internal/authz"
	"postern/internal/connector"
	"postern/internal/dpop"
	"postern/internal/edge"
	"postern/internal/enchantedlink"
	"postern/internal/exchange"
	"postern/internal/fault"
	"postern/internal/magiclink"
	"postern/internal/mgmtkey"
	"postern/internal/notp"
	"postern/internal/otp"
	"postern/internal/passkey"
	"postern/internal/password"
	"postern/internal/project"
	"postern/internal/questions"
	"postern/internal/recovery"
	"postern/internal/session"
	"postern/internal/tenant"
	"postern/internal/totp"
	"postern/internal/user"
)

// Server holds what the operations need.
type Server struct {
	Projects  *project.Service
	Keys      *mgmtkey.Service
	Sessions  *session.Service
	Messages  *connector.Service
	TOTP      *totp.Service
	Passkeys  *passkey.Service
	Questions *questions.Service
	Recovery  *recovery.Service
	Passwords *password.Service
	Exchange  *exchange.Service
	Tenants   *tenant.Service
	Users     *user.Service
	Roles     *authz.Service
	Log       *slog.Logger
	Limits    Limits
	Guard     Guard

	AccessKeys *accesskey.Service // the keys of machines

	// The sign-ins by message.
	OTP            *otp.Service
	MagicLinks     *magiclink.Service
	EnchantedLinks *enchantedlink.Service
	NOTP           *notp.Service

	DPoP *dpop.Service
}

// Limits bound a request.
type Limits struct {
	MaxBody  int64 // bytes, after inflation; 0 is 64 MiB
	MaxFiles int   // files of a snapshot; 0 is 100,000
}

func (l Limits) body() int64 {
	if l.MaxBody > 0 {
		return l.MaxBody
	}
	return 64 << 20
}

func (l Limits) files() int {
	if l.MaxFiles > 0 {
		return l.MaxFiles
	}
	return 100_000
}

// A handler answers a request, or returns why not.
type handler func(http.ResponseWriter, *http.Request) error

// What the edge itself refuses.
var (
	errNoRoute   = fault.New(fault.NotFound, "P40401", "there is no such call")
	errNoProject = fault.New(fault.Invalid, "E011002", "the Authorization header names no project; it must be Bearer <project id>:<management key>")
)

// Handler returns the whole API.
func (s *Server) Handler() http.Handler {
	mux := http.NewServeMux()
	methods := map[string][]string{}
	for _, r := range s.routes() {
		mux.HandleFunc(r.method+" "+r.path, func(w http.ResponseWriter, req *http.Request) {
			if err := edge.CheckURL(req.URL); err != nil {
				s.fail(w, req, err)
				return
			}
			req, err := s.authorize(r.access, req)
			if (r.access.OfPerson() || r.access.InTenant != "" && ofUser(req)) && callerOf(req.Context()) == nil {
				w.Header().Del("Access-Control-Allow-Origin") // the page is none that the project trusts
				w.Header().Del("Access-Control-Allow-Credentials")
			}
			if err == nil {
				err = s.guarded(w, req, r)
			}
			if err != nil {
				s.refused(req, r.access, err)
				s.fail(w, req, err)
			}
		})
		methods[r.path] = append(methods[r.path], r.method)
	}
	mux.HandleFunc("GET "+openAPIPath, s.describe)
	methods[openAPIPath] = []string{http.MethodGet}
	for path, allowed := range methods {
		mux.HandleFunc(path, func(w http.ResponseWriter, req *http.Request) {
			w.Header().Set("Allow", strings.Join(allowed, ", "))
			s.fail(w, req, edge.ErrMethod)
		})
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, req *http.Request) { s.fail(w, req, errNoRoute) })
	return cors(singleSlashes(mux))
}

// singleSlashes serves //v1/… as /v1/…: clients join a base URL that ends in a
// slash with a path that begins with one, and do not follow a redirect.
func singleSlashes(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.Contains(r.URL.Path, "//") {
			u := *r.URL
			for strings.Contains(u.Path, "//") {
				u.Path = strings.ReplaceAll(u.Path, "//", "/")
			}
			u.RawPath = ""
			again := r.Clone(r.Context())
			again.URL = &u
			next.ServeHTTP(w, again)
			r.Pattern = again.Pattern // for the log of whoever called us
			return
		}
		next.ServeHTTP(w, r)
	})
}

// corsHeaders are the headers that the clients of the wire send.
const corsHeaders = "authorization, content-type, content-encoding, if-match, idempotency-key, x-request-id, x-descope-project-id, x-descope-sdk-name, " +
	"x-descope-sdk-version, x-descope-sdk-go-version, x-descope-sdk-sha, x-descope-sdk-uuid, x-descope-sdk-node-version, " +
	"x-descope-sdk-session-id, x-descope-license, x-external-rid, x-descope-refresh-cookie-name, x-descope-trusted-device-token, " +
	"x-descope-flow-nonce, x-descope-widget-type, x-descope-widget-id, x-descope-widget-version, dpop"

// cors lets pages of any origin call with a key: a caller shows who it is by a
// header that no browser adds by itself. Calls of people may go by cookie, too, so
// Handler takes the leave back for a page that the project does not trust.
func cors(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Cache-Control", "no-store")
		h.Add("Vary", "Origin")
		if origin := r.Header.Get("Origin"); origin != "" {
			h.Set("Access-Control-Allow-Origin", origin)
			h.Set("Access-Control-Allow-Credentials", "true")
			h.Set("Access-Control-Expose-Headers", "X-Descope-Flow-Nonce, x-geo, retry-after, etag, x-request-id")
		}
		if r.Method == http.MethodOptions {
			h.Set("Access-Control-Allow-Methods", "GET, POST, PUT, PATCH, DELETE")
			h.Set("Access-Control-Allow-Headers", corsHeaders)
			h.Set("Access-Control-Max-Age", "600")
			w.WriteHeader(http.StatusNoContent)
			return
		}
		next.ServeHTTP(w, r)
	})
}
