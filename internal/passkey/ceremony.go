package passkey

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"

	"postern/internal/ident"
	"postern/internal/project"
	"postern/internal/session"
	"postern/internal/store"
	"postern/internal/user"
)

// The kinds of ceremonies, each with calls of its own.
const (
	kindSignUp = "signup"
	kindSignIn = "signin"
	kindUpdate = "update"
)

// A ceremony is what the end must know of the start.
type ceremony struct {
	Kind         string          `json:"kind"`
	Challenge    string          `json:"challenge"` // base64url
	Party        party           `json:"party"`
	Verification string          `json:"verification"` // of the person
	Revision     int64           `json:"revision"`     // of the configuration
	UserID       string          `json:"userId"`       // whose passkey it is to be; empty: whose the authenticator says
	User         *user.User      `json:"user"`         // who there will be, of a sign-up
	Session      string          `json:"session"`      // id of the one that a step-up or a further factor belongs to
	Asked        session.Options `json:"asked"`        // of the session, at the start
}

// A Started ceremony is what the client goes on with.
type Started struct {
	TransactionID string
	Options       string // JSON, for navigator.credentials
	Create        bool   // whether it makes a passkey
}

// newCeremony begins one at an origin.
func newCeremony(kind string, cfg *project.Config, origin string, o *Options) (*ceremony, error) {
	if !cfg.Methods.Passkey.Enabled {
		return nil, project.ErrMethodOff
	}
	p, err := partyOf(cfg, origin)
	if err != nil {
		return nil, err
	}
	if *o, err = o.check(); err != nil {
		return nil, err
	}
	var challenge [32]byte
	_, _ = rand.Read(challenge[:]) // never fails: crypto/rand ends the program instead
	return &ceremony{Kind: kind, Challenge: encode(challenge[:]), Party: p, Verification: o.Verification, Revision: cfg.Revision}, nil
}

// begin stores a ceremony, and returns what its client must show at the end.
func (s *Service) begin(ctx context.Context, projectID string, c *ceremony) (string, error) {
	id := ident.Random(43) // 256 bits
	data, err := json.Marshal(c)
	if err != nil {
		return "", fmt.Errorf("write a passkey ceremony: %w", err)
	}
	sum := sha256.Sum256([]byte(id))
	err = s.DB.Write(ctx, func(_ context.Context, tx *store.Tx) error {
		_, err := tx.Exec(`INSERT INTO passkey_ceremonies (project, id, kind, data, expires_at) VALUES ($1, $2, $3, $4, $5)`,
			projectID, sum[:], c.Kind, string(data), time.Now().Add(lifetime).Unix())
		return err
	})
	if err != nil {
		return "", err
	}
	return id, s.Rows.Added(ctx, projectID, 1)
}

// Bounded bounds the ceremonies of a project that are under way.
func Bounded(db *store.DB, most int) *store.Cap {
	return db.Cap(most, "passkey ceremonies", `DELETE FROM passkey_ceremonies WHERE (project, id) IN (
		SELECT project, id FROM passkey_ceremonies WHERE project = $1 ORDER BY expires_at DESC LIMIT $3 OFFSET $2)`)
}

// find returns a ceremony of a kind that is under way, and its configuration.
func (s *Service) find(ctx context.Context, projectID, kind, id string) (*ceremony, *project.Config, error) {
	sum := sha256.Sum256([]byte(id))
	c := &ceremony{}
	err := s.DB.One(ctx, func(row store.Scanner) error {
		var data string
		if err := row.Scan(&data); err != nil {
			return err
		}
		return json.Unmarshal([]byte(data), c)
	}, `SELECT data FROM passkey_ceremonies WHERE project = $1 AND id = $2 AND kind = $3 AND expires_at > $4`, projectID, sum[:], kind, time.Now().Unix())
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil, ErrCeremony
	}
	if err != nil {
		return nil, nil, fmt.Errorf("read a passkey ceremony: %w", err)
	}
	cfg, err := s.Projects.ConfigAt(ctx, projectID, c.Revision)
	return c, cfg, err
}

// consume ends a ceremony, as part of tx. Of two who end one the second finds none.
func consume(tx *store.Tx, projectID, id string) error {
	sum := sha256.Sum256([]byte(id))
	res, err := tx.Exec(`DELETE FROM passkey_ceremonies WHERE project = $1 AND id = $2 AND expires_at > $3`, projectID, sum[:], time.Now().Unix())
	if err != nil {
		return err
	}
	if n, err := res.RowsAffected(); err != nil || n != 1 {
		return errors.Join(ErrCeremony, err)
	}
	return nil
}

// Expire forgets the ceremonies that did not end in time, and returns how many.
func (s *Service) Expire(ctx context.Context) (int, error) {
	n, err := s.DB.Prune(ctx, `DELETE FROM passkey_ceremonies WHERE (project, id) IN (
		SELECT project, id FROM passkey_ceremonies WHERE expires_at <= $1 LIMIT $2)`, time.Now().Unix())
	if err != nil {
		return n, fmt.Errorf("forget passkey ceremonies: %w", err)
	}
	return n, nil
}

// register checks what an authenticator says of a new passkey.
func (c *ceremony) register(projectID string, response []byte) (*Passkey, error) {
	parsed, err := protocol.ParseCredentialCreationResponseBytes(response)
	if err != nil {
		return nil, refused(err)
	}
	lib, err := c.library()
	if err != nil {
		return nil, err
	}
	fresh, err := lib.CreateCredential(whose{handle: []byte(c.UserID)}, c.session([]byte(c.UserID)), parsed)
	if err != nil {
		return nil, refused(err)
	}
	return made(projectID, c.UserID, c.Party.ID, fresh), nil
}

// library returns the checks of the standard for the relying party.
func (c *ceremony) library() (*webauthn.WebAuthn, error) {
	return webauthn.New(&webauthn.Config{
		RPID: c.Party.ID, RPDisplayName: c.Party.ID, RPOrigins: c.Party.Origins,
		// Apps answer extensions that nobody asked for; we read none.
		ExtensionsUnsolicitedOutputPolicy: protocol.UnsolicitedOutputPolicyIgnore,
	})
}

func (c *ceremony) session(handle []byte) webauthn.SessionData {
	return webauthn.SessionData{
		Challenge: c.Challenge, RelyingPartyID: c.Party.ID, UserID: handle,
		UserVerification: protocol.UserVerificationRequirement(c.Verification), CredParams: parameters(),
	}
}

// refused says to the log what is wrong. What the library adds for developers holds
// what clients sent, and stays out.
func refused(err error) error {
	if e, ok := errors.AsType[*protocol.Error](err); ok {
		return fmt.Errorf("%w: %s", ErrRefused, e.Details)
	}
	return fmt.Errorf("%w: it cannot be read", ErrRefused)
}

// whose is a user as the library asks for one.
type whose struct {
	handle []byte
	list   []webauthn.Credential
}

func (w whose) WebAuthnID() []byte                         { return w.handle }
func (w whose) WebAuthnName() string                       { return "" }
func (w whose) WebAuthnDisplayName() string                { return "" }
func (w whose) WebAuthnCredentials() []webauthn.Credential { return w.list }
