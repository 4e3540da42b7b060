package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/pressly/goose/v3"
	"modernc.org/libc"
	"modernc.org/sqlite" // and the driver "sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

var errMemory = errors.New("a SQLite database must be a file")

// walPages is how many pages of 4 KiB the write-ahead log has before a commit moves
// them into the database, which syncs two files more. Until then they are as
// durable as there; at 16 MiB a large import pays for it, and not each small one.
const walPages = "4000"

// undoInMemory is how many bytes of pages SQLite keeps in memory to take back a
// statement, or one of those who share a commit. More of them go into a file: with
// SQLite's own 64 KiB those of a sign-in do, for a tenth of its time. SQLite writes them
// there at once, and no more than 128 KiB at once: with more a larger statement fails.
const undoInMemory = 120 << 10

// setUp sets what SQLite takes for the whole process, before the first database is
// opened. Where somebody opened one already it stays as it is, which is only slower.
var setUp = sync.OnceFunc(func() {
	tls := libc.NewTLS()
	defer tls.Close()
	const room = 8 // of one argument
	defer tls.Free(room)
	_ = sqlite3.Xsqlite3_config(tls, sqlite3.SQLITE_CONFIG_STMTJRNL_SPILL, libc.VaList(tls.Alloc(room), int32(undoInMemory)))
})

// openSQLite opens the file twice: one connection that writes, because SQLite
// has one writer at a time and a queue in Go is fairer than its polling, and a
// pool that reads beside it, which the write-ahead log makes possible.
func openSQLite(ctx context.Context, path string, opts Options) (_ *DB, err error) {
	if path == "" || path == ":memory:" {
		return nil, errMemory
	}
	path, err = filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(filepath.Dir(path)); errors.Is(err, fs.ErrNotExist) { // SQLite says only that it cannot open the file
		return nil, fmt.Errorf("there is no folder %s; make it, for the user who runs this", filepath.Dir(path))
	}
	setUp()
	defer func() { err = forbidden(path, err) }()
	unlock, err := LockFile(ctx, path)
	if err != nil {
		return nil, fmt.Errorf("wait for another process that opens it: %w", err)
	}
	defer unlock()
	if err := createPrivate(path); err != nil {
		return nil, err
	}
	// What SQLite does wherever a distribution builds it: a sync of the data and
	// of what is needed to read it again, without the times of the file.
	if _, err := sqlite.Fdatasync(true); err != nil && !errors.Is(err, sqlite.ErrFdatasyncUnavailable) {
		return nil, err
	}
	d := &DB{kind: SQLite, writing: nil, reading: &sql.TxOptions{ReadOnly: true}}
	if d.gone, err = watchFile(path); err != nil {
		return nil, err
	}
	open, err := sqliteOpener()
	if err != nil {
		return nil, err
	}
	d.writer = open(sqliteDSN(path, "_txlock=immediate&_pragma=journal_mode(wal)&_pragma=wal_autocheckpoint("+walPages+")"))
	d.writer.SetMaxOpenConns(1)
	if err := migrate(ctx, d.writer, goose.DialectSQLite3); err != nil {
		_ = d.writer.Close()
		return nil, err
	}
	conn, err := d.writer.Conn(ctx)
	if err != nil {
		_ = d.writer.Close()
		return nil, err
	}
	d.pen = make(chan *sql.Conn, 1)
	d.pen <- conn
	d.reader = open(sqliteDSN(path, "_pragma=query_only(on)"))
	d.reads, d.writes = newStatements(false), newStatements(true)
	d.reader.SetMaxOpenConns(opts.MaxConns)
	d.reader.SetMaxIdleConns(opts.MaxConns)
	return d, nil
}

