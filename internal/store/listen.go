package store

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
)

// relisten is the pause before a connection that was lost is made again.
const relisten = time.Second

// Tell says something, when tx commits, to every process that listens on a channel.
// On SQLite, which has one process, nobody does. A text may be lost, where a
// listener has no connection just then.
func (t *Tx) Tell(channel, text string) error {
	if t.kind != Postgres {
		return nil
	}
	return t.Later(`SELECT pg_notify($1, $2)`, channel, text)
}

// Listen calls heard with every text that is told on a channel until ctx ends, and
// with "" after each time that it has connected: something may have been lost
// before. On SQLite it only waits.
func (d *DB) Listen(ctx context.Context, channel string, heard func(text string)) {
	for d.listening != nil && ctx.Err() == nil {
		_ = d.listen(ctx, channel, heard) // whatever broke it off, the answer is to connect again
		pause := time.NewTimer(relisten)
		select {
		case <-ctx.Done():
			pause.Stop()
		case <-pause.C:
		}
	}
	<-ctx.Done()
}

func (d *DB) listen(ctx context.Context, channel string, heard func(text string)) error {
	conn, err := pgx.ConnectConfig(ctx, d.listening.Copy())
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	if _, err := conn.Exec(ctx, `LISTEN `+pgx.Identifier{channel}.Sanitize()); err != nil {
		return err
	}
	heard("")
	for {
		n, err := conn.WaitForNotification(ctx)
		if err != nil {
			return err
		}
		heard(n.Payload)
	}
}
