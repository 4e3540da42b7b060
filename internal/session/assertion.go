package session

import (
	"context"
	"errors"
	"fmt"
	"time"

	"postern/internal/audit"
	"postern/internal/fault"
	"postern/internal/ident"
	"postern/internal/key"
	"postern/internal/project"
	"postern/internal/secret"
	"postern/internal/store"
	"postern/internal/user"
)

// What of an assertion is refused.
var (
	ErrAssertion = fault.New(fault.Invalid, "E011003", "Request is invalid: an assertion has an issuer, a subject and one to 20 audiences, each with 1 to 2048 bytes on one line, and ends after 1 second to 24 hours")
	ErrSubject   = fault.New(fault.Invalid, "P40027", "the subject of an assertion is a client, and not a user or an access key of the project")
	ErrAlgorithm = fault.New(fault.Invalid, "P40025", "the keys of the project sign with ES256 alone")
)

// The bounds of an assertion.
const (
	mostAudiences    = 20
	longestParty     = 2048
	longestAssertion = 24 * time.Hour
)

// An Assertion says to another server who a client is (RFC 7523 §3): that server
// trusts the public keys of the project.
type Assertion struct {
	Issuer    string
	Subject   string
	Audience  []string
	Lifetime  time.Duration
	Flat      bool   // whether an audience that is the only one is text and no list
	Algorithm string // empty for that of the project's keys, the only one there is
}

// Assert signs an assertion, and records that. It is no token of a session: nothing
// of this server takes it for one. Who verifies tokens by the public keys alone might,
// so it speaks for nobody who has sessions.
func (s *Service) Assert(ctx context.Context, by audit.Origin, c *project.Config, in Assertion) (secret.Text, error) {
	if in.Algorithm != "" && in.Algorithm != string(key.Algorithm) {
		return secret.Text{}, ErrAlgorithm
	}
	if len(in.Audience) == 0 || len(in.Audience) > mostAudiences || in.Lifetime < time.Second || in.Lifetime > longestAssertion {
		return secret.Text{}, ErrAssertion
	}
	for _, party := range append([]string{in.Issuer, in.Subject}, in.Audience...) {
		if party == "" || !store.Plain(party, longestParty, "") {
			return secret.Text{}, ErrAssertion
		}
	}
	ring, err := s.Keys.Ring(ctx, c.Project)
	if err != nil {
		return secret.Text{}, err
	}
	now, id := time.Now(), ident.New("JA")
	claims := map[string]any{
		"iss": in.Issuer, "sub": in.Subject, "aud": in.Audience, "iat": now.Unix(), "exp": now.Add(in.Lifetime).Unix(), "jti": id,
	}
	if in.Flat && len(in.Audience) == 1 {
		claims["aud"] = in.Audience[0]
	}
	err = s.DB.Write(ctx, func(_ context.Context, tx *store.Tx) error {
		_, err := user.Who{LoginID: in.Subject, Anywhere: true}.Find(tx, c.Project)
		switch {
		case err == nil, errors.Is(err, user.ErrSeveral), ident.Valid("U", in.Subject), ident.Valid("K", in.Subject):
			return ErrSubject
		case !errors.Is(err, user.ErrNotFound):
			return err
		}
		e := by.Event("token.assertion", audit.Done)
		e.Project, e.Details = c.Project, map[string]any{"id": id, "issuer": in.Issuer, "subject": in.Subject, "audience": in.Audience}
		return audit.Record(tx, e)
	})
	if err != nil {
		return secret.Text{}, fmt.Errorf("record an assertion: %w", err)
	}
	return sign(ring.Sign, claims)
}
