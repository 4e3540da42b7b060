package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
)

// settleWait bounds how long requests wait for a commit whose connection was
// lost. A commit takes milliseconds; what has the id of its session later may be
// the session of somebody else.
const settleWait = 10 * time.Second

// A doubt is commits whose outcome is not known. What the next transaction sees
// must stay so, or asking again would not tell what became of them:
//
//   - SQLite takes a transaction back whose commit failed. But if only the last
//     sync failed, all of it is in the log, and whoever opens the file after a
//     crash would find it there. Another commit writes over it.
//   - PostgreSQL goes on with a commit whose client is gone. When its session has
//     ended, nothing more happens.
type doubt struct {
	mu       sync.Mutex
	unwanted bool     // SQLite: the log may hold what was taken back
	sessions []uint32 // PostgreSQL: those that may still be committing
}

// session returns the id of the session of a connection to PostgreSQL.
func session(conn *sql.Conn) (id uint32) {
	_ = conn.Raw(func(c any) error { // what has no session has none to wait for
		if c, ok := c.(*stdlib.Conn); ok {
			id = c.Conn().PgConn().PID()
		}
		return nil
	})
	return id
}

// doubted remembers a commit whose outcome is not known.
func (d *DB) doubted(session uint32, err error) {
	d.doubt.mu.Lock()
	defer d.doubt.mu.Unlock()
	_, answered := errors.AsType[*pgconn.PgError](err) // and so does nothing any more
	if d.kind == SQLite {
		d.doubt.unwanted = true
	} else if !answered && session != 0 {
		d.doubt.sessions = append(d.doubt.sessions, session)
	}
}

// settle makes the state of the database final where a commit left it in doubt.
// Until it can, nobody is told anything.
func (d *DB) settle(ctx context.Context) error {
	d.doubt.mu.Lock()
	defer d.doubt.mu.Unlock()
	if d.doubt.unwanted {
		if err := d.overwrite(ctx); err != nil {
			return fmt.Errorf("%w: after a commit that failed: %w", ErrGone, err)
		}
		d.doubt.unwanted = false
	}
	for len(d.doubt.sessions) > 0 {
		if err := d.await(ctx, d.doubt.sessions[0]); err != nil {
			return fmt.Errorf("%w: after a commit that was cut off: %w", ErrGone, err)
		}
		d.doubt.sessions = d.doubt.sessions[1:]
	}
	return nil
}

// overwrite commits something that means nothing: the number that SQLite keeps
// for its users, of whom there are none.
func (d *DB) overwrite(ctx context.Context) error {
	tx, err := d.writer.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	var n int32
	if err := tx.QueryRowContext(ctx, `PRAGMA user_version`).Scan(&n); err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, fmt.Sprintf(`PRAGMA user_version = %d`, (n+1)&0xffff)); err != nil {
		return err
	}
	return tx.Commit()
}

// await waits until a session of PostgreSQL is doing nothing any more.
func (d *DB) await(ctx context.Context, session uint32) error {
	patience := time.NewTimer(settleWait)
	defer patience.Stop()
	for pause := time.Millisecond; ; pause = min(2*pause, 100*time.Millisecond) {
		var busy bool
		err := d.writer.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM pg_stat_activity
			WHERE pid = $1 AND pid <> pg_backend_pid() AND state <> 'idle')`, int64(session)).Scan(&busy)
		if err != nil || !busy {
			return err
		}
		again := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-patience.C:
			return nil
		case <-again.C:
		}
	}
}
