package store

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"postern/internal/fault"
)

// A transaction that lost against another one runs again, so often, after a
// pause that doubles up to the longest one: about three seconds in all.
const (
	attempts     = 30
	longestPause = 128 * time.Millisecond
)

var errNested = errors.New("a transaction was started inside a transaction")

// Tx is a transaction. It remembers the context that it was started with.
type Tx struct {
	tx     *sql.Tx
	ctx    context.Context
	kind   string
	stmts  *statements
	joined bool // it shares its commit with others, who are in it already
}

// context returns the context for a statement. SQLite rolls back the whole of a
// transaction where it breaks off a statement that writes. So in one that is
// shared a statement that has begun goes on; no other begins after that.
func (t *Tx) context() context.Context {
	if t.joined && t.ctx.Err() == nil {
		return context.WithoutCancel(t.ctx)
	}
	return t.ctx
}

// Exec runs a statement that returns no rows.
func (t *Tx) Exec(query string, args ...any) (sql.Result, error) {
	if stmt := t.stmts.find(query); stmt != nil {
		return t.tx.StmtContext(t.context(), stmt).ExecContext(t.context(), args...) //nolint:sqlclosecheck // the end of the transaction does
	}
	return t.tx.ExecContext(t.context(), query, args...)
}

// Query runs a statement that returns rows. Collect is easier to use right.
func (t *Tx) Query(query string, args ...any) (*sql.Rows, error) {
	return t.tx.QueryContext(t.context(), query, args...)
}

// QueryRow runs a statement that returns one row, which the caller reads before it
// runs another.
func (t *Tx) QueryRow(query string, args ...any) *sql.Row {
	if stmt := t.stmts.find(query); stmt != nil {
		return t.tx.StmtContext(t.context(), stmt).QueryRowContext(t.context(), args...) //nolint:sqlclosecheck // the same
	}
	return t.tx.QueryRowContext(t.context(), query, args...)
}

// rows is Query for rows that are read to their end before another statement
// runs: a compiled one that ran twice at once would begin again.
func (t *Tx) rows(query string, args ...any) (*sql.Rows, error) {
	if stmt := t.stmts.find(query); stmt != nil {
		return t.tx.StmtContext(t.context(), stmt).QueryContext(t.context(), args...) //nolint:sqlclosecheck // the same
	}
	return t.Query(query, args...)
}

// Scanner is a row: *sql.Row or the current one of *sql.Rows.
type Scanner interface {
	Scan(dest ...any) error
}

// Collect runs a statement and returns what scan makes of each row.
func Collect[T any](tx *Tx, scan func(Scanner) (T, error), query string, args ...any) ([]T, error) {
	rows, err := tx.rows(query, args...)
	if err != nil {
		return nil, err
	}
	return collect(rows, scan)
}

// collect reads all rows and closes them.
func collect[T any](rows *sql.Rows, scan func(Scanner) (T, error)) ([]T, error) {
	defer rows.Close()
	var all []T
	for rows.Next() {
		v, err := scan(rows)
		if err != nil {
			return nil, err
		}
		all = append(all, v)
	}
	return all, rows.Err()
}

// Read runs fn on one unchanging state of the database. fn must not write.
func (d *DB) Read(ctx context.Context, fn func(context.Context, *Tx) error) error {
	ctx, err := enter(ctx)
	if err != nil {
		return err
	}
	return ended(ctx, d.read(ctx, fn))
}

func (d *DB) read(ctx context.Context, fn func(context.Context, *Tx) error) error {
	if err := errors.Join(d.gone(), d.settle(ctx)); err != nil {
		return err
	}
	d.reads.prepare(ctx)
	tx, err := d.reader.BeginTx(ctx, d.reading)
	if err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	defer tx.Rollback()
	return fn(ctx, &Tx{tx: tx, ctx: ctx, kind: d.kind, stmts: d.reads})
}

// One runs one statement that returns one row, and reads it with scan: Read for
// a single statement, which sees one state of the database by itself. Without a
// row the error is sql.ErrNoRows.
func (d *DB) One(ctx context.Context, scan func(Scanner) error, query string, args ...any) error {
	ctx, err := enter(ctx)
	if err != nil {
		return err
	}
	if err := errors.Join(d.gone(), d.settle(ctx)); err != nil {
		return faulted(err)
	}
	d.reads.prepare(ctx)
	if stmt := d.reads.find(query); stmt != nil { //nolint:sqlclosecheck // it is closed with the pool
		return ended(ctx, scan(stmt.QueryRowContext(ctx, args...)))
	}
	return ended(ctx, scan(d.reader.QueryRowContext(ctx, query, args...)))
}

// Rows runs one statement and returns what scan makes of each row: Collect for a
// single statement, which sees one state of the database by itself.
func Rows[T any](ctx context.Context, d *DB, scan func(Scanner) (T, error), query string, args ...any) ([]T, error) {
	ctx, err := enter(ctx)
	if err != nil {
		return nil, err
	}
	if err := errors.Join(d.gone(), d.settle(ctx)); err != nil {
		return nil, faulted(err)
	}
	d.reads.prepare(ctx)
	var rows *sql.Rows
	if stmt := d.reads.find(query); stmt != nil { //nolint:sqlclosecheck // it is closed with the pool
		rows, err = stmt.QueryContext(ctx, args...)
	} else {
		rows, err = d.reader.QueryContext(ctx, query, args...)
	}
	if err != nil {
		return nil, ended(ctx, err)
	}
	all, err := collect(rows, scan)
	return all, ended(ctx, err)
}

