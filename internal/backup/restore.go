package backup

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"

	"postern/internal/audit"
	"postern/internal/doctor"
	"postern/internal/fault"
	"postern/internal/project"
	"postern/internal/secret"
	"postern/internal/store"
)

// What a restore refuses.
var (
	ErrNotEmpty = fault.New(fault.Conflict, "P40902", "the database is not empty; nothing was restored")
	ErrNewer    = fault.New(fault.Unsupported, "P50102", "the backup was made by a newer version of Postern")
	ErrUnsound  = fault.New(fault.Invalid, "P42202", "what the backup holds is not whole; nothing was restored")
)

// Options say how to restore.
type Options struct {
	// Master is the key that the secrets must open with; nil leaves them unopened.
	Master *secret.Master
	// Empty deletes what the database holds, in the same transaction.
	Empty bool
	// AcceptDamage restores what was damaged already when the backup was made.
	AcceptDamage bool
	// By is who restores, for the audit.
	By audit.Origin
}

// Check reads a whole backup and says what it holds, or what is wrong with it.
func Check(from io.ReadSeeker) (*Summary, error) {
	return read(from, func(Header) error { return nil }, func(table, [][]any) error { return nil })
}

// Restore makes a database what the backup is, in one transaction: all of it, or
// nothing. Before it commits it looks at every row, content, revision and secret.
func Restore(ctx context.Context, db *store.DB, from io.ReadSeeker, o Options) (*Summary, *doctor.Report, error) {
	if _, err := Check(from); err != nil { // before anything is written
		return nil, nil, err
	}
	var sum *Summary
	var report *doctor.Report
	err := db.WriteLarge(ctx, func(_ context.Context, tx *store.Tx) (err error) {
		tables, err := prepare(tx, o.Empty)
		if err != nil {
			return err
		}
		if sum, err = read(from, func(h Header) error { return fits(tx, h) }, func(t table, rows [][]any) error { return insert(tx, tables, t, rows) }); err != nil {
			return err
		}
		if err := compare(tx, sum.Rows); err != nil {
			return err
		}
		if report, err = doctor.Check(tx, o.Master); err != nil {
			return err
		}
		if !report.OK() && !o.AcceptDamage {
			return ErrUnsound.With(report)
		}
		return settle(tx, sum, o)
	})
	if err != nil {
		return nil, report, fmt.Errorf("restore: %w", err)
	}
	return sum, report, nil
}

// settle makes the restored database one that servers can go on with: the master
// key may have been rotated since the backup.
func settle(tx *store.Tx, sum *Summary, o Options) error {
	if o.Master != nil && !o.AcceptDamage {
		projects := &project.Service{Master: o.Master}
		if _, err := projects.RewrapIn(tx, o.By); err != nil {
			return err
		}
	}
	e := o.By.Event("database.restore", audit.Done)
	e.Details = map[string]any{"madeAt": sum.MadeAt, "database": sum.Database, "rows": sum.Rows}
	return audit.Record(tx, e)
}

func fits(tx *store.Tx, h Header) error {
	have, err := tx.SchemaVersion()
	if err != nil {
		return err
	}
	if h.Format > format || h.Schema > have {
		return ErrNewer.With(map[string]int64{"backup": h.Schema, "database": have})
	}
	return nil
}

// prepare returns the tables, which must be empty, or are made so.
func prepare(tx *store.Tx, empty bool) (map[string][]string, error) {
	all, err := tx.Tables()
	if err != nil {
		return nil, err
	}
	tables := map[string][]string{}
	for _, t := range all {
		tables[t.Name] = t.Columns
		if empty {
			if _, err := tx.Exec(`DELETE FROM ` + t.Name); err != nil {
				return nil, err
			}
			continue
		}
		var some bool
		if err := tx.QueryRow(`SELECT EXISTS (SELECT 1 FROM ` + t.Name + `)`).Scan(&some); err != nil {
			return nil, err
		}
		if some {
			return nil, ErrNotEmpty
		}
	}
	return tables, nil
}

