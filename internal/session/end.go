package session

import (
	"context"
	"fmt"
	"time"

	"postern/internal/store"
)

// endOthers ends the other sessions of a user, as part of tx.
func endOthers(tx *store.Tx, s *Session, now time.Time) error {
	_, err := tx.Exec(`UPDATE sessions SET ended_at = $4 WHERE project = $1 AND user_id = $2 AND id <> $3 AND ended_at = 0`,
		s.Project, s.User, s.ID, now.Unix())
	if err != nil {
		return fmt.Errorf("end other sessions: %w", err)
	}
	return nil
}

// end ends one session.
func (s *Service) end(ctx context.Context, project, id string) error {
	return s.DB.Write(ctx, func(_ context.Context, tx *store.Tx) error {
		_, err := tx.Exec(`UPDATE sessions SET ended_at = $3 WHERE project = $1 AND id = $2 AND ended_at = 0`, project, id, time.Now().Unix())
		return err
	})
}