// ended says of an error after the end of ctx that this is its cause: a driver
// reports a statement that it broke off in many ways, and a caller who went away
// is nothing that the operator must look at.
func ended(ctx context.Context, err error) error {
	if _, ok := errors.AsType[*fault.Error](err); err != nil && !ok && ctx.Err() != nil {
		return fmt.Errorf("%w: %w", ctx.Err(), err)
	}
	return faulted(err)
}

// Write runs fn as if no other transaction ran beside it, and commits what it
// did when it returns nil, else nothing. When it loses against another one it is
// run again, so fn must do nothing that a rollback does not undo.
//
// Writes of SQLite that wait at the same time share a commit. Each is done or not
// by itself; it may have to run again for that, and it must not wait in fn for
// another one. What takes long uses WriteLarge.
//
// Where the outcome of the commit is not known the error is ErrOutcomeUnknown;
// after every other error nothing was written. A context that ends before the
// commit prevents it; one that ends later does not disturb it, because then
// nobody would know what became of it. The commit begins when fn has returned.
func (d *DB) Write(ctx context.Context, fn func(context.Context, *Tx) error) error {
	return d.commit(ctx, d.writing, false, fn)
}

// WriteLarge is Write for what takes long, such as an import: it shares its commit
// with no other, who would have to wait for it.
func (d *DB) WriteLarge(ctx context.Context, fn func(context.Context, *Tx) error) error {
	return d.commit(ctx, d.writing, true, fn)
}

// WriteCommitted is Write for statements that are right by themselves, such as
// one that counts: on PostgreSQL each sees what others have committed when it
// begins, and waits for a row that another changes where Write would run again.
// What one statement read need not be so any more at the next one.
func (d *DB) WriteCommitted(ctx context.Context, fn func(context.Context, *Tx) error) error {
	return d.commit(ctx, d.counting, false, fn)
}

func (d *DB) commit(ctx context.Context, opts *sql.TxOptions, alone bool, fn func(context.Context, *Tx) error) error {
	ctx, err := enter(ctx)
	if err != nil {
		return err
	}
	if d.kind == SQLite {
		return ended(ctx, d.share(ctx, alone, fn))
	}
	for n := 1; ; n++ {
		err := d.write(ctx, opts, fn)
		if n == attempts || !lost(err) {
			return ended(ctx, err)
		}
		wait := time.NewTimer(pause(n))
		select {
		case <-ctx.Done():
			wait.Stop()
			return ctx.Err()
		case <-wait.C:
		}
	}
}

// pause returns how long to wait before the attempt after the n-th. Those who
// lost together must not meet again, so half of it is drawn.
func pause(n int) time.Duration {
	most := min(time.Millisecond<<min(n, 10), longestPause)
	var drawn [2]byte
	_, _ = rand.Read(drawn[:]) // never fails: crypto/rand ends the program instead
	return most/2 + most/2*time.Duration(binary.BigEndian.Uint16(drawn[:]))/(1<<16)
}

func (d *DB) write(ctx context.Context, opts *sql.TxOptions, fn func(context.Context, *Tx) error) error {
	if err := d.settle(ctx); err != nil {
		return err
	}
	conn, err := d.writer.Conn(ctx)
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	defer conn.Close()
	tx, err := conn.BeginTx(context.WithoutCancel(ctx), opts)
	if err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	defer tx.Rollback() // nothing after Commit
	if err := fn(ctx, &Tx{tx: tx, ctx: ctx, kind: d.kind}); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	return d.finish(tx)
}

// finish commits tx.
func (d *DB) finish(tx *sql.Tx) error {
	if err := d.gone(); err != nil {
		return err
	}
	if err := tx.Commit(); err != nil {
		if notCommitted(err) {
			return fmt.Errorf("commit: %w", err)
		}
		d.doubt.had.Add(1)
		return fmt.Errorf("%w: commit: %w", ErrOutcomeUnknown, err)
	}
	return nil
}

// inside marks the context that a transaction gives to its function.
type inside struct{}

// enter refuses a transaction inside another one. It would wait for ever for the
// one connection that writes, or not see what the outer one wrote.
func enter(ctx context.Context) (context.Context, error) {
	if ctx.Value(inside{}) != nil {
		return nil, errNested
	}
	return context.WithValue(ctx, inside{}, true), nil
}

// Each runs a statement and gives what scan makes of each row to fn, one after
// the other, so that no more than one is in memory. fn runs no statement.
func Each[T any](tx *Tx, scan func(Scanner) (T, error), fn func(T) error, query string, args ...any) error {
	rows, err := tx.rows(query, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		v, err := scan(rows)
		if err != nil {
			return err
		}
		if err := fn(v); err != nil {
			return err
		}
	}
	return rows.Err()
}
