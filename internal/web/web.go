// Package web serves the console: pages for people, under /console.
//
// The package owns the pages, the session of a browser and the forms. It does
// nothing that the API cannot: it calls the same functions of the packages below,
// and asks the API's own table what each of its calls needs, which whoever builds
// it hands in.
package web

import (
	"cmp"
	"embed"
	"errors"
	"fmt"
	"html/template"
	"io/fs"
	"log/slog"
	"net/http"
	"strings"

	"postern/internal/connector"
	"postern/internal/edge"
	"postern/internal/fault"
	"postern/internal/mgmtkey"
	"postern/internal/project"
)

// Root is the path of the console.
const Root = edge.ConsolePath

var (
	//go:embed pages/*.html
	pages embed.FS
	//go:embed static
	static embed.FS
)

// errNoPage is a path that the console does not have.
var errNoPage = fault.New(fault.NotFound, "P40431", "there is no such page in the console")

// Config is what the console is built from.
type Config struct {
	Projects *project.Service
	Keys     *mgmtkey.Service
	Messages *connector.Service
	Log      *slog.Logger
	// Need returns what a call of the API asks for. Where it returns the zero
	// value, the pages that do the same serve nobody.
	Need     func(call string) edge.Need
	MaxBody  int64 // bytes of a request, and of what an archive holds
	MaxFiles int   // of an upload
	Version  string
}

// Server is the console.
type Server struct {
	Config
	templates *template.Template
}

// New builds the console.
func New(c Config) (*Server, error) {
	t, err := template.New("").Funcs(functions).ParseFS(pages, "pages/*.html")
	if err != nil {
		return nil, fmt.Errorf("pages of the console: %w", err)
	}
	return &Server{Config: c, templates: t}, nil
}

// A handler answers a request, or returns why not.
type handler func(http.ResponseWriter, *visit) error

// A route is one page or one form of the console.
type route struct {
	pattern string
	call    string // of the API: the same, and so with the same need
	serve   handler
}

// The calls of the API that the console makes in its own way.
const (
	callProjects  = "POST /v1/mgmt/projects/list"
	callRevisions = "GET /v1/mgmt/project/revisions"
	callRevision  = "GET /v1/mgmt/project/revisions/{number}"
	callExport    = "POST /v1/mgmt/project/export"
	callPlan      = "POST /v1/mgmt/project/plan"
	callImport    = "POST /v1/mgmt/project/import"
	callApprove   = "POST /v1/mgmt/project/plan/approve"
	callRollback  = "POST /v1/mgmt/project/rollback"
	callConfirm   = "POST /v1/mgmt/project/confirm"
	callPolicy    = "GET /v1/mgmt/project/policy"
	callSetPolicy = "PUT /v1/mgmt/project/policy"
	callAudit     = "POST /v1/mgmt/audit/search"
	callKeys      = "GET /v1/mgmt/managementkey/search"
	callMakeKey   = "PUT /v1/mgmt/managementkey"
	callChangeKey = "PATCH /v1/mgmt/managementkey"
	callOutbox    = "GET /v1/mgmt/outbox"
	callRevokeKey = "POST /v1/mgmt/managementkey/delete"
)

const inProject = Root + "/projects/{project}"

