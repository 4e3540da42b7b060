package store

import (
	"database/sql"
	"errors"
)

// An Ask is one of several statements that are run together. The zero value asks
// nothing.
type Ask struct {
	query   string
	args    []any
	scan    func(Scanner) error // of a statement that returns rows
	changed *int64
	told    *string // what PostgreSQL says that it did
}

// One is a statement that returns one row, which scan reads, or none.
func One(scan func(Scanner) error, query string, args ...any) Ask {
	return Ask{query: query, args: args, scan: scan}
}

// Changing is a statement that returns no rows; changed, where it is not nil, becomes
// how many it changed.
func Changing(changed *int64, query string, args ...any) Ask {
	return Ask{query: query, args: args, changed: changed}
}

// Together runs statements one after the other, of which none needs what another one
// returns. It asks PostgreSQL once for all of them.
func (t *Tx) Together(asks ...Ask) error {
	if t.line != nil {
		return t.line.send(t.context(), asks...)
	}
	for i := range asks {
		if err := t.ask(&asks[i]); err != nil {
			return err
		}
	}
	return nil
}

func (t *Tx) ask(a *Ask) (err error) {
	switch {
	case a.query == "":
		return nil
	case a.scan == nil:
		n, err := affected(t.Exec(a.query, a.args...))
		if a.changed != nil {
			*a.changed = n
		}
		return err
	}
	if err = a.scan(t.QueryRow(a.query, a.args...)); errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	return err
}

// Later is Exec for a statement of which nobody asks how many rows it changed. It runs
// before all that come after it. On PostgreSQL that may be with the commit, and then
// Write returns its error, of which only ErrOutcomeUnknown and the others of this
// package are told apart.
func (t *Tx) Later(query string, args ...any) error {
	if t.line != nil {
		t.line.waiting = append(t.line.waiting, Ask{query: query, args: args})
		return nil
	}
	_, err := t.Exec(query, args...)
	return err
}

// RowsAtOnce is how many rows a statement should insert, where they are many. To
// PostgreSQL each statement is a way and back, so they are as many as one takes.
// SQLite runs in this process: what it made of a text for one row serves the next
// one, and for several at once it first copies each page that they change, to take
// them back together.
func (t *Tx) RowsAtOnce(most int) int {
	if t.kind == SQLite {
		return 1
	}
	return most
}

// failed is a row of a statement that could not be run.
type failed struct{ err error }

// Scan returns why.
func (f failed) Scan(...any) error { return f.err }
