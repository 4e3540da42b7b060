package api

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"postern/internal/dpop"
	"postern/internal/edge"
	"postern/internal/fault"
	"postern/internal/ident"
	"postern/internal/mgmtkey"
	"postern/internal/project"
	"postern/internal/secret"
	"postern/internal/session"
)

type callerKey struct{}

func callerOf(ctx context.Context) *edge.Caller {
	c, _ := ctx.Value(callerKey{}).(*edge.Caller)
	return c
}

// configOf returns the configuration of the project that a management key acts on.
func (s *Server) configOf(ctx context.Context) (*project.Config, error) {
	return s.Projects.Config(ctx, callerOf(ctx).Project)
}

// authorize checks what the route asks for and returns the request with whoever
// makes it, as far as that is known where it is refused.
func (s *Server) authorize(need edge.Need, r *http.Request) (*http.Request, error) {
	switch need.Scope {
	case edge.Public:
		return r, nil
	case edge.Anyone, edge.User, edge.Token:
		return s.person(need, r)
	case edge.Project, edge.Company:
	default:
		return r, errNoRoute
	}
	if need.InTenant != "" && ofUser(r) {
		return s.delegated(need, r)
	}
	id, token, err := bearer(r)
	if err != nil {
		return r, err
	}
	key, err := s.Keys.Authenticate(r.Context(), token, edge.Remote(r))
	if err != nil {
		return r, err
	}
	caller := edge.NewCaller(r, id, key)
	caller.Base = baseOf(r)
	r = r.WithContext(context.WithValue(r.Context(), callerKey{}, caller)) // a refusal is logged with who got it
	if need.Scope == edge.Project && id == "" {
		return r, errNoProject
	}
	return r, need.Allow(key, id)
}

// bearer reads "Bearer <project id>:<management key>" or, for calls that are
// not about one project, "Bearer <management key>".
func bearer(r *http.Request) (id, token string, err error) {
	scheme, value, ok := strings.Cut(r.Header.Get("Authorization"), " ")
	if !ok || !strings.EqualFold(scheme, "Bearer") || strings.TrimSpace(value) == "" {
		return "", "", mgmtkey.ErrNoToken
	}
	first, rest, both := strings.Cut(strings.TrimSpace(value), ":")
	switch {
	case both && rest == "":
		return "", "", mgmtkey.ErrNoToken // a project alone
	case both:
		return first, rest, nil
	case strings.HasPrefix(first, "P"):
		return "", "", mgmtkey.ErrNoToken
	default:
		return "", first, nil
	}
}

// What a person who signs in is told. Whether there is no such project or it is
// not in use is one answer.
var (
	errNoPerson = fault.New(fault.Unauthenticated, "P40105", "the Authorization header must be Bearer <project id>, with :<token> where the call needs one")
	errOrigin   = fault.New(fault.Forbidden, "P40307", "pages of this origin may not sign people in to the project").
			WithHint("add its domain to trustedDomains of project.json")
	errNotSignedIn = fault.New(fault.Unauthenticated, "P40104", "the call needs the refresh token of a session")
)

// person finds out which project somebody signs in to, and from where. A page may
// call where it is of the server itself or of a domain that the project trusts.
func (s *Server) person(need edge.Need, r *http.Request) (*http.Request, error) {
	scheme, value, ok := strings.Cut(r.Header.Get("Authorization"), " ")
	if !ok || !strings.EqualFold(scheme, "Bearer") {
		return r, errNoPerson
	}
	id, token, backend := parts(value)
	if !ident.Valid("P", id) {
		return r, errNoPerson
	}
	config, err := s.Projects.Running(r.Context(), id)
	if errors.Is(err, project.ErrNotFound) {
		return r, errNoPerson
	}
	if err != nil {
		return r, err
	}
	if origin := r.Header.Get("Origin"); origin != "" && !ofServer(r, origin) && !config.TrustsOrigin(origin) {
		return r, errOrigin
	}
	if token == "" { // a browser sends it by itself; only to pages that are trusted, see above
		if cookie, err := r.Cookie(refreshName(r)); err == nil {
			token = cookie.Value
		}
	}
	caller := edge.NewPerson(r, config, secret.New(token))
	caller.Base, caller.Device = baseOf(r), deviceToken(r)
	r = r.WithContext(context.WithValue(r.Context(), callerKey{}, caller))
	if backend != "" {
		if caller.Key, err = s.backend(r, id, backend); err != nil {
			return r, err
		}
		caller.Origin.Actor = caller.Key.ID
	}
	if caller.Proof, err = s.proven(need, r, caller); err != nil {
		return r, err
	}
	return s.holder(need, r, caller)
}

