package session

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/go-json-experiment/json"

	"postern/internal/audit"
	"postern/internal/fault"
	"postern/internal/ident"
	"postern/internal/key"
	"postern/internal/project"
	"postern/internal/secret"
	"postern/internal/store"
	"postern/internal/user"
)

// ErrOneFactor is a device that is to be trusted before its user has given two
// factors on it.
var ErrOneFactor = fault.New(fault.Invalid, "P40011", "a device is trusted with a further factor only")

// A Device is one that a user trusts. Sign-ins on it say so in the claim
// trustedDevice, so that an application may do without a further factor there.
type Device struct {
	ID        string
	Agent     string // what its browser called itself
	Address   string // that the user signed in from last
	LoginAt   time.Time
	CreatedAt time.Time
	ExpiresAt time.Time
}

// drnDevice tells the token that a trusted device keeps from the other two.
const drnDevice = "DTD"

// claimDevice is the claim that a session began on a trusted device.
const claimDevice = "trustedDevice"

// shownDevice returns the id of the device whose token a client shows, and of the
// user who trusts it; empty where it shows none that is one of ours. A token that
// does not count is as good as none: it makes a sign-in no worse.
func (s *Service) shownDevice(ctx context.Context, c *project.Config, token secret.Text) (id, userID string, err error) {
	if token.IsZero() {
		return "", "", nil
	}
	payload, _, err := s.Keys.Verify(ctx, c.Project, token.Reveal())
	if errors.Is(err, key.ErrToken) {
		return "", "", nil
	}
	if err != nil {
		return "", "", err
	}
	var b bearer
	ours := json.Unmarshal(payload, &b) == nil && b.Kind == drnDevice && s.ours(c, b.Issuer) && time.Now().Unix() < b.Expires
	if !ours {
		return "", "", nil
	}
	return b.Device, b.Subject, nil
}

// onDevice says of a login whether its device is trusted, or makes it so where that
// is asked for, as part of tx.
func (m *made) onDevice(tx *store.Tx, in Login, id, userID string) error {
	lifetime := in.Config.Settings.TrustedDeviceFor
	if id != "" && userID == m.user.ID {
		res, err := tx.Exec(`UPDATE trusted_devices SET login_at = $4, address = $5 WHERE project = $1 AND id = $2 AND user_id = $3 AND expires_at > $4 AND created_at > $6`,
			m.user.Project, id, userID, m.now.Unix(), in.Client.Address, m.now.Add(-lifetime).Unix())
		if err != nil {
			return fmt.Errorf("recognize device: %w", err)
		}
		n, err := res.RowsAffected()
		if err != nil {
			return err
		}
		if n == 1 {
			m.session.Extra.Device = id
		}
	}
	if !in.Options.TrustDevice {
		return nil
	}
	if !slices.Contains(m.session.AMR, AMRMFA) {
		return ErrOneFactor
	}
	if m.session.Extra.Device != "" { // it is trusted anew
		if _, err := forget(tx, m.user.Project, m.user.ID, m.session.Extra.Device); err != nil {
			return err
		}
	}
	d := &Device{ID: ident.New("TD"), Agent: in.Client.UserAgent, Address: in.Client.Address, LoginAt: m.now, CreatedAt: m.now, ExpiresAt: m.now.Add(lifetime)}
	_, err := tx.Exec(`INSERT INTO trusted_devices (project, id, user_id, agent, address, login_at, created_at, expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
		m.user.Project, d.ID, m.user.ID, d.Agent, d.Address, d.LoginAt.Unix(), d.CreatedAt.Unix(), d.ExpiresAt.Unix())
	if err != nil {
		return fmt.Errorf("trust device: %w", err)
	}
	m.session.Extra.Device, m.device = d.ID, d
	return nil
}

// deviceToken makes the token that a device keeps.
func (m *made) deviceToken(issuer string) (secret.Text, error) {
	return sign(m.ring.Sign, map[string]any{
		"iss": issuer, "sub": m.user.ID, "iat": m.now.Unix(), "exp": m.device.ExpiresAt.Unix(), "drn": drnDevice, "did": m.device.ID,
	})
}

// Devices returns the devices that a user trusts, the newest login first, as the
// settings of c let them be.
func (s *Service) Devices(ctx context.Context, c *project.Config, userID string) ([]Device, error) {
	now := time.Now()
	list, err := store.Rows(ctx, s.DB, func(row store.Scanner) (d Device, err error) {
		var login, created, expires int64
		err = row.Scan(&d.ID, &d.Agent, &d.Address, &login, &created, &expires)
		d.LoginAt, d.CreatedAt, d.ExpiresAt = time.Unix(login, 0).UTC(), time.Unix(created, 0).UTC(), time.Unix(expires, 0).UTC()
		if by := d.CreatedAt.Add(c.Settings.TrustedDeviceFor); by.Before(d.ExpiresAt) {
			d.ExpiresAt = by
		}
		return d, err
	}, `SELECT id, agent, address, login_at, created_at, expires_at FROM trusted_devices WHERE project = $1 AND user_id = $2 AND expires_at > $3 AND created_at > $4
		ORDER BY login_at DESC, id`, c.Project, userID, now.Unix(), now.Add(-c.Settings.TrustedDeviceFor).Unix())
	if err != nil {
		return nil, fmt.Errorf("read devices: %w", err)
	}
	return list, nil
}

// ForgetDevices makes devices of a user ones that are not trusted, for whoever
// manages the project. Ids that are of none are passed over.
func (s *Service) ForgetDevices(ctx context.Context, by audit.Origin, u *user.User, ids []string) error {
	return s.DB.Write(ctx, func(_ context.Context, tx *store.Tx) error {
		gone := []string{}
		for _, id := range ids {
			ok, err := forget(tx, u.Project, u.ID, id)
			if err != nil {
				return err
			}
			if ok {
				gone = append(gone, id)
			}
		}
		if len(gone) == 0 {
			return nil
		}
		e := by.Event("user.devices.removed", audit.Done)
		e.Project, e.Details = u.Project, map[string]any{"user": u.ID, "devices": gone}
		return audit.Record(tx, e)
	})
}

// Distrust forgets all devices of a user, as part of tx: for what is done because
// somebody else may have been one of them.
func Distrust(tx *store.Tx, project, userID string) error {
	if _, err := tx.Exec(`DELETE FROM trusted_devices WHERE project = $1 AND user_id = $2`, project, userID); err != nil {
		return fmt.Errorf("forget devices: %w", err)
	}
	return nil
}

func forget(tx *store.Tx, project, userID, id string) (bool, error) {
	res, err := tx.Exec(`DELETE FROM trusted_devices WHERE project = $1 AND user_id = $2 AND id = $3`, project, userID, id)
	if err != nil {
		return false, fmt.Errorf("forget device: %w", err)
	}
	n, err := res.RowsAffected()
	return n == 1, err
}

// ExpireDevices deletes devices that are trusted no more, and returns how many they
// were. Several servers may do so at once.
func (s *Service) ExpireDevices(ctx context.Context) (int, error) {
	n, err := s.DB.Prune(ctx, `DELETE FROM trusted_devices WHERE (project, id) IN (SELECT project, id FROM trusted_devices WHERE expires_at < $1 LIMIT $2)`, time.Now().Unix())
	if err != nil {
		return n, fmt.Errorf("forget devices: %w", err)
	}
	return n, nil
}
