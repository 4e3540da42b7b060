package store

import (
	"context"
	"fmt"
	"sync"
)

// A Cap bounds the rows that a project has of what strangers begin, which would be
// bounded by time alone else. The oldest give way: to refuse the newest would let
// whoever fills the table keep everybody out.
//
// Each server looks at a table after every so many rows that it added itself, so there
// may be a sixteenth more for each of them.
type Cap struct {
	Most int // rows of one project; 0 is no bound
	// Trim deletes the oldest rows of a project beyond most.
	Trim func(ctx context.Context, project string, most int) error

	mu    sync.Mutex
	added map[string]int // rows by project, since they were counted
}

// Cap returns a Cap of a table, in words such as "challenges". Its statement deletes up
// to $3 of the rows of the project $1 that there are beyond $2.
func (d *DB) Cap(most int, of, statement string) *Cap {
	return &Cap{Most: most, Trim: func(ctx context.Context, project string, most int) error {
		if _, err := d.Prune(ctx, statement, project, most); err != nil {
			return fmt.Errorf("bound the %s: %w", of, err)
		}
		return nil
	}}
}

// Added says that n rows were added, after their transaction, and trims the table
// where it is time. A Cap that is nil bounds nothing.
func (c *Cap) Added(ctx context.Context, project string, n int) error {
	c.Note(project, n)
	return c.Look(ctx, project)
}

// Note says that n rows are being added, inside of a transaction: it must not wait for
// another one. Look follows later.
func (c *Cap) Note(project string, n int) {
	if c == nil || c.Most <= 0 || n == 0 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.added == nil {
		c.added = map[string]int{}
	}
	c.added[project] += n
}

// Look trims the table where enough rows were added.
func (c *Cap) Look(ctx context.Context, project string) error {
	if c == nil || c.Most <= 0 {
		return nil
	}
	c.mu.Lock()
	due := c.added[project] > c.Most/16
	if due {
		delete(c.added, project) // one of many who come at once looks
	}
	c.mu.Unlock()
	if !due {
		return nil
	}
	return c.Trim(ctx, project, c.Most)
}