var errProofs = dpop.ErrProof.WithMessage("a call has at most one header DPoP")

// proven verifies the proof that a call brings of the key that its token is bound to,
// or that the tokens it gets are to be bound to, and returns the thumbprint of it.
// A token that is bound does not count without.
func (s *Server) proven(need edge.Need, r *http.Request, c *edge.Caller) (string, error) {
	proofs := r.Header.Values("DPoP")
	shown := c.Token
	if need.Scope == edge.Anyone && !need.Renews { // a token is of no account there, but for a step-up or a further factor
		shown = secret.Text{}
	}
	bound := session.BoundTo(c.Token)
	switch {
	case len(proofs) > 1:
		return "", errProofs
	case len(proofs) == 0 && bound != "" && need.Scope == edge.Anyone:
		c.Token = secret.Text{} // as good as none: a cookie of a former session must not keep anybody from signing in
		return "", nil
	case len(proofs) == 0 && bound != "" && !need.Carried:
		return "", dpop.ErrNoProof
	case len(proofs) == 0:
		return "", nil
	}
	return s.DPoP.Verify(r.Context(), proofs[0], dpop.Call{
		Project: c.Config.Project, Method: r.Method, URL: s.Sessions.Base(c.Base) + r.URL.EscapedPath(), Token: shown, Bound: bound, Renews: need.Renews,
	})
}

// parts reads "<project id>[:<token>][:<management key>]". A token of ours begins
// otherwise than a key.
func parts(value string) (id, token, key string) {
	id, rest, _ := strings.Cut(strings.TrimSpace(value), ":")
	token, key, both := strings.Cut(rest, ":")
	if !both && mgmtkey.Looks(token) {
		return id, "", token
	}
	return id, token, key
}

// backend authenticates the management key of a server that calls for a person:
// what it says of them is trusted.
func (s *Server) backend(r *http.Request, id, token string) (*mgmtkey.Key, error) {
	key, err := s.Keys.Authenticate(r.Context(), token, edge.Remote(r))
	if err != nil {
		return nil, err
	}
	return key, in(mgmtkey.Admin).Allow(key, id)
}

// holder looks at the refresh token of a call that needs one.
func (s *Server) holder(need edge.Need, r *http.Request, caller *edge.Caller) (*http.Request, error) {
	if need.Scope == edge.Anyone {
		return r, nil
	}
	if caller.Token.IsZero() && !need.Exchanges {
		return r, errNotSignedIn
	}
	if need.Scope == edge.Token {
		return r, nil
	}
	current, err := s.Sessions.Current(r.Context(), caller.Config, caller.Token, clientOf(caller))
	if err != nil {
		return r, err
	}
	return r.WithContext(context.WithValue(r.Context(), currentKey{}, current)), nil
}

type currentKey struct{}

// currentOf returns the session of who calls where the route needs one, as signedIn
// says; else nil.
func currentOf(ctx context.Context) *session.Current {
	c, _ := ctx.Value(currentKey{}).(*session.Current)
	return c
}

// ofServer reports whether a page is one of this server.
func ofServer(r *http.Request, origin string) bool {
	_, host, ok := strings.Cut(origin, "://")
	return ok && strings.EqualFold(host, r.Host)
}
