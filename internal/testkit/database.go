// Package testkit helps tests: it gives them real databases. Only tests may
// import it.
package testkit

import (
	"context"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"

	"postern/internal/ident"
	"postern/internal/store"
)

// PostgresVariable names the environment variable with the postgres:// URL of a
// throw-away cluster, whose user may create databases.
const PostgresVariable = "POSTERN_TEST_POSTGRES"

// Databases runs fn on each kind of database, in parallel subtests, giving it the
// URL of a new, empty one that ends with the test. fn must not call t.Parallel.
func Databases(t *testing.T, fn func(t *testing.T, url string)) {
	t.Helper()
	t.Run(store.SQLite, func(t *testing.T) {
		t.Parallel()
		fn(t, filepath.Join(t.TempDir(), "postern.db"))
	})
	t.Run(store.Postgres, func(t *testing.T) {
		t.Parallel()
		fn(t, Postgres(t))
	})
}

// Stores is Databases for tests that want the database open.
func Stores(t *testing.T, fn func(t *testing.T, db *store.DB)) {
	t.Helper()
	Databases(t, func(t *testing.T, url string) {
		t.Helper()
		fn(t, Open(t, url))
	})
}

// Store returns a new, open SQLite database, for tests of what does not depend on
// the kind of database.
func Store(t testing.TB) *store.DB {
	t.Helper()
	return Open(t, filepath.Join(t.TempDir(), "postern.db"))
}

// Open opens the database at url until the test ends.
func Open(t testing.TB, url string) *store.DB {
	t.Helper()
	Migrated(t, url)
	db, err := store.Open(t.Context(), url, store.Options{MaxConns: 4})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Errorf("close database: %v", err)
		}
	})
	return db
}

// Postgres returns the URL of a new, empty PostgreSQL database, or skips the test
// where there is no cluster to make it in.
func Postgres(t testing.TB) string {
	t.Helper()
	cluster := os.Getenv(PostgresVariable)
	if cluster == "" {
		t.Skipf("no PostgreSQL: run scripts/test, or set %s to the postgres:// URL of a throw-away cluster", PostgresVariable)
	}
	name := "postern_test_" + strings.ToLower(ident.Random(16))
	administer(t, cluster, `CREATE DATABASE `+name+` TEMPLATE template0`)
	t.Cleanup(func() { administer(t, cluster, `DROP DATABASE `+name+` WITH (FORCE)`) })
	u, err := url.Parse(cluster)
	if err != nil {
		t.Fatalf("%s is not a URL", PostgresVariable)
	}
	u.Path = "/" + name
	return u.String()
}

func administer(t testing.TB, cluster, statement string) {
	t.Helper()
	ctx := context.WithoutCancel(t.Context()) // cleanups run after the end of the test's context
	conn, err := pgx.Connect(ctx, cluster)
	if err != nil {
		t.Fatalf("connect to the cluster at %s: %v", PostgresVariable, err)
	}
	defer conn.Close(ctx)
	if _, err := conn.Exec(ctx, statement); err != nil {
		t.Fatal(err)
	}
}

// template is an empty SQLite database with the schema of now: to migrate takes most
// of the time of a short test, above all under the race detector.
var template = sync.OnceValues(func() ([]byte, error) {
	dir, err := os.MkdirTemp("", "postern-template-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "postern.db")
	db, err := store.Open(context.Background(), path, store.Options{MaxConns: 1})
	if err != nil {
		return nil, err
	}
	if err := db.Close(); err != nil {
		return nil, err
	}
	return os.ReadFile(path) //nolint:gosec // a path of its own
})

// Migrated puts the template where a SQLite database is about to be made.
func Migrated(t testing.TB, url string) {
	t.Helper()
	if strings.Contains(url, "://") {
		return
	}
	if _, err := os.Stat(url); err == nil {
		return
	}
	content, err := template()
	if err == nil {
		err = os.WriteFile(url, content, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}
