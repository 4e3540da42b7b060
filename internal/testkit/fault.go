package testkit

import (
	"context"
	"fmt"
	"testing"

	"postern/internal/store"
)

// Execute runs statements in one transaction.
func Execute(t testing.TB, db *store.DB, statements ...string) {
	t.Helper()
	err := db.Write(t.Context(), func(_ context.Context, tx *store.Tx) error {
		for _, s := range statements {
			if _, err := tx.Exec(s); err != nil {
				return fmt.Errorf("%s: %w", s, err)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// FailOn makes each INSERT or UPDATE of a table fail, after it was done, with an error
// that has "planted" in it.
func FailOn(t testing.TB, db *store.DB, table, event string) {
	t.Helper()
	if db.Kind() == store.Postgres {
		Execute(t, db, `CREATE OR REPLACE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'planted'; END $$`,
			`CREATE TRIGGER fail AFTER `+event+` ON `+table+` FOR EACH ROW EXECUTE FUNCTION fail()`)
		return
	}
	Execute(t, db, `CREATE TRIGGER fail AFTER `+event+` ON `+table+` BEGIN SELECT RAISE(ABORT, 'planted'); END`)
}

// Mend ends FailOn, or another trigger of that name.
func Mend(t testing.TB, db *store.DB, table string) {
	t.Helper()
	if db.Kind() == store.Postgres {
		Execute(t, db, `DROP TRIGGER fail ON `+table)
		return
	}
	Execute(t, db, `DROP TRIGGER fail`)
}
