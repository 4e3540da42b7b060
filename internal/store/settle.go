package store

import (
	"context"
	"database/sql"
	"fmt"
	"sync/atomic"
)

// A doubt is commits whose outcome is not known. What the next transaction sees
// must stay so, or asking again would not tell what became of them:
//
//   - SQLite takes a transaction back whose commit failed. But if only the last
//     sync failed, all of it is in the log, and whoever opens the file after a
//     crash would find it there. Another commit writes over it.
//   - PostgreSQL goes on with a commit whose client is gone, for as long as it
//     takes: a standby may be away that it waits for. Until then it keeps its
//     locks.
type doubt struct {
	had     atomic.Int64 // such commits
	settled atomic.Int64 // how many of them are no question any more
	turn    chan struct{}
}

// settle makes the state of the database final where a commit left it in doubt.
// Until it can, nobody is told anything.
func (d *DB) settle(ctx context.Context) error {
	if d.doubt.settled.Load() == d.doubt.had.Load() {
		return nil
	}
	select {
	case d.doubt.turn <- struct{}{}:
		defer func() { <-d.doubt.turn }()
	case <-ctx.Done():
		return ctx.Err()
	}
	had := d.doubt.had.Load()
	if d.doubt.settled.Load() == had {
		return nil // another did it meanwhile
	}
	find := d.overwrite
	if d.kind == Postgres {
		find = d.outwait
	}
	if err := find(ctx); err != nil {
		return fmt.Errorf("%w: after a commit whose outcome is not known: %w", ErrGone, err)
	}
	d.doubt.settled.Store(had)
	return nil
}

// overwrite commits something that means nothing: the number that SQLite keeps
// for its users, of whom there are none. The page is written though it is as it
// was.
func (d *DB) overwrite(ctx context.Context) error {
	conn, err := d.take(ctx)
	if err != nil {
		return err
	}
	defer d.give(conn)
	// Its rollback must not come after the connection was given back.
	return alone(context.WithoutCancel(ctx), conn, `PRAGMA user_version = 0`)
}

// outwait waits until every transaction of PostgreSQL that has written something
// has ended. It takes one lock at a time, so that nobody who writes waits for it
// in a circle. It asks for no session by its id: what stands between may have
// given us another one, and who has the id now may be somebody else.
func (d *DB) outwait(ctx context.Context) error {
	tx, err := d.reader.BeginTx(ctx, d.reading)
	if err != nil {
		return err
	}
	tables, err := (&Tx{tx: tx, ctx: ctx, kind: d.kind}).Tables()
	_ = tx.Rollback() // nothing was written
	if err != nil {
		return err
	}
	for _, t := range tables {
		if err := alone(ctx, d.writer, `SET LOCAL lock_timeout = '10s'`, `LOCK TABLE `+t.Name+` IN SHARE MODE`); err != nil {
			return err
		}
	}
	return nil
}

// beginner is a pool of connections, or one of them.
type beginner interface {
	BeginTx(ctx context.Context, opts *sql.TxOptions) (*sql.Tx, error)
}

// alone runs statements as a transaction of their own.
func alone(ctx context.Context, on beginner, statements ...string) error {
	tx, err := on.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() // nothing after Commit
	for _, s := range statements {
		if _, err := tx.ExecContext(ctx, s); err != nil {
			return err
		}
	}
	return tx.Commit()
}
