package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
)

// A line is a transaction of PostgreSQL that writes. What need not be answered at once
// waits in it, and goes with the next statement that must be, in one message: the
// begin with the first one, the last ones with the commit. They run one after the
// other, in the order in which they came; after one that failed none does.
type line struct {
	conn    *sql.Conn
	waiting []Ask
}

// begin begins a transaction, when something is sent.
func begin(conn *sql.Conn, opts *sql.TxOptions) *line {
	level := "READ COMMITTED"
	if opts.Isolation == sql.LevelSerializable {
		level = "SERIALIZABLE"
	}
	return &line{conn: conn, waiting: []Ask{{query: "BEGIN ISOLATION LEVEL " + level}}}
}

// send sends what waits and asks after it, and reads the answers.
func (l *line) send(ctx context.Context, asks ...Ask) error {
	all := append(l.waiting, asks...)
	l.waiting = nil
	if len(all) == 0 {
		return nil
	}
	return l.raw(func(conn *pgx.Conn) error {
		batch := &pgx.Batch{}
		for i := range all {
			if a := &all[i]; a.query != "" {
				batch.Queue(a.query, a.args...).Fn = a.read
			}
		}
		return conn.SendBatch(ctx, batch).Close()
	})
}

// read reads the answer to a statement.
func (a *Ask) read(from pgx.BatchResults) error {
	if a.scan == nil {
		tag, err := from.Exec()
		if err != nil {
			return err
		}
		if a.changed != nil {
			*a.changed = tag.RowsAffected()
		}
		if a.told != nil {
			*a.told = tag.String()
		}
		return nil
	}
	rows, err := from.Query()
	if err != nil {
		return err
	}
	defer rows.Close()
	if rows.Next() {
		err = a.scan(rows)
	}
	rows.Close()
	return errors.Join(err, rows.Err())
}

// commit sends what waits and the commit. Where one of the statements failed
// PostgreSQL passes over the commit.
func (l *line) commit(ctx context.Context) error {
	var done string
	err := l.send(ctx, Ask{query: "COMMIT", told: &done})
	switch {
	case done == "COMMIT": // whatever went wrong after it
		return nil
	case err != nil:
		return err
	}
	return pgx.ErrTxCommitRollback // it took back a transaction in which something had failed
}

// end takes back what was not committed.
func (l *line) end(ctx context.Context) {
	_ = l.raw(func(conn *pgx.Conn) error {
		if conn.IsClosed() || conn.PgConn().TxStatus() == 'I' {
			return nil
		}
		_, err := conn.Exec(ctx, "ROLLBACK")
		return err // the pool closes a connection that is in a transaction still
	})
}

func (l *line) raw(fn func(*pgx.Conn) error) error {
	return l.conn.Raw(func(conn any) error {
		c, ok := conn.(*stdlib.Conn)
		if !ok {
			return fmt.Errorf("a connection to PostgreSQL is a %T", conn)
		}
		return fn(c.Conn())
	})
}

// exec sends what waits and a statement, and returns how many rows that one changed.
func (l *line) exec(ctx context.Context, query string, args []any) (sql.Result, error) {
	var changed int64
	if err := l.send(ctx, Ask{query: query, args: args, changed: &changed}); err != nil {
		return nil, err
	}
	return driver.RowsAffected(changed), nil
}