// compare sees that the tables have the rows of the backup, and no others.
func compare(tx *store.Tx, rows map[string]int) error {
	for name, want := range rows {
		var have int
		if err := tx.QueryRow(`SELECT count(*) FROM ` + name).Scan(&have); err != nil {
			return err
		}
		if have != want {
			return fmt.Errorf("%w: the table %s has %d rows and not %d", ErrUnsound, name, have, want)
		}
	}
	return nil
}

// insert stores rows. The names of a table and its columns are compared with
// those of the database, since they become part of a statement.
func insert(tx *store.Tx, tables map[string][]string, t table, rows [][]any) error {
	columns, ok := tables[t.Name]
	if !ok || slices.ContainsFunc(t.Columns, func(c string) bool { return !slices.Contains(columns, c) }) {
		return fmt.Errorf("%w: the database has no such table as %q", ErrDamaged, t.Name)
	}
	var q strings.Builder
	fmt.Fprintf(&q, `INSERT INTO %s (%s) VALUES `, t.Name, strings.Join(t.Columns, ", "))
	args := make([]any, 0, len(rows)*len(t.Columns))
	for i, r := range rows {
		if i > 0 {
			q.WriteString(", ")
		}
		for j, v := range r {
			q.WriteString(map[bool]string{true: "(", false: ", "}[j == 0])
			args = append(args, v)
			fmt.Fprintf(&q, "$%d", len(args))
		}
		q.WriteByte(')')
	}
	_, err := tx.Exec(q.String(), args...)
	return err
}

// The most rows, and bytes, that one statement inserts.
const (
	batchRows  = 100
	batchBytes = 4 << 20
)

// read reads a backup from its beginning to its end, and gives its header and
// its rows to whoever wants them.
func read(from io.ReadSeeker, header func(Header) error, rows func(table, [][]any) error) (*Summary, error) {
	if _, err := from.Seek(0, io.SeekStart); err != nil {
		return nil, fmt.Errorf("read backup: %w", err)
	}
	r, err := newReader(from)
	if err != nil {
		return nil, err
	}
	defer r.close()
	kind, payload, err := r.next()
	if err != nil {
		return nil, err
	}
	sum := &Summary{Rows: map[string]int{}}
	if kind != kindHeader || json.Unmarshal(payload, &sum.Header) != nil {
		return nil, ErrDamaged
	}
	if err := header(sum.Header); err != nil {
		return nil, err
	}
	for {
		kind, payload, err := r.next()
		if err != nil || kind == kindLast {
			return sum, err
		}
		var t table
		if kind != kindTable || json.Unmarshal(payload, &t) != nil || len(t.Columns) == 0 {
			return nil, ErrDamaged
		}
		if _, twice := sum.Rows[t.Name]; twice {
			return nil, ErrDamaged
		}
		if sum.Rows[t.Name], err = readTable(r, t, rows); err != nil {
			return nil, err
		}
	}
}

// readTable reads the rows of a table and returns how many there are.
func readTable(r *reader, t table, rows func(table, [][]any) error) (n int, err error) {
	var batch [][]any
	size := 0
	flush := func() error {
		if len(batch) == 0 {
			return nil
		}
		err := rows(t, batch)
		batch, size = batch[:0], 0
		return err
	}
	for {
		kind, payload, err := r.next()
		switch {
		case err != nil:
			return n, err
		case kind == kindEnd:
			want, read := binary.Uvarint(payload)
			if read != len(payload) || want != uint64(n) {
				return n, errors.Join(ErrDamaged, fmt.Errorf("the table %s has %d rows and not %d", t.Name, n, want))
			}
			return n, flush()
		case kind != kindRow:
			return n, ErrDamaged
		}
		values, err := row(payload, len(t.Columns))
		if err != nil {
			return n, err
		}
		n++
		batch, size = append(batch, values), size+len(payload)
		if len(batch) == batchRows || size > batchBytes {
			if err := flush(); err != nil {
				return n, err
			}
		}
	}
}
