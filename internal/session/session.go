// Package session owns what follows a proof of who somebody is: sessions, their
// tokens, refresh and rotation, step-up, the choice of a tenant, and their end.
//
// How a person proves who they are is for the packages of the methods, which end in
// Service.SignIn. The keys that sign are package key's.
package session

import (
	"context"
	"errors"
	"time"

	"postern/internal/project"
	"postern/internal/secret"
	"postern/internal/store"
	"postern/internal/user"
)

// The methods of authentication, as the claim amr has them (RFC 8176 where it has a
// word, else those that clients of the wire know).
const (
	AMREmail    = "email"
	AMRSMS      = "sms"
	AMRVoice    = "voice"
	AMRWhatsApp = "whatsapp"
	AMRPassword = "pwd"
	AMRTOTP     = "totp"
	AMRPasskey  = "webauthn"
	AMRLink     = "link" // an embedded link
	AMRMFA      = "mfa"  // beside two others
)

// Options are what a sign-in may ask for: LoginOptions of the wire.
type Options struct {
	StepUp       bool           // for a short while, on top of a session
	MFA          bool           // a further factor, on top of a session
	CustomClaims map[string]any // put into the tokens, under the claims that are reserved
	Tenant       string         // to be the current one
	App          string         // id of an SSO application
	RevokeOthers bool           // end the other sessions of the user
}

// A Client is what is known of the device that signs in.
type Client struct {
	Address   string
	UserAgent string
	Origin    string // of the page, where a browser says so
}

// A Login is a proof of who somebody is, on the way to a session.
type Login struct {
	Config  *project.Config // that the sign-in began under
	Method  string          // one of AMR…
	Options Options
	Client  Client
	// Current is the refresh token of the session that a step-up or a further factor
	// belongs to; empty for a new session.
	Current secret.Text
	// Prove is run in the transaction that makes the session. It consumes the proof, so
	// that it works once, and returns whose it is; a user whom it created is first seen.
	Prove func(tx *store.Tx) (u *user.User, firstSeen bool, err error)
}

// Tokens are what a sign-in or a refresh gives.
type Tokens struct {
	Session        secret.Text // the session token, a JWT
	Refresh        secret.Text // the refresh token, a JWT; empty where it stays as it is
	SessionExpires time.Time
	RefreshExpires time.Time
	Claims         map[string]any // of the session token
	User           *user.User     // nil for an access key
	FirstSeen      bool
	Config         *project.Config
}

// Service makes sessions.
type Service struct {
	DB       *store.DB
	Projects *project.Service
}

// SignIn makes a session of a proof, or adds it to the current one. It commits once.
func (s *Service) SignIn(ctx context.Context, in Login) (*Tokens, error) {
	return nil, errNotBuilt
}

var errNotBuilt = errors.New("sessions are not built yet")
