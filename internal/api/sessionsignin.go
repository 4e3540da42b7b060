package api

import (
	"context"
	"errors"

	"postern/internal/fault"
	"postern/internal/project"
	"postern/internal/secret"
	"postern/internal/session"
	"postern/internal/store"
	"postern/internal/user"
)

type logoutUserRequest struct {
	whoBody `json:",embed"`
	Types   sessionTypes `json:"sessionTypes"` // none are all
}

func (s *Server) forceLogout(ctx context.Context, in *logoutUserRequest) (*empty, error) {
	c := callerOf(ctx)
	who, err := in.who(ctx)
	if err != nil {
		return nil, err
	}
	err = s.Sessions.ForceLogout(ctx, c.Origin, in.Types, func(tx *store.Tx) (*user.User, error) { return who.Find(tx, c.Project) })
	return &empty{}, userFault(err)
}

// mostHistories bounds the users of one call.
const mostHistories = 100

var errHistories = fault.New(fault.Invalid, "E011003", "Request is invalid: the history of at most 100 users can be asked for at once")

func (s *Server) history(ctx context.Context, in *[]string) (*[]wirePast, error) {
	if len(*in) > mostHistories {
		return nil, errHistories
	}
	list, err := s.pastOf(ctx, callerOf(ctx).Project, *in...)
	return &list, err
}

type historyRequest struct {
	Users []string `json:"userIds"`
}

type historyAnswer struct {
	Logins []wirePast `json:"usersAuthHistory"`
}

func (s *Server) historyV2(ctx context.Context, in *historyRequest) (*historyAnswer, error) {
	list, err := s.history(ctx, &in.Users)
	if err != nil {
		return nil, err
	}
	return &historyAnswer{*list}, nil
}

// backendRequest is what a backend says of somebody whose proof it has seen.
type backendRequest struct {
	LoginID       string         `json:"loginId"`
	StepUp        bool           `json:"stepup"`
	MFA           bool           `json:"mfa"`
	Claims        map[string]any `json:"customClaims"`
	App           string         `json:"ssoAppId"`
	RevokeOthers  bool           `json:"revokeOtherSessions"`
	RevokeTypes   sessionTypes   `json:"revokeOtherSessionsTypes"`
	Token         string         `json:"jwt"`             // the refresh token that a step-up or a further factor adds to
	Duration      number         `json:"refreshDuration"` // seconds
	Tenant        string         `json:"selectedTenantId"`
	User          wireSignUp     `json:"user"`
	VerifiedEmail bool           `json:"emailVerified"`
	VerifiedPhone bool           `json:"phoneVerified"`
	Tenants       []wireGrant    `json:"userTenants"`
}

// wireGrant is a tenant that a new user belongs to, with names of roles.
type wireGrant struct {
	Tenant string   `json:"tenantId"`
	Roles  []string `json:"roleNames"`
}

func (s *Server) backendSignIn(ctx context.Context, in *backendRequest) (*wireTokens, error) {
	return s.backendLogin(ctx, in, func(tx *store.Tx, c *project.Config) (*user.User, bool, error) {
		u, err := in.find(tx, c)
		return u, false, err
	})
}

func (s *Server) backendSignUp(ctx context.Context, in *backendRequest) (*wireTokens, error) {
	return s.backendLogin(ctx, in, in.create)
}

func (s *Server) backendSignUpOrIn(ctx context.Context, in *backendRequest) (*wireTokens, error) {
	return s.backendLogin(ctx, in, func(tx *store.Tx, c *project.Config) (*user.User, bool, error) {
		u, err := in.find(tx, c)
		if errors.Is(err, user.ErrNotFound) {
			return in.create(tx, c)
		}
		return u, false, err
	})
}

// backendLogin makes a session of the word of a backend. Its answer has the tokens
// in the body always: a backend keeps no cookies.
func (s *Server) backendLogin(ctx context.Context, in *backendRequest, find func(*store.Tx, *project.Config) (*user.User, bool, error)) (*wireTokens, error) {
	config, c, life, err := s.managing(ctx, in.Duration)
	if err != nil {
		return nil, err
	}
	tokens, err := s.Sessions.SignIn(ctx, session.Login{
		Config: config, Client: clientOf(c), Current: secret.New(in.Token),
		Options: session.Options{
			StepUp: in.StepUp, MFA: in.MFA, CustomClaims: in.Claims, Trusted: true, Lifetime: life,
			Tenant: in.Tenant, App: in.App, RevokeOthers: in.RevokeOthers, RevokeTypes: in.RevokeTypes,
		},
		Prove: func(tx *store.Tx) (*user.User, bool, error) { return find(tx, config) },
	})
	if err != nil {
		return nil, userFault(err)
	}
	return s.tokensOnWire(ctx, tokens)
}

// find returns who signs in, as part of tx: where tenants have users of their own, one
// of the tenant that is to be the current one.
func (in *backendRequest) find(tx *store.Tx, c *project.Config) (*user.User, error) {
	return user.Who{LoginID: in.LoginID, Home: user.Home(c, in.Tenant)}.Find(tx, c.Project)
}

// create makes the user of a sign-up, as part of tx.
func (in *backendRequest) create(tx *store.Tx, c *project.Config) (*user.User, bool, error) {
	tenants := make([]string, len(in.Tenants))
	for i, grant := range in.Tenants {
		tenants[i] = grant.Tenant
	}
	u, err := user.Prepare(c, user.Home(c, first(in.Tenant, onlyTenant(tenants))), in.LoginID, in.User.profile())
	if err != nil {
		return nil, false, err
	}
	u.VerifiedEmail, u.VerifiedPhone = in.VerifiedEmail && u.Email != "", in.VerifiedPhone && u.Phone != ""
	names := newDirectory(tx, c)
	for _, grant := range in.Tenants {
		ids, err := names.roles(grant.Tenant, grant.Roles)
		if err != nil {
			return nil, false, err
		}
		if ids, err = names.joining(u, grant.Tenant, ids); err != nil {
			return nil, false, err
		}
		u.Join(grant.Tenant, ids...)
	}
	if err := session.Settle(tx, c, u); err != nil {
		return nil, false, err
	}
	return u, true, user.Create(tx, u)
}
