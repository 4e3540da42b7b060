package api

import (
	"context"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"postern/internal/edge"
	"postern/internal/project"
	"postern/internal/secret"
	"postern/internal/session"
)

// wireLoginOptions is what a sign-in may ask for: LoginOptions of the wire. What it
// says of messages (templateOptions, locale) is for the methods that send some.
type wireLoginOptions struct {
	StepUp          bool              `json:"stepup"`
	CustomClaims    map[string]any    `json:"customClaims"`
	MFA             bool              `json:"mfa"`
	App             string            `json:"ssoAppId"`
	TemplateOptions map[string]string `json:"templateOptions"`
	Template        string            `json:"templateId"` // of the message; the active one where it is none
	Locale          string            `json:"locale"`     // selects nothing: there are no translations of messages
	PKCEChallenge   string            `json:"pkceChallenge"`
	RevokeOthers    bool              `json:"revokeOtherSessions"`
	RevokeTypes     sessionTypes      `json:"revokeOtherSessionsTypes"`
	TrustDevice     bool              `json:"trustDevice"` // ours: remember the device, with a further factor
	Tenant          string            `json:"tenantId"`
}

// sessionTypes names types of sessions. A list that no session is found by is refused
// where it is read, in every call that has one.
type sessionTypes []string

// UnmarshalJSONFrom implements json.UnmarshalerFrom.
func (l *sessionTypes) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	var list []string
	if err := json.UnmarshalDecode(dec, &list); err != nil {
		return err
	}
	*l = list
	return session.CheckTypes(list)
}

// options returns what a sign-in of a person asks for.
func (in *wireLoginOptions) options() session.Options {
	if in == nil {
		return session.Options{}
	}
	return session.Options{
		StepUp: in.StepUp, MFA: in.MFA, CustomClaims: in.CustomClaims, Tenant: in.Tenant, App: in.App, RevokeOthers: in.RevokeOthers, RevokeTypes: in.RevokeTypes,
		TrustDevice: in.TrustDevice,
	}
}

// loginOf begins a login of whoever calls: what is missing is Prove. The refresh
// token of the caller, which a step-up needs, is in it where the caller shows one.
func (s *Server) loginOf(ctx context.Context, method string, in *wireLoginOptions) session.Login {
	c := callerOf(ctx)
	out := session.Login{Config: c.Config, Method: method, Options: in.options(), Current: c.Token, Client: clientOf(c)}
	out.Options.Trusted = c.Key != nil
	return out
}

// clientOf returns what is known of the device that calls.
func clientOf(c *edge.Caller) session.Client {
	out := session.Client{Address: c.Origin.Remote, Counted: c.Counted, UserAgent: c.Agent, Origin: c.Page, Base: c.Base, Shown: c.Token, Device: c.Device, Key: c.Proof, Request: c.Origin.Request}
	if c.Key != nil { // a backend, which calls for many people
		out.Counted = ""
	}
	return out
}

// wireTokens is JWTResponse of the wire.
type wireTokens struct {
	Session           string         `json:"sessionJwt,omitempty"` // empty where it goes by cookie
	Refresh           string         `json:"refreshJwt,omitempty"` // empty where it goes by cookie, or stays as it is
	CookieDomain      string         `json:"cookieDomain"`
	CookiePath        string         `json:"cookiePath"`
	CookieMaxAge      int64          `json:"cookieMaxAge"`     // seconds
	CookieExpiration  int64          `json:"cookieExpiration"` // Unix seconds
	SessionExpiration int64          `json:"sessionExpiration"`
	NextRefresh       int64          `json:"nextRefreshSeconds,omitempty"` // from now
	CookieName        string         `json:"cookieName,omitempty"`
	SessionCookie     string         `json:"sessionCookieName,omitempty"`
	SessionDomain     string         `json:"sessionCookieDomain,omitempty"`
	User              *wireUser      `json:"user,omitempty"`
	Device            string         `json:"trustedDeviceJwt,omitempty"` // empty where it goes by cookie
	FirstSeen         bool           `json:"firstSeen"`
	Claims            map[string]any `json:"claims,omitempty"`
}

// The names of the cookies, and where they are sent to.
const (
	sessionCookie = "DS"
	refreshCookie = "DSR"
	deviceCookie  = "DTD"
	cookiePath    = "/"
)

// signing describes an operation that ends in tokens. Every sign-in and every
// refresh answers through it, so that tokens leave the server in one place only.
func signing[In any](s *Server, op func(context.Context, *In) (*session.Tokens, error)) operation {
	return raw[In, wireTokens](func(w http.ResponseWriter, r *http.Request) error {
		in := new(In)
		if err := readInto(w, r, in); err != nil {
			return err
		}
		tokens, err := op(r.Context(), in)
		if err != nil {
			return err
		}
		return s.signedIn(w, r, tokens)
	})
}

// signedIn answers tokens: each in the body or as a cookie, as the settings say,
// never both.
func (s *Server) signedIn(w http.ResponseWriter, r *http.Request, t *session.Tokens) error {
	out, err := s.handOut(w, r, t)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, out)
}

