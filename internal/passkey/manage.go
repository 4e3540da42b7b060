package passkey

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/go-webauthn/webauthn/protocol/webauthncose"

	"postern/internal/audit"
	"postern/internal/store"
	"postern/internal/user"
)

// List returns the passkeys of a user, the oldest first.
func (s *Service) List(ctx context.Context, project, userID string) ([]*Passkey, error) {
	list, err := s.of(ctx, project, userID, "")
	if err != nil {
		return nil, fmt.Errorf("list passkeys: %w", err)
	}
	slices.SortStableFunc(list, func(a, b *Passkey) int { return a.CreatedAt.Compare(b.CreatedAt) })
	return list, nil
}

// Delete takes a passkey of a user away, by its id as browsers write it. The
// authenticator keeps it, and nobody takes it any more.
func (s *Service) Delete(ctx context.Context, by audit.Origin, project, userID, encodedID string) error {
	id, err := decode(encodedID)
	if err != nil {
		return ErrNotFound
	}
	return s.change(ctx, by, project, userID, "user.passkey.delete", func(tx *store.Tx) (int64, error) {
		res, err := tx.Exec(`DELETE FROM passkeys WHERE project = $1 AND user_id = $2 AND credential_id = $3`, project, userID, id)
		if err != nil {
			return 0, err
		}
		n, err := res.RowsAffected()
		if err == nil && n == 0 {
			err = ErrNotFound
		}
		return n, err
	})
}

// DeleteAll takes all passkeys of a user away.
func (s *Service) DeleteAll(ctx context.Context, by audit.Origin, project, userID string) error {
	return s.change(ctx, by, project, userID, "user.passkey.delete", func(tx *store.Tx) (int64, error) {
		res, err := tx.Exec(`DELETE FROM passkeys WHERE project = $1 AND user_id = $2`, project, userID)
		if err != nil {
			return 0, err
		}
		return res.RowsAffected()
	})
}

// An Imported passkey is one that was made elsewhere. Bytes are in base64 of any kind.
type Imported struct {
	ID             string
	RPID           string
	PublicKey      string // COSE_Key
	Attestation    string
	AAGUID         string // a UUID, or bytes
	Transports     []string
	BackupEligible bool
	BackedUp       bool
	UserHandle     string // empty: not known
}

// Import gives a user passkeys that were made elsewhere, all or none.
func (s *Service) Import(ctx context.Context, by audit.Origin, project, userID string, list []Imported) error {
	var all []*Passkey
	for i, in := range list {
		p, err := in.passkey(project, userID)
		if err != nil {
			return fmt.Errorf("passkey %d: %w", i, err)
		}
		all = append(all, p)
	}
	return s.change(ctx, by, project, userID, "user.passkey.import", func(tx *store.Tx) (int64, error) {
		u, err := user.Load(tx, project, userID)
		if err != nil {
			return 0, err
		}
		for _, p := range all {
			if err := add(tx, u, p); err != nil {
				return 0, err
			}
		}
		return int64(len(all)), nil
	})
}

func (in Imported) passkey(project, userID string) (*Passkey, error) {
	id, err1 := decode(in.ID)
	key, err2 := decode(in.PublicKey)
	handle, err3 := decode(in.UserHandle)
	if err1 != nil || err2 != nil || err3 != nil || len(id) == 0 || len(id) > 1023 || in.RPID == "" || len(in.RPID) > 253 || len(handle) > 64 {
		return nil, ErrImport
	}
	if _, err := webauthncose.ParsePublicKey(key); err != nil {
		return nil, ErrImport
	}
	p := &Passkey{
		Project: project, ID: id, UserID: userID, Handle: handle, RPID: strings.ToLower(in.RPID), Name: "Passkey", PublicKey: key, Attestation: in.Attestation,
		AAGUID: aaguid(in.AAGUID), BackupEligible: in.BackupEligible || in.BackedUp, BackedUp: in.BackedUp, CreatedAt: time.Now().UTC().Truncate(time.Second),
	}
	for _, t := range in.Transports {
		if t = strings.ToLower(strings.TrimSpace(t)); transports[t] {
			p.Transports = append(p.Transports, t)
		}
	}
	return p, nil
}

// transports are those that browsers know (WebAuthn Level 3 §5.8.4).
var transports = map[string]bool{"usb": true, "nfc": true, "ble": true, "smart-card": true, "hybrid": true, "internal": true}

// decode reads base64 of any kind.
func decode(text string) ([]byte, error) {
	text = strings.NewReplacer("+", "-", "/", "_").Replace(strings.TrimRight(text, "="))
	return base64.RawURLEncoding.DecodeString(text)
}

// aaguid reads the model of an authenticator; one that cannot be read is not known.
func aaguid(text string) []byte {
	if raw, err := hex.DecodeString(strings.ReplaceAll(text, "-", "")); err == nil && len(raw) == 16 {
		return raw
	}
	if raw, err := decode(text); err == nil && len(raw) == 16 {
		return raw
	}
	return make([]byte, 16)
}

// change changes the passkeys of a user, records it, and says whether there is one.
func (s *Service) change(ctx context.Context, by audit.Origin, project, userID, action string, fn func(tx *store.Tx) (int64, error)) error {
	err := s.DB.Write(ctx, func(_ context.Context, tx *store.Tx) error {
		if _, err := user.Load(tx, project, userID); err != nil {
			return err
		}
		n, err := fn(tx)
		if err != nil {
			return err
		}
		var left int
		if err := tx.QueryRow(`SELECT COUNT(*) FROM passkeys WHERE project = $1 AND user_id = $2`, project, userID).Scan(&left); err != nil {
			return err
		}
		if err := user.SetMethod(tx, project, userID, user.Passkey, left > 0); err != nil {
			return err
		}
		e := by.Event(action, audit.Done)
		e.Project, e.Details = project, map[string]any{"user": userID, "passkeys": n}
		return audit.Record(tx, e)
	})
	if err != nil {
		return fmt.Errorf("change passkeys: %w", err)
	}
	return nil
}
