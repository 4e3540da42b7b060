package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
)

// openPostgres opens one pool. Write is SERIALIZABLE, so that what a transaction
// read is still so when it commits, exactly as with SQLite's one writer; Read is
// REPEATABLE READ, which is a snapshot and never fails.
func openPostgres(ctx context.Context, url string, opts Options) (*DB, error) {
	config, err := pgx.ParseConfig(url)
	if err != nil {
		return nil, err // pgx leaves the password out of it
	}
	if config.RuntimeParams["application_name"] == "" {
		config.RuntimeParams["application_name"] = "postern"
	}
	db := stdlib.OpenDB(*config, stdlib.OptionAfterConnect(rowByRow))
	db.SetMaxOpenConns(opts.MaxConns)
	db.SetMaxIdleConns(opts.MaxConns)
	db.SetConnMaxIdleTime(5 * time.Minute)
	if err := migrate(ctx, db, goose.DialectPostgres, goose.WithSessionLocker(advisoryLock{})); err != nil {
		_ = db.Close()
		return nil, err
	}
	return &DB{
		kind:      Postgres,
		writer:    db,
		reader:    db,
		writing:   &sql.TxOptions{Isolation: sql.LevelSerializable},
		counting:  &sql.TxOptions{Isolation: sql.LevelReadCommitted},
		reading:   &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true},
		gone:      func() error { return nil },
		listening: config,
	}, nil
}

// rowByRow has statements find their rows by an index. A serializable transaction that
// reads a table from end to end meets everybody who changes anything in it, and small
// tables are read so wherever that costs less, codes that wait for an answer above all.
// It is asked for here, as a proxy may refuse it among what a connection begins with.
//
// Where there is no index all the same, the planner takes the statement for a very dear
// one, and compiles it, for a tenth of a second and more: none of ours is worth that.
func rowByRow(ctx context.Context, conn *pgx.Conn) error {
	if _, err := conn.Exec(ctx, `SET enable_seqscan = off; SET jit = off`); err != nil {
		return fmt.Errorf("set up the connection: %w", err)
	}
	return nil
}

// advisoryLock lets one server at a time migrate a schema. It waits in the
// database, where goose's own would try again every few seconds.
type advisoryLock struct{}

const lockKey = `hashtextextended('postern migrates ' || current_schema(), 0)`

// SessionLock waits for the lock.
func (advisoryLock) SessionLock(ctx context.Context, conn *sql.Conn) error {
	if _, err := conn.ExecContext(ctx, `SELECT pg_advisory_lock(`+lockKey+`)`); err != nil {
		return fmt.Errorf("wait for another server that migrates: %w", err)
	}
	return nil
}

// SessionUnlock gives the lock back.
func (advisoryLock) SessionUnlock(ctx context.Context, conn *sql.Conn) error {
	_, err := conn.ExecContext(ctx, `SELECT pg_advisory_unlock(`+lockKey+`)`)
	return err
}
