// Package passkey owns sign-in by passkeys (Web Authentication Level 3): the
// credentials that users have, the ceremonies that make and show them, and which
// pages and apps may hold one.
//
// A ceremony has a start, which gives the browser a challenge, and an end, which
// checks what the authenticator says of it. What is between is a row that works once.
// The checks of the standard themselves are a library's.
//
// It leaves sessions to package session.
package passkey

import (
	"encoding/base64"
	"time"

	"github.com/go-webauthn/webauthn/webauthn"

	"postern/internal/fault"
	"postern/internal/project"
	"postern/internal/session"
	"postern/internal/store"
)

// What callers are told.
var (
	// ErrRefused is one answer for whatever is wrong with what an authenticator says.
	// The log says what.
	ErrRefused  = fault.New(fault.Unauthenticated, "P40171", "the passkey was not accepted")
	ErrCeremony = fault.New(fault.Unauthenticated, "P40172", "there is no such passkey transaction: it was used, is over, or is another call's")
	ErrCloned   = fault.New(fault.Unauthenticated, "P40173", "the passkey was not accepted: its counter says that there is a copy of it").
			WithHint("remove the passkey and register the authenticator again")
	ErrOrigin = fault.New(fault.Invalid, "P40071", "the origin is not one that may hold passkeys of the project").
			WithHint("it must be of a trusted domain and of the relying party id, or an Android app whose fingerprint is in webauthn.json")
	ErrOptions  = fault.New(fault.Invalid, "E011003", "Request is invalid: passkeyOptions has a value that there is not")
	ErrTaken    = fault.New(fault.Conflict, "P40971", "the passkey belongs to somebody already")
	ErrNotFound = fault.New(fault.NotFound, "P40471", "the user has no such passkey")
	ErrImport   = fault.New(fault.Invalid, "E011003", "Request is invalid: a passkey to import needs its id, its relying party id and its public key as COSE")
)

// lifetime is how long a ceremony may take.
const lifetime = 5 * time.Minute

// Service keeps passkeys and holds ceremonies.
type Service struct {
	DB       *store.DB
	Projects *project.Service
	Sessions *session.Service
	Rows     *store.Cap // of Bounded; nil is no bound
}

// A Passkey is a credential of a user.
type Passkey struct {
	Project        string
	ID             []byte // credential id
	UserID         string
	Handle         []byte // what the authenticator says whose it is; empty where that is not known
	RPID           string // the domain that it is bound to
	Name           string
	PublicKey      []byte // COSE_Key
	Attestation    string // its format
	AAGUID         []byte // the model of the authenticator; zeroes where it does not say
	Transports     []string
	SignCount      uint32
	BackupEligible bool // it may be synced
	BackedUp       bool
	CreatedAt      time.Time
	LastUsedAt     time.Time // zero for never
}

// encode writes bytes as browsers do.
func encode(id []byte) string { return base64.RawURLEncoding.EncodeToString(id) }

// EncodedID returns the credential id as browsers write it.
func (p *Passkey) EncodedID() string { return encode(p.ID) }

// made is the passkey of a registration.
func made(projectID, userID, rpID string, c *webauthn.Credential) *Passkey {
	p := &Passkey{
		Project: projectID, ID: c.ID, UserID: userID, Handle: []byte(userID), RPID: rpID, PublicKey: c.PublicKey, Attestation: c.AttestationFormat,
		AAGUID: c.Authenticator.AAGUID, SignCount: c.Authenticator.SignCount,
		BackupEligible: c.Flags.BackupEligible, BackedUp: c.Flags.BackupState, CreatedAt: time.Now().UTC().Truncate(time.Second),
	}
	for _, t := range c.Transport {
		p.Transports = append(p.Transports, string(t))
	}
	p.Name = "Passkey"
	if !p.BackupEligible {
		p.Name = "Security key or device"
	}
	return p
}
