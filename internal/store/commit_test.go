package store_test

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"postern/internal/fault"
	"postern/internal/store"
	"postern/internal/testkit"
)

// onCommit makes PostgreSQL run body, PL/pgSQL, in the commit of each transaction
// that adds a project.
func onCommit(t *testing.T, db *store.DB, body string) {
	t.Helper()
	testkit.Execute(t, db, `CREATE FUNCTION on_commit() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN `+body+`; RETURN NULL; END $$`)
	testkit.Execute(t, db, `CREATE CONSTRAINT TRIGGER on_commit AFTER INSERT ON projects
		DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION on_commit()`)
}

// write adds P1 and counts how often that was tried.
func write(ctx context.Context, db *store.DB) (tries int, err error) {
	err = db.Write(ctx, func(_ context.Context, tx *store.Tx) error {
		tries++
		return insertProject(tx, "P1")
	})
	return tries, err
}

// writeOne is write by one statement. How often that was tried it does not know.
func writeOne(ctx context.Context, db *store.DB) (int, error) {
	n, err := db.Exec(ctx, `INSERT INTO projects (id, name, created_at) VALUES ($1, $1, 1)`, "P1")
	if err == nil && n != 1 {
		err = fmt.Errorf("%d rows were changed", n)
	}
	return 0, err
}

func TestCommitOnPostgres(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, onCommit string
		want           error
		tries          int
		kept           []string
	}{
		{"the session ends in the commit", `PERFORM pg_terminate_backend(pg_backend_pid())`, store.ErrOutcomeUnknown, 1, nil},
		{"the outcome is unknown to the server", `RAISE EXCEPTION 'x' USING ERRCODE = '40003'`, store.ErrOutcomeUnknown, 1, nil},
		{"the disk is full", `RAISE EXCEPTION 'x' USING ERRCODE = '53100'`, store.ErrFull, 1, nil},
		{"a deadlock every time", `RAISE EXCEPTION 'x' USING ERRCODE = '40P01'`, store.ErrBusy, 30, nil},
		{
			"a conflict, twice",
			`IF nextval('tries') < 3 THEN RAISE EXCEPTION 'x' USING ERRCODE = '40001'; END IF`, nil, 3,
			[]string{"P1"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name+", in one statement", func(t *testing.T) {
			t.Parallel()
			db := testkit.Open(t, testkit.Postgres(t))
			testkit.Execute(t, db, `CREATE SEQUENCE tries`)
			onCommit(t, db, tt.onCommit)
			if _, err := writeOne(t.Context(), db); !errors.Is(err, tt.want) {
				t.Errorf("Exec = %v, want %v", err, tt.want)
			}
			if diff := cmp.Diff(tt.kept, projects(t, db)); diff != "" {
				t.Errorf("projects (-want +got):\n%s", diff)
			}
		})
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			db := testkit.Open(t, testkit.Postgres(t))
			testkit.Execute(t, db, `CREATE SEQUENCE tries`) // a sequence is not rolled back
			onCommit(t, db, tt.onCommit)
			tries, err := write(t.Context(), db)
			if !errors.Is(err, tt.want) || tries != tt.tries {
				t.Errorf("Write = %v after %d tries, want %v after %d", err, tries, tt.want, tt.tries)
			}
			if diff := cmp.Diff(tt.kept, projects(t, db)); diff != "" {
				t.Errorf("projects (-want +got):\n%s", diff)
			}
		})
	}
	t.Run("a constraint that fails", func(t *testing.T) {
		t.Parallel()
		db := testkit.Open(t, testkit.Postgres(t))
		onCommit(t, db, `RAISE EXCEPTION 'x' USING ERRCODE = '23514'`)
		_, err := write(t.Context(), db)
		if err == nil || fault.From(err).Kind != fault.Internal {
			t.Errorf("Write = %v, want an error that is not for callers", err)
		}
	})
}

// Once a commit has begun, the end of its context must not leave its outcome in
// doubt.
func TestContextEndsInTheCommit(t *testing.T) {
	t.Parallel()
	t.Run("of a transaction", func(t *testing.T) { t.Parallel(); contextEndsIn(t, write) })
	t.Run("of one statement", func(t *testing.T) { t.Parallel(); contextEndsIn(t, writeOne) })
}

