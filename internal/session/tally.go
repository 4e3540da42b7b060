package session

import (
	"context"
	"fmt"
	"time"

	"postern/internal/store"
)

// A Tally is how many logins there were in one hour of UTC that were alike.
type Tally struct {
	Hour   time.Time // when it began
	Method string    // one of AMR…, or another word for what made the session
	Tenant string    // that was chosen
	Agent  string    // what the client called itself
	N      int
}

// Tallies counts the logins of a project from one time to another, of users who are
// still there, as far back as they are remembered. fn is given each tally once.
func (s *Service) Tallies(ctx context.Context, project string, from, to time.Time, fn func(Tally)) error {
	err := s.DB.Read(ctx, func(_ context.Context, tx *store.Tx) error {
		return store.Each(tx, func(row store.Scanner) (t Tally, err error) {
			var hour int64
			err = row.Scan(&hour, &t.Method, &t.Tenant, &t.Agent, &t.N)
			t.Hour = time.Unix(hour*3600, 0).UTC()
			return t, err
		}, func(t Tally) error { fn(t); return nil },
			`SELECT login_at / 3600, method, tenant, agent, COUNT(*) FROM logins WHERE project = $1 AND login_at >= $2 AND login_at <= $3
			GROUP BY login_at / 3600, method, tenant, agent`, project, from.Add(time.Second-1).Unix(), to.Unix()) // known to the second: what may be before is not counted
	})
	if err != nil {
		return fmt.Errorf("count logins: %w", err)
	}
	return nil
}
