package web

import (
	"context"
	"encoding/base64"
	"errors"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"postern/internal/audit"
	"postern/internal/edge"
	"postern/internal/fault"
	"postern/internal/mgmtkey"
	"postern/internal/store"
)

const (
	// sessionFor is how long a session lasts after the sign-in, whatever is done.
	sessionFor = 4 * time.Hour

	// secureCookie is what a browser takes over HTTPS only, and from this host
	// alone. Over plain HTTP on this machine, where some browsers refuse it,
	// loopbackCookie takes its place.
	secureCookie   = "__Host-postern"
	loopbackCookie = "postern-loopback"

	sessionPurpose = "console session"
	anyHolder      = "any"
)

// What keeps somebody out.
var (
	errSession = fault.New(fault.Unauthenticated, "P40101", "the session is over, or there is none: sign in")
	errForeign = fault.New(fault.Forbidden, "P40302", "the form was not sent from a page of this console")
	errPlain   = fault.New(fault.Forbidden, "P40303", "over plain HTTP the console takes a key on the machine of the server only, as localhost").
			WithHint("use HTTPS: give the server a certificate, or put a proxy with one in front of it that passes the Host header on")
)

// A session is what the cookie holds, sealed. There is no table of sessions: the
// key is looked up for every request, and a session ends with it.
type session struct {
	Key   string    `json:"key"` // the id
	Until time.Time `json:"until"`
}

// A visit is one request, with whoever makes it once that is known.
type visit struct {
	r      *http.Request
	server *Server
	caller *edge.Caller
	until  time.Time // when the session ends
}

// path is the pattern of the request without its method.
func (v *visit) path() string {
	_, path, _ := strings.Cut(v.r.Pattern, " ")
	return path
}

// may reports whether the visitor may make a call of the API in the project of
// the page.
func (v *visit) may(call string) bool {
	return v.caller != nil && v.server.Need(call).Allow(v.caller.Key, v.caller.Project) == nil
}

// enter finds out who visits, and refuses whoever may not.
func (s *Server) enter(v *visit, need edge.Need) error {
	held, err := s.held(v.r)
	if err != nil {
		return err
	}
	key, err := s.Keys.Recall(v.r.Context(), held.Key, edge.Remote(v.r))
	if errors.Is(err, mgmtkey.ErrUnknown) {
		return errSession
	}
	if err != nil {
		return err
	}
	v.until = held.Until
	v.caller = edge.NewCaller(v.r, v.r.PathValue("project"), key)
	return need.Allow(key, v.caller.Project)
}

// held opens the cookie of a request.
func (s *Server) held(r *http.Request) (session, error) {
	var held session
	for _, name := range []string{secureCookie, loopbackCookie} {
		c, err := r.Cookie(name)
		if err != nil || name == loopbackCookie && !isLoopback(r) {
			continue
		}
		sealed, err := base64.RawURLEncoding.DecodeString(c.Value)
		if err != nil {
			continue
		}
		content, err := s.Projects.Master.OpenTicket(sessionPurpose, anyHolder, sealed)
		if err != nil {
			continue
		}
		if err := json.Unmarshal(content, &held); err == nil && time.Now().Before(held.Until) {
			return held, nil
		}
	}
	return session{}, errSession
}

// isLoopback reports whether a request was sent on this machine to this machine.
func isLoopback(r *http.Request) bool {
	host := r.Host
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	ip := net.ParseIP(strings.Trim(host, "[]"))
	return edge.Remote(r).IsLoopback() && (host == "localhost" || ip != nil && ip.IsLoopback())
}

// guard refuses a form that a page of another site sends. A browser says where a
// form comes from in Sec-Fetch-Site or, where that is not sent, in Origin; what
// says neither is no browser that we could trust to tell.
func guard(r *http.Request) error {
	if r.Method == http.MethodGet || r.Method == http.MethodHead {
		return nil
	}
	origin, err := url.Parse(r.Header.Get("Origin"))
	same := err == nil && origin.Host != "" && origin.Host == r.Host
	switch r.Header.Get("Sec-Fetch-Site") {
	case "same-origin":
		return nil
	case "":
		if same {
			return nil
		}
	}
	return errForeign
}

