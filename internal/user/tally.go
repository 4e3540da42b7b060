package user

import (
	"context"
	"fmt"
	"time"

	"postern/internal/store"
)

// Made counts the users of a project who were made from one time to another and are
// still there. fn is given each hour of UTC with any once.
func (s *Service) Made(ctx context.Context, project string, from, to time.Time, fn func(hour time.Time, n int)) error {
	err := s.DB.Read(ctx, func(_ context.Context, tx *store.Tx) error {
		return store.Each(tx, func(row store.Scanner) (v [2]int64, err error) { return v, row.Scan(&v[0], &v[1]) },
			func(v [2]int64) error { fn(time.Unix(v[0]*3600, 0).UTC(), int(v[1])); return nil },
			`SELECT created_at / 3600, COUNT(*) FROM users WHERE project = $1 AND created_at >= $2 AND created_at <= $3 GROUP BY created_at / 3600`,
			project, from.Add(time.Second-1).Unix(), to.Unix()) // known to the second: what may be before is not counted
	})
	if err != nil {
		return fmt.Errorf("count users: %w", err)
	}
	return nil
}
