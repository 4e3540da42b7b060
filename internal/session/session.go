// Package session owns what follows a proof of who somebody is: sessions, their
// tokens, refresh and rotation, step-up, the choice of a tenant, and their end.
//
// How a person proves who they are is for the packages of the methods, which end in
// Service.SignIn. The keys that sign are package key's.
package session

import (
	"sync"
	"time"

	"postern/internal/fault"
	"postern/internal/key"
	"postern/internal/limit"
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

	AMRQuestions = "kba" // security questions: knowledge-based authentication
	AMRFederated = "fed" // another service proved it
)

// ErrCode is a one-time code that does not prove anything: a wrong one, one that was
// used, one of nobody. It is declared here for the methods that have such codes.
var ErrCode = fault.New(fault.Unauthenticated, "E061102", "Invalid one-time code")

// Options are what a sign-in may ask for: LoginOptions of the wire. As JSON they are
// what a method remembers of them until the proof, which is all that a person may ask.
type Options struct {
	StepUp       bool           `json:"stepUp,omitzero"`  // for a short while, on top of a session
	MFA          bool           `json:"mfa,omitzero"`     // a further factor, on top of a session
	CustomClaims map[string]any `json:"claims,omitempty"` // put into the tokens; never over the claims that are reserved
	// Trusted says that a management key asks. Who only knows the id of a project may
	// ask for claims, too: those stand apart, in the claim nsec.
	Trusted      bool          `json:"trusted,omitzero"`
	Lifetime     time.Duration `json:"-"`                     // of the session; 0 for that of the settings
	Actor        string        `json:"-"`                     // who impersonates the user; for Service.Impersonate
	Tenant       string        `json:"tenant,omitzero"`       // to be the current one
	App          string        `json:"app,omitzero"`          // id of an SSO application
	RevokeOthers bool          `json:"revokeOthers,omitzero"` // end the other sessions of the user
	RevokeTypes  []string      `json:"revokeTypes,omitempty"` // of those, the ones of these types alone; see CheckTypes
	TrustDevice  bool          `json:"trustDevice,omitzero"`  // remember the device; it takes a further factor
}

// A Client is what is known of the device that signs in.
type Client struct {
	Address   string
	Counted   string // what limits count as the address; empty where it does not say who it is
	UserAgent string
	Origin    string // of the page, where a browser says so
	Base      string // the URL of this server that the request came to, "https://id.example.com"
	// Shown is a token that it shows without need, as browsers do: of a session that
	// there is, where it still counts.
	Shown  secret.Text
	Device secret.Text // the token that it keeps where it is trusted
	Key    string      // the thumbprint of the key that it has proven to have (DPoP); empty for none

	Request string // the id of the request, as in the log
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
	// CurrentID is the same for a proof that ends what began with the token: the id of
	// the session, from Service.Current, which the method kept meanwhile.
	CurrentID string
	// Enrols says that the proof is the making of a credential in that session. Whoever
	// has the session can do that, so it is no further factor.
	Enrols bool
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
	ID             string      // of the session
	Device         secret.Text // the token for a device that is trusted from now on; else empty
	DeviceExpires  time.Time
}

// What callers are told.
var (
	ErrEnded     = fault.New(fault.Unauthenticated, "E064001", "the session has ended: the user logged out")
	ErrExpired   = fault.New(fault.Unauthenticated, "P40107", "the session has expired")
	ErrReplayed  = fault.New(fault.Unauthenticated, "P40108", "the refresh token was used before; its session has ended")
	ErrNoSession = fault.New(fault.Unauthenticated, "P40109", "a step-up or a further factor needs the refresh token of a session")
	ErrOtherKey  = fault.New(fault.Unauthenticated, "P40118", "the session is bound to another key than that of the DPoP proof, or there is none")
	ErrOtherUser = fault.New(fault.Forbidden, "P40310", "the session is of another user")
	ErrNotMember = fault.New(fault.Forbidden, "P40311", "the user is not in the tenant")
)

// Service makes sessions.
type Service struct {
	DB       *store.DB
	Projects *project.Service
	Keys     *key.Service
	// PublicURL is where clients reach the server, without a slash at the end. It is
	// the begin of issuers; where it is empty, that is where a request came to.
	PublicURL string
	// Limits count who signs up, by the rules of SignUps.
	Limits  *limit.Service
	SignUps SignUps

	known sync.Map // project id → known
}