// cookieFor says which cookie a browser that sends a form gets. The origin of the
// form is what the browser itself sees, also before a proxy that speaks HTTPS.
func cookieFor(r *http.Request) (name string, err error) {
	origin, err := url.Parse(r.Header.Get("Origin"))
	switch {
	case r.TLS != nil, err == nil && origin.Scheme == "https" && origin.Host == r.Host:
		return secureCookie, nil
	case isLoopback(r):
		return loopbackCookie, nil
	default:
		return "", errPlain
	}
}

func setCookie(w http.ResponseWriter, name, value string, age time.Duration) {
	http.SetCookie(w, &http.Cookie{ //nolint:gosec // it is secure wherever a browser takes such a cookie
		Name: name, Value: value, Path: "/", MaxAge: int(age.Seconds()), HttpOnly: true, Secure: name == secureCookie, SameSite: http.SameSiteLaxMode,
	})
}

type signInPage struct {
	page
	Next string
	Over bool // a session was there, and is over
}

func (s *Server) signInForm(w http.ResponseWriter, v *visit) error {
	p := signInPage{page: page{Title: "Sign in"}, Next: localPath(v.r.URL.Query().Get("next"))}
	for _, name := range []string{secureCookie, loopbackCookie} {
		if _, err := v.r.Cookie(name); err == nil {
			p.Over = true
		}
	}
	return s.show(w, v, http.StatusOK, "sign-in", &p)
}

// toSignIn leads to the sign-in, and from there to the page that was asked for.
func (s *Server) toSignIn(w http.ResponseWriter, v *visit) error {
	return redirect(w, v.r, Root+"/sign-in?"+url.Values{"next": {v.r.URL.RequestURI()}}.Encode())
}

// localPath keeps a path of the console, and nothing else.
func localPath(path string) string {
	u, err := url.Parse(path)
	if err != nil || u.IsAbs() || u.Host != "" || !strings.HasPrefix(path, Root+"/") || strings.ContainsAny(path, "\\\r\n") {
		return Root + "/"
	}
	return path
}

// signIn takes a management key once, and gives a session for it.
func (s *Server) signIn(w http.ResponseWriter, v *visit) error {
	name, err := cookieFor(v.r)
	if err != nil {
		return err
	}
	v.r.Body = http.MaxBytesReader(w, v.r.Body, maxSmall)
	if err := v.r.ParseForm(); err != nil {
		return errForm
	}
	key, err := s.Keys.Authenticate(v.r.Context(), strings.TrimSpace(v.r.PostForm.Get("key")), edge.Remote(v.r))
	if errors.Is(err, mgmtkey.ErrUnknown) || errors.Is(err, mgmtkey.ErrNoToken) {
		s.log(v).InfoContext(v.r.Context(), "sign-in refused")
		p := signInPage{page: page{Title: "Sign in", Problem: "This is not a key that may be used here now."}, Next: localPath(v.r.PostForm.Get("next"))}
		return s.show(w, v, http.StatusUnauthorized, "sign-in", &p)
	}
	if err != nil {
		return err
	}
	until := time.Now().Add(sessionFor).UTC().Truncate(time.Second)
	if !key.ExpiresAt.IsZero() && key.ExpiresAt.Before(until) {
		until = key.ExpiresAt
	}
	content, err := json.Marshal(session{Key: key.ID, Until: until})
	if err != nil {
		return err
	}
	sealed, err := s.Projects.Master.SealTicket(sessionPurpose, anyHolder, content)
	if err != nil {
		return err
	}
	v.caller = edge.NewCaller(v.r, "", key)
	if err := s.record(v, "console.signin"); err != nil {
		return err
	}
	setCookie(w, name, base64.RawURLEncoding.EncodeToString(sealed), time.Until(until))
	return redirect(w, v.r, localPath(v.r.PostForm.Get("next")))
}

func (s *Server) signOut(w http.ResponseWriter, v *visit) error {
	for _, name := range []string{secureCookie, loopbackCookie} {
		setCookie(w, name, "", -time.Second)
	}
	if err := s.record(v, "console.signout"); err != nil {
		return err
	}
	return redirect(w, v.r, Root+"/sign-in")
}

// record writes what somebody did with the console itself.
func (s *Server) record(v *visit, action string) error {
	return s.Projects.DB.Write(v.r.Context(), func(_ context.Context, tx *store.Tx) error {
		return audit.Record(tx, v.caller.Origin.Event(action, audit.Done))
	})
}
