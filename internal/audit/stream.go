package audit

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"postern/internal/store"
)

// A Place is how far somebody has come with the records of a project. The chain is a
// queue: its numbers have no gaps, and a record has its number only when those before
// it are there. The acts of people are another one: see Number. So the numbers of the
// last ones that were taken, or passed over, say all.
type Place struct {
	Number int64 // in the chain
	Acted  int64 // of the acts
}

// A Stream is how far somebody outside has taken the records of a project.
//
// Whoever sends holds the stream for a while; who dies gives it up by that.
type Stream struct {
	Place
	Project  string
	Reader   string // whose it is: the id of a connector
	Failures int    // since it last worked
	Problem  string // of the last failure
	Dropped  int64  // records that were given up
	Behind   int64  // records that wait; those who were deleted with their users still count
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
		_, err := tx.Exec(`INSERT INTO audit_streams (project, reader, number, acted)
			VALUES ($1, $2, COALESCE((SELECT number FROM audit_chains WHERE project = $1), 0), COALESCE((SELECT number FROM act_counts WHERE project = $1), 0))
			ON CONFLICT (project, reader) DO NOTHING`, project, r)
		if err != nil {
			return fmt.Errorf("follow audit: %w", err)
		}
	}
	return nil
}

// due are streams with records that wait, of projects in use.
const due = ` FROM audit_streams s JOIN audit_chains c ON c.project = s.project JOIN projects p ON p.id = s.project LEFT JOIN act_counts a ON a.project = s.project
	WHERE (c.number > s.number OR a.number > s.acted) AND p.deleted_at = 0`

const (
	behind        = `c.number - s.number + COALESCE(a.number - s.acted, 0)`
	streamColumns = `s.project, s.reader, s.number, s.acted, s.failures, s.problem, s.dropped, ` + behind
)

func scanStream(row store.Scanner) (s Stream, err error) {
	return s, row.Scan(&s.Project, &s.Reader, &s.Number, &s.Acted, &s.Failures, &s.Problem, &s.Dropped, &s.Behind)
}