// handOut sets the cookies that tokens go in, and returns what of them goes in the
// body.
func (s *Server) handOut(w http.ResponseWriter, r *http.Request, t *session.Tokens) (*wireTokens, error) {
	out, err := s.tokensOnWire(r.Context(), t)
	if err != nil {
		return nil, err
	}
	settings := t.Config.Settings
	if settings.SessionCookie.Use && !t.Session.IsZero() {
		setCookie(w, r, sessionCookie, settings.SessionCookie, t.Session, t.SessionExpires)
		out.Session, out.SessionCookie, out.SessionDomain = "", sessionCookie, settings.SessionCookie.Domain
	}
	if settings.RefreshCookie.Use && !t.Refresh.IsZero() {
		name := refreshName(r)
		setCookie(w, r, name, settings.RefreshCookie, t.Refresh, t.RefreshExpires)
		out.Refresh, out.CookieName = "", name
	}
	if settings.RefreshCookie.Use && !t.Device.IsZero() {
		setCookie(w, r, deviceCookie, settings.RefreshCookie, t.Device, t.DeviceExpires)
		out.Device = ""
	}
	return out, nil
}

// tokensOnWire writes tokens as they stand in a body.
func (s *Server) tokensOnWire(ctx context.Context, t *session.Tokens) (*wireTokens, error) {
	now := time.Now()
	out := &wireTokens{
		Session: t.Session.Reveal(), Refresh: t.Refresh.Reveal(), CookieDomain: t.Config.Settings.RefreshCookie.Domain, CookiePath: cookiePath,
		CookieMaxAge: wholeSeconds(t.RefreshExpires.Sub(now)), CookieExpiration: seconds(t.RefreshExpires), SessionExpiration: seconds(t.SessionExpires),
		NextRefresh: nextRefresh(t.SessionExpires.Sub(now)), FirstSeen: t.FirstSeen, Claims: t.Claims, Device: t.Device.Reveal(),
	}
	if t.User == nil {
		return out, nil
	}
	var err error
	out.User, err = s.userOnWire(ctx, t.Config, t.User)
	return out, err
}

// wholeSeconds rounds a length of time up.
func wholeSeconds(d time.Duration) int64 {
	if d <= 0 {
		return 0
	}
	return int64((d + time.Second - 1) / time.Second)
}

// nextRefresh says when a client best asks for the next session token: a while
// before the one that it has ends.
func nextRefresh(left time.Duration) int64 {
	return max(1, wholeSeconds(left-min(20*time.Second, left/5)))
}

// setCookie sets one token as a cookie that no script reads (RFC 6265bis).
func setCookie(w http.ResponseWriter, r *http.Request, name string, how project.Cookie, token secret.Text, until time.Time) {
	c := cookieOf(r, name, how) //nolint:gosec // it has its attributes from there
	c.Value, c.Expires, c.MaxAge = token.Reveal(), until, int(max(1, wholeSeconds(time.Until(until))))
	http.SetCookie(w, c)
}

// dropCookie takes a cookie away.
func dropCookie(w http.ResponseWriter, r *http.Request, name string, how project.Cookie) {
	c := cookieOf(r, name, how) //nolint:gosec // likewise
	c.MaxAge = -1
	http.SetCookie(w, c)
}

func cookieOf(r *http.Request, name string, how project.Cookie) *http.Cookie {
	same := map[project.SameSite]http.SameSite{project.SameSiteLax: http.SameSiteLaxMode, project.SameSiteNone: http.SameSiteNoneMode}
	c := &http.Cookie{ //nolint:gosec // Secure is off only where a laptop has no TLS
		Name: name, Path: cookiePath, Domain: how.Domain, HttpOnly: true, Secure: !plainLocal(r), SameSite: http.SameSiteStrictMode,
	}
	if mode, ok := same[how.SameSite]; ok {
		c.SameSite = mode
	}
	if !c.Secure && c.SameSite == http.SameSiteNoneMode { // browsers keep none of these (RFC 6265bis)
		c.SameSite = http.SameSiteLaxMode
	}
	return c
}

// plainLocal reports whether a request came without TLS to this machine itself, as
// on a laptop: only there a cookie may go without it.
func plainLocal(r *http.Request) bool {
	if r.TLS != nil || r.Header.Get("X-Forwarded-Proto") == "https" {
		return false
	}
	host := hostOnly(r.Host)
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.Unmap().IsLoopback()
}

// hostOnly takes the port from a host.
func hostOnly(host string) string {
	if i := strings.LastIndexByte(host, ':'); i >= 0 && !strings.HasSuffix(host, "]") {
		host = host[:i]
	}
	return strings.ToLower(strings.Trim(host, "[]"))
}

// refreshName returns the name of the cookie with the refresh token, which a client
// may choose.
func refreshName(r *http.Request) string {
	name := r.Header.Get("X-Descope-Refresh-Cookie-Name")
	if name == "" || len(name) > 64 || name == sessionCookie || name == deviceCookie || strings.Trim(name, cookieLetters) != "" {
		return refreshCookie
	}
	return name
}

// deviceToken returns the token of a trusted device: from the header, or the cookie.
func deviceToken(r *http.Request) secret.Text {
	if token := r.Header.Get("X-Descope-Trusted-Device-Token"); token != "" {
		return secret.New(token)
	}
	if cookie, err := r.Cookie(deviceCookie); err == nil {
		return secret.New(cookie.Value)
	}
	return secret.Text{}
}

const cookieLetters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-"

// baseOf returns the URL of this server that a request came to.
func baseOf(r *http.Request) string {
	if r.TLS != nil || r.Header.Get("X-Forwarded-Proto") == "https" {
		return "https://" + r.Host
	}
	return "http://" + r.Host
}
