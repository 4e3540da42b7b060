package api

import (
	"context"
	"errors"
	"net/http"
	"slices"

	"postern/internal/authz"
	"postern/internal/fault"
	"postern/internal/project"
	"postern/internal/secret"
	"postern/internal/session"
	"postern/internal/store"
	"postern/internal/user"
)

type refreshRequest struct {
	External string `json:"externalToken"` // of the former service, where no refresh token counts
}

// refresh gives further tokens for the one that is shown. Clients that move from a
// former service show the token of that one as well, each time: it counts where ours
// does not.
func (s *Server) refresh(ctx context.Context, in *refreshRequest) (*session.Tokens, error) {
	c := callerOf(ctx)
	err := error(errNotSignedIn)
	if !c.Token.IsZero() {
		var tokens *session.Tokens
		if tokens, err = s.Sessions.Refresh(ctx, c.Config, c.Token, clientOf(c)); err == nil {
			return tokens, nil
		}
	}
	if in.External == "" || fault.From(err).Kind != fault.Unauthenticated {
		return nil, err
	}
	return s.Exchange.SignIn(ctx, c.Config, secret.New(in.External), clientOf(c))
}

// tryRefresh is what a page asks when it opens: that nobody has signed in is an
// answer like another.
func (s *Server) tryRefresh(w http.ResponseWriter, r *http.Request) error {
	in := &refreshRequest{}
	if err := readInto(w, r, in); err != nil {
		return err
	}
	if callerOf(r.Context()).Config.Settings.Migration == nil {
		in.External = ""
	}
	tokens, err := s.refresh(r.Context(), in)
	if kind := fault.From(err); kind != nil && (kind.Kind == fault.Unauthenticated || errors.Is(err, user.ErrDisabled)) {
		return writeJSON(w, http.StatusOK, empty{})
	}
	if err != nil {
		return err
	}
	return s.signedIn(w, r, tokens)
}

type validAnswer struct {
	Claims map[string]any `json:"parsedJWT"`
}

func (s *Server) validateToken(ctx context.Context, _ *empty) (*validAnswer, error) {
	c := callerOf(ctx)
	claims, err := s.Sessions.Validate(ctx, c.Config, c.Token)
	return &validAnswer{claims}, err
}

// errNobody is a call about a user of a session that is of an anonymous visitor.
var errNobody = fault.New(fault.Forbidden, "P40314", "the session is of a visitor who is no user")

func (s *Server) me(ctx context.Context, _ *empty) (*wireUser, error) {
	u := currentOf(ctx).User
	if u == nil {
		return nil, errNobody
	}
	return s.userOnWire(ctx, callerOf(ctx).Config, u)
}

// wirePast is a login of the past. Where somebody was is not looked up.
type wirePast struct {
	User    string `json:"userId"`
	At      int64  `json:"loginTime"` // Unix seconds
	City    string `json:"city"`
	Country string `json:"country"`
	Address string `json:"ip"`
	Tenant  string `json:"selectedTenant"`
}

func (s *Server) pastOf(ctx context.Context, project string, users ...string) ([]wirePast, error) {
	out := []wirePast{}
	for _, id := range users {
		list, err := s.Sessions.History(ctx, project, id)
		if err != nil {
			return nil, err
		}
		for _, p := range list {
			out = append(out, wirePast{User: p.User, At: seconds(p.At), Address: p.Address, Tenant: p.Tenant})
		}
	}
	return out, nil
}

func (s *Server) myHistory(ctx context.Context, _ *empty) (*[]wirePast, error) {
	u := currentOf(ctx).User
	if u == nil {
		return nil, errNobody
	}
	list, err := s.pastOf(ctx, u.Project, u.ID)
	return &list, err
}

type myTenantsRequest struct {
	Current bool     `json:"dct"` // the current one alone
	IDs     []string `json:"ids"` // these alone; none is all
}

// wireMyTenant is a tenant as its members see it.
type wireMyTenant struct {
	ID     string         `json:"id"`
	Name   string         `json:"name"`
	Custom map[string]any `json:"customAttributes"`
}

type myTenantsAnswer struct {
	Tenants []wireMyTenant `json:"tenants"`
}

func (s *Server) myTenants(ctx context.Context, in *myTenantsRequest) (*myTenantsAnswer, error) {
	current := currentOf(ctx)
	if current.User == nil {
		return nil, errNobody
	}
	out := &myTenantsAnswer{Tenants: []wireMyTenant{}}
	for _, m := range current.Tenants {
		if in.Current && m.Tenant != current.Session.Tenant || len(in.IDs) > 0 && !slices.Contains(in.IDs, m.Tenant) {
			continue
		}
		t, err := s.Tenants.Get(ctx, current.User.Project, m.Tenant)
		if err != nil {
			return nil, err
		}
		shown, err := s.shownTo(ctx, callerOf(ctx).Config, m)
		if err != nil {
			return nil, err
		}
		out.Tenants = append(out.Tenants, wireMyTenant{ID: t.ID, Name: t.Name, Custom: project.Defined(shown, t.Custom)})
	}
	return out, nil
}

// shownTo returns the custom attributes of a tenant that a member may see. Permissions in
// the whole project say nothing of one tenant.
func (s *Server) shownTo(ctx context.Context, c *project.Config, m user.Membership) (list []project.Attribute, err error) {
	all := c.Attributes.Tenant
	if !slices.ContainsFunc(all, func(a project.Attribute) bool { return len(a.ViewPermissions) > 0 }) {
		return all, nil
	}
	err = s.Projects.DB.Read(ctx, func(_ context.Context, tx *store.Tx) error {
		roles, err := authz.Load(tx, c, m.Tenant)
		if err != nil {
			return err
		}
		member := &delegate{may: roles.Permissions(m.Roles)}
		list = slices.DeleteFunc(slices.Clone(all), func(a project.Attribute) bool { return !member.sees(a) })
		return nil
	})
	return list, err
}

type selectRequest struct {
	Tenant string `json:"tenant"`
}

func (s *Server) selectTenant(ctx context.Context, in *selectRequest) (*session.Tokens, error) {
	c := callerOf(ctx)
	return s.Sessions.SelectTenant(ctx, c.Config, c.Token, clientOf(c), in.Tenant)
}

type logoutRequest struct {
	Types sessionTypes `json:"logoutType"` // of the other sessions that end
}

// logout ends sessions and takes the cookies away. The answer names where they are,
// for clients that keep them by themselves.
func (s *Server) logout(which session.Which) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		c, in := callerOf(r.Context()), &logoutRequest{}
		if err := readInto(w, r, in); err != nil {
			return err
		}
		if _, err := s.Sessions.Logout(r.Context(), c.Config, c.Token, which, in.Types, clientOf(c)); err != nil {
			return err
		}
		settings := c.Config.Settings
		if which != session.Previous {
			for name, how := range map[string]project.Cookie{sessionCookie: settings.SessionCookie, refreshName(r): settings.RefreshCookie} {
				// One from before the settings were others is there still.
				if _, err := r.Cookie(name); err == nil || how.Use {
					dropCookie(w, r, name, how)
				}
			}
		}
		return writeJSON(w, http.StatusOK, wireTokens{CookieDomain: settings.RefreshCookie.Domain, CookiePath: cookiePath, SessionDomain: settings.SessionCookie.Domain})
	}
}
