package audit

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"postern/internal/store"
)

// A Stream is how far somebody outside has taken the records of a project. The chain
// is the queue: its numbers have no gaps, and a record has its number only when those
// before it are there, so the number of the last one that was taken says all.
//
// Whoever sends holds the stream for a while; who dies gives it up by that.
type Stream struct {
	Project  string
	Reader   string // whose it is: the id of a connector
	Number   int64  // of the last record that was taken or passed over
	Failures int    // since it last worked
	Problem  string // of the last failure
	Dropped  int64  // records that were given up
	Behind   int64  // records that wait
}

// Follow makes readers those who take the records of a project, as part of tx: a new
// one begins with the next record, and one that is not named any more ends.
func Follow(tx *store.Tx, project string, readers []string) error {
	args, marks := []any{project}, []string{}
	for _, r := range readers {
		args = append(args, r)
		marks = append(marks, "$"+strconv.Itoa(len(args)))
	}
	ended := `DELETE FROM audit_streams WHERE project = $1`
	if len(readers) > 0 {
		ended += ` AND reader NOT IN (` + strings.Join(marks, ",") + `)`
	}
	if _, err := tx.Exec(ended, args...); err != nil {
		return fmt.Errorf("follow audit: %w", err)
	}
	for _, r := range readers {
		_, err := tx.Exec(`INSERT INTO audit_streams (project, reader, number)
			VALUES ($1, $2, COALESCE((SELECT number FROM audit_chains WHERE project = $1), 0)) ON CONFLICT (project, reader) DO NOTHING`, project, r)
		if err != nil {
			return fmt.Errorf("follow audit: %w", err)
		}
	}
	return nil
}

// due are streams with records that wait, of projects in use.
const due = ` FROM audit_streams s JOIN audit_chains c ON c.project = s.project JOIN projects p ON p.id = s.project
	WHERE c.number > s.number AND p.deleted_at = 0`

const streamColumns = `s.project, s.reader, s.number, s.failures, s.problem, s.dropped, c.number - s.number`

func scanStream(row store.Scanner) (s Stream, err error) {
	return s, row.Scan(&s.Project, &s.Reader, &s.Number, &s.Failures, &s.Problem, &s.Dropped, &s.Behind)
}

// Due returns the streams that have records to send now, those that are behind by the
// fewest first, and limit of them at most.
func Due(ctx context.Context, db *store.DB, now time.Time, limit int) ([]Stream, error) {
	list, err := store.Rows(ctx, db, scanStream,
		`SELECT `+streamColumns+due+` AND s.held_until <= $1 AND s.retry_at <= $1 ORDER BY c.number - s.number, s.project, s.reader LIMIT $2`, now.UnixMilli(), limit)
	if err != nil {
		return nil, fmt.Errorf("list audit streams: %w", err)
	}
	return list, nil
}

// Behind returns the streams that do not work, or gave something up: what an operator
// looks at.
func Behind(tx *store.Tx) ([]Stream, error) {
	return store.Collect(tx, scanStream, `SELECT `+streamColumns+due+` AND s.failures > 0 ORDER BY s.project, s.reader`)
}

// Backlog returns how many records wait for all streams, and how many of the streams
// do not work.
func Backlog(ctx context.Context, db *store.DB) (records, failing int64, err error) {
	err = db.One(ctx, func(row store.Scanner) error { return row.Scan(&records, &failing) },
		`SELECT COALESCE(SUM(c.number - s.number), 0), COALESCE(SUM(CASE WHEN s.failures > 0 THEN 1 ELSE 0 END), 0)`+due)
	if err != nil {
		return 0, 0, fmt.Errorf("count audit streams: %w", err)
	}
	return records, failing, nil
}

// Hold takes the stream for holder until a time. It reports false where somebody else
// has it, or it has ended, or moved on.
func (s Stream) Hold(ctx context.Context, db *store.DB, holder string, now, until time.Time) (bool, error) {
	n, err := db.Exec(ctx, `UPDATE audit_streams SET holder = $3, held_until = $4
		WHERE project = $1 AND reader = $2 AND held_until <= $5 AND retry_at <= $5 AND number = $6`,
		s.Project, s.Reader, holder, until.UnixMilli(), now.UnixMilli(), s.Number)
	if err != nil {
		return false, fmt.Errorf("hold audit stream: %w", err)
	}
	return n == 1, nil
}

