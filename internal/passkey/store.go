package passkey

import (
	"context"
	"database/sql"
	"errors"
	"strings"
	"time"

	"postern/internal/store"
	"postern/internal/user"
)

const columns = `project, credential_id, user_id, user_handle, rp_id, name, public_key, attestation, aaguid, transports, sign_count,
	backup_eligible, backed_up, created_at, last_used_at`

func scan(row store.Scanner) (*Passkey, error) {
	p := &Passkey{}
	var transports string
	var eligible, backed, created, used int64
	err := row.Scan(&p.Project, &p.ID, &p.UserID, &p.Handle, &p.RPID, &p.Name, &p.PublicKey, &p.Attestation, &p.AAGUID, &transports, &p.SignCount,
		&eligible, &backed, &created, &used)
	if err != nil {
		return nil, err
	}
	if transports != "" {
		p.Transports = strings.Split(transports, ",")
	}
	p.BackupEligible, p.BackedUp, p.CreatedAt = eligible == 1, backed == 1, time.Unix(created, 0).UTC()
	if used > 0 {
		p.LastUsedAt = time.Unix(used, 0).UTC()
	}
	return p, nil
}

func (s *Service) load(ctx context.Context, project string, id []byte) (p *Passkey, err error) {
	err = s.DB.One(ctx, func(row store.Scanner) error {
		p, err = scan(row)
		return err
	}, `SELECT `+columns+` FROM passkeys WHERE project = $1 AND credential_id = $2`, project, id)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, ErrNotFound
	}
	return p, err
}

// of returns the passkeys of a user for a relying party, the oldest first; the empty
// one is all of them.
func (s *Service) of(ctx context.Context, project, userID, rpID string) ([]*Passkey, error) {
	return store.Rows(ctx, s.DB, scan, `SELECT `+columns+` FROM passkeys WHERE project = $1 AND user_id = $2 AND (rp_id = $3 OR $3 = '')
		ORDER BY created_at, credential_id`, project, userID, rpID)
}

// add stores a passkey of a user, as part of tx.
func add(tx *store.Tx, u *user.User, p *Passkey) error {
	flag := map[bool]int64{true: 1}
	handle, aaguid := p.Handle, p.AAGUID
	if handle == nil {
		handle = []byte{}
	}
	if aaguid == nil {
		aaguid = []byte{}
	}
	res, err := tx.Exec(`INSERT INTO passkeys (`+columns+`) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, 0)
		ON CONFLICT (project, credential_id) DO NOTHING`,
		u.Project, p.ID, u.ID, handle, p.RPID, p.Name, p.PublicKey, p.Attestation, aaguid, strings.Join(p.Transports, ","), int64(p.SignCount),
		flag[p.BackupEligible], flag[p.BackedUp], p.CreatedAt.Unix())
	if err != nil {
		return err
	}
	if n, err := res.RowsAffected(); err != nil || n != 1 {
		return errors.Join(ErrTaken, err)
	}
	u.Methods |= user.Passkey
	return user.SetMethod(tx, u.Project, u.ID, user.Passkey, true)
}

// used records a sign-in, as part of tx. Of two copies that show the same count the
// second one is refused.
func used(tx *store.Tx, p *Passkey, now time.Time) error {
	res, err := tx.Exec(`UPDATE passkeys SET sign_count = $3, backed_up = $4, last_used_at = $5
		WHERE project = $1 AND credential_id = $2 AND (sign_count < $3 OR sign_count = 0 AND $3 = 0)`,
		p.Project, p.ID, int64(p.SignCount), map[bool]int64{true: 1}[p.BackedUp], now.Unix())
	if err != nil {
		return err
	}
	if n, err := res.RowsAffected(); err != nil || n != 1 {
		return errors.Join(ErrCloned, err)
	}
	return nil
}
