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

	Tenant        string
	Method, Agent string // of acts
}

// Tallies counts the records of the chain that s wants, all of its pages. fn is given no
// tally of nothing, and may be given several that are alike.
func Tallies(ctx context.Context, db *store.DB, s Search, fn func(Tally)) error {
	where, args := s.where(chained)
	of := `REPLACE(details, '"` + DetailTenant + `":"', '')` // as named looks for one
	err := db.Read(ctx, func(_ context.Context, tx *store.Tx) error {
		tell := func(t Tally) error { fn(t); return nil }
		err := store.Each(tx, func(row store.Scanner) (t Tally, err error) {
			var hour int64
			err = row.Scan(&hour, &t.Action, &t.N)
			t.Hour = time.Unix(hour*3600, 0).UTC()
			return t, err
		}, tell, `SELECT occurred_at / 3600000, action, COUNT(*) FROM audit WHERE `+where+` AND `+of+` = details GROUP BY occurred_at / 3600000, action`, args...)
		if err != nil {
			return err
		}
		return store.Each(tx, func(row store.Scanner) (Tally, error) {
			e, err := scan(row)
			tenant, _ := e.Details[DetailTenant].(string)
			return Tally{Hour: e.OccurredAt.Truncate(time.Hour), Action: e.Action, Tenant: tenant, N: 1}, err
		}, tell, `SELECT `+eventColumns+` FROM audit WHERE `+where+` AND `+of+` <> details`, args...)
	})
	if err != nil {
		return fmt.Errorf("count audit: %w", err)
	}
	return nil
}
