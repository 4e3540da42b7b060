package api

import (
	"context"
	"time"

	"postern/internal/authz"
	"postern/internal/edge"
	"postern/internal/fault"
	"postern/internal/project"
	"postern/internal/secret"
	"postern/internal/session"
	"postern/internal/store"
	"postern/internal/user"
)

var errDuration = fault.New(fault.Invalid, "E011003", "Request is invalid: refreshDuration must be between 0 and 315360000 seconds")

// longestDuration is ten years: of a session that management asks for.
const longestDuration = 10 * 365 * 24 * time.Hour

// duration reads refreshDuration, seconds; 0 is that of the settings.
func duration(seconds number) (time.Duration, error) {
	if seconds < 0 || seconds > number(longestDuration/time.Second) {
		return 0, errDuration
	}
	return time.Duration(seconds) * time.Second, nil
}

// managing returns the configuration of the project that a key acts on, who calls,
// and the length of time that they ask for.
func (s *Server) managing(ctx context.Context, seconds number) (*project.Config, *edge.Caller, time.Duration, error) {
	life, err := duration(seconds)
	if err != nil {
		return nil, nil, 0, err
	}
	config, err := s.configOf(ctx)
	return config, callerOf(ctx), life, err
}

type updateTokenRequest struct {
	Token    string         `json:"jwt"`
	Claims   map[string]any `json:"customClaims"`
	Duration number         `json:"refreshDuration"` // seconds
}

// tokenAnswer is one token.
type tokenAnswer struct {
	Token string `json:"jwt"`
}

func (s *Server) updateToken(ctx context.Context, in *updateTokenRequest) (*tokenAnswer, error) {
	config, c, life, err := s.managing(ctx, in.Duration)
	if err != nil {
		return nil, err
	}
	token, err := s.Sessions.UpdateToken(ctx, c.Origin, config, secret.New(in.Token), session.Change{Claims: in.Claims, Lifetime: life, Base: c.Base})
	return &tokenAnswer{token.Reveal()}, err
}

type impersonateRequest struct {
	LoginID  string         `json:"loginId"` // or the id of the user
	Actor    string         `json:"impersonatorId"`
	Consent  bool           `json:"validateConsent"`
	Claims   map[string]any `json:"customClaims"`
	Tenant   string         `json:"selectedTenant"`
	Duration number         `json:"refreshDuration"` // seconds
}

func (s *Server) impersonate(ctx context.Context, in *impersonateRequest) (*tokenAnswer, error) {
	tokens, err := s.impersonation(ctx, in, false)
	if err != nil {
		return nil, err
	}
	return &tokenAnswer{tokens.Refresh.Reveal()}, nil
}

func (s *Server) impersonateStepUp(ctx context.Context, in *impersonateRequest) (*tokenAnswer, error) {
	tokens, err := s.impersonation(ctx, in, true)
	if err != nil {
		return nil, err
	}
	return &tokenAnswer{tokens.Session.Reveal()}, nil
}

func (s *Server) impersonation(ctx context.Context, in *impersonateRequest, stepUp bool) (*session.Tokens, error) {
	config, c, life, err := s.managing(ctx, in.Duration)
	if err != nil {
		return nil, err
	}
	tokens, err := s.Sessions.Impersonate(ctx, c.Origin, session.Impersonation{
		Config: config, Actor: in.Actor, Consent: in.Consent, StepUp: stepUp, Client: clientOf(c),
		Find: func(tx *store.Tx) (*user.User, error) {
			return user.Who{LoginID: in.LoginID, Anywhere: true}.Find(tx, config.Project)
		},
		Change: session.Change{Claims: in.Claims, Tenant: in.Tenant, Lifetime: life, Base: c.Base},
	})
	return tokens, userFault(err)
}

type stopRequest struct {
	Token    string         `json:"jwt"`
	Claims   map[string]any `json:"customClaims"`
	Tenant   string         `json:"selectedTenant"`
	Duration number         `json:"refreshDuration"` // seconds
}

func (s *Server) stopImpersonation(ctx context.Context, in *stopRequest) (*tokenAnswer, error) {
	config, c, life, err := s.managing(ctx, in.Duration)
	if err != nil {
		return nil, err
	}
	change := session.Change{Claims: in.Claims, Tenant: in.Tenant, Lifetime: life, Base: c.Base}
	tokens, err := s.Sessions.StopImpersonation(ctx, c.Origin, config, secret.New(in.Token), change, clientOf(c))
	if err != nil {
		return nil, err
	}
	return &tokenAnswer{tokens.Refresh.Reveal()}, nil
}

type anonymousRequest struct {
	Claims   map[string]any `json:"customClaims"`
	Tenant   string         `json:"selectedTenant"`
	Duration number         `json:"refreshDuration"` // seconds
	Roles    []string       `json:"roles"`           // names
}

func (s *Server) anonymous(ctx context.Context, in *anonymousRequest) (*wireTokens, error) {
	config, c, life, err := s.managing(ctx, in.Duration)
	if err != nil {
		return nil, err
	}
	roles, err := authz.Of(config).IDs(in.Roles)
	if err != nil {
		return nil, err
	}
	change := session.Change{Claims: in.Claims, Tenant: in.Tenant, Lifetime: life, Base: c.Base}
	tokens, err := s.Sessions.Anonymous(ctx, config, roles, change, clientOf(c))
	if err != nil {
		return nil, err
	}
	return s.tokensOnWire(ctx, tokens)
}

type assertionRequest struct {
	Issuer    string   `json:"issuer"`
	Subject   string   `json:"subject"`
	Audience  []string `json:"audience"`
	Lifetime  number   `json:"expiresIn"`       // seconds
	Flat      bool     `json:"flattenAudience"` // text and no list, where there is one
	Algorithm string   `json:"algorithm"`
}

func (s *Server) clientAssertion(ctx context.Context, in *assertionRequest) (*tokenAnswer, error) {
	config, err := s.configOf(ctx)
	if err != nil {
		return nil, err
	}
	life := time.Duration(min(max(in.Lifetime, 0), number(longestDuration/time.Second))) * time.Second
	token, err := s.Sessions.Assert(ctx, callerOf(ctx).Origin, config, session.Assertion{
		Issuer: in.Issuer, Subject: in.Subject, Audience: in.Audience, Lifetime: life, Flat: in.Flat, Algorithm: in.Algorithm,
	})
	return &tokenAnswer{token.Reveal()}, err
}

type signingKeyAnswer struct {
	Kid     string `json:"kid"`
	SignsAt int64  `json:"signsAt"`    // Unix seconds; it is published before
	Until   int64  `json:"olderUntil"` // Unix seconds; until then the older keys verify
}

func (s *Server) rotateSigningKey(ctx context.Context, _ *empty) (*signingKeyAnswer, error) {
	config, err := s.configOf(ctx)
	if err != nil {
		return nil, err
	}
	r, err := s.Sessions.RotateKeys(ctx, callerOf(ctx).Origin, config)
	return &signingKeyAnswer{Kid: r.Kid, SignsAt: seconds(r.SignsAt), Until: seconds(r.Until)}, err
}
