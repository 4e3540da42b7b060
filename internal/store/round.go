package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"time"

	"modernc.org/sqlite"
)

// A round of SQLite is bounded, because the first in it waits for the last.
const (
	mostInRound  = 128
	longestRound = 10 * time.Millisecond // no other joins after that
)

// A waiter is one Write that waits for its turn, and then for what became of it.
type waiter struct {
	ticket int64
	alone  bool
	single bool      // it is one statement, which SQLite takes back by itself where it fails
	call   chan call // room for one

	// What the one who leads the round reads when the waiter has had its turn.
	err  error // of its function: nothing of it is in the round
	left bool  // it waits no more: it panicked, or its context ended before its turn
}

// A call is what a waiter hears: to lead a round, to join one, or what became of
// it.
type call struct {
	join *round
	told bool
	err  error
}

// A queue is the writes of a SQLite database. One of them leads; the others wait
// in the order in which they came.
type queue struct {
	mu      sync.Mutex
	longest time.Duration // of a round
	busy    bool          // somebody leads
	tickets int64
	waiting []*waiter
}

// enter gives w its place in the row, or lets it lead at once.
func (q *queue) enter(w *waiter) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.tickets++
	w.ticket = q.tickets
	if !q.busy {
		q.busy = true
		w.call <- call{}
		return
	}
	q.waiting = append(q.waiting, w)
}

// back puts those at their places in the row again who must have another turn.
func (q *queue) back(all []*waiter) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.waiting = append(q.waiting, all...)
	slices.SortFunc(q.waiting, func(a, b *waiter) int { return int(a.ticket - b.ticket) })
}

// leave takes w out of the row, and reports whether it was still there.
func (q *queue) leave(w *waiter) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	n := len(q.waiting)
	q.waiting = slices.DeleteFunc(q.waiting, func(o *waiter) bool { return o == w })
	return len(q.waiting) < n
}

// next takes the first of the row for a round; nil if there is none, or it must
// be alone.
func (q *queue) next() *waiter {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.waiting) == 0 || q.waiting[0].alone {
		return nil
	}
	return q.shift()
}

// pass lets the first of the row lead.
func (q *queue) pass() {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.waiting) == 0 {
		q.busy = false
		return
	}
	q.shift().call <- call{}
}

func (q *queue) shift() *waiter {
	w := q.waiting[0]
	q.waiting[0] = nil
	q.waiting = q.waiting[1:]
	return w
}

// listen waits for a call. Where ctx ends while w is still in the row it is out of
// it; later there is a call for certain.
func (q *queue) listen(ctx context.Context, w *waiter) (call, error) {
	select {
	case c := <-w.call:
		return c, nil
	case <-ctx.Done():
		if q.leave(w) {
			return call{}, ctx.Err()
		}
		return <-w.call, nil
	}
}

// share is Write on SQLite: whoever waits at the same time shares a commit, which
// is what takes long. Each function runs in the goroutine of its caller, one after
// the other.
func (d *DB) share(ctx context.Context, w *waiter, fn func(context.Context, *Tx) error) error {
	w.call = make(chan call, 1)
	d.queue.enter(w)
	for {
		c, err := d.queue.listen(ctx, w)
		switch {
		case err != nil:
			return err
		case c.told:
			return c.err
		case c.join == nil:
			return d.lead(ctx, w, fn)
		}
		if c.join.turn(ctx, w, fn); w.left {
			return w.err
		}
	}
}

// lead runs fn and commits it, with those who wait. Where they must not share a
// commit after all, fn runs again by itself.
func (d *DB) lead(ctx context.Context, w *waiter, fn func(context.Context, *Tx) error) error {
	defer d.queue.pass() // whatever becomes of this
	again, err := d.round(ctx, w.alone, fn)
	if again {
		_, err = d.round(ctx, true, fn)
	}
	return err
}

// A round is a transaction and those whose functions ran in it after the one of
// its leader, each in a savepoint unless it is one statement.
type round struct {
	conn   *sql.Conn
	tx     *Tx // of nobody
	after  []*waiter
	back   chan struct{} // the turn comes back to the leader
	broken bool          // the transaction is not what it should be
}

