package audit

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"postern/internal/store"
)

// Unnumbered is the number of a row of the project $1 that tells of people, as it is
// written: 0 where somebody takes the audit of the project, else NULL. Number follows.
const Unnumbered = `(SELECT 0 FROM audit_streams WHERE project = $1 LIMIT 1)`

// The bounds of one run of Number.
const (
	numberedAtOnce   = 500 // rows, in one transaction
	numberedInARow   = 40  // of these, of one project
	projectsNumbered = 1000
	numberedWithin   = 5 * time.Second // of one project
)

// Number gives their numbers to the acts of people that wait for one, and to rows of
// further sources that do: of each project in a row without a gap, and of what waits in
// the order of time. A row that is seen is committed, so no number is given that could
// still come after a higher one was read: neither clocks nor what runs beside it matter.
// Several processes may do so at once.
func Number(ctx context.Context, db *store.DB, people ...Source) error {
	sources := append([]Source{acted}, people...)
	var parts []string
	for _, of := range sources {
		parts = append(parts, `SELECT project FROM `+of.Table+` WHERE number = 0`)
	}
	projects, err := store.Rows(ctx, db, func(row store.Scanner) (id string, err error) { return id, row.Scan(&id) },
		strings.Join(parts, ` UNION `)+` LIMIT `+strconv.Itoa(projectsNumbered))
	if err != nil {
		return fmt.Errorf("look for acts without a number: %w", err)
	}
	var failed error
	for _, project := range projects { // the others do not wait for one with which it does not work
		if err := numberAll(ctx, db, project, sources); err != nil {
			failed = errors.Join(failed, fmt.Errorf("number acts of %s: %w", project, err))
		}
	}
	return failed
}

// numberAll numbers what waits in a project. Another server that hangs in the middle of
// the same is not waited for.
func numberAll(ctx context.Context, db *store.DB, project string, sources []Source) (err error) {
	ctx, cancel := context.WithTimeout(ctx, numberedWithin)
	defer cancel()
	for n, rounds := numberedAtOnce, 0; n == numberedAtOnce && rounds < numberedInARow; rounds++ {
		if n, err = number(ctx, db, project, sources); err != nil {
			return err
		}
	}
	return nil
}

// number numbers the first rows of a project that wait, and returns how many.
func number(ctx context.Context, db *store.DB, project string, sources []Source) (n int, err error) {
	var parts []string
	for i, of := range sources {
		parts = append(parts, fmt.Sprintf(`SELECT %d AS source, id, %s * %d AS happened_at FROM %s WHERE project = $1 AND number = 0`, i, of.At, of.Step, of.Table))
	}
	waiting := strings.Join(parts, ` UNION ALL `) + ` ORDER BY happened_at LIMIT ` + strconv.Itoa(numberedAtOnce)
	type found struct {
		source int
		id     string
	}
	err = db.WriteCommitted(ctx, func(_ context.Context, tx *store.Tx) error {
		if _, err := tx.Exec(`INSERT INTO act_counts (project, number) VALUES ($1, 0) ON CONFLICT (project) DO NOTHING`, project); err != nil {
			return err
		}
		var last int64 // others wait here, and see then what was numbered
		if err := tx.QueryRow(`UPDATE act_counts SET number = number WHERE project = $1 RETURNING number`, project).Scan(&last); err != nil {
			return err
		}
		list, err := store.Collect(tx, func(row store.Scanner) (f found, err error) {
			var at int64
			return f, row.Scan(&f.source, &f.id, &at)
		}, waiting, project)
		if err != nil {
			return err
		}
		n = len(list)
		for i, f := range list {
			if err := tx.Later(`UPDATE `+sources[f.source].Table+` SET number = $3 WHERE project = $1 AND id = $2`, project, f.id, last+int64(i)+1); err != nil {
				return err
			}
		}
		return tx.Later(`UPDATE act_counts SET number = $2 WHERE project = $1`, project, last+int64(n))
	})
	return n, err
}

// A Numbered event is one that comes next in a stream.
type Numbered struct {
	Event
	After Place // of the stream, once it was taken
}

// Next returns what comes next in the stream, limit records of the chain and limit acts
// of people at most, and the place of the stream once all of them were taken. Each kind
// is in the order of its numbers, and between the two the earlier one is first.
func (s Stream) Next(ctx context.Context, db *store.DB, limit int, people ...Source) (list []Numbered, end Place, err error) {
	var chain, acts []Event
	var numbers []int64 // of chain, then of acts
	scan := func(row store.Scanner) (Event, error) {
		e, number, err := scanFound(row)
		numbers = append(numbers, number)
		return e, err
	}
	end = s.Place
	err = db.Read(ctx, func(_ context.Context, tx *store.Tx) error {
		numbers = nil
		query, args := s.after([]Source{chained}, s.Number, limit)
		if chain, err = store.Collect(tx, scan, query, args...); err != nil {
			return err
		}
		query, args = s.after(append([]Source{acted}, people...), s.Acted, limit)
		if acts, err = store.Collect(tx, scan, query, args...); err != nil || len(acts) == limit {
			return err
		}
		// What has a number up to that one is here, or was deleted with its user.
		return tx.QueryRow(`SELECT COALESCE(MAX(number), $2) FROM act_counts WHERE project = $1`, s.Project, s.Acted).Scan(&end.Acted)
	})
	if err != nil {
		return nil, Place{}, fmt.Errorf("read audit stream: %w", err)
	}
	if n := len(chain); n > 0 {
		end.Number = numbers[n-1]
	}
	if len(acts) == limit {
		end.Acted = numbers[len(numbers)-1]
	}
	return merge(s.Place, chain, acts, numbers), end, nil
}

// after writes a statement of what comes in some sources after a number.
func (s Stream) after(sources []Source, number int64, limit int) (string, []any) {
	var parts []string
	for _, of := range sources {
		of.Number = "number"
		parts = append(parts, `SELECT * FROM (SELECT `+of.columns()+` WHERE `+of.Project+` = $1 AND number > 0 AND number > $2 ORDER BY number LIMIT `+strconv.Itoa(limit)+`) `+of.Table+`_next`)
	}
	return strings.Join(parts, ` UNION ALL `) + ` ORDER BY number LIMIT ` + strconv.Itoa(limit), []any{s.Project, number}
}

// merge puts records and acts, which have their numbers one after the other, into one
// list that is taken from a place on.
func merge(at Place, chain, acts []Event, numbers []int64) []Numbered {
	list := make([]Numbered, 0, len(numbers))
	for i, j := 0, 0; i < len(chain) || j < len(acts); {
		if j == len(acts) || i < len(chain) && !acts[j].OccurredAt.Before(chain[i].OccurredAt) {
			at.Number = numbers[i]
			list = append(list, Numbered{chain[i], at})
			i++
			continue
		}
		at.Acted = numbers[len(chain)+j]
		list = append(list, Numbered{acts[j], at})
		j++
	}
	return slices.Clip(list)
}
