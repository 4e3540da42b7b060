package store_test

import (
	"context"
	"database/sql"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"postern/internal/store"
	"postern/internal/testkit"
)

const insert = `INSERT INTO projects (id, name, created_at) VALUES ($1, $1, 1)`

// Statements that are asked together run in their order, after what was to run later
// and before all that comes after them; a statement that finds no row is none of an
// error.
func TestTogether(t *testing.T) {
	t.Parallel()
	testkit.Stores(t, func(t *testing.T, db *store.DB) {
		var inserted, none, updated int64
		var names []string
		name := func(row store.Scanner) error {
			var s string
			err := row.Scan(&s)
			if err == nil {
				names = append(names, s)
			}
			return err
		}
		const find = `SELECT name FROM projects WHERE id = $1`
		err := db.Write(t.Context(), func(_ context.Context, tx *store.Tx) error {
			if err := tx.Later(insert, "P1"); err != nil {
				return err
			}
			err := tx.Together(
				store.One(name, find, "P1"), store.Changing(&inserted, insert, "P2"), store.Ask{}, store.One(name, find, "P3"),
				store.Changing(&updated, `UPDATE projects SET name = 'N' WHERE id IN ('P1', 'P2')`), store.Changing(&none, `DELETE FROM projects WHERE id = $1`, "P3"),
				store.Changing(nil, `UPDATE projects SET name = 'M' WHERE id = 'P1'`), store.One(name, find, "P2"))
			if err != nil {
				return err
			}
			if err := tx.Later(`UPDATE projects SET name = 'O' WHERE id = $1`, "P2"); err != nil {
				return err
			}
			for _, id := range []string{"P1", "P2"} {
				if err := name(tx.QueryRow(find, id)); err != nil {
					return err
				}
			}
			if err := tx.QueryRow(find, "P3").Scan(new(string)); !errors.Is(err, sql.ErrNoRows) {
				t.Errorf("a row that is not there: %v", err)
			}
			return tx.Later(insert, "P4")
		})
		if err != nil || inserted != 1 || none != 0 || updated != 2 {
			t.Errorf("%v; %d inserted, %d deleted, %d updated", err, inserted, none, updated)
		}
		if diff := cmp.Diff([]string{"P1", "N", "M", "O"}, names); diff != "" {
			t.Error(diff)
		}
		if diff := cmp.Diff([]string{"P1", "P2", "P4"}, projects(t, db)); diff != "" {
			t.Error(diff)
		}
	})
}

// Whatever fails of what was to run later, nothing is written, and it is known.
func TestLaterFails(t *testing.T) {
	t.Parallel()
	testkit.Stores(t, func(t *testing.T, db *store.DB) {
		addProject(t, db, "P1")
		for name, fn := range map[string]func(tx *store.Tx) error{
			"with the commit": func(tx *store.Tx) error {
				return errors.Join(tx.Later(insert, "P2"), tx.Later(insert, "P1"), tx.Later(insert, "P3"))
			},
			"before a row": func(tx *store.Tx) error {
				return errors.Join(tx.Later(insert, "P1"), tx.QueryRow(`SELECT name FROM projects WHERE id = 'P1'`).Scan(new(string)))
			},
			"before rows": func(tx *store.Tx) error {
				_, err := selectProjects(tx)
				return errors.Join(tx.Later(insert, "P2"), err, tx.Later(insert, "P1"))
			},
			"together": func(tx *store.Tx) error {
				return tx.Together(store.Changing(nil, insert, "P2"), store.Changing(nil, insert, "P1"), store.Changing(nil, insert, "P3"))
			},
			"in what reads a row": func(tx *store.Tx) error {
				return tx.Together(store.Changing(nil, insert, "P2"), store.One(func(store.Scanner) error { return errBoom }, `SELECT 1`), store.Changing(nil, insert, "P3"))
			},
		} {
			err := db.Write(t.Context(), func(_ context.Context, tx *store.Tx) error { return fn(tx) })
			if err == nil || errors.Is(err, store.ErrOutcomeUnknown) {
				t.Errorf("%s: %v", name, err)
			}
			if diff := cmp.Diff([]string{"P1"}, projects(t, db)); diff != "" {
				t.Errorf("%s: %s", name, diff)
			}
		}
	})
}

// An error that a function keeps to itself does not make PostgreSQL say that it
// committed what it took back.
func TestAFailureThatIsPassedOver(t *testing.T) {
	t.Parallel()
	db := testkit.Open(t, testkit.Postgres(t))
	addProject(t, db, "P1")
	err := db.Write(t.Context(), func(_ context.Context, tx *store.Tx) error {
		if err := insertProject(tx, "P2"); err != nil {
			return err
		}
		if err := insertProject(tx, "P1"); err == nil {
			t.Error("a second one of an id is taken")
		}
		return nil
	})
	if err == nil || errors.Is(err, store.ErrOutcomeUnknown) {
		t.Errorf("Write = %v", err)
	}
	if diff := cmp.Diff([]string{"P1"}, projects(t, db)); diff != "" {
		t.Error(diff)
	}
}
