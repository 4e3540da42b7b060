// Package edge owns what every edge over HTTP does in the same way: what a caller
// must present, who the caller is, which status an error has, and the record of
// what was refused.
//
// It serves nothing itself. How a caller says who it is, and how an error looks,
// is for each edge.
package edge

import (
	"context"
	"errors"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"postern/internal/audit"
	"postern/internal/fault"
	"postern/internal/ident"
	"postern/internal/limit"
	"postern/internal/mgmtkey"
	"postern/internal/project"
	"postern/internal/secret"
	"postern/internal/snapshot"
	"postern/internal/store"
)

// What every edge refuses.
var (
	ErrMethod   = fault.New(fault.Invalid, "P40501", "the call does not take this method")
	ErrTooLarge = fault.New(fault.TooLarge, "P41301", "the body is too large")
	ErrURL      = fault.New(fault.Invalid, "P40017", "the URL is not text in UTF-8, or has the character U+0000 in it")
)

// CheckURL refuses a URL whose path or query no database can look for.
func CheckURL(u *url.URL) error {
	if !store.IsText(u.Path) {
		return ErrURL
	}
	for name, values := range u.Query() {
		if !store.IsText(name) || slices.ContainsFunc(values, func(v string) bool { return !store.IsText(v) }) {
			return ErrURL
		}
	}
	return nil
}

// longestAgent bounds what is kept of what a client calls itself, in bytes. Browsers
// take two hundred or so.
const longestAgent = 512

// agent returns what a client calls itself, as text that every database can hold.
func agent(r *http.Request) string {
	name := r.UserAgent()
	return strings.ToValidUTF8(name[:min(len(name), longestAgent)], "")
}

// ConsolePath is the path of the console.
const ConsolePath = "/console"

// PlanPage is the path of the page of a plan that is kept, for the answers of any
// edge. Both parts are escaped.
func PlanPage(project, plan string) string {
	return ConsolePath + "/projects/" + url.PathEscape(project) + "/plans/" + url.PathEscape(plan)
}

// A Scope says what a call is about. The zero value is about nothing.
type Scope int

// The scopes.
const (
	Nobody  Scope = iota
	Project       // a management key and the project that it acts on
	Company       // a management key, with a project or without; the call itself looks at what the key may see
	Anyone        // the id of a project alone: a person who is about to sign in
	User          // a project and the refresh token of a session in it
	Token         // the same, but the call itself looks at the token
	Public        // nothing: what everybody may read
)

// A Need is what a caller must present. The zero value serves nobody.
type Need struct {
	Scope Scope
	Role  mgmtkey.Role // in the project

	Guess bool // failing calls of one address are counted: each may be a guess
	Asks  bool // all of them are: each leaves something behind, or is sent to somebody
	Waits bool // none is: who waits asks again and again, with what nobody guesses

	// Renews says that a token is shown for further ones; Carried, that whoever shows it
	// need not be who holds it, so that it takes no proof of the key that it is bound to.
	Renews, Carried bool
	Exchanges       bool // the body may have a token of a former service instead

	// InTenant is the permission by which a user may make the call of a key, too, for a
	// tenant that they belong to. Empty is no user.
	InTenant string
}

// OfPerson reports whether people make the call, who sign in or have.
func (n Need) OfPerson() bool { return n.Scope == Anyone || n.Scope == User || n.Scope == Token }

// Allow returns nil where key may make a call in a project. Whether a project
// does not exist or is not the key's is one answer.
func (n Need) Allow(key *mgmtkey.Key, id string) error {
	switch {
	case key == nil:
		return mgmtkey.ErrNoToken
	case n.Scope == Company:
		return nil
	case n.Scope != Project:
		return mgmtkey.ErrTooWeak
	}
	switch have := key.RoleIn(id); {
	case id == "" || have == mgmtkey.None:
		return project.ErrNotFound
	case have < n.Role || n.Role == mgmtkey.None:
		return mgmtkey.ErrTooWeak
	}
	return nil
}

// A Caller is who makes a request.
type Caller struct {
	Project string       // the id that the request names; it may be none
	Key     *mgmtkey.Key // for a person: that of the backend that calls for them, or nil
	Origin  audit.Origin

	Config *project.Config // of Project, where a person calls
	Token  secret.Text     // what a person shows beside the id of the project
	Proof  string          // the thumbprint of the key that the call was proven with (DPoP); empty for none
	Device secret.Text     // the token of the device, where its user trusts it
	Agent  string          // what the client calls itself
	Page   string          // the origin of the page that calls, where a browser says so
	Base   string          // the URL of the server that the request came to, without a slash at the end
	// Claim is who a person says they are, with a proof of it: noted where it is refused.
	Claim *Claim
	// Counted is what limits count as the address of the client; empty where that does
	// not say who it is.
	Counted string
}

// SeesPeople reports whether the caller has a key that may see the people of the project,
// and not its configuration alone.
func (c *Caller) SeesPeople() bool { return c.Key.Require(c.Project, mgmtkey.Admin) == nil }