// Due returns the streams that have records to send now, those that are behind by the
// fewest first, and limit of them at most.
func Due(ctx context.Context, db *store.DB, now time.Time, limit int) ([]Stream, error) {
	list, err := store.Rows(ctx, db, scanStream,
		`SELECT `+streamColumns+due+` AND s.held_until <= $1 AND s.retry_at <= $1 ORDER BY `+behind+`, s.project, s.reader LIMIT $2`, now.UnixMilli(), limit)
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

// Backlog returns how many records wait for all streams, those without a number too, and
// how many of the streams do not work.
func Backlog(ctx context.Context, db *store.DB, people ...Source) (records, failing int64, err error) {
	waiting := []string{`COALESCE(SUM(` + behind + `), 0)`}
	for _, of := range append([]Source{acted}, people...) {
		waiting = append(waiting, `(SELECT COUNT(*) FROM `+of.Table+` w JOIN audit_streams ws ON ws.project = w.project JOIN projects wp ON wp.id = w.project
			WHERE w.number = 0 AND wp.deleted_at = 0)`)
	}
	err = db.One(ctx, func(row store.Scanner) error { return row.Scan(&records, &failing) },
		`SELECT `+strings.Join(waiting, " + ")+`, COALESCE(SUM(CASE WHEN s.failures > 0 THEN 1 ELSE 0 END), 0)`+due)
	if err != nil {
		return 0, 0, fmt.Errorf("count audit streams: %w", err)
	}
	return records, failing, nil
}

// Hold takes the stream for holder until a time. It reports false where somebody else
// has it, or it has ended, or moved on.
func (s Stream) Hold(ctx context.Context, db *store.DB, holder string, now, until time.Time) (bool, error) {
	n, err := db.Exec(ctx, `UPDATE audit_streams SET holder = $3, held_until = $4
		WHERE project = $1 AND reader = $2 AND held_until <= $5 AND retry_at <= $5 AND number = $6 AND acted = $7`,
		s.Project, s.Reader, holder, until.UnixMilli(), now.UnixMilli(), s.Number, s.Acted)
	if err != nil {
		return false, fmt.Errorf("hold audit stream: %w", err)
	}
	return n == 1, nil
}

// Took says that all up to a place was taken, and holds the stream until a time; one
// that has passed gives it up. It reports false where holder has it no more: then the
// one who has it sends the same again.
func (s Stream) Took(ctx context.Context, db *store.DB, holder string, to Place, until time.Time) (bool, error) {
	n, err := db.Exec(ctx, `UPDATE audit_streams SET number = $4, acted = $5, failures = 0, retry_at = 0, problem = '', held_until = $6
		WHERE project = $1 AND reader = $2 AND holder = $3 AND number <= $4 AND acted <= $5`, s.Project, s.Reader, holder, to.Number, to.Acted, until.UnixMilli())
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
// again before a time. Records before the first one that is not older than oldest are
// given up: their count is returned, and a record of the project says which they were.
// An end of waiting is what keeps a receiver that is gone for good from being told of
// years.
func (s Stream) Fail(ctx context.Context, db *store.DB, holder, problem string, again, oldest time.Time, people ...Source) (dropped int64, err error) {
	// Each statement is right by itself; a serializable transaction that reads what
	// people do would make those lose who do it just now.
	err = db.WriteCommitted(ctx, func(_ context.Context, tx *store.Tx) error {
		dropped = 0
		to, acts, err := s.overdue(tx, oldest, people)
		if err != nil {
			return err
		}
		records := to.Number - s.Number
		res, err := tx.Exec(`UPDATE audit_streams SET failures = failures + 1, problem = $4, retry_at = $5, held_until = 0, number = $6, acted = $7, dropped = dropped + $8
			WHERE project = $1 AND reader = $2 AND holder = $3 AND number = $9 AND acted = $10`,
			s.Project, s.Reader, holder, problem, again.UnixMilli(), to.Number, to.Acted, records+acts, s.Number, s.Acted)
		if err != nil {
			return err
		}
		n, err := res.RowsAffected()
		if err != nil || n != 1 || records+acts == 0 {
			return err
		}
		dropped = records + acts
		e := Origin{Actor: "server"}.Event("audit.stream.drop", Failed)
		e.Project, e.Details = s.Project, map[string]any{"connector": s.Reader}
		if records > 0 {
			e.Details["from"], e.Details["to"] = s.Number+1, to.Number
		}
		if acts > 0 {
			e.Details["acts"], e.Details["before"] = acts, oldest.UTC().Format(time.RFC3339)
		}
		return Record(tx, e)
	})
	if err != nil {
		return 0, fmt.Errorf("note a failure of an audit stream: %w", err)
	}
	return dropped, nil
}

// overdue returns the place before the first records that are not older than oldest, and
// how many acts are before it and not taken.
func (s Stream) overdue(tx *store.Tx, oldest time.Time, people []Source) (to Place, acts int64, err error) {
	err = tx.QueryRow(`SELECT COALESCE((SELECT MIN(number) FROM audit WHERE project = $1 AND number > 0 AND number > $2 AND occurred_at >= $3) - 1,
		(SELECT number FROM audit_chains WHERE project = $1), $2), COALESCE((SELECT number FROM act_counts WHERE project = $1), $4)`,
		s.Project, s.Number, oldest.UnixMilli(), s.Acted).Scan(&to.Number, &to.Acted)
	if err != nil {
		return Place{}, 0, err
	}
	sources := append([]Source{acted}, people...)
	for _, of := range sources {
		var last int64
		err := tx.QueryRow(`SELECT COALESCE(MIN(number) - 1, $4) FROM `+of.Table+` WHERE project = $1 AND number > 0 AND number > $2 AND `+of.At+` >= $3`,
			s.Project, s.Acted, oldest.UnixMilli()/of.Step, to.Acted).Scan(&last)
		if err != nil {
			return Place{}, 0, err
		}
		to.Acted = min(to.Acted, last)
	}
	for _, of := range sources {
		var n int64
		err := tx.QueryRow(`SELECT COUNT(*) FROM `+of.Table+` WHERE project = $1 AND number > 0 AND number > $2 AND number <= $3`, s.Project, s.Acted, to.Acted).Scan(&n)
		if err != nil {
			return Place{}, 0, err
		}
		acts += n
	}
	return to, acts, nil
}
