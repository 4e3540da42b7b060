// Package backup writes all of a database into one file, and such a file back
// into a database, of the same kind or the other.
//
// The file is "POSTERN-BACKUP1\n" and a zstd stream of records: a byte that says
// what it is, its length, and its payload. The records are a header (H, JSON),
// for each table its name and columns (T, JSON), its rows (R) and how many they
// were (E), and at the end (Z) the SHA-256 of all that came before. A value in a
// row is a byte for its type and then the value.
//
// A backup is one state of the database, taken beside servers that write.
// Secrets in it are sealed, as they are in the database: the master key is not
// in it, and without that key they are lost. What a row must be is known to the
// packages that own it; a restore asks package doctor.
package backup

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"postern/internal/store"
)

// A Header says where a backup comes from.
type Header struct {
	Format   int       `json:"format"`
	Schema   int64     `json:"schema"` // of the database: the number of its last migration
	Database string    `json:"database"`
	MadeAt   time.Time `json:"madeAt"`
	MadeBy   string    `json:"madeBy"` // the version of the program
}

// format is the newest form of the file that this package knows.
const format = 1

// A Summary is what a backup holds.
type Summary struct {
	Header
	Rows map[string]int `json:"rows"` // of each table
}

// table is the payload of a T record.
type table struct {
	Name    string   `json:"name"`
	Columns []string `json:"columns"`
}

// Write writes all of the database.
func Write(ctx context.Context, db *store.DB, to io.Writer, program string) (*Summary, error) {
	w, err := newWriter(to)
	if err != nil {
		return nil, err
	}
	sum := &Summary{Rows: map[string]int{}}
	err = db.Read(ctx, func(_ context.Context, tx *store.Tx) error {
		schema, err := tx.SchemaVersion()
		if err != nil {
			return err
		}
		sum.Header = Header{Format: format, Schema: schema, Database: db.Kind(), MadeAt: time.Now().UTC().Truncate(time.Second), MadeBy: program}
		if err := w.document(kindHeader, sum.Header); err != nil {
			return err
		}
		tables, err := tx.Tables()
		if err != nil {
			return err
		}
		for _, t := range tables {
			if sum.Rows[t.Name], err = writeTable(tx, w, table(t)); err != nil {
				return fmt.Errorf("table %s: %w", t.Name, err)
			}
		}
		return nil
	})
	if err == nil {
		err = w.end()
	}
	if err != nil {
		return nil, fmt.Errorf("back up: %w", err)
	}
	return sum, nil
}

func writeTable(tx *store.Tx, w *writer, t table) (n int, err error) {
	if err := w.document(kindTable, t); err != nil {
		return 0, err
	}
	values, into := make([]any, len(t.Columns)), make([]any, len(t.Columns))
	for i := range values {
		into[i] = &values[i]
	}
	err = store.Each(tx, func(row store.Scanner) ([]any, error) {
		return values, row.Scan(into...)
	}, func(row []any) error {
		n++
		return w.row(row)
	}, `SELECT `+strings.Join(t.Columns, ", ")+` FROM `+t.Name)
	if err != nil {
		return n, err
	}
	return n, w.record(kindEnd, binary.AppendUvarint(nil, uint64(n))) //nolint:gosec // it counts up from 0
}

func (w *writer) document(kind byte, v any) error {
	b, err := json.Marshal(v, json.Deterministic(true))
	if err != nil {
		return err
	}
	return w.record(kind, b)
}
