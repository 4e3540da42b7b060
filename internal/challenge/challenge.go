// Package challenge owns what a message proves: that it reached somebody. It
// decides who it goes to, makes it from the template of the project, sends it,
// bounds how often, keeps what the right answer is, and turns the answer into a
// session: of the user who has the address, of one who signs up, or of one whose
// address changes.
//
// What the answer is (a code, a link, one of three links) is for the packages of
// the methods, which say so in a Method. How a message leaves is package
// connector's.
package challenge

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"log/slog"
	"sync"
	"time"

	"postern/internal/fault"
	"postern/internal/limit"
	"postern/internal/message"
	"postern/internal/project"
	"postern/internal/secret"
	"postern/internal/session"
	"postern/internal/store"
	"postern/internal/user"
)

// What callers are told, beside what each method says itself.
var (
	ErrNoAddress = fault.New(fault.Invalid, "E011003", "Request is invalid: the user has no address that such a message could go to")
	ErrProvider  = fault.New(fault.Invalid, "E011003", "Request is invalid: the project has no connector with the id of providerId")
	ErrTemplate  = fault.New(fault.Invalid, "E011003", "Request is invalid: the method has no template with the id of templateId for such messages")
	ErrMerge     = fault.New(fault.Conflict, "P40941", "another user has this login id, and the two cannot become one").
			WithHint("an administrator can remove the login id from the other user")
	ErrNotTest = fault.New(fault.Invalid, "E011003", "Request is invalid: the user is not a test user")
	ErrNotSent = fault.New(fault.Unavailable, "P50341", "the message could not be sent; try again")
)

// An Act is what the proof is for. The zero value is for nothing.
type Act int

// The acts.
const (
	SignIn Act = 1 + iota
	SignUp
	SignUpOrIn
	Update // of the address of whoever is signed in
)

// A Method is how something is proven, as a configuration has it.
type Method struct {
	Name     string // of what is stored: "otp"
	Enabled  bool
	Lifetime time.Duration
	Rate     project.Rate
	Purpose  message.Purpose
	Messages func(message.Kind) project.Messages
	Domain   string // that a text message binds its code to
	Tries    int    // wrong answers that are taken of one client
	Masks    bool   // nobody learns who is a user
	// Bars says, as part of tx, why a user may not come by the method; nil bars nobody.
	Bars   func(tx *store.Tx, u *user.User) error
	Faults Faults
}

// Faults are what a method says to an answer that is not right.
type Faults struct {
	Wrong   *fault.Error // and where nothing was asked
	Spent   *fault.Error // too many wrong ones
	Expired *fault.Error
	Pending *fault.Error // where somebody waits for the answer
}

// A Request begins a proof.
type Request struct {
	Config  *project.Config
	Method  Method
	Act     Act
	Kind    message.Kind
	LoginID string
	Address string // of a sign-up, or the new one of an update
	Profile user.Profile
	Options session.Options
	Choice  Choice
	Change  Change
	// CodeChallenge binds the answer to who asks (RFC 7636, S256); empty for none.
	CodeChallenge string
	Recovery      bool        // to the second address of the user
	Current       secret.Text // the refresh token of who is signed in, for an update, step-up or MFA
	Client        session.Client
	Lifetime      time.Duration
	// Managed requests come from the customer's own system: nothing is sent, nobody
	// is turned away for being a stranger, and Verified says what it vouches for.
	Managed  bool
	OnlyTest bool      // refuse who is not a test user
	Dialogue *Dialogue // with who sends a message, instead of getting one; else nil
	Verified struct{ Email, Phone bool }
}

// A Choice is what a request says of its message.
type Choice struct {
	Template string // id, of those of the method; empty for the active one
	Provider string // id of a connector; empty for that of the method
	// Options are variables for the template: words in a message of the project. They
	// must come from whom it trusts.
	Options map[string]string
}

// A Dialogue is how we talk with who proves an address by writing to us from it.
type Dialogue struct {
	Connector string            `json:"connector,omitzero"` // that their message must come by; empty for the built-in one
	Verify    string            `json:"verify,omitzero"`    // ids of templates; empty for those in use
	Success   string            `json:"success,omitzero"`
	Error     string            `json:"error,omitzero"`
	Options   map[string]string `json:"options,omitempty"` // variables for the templates
}

// A Change says what becomes of a user whose address changes.
type Change struct {
	AddToLoginIDs  bool `json:"add,omitzero"`
	UseExisting    bool `json:"existing,omitzero"` // of two users who become one, the other one stays
	FailOnConflict bool `json:"fail,omitzero"`
}

// A Pending proof is one that was begun and not yet answered.
type Pending struct {
	Project string
	Method  string
	// ID and Poll name it, as Name makes names. Digest is of the right answer. The
	// method sets them.
	ID, Poll string
	Digest   []byte

	User     string // id; empty for who is no user yet
	Revision int64
	Verified bool
	Tries    int          // that each client has
	spent    *fault.Error // what a client without tries is told
	Created  time.Time
	Expires  time.Time
	Data
}

// Data is what a pending proof remembers, as JSON. It holds no secret.
type Data struct {
	Act           Act             `json:"act"`
	Kind          message.Kind    `json:"kind,omitzero"`
	LoginID       string          `json:"loginId"`
	Home          string          `json:"home,omitzero"` // where the login id counts
	Address       string          `json:"address,omitzero"`
	Profile       user.Profile    `json:"profile,omitzero"`
	Options       session.Options `json:"options,omitzero"`
	Change        Change          `json:"change,omitzero"`
	Session       string          `json:"session,omitzero"` // id of the one that a step-up, MFA or update belongs to
	CodeChallenge string          `json:"codeChallenge,omitzero"`
	Salt          []byte          `json:"salt,omitzero"`
	Test          bool            `json:"test,omitzero"`
	// Dialogue is there where the address is proven by writing from it. Without a login
	// id whoever does is who signs in.
	Dialogue *Dialogue `json:"dialogue,omitzero"`
	// Nobody says that there is no such user: it is there so that nobody can tell,
	// and no answer is right.
	Nobody        bool `json:"nobody,omitzero"`
	Managed       bool `json:"managed,omitzero"`
	VerifiedEmail bool `json:"verifiedEmail,omitzero"`
	VerifiedPhone bool `json:"verifiedPhone,omitzero"`
}

// Name returns the name under which something is stored that somebody shows: the
// SHA-256 of a token or a login id.
func Name(shown string) string {
	sum := sha256.Sum256([]byte(shown))
	return hex.EncodeToString(sum[:])
}

// Service begins and completes proofs.
type Service struct {
	DB       *store.DB
	Projects *project.Service
	Sessions *session.Service
	Limits   *limit.Service
	Rows     *store.Cap // of Bounded; nil is no bound
	Log      *slog.Logger
	// Send gives a message to the connector with that id, or to the built-in one.
	Send func(ctx context.Context, c *project.Config, connector string, m message.Message) error
	// Linger is about how long after the answer a message leaves where nobody may learn
	// from the answer who is a user: half of it at least, and half as long again at most.
	Linger time.Duration

	sending sync.WaitGroup
	peppers sync.Map // project → [32]byte
}

// Wait returns when no message is being sent any more.
func (s *Service) Wait() { s.sending.Wait() }
