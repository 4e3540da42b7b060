package store_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sync/errgroup"

	"postern/internal/fault"
	"postern/internal/store"
	"postern/internal/testkit"
)

func TestOpenTwice(t *testing.T) {
	t.Parallel()
	testkit.Databases(t, func(t *testing.T, url string) {
		first := testkit.Open(t, url)
		addProject(t, first, "P1")
		second := testkit.Open(t, url) // while the first is open
		addProject(t, second, "P2")
		if diff := cmp.Diff([]string{"P1", "P2"}, projects(t, first)); diff != "" {
			t.Errorf("projects (-want +got):\n%s", diff)
		}
		want := store.SQLite
		if strings.HasPrefix(url, "postgres") {
			want = store.Postgres
		}
		if got := first.Kind(); got != want {
			t.Errorf("Kind = %q, want %q", got, want)
		}
	})
}

// Several servers may start at once on an empty database: each migration must
// run once.
func TestOpenAtOnce(t *testing.T) {
	t.Parallel()
	testkit.Databases(t, func(t *testing.T, url string) {
		var all errgroup.Group
		for range 4 {
			all.Go(func() error {
				db, err := store.Open(t.Context(), url, store.Options{})
				if err != nil {
					return err
				}
				return db.Close()
			})
			all.Go(func() error {
				out, err := command(t, "open", url).CombinedOutput()
				if err != nil {
					return errors.New("another process: " + string(out))
				}
				return nil
			})
		}
		if err := all.Wait(); err != nil {
			t.Error(err)
		}
		addProject(t, testkit.Open(t, url), "P1")
	})
}

func TestOpenRefuses(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	text := filepath.Join(dir, "text")
	if err := os.WriteFile(text, []byte(strings.Repeat("no database ", 1000)), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, url := range map[string]string{
		"nothing":                    "",
		"memory":                     ":memory:",
		"a folder":                   dir,
		"a folder that is not there": filepath.Join(dir, "none", "postern.db"),
		"another file":               text,
		"a strange port":             "postgres://127.0.0.1:port/x",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if db, err := store.Open(t.Context(), url, store.Options{}); err == nil {
				t.Errorf("it opens: %v", db.Close())
			}
		})
	}
	t.Run("a file that may not be opened", func(t *testing.T) {
		t.Parallel()
		path := filepath.Join(dir, "locked.db")
		if err := os.Mkdir(path+".lock", 0o700); err != nil { // who runs tests as root may open every file
			t.Fatal(err)
		}
		_, err := store.Open(t.Context(), path, store.Options{})
		if err == nil || errors.Is(err, store.ErrGone) || !strings.Contains(err.Error(), "may not read and write "+path) || !strings.Contains(err.Error(), "run this as the user") {
			t.Errorf("Open = %v, want what to do", err)
		}
	})
	t.Run("no server there", func(t *testing.T) {
		t.Parallel()
		_, err := store.Open(t.Context(), "postgres://u:hunter2@127.0.0.1:1/x?connect_timeout=5", store.Options{})
		if !errors.Is(err, store.ErrGone) || fault.From(err).Kind != fault.Unavailable {
			t.Errorf("Open = %v, want %v", err, store.ErrGone)
		}
		if strings.Contains(err.Error(), "hunter2") {
			t.Errorf("the error tells the password: %v", err)
		}
	})
	t.Run("a context that ended", func(t *testing.T) {
		t.Parallel()
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := store.Open(ctx, filepath.Join(dir, "late.db"), store.Options{}); !errors.Is(err, context.Canceled) {
			t.Errorf("Open = %v", err)
		}
	})
}

func TestSQLiteFile(t *testing.T) {
	t.Parallel()
	mode := func(path string) os.FileMode {
		t.Helper()
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		return info.Mode().Perm()
	}
	// Every character here means something to a URL.
	path := filepath.Join(t.TempDir(), "a b?mode=memory#c%20&d+é.db")
	first, err := store.Open(t.Context(), path, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	addProject(t, first, "P1")
	for _, file := range []string{path, path + "-wal", path + "-shm"} {
		if got := mode(file); got != 0o600 {
			t.Errorf("%s has mode %o while it is open", filepath.Base(file), got)
		}
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path + "-wal"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("Close leaves the log behind: %v", err)
	}
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	second := testkit.Open(t, path)
	if got := mode(path); got != 0o600 {
		t.Errorf("a file with mode 644 is opened and left at %o", got)
	}
	if diff := cmp.Diff([]string{"P1"}, projects(t, second)); diff != "" {
		t.Errorf("projects (-want +got):\n%s", diff)
	}
}

func TestSQLiteSettings(t *testing.T) {
	t.Parallel()
	db := testkit.Store(t)
	pragmas := func(run func(context.Context, func(context.Context, *store.Tx) error) error) map[string]string {
		t.Helper()
		got := map[string]string{"journal_mode": "", "synchronous": "", "foreign_keys": "", "busy_timeout": "", "query_only": "", "trusted_schema": ""}
		err := run(t.Context(), func(_ context.Context, tx *store.Tx) error {
			for name := range got {
				var v string
				if err := tx.QueryRow(`PRAGMA ` + name).Scan(&v); err != nil {
					return err
				}
				got[name] = v
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	want := map[string]string{ // synchronous 2 is FULL
		"journal_mode": "wal", "synchronous": "2", "foreign_keys": "1", "busy_timeout": "10000", "query_only": "0", "trusted_schema": "0",
	}
	if diff := cmp.Diff(want, pragmas(db.Write)); diff != "" {
		t.Errorf("the writer (-want +got):\n%s", diff)
	}
	want["query_only"] = "1"
	if diff := cmp.Diff(want, pragmas(db.Read)); diff != "" {
		t.Errorf("a reader (-want +got):\n%s", diff)
	}
}

func TestPing(t *testing.T) {
	t.Parallel()
	testkit.Databases(t, func(t *testing.T, url string) {
		db, err := store.Open(t.Context(), url, store.Options{})
		if err != nil {
			t.Fatal(err)
		}
		if err := db.Ping(t.Context()); err != nil {
			t.Error(err)
		}
		if err := db.Close(); err != nil {
			t.Error(err)
		}
		if err := db.Ping(t.Context()); err == nil {
			t.Error("a closed database answers")
		}
	})
}

// A statement that no index helps is not compiled either: that takes longer than all
// of our statements.
func TestNothingIsCompiled(t *testing.T) {
	t.Parallel()
	testkit.Stores(t, func(t *testing.T, db *store.DB) {
		if db.Kind() != store.Postgres {
			t.Skip("there is no compiler")
		}
		plan, err := store.Rows(t.Context(), db, func(row store.Scanner) (line string, err error) { return line, row.Scan(&line) },
			`EXPLAIN SELECT max(version_id + 1) FROM goose_db_version`)
		if text := strings.Join(plan, "\n"); err != nil || !strings.Contains(text, "Seq Scan") || strings.Contains(text, "JIT") {
			t.Errorf("%v\n%s", err, text)
		}
	})
}
