package audit_test

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"postern/internal/audit"
	"postern/internal/project"
	"postern/internal/store"
	"postern/internal/testkit"
	"postern/internal/testkit/signin"
)

// Whoever gives numbers beside others, and beside those who act, gives each act one of
// its own, and none is left out.
func TestNumbersAreOfOneActEach(t *testing.T) {
	t.Parallel()
	testkit.Stores(t, func(t *testing.T, db *store.DB) {
		const people, each = 4, 50
		p := signin.New(t, db, project.New{Name: "Lantern"})
		err := db.Write(t.Context(), func(_ context.Context, tx *store.Tx) error { return audit.Follow(tx, p.ID, []string{"CI1"}) })
		if err != nil {
			t.Fatal(err)
		}
		var acting, numbering sync.WaitGroup
		for n := range people {
			acting.Go(func() {
				for i := range each {
					a := audit.Act{Project: p.ID, Action: fmt.Sprint(n, i), Outcome: audit.Done}
					if err := db.Write(t.Context(), func(_ context.Context, tx *store.Tx) error { return audit.Note(tx, a) }); err != nil {
						t.Error(err)
					}
				}
			})
		}
		ended := make(chan struct{})
		for range 4 {
			numbering.Go(func() {
				for last := false; !last; {
					select {
					case <-ended:
						last = true
					default:
					}
					if err := audit.Number(t.Context(), db); err != nil {
						t.Error(err)
					}
				}
			})
		}
		acting.Wait()
		close(ended)
		numbering.Wait()
		var n, distinct, most, count int
		err = db.One(t.Context(), func(row store.Scanner) error { return row.Scan(&n, &distinct, &most, &count) },
			`SELECT COUNT(*), COUNT(DISTINCT number), MAX(number), (SELECT number FROM act_counts WHERE project = $1) FROM acts WHERE project = $1 AND number > 0`, p.ID)
		if err != nil || n != people*each || distinct != n || most != n || count != n {
			t.Errorf("%d acts have %d numbers up to %d, and the count is %d: %v", n, distinct, most, count, err)
		}
	})
}