// A Numbered event has its place in the chain.
type Numbered struct {
	Event
	Number int64
}

// Next returns the records that come next in the stream, limit of them at most.
func (s Stream) Next(ctx context.Context, db *store.DB, limit int) ([]Numbered, error) {
	list, err := store.Rows(ctx, db, func(row store.Scanner) (n Numbered, err error) {
		n.Event, err = scan(counted{row, &n.Number})
		return n, err
	}, `SELECT number, `+eventColumns+` FROM audit WHERE project = $1 AND number > 0 AND number > $2 ORDER BY number LIMIT $3`, s.Project, s.Number, limit)
	if err != nil {
		return nil, fmt.Errorf("read audit stream: %w", err)
	}
	return list, nil
}

// counted is a row with the number before the columns of an event.
type counted struct {
	row    store.Scanner
	number *int64
}

func (c counted) Scan(dest ...any) error { return c.row.Scan(append([]any{c.number}, dest...)...) }

// Took says that all up to a number was taken, and holds the stream until a time; one
// that has passed gives it up. It reports false where holder has it no more: then the
// one who has it sends the same again.
func (s Stream) Took(ctx context.Context, db *store.DB, holder string, number int64, until time.Time) (bool, error) {
	n, err := db.Exec(ctx, `UPDATE audit_streams SET number = $4, failures = 0, retry_at = 0, problem = '', held_until = $5
		WHERE project = $1 AND reader = $2 AND holder = $3 AND number <= $4`, s.Project, s.Reader, holder, number, until.UnixMilli())
	if err != nil {
		return false, fmt.Errorf("move audit stream: %w", err)
	}
	return n == 1, nil
}

// GiveUp lets go of a stream that holder has, without a word on whether it works.
func (s Stream) GiveUp(ctx context.Context, db *store.DB, holder string) error {
	_, err := db.Exec(ctx, `UPDATE audit_streams SET held_until = 0 WHERE project = $1 AND reader = $2 AND holder = $3`, s.Project, s.Reader, holder)
	if err != nil {
		return fmt.Errorf("give up audit stream: %w", err)
	}
	return nil
}

// Fail says that it did not work, and why in a few words without a secret; nobody tries
// again before a time. Records from before oldest are given up: their count is
// returned, and a record of the project says which they were. An end of waiting is
// what keeps a receiver that is gone for good from being told of years.
func (s Stream) Fail(ctx context.Context, db *store.DB, holder, problem string, again, oldest time.Time) (dropped int64, err error) {
	err = db.Write(ctx, func(_ context.Context, tx *store.Tx) error {
		dropped = 0
		var last int64
		err := tx.QueryRow(`SELECT COALESCE(MAX(number), 0) FROM audit WHERE project = $1 AND number > 0 AND number > $2 AND occurred_at < $3`,
			s.Project, s.Number, oldest.UnixMilli()).Scan(&last)
		if err != nil {
			return err
		}
		last = max(last, s.Number)
		res, err := tx.Exec(`UPDATE audit_streams SET failures = failures + 1, problem = $4, retry_at = $5, held_until = 0, number = $6, dropped = dropped + $7
			WHERE project = $1 AND reader = $2 AND holder = $3 AND number = $8`,
			s.Project, s.Reader, holder, problem, again.UnixMilli(), last, last-s.Number, s.Number)
		if err != nil {
			return err
		}
		n, err := res.RowsAffected()
		if err != nil || n != 1 || last == s.Number {
			return err
		}
		dropped = last - s.Number
		e := Origin{Actor: "server"}.Event("audit.stream.drop", Failed)
		e.Project, e.Details = s.Project, map[string]any{"connector": s.Reader, "from": s.Number + 1, "to": last}
		return Record(tx, e)
	})
	if err != nil {
		return 0, fmt.Errorf("note a failure of an audit stream: %w", err)
	}
	return dropped, nil
}
