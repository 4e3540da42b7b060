package api

import (
	"context"

	"postern/internal/challenge"
	"postern/internal/password"
	"postern/internal/secret"
	"postern/internal/session"
)

type passwordSignUpRequest struct {
	LoginID  string            `json:"loginId"`
	User     wireSignUp        `json:"user"`
	Password string            `json:"password"`
	Options  *wireLoginOptions `json:"loginOptions"`
}

func (s *Server) passwordSignUp(ctx context.Context, in *passwordSignUpRequest) (*session.Tokens, error) {
	return s.Passwords.SignUp(ctx, password.SignUp{Login: s.passwordLogin(ctx, in.LoginID, in.Password, in.Options), Profile: in.User.profile()})
}

type passwordSignInRequest struct {
	LoginID  string            `json:"loginId"`
	Password string            `json:"password"`
	App      string            `json:"ssoAppId"`
	Options  *wireLoginOptions `json:"loginOptions"`
}

func (s *Server) passwordSignIn(ctx context.Context, in *passwordSignInRequest) (*session.Tokens, error) {
	claims(ctx, session.AMRPassword, in.LoginID)
	login := s.passwordLogin(ctx, in.LoginID, in.Password, in.Options)
	login.Session.Options.App = first(in.App, login.Session.Options.App)
	return s.Passwords.SignIn(ctx, login)
}

func (s *Server) passwordLogin(ctx context.Context, loginID, text string, options *wireLoginOptions) password.Login {
	return password.Login{Session: s.loginOf(ctx, session.AMRPassword, options), LoginID: loginID, Password: secret.New(text)}
}

type passwordReplaceRequest struct {
	LoginID      string       `json:"loginId"`
	Old          string       `json:"oldPassword"`
	New          string       `json:"newPassword"`
	RevokeOthers bool         `json:"revokeOtherSessions"`
	RevokeTypes  sessionTypes `json:"revokeOtherSessionsTypes"`
	Tenant       string       `json:"tenantId"` // ours: that the login id comes with
}

func (s *Server) passwordReplace(ctx context.Context, in *passwordReplaceRequest) (*session.Tokens, error) {
	claims(ctx, session.AMRPassword, in.LoginID)
	options := &wireLoginOptions{RevokeOthers: in.RevokeOthers, RevokeTypes: in.RevokeTypes, Tenant: in.Tenant}
	return s.Passwords.Replace(ctx, password.Replacement{Login: s.passwordLogin(ctx, in.LoginID, in.Old, options), New: secret.New(in.New)})
}

type passwordResetRequest struct {
	LoginID         string            `json:"loginId"`
	RedirectURL     string            `json:"redirectUrl"`
	Provider        string            `json:"providerId"`
	Template        string            `json:"templateId"`
	TemplateOptions map[string]string `json:"templateOptions"`
	Locale          string            `json:"locale"`
	Recovery        bool              `json:"useRecovery"` // to the second address
	Tenant          string            `json:"tenantId"`    // ours: that the login id comes with
}

// passwordResetAnswer says how the password is reset: by a link in a mail, which the
// call that verifies magic links takes.
type passwordResetAnswer struct {
	Method  string `json:"resetMethod"`
	Pending string `json:"pendingRef"` // empty: nothing is waited for
	Link    string `json:"linkId"`     // empty: it is no enchanted link
	Masked  string `json:"maskedEmail"`
}

func (s *Server) passwordReset(ctx context.Context, in *passwordResetRequest) (*passwordResetAnswer, error) {
	masked, err := s.Passwords.SendReset(ctx, password.Reset{
		Config: callerOf(ctx).Config, LoginID: in.LoginID, Tenant: in.Tenant, RedirectURL: in.RedirectURL, Recovery: in.Recovery,
		Choice: trusted(callerOf(ctx), challenge.Choice{Template: in.Template, Provider: in.Provider, Options: in.TemplateOptions}),
	})
	if err != nil {
		return nil, err
	}
	return &passwordResetAnswer{Method: "magiclink", Masked: masked}, nil
}

type passwordUpdateRequest struct {
	LoginID string `json:"loginId"` // one of the user who is signed in
	New     string `json:"newPassword"`
}

func (s *Server) passwordUpdate(ctx context.Context, in *passwordUpdateRequest) (*empty, error) {
	now, err := s.current(ctx, in.LoginID)
	if err != nil {
		return nil, err
	}
	c := callerOf(ctx)
	by := c.Origin
	by.Actor = now.User.ID
	return &empty{}, s.Passwords.Update(ctx, by, c.Config, now, secret.New(in.New))
}

// passwordPolicyAnswer is what a page can tell somebody who chooses a password. The
// rest of the policy shows when it is broken.
type passwordPolicyAnswer struct {
	MinLength       int  `json:"minLength"`
	Lowercase       bool `json:"lowercase"`
	Uppercase       bool `json:"uppercase"`
	Number          bool `json:"number"`
	NonAlphanumeric bool `json:"nonAlphanumeric"`
	ScoreEnabled    bool `json:"strengthScoreEnabled"`
	Score           int  `json:"strengthScore"` // of zxcvbn, 0 to 4
}

func (s *Server) passwordPolicy(ctx context.Context, _ *empty) (*passwordPolicyAnswer, error) {
	p := callerOf(ctx).Config.Methods.Password
	return &passwordPolicyAnswer{
		MinLength: p.MinLength, Lowercase: p.Lowercase, Uppercase: p.Uppercase, Number: p.Number, NonAlphanumeric: p.NonAlphanumeric,
		ScoreEnabled: p.MinStrength > 0, Score: p.MinStrength,
	}, nil
}