func contextEndsIn(t *testing.T, write func(context.Context, *store.DB) (int, error)) {
	t.Helper()
	url := testkit.Postgres(t)
	db, other := testkit.Open(t, url), testkit.Open(t, url)
	onCommit(t, db, `PERFORM pg_advisory_xact_lock(7)`)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	result := make(chan error, 1)
	err := other.Write(t.Context(), func(_ context.Context, tx *store.Tx) error {
		if _, err := tx.Exec(`SELECT pg_advisory_xact_lock(7)`); err != nil {
			return err
		}
		go func() {
			_, err := write(ctx, db)
			result <- err
		}()
		for waiting := false; !waiting; {
			err := tx.QueryRow(`SELECT count(*) > 0 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted
				AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`).Scan(&waiting)
			if err != nil {
				return err
			}
		}
		cancel()
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := <-result; err != nil {
		t.Errorf("Write = %v", err)
	}
	if diff := cmp.Diff([]string{"P1"}, projects(t, db)); diff != "" {
		t.Errorf("projects (-want +got):\n%s", diff)
	}
}

func TestConnectionIsLost(t *testing.T) {
	t.Parallel()
	db := testkit.Open(t, testkit.Postgres(t))
	err := db.Write(t.Context(), func(_ context.Context, tx *store.Tx) error {
		if err := insertProject(tx, "P1"); err != nil {
			return err
		}
		_, err := tx.Exec(`SELECT pg_terminate_backend(pg_backend_pid())`)
		return err
	})
	if !errors.Is(err, store.ErrGone) {
		t.Errorf("Write = %v, want %v", err, store.ErrGone)
	}
	if got := projects(t, db); len(got) != 0 { // over a new connection
		t.Errorf("projects = %q", got)
	}
}

func TestFullSQLite(t *testing.T) {
	t.Parallel()
	db := testkit.Store(t)
	addProject(t, db, "P1")
	err := db.Write(t.Context(), func(_ context.Context, tx *store.Tx) error {
		if _, err := tx.Exec(`PRAGMA max_page_count = 1`); err != nil { // no more than it has
			return err
		}
		_, err := tx.Exec(`INSERT INTO blobs (digest, size, encoding, body) VALUES ($1, 0, 0, $2)`, []byte{1}, make([]byte, 1<<20))
		return err
	})
	if !errors.Is(err, store.ErrFull) || fault.From(err).Kind != fault.Unavailable {
		t.Errorf("Write = %v, want %v", err, store.ErrFull)
	}
	if diff := cmp.Diff([]string{"P1"}, projects(t, db)); diff != "" {
		t.Errorf("a full database does not read (-want +got):\n%s", diff)
	}
}

func TestBusySQLite(t *testing.T) {
	t.Parallel()
	url := t.TempDir() + "/postern.db"
	db, other := testkit.Open(t, url), testkit.Open(t, url)
	testkit.Execute(t, db, `PRAGMA busy_timeout = 1`) // of the one connection that writes
	err := other.Write(t.Context(), func(context.Context, *store.Tx) error {
		_, err := write(t.Context(), db)
		return err
	})
	if !errors.Is(err, store.ErrBusy) {
		t.Errorf("Write = %v, want %v", err, store.ErrBusy)
	}
	if _, err := write(t.Context(), db); err != nil {
		t.Errorf("Write when the other is done = %v", err)
	}
}

// When the file system fails in the middle of a commit, nobody knows what is on
// the disk.
func TestSQLiteFailsInTheCommit(t *testing.T) {
	t.Parallel()
	url := t.TempDir() + "/postern.db"
	if out, err := command(t, "commit with no room to write", url).CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
	if got := projects(t, testkit.Open(t, url)); len(got) != 0 {
		t.Errorf("projects = %q", got)
	}
}

// commitWithNoRoom runs in a process of its own, whose limit of the size of files
// makes each write fail: pages of a transaction stay in memory until its commit.
func commitWithNoRoom(ctx context.Context, url string) error {
	db, err := store.Open(ctx, url, store.Options{})
	if err != nil {
		return err
	}
	defer db.Close()
	signal.Ignore(syscall.SIGXFSZ)
	err = db.Write(ctx, func(_ context.Context, tx *store.Tx) error {
		if err := insertProject(tx, "P1"); err != nil {
			return err
		}
		return syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: 0, Max: 1 << 40})
	})
	if !errors.Is(err, store.ErrOutcomeUnknown) || fault.From(err).Kind != fault.Unknown {
		return errors.Join(errors.New("the outcome is not unknown"), err)
	}
	return nil
}

// A file that was taken away still has a name to those that have it open, and
// what they write is lost with it.
func TestSQLiteFileIsTakenAway(t *testing.T) {
	t.Parallel()
	path := t.TempDir() + "/postern.db"
	db := testkit.Open(t, path)
	none := func(context.Context, *store.Tx) error { return nil }
	check := func(when string, want error) {
		for what, err := range map[string]error{
			"Write": db.Write(t.Context(), none), "Read": db.Read(t.Context(), none), "Ping": db.Ping(t.Context()),
		} {
			if !errors.Is(err, want) || want != nil && fault.From(err).Kind != fault.Unavailable {
				t.Errorf("%s %s = %v, want %v", what, when, err, want)
			}
		}
	}
	check("at first", nil)
	err := db.Write(t.Context(), func(_ context.Context, tx *store.Tx) error {
		if err := insertProject(tx, "P1"); err != nil {
			return err
		}
		return os.Rename(path, path+".away")
	})
	if !errors.Is(err, store.ErrGone) {
		t.Errorf("Write while the file goes = %v, want %v", err, store.ErrGone)
	}
	check("without the file", store.ErrGone)
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	check("with another file", store.ErrGone)
	if err := os.Rename(path+".away", path); err != nil {
		t.Fatal(err)
	}
	check("with the file again", nil)
	if got := projects(t, db); len(got) != 0 {
		t.Errorf("projects = %q", got)
	}
}

// Whatever a driver makes of a statement that it broke off, the cause is that
// the caller went away.
func TestErrorAfterTheEndOfTheContext(t *testing.T) {
	t.Parallel()
	testkit.Stores(t, func(t *testing.T, db *store.DB) {
		ctx, cancel := context.WithCancel(t.Context())
		broken := func(context.Context, *store.Tx) error {
			cancel()
			return driver.ErrBadConn
		}
		for what, err := range map[string]error{"Write": db.Write(ctx, broken), "Read": db.Read(ctx, broken)} {
			if !errors.Is(err, context.Canceled) || errors.Is(err, store.ErrGone) {
				t.Errorf("%s = %v, want %v", what, err, context.Canceled)
			}
		}
		if err := db.Read(t.Context(), broken); !errors.Is(err, store.ErrGone) {
			t.Errorf("Read without the end of the context = %v, want %v", err, store.ErrGone)
		}
	})
}
