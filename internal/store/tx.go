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

var (
	errNested    = errors.New("a transaction was started inside a transaction")
	errOnlyReads = errors.New("a statement that writes was run where only reads are")
)

// Tx is a transaction, or what ReadCommitted gives. It remembers the context that it
// was started with.
type Tx struct {
	tx     *sql.Tx
	line   *line   // in place of tx, where it writes to PostgreSQL
	pool   *sql.DB // for each statement by itself, where both are nil
	ctx    context.Context
	kind   string
	stmts  *statements
	joined bool // it shares its commit with others, or may
}

// context returns the context for a statement. SQLite rolls back the whole of a
// transaction where it breaks off a statement that writes. So in one that is
// shared a statement that has begun goes on; no other begins after that. To watch
// for the end of a context costs two goroutines a statement, too.
func (t *Tx) context() context.Context {
	if t.joined && t.ctx.Err() == nil {
		return context.WithoutCancel(t.ctx)
	}
	return t.ctx
}

// querier is what both a transaction and a pool of connections do.
type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// querier returns what runs a statement that is answered at once.
func (t *Tx) querier() (querier, error) {
	switch {
	case t.line != nil:
		return t.line.conn, t.line.send(t.context())
	case t.tx == nil:
		return t.pool, nil
	}
	return t.tx, nil
}

// compiled returns the statement with a text where it is compiled; else nil.
func (t *Tx) compiled(query string) *sql.Stmt {
	stmt := t.stmts.find(query)
	if stmt == nil || t.tx == nil || t.stmts.bound {
		return stmt // it is closed with the connections
	}
	return t.tx.StmtContext(t.context(), stmt) // the end of the transaction closes it
}

// Exec runs a statement that returns no rows.
func (t *Tx) Exec(query string, args ...any) (sql.Result, error) {
	if t.line != nil {
		return t.line.exec(t.context(), query, args)
	}
	if t.tx == nil {
		return nil, errOnlyReads
	}
	if stmt := t.compiled(query); stmt != nil { //nolint:sqlclosecheck // see compiled
		return stmt.ExecContext(t.context(), args...)
	}
	return t.tx.ExecContext(t.context(), query, args...)
}

// Query runs a statement that returns rows. Collect is easier to use right.
func (t *Tx) Query(query string, args ...any) (*sql.Rows, error) {
	q, err := t.querier()
	if err != nil {
		return nil, err
	}
	return q.QueryContext(t.context(), query, args...)
}

// QueryRow runs a statement that returns one row, which the caller reads before it
// runs another. One that comes often is not broken off when its context ends: to
// watch for that costs SQLite two goroutines a statement, which is soon over.
func (t *Tx) QueryRow(query string, args ...any) Scanner {
	if stmt := t.compiled(query); stmt != nil { //nolint:sqlclosecheck // see compiled
		if t.tx == nil && t.ctx.Err() == nil {
			return stmt.QueryRowContext(context.WithoutCancel(t.ctx), args...)
		}
		return stmt.QueryRowContext(t.context(), args...)
	}
	q, err := t.querier()
	if err != nil {
		return failed{err}
	}
	return q.QueryRowContext(t.context(), query, args...)
}

// rows is Query for rows that are read to their end before another statement
// runs: a compiled one that ran twice at once would begin again.
func (t *Tx) rows(query string, args ...any) (*sql.Rows, error) {
	if stmt := t.compiled(query); stmt != nil { //nolint:sqlclosecheck // see compiled
		return stmt.QueryContext(t.context(), args...)
	}
	return t.Query(query, args...)
}

// Scanner is a row, or the current one of several.
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
	d.reads.prepare(ctx, d.reader)
	tx, err := d.reader.BeginTx(ctx, d.reading)
	if err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	defer tx.Rollback()
	return fn(ctx, &Tx{tx: tx, ctx: ctx, kind: d.kind, stmts: d.reads})
}

