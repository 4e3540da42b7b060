package server

import (
	_ "embed"
	"html/template"
	"net/http"
	"runtime/debug"
	"strings"

	"postern/internal/api"
)

//go:embed home.html
var homePage string

// home tells a person who opens the server in a browser what it is. It knows
// nothing of any project.
func (s *Server) home(w http.ResponseWriter, r *http.Request) {
	tmpl, err := template.New("home").Parse(homePage)
	if err != nil {
		s.log.ErrorContext(r.Context(), "home page", "err", err)
		internalError(w)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	data := struct {
		Version string
		URL     string
		Routes  []api.RouteInfo
	}{Version(), s.publicURL(r), api.Routes()}
	if err := tmpl.Execute(w, data); err != nil {
		s.log.DebugContext(r.Context(), "home page", "err", err) // the client has gone
	}
}

// publicURL is the base URL as the caller sees it.
func (s *Server) publicURL(r *http.Request) string {
	if s.config.TLSCert != "" {
		return "https://" + r.Host
	}
	return "http://" + r.Host
}

// Version names the build: the version of the module, or the commit.
func Version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	version, revision := info.Main.Version, ""
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			revision = s.Value
		}
	}
	if version == "" || version == "(devel)" {
		return strings.TrimSuffix("devel "+revision[:min(12, len(revision))], " ")
	}
	return version
}