// round returns again where nothing was written, and nobody knows what would have
// become of fn by itself. The others are told here, or are in the row again.
func (d *DB) round(ctx context.Context, alone bool, fn func(context.Context, *Tx) error) (again bool, err error) {
	if err := errors.Join(ctx.Err(), d.settle(ctx)); err != nil {
		return false, err
	}
	conn, err := d.take(ctx)
	if err != nil {
		return false, err
	}
	defer d.give(conn)
	d.writes.prepare(ctx, conn)
	tx, err := conn.BeginTx(context.WithoutCancel(ctx), d.writing)
	if err != nil {
		return false, fmt.Errorf("begin: %w", err)
	}
	defer tx.Rollback() // nothing after Commit
	if err := fn(ctx, &Tx{tx: tx, ctx: ctx, kind: SQLite, stmts: d.writes, joined: !alone}); err != nil {
		return false, err
	}
	if err := ctx.Err(); err != nil {
		return false, err
	}
	r := &round{conn: conn, tx: &Tx{tx: tx, ctx: context.WithoutCancel(ctx), kind: SQLite, stmts: d.writes}, back: make(chan struct{})}
	if !alone {
		r.gather(&d.queue)
	}
	if len(r.after) == 0 && !r.broken {
		return false, d.finish(tx)
	}
	return d.end(r)
}

// gather gives those who wait their turns.
func (r *round) gather(q *queue) {
	until := time.Now().Add(q.longest)
	for len(r.after) < mostInRound && !r.broken && time.Now().Before(until) {
		w := q.next()
		if w == nil {
			runtime.Gosched() // who is about to write comes along: a commit costs far more than that
			if w = q.next(); w == nil {
				return
			}
		}
		w.call <- call{join: r}
		<-r.back
		if !w.left {
			r.after = append(r.after, w)
		}
	}
}

// turn runs fn as a part of the round.
func (r *round) turn(ctx context.Context, w *waiter, fn func(context.Context, *Tx) error) {
	defer func() { r.back <- struct{}{} }()
	if w.err = ctx.Err(); w.err != nil {
		w.left = true
		return
	}
	if !w.single {
		if _, err := r.tx.Exec(`SAVEPOINT one`); err != nil {
			r.broken = true
			return
		}
	}
	done := false
	defer func() {
		if !done { // it panicked, or its goroutine ends
			r.undo(w)
			w.left = true
		}
	}()
	w.err = fn(ctx, &Tx{tx: r.tx.tx, ctx: ctx, kind: SQLite, stmts: r.tx.stmts, joined: true})
	if w.err == nil && !w.single { // what one statement did can be taken back no more
		w.err = ctx.Err()
	}
	done = true
	switch {
	case w.err != nil:
		r.undo(w)
	case r.owes(): // the commit would fail, and take the others with it
		r.broken = true
	case !w.single:
		_, err := r.tx.Exec(`RELEASE one`)
		r.broken = err != nil
	}
}

// undo takes back what one did. SQLite may have taken back the whole transaction
// by itself, as where the disk is full: then there is no savepoint any more. Of one
// statement nobody knows whether it took back more than itself.
func (r *round) undo(w *waiter) {
	if w.single {
		r.broken = true
		return
	}
	if _, err := r.tx.Exec(`ROLLBACK TO one; RELEASE one`); err != nil {
		r.broken = true
	}
}

// owes reports whether a foreign key that is looked at in the commit refers to
// nothing. Where the driver cannot say it may.
func (r *round) owes() bool {
	owes := true
	err := r.conn.Raw(func(conn any) error {
		s, ok := conn.(sqlite.DBStatus)
		if !ok {
			return nil
		}
		n, _, err := s.Status(sqlite.DBStatusDeferredFKs, false)
		owes = n != 0
		return err
	})
	return owes || err != nil
}

// end commits a round of several. Where the commit was certainly not done each
// runs again alone, to learn its own outcome; nothing may keep them from one
// another. Where nobody knows, those who failed run again too: they wrote nothing,
// but they may have seen what is in doubt now.
func (d *DB) end(r *round) (again bool, err error) {
	err = errNotShared
	if !r.broken {
		err = d.finish(r.tx.tx)
	}
	if err != nil {
		_ = r.tx.tx.Rollback() // before anybody runs again; nothing where it is over
	}
	unknown := errors.Is(err, ErrOutcomeUnknown)
	var repeat []*waiter
	for _, w := range r.after {
		switch {
		case err == nil:
			w.call <- call{told: true, err: w.err}
		case unknown && w.err == nil:
			w.call <- call{told: true, err: err}
		default:
			w.alone, w.err = true, nil
			repeat = append(repeat, w)
		}
	}
	d.queue.back(repeat)
	return err != nil && !unknown, err
}

var errNotShared = errors.New("the transaction could not be shared")
