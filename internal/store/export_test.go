package store

import "time"

// Compiled returns how many statements stay compiled.
func (d *DB) Compiled() (reads, writes int) { return len(d.reads.ready), len(d.writes.ready) }

// Patient makes rounds that end only when nobody waits.
func (d *DB) Patient() { d.queue.longest = time.Hour }

// Waiting returns how many writes wait for their turn.
func (d *DB) Waiting() int {
	d.queue.mu.Lock()
	defer d.queue.mu.Unlock()
	return len(d.queue.waiting)
}
