package store_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"postern/internal/store"
	"postern/internal/testkit"
)

// A statement that stays compiled does what it did: with other values, after it
// failed, after the schema changed, and from many at once.
func TestStatementsStayCompiled(t *testing.T) {
	t.Parallel()
	db := testkit.Store(t)
	name := func(row store.Scanner) (s string, err error) { return s, row.Scan(&s) }
	const all, one = `SELECT id FROM projects WHERE id >= $1 ORDER BY id`, `SELECT name FROM projects WHERE id = $1`
	var want []string
	for i := range 40 {
		id := fmt.Sprintf("P%02d", i)
		want = append(want, id)
		err := db.Write(t.Context(), func(_ context.Context, tx *store.Tx) error {
			if err := insertProject(tx, id); err != nil {
				return err
			}
			if insertProject(tx, id) == nil {
				t.Error("a project is there twice")
			}
			var got string
			if err := tx.QueryRow(one, id).Scan(&got); err != nil || got != id {
				t.Errorf("%q, %v, want %q", got, err, id)
			}
			ids, err := store.Collect(tx, name, all, "P20")
			if want := want[min(20, len(want)):]; err != nil || !slices.Equal(ids, want) {
				t.Errorf("%q, %v, want %q", ids, err, want)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if i == 30 {
			testkit.Execute(t, db, `ALTER TABLE projects ADD COLUMN more TEXT NOT NULL DEFAULT 'more'`)
		}
		var got string
		if err := db.One(t.Context(), func(row store.Scanner) error { return row.Scan(&got) }, one, id); err != nil || got != id {
			t.Errorf("One: %q, %v", got, err)
		}
		ids, err := store.Rows(t.Context(), db, name, all, "")
		if diff := cmp.Diff(want, ids); diff != "" || err != nil {
			t.Errorf("Rows: %v (-want +got):\n%s", err, diff)
		}
	}
	if reads, writes := db.Compiled(); reads != 2 || writes != 3 {
		t.Errorf("%d and %d statements are compiled", reads, writes)
	}
	var readers sync.WaitGroup
	for i := range 8 {
		readers.Go(func() {
			for n := range 50 {
				id := want[(i*7+n)%len(want)]
				err := db.Read(t.Context(), func(_ context.Context, tx *store.Tx) error {
					var got string
					if err := tx.QueryRow(one, id).Scan(&got); err != nil || got != id {
						t.Errorf("%q, %v, want %q", got, err, id)
					}
					return nil
				})
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	readers.Wait()
}

// What comes with another text each time does not fill the room for what comes often.
func TestFewStatementsAreKept(t *testing.T) {
	t.Parallel()
	db := testkit.Store(t)
	for i := range 3000 {
		query := `SELECT count(*) FROM projects WHERE id IN ('x'` + strings.Repeat(`, 'x'`, i%1000) + `)`
		var n int
		if err := db.One(t.Context(), func(row store.Scanner) error { return row.Scan(&n) }, query); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 20 {
		for j := range 300 {
			var n int
			if err := db.One(t.Context(), func(row store.Scanner) error { return row.Scan(&n) }, fmt.Sprintf(`SELECT %d`, j)); err != nil || n != j {
				t.Fatal(i, n, err)
			}
		}
	}
	if reads, _ := db.Compiled(); reads != 200 {
		t.Errorf("%d statements are compiled", reads)
	}
}