// ReadCommitted is Read for statements that are right by themselves, of which there
// mostly is one: each sees what is committed when it begins, and what one read need
// not be so any more at the next one. There is no transaction to begin and to end.
func (d *DB) ReadCommitted(ctx context.Context, fn func(context.Context, *Tx) error) error {
	ctx, err := enter(ctx)
	if err != nil {
		return err
	}
	if err := errors.Join(d.gone(), d.settle(ctx)); err != nil {
		return faulted(err)
	}
	d.reads.prepare(ctx, d.reader)
	return ended(ctx, fn(ctx, &Tx{pool: d.reader, ctx: ctx, kind: d.kind, stmts: d.reads}))
}

// One runs one statement that returns one row, and reads it with scan: Read for
// a single statement, which sees one state of the database by itself. Without a
// row the error is sql.ErrNoRows.
func (d *DB) One(ctx context.Context, scan func(Scanner) error, query string, args ...any) error {
	return d.ReadCommitted(ctx, func(_ context.Context, tx *Tx) error { return scan(tx.QueryRow(query, args...)) })
}

// Rows runs one statement and returns what scan makes of each row: Collect for a
// single statement, which sees one state of the database by itself.
func Rows[T any](ctx context.Context, d *DB, scan func(Scanner) (T, error), query string, args ...any) (all []T, err error) {
	err = d.ReadCommitted(ctx, func(_ context.Context, tx *Tx) error {
		all, err = Collect(tx, scan, query, args...)
		return err
	})
	return all, err
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

// Exec runs one statement that writes, as WriteCommitted does, and returns how many
// rows it changed. PostgreSQL is asked once for it, and not three times.
func (d *DB) Exec(ctx context.Context, query string, args ...any) (changed int64, err error) {
	ctx, err = enter(ctx)
	if err != nil {
		return 0, err
	}
	if d.kind == SQLite {
		err = d.share(ctx, &waiter{single: true}, func(_ context.Context, tx *Tx) error {
			changed, err = affected(tx.Exec(query, args...))
			return err
		})
		return changed, ended(ctx, err)
	}
	err = untilWon(ctx, func() error {
		changed, err = d.execute(ctx, query, args)
		return err
	})
	return changed, ended(ctx, err)
}

func affected(res sql.Result, err error) (int64, error) {
	if err != nil {
		return 0, err
	}
	return res.RowsAffected()
}

// execute runs one statement of PostgreSQL, whose end is its commit.
func (d *DB) execute(ctx context.Context, query string, args []any) (int64, error) {
	if err := d.settle(ctx); err != nil {
		return 0, err
	}
	conn, err := d.writer.Conn(ctx)
	if err != nil {
		return 0, fmt.Errorf("connect: %w", err)
	}
	defer conn.Close()
	n, err := affected(conn.ExecContext(context.WithoutCancel(ctx), query, args...))
	return n, d.outcome(err)
}

func (d *DB) commit(ctx context.Context, opts *sql.TxOptions, alone bool, fn func(context.Context, *Tx) error) error {
	ctx, err := enter(ctx)
	if err != nil {
		return err
	}
	if d.kind == SQLite {
		return ended(ctx, d.share(ctx, &waiter{alone: alone}, fn))
	}
	return ended(ctx, untilWon(ctx, func() error { return d.write(ctx, opts, fn) }))
}

// untilWon runs once again where it lost against another one, after a pause.
func untilWon(ctx context.Context, once func() error) error {
	for n := 1; ; n++ {
		err := once()
		if n == attempts || !lost(err) {
			return err
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
	l := begin(conn, opts)
	defer l.end(context.WithoutCancel(ctx)) // nothing after the commit
	if err := fn(ctx, &Tx{line: l, ctx: ctx, kind: d.kind}); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	return d.outcome(l.commit(context.WithoutCancel(ctx)))
}

// finish commits tx.
func (d *DB) finish(tx *sql.Tx) error {
	if err := d.gone(); err != nil {
		return err
	}
	return d.outcome(tx.Commit())
}

// outcome says what an error means for what was to be committed.
func (d *DB) outcome(err error) error {
	switch {
	case err == nil:
		return nil
	case notCommitted(err):
		return fmt.Errorf("commit: %w", err)
	}
	d.doubt.had.Add(1)
	return fmt.Errorf("%w: commit: %w", ErrOutcomeUnknown, err)
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
