package store_test

import (
	"bytes"
	"context"
	"errors"
	"math"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sync/errgroup"

	"postern/internal/store"
	"postern/internal/testkit"
)

var errBoom = errors.New("boom")

func insertProject(tx *store.Tx, id string) error {
	_, err := tx.Exec(`INSERT INTO projects (id, name, created_at) VALUES ($1, $1, 1)`, id)
	return err
}

func addProject(t *testing.T, db *store.DB, id string) {
	t.Helper()
	err := db.Write(t.Context(), func(_ context.Context, tx *store.Tx) error { return insertProject(tx, id) })
	if err != nil {
		t.Fatal(err)
	}
}

func selectProjects(tx *store.Tx) ([]string, error) {
	ids, err := store.Collect(tx, func(row store.Scanner) (string, error) {
		var id string
		return id, row.Scan(&id)
	}, `SELECT id FROM projects`)
	slices.Sort(ids)
	return ids, err
}

func projects(t *testing.T, db *store.DB) []string {
	t.Helper()
	var ids []string
	err := db.Read(t.Context(), func(_ context.Context, tx *store.Tx) (err error) {
		ids, err = selectProjects(tx)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return ids
}

func TestWriteAllOrNothing(t *testing.T) {
	t.Parallel()
	testkit.Stores(t, func(t *testing.T, db *store.DB) {
		addProject(t, db, "P1")
		err := db.Write(t.Context(), func(_ context.Context, tx *store.Tx) error {
			if err := insertProject(tx, "P2"); err != nil {
				return err
			}
			return errBoom
		})
		if !errors.Is(err, errBoom) {
			t.Errorf("Write = %v", err)
		}

		ctx, cancel := context.WithCancel(t.Context())
		err = db.Write(ctx, func(_ context.Context, tx *store.Tx) error {
			defer cancel()
			return insertProject(tx, "P3")
		})
		if !errors.Is(err, context.Canceled) {
			t.Errorf("Write after its context ended = %v", err)
		}

		func() {
			defer func() {
				if recover() == nil {
					t.Error("the panic is swallowed")
				}
			}()
			_ = db.Write(t.Context(), func(_ context.Context, tx *store.Tx) error {
				if err := insertProject(tx, "P4"); err != nil {
					t.Error(err)
				}
				panic("boom")
			})
		}()

		// The one writer of SQLite must be free again after all that.
		addProject(t, db, "P5")
		if diff := cmp.Diff([]string{"P1", "P5"}, projects(t, db)); diff != "" {
			t.Errorf("projects (-want +got):\n%s", diff)
		}
	})
}

func TestWriteEndsWithItsContext(t *testing.T) {
	t.Parallel()
	db := testkit.Store(t)
	ctx, cancel := context.WithCancel(t.Context())
	err := db.Write(t.Context(), func(context.Context, *store.Tx) error {
		cancel()
		// The writer is taken: only the context ends the wait.
		err := db.Write(ctx, func(context.Context, *store.Tx) error { return nil })
		if !errors.Is(err, context.Canceled) {
			t.Errorf("waiting Write = %v", err)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

func TestReadDoesNotWrite(t *testing.T) {
	t.Parallel()
	testkit.Stores(t, func(t *testing.T, db *store.DB) {
		err := db.Read(t.Context(), func(_ context.Context, tx *store.Tx) error { return insertProject(tx, "P1") })
		if err == nil {
			t.Error("Read writes")
		}
		err = db.ReadCommitted(t.Context(), func(_ context.Context, tx *store.Tx) error { return insertProject(tx, "P1") })
		if err == nil {
			t.Error("ReadCommitted writes")
		}
		if got := projects(t, db); len(got) != 0 {
			t.Errorf("projects = %q", got)
		}
	})
}

// Each statement of ReadCommitted sees what is there when it begins.
func TestReadCommittedSeesWhatIsThere(t *testing.T) {
	t.Parallel()
	testkit.Stores(t, func(t *testing.T, db *store.DB) {
		err := db.ReadCommitted(t.Context(), func(_ context.Context, tx *store.Tx) error {
			for n, id := range []string{"P1", "P2", "P3", "P4", "P5", "P6", "P7", "P8", "P9"} { // until the statement is kept compiled
				before, err := selectProjects(tx)
				if err != nil || len(before) != n {
					t.Errorf("%d projects, %v, want %d", len(before), err, n)
				}
				if n, err := db.Exec(t.Context(), `INSERT INTO projects (id, name, created_at) VALUES ($1, $1, 1)`, id); n != 1 || err != nil {
					t.Errorf("Exec = %d, %v", n, err)
				}
				n, err := db.Exec(t.Context(), `UPDATE projects SET name = 'x' WHERE id = 'nobody'`)
				if n != 0 || err != nil {
					t.Errorf("Exec of nothing = %d, %v", n, err)
				}
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	})
}

func TestReadSeesOneState(t *testing.T) {
	t.Parallel()
	testkit.Stores(t, func(t *testing.T, db *store.DB) {
		addProject(t, db, "P1")
		err := db.Read(t.Context(), func(_ context.Context, tx *store.Tx) error {
			before, err := selectProjects(tx)
			if err != nil {
				return err
			}
			addProject(t, db, "P2")
			after, err := selectProjects(tx)
			if diff := cmp.Diff(before, after); diff != "" {
				t.Errorf("it changed while it was read (-before +after):\n%s", diff)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]string{"P1", "P2"}, projects(t, db)); diff != "" {
			t.Errorf("afterwards (-want +got):\n%s", diff)
		}
	})
}

// A transaction that is broken off in the middle of a statement leaves a connection with
// which others write.
func TestWriteAfterOneThatWasBrokenOff(t *testing.T) {
	t.Parallel()
	testkit.Stores(t, func(t *testing.T, db *store.DB) {
		for range 3 {
			ctx, cancel := context.WithCancel(t.Context())
			err := db.WriteLarge(ctx, func(_ context.Context, tx *store.Tx) error {
				go cancel()
				var n int
				return tx.QueryRow(`WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000000000) SELECT COUNT(*) FROM n`).Scan(&n)
			})
			if !errors.Is(err, context.Canceled) {
				t.Errorf("broken off: %v, want %v", err, context.Canceled)
			}
			if err := db.Write(t.Context(), func(_ context.Context, tx *store.Tx) error { _, err := tx.Exec(`DELETE FROM projects`); return err }); err != nil {
				t.Errorf("afterwards: %v", err)
			}
		}
	})
}

// A closed database says so, however often it was closed.
func TestWriteAfterClose(t *testing.T) {
	t.Parallel()
	testkit.Databases(t, func(t *testing.T, url string) {
		db, err := store.Open(t.Context(), url, store.Options{})
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(db.Close(), db.Close()); err != nil {
			t.Error(err)
		}
		if err := db.Write(t.Context(), func(context.Context, *store.Tx) error { return nil }); err == nil {
			t.Error("a closed database is written to")
		}
	})
}

// Each transaction reads a number and writes the next: none may be lost. And
// each adds a project only if there is none: only one may. The writers are those
// of two servers.
func TestWriteIsSerializable(t *testing.T) {
	t.Parallel()
	testkit.Databases(t, func(t *testing.T, url string) {
		servers := []*store.DB{testkit.Open(t, url), testkit.Open(t, url)}
		addProject(t, servers[0], "P0")
		const writers, rounds = 4, 5
		var all errgroup.Group
		for w := range writers {
			db := servers[w%len(servers)]
			all.Go(func() error {
				for range rounds {
					if err := db.Write(t.Context(), countUp); err != nil {
						return err
					}
				}
				return db.Write(t.Context(), func(_ context.Context, tx *store.Tx) error {
					ids, err := selectProjects(tx)
					if err != nil || len(ids) > 1 {
						return err
					}
					return insertProject(tx, "P"+string(rune('1'+w)))
				})
			})
		}
		if err := all.Wait(); err != nil {
			t.Fatal(err)
		}
		if got := projects(t, servers[0]); len(got) != 2 {
			t.Errorf("%d writers were the first: %q", len(got)-1, got)
		}
		var head int
		err := servers[1].Read(t.Context(), func(_ context.Context, tx *store.Tx) error {
			return tx.QueryRow(`SELECT head FROM projects WHERE id = 'P0'`).Scan(&head)
		})
		if err != nil || head != writers*rounds {
			t.Errorf("head = %d, %v, want %d", head, err, writers*rounds)
		}
	})
}

func countUp(_ context.Context, tx *store.Tx) error {
	var head int
	if err := tx.QueryRow(`SELECT head FROM projects WHERE id = 'P0'`).Scan(&head); err != nil {
		return err
	}
	_, err := tx.Exec(`UPDATE projects SET head = $1 WHERE id = 'P0'`, head+1)
	return err
}

// Whoever changes a row of their own does not lose against who changes another one,
// however few rows there are.
func TestNeighboursDoNotMeet(t *testing.T) {
	t.Parallel()
	url := testkit.Postgres(t)
	db, other := testkit.Open(t, url), testkit.Open(t, url)
	testkit.Execute(t, db, `CREATE TABLE neighbours (id BIGINT PRIMARY KEY, n BIGINT NOT NULL)`)
	testkit.Execute(t, db, `INSERT INTO neighbours (id, n) VALUES (1, 0), (2, 0)`)
	testkit.Execute(t, db, `ANALYZE neighbours`)
	read := func(tx *store.Tx, id int) error {
		return tx.QueryRow(`SELECT n FROM neighbours WHERE id = $1`, id).Scan(new(int))
	}
	change := func(tx *store.Tx, id int) error {
		_, err := tx.Exec(`UPDATE neighbours SET n = n + 1 WHERE id = $1`, id)
		return err
	}
	tries := 0
	err := db.Write(t.Context(), func(_ context.Context, tx *store.Tx) error {
		tries++
		if err := read(tx, 1); err != nil {
			return err
		}
		err := other.Write(t.Context(), func(_ context.Context, tx *store.Tx) error { return errors.Join(read(tx, 2), change(tx, 2)) })
		return errors.Join(err, change(tx, 1))
	})
	if err != nil || tries != 1 {
		t.Errorf("%v after %d tries", err, tries)
	}
}

func TestNestedTransactionsAreRefused(t *testing.T) {
	t.Parallel()
	db := testkit.Store(t)
	nothing := func(context.Context, *store.Tx) error { return nil }
	type run func(context.Context, func(context.Context, *store.Tx) error) error
	one := func(ctx context.Context, _ func(context.Context, *store.Tx) error) error {
		_, err := db.Exec(ctx, `DELETE FROM projects`)
		return err
	}
	for _, outer := range []run{db.Write, db.Read, db.ReadCommitted} {
		for _, inner := range []run{db.Write, db.Read, db.ReadCommitted, one} {
			err := outer(t.Context(), func(ctx context.Context, _ *store.Tx) error { return inner(ctx, nothing) })
			if err == nil {
				t.Error("a transaction runs inside a transaction")
			}
		}
	}
}

func TestCollect(t *testing.T) {
	t.Parallel()
	testkit.Stores(t, func(t *testing.T, db *store.DB) {
		addProject(t, db, "P1")
		addProject(t, db, "P2")
		number := func(row store.Scanner) (n int, err error) { return n, row.Scan(&n) }
		text := func(row store.Scanner) (s string, err error) { return s, row.Scan(&s) }
		tests := map[string]func(*store.Tx) error{
			"a statement that is wrong": func(tx *store.Tx) error {
				_, err := store.Collect(tx, text, `SELECT nothing FROM projects`)
				return err
			},
			"a row that does not scan": func(tx *store.Tx) error {
				_, err := store.Collect(tx, number, `SELECT id FROM projects`)
				return err
			},
			"a row that fails on the way": func(tx *store.Tx) error {
				_, err := store.Collect(tx, text, `SELECT CAST(abs(-9223372036854775807 - n) AS TEXT) FROM (SELECT 0 AS n UNION ALL SELECT 1) AS t`)
				return err
			},
		}
		for name, fn := range tests {
			err := db.Read(t.Context(), func(_ context.Context, tx *store.Tx) error { return fn(tx) })
			if err == nil {
				t.Errorf("%s is no error", name)
			}
		}
	})
}

// Both databases must give back what they were given, to the byte.
func TestValuesSurvive(t *testing.T) {
	t.Parallel()
	testkit.Stores(t, func(t *testing.T, db *store.DB) {
		everyByte := make([]byte, 256)
		for i := range everyByte {
			everyByte[i] = byte(i)
		}
		texts := []string{"", " ", "é\u0301\U0001F600", `{"b":1, "a":[1,2]}`, "2026-01-02T03:04:05Z", "007", "1e3", "a\nb"}
		bodies := [][]byte{everyByte, []byte("123"), {0}, bytes.Repeat([]byte{0xff}, 1<<20)}
		numbers := []int64{0, -1, math.MaxInt64, math.MinInt64}
		err := db.Write(t.Context(), func(_ context.Context, tx *store.Tx) error {
			for _, s := range texts {
				var got string
				err := tx.QueryRow(`INSERT INTO projects (id, name, created_at) VALUES ($1, $2, 1) RETURNING name`, "P"+s, s).Scan(&got)
				if err != nil || got != s {
					t.Errorf("%q comes back as %q, %v", s, got, err)
				}
			}
			for i, b := range bodies {
				var got []byte
				err := tx.QueryRow(`INSERT INTO blobs (digest, size, encoding, body) VALUES ($1, 0, 0, $2) RETURNING body`, []byte{byte(i)}, b).Scan(&got)
				if err != nil || !bytes.Equal(got, b) {
					t.Errorf("body %d comes back as %d bytes, %v", i, len(got), err)
				}
			}
			for _, n := range numbers {
				var got int64
				err := tx.QueryRow(`UPDATE projects SET head = $1 WHERE id = 'P' RETURNING head`, n).Scan(&got)
				if err != nil || got != n {
					t.Errorf("%d comes back as %d, %v", n, got, err)
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	})
}

// A statement that changes more than is kept in memory to take it back is done, or
// taken back, as a small one is.
func TestALargeStatement(t *testing.T) {
	t.Parallel()
	testkit.Stores(t, func(t *testing.T, db *store.DB) {
		const many = 20_000
		change := func(statement string, also error) error {
			return db.Write(t.Context(), func(_ context.Context, tx *store.Tx) error {
				if _, err := tx.Exec(statement, many); err != nil {
					return err
				}
				return also
			})
		}
		names := func() (n int) {
			t.Helper()
			if err := db.One(t.Context(), func(row store.Scanner) error { return row.Scan(&n) }, `SELECT COUNT(DISTINCT name) FROM projects`); err != nil {
				t.Fatal(err)
			}
			return n
		}
		err := change(`WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < CAST($1 AS BIGINT))
			INSERT INTO projects (id, name, created_at) SELECT 'P' || i, 'a name that is as long as a name may be, and a little longer than that, and its number ' || i, 1 FROM n`, nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := change(`UPDATE projects SET name = 'one' WHERE created_at < $1`, errBoom); !errors.Is(err, errBoom) {
			t.Errorf("Write = %v", err)
		}
		if n := names(); n != many {
			t.Errorf("%d names, want %d", n, many)
		}
		if err := change(`UPDATE projects SET name = 'one' WHERE created_at < $1`, nil); err != nil {
			t.Error(err)
		}
		if n := names(); n != 1 {
			t.Errorf("%d names, want one", n)
		}
	})
}