// A Claim is what somebody shows a proof for.
type Claim struct {
	Method  string // of authentication, as tokens name it
	LoginID string // or a user id; empty where the proof alone says whose it is
	UserID  string
}

// NewPerson returns a person who makes a request for a project.
func NewPerson(r *http.Request, c *project.Config, token secret.Text) *Caller {
	return &Caller{
		Project: c.Project, Config: c, Token: token, Agent: agent(r), Page: r.Header.Get("Origin"),
		Origin: audit.Origin{Remote: Remote(r).String(), Request: r.Header.Get("X-Request-Id")}, Counted: counted(r),
	}
}

// counted returns what limits count as the address of a client. Whoever is on this
// machine is whoever runs it; and behind a proxy that the settings do not name, all
// clients have its address. A stranger on the open internet has neither.
func counted(r *http.Request) string {
	remote := Remote(r)
	if !remote.IsValid() || remote.IsLoopback() || BehindProxy(r) {
		return ""
	}
	return limit.Address(remote)
}

// ForwardedFor is the header in which proxies say who the client is. The server takes
// it out where it comes from a proxy that it trusts.
const ForwardedFor = "X-Forwarded-For"

// BehindProxy reports whether a request came through a proxy that the settings do not
// name: from an address that is not of the open internet, with the header that a
// proxy adds.
func BehindProxy(r *http.Request) bool {
	remote := Remote(r)
	return r.Header.Get(ForwardedFor) != "" && (remote.IsLoopback() || remote.IsPrivate() || remote.IsLinkLocalUnicast())
}

// NewCaller returns whoever makes a request with a key.
func NewCaller(r *http.Request, id string, key *mgmtkey.Key) *Caller {
	return &Caller{Project: id, Key: key, Agent: agent(r), Origin: audit.Origin{Actor: key.ID, Remote: Remote(r).String(), Request: r.Header.Get("X-Request-Id")}}
}

// Remote returns the address that a request comes from.
func Remote(r *http.Request) netip.Addr {
	addr, _ := netip.ParseAddrPort(r.RemoteAddr)
	return addr.Addr().Unmap()
}

// Remote returns the address that the caller calls from; the zero value where it is
// not known.
func (c *Caller) Remote() netip.Addr {
	addr, _ := netip.ParseAddr(c.Origin.Remote)
	return addr
}

// Refused records that a key which is known asked for what it may not do, or for
// a change that could not be made; call names what was asked for. What an import
// finds wrong with its upload is recorded by the import. An error is that of the
// record: losing it must not hide the answer.
func (c *Caller) Refused(ctx context.Context, db *store.DB, n Need, call string, err error) error {
	if c == nil || c.Key == nil || errors.Is(err, snapshot.ErrInvalid) {
		return nil
	}
	f := fault.From(err)
	foreign := c.Project != "" && c.Key.RoleIn(c.Project) == mgmtkey.None
	switch {
	case f.Kind == fault.Forbidden:
	case foreign && errors.Is(err, project.ErrNotFound):
	case f.Kind == fault.Conflict && n.Role >= mgmtkey.Import:
	default:
		return nil
	}
	e := c.Origin.Event("request.refused", audit.Refused)
	e.Details = map[string]any{"call": call, "code": f.Code, "reason": f.Message}
	if foreign { // the record is not for those whose project it is
		if ident.Valid("P", c.Project) {
			e.Details["project"] = c.Project
		}
	} else {
		e.Project = c.Project
	}
	return db.Write(context.WithoutCancel(ctx), func(_ context.Context, tx *store.Tx) error { return audit.Record(tx, e) })
}

var status = map[fault.Kind]int{
	fault.Internal:        http.StatusInternalServerError,
	fault.Invalid:         http.StatusBadRequest,
	fault.Unauthenticated: http.StatusUnauthorized,
	fault.Forbidden:       http.StatusForbidden,
	fault.NotFound:        http.StatusNotFound,
	fault.Conflict:        http.StatusConflict,
	fault.TooLarge:        http.StatusRequestEntityTooLarge,
	fault.Unsupported:     http.StatusUnsupportedMediaType,
	fault.Limited:         http.StatusTooManyRequests,
	fault.Unavailable:     http.StatusServiceUnavailable,
	fault.Unknown:         http.StatusInternalServerError,
}

// RetryAfter says in the header of an answer how long to wait, where a fault
// knows it: in whole seconds (RFC 9110 10.2.3), the only form that clients of the
// wire read.
func RetryAfter(h http.Header, f *fault.Error) {
	if wait, ok := f.Details.(interface{ RetryAfter() int }); ok {
		h.Set("Retry-After", strconv.Itoa(wait.RetryAfter()))
	}
}

// Status returns the status of a fault: our own codes say it themselves.
func Status(f *fault.Error) int {
	if digits, ok := strings.CutPrefix(f.Code, "P"); ok && len(digits) == 5 {
		if n, err := strconv.Atoi(digits[:3]); err == nil && n >= 400 && n < 600 {
			return n
		}
	}
	return status[f.Kind]
}
