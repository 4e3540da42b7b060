package key

import (
	"context"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"

	"postern/internal/audit"
	"postern/internal/store"
)

// current returns the key that signs now.
func (r *Ring) current(now time.Time) entry {
	var best entry
	for _, e := range r.keys {
		if e.signsAt <= now.Unix() && (best.kid == "" || e.signsAt > best.signsAt || e.signsAt == best.signsAt && e.kid > best.kid) {
			best = e
		}
	}
	return best
}

// Sign returns a payload in the compact form of a signed token (RFC 7515 §3.1).
func (r *Ring) Sign(payload []byte) (string, error) {
	token, _, err := r.sign(payload)
	return token, err
}

// SignReturning is Sign for a token that comes back to this service: it is known
// then, and not verified.
func (r *Ring) SignReturning(payload []byte) (string, error) {
	token, kid, err := r.sign(payload)
	if err == nil {
		r.known.add(fingerprint(r.project, token), kid)
	}
	return token, err
}

func (r *Ring) sign(payload []byte) (token, kid string, err error) {
	kid = r.current(time.Now()).kid
	signer, ok := r.signers[kid]
	if !ok {
		return "", "", fmt.Errorf("sign: the key %s is not open", kid)
	}
	if token, err = signer.compact(payload); err != nil {
		return "", "", fmt.Errorf("sign: %w", err)
	}
	return token, kid, nil
}

// Public returns the keys that verify tokens, and those that soon will sign, in
// the order in which they were made.
func (r *Ring) Public() []jose.JSONWebKey {
	now := time.Now().Unix()
	keys := slices.Clone(r.keys)
	slices.SortFunc(keys, func(a, b entry) int {
		if a.signsAt != b.signsAt {
			return int(a.signsAt - b.signsAt)
		}
		return slices.Compare([]byte(a.kid), []byte(b.kid))
	})
	out := []jose.JSONWebKey{}
	for _, e := range keys {
		if e.notAfter == 0 || now < e.notAfter {
			out = append(out, e.public)
		}
	}
	return out
}

// Signing returns the public half of the key that signs now.
func (r *Ring) Signing() (jose.JSONWebKey, error) {
	if e := r.current(time.Now()); e.kid != "" {
		return e.public, nil
	}
	return jose.JSONWebKey{}, ErrNone
}

// find returns a key that verifies.
func (r *Ring) find(kid string) (entry, bool) {
	for _, e := range r.keys {
		if e.kid == kid {
			return e, e.notAfter == 0 || time.Now().Unix() < e.notAfter
		}
	}
	return entry{}, false
}

// longest bounds a token that is looked at, in bytes.
const longest = 64 << 10

// Verify returns the payload of a token that a key of the project signed, and the
// ring that knows it. Everything else is ErrToken.
func (s *Service) Verify(ctx context.Context, project, token string) ([]byte, *Ring, error) {
	if token == "" || len(token) > longest {
		return nil, nil, ErrToken
	}
	sum := fingerprint(project, token)
	if kid, ok := s.known.find(sum); ok {
		ring, err := s.Look(ctx, project)
		if err != nil {
			return nil, nil, err
		}
		if _, ok := ring.find(kid); ok {
			payload, err := payloadOf(token)
			return payload, ring, err
		}
	}
	parsed, err := jose.ParseSignedCompact(token, []jose.SignatureAlgorithm{Algorithm})
	if err != nil || len(parsed.Signatures) != 1 {
		return nil, nil, ErrToken
	}
	ring, err := s.Look(ctx, project)
	if err != nil {
		return nil, nil, err
	}
	if typ, _ := parsed.Signatures[0].Header.ExtraHeaders[jose.HeaderType].(string); typ != tokenType { // RFC 8725 §3.11
		return nil, nil, ErrToken
	}
	kid := parsed.Signatures[0].Header.KeyID
	e, ok := ring.find(kid)
	if !ok && time.Since(ring.read) > again { // another node may have made it meanwhile
		if ring, err = s.reread(ctx, project); err != nil {
			return nil, nil, err
		}
		e, ok = ring.find(kid)
	}
	if !ok {
		return nil, nil, ErrToken
	}
	payload, err := parsed.Verify(e.public)
	if err != nil {
		return nil, nil, ErrToken
	}
	s.known.add(sum, kid)
	return payload, ring, nil
}

// payloadOf returns what a token that is known says: the middle one of its three
// parts.
func payloadOf(token string) ([]byte, error) {
	_, rest, _ := strings.Cut(token, ".")
	part, _, _ := strings.Cut(rest, ".")
	payload, err := base64.RawURLEncoding.DecodeString(part)
	if err != nil {
		return nil, ErrToken
	}
	return payload, nil
}

// A Rotation is what became of the keys of a project.
type Rotation struct {
	Kid     string    // the new key
	SignsAt time.Time // from when it signs
	Until   time.Time // until when the older ones verify
}

// Rotate makes a new key, which is published now and signs soon. The older ones
// verify until the longest token that they signed has ended: until must be no less.
// Keys whose tokens have all ended are destroyed.
func (s *Service) Rotate(ctx context.Context, by audit.Origin, project string, until time.Time) (Rotation, error) {
	if _, err := s.Ring(ctx, project); err != nil { // there is one to follow
		return Rotation{}, err
	}
	var out Rotation
	err := s.DB.Write(ctx, func(_ context.Context, tx *store.Tx) error {
		now := time.Now()
		keys, err := store.Collect(tx, scan, list, project)
		if err != nil {
			return err
		}
		for _, e := range keys {
			if e.notAfter == 0 || now.Unix() < e.notAfter {
				continue
			}
			if _, err := tx.Exec(`DELETE FROM signing_keys WHERE project = $1 AND kid = $2`, project, e.kid); err != nil {
				return err
			}
			if err := s.Projects.Drop(tx, project, kind, e.kid); err != nil {
				return err
			}
		}
		e, err := s.add(tx, project, now, now.Add(Published))
		if err != nil {
			return err
		}
		if _, err := tx.Exec(`UPDATE signing_keys SET not_after = $3 WHERE project = $1 AND kid <> $2 AND (not_after = 0 OR not_after > $4)`,
			project, e.kid, until.Unix(), now.Unix()); err != nil {
			return err
		}
		out = Rotation{Kid: e.kid, SignsAt: time.Unix(e.signsAt, 0), Until: until}
		event := by.Event("signing-key.rotate", audit.Done)
		event.Project, event.Details = project, map[string]any{"kid": e.kid, "signsAt": e.signsAt, "olderUntil": until.Unix()}
		return audit.Record(tx, event)
	})
	if err != nil {
		return Rotation{}, fmt.Errorf("rotate signing key: %w", err)
	}
	s.rings.Delete(project)
	return out, nil
}
