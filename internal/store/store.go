// Package store opens the database, keeps its schema current, runs transactions
// and tells what became of them. The SQL lives in the packages whose data it is.
//
// The database is SQLite, for one server, or PostgreSQL, for many. Statements
// are written once, for both: $1 parameters, ON CONFLICT, RETURNING; the types
// TEXT, BIGINT and BYTEA; times as whole numbers, documents as TEXT. Text does
// not sort alike on both, so sort it in Go.
//
// A transaction means the same on both: Write is serializable, Read sees one
// state of the database from its first statement to its last.
package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
)

// The kinds of database.
const (
	SQLite   = "sqlite"
	Postgres = "postgres"
)

// DB is an open database, current in its schema.
type DB struct {
	kind      string
	writer    *sql.DB
	pen       chan *sql.Conn // the one connection of writer, on SQLite, where nobody has it; see take
	reader    *sql.DB        // the same as writer on PostgreSQL
	writing   *sql.TxOptions
	counting  *sql.TxOptions // of WriteCommitted
	reading   *sql.TxOptions
	gone      func() error    // says when a SQLite file is not at its path any more
	listening *pgx.ConnConfig // how Listen connects; nil on SQLite
	reads     *statements
	writes    *statements
	queue     queue // of those who write, on SQLite
	doubt     doubt
}

// Options are the settings of a database; the zero value is right for most.
type Options struct {
	// MaxConns bounds the connections: those of PostgreSQL together, those that
	// read from SQLite, which has one more to write. Zero means 16.
	MaxConns int
}

// Open connects to url, a file path (SQLite) or a postgres:// URL, and migrates
// the schema. Several processes may do so at once. A missing file is created
// with mode 0600, in a folder that must exist; beside it Open leaves the empty
// file .lock, which says who migrates.
func Open(ctx context.Context, url string, opts Options) (*DB, error) {
	if opts.MaxConns <= 0 {
		opts.MaxConns = 16
	}
	open := openSQLite
	if isPostgres(url) {
		open = openPostgres
	}
	d, err := open(ctx, url, opts)
	if err != nil {
		return nil, faulted(fmt.Errorf("open database: %w", err))
	}
	d.doubt.turn = make(chan struct{}, 1)
	d.queue.longest = longestRound
	return d, nil
}

func isPostgres(url string) bool {
	return strings.HasPrefix(url, "postgres://") || strings.HasPrefix(url, "postgresql://")
}

// Kind returns which database it is, SQLite or Postgres.
func (d *DB) Kind() string { return d.kind }

// Ping says whether the database answers.
func (d *DB) Ping(ctx context.Context) error {
	if err := d.gone(); err != nil {
		return faulted(fmt.Errorf("ping database: %w", err))
	}
	var one int
	if err := d.reader.QueryRowContext(ctx, `SELECT 1`).Scan(&one); err != nil {
		return faulted(fmt.Errorf("ping database: %w", err))
	}
	return nil
}

// Close closes the database, after the transactions that run. The writer goes
// last, since the last connection to a SQLite file tidies up its log.
func (d *DB) Close() error {
	var err error
	if d.reader != d.writer {
		err = d.reader.Close()
	}
	if d.pen != nil {
		conn := <-d.pen
		if closed := conn.Close(); !errors.Is(closed, sql.ErrConnDone) { // it was closed before
			err = errors.Join(err, closed)
		}
		d.give(conn) // whoever comes later is told that it is closed
	}
	return errors.Join(err, d.writer.Close())
}

// take takes the connection that writes to SQLite, and give returns it. It stays the
// same for as long as the database is open, so that statements which are compiled on it
// run without those whom database/sql has watch over the statements of a transaction.
func (d *DB) take(ctx context.Context) (*sql.Conn, error) {
	select {
	case conn := <-d.pen:
		return conn, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (d *DB) give(conn *sql.Conn) { d.pen <- conn }
