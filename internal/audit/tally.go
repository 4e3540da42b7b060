package audit

import (
	"context"
	"fmt"
	"time"

	"postern/internal/store"
)

// A Tally is how many records there are in one hour of UTC that are alike.
type Tally struct {
	Hour   time.Time // when it began
	Action string
	N      int

	Method, Tenant, Agent string // of acts
}

// Tallies counts the records that s wants, all of its pages. fn is given each tally
// once.
func Tallies(ctx context.Context, db *store.DB, s Search, fn func(Tally)) error {
	where, args := s.where(chained)
	err := db.Read(ctx, func(_ context.Context, tx *store.Tx) error {
		return store.Each(tx, func(row store.Scanner) (t Tally, err error) {
			var hour int64
			err = row.Scan(&hour, &t.Action, &t.N)
			t.Hour = time.Unix(hour*3600, 0).UTC()
			return t, err
		}, func(t Tally) error { fn(t); return nil },
			`SELECT occurred_at / 3600000, action, COUNT(*) FROM audit WHERE `+where+` GROUP BY occurred_at / 3600000, action`, args...)
	})
	if err != nil {
		return fmt.Errorf("count audit: %w", err)
	}
	return nil
}