// forbidden says what to do about a file that this process may not open or write, of
// which SQLite says little, and whoever started it as another user can do much. It is
// no database that does not answer, so nothing else is wrapped.
func forbidden(path string, err error) error {
	e, ok := errors.AsType[*sqlite.Error](err)
	code := 0
	if ok {
		code = e.Code() & 0xff
	}
	if code == sqlite3.SQLITE_CANTOPEN || code == sqlite3.SQLITE_READONLY || errors.Is(err, fs.ErrPermission) {
		return fmt.Errorf("user %d may not read and write %s, %[2]s.lock and their folder: run this as the user whom they belong to (%[3]s)", os.Getuid(), path, err.Error())
	}
	return err
}

// sqliteOpener returns what opens a database of SQLite whose LOWER knows every letter, as
// that of PostgreSQL does: its own knows those of ASCII.
func sqliteOpener() (func(dsn string) *sql.DB, error) {
	d := &sqlite.Driver{}
	err := d.RegisterDeterministicScalarFunction("lower", 1, func(_ *sqlite.FunctionContext, args []driver.Value) (driver.Value, error) {
		if text, ok := args[0].(string); ok {
			return strings.ToLower(text), nil
		}
		return args[0], nil
	})
	return func(dsn string) *sql.DB { return sql.OpenDB(sqliteConnector{d, dsn}) }, err
}

// A sqliteConnector opens connections by a driver of its own.
type sqliteConnector struct {
	driver *sqlite.Driver
	dsn    string
}

func (c sqliteConnector) Connect(context.Context) (driver.Conn, error) { return c.driver.Open(c.dsn) }
func (c sqliteConnector) Driver() driver.Driver                        { return c.driver }

// watchFile returns a function that fails where the file at path is not the one
// that it is now. SQLite would go on with a file that was deleted or replaced:
// what is committed then is lost with the last process that has it open.
func watchFile(path string) (gone func() error, err error) {
	opened, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	return func() error {
		now, err := os.Stat(path)
		if err != nil {
			return fmt.Errorf("%w: %w", ErrGone, err)
		}
		if !os.SameFile(opened, now) {
			return fmt.Errorf("%w: %s was replaced by another file", ErrGone, path)
		}
		return nil
	}, nil
}

// sqliteDSN says how to open path. mode=rw, because SQLite would create the file
// readable by all; synchronous(full), because a commit that was acknowledged
// must survive a power cut; dqs off, because "x" is a name in PostgreSQL, and
// SQLite would read a misspelt one as text.
func sqliteDSN(path, more string) string {
	u := url.URL{Scheme: "file", Path: filepath.ToSlash(path)}
	u.RawQuery = "mode=rw&_dqs=0&_defensive=1&_pragma=busy_timeout(10000)&_pragma=synchronous(full)" +
		"&_pragma=foreign_keys(on)&_pragma=trusted_schema(off)&" + more
	return u.String()
}

// LockFile lets one process at a time work with the file at path, and waits for
// the others up to a minute. The lock is that of a SQLite file beside it, with
// .lock at the end of its name: such locks work wherever SQLite does, and end
// with the process that holds them.
func LockFile(ctx context.Context, path string) (unlock func(), err error) {
	u := url.URL{Scheme: "file", Path: filepath.ToSlash(path) + ".lock"}
	u.RawQuery = "_txlock=exclusive&_pragma=busy_timeout(60000)"
	db, err := sql.Open("sqlite", u.String())
	if err != nil {
		return nil, err
	}
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		_ = db.Close()
		return nil, err
	}
	return func() {
		_ = tx.Rollback() // nothing was written
		_ = db.Close()
	}, nil
}

// createPrivate makes the file at path, or takes the rights of others away from
// it. It never opens a file that exists: closing it again would drop the locks
// that this process holds on it, which is how POSIX locks are.
func createPrivate(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600) //nolint:gosec // the operator names the file
	switch {
	case err == nil:
		return f.Close()
	case !errors.Is(err, fs.ErrExist):
		return err
	}
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("%s is not a file", path)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return os.Chmod(path, 0o600)
	}
	return nil
}
