package session

import (
	"context"
	"fmt"
	"time"

	"postern/internal/audit"
	"postern/internal/key"
	"postern/internal/project"
	"postern/internal/store"
)

// RotateKeys gives a project another signing key. The one before verifies until the
// last token has ended that it can have signed, so no session ends by it.
func (s *Service) RotateKeys(ctx context.Context, by audit.Origin, c *project.Config) (key.Rotation, error) {
	until := time.Now().Add(key.Published + max(c.Settings.RefreshTokenLifetime, c.Settings.SessionTokenLifetime, c.Settings.StepUpTokenLifetime, c.Settings.KeyTokenLifetime))
	var last int64
	err := s.DB.One(ctx, func(row store.Scanner) error { return row.Scan(&last) },
		`SELECT COALESCE(MAX(expires_at), 0) FROM sessions WHERE project = $1 AND ended_at = 0`, c.Project)
	if err != nil {
		return key.Rotation{}, fmt.Errorf("read when sessions end: %w", err)
	}
	if at := time.Unix(last, 0); at.After(until) {
		until = at
	}
	return s.Keys.Rotate(ctx, by, c.Project, until)
}
