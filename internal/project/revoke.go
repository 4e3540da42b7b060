package project

import (
	"context"
	"fmt"
	"time"

	"postern/internal/audit"
	"postern/internal/ident"
	"postern/internal/store"
)

// RevokeSecrets destroys the values that the secrets of an entity had, but for
// those that the head uses, and returns how many. What was destroyed never comes
// back: a rollback to a revision that needs it is refused.
func (s *Service) RevokeSecrets(ctx context.Context, by audit.Origin, id, entity string) (n int, err error) {
	if hasControl(entity) || !ident.Valid("P", id) {
		return 0, ErrNotFound // no column of text can hold it
	}
	err = s.DB.Write(ctx, func(_ context.Context, tx *store.Tx) error {
		st, err := s.readState(tx, id, 0)
		if err != nil {
			return err
		}
		used := map[string]bool{}
		for _, place := range st.secrets {
			used[place.ID] = true
		}
		ids, err := store.Collect(tx, func(row store.Scanner) (id string, err error) { return id, row.Scan(&id) },
			`SELECT id FROM secrets WHERE project = $1 AND entity = $2 AND revoked_at = 0`, id, entity)
		if err != nil {
			return err
		}
		n = 0
		for _, secret := range ids {
			if used[secret] {
				continue
			}
			n++
			if _, err := tx.Exec(`UPDATE secrets SET sealed = $2, revoked_at = $3, fingerprint = NULL WHERE id = $1`, secret, []byte{}, time.Now().Unix()); err != nil {
				return err
			}
		}
		if n == 0 {
			return nil
		}
		e := by.Event("project.secret.revoke", audit.Done)
		e.Project, e.Details = id, map[string]any{"entity": entity, "values": n}
		return audit.Record(tx, e)
	})
	if err != nil {
		return 0, fmt.Errorf("revoke secrets: %w", err)
	}
	return n, nil
}