// routes is the whole surface of the console for those who have signed in.
func (s *Server) routes() []route {
	return []route{
		{"GET " + Root + "/{$}", callProjects, s.projects},
		{"GET " + inProject, callRevisions, s.timeline},
		{"GET " + inProject + "/revisions/{number}", callRevision, s.revision},
		{"GET " + inProject + "/flows", callExport, s.flows},
		{"GET " + inProject + "/flow", callExport, s.flow},
		{"GET " + inProject + "/export.zip", callExport, s.export},
		{"GET " + inProject + "/import", callPlan, s.importForm},
		{"POST " + inProject + "/plan", callPlan, s.plan},
		{"POST " + inProject + "/propose", callPlan, s.propose},
		{"GET " + inProject + "/plans/{plan}", callPlan, s.proposal},
		{"POST " + inProject + "/apply", callImport, s.apply},
		{"POST " + inProject + "/approve", callApprove, s.approve},
		{"POST " + inProject + "/revisions/{number}/approve", callApprove, s.approveRollback},
		{"GET " + inProject + "/revisions/{number}/rollback", callRollback, s.planRollback},
		{"POST " + inProject + "/revisions/{number}/rollback", callRollback, s.rollback},
		{"POST " + inProject + "/revisions/{number}/confirm", callConfirm, s.confirm},
		{"GET " + inProject + "/policy", callPolicy, s.policy},
		{"POST " + inProject + "/policy", callSetPolicy, s.setPolicy},
		{"GET " + inProject + "/audit", callAudit, s.audit},
		{"GET " + inProject + "/outbox", callOutbox, s.outbox},
		{"GET " + inProject + "/outbox/{message}", callOutbox, s.outboxMessage},
		{"GET " + inProject + "/outbox/{message}/html", callOutbox, s.outboxHTML},
		{"GET " + Root + "/keys", callKeys, s.keys},
		{"POST " + Root + "/keys", callMakeKey, s.makeKey},
		{"POST " + Root + "/keys/{key}", callChangeKey, s.changeKey},
		{"POST " + Root + "/keys/{key}/revoke", callRevokeKey, s.revokeKey},
		{"POST " + Root + "/sign-out", callProjects, s.signOut},
	}
}

// Handler returns the console.
func (s *Server) Handler() http.Handler {
	mux := http.NewServeMux()
	methods := map[string]string{}
	handle := func(pattern string, serve func(http.ResponseWriter, *visit) error) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			v := &visit{r: r, server: s}
			err := cmp.Or(edge.CheckURL(r.URL), guard(r))
			if err == nil {
				err = serve(w, v)
			}
			if err != nil {
				s.fail(w, v, err)
			}
		})
		method, path, _ := strings.Cut(pattern, " ")
		methods[path] = strings.TrimPrefix(methods[path]+", "+method, ", ")
	}
	for _, r := range s.routes() {
		need := s.Need(r.call)
		handle(r.pattern, func(w http.ResponseWriter, v *visit) error {
			err := s.enter(v, need)
			switch {
			case errors.Is(err, errSession) && v.r.Method == http.MethodGet:
				return s.toSignIn(w, v)
			case err == nil:
				err = r.serve(w, v)
			}
			if err != nil {
				s.refused(v, need, err)
			}
			return err
		})
	}
	handle("GET "+Root+"/sign-in", s.signInForm)
	handle("POST "+Root+"/sign-in", s.signIn)
	handle("GET "+Root, func(w http.ResponseWriter, v *visit) error { return redirect(w, v.r, Root+"/") })
	files, err := fs.Sub(static, "static")
	if err == nil {
		mux.Handle("GET "+Root+"/static/{file}", http.StripPrefix(Root+"/static/", cached(http.FileServerFS(files))))
	}
	for path, allowed := range methods {
		mux.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Allow", allowed)
			s.fail(w, &visit{r: r, server: s}, edge.ErrMethod)
		})
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { s.fail(w, &visit{r: r, server: s}, errNoPage) })
	return headers(mux)
}

// headers go out with every answer. Nothing is taken from elsewhere, no script or
// style stands in a page, and no other site frames one. Forms say their origin,
// so the policy of referrers is not the strictest one.
func headers(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "same-origin")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Cache-Control", "no-store")
		next.ServeHTTP(w, r)
	})
}

// cached lets a browser keep what never holds anything of a project, if it asks
// whether there is another one.
func cached(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-cache")
		next.ServeHTTP(w, r)
	})
}

// redirect leads a browser to another page, with GET.
func redirect(w http.ResponseWriter, r *http.Request, to string) error {
	http.Redirect(w, r, to, http.StatusSeeOther)
	return nil
}

// refused records what was refused to somebody who is known.
func (s *Server) refused(v *visit, need edge.Need, err error) {
	if err := v.caller.Refused(v.r.Context(), s.Projects.DB, need, v.path(), err); err != nil {
		s.Log.WarnContext(v.r.Context(), "refused request not recorded", "route", v.r.Pattern, "err", err)
	}
}
